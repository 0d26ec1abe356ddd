/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "svrsim/router.h"
#include "svrsim/seeded_rand.h"

#define FILE_NAME_MAX 4096
/* Time between two looks at the machine's clock, so that the live line moves without costing anything. */
#define SLICE_WALL (50 * SVR_MS)
#define SLICE_MIN SVR_MS

struct svrsim {
    svrsim_options options;
    svr_wall epoch;
    ns3shim_world *world;
    svrsim_rand *rand;
    svr_env *env;
    svr_config *config;
    svrsim_router **routers;
    size_t n_routers;
    svrsim_capture **captures;
    size_t n_captures;
    svrsim_keylines keys;
    svrsim_journal *journal;
    svrsim_progress progress;
    svrsim_on_event on_event;
    void *on_event_ctx;
    bool halted;
    bool drawn; /* randomness of the seed was used before the start */
    char reason[512];
};

static void *resize(void *ctx, void *p, size_t size) {
    (void)ctx;
    if (size) return realloc(p, size);
    free(p);
    return NULL;
}

static const svr_allocator heap = {.resize = resize};

int svrsim_fail(svrsim *sim, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(sim->reason, sizeof sim->reason, format, args);
    va_end(args);
    return -1;
}

const char *svrsim_reason(const svrsim *sim) {
    return sim->reason;
}
const svrsim_options *svrsim_get_options(const svrsim *sim) {
    return &sim->options;
}
ns3shim_world *svrsim_world(svrsim *sim) {
    return sim->world;
}
void svrsim_set_epoch(svrsim *sim, svr_wall epoch) {
    sim->epoch = epoch;
}
svr_wall svrsim_get_epoch(const svrsim *sim) {
    return sim->epoch;
}

struct svr_crypt *svrsim_crypt(svrsim *sim) {
    sim->drawn = true;
    return svr_env_crypt(sim->env);
}

void svrsim_set_on_event(svrsim *sim, svrsim_on_event on_event, void *ctx) {
    sim->on_event = on_event;
    sim->on_event_ctx = ctx;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Makes a folder and those above it. */
static int make_folder(svrsim *sim, const char *dir) {
    char path[FILE_NAME_MAX];
    if (!svr_strcpy(path, sizeof path, dir)) return svrsim_fail(sim, "%s: the name is too long", dir);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        mkdir(path, 0777);
        *p = '/';
    }
    struct stat st;
    if ((mkdir(path, 0777) != 0 && errno != EEXIST) || stat(path, &st) != 0)
        return svrsim_fail(sim, "cannot make the folder %s: %s", dir, strerror(errno));
    return S_ISDIR(st.st_mode) ? 0 : svrsim_fail(sim, "%s is no folder", dir);
}

static int file_name(svrsim *sim, char out[FILE_NAME_MAX], const char *dir, const char *name,
                     const char *suffix) {
    int n = snprintf(out, FILE_NAME_MAX, "%s/%s%s", dir, name, suffix);
    return n < FILE_NAME_MAX ? 0 : svrsim_fail(sim, "%s/%s: the name is too long", dir, name);
}

static int open_journal(svrsim *sim) {
    char events[FILE_NAME_MAX], keys[FILE_NAME_MAX];
    const char *out = sim->options.out_dir;
    if (make_folder(sim, out) != 0 || make_folder(sim, sim->options.pcap_dir) != 0) return -1;
    if (file_name(sim, events, out, "events", ".jsonl") != 0) return -1;
    if (file_name(sim, keys, out, "keys", ".log") != 0) return -1;
    sim->journal = svrsim_journal_new(events, sim->options.keylog ? sim->options.keylog : keys);
    return sim->journal ? 0 : svrsim_fail(sim, "cannot write into %s: %s", out, strerror(errno));
}

static int write_config(svrsim *sim, const char *text) {
    char name[FILE_NAME_MAX];
    if (file_name(sim, name, sim->options.out_dir, "authority", ".conf") != 0) return -1;
    FILE *f = fopen(name, "w");
    bool ok = f && fputs(text, f) >= 0;
    ok = f && fclose(f) == 0 && ok;
    return ok ? 0 : svrsim_fail(sim, "cannot write %s: %s", name, strerror(errno));
}

/* ---- life ----------------------------------------------------------------------------------- */

static int open_world(svrsim *sim) {
    sim->world = ns3shim_world_new((uint32_t)sim->options.seed, 1);
    if (!sim->world) return svrsim_fail(sim, "ns-3: %s", ns3shim_error());
    sim->rand = svrsim_rand_new(sim->options.seed);
    if (!sim->rand) return svrsim_fail(sim, "OpenSSL takes no random source of ours");
    svr_env_params params = {.alloc = &heap, .libctx = svrsim_rand_libctx(sim->rand)};
    sim->env = svr_env_new(&params);
    return sim->env ? 0 : svrsim_fail(sim, "OpenSSL lacks an algorithm, or memory is short");
}

static void close_world(svrsim *sim) {
    ns3shim_world_del(sim->world);
    if (sim->env) svr_env_del(sim->env);
    svrsim_rand_del(sim->rand);
    sim->world = NULL;
    sim->env = NULL;
    sim->rand = NULL;
}

int svrsim_set_seed(svrsim *sim, uint64_t seed) {
    if (sim->options.seed_given) return 0;
    if (seed == 0 || seed > UINT32_MAX) return svrsim_fail(sim, "a seed is a number from 1 to 4294967295");
    if (sim->n_routers || sim->drawn) return svrsim_fail(sim, "the seed must come before the network");
    close_world(sim);
    sim->options.seed = seed;
    return open_world(sim);
}

svrsim *svrsim_new(const svrsim_options *options) {
    svrsim *sim = calloc(1, sizeof *sim);
    if (!sim) return NULL;
    sim->options = *options;
    if (!sim->options.pcap_dir) sim->options.pcap_dir = sim->options.out_dir;
    sim->epoch = SVRSIM_EPOCH;
    svrsim_progress_init(&sim->progress, options->quiet);
    if (open_world(sim) == 0 && open_journal(sim) == 0) return sim;
    fprintf(stderr, "svrsim: %s\n", sim->reason);
    svrsim_del(sim);
    return NULL;
}

/* Closes what is written, so that what could not be written is known. */
static int close_files(svrsim *sim) {
    int failed = 0;
    for (size_t i = 0; i < sim->n_captures; i++)
        failed |= svrsim_capture_del(sim->captures[i]);
    failed |= svrsim_journal_del(sim->journal);
    if (failed) fprintf(stderr, "svrsim: %s is incomplete: %s\n", sim->options.out_dir, strerror(errno));
    return failed;
}

int svrsim_del(svrsim *sim) {
    if (!sim) return 0;
    int failed = close_files(sim);
    for (size_t i = 0; i < sim->n_routers; i++)
        svrsim_router_free(sim->routers[i]);
    close_world(sim);
    if (sim->config) svr_config_del(sim->config);
    svrsim_keylines_fini(&sim->keys);
    free(sim->routers);
    free(sim->captures);
    free(sim);
    return failed;
}

/* ---- building ------------------------------------------------------------------------------- */

svrsim_router *svrsim_router_new(svrsim *sim, const char *name) {
    svrsim_router **more = realloc(sim->routers, (sim->n_routers + 1) * sizeof(svrsim_router *));
    svrsim_router *r = more ? svrsim_router_make(sim, name) : NULL;
    if (more) sim->routers = more;
    if (!r) {
        svrsim_fail(sim, "cannot make router '%s': the name is longer than 63 bytes, or memory is short",
                    name);
        return NULL;
    }
    return sim->routers[sim->n_routers++] = r;
}

static svrsim_capture *open_capture(svrsim *sim, const char *name, const char *const ends[2],
                                    const svrsim_window *windows, size_t n_windows, bool with_keys) {
    char file[FILE_NAME_MAX], interface[256], description[256], comment[256];
    if (file_name(sim, file, sim->options.pcap_dir, name, ".pcapng") != 0) return NULL;
    snprintf(interface, sizeof interface, "%s -- %s", ends[0], ends[1]);
    snprintf(description, sizeof description, "outbound: sent by %s; inbound: sent by %s", ends[0], ends[1]);
    snprintf(comment, sizeof comment, "link %s, seed %" PRIu64, name, sim->options.seed);
    svrsim_capture_params params = {
        .file = file,
        .interface = interface,
        .description = description,
        .comment = comment,
        .epoch = sim->epoch,
        .windows = windows,
        .n_windows = n_windows,
        .keys = with_keys ? &sim->keys : NULL,
    };
    svrsim_capture *c = svrsim_capture_new(&params);
    if (!c) svrsim_fail(sim, "cannot write %s: %s", file, strerror(errno));
    return c;
}

int svrsim_add_capture(svrsim *sim, ns3shim_link *link, const char *name, const char *const ends[2],
                       const svrsim_window *windows, size_t n_windows, bool with_keys) {
    svrsim_capture **more = realloc(sim->captures, (sim->n_captures + 1) * sizeof *more);
    if (!more) return svrsim_fail(sim, "memory is short");
    sim->captures = more;
    svrsim_capture *c = open_capture(sim, name, ends, windows, n_windows, with_keys);
    if (!c) return -1;
    sim->captures[sim->n_captures++] = c;
    ns3shim_link_set_tap(link, NS3SHIM_TAP_SENT, svrsim_capture_tap, c);
    return 0;
}

/* ---- running -------------------------------------------------------------------------------- */

void svrsim_take_event(svrsim *sim, svrsim_router *r, const svr_event *ev) {
    svrsim_journal_event(sim->journal, r->name, r->node_name, ev);
    if (sim->on_event) sim->on_event(sim->on_event_ctx, r->name, ev);
}

void svrsim_take_key(svrsim *sim, const char *line) {
    svrsim_journal_key(sim->journal, line);
    svrsim_keylines_add(&sim->keys, line);
}

int svrsim_router_set_config(svrsim_router *r, const char *text) {
    svr_config_error err;
    svr_config_del(r->config);
    if (svr_config_parse(&heap, text, strlen(text), &r->config, &err) == 0) return 0;
    return svrsim_fail(r->sim, "configuration of router '%s', line %u, column %u: %s", r->name, err.line,
                       err.column, err.message);
}

int svrsim_start(svrsim *sim, const char *config) {
    svr_config_error err;
    if (write_config(sim, config) != 0) return -1;
    if (svr_config_parse(&heap, config, strlen(config), &sim->config, &err) != 0)
        return svrsim_fail(sim, "%s/authority.conf:%u:%u: %s", sim->options.out_dir, err.line, err.column,
                           err.message);
    for (size_t i = 0; i < sim->n_routers; i++)
        if (svrsim_router_start(sim->routers[i], sim->env, sim->config, sim->epoch) != 0) return -1;
    return 0;
}

svr_wall svrsim_wall_now(const svrsim *sim) {
    return sim->epoch + (svr_wall)ns3shim_now(sim->world);
}

int svrsim_crash(svrsim *sim, svrsim_router *r) {
    if (r->settling) return svrsim_fail(sim, "router '%s' cannot end within its own event", r->name);
    svrsim_router_stop(r);
    return 0;
}

int svrsim_restart(svrsim *sim, svrsim_router *r) {
    if (r->svr) return svrsim_fail(sim, "router '%s' runs already", r->name);
    return svrsim_router_start(r, sim->env, sim->config, svrsim_wall_now(sim));
}

void svrsim_set_clock(svrsim *sim, svrsim_router *r, svr_wall ahead) {
    r->clock = ahead;
    if (r->svr) svrsim_router_set_wall(r, svrsim_wall_now(sim) + ahead);
}

void svrsim_halt(svrsim *sim) {
    sim->halted = true;
    ns3shim_stop(sim->world);
}

static svr_time min_time(svr_time a, svr_time b) {
    return a < b ? a : b;
}

int svrsim_run_until(svrsim *sim, svr_time until) {
    svr_time end = min_time(until, sim->options.until), slice = SVR_SEC;
    sim->halted = false;
    while (!sim->halted && ns3shim_now(sim->world) < end) {
        uint64_t before = svrsim_progress_clock();
        svr_time now = ns3shim_now(sim->world);
        if (ns3shim_run_until(sim->world, min_time(end, now + slice)) != 0)
            return svrsim_fail(sim, "ns-3: %s", ns3shim_error());
        uint64_t took = svrsim_progress_clock() - before;
        if (took < SLICE_WALL / 2) slice *= 2;
        if (took > SLICE_WALL * 2 && slice > SLICE_MIN) slice /= 2;
        svrsim_progress_tick(&sim->progress, ns3shim_now(sim->world), ns3shim_event_count(sim->world));
    }
    svrsim_progress_end(&sim->progress, ns3shim_now(sim->world), ns3shim_event_count(sim->world));
    return 0;
}

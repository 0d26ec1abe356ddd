/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/heap.h"
#include "svrsim/output.h"
#include "svrsim/router.h"
#include "svrsim/seeded_rand.h"

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
    svrsim_output output;
    svrsim_keylines keys;
    svrsim_progress progress;
    svrsim_on_event on_event;
    void *on_event_ctx;
    bool halted;
    bool drawn; /* randomness of the seed was used before the start */
    char reason[512];
};

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
const svrsim_traits *svrsim_get_traits(const svrsim *sim) {
    static const svrsim_traits none = {0};
    (void)sim;
    return &none;
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

/* ---- life ----------------------------------------------------------------------------------- */

static int open_world(svrsim *sim) {
    sim->world = ns3shim_world_new((uint32_t)sim->options.seed, 1);
    if (!sim->world) return svrsim_fail(sim, "ns-3: %s", ns3shim_error());
    sim->rand = svrsim_rand_new(sim->options.seed);
    if (!sim->rand) return svrsim_fail(sim, "OpenSSL takes no random source of ours");
    svr_env_params params = {.alloc = &svr_heap, .libctx = svrsim_rand_libctx(sim->rand)};
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

static int open_output(svrsim *sim) {
    if (svrsim_output_open(&sim->output, &sim->options) == 0) return 0;
    return svrsim_fail(sim, "%s", sim->output.reason);
}

svrsim *svrsim_new(const svrsim_options *options) {
    svrsim *sim = calloc(1, sizeof *sim);
    if (!sim) return NULL;
    sim->options = *options;
    if (!sim->options.pcap_dir) sim->options.pcap_dir = sim->options.out_dir;
    sim->epoch = SVRSIM_EPOCH;
    svrsim_progress_init(&sim->progress, options->quiet);
    if (open_world(sim) == 0 && open_output(sim) == 0) return sim;
    fprintf(stderr, "svrsim: %s\n", sim->reason);
    svrsim_del(sim);
    return NULL;
}

int svrsim_del(svrsim *sim) {
    if (!sim) return 0;
    int failed = svrsim_output_close(&sim->output);
    for (size_t i = 0; i < sim->n_routers; i++)
        svrsim_router_free(sim->routers[i]);
    close_world(sim);
    if (sim->config) svr_config_del(sim->config);
    svrsim_keylines_fini(&sim->keys);
    free(sim->routers);
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

int svrsim_add_capture(svrsim *sim, ns3shim_link *link, const char *name, const char *const ends[2],
                       const svrsim_window *windows, size_t n_windows, bool with_keys) {
    svrsim_subject subject = {name, ends};
    svrsim_capture *c = svrsim_output_capture(&sim->output, &subject, sim->epoch, windows, n_windows,
                                              with_keys ? &sim->keys : NULL);
    if (!c) return svrsim_fail(sim, "%s", sim->output.reason);
    ns3shim_link_set_tap(link, NS3SHIM_TAP_SENT, svrsim_capture_tap, c);
    return 0;
}

/* ---- running -------------------------------------------------------------------------------- */

void svrsim_take_event(svrsim *sim, svrsim_router *r, const svr_event *ev) {
    svrsim_journal_event(sim->output.journal, r->name, r->node_name, ev);
    if (sim->on_event) sim->on_event(sim->on_event_ctx, r->name, ev);
}

void svrsim_take_key(svrsim *sim, const char *line) {
    svrsim_journal_key(sim->output.journal, line);
    svrsim_keylines_add(&sim->keys, line);
}

int svrsim_router_set_config(svrsim_router *r, const char *text) {
    svr_config_error err;
    svr_config_del(r->config);
    if (svr_config_parse(&svr_heap, text, strlen(text), &r->config, &err) == 0) return 0;
    return svrsim_fail(r->sim, "configuration of router '%s', line %u, column %u: %s", r->name, err.line,
                       err.column, err.message);
}

int svrsim_start(svrsim *sim, const char *config) {
    svr_config_error err;
    if (svrsim_output_config(&sim->output, config) != 0) return svrsim_fail(sim, "%s", sim->output.reason);
    if (svr_config_parse(&svr_heap, config, strlen(config), &sim->config, &err) != 0)
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

int svrsim_set_clock(svrsim *sim, svrsim_router *r, svr_wall ahead) {
    r->clock = ahead;
    if (r->svr) svrsim_router_set_wall(r, svrsim_wall_now(sim) + ahead);
    return 0;
}

/* A timer of ns-3's, and nothing else. */
svrsim_alarm *svrsim_alarm_new(svrsim *sim, svr_time at, void (*fire)(void *ctx), void *ctx) {
    ns3shim_timer *timer = ns3shim_timer_new(sim->world, fire, ctx);
    if (timer)
        ns3shim_timer_set(timer, at);
    else
        svrsim_fail(sim, "ns-3: %s", ns3shim_error());
    return (svrsim_alarm *)timer;
}

void svrsim_alarm_del(svrsim_alarm *alarm) {
    ns3shim_timer_del((ns3shim_timer *)alarm);
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

/* SPDX-License-Identifier: MIT */
#include "lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/heap.h"
#include "svrlab/router.h"
#include "svrsim/output.h"
#include "svrsim/progress.h"

#define SLICE (200 * SVR_MS) /* of real time, between two looks at what is shown */

/* Kept up to the end, to be written in the order of time: a router's events come a little late. */
typedef struct past {
    svr_event event;
    svrsim_router *router;
    json_t *json; /* has the texts of the event */
    size_t order; /* in which they came */
} past;

struct svrsim {
    svrsim_options options;
    svr_wall epoch;
    uint32_t rate;
    svrsim_traits traits;
    ns3shim_world *world;
    lab_loop loop;
    svr_env *env;
    svrsim_output output;
    svrsim_progress progress;
    svrsim_router **routers;
    size_t n_routers;
    past *past;
    size_t n_past, max_past;
    svrsim_router *died;
    svrsim_on_event on_event;
    void *on_event_ctx;
    bool halted;
};

int svrsim_fail(svrsim *sim, const char *format, ...) {
    char text[512];
    va_list args;
    (void)sim;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return lab_fail("%s", text);
}

const char *svrsim_reason(const svrsim *sim) {
    (void)sim;
    return lab_reason();
}
const svrsim_options *svrsim_get_options(const svrsim *sim) {
    return &sim->options;
}
const svrsim_traits *svrsim_get_traits(const svrsim *sim) {
    return &sim->traits;
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
    return svr_env_crypt(sim->env);
}
svr_wall svrsim_wall_now(const svrsim *sim) {
    return sim->epoch + (svr_wall)lab_loop_now(&sim->loop);
}
void svrsim_set_on_event(svrsim *sim, svrsim_on_event on_event, void *ctx) {
    sim->on_event = on_event;
    sim->on_event_ctx = ctx;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int open_world(svrsim *sim) {
    sim->world = ns3shim_world_new((uint32_t)sim->options.seed, 1);
    if (!sim->world) return lab_fail("ns-3: %s", ns3shim_error());
    return lab_loop_open(&sim->loop, sim->world, sim->rate);
}

static void close_world(svrsim *sim) {
    ns3shim_world_del(sim->world);
    lab_loop_close(&sim->loop);
    sim->world = NULL;
}

/* It decides about nothing but what is lost by chance. */
int svrsim_set_seed(svrsim *sim, uint64_t seed) {
    if (sim->options.seed_given) return 0;
    if (seed == 0 || seed > UINT32_MAX) return lab_fail("a seed is a number from 1 to 4294967295");
    if (sim->n_routers) return lab_fail("the seed must come before the network");
    close_world(sim);
    sim->options.seed = seed;
    return open_world(sim);
}

/* BFD must bear the machine's own delays: two thirds of a real second of silence. */
static svrsim_traits traits_of(uint32_t rate) {
    uint32_t interval = rate * 100 / 3;
    return (svrsim_traits){
        .host_addresses = true, .bfd_interval_ms = interval > 1000 ? interval : 1000, .bfd_multiplier = 20};
}

static int open_all(svrsim *sim) {
    svr_env_params params = {.alloc = &svr_heap};
    sim->env = svr_env_new(&params);
    if (!sim->env) return lab_fail("OpenSSL lacks an algorithm, or memory is short");
    if (svrsim_output_open(&sim->output, &sim->options) != 0) return lab_fail("%s", sim->output.reason);
    lab_space_remove_leftovers();
    return open_world(sim);
}

svrsim *lab_new(const svrsim_options *options, uint32_t rate) {
    svrsim *sim = calloc(1, sizeof *sim);
    if (!sim) return NULL;
    sim->options = *options;
    if (!sim->options.pcap_dir) sim->options.pcap_dir = sim->options.out_dir;
    sim->epoch = SVRSIM_EPOCH;
    sim->rate = rate;
    sim->loop.epoll = -1;
    sim->traits = traits_of(rate);
    svrsim_progress_init(&sim->progress, options->quiet);
    if (open_all(sim) == 0) return sim;
    fprintf(stderr, "svrlab: %s\n", lab_reason());
    svrsim_del(sim);
    return NULL;
}

static int earlier(const void *a, const void *b) {
    const past *x = a, *y = b;
    if (x->event.time != y->event.time) return x->event.time < y->event.time ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void take_key(void *ctx, const char *line) {
    svrsim_journal_key(ctx, line);
}

/* Writes down what the routers said. */
static void finish_journal(svrsim *sim) {
    svrsim_journal *journal = sim->output.journal;
    if (sim->n_past) qsort(sim->past, sim->n_past, sizeof *sim->past, earlier);
    for (size_t i = 0; i < sim->n_past; i++) {
        const past *p = &sim->past[i];
        const char *node = json_string_value(json_object_get(p->json, "node"));
        if (journal) svrsim_journal_event(journal, p->router->name, node, &p->event);
        json_decref(p->json);
    }
    for (size_t i = 0; journal && i < sim->n_routers; i++)
        lab_router_keys(sim->routers[i], take_key, journal);
}

int svrsim_del(svrsim *sim) {
    if (!sim) return 0;
    for (size_t i = 0; i < sim->n_routers; i++)
        lab_router_kill(sim->routers[i]);
    finish_journal(sim);
    int failed = svrsim_output_close(&sim->output);
    for (size_t i = 0; i < sim->n_routers; i++)
        lab_router_del(sim->routers[i]);
    close_world(sim);
    lab_space_remove_all();
    if (sim->env) svr_env_del(sim->env);
    free(sim->routers);
    free(sim->past);
    free(sim);
    return failed;
}

/* ---- building ------------------------------------------------------------------------------- */

svrsim_router *svrsim_router_new(svrsim *sim, const char *name) {
    svrsim_router **more = realloc(sim->routers, (sim->n_routers + 1) * sizeof(svrsim_router *));
    if (!more) {
        lab_fail("memory is short");
        return NULL;
    }
    sim->routers = more;
    svrsim_router *r = lab_router_new(sim, &sim->loop, name);
    if (r) sim->routers[sim->n_routers++] = r;
    return r;
}

/* Keys are known when the run is over: they do not go into the captures. */
int svrsim_add_capture(svrsim *sim, ns3shim_link *link, const char *name, const char *const ends[2],
                       const svrsim_window *windows, size_t n_windows, bool with_keys) {
    svrsim_subject subject = {name, ends};
    (void)with_keys;
    svrsim_capture *c = svrsim_output_capture(&sim->output, &subject, sim->epoch, windows, n_windows, NULL);
    if (!c) return lab_fail("%s", sim->output.reason);
    ns3shim_link_set_tap(link, NS3SHIM_TAP_SENT, svrsim_capture_tap, c);
    return 0;
}

/* ---- events --------------------------------------------------------------------------------- */

/* "2025-01-01T00:00:00.000000000Z" in nanoseconds since 1970. */
static svr_wall read_wall(const char *text) {
    struct tm tm = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (!rest) return 0;
    return (svr_wall)timegm(&tm) * (svr_wall)SVR_SEC + (*rest == '.' ? strtoll(rest + 1, NULL, 10) : 0);
}

static const char *text_of(const json_t *event, const char *name) {
    const char *text = json_string_value(json_object_get(event, name));
    return text ? text : "";
}

/* Its texts stay in the JSON. The router counts from its own start; here instants count from the scenario's.
 */
static svr_event read_event(const svrsim *sim, const svrsim_router *r, const json_t *json) {
    svr_event ev = {
        .from = text_of(json, "from"), .to = text_of(json, "to"), .reason = text_of(json, "reason")};
    ev.wall = read_wall(text_of(json, "wall"));
    svr_wall since = ev.wall - sim->epoch - r->clock;
    ev.time = since > 0 ? (svr_time)since : 0;
    while (ev.kind < SVR_EVENT_KINDS && strcmp(svr_event_kind_name(ev.kind), text_of(json, "kind")) != 0)
        ev.kind++;
    while (ev.severity < SVR_CRITICAL &&
           strcmp(svr_severity_name(ev.severity), text_of(json, "severity")) != 0)
        ev.severity++;
    svr_strcpy(ev.peer, sizeof ev.peer, text_of(json, "peer"));
    svr_strcpy(ev.path, sizeof ev.path, text_of(json, "path"));
    svr_strcpy(ev.detail, sizeof ev.detail, text_of(json, "detail"));
    ev.value = (uint64_t)json_integer_value(json_object_get(json, "value"));
    return ev;
}

void lab_take_event(svrsim *sim, svrsim_router *r, json_t *event) {
    svr_event ev = read_event(sim, r, event);
    if (ev.kind == SVR_EVENT_KEY_MANAGER) r->serves = strcmp(ev.to, "Active Leader") == 0;
    if (sim->n_past == sim->max_past) {
        size_t max = sim->max_past ? 2 * sim->max_past : 256;
        past *more = realloc(sim->past, max * sizeof *more);
        if (!more) return;
        sim->past = more;
        sim->max_past = max;
    }
    sim->past[sim->n_past] = (past){ev, r, event, sim->n_past};
    sim->n_past++;
    if (sim->on_event && !sim->died) sim->on_event(sim->on_event_ctx, r->name, &ev);
}

void lab_router_died(svrsim *sim, svrsim_router *r) {
    sim->died = r;
    svrsim_halt(sim);
}

/* ---- running -------------------------------------------------------------------------------- */

static int start_router(svrsim *sim, svrsim_router *r) {
    char config[SVRSIM_FILE_NAME_MAX], log[SVRSIM_FILE_NAME_MAX];
    if (svrsim_output_path(&sim->output, config, "authority", ".conf") != 0 ||
        svrsim_output_path(&sim->output, log, *r->which ? r->which : r->name, ".log") != 0)
        return lab_fail("%s", sim->output.reason);
    lab_start how = {config, log, sim->rate, lab_loop_origin_wall(&sim->loop), sim->epoch};
    return lab_router_start(r, &how);
}

static int check_config(svrsim *sim, const char *text) {
    svr_config_error err;
    svr_config *config;
    if (svr_config_parse(&svr_heap, text, strlen(text), &config, &err) != 0)
        return lab_fail("%s/authority.conf:%u:%u: %s", sim->options.out_dir, err.line, err.column,
                        err.message);
    svr_config_del(config);
    return 0;
}

int svrsim_start(svrsim *sim, const char *config) {
    if (svrsim_output_config(&sim->output, config) != 0) return lab_fail("%s", sim->output.reason);
    if (check_config(sim, config) != 0) return -1;
    lab_loop_begin(&sim->loop);
    for (size_t i = 0; i < sim->n_routers; i++)
        if (start_router(sim, sim->routers[i]) != 0) return -1;
    return 0;
}

int svrsim_crash(svrsim *sim, svrsim_router *r) {
    (void)sim;
    if (r->taking) return lab_fail("router '%s' cannot end within its own event", r->name);
    lab_router_kill(r);
    r->serves = false;
    lab_router_power(r, false);
    return 0;
}

int svrsim_restart(svrsim *sim, svrsim_router *r) {
    if (r->pid) return lab_fail("router '%s' runs already", r->name);
    lab_router_power(r, true);
    return start_router(sim, r);
}

int svrsim_set_clock(svrsim *sim, svrsim_router *r, svr_wall ahead) {
    (void)sim;
    if (r->pid) return lab_fail("unsupported: setting the clock of a running router");
    r->clock = ahead;
    return 0;
}

svrsim_alarm *svrsim_alarm_new(svrsim *sim, svr_time at, void (*fire)(void *ctx), void *ctx) {
    return lab_alarm_new(&sim->loop, at, fire, ctx);
}

void svrsim_halt(svrsim *sim) {
    sim->halted = true;
    lab_loop_halt(&sim->loop);
}

int svrsim_run_until(svrsim *sim, svr_time until) {
    svr_time end = until < sim->options.until ? until : sim->options.until;
    svr_time slice = SLICE * sim->rate;
    sim->halted = false;
    while (!sim->halted && ns3shim_now(sim->world) < end) {
        svr_time now = ns3shim_now(sim->world);
        if (lab_loop_run(&sim->loop, now + slice < end ? now + slice : end) != 0) return -1;
        svrsim_progress_tick(&sim->progress, ns3shim_now(sim->world), ns3shim_event_count(sim->world));
    }
    svrsim_progress_end(&sim->progress, ns3shim_now(sim->world), ns3shim_event_count(sim->world));
    if (!sim->died) return 0;
    return lab_fail("router '%s' ended: see %s/%s.log", sim->died->name, sim->options.out_dir,
                    sim->died->name);
}

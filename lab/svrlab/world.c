/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The longest wait: signals are looked at that often. */
#define SLICE (100 * SVR_MS)

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    interrupted = number;
}

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * SVR_SEC + (uint64_t)t.tv_nsec;
}

/* ---- life ----------------------------------------------------------------------------------- */

ns3shim_world *lab_world_new(uint32_t seed, uint32_t rate) {
    ns3shim_world *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    signal(SIGPIPE, SIG_IGN);
    w->rate = rate;
    w->random = seed;
    w->medium.fd = w->sender = -1;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll >= 0 && lab_wires_open(w) == 0) return w;
    ns3shim_world_del(w);
    return NULL;
}

void ns3shim_world_del(ns3shim_world *world) {
    if (!world) return;
    lab_flows_del(world);
    while (world->nodes) {
        ns3shim_node *n = world->nodes;
        world->nodes = n->next;
        lab_servers_del(n);
        close(n->space.fd);
        free(n);
    }
    lab_wires_close(world);
    while (world->timers)
        ns3shim_timer_del(world->timers);
    close(world->epoll);
    free(world);
}

/* ---- time ----------------------------------------------------------------------------------- */

void lab_world_begin(ns3shim_world *world) {
    world->origin = clock_ns(CLOCK_MONOTONIC);
    world->wall_offset = clock_ns(CLOCK_REALTIME) - world->origin;
}

uint64_t lab_world_origin_wall(const ns3shim_world *world) {
    return world->origin + world->wall_offset;
}

static uint64_t instant_at(const ns3shim_world *w, uint64_t mono) {
    return mono > w->origin ? (mono - w->origin) * w->rate : 0;
}

bool lab_world_at(const ns3shim_world *world, uint64_t machine_wall, uint64_t *out) {
    uint64_t mono = machine_wall - world->wall_offset;
    if (!world->origin || mono < world->origin) return false;
    *out = instant_at(world, mono);
    return true;
}

uint64_t ns3shim_now(const ns3shim_world *world) {
    return world->running ? instant_at(world, clock_ns(CLOCK_MONOTONIC)) : world->frozen;
}

uint64_t ns3shim_event_count(const ns3shim_world *world) {
    return world->events;
}

/* ---- timers --------------------------------------------------------------------------------- */

ns3shim_timer *ns3shim_timer_new(ns3shim_world *world, void (*fire)(void *ctx), void *ctx) {
    ns3shim_timer *t = malloc(sizeof *t);
    if (!t) {
        lab_fail("memory is short");
        return NULL;
    }
    *t = (ns3shim_timer){world, fire, ctx, NS3SHIM_NEVER, world->timers};
    world->timers = t;
    return t;
}

void ns3shim_timer_del(ns3shim_timer *timer) {
    if (!timer) return;
    for (ns3shim_timer **p = &timer->world->timers; *p; p = &(*p)->next) {
        if (*p != timer) continue;
        *p = timer->next;
        break;
    }
    free(timer);
}

void ns3shim_timer_set(ns3shim_timer *timer, uint64_t at) {
    timer->at = at;
}
void ns3shim_timer_cancel(ns3shim_timer *timer) {
    timer->at = NS3SHIM_NEVER;
}

/* The timer that is due first, and of several the one that was made first. */
static ns3shim_timer *first_timer(const ns3shim_world *w) {
    ns3shim_timer *first = NULL;
    for (ns3shim_timer *t = w->timers; t; t = t->next)
        if (t->at != NS3SHIM_NEVER && (!first || t->at <= first->at)) first = t;
    return first;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static int control(ns3shim_world *world, lab_source *s, int what, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = s};
    if (epoll_ctl(world->epoll, what, s->fd, &e) == 0) return 0;
    return lab_fail("epoll: %s", strerror(errno));
}

int lab_watch(ns3shim_world *world, lab_source *source, uint32_t events) {
    return control(world, source, EPOLL_CTL_ADD, events);
}
void lab_rewatch(ns3shim_world *world, lab_source *source, uint32_t events) {
    control(world, source, EPOLL_CTL_MOD, events);
}

void lab_unwatch(ns3shim_world *world, lab_source *source) {
    if (source->fd < 0) return;
    control(world, source, EPOLL_CTL_DEL, 0);
    close(source->fd);
    source->fd = -1;
}

/* One at a time: whatever is ready may take away another source. */
static void wait_once(ns3shim_world *w, uint64_t until) {
    struct epoll_event e;
    uint64_t mono = clock_ns(CLOCK_MONOTONIC), at = w->origin + until / w->rate + 1;
    uint64_t span = at > mono ? at - mono : 0;
    if (span > SLICE) span = SLICE;
    struct timespec t = {.tv_sec = 0, .tv_nsec = (long)span};
    if (epoll_pwait2(w->epoll, &e, 1, &t, NULL) < 1) return;
    lab_source *s = e.data.ptr;
    w->events++;
    s->ready(s->ctx, e.events);
}

static bool fire_due(ns3shim_world *w, uint64_t until) {
    ns3shim_timer *t = first_timer(w);
    if (!t || t->at >= until || t->at > ns3shim_now(w)) return false;
    t->at = NS3SHIM_NEVER;
    w->events++;
    t->fire(t->ctx);
    return true;
}

int ns3shim_run_until(ns3shim_world *world, uint64_t until) {
    world->running = true;
    world->stopped = false;
    while (!world->stopped && !interrupted && ns3shim_now(world) < until) {
        bool fired = fire_due(world, until);
        ns3shim_timer *t = first_timer(world);
        wait_once(world, fired ? 0 : t && t->at < until ? t->at : until);
    }
    world->frozen = ns3shim_now(world);
    world->running = false;
    return interrupted ? lab_fail("ended by signal %d", (int)interrupted) : 0;
}

void ns3shim_stop(ns3shim_world *world) {
    world->stopped = true;
}

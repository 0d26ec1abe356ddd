/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "space.h"
#include "svrsim/sim.h"

/* The longest wait: signals are looked at that often. */
#define SLICE (100 * SVR_MS)

struct svrsim_alarm {
    lab_loop *loop;
    uint64_t at;
    void (*fire)(void *ctx);
    void *ctx;
    svrsim_alarm *next;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    interrupted = number;
}

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * SVR_SEC + (uint64_t)t.tv_nsec;
}

int lab_loop_open(lab_loop *loop, ns3shim_world *world, uint32_t rate) {
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    signal(SIGPIPE, SIG_IGN);
    *loop = (lab_loop){.world = world, .rate = rate, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll >= 0 ? 0 : lab_fail("epoll: %s", strerror(errno));
}

void lab_loop_close(lab_loop *loop) {
    if (loop->epoll >= 0) close(loop->epoll);
    loop->epoll = -1;
}

/* ---- clocks --------------------------------------------------------------------------------- */

void lab_loop_begin(lab_loop *loop) {
    loop->origin = clock_ns(CLOCK_MONOTONIC);
}

uint64_t lab_loop_origin_wall(const lab_loop *loop) {
    return loop->origin + clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

/* The world's instant that belongs to the machine's present one. */
static uint64_t due(const lab_loop *loop) {
    return (clock_ns(CLOCK_MONOTONIC) - loop->origin) * loop->rate;
}

uint64_t lab_loop_now(const lab_loop *loop) {
    uint64_t world = ns3shim_now(loop->world), machine = loop->ran ? due(loop) : 0;
    return machine > world ? machine : world;
}

/* Real time up to an instant of the world, at most a slice. */
static uint64_t real_time_to(const lab_loop *loop, uint64_t instant) {
    uint64_t now = due(loop);
    uint64_t span = instant > now ? (instant - now) / loop->rate + 1 : 0;
    return span < SLICE ? span : SLICE;
}

/* ---- running -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t next_instant(const lab_loop *loop, uint64_t until) {
    uint64_t next = earlier(ns3shim_next_event(loop->world), until);
    return loop->alarms ? earlier(loop->alarms->at, next) : next;
}

static bool ring_due(lab_loop *loop) {
    svrsim_alarm *a = loop->alarms;
    if (!a || a->at > ns3shim_now(loop->world)) return false;
    a->fire(a->ctx);
    return true;
}

/* The world goes on to the present, one alarm rings, and one of those who had something to read reads: any
 * may take away another. */
static int step(lab_loop *loop, uint64_t until) {
    struct epoll_event e;
    uint64_t wait = real_time_to(loop, next_instant(loop, until));
    struct timespec t = {.tv_nsec = (long)wait};
    int n = epoll_pwait2(loop->epoll, &e, 1, &t, NULL);
    if (ns3shim_run_until(loop->world, earlier(due(loop), until)) != 0)
        return lab_fail("ns-3: %s", ns3shim_error());
    loop->rang = !loop->halted && !loop->rang && ring_due(loop);
    if (loop->halted || loop->rang || n < 1) return 0;
    lab_source *s = e.data.ptr;
    s->ready(s->ctx, e.events);
    return 0;
}

int lab_loop_run(lab_loop *loop, uint64_t until) {
    loop->halted = false;
    loop->ran = true;
    while (!loop->halted && !interrupted && ns3shim_now(loop->world) < until)
        if (step(loop, until) != 0) return -1;
    return interrupted ? lab_fail("ended by signal %d", (int)interrupted) : 0;
}

void lab_loop_halt(lab_loop *loop) {
    loop->halted = true;
    ns3shim_stop(loop->world);
}

/* ---- alarms --------------------------------------------------------------------------------- */

svrsim_alarm *lab_alarm_new(lab_loop *loop, uint64_t at, void (*fire)(void *ctx), void *ctx) {
    svrsim_alarm *a = malloc(sizeof *a), **p = &loop->alarms;
    if (!a) {
        lab_fail("memory is short");
        return NULL;
    }
    while (*p && (*p)->at <= at)
        p = &(*p)->next;
    *a = (svrsim_alarm){loop, at, fire, ctx, *p};
    return *p = a;
}

void svrsim_alarm_del(svrsim_alarm *alarm) {
    for (svrsim_alarm **p = &alarm->loop->alarms; *p; p = &(*p)->next) {
        if (*p != alarm) continue;
        *p = alarm->next;
        break;
    }
    free(alarm);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

int lab_watch(lab_loop *loop, lab_source *source) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = source};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &e) == 0) return 0;
    return lab_fail("epoll: %s", strerror(errno));
}

void lab_unwatch(lab_loop *loop, lab_source *source) {
    if (source->fd < 0) return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    close(source->fd);
    source->fd = -1;
}

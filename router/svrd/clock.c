/* SPDX-License-Identifier: MIT */
#include "svrd/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * SVR_SEC + (uint64_t)ts.tv_nsec;
}

void svrd_clock_init(svrd_clock *c, uint32_t rate) {
    *c = (svrd_clock){
        .rate = rate, .origin_ns = read_ns(CLOCK_MONOTONIC), .wall = (svr_wall)read_ns(CLOCK_REALTIME)};
}

void svrd_clock_set(svrd_clock *c, svr_wall system, svr_wall wall) {
    c->wall = wall + (svr_wall)((uint64_t)(c->wall - system) * c->rate);
    c->apart = true;
}

svr_time svrd_clock_at(const svrd_clock *c, uint64_t mono_ns) {
    return (mono_ns - c->origin_ns) * c->rate;
}

svr_time svrd_clock_now(const svrd_clock *c) {
    return svrd_clock_at(c, read_ns(CLOCK_MONOTONIC));
}

svr_wall svrd_clock_wall(const svrd_clock *c, svr_time now) {
    return c->wall + (svr_wall)now;
}

uint64_t svrd_clock_mono(const svrd_clock *c, svr_time t) {
    if (t == SVR_TIME_NEVER) return 0;
    return c->origin_ns + t / c->rate + (t % c->rate != 0);
}

bool svrd_clock_follow(svrd_clock *c, svr_time now) {
    if (c->rate != 1 || c->apart) return false;
    svr_wall off = (svr_wall)read_ns(CLOCK_REALTIME) - svrd_clock_wall(c, now);
    if (off < (svr_wall)(SVR_SEC / 2) && off > -(svr_wall)(SVR_SEC / 2)) return false;
    c->wall += off;
    return true;
}

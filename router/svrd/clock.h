/* SPDX-License-Identifier: MIT
 * The router's clock: the system's monotonic clock, `rate` times as fast; wall time runs along with it. */
#ifndef SVRD_CLOCK_H
#define SVRD_CLOCK_H

#include "svr/base.h"

typedef struct svrd_clock {
    uint32_t rate;
    uint64_t origin_ns; /* CLOCK_MONOTONIC at start */
    svr_wall wall;      /* wall time at instant 0 */
    bool apart;         /* it was set, and is not the system's */
} svrd_clock;

/* From the system's clocks. */
void svrd_clock_init(svrd_clock *c, uint32_t rate);
/* Wall time runs as if it had been `wall` when the system's was `system`, and `rate` times as fast since. So
 * routers that are started one after the other agree. */
void svrd_clock_set(svrd_clock *c, svr_wall system, svr_wall wall);
/* The router's instant: 0 at svrd_clock_init. */
svr_time svrd_clock_now(const svrd_clock *c);
/* The wall time at `now`. */
svr_wall svrd_clock_wall(const svrd_clock *c, svr_time now);
/* The router's instant at the system's monotonic instant `mono_ns`. */
svr_time svrd_clock_at(const svrd_clock *c, uint64_t mono_ns);
/* The system's monotonic instant at which the router's clock has reached `t`; 0 for SVR_TIME_NEVER. */
uint64_t svrd_clock_mono(const svrd_clock *c, svr_time t);
/* Compares with the system's wall clock, which somebody may have set. When it is off by over half a second,
 * follows it and returns true. A clock with a rate of its own, or that was set, follows nothing. */
bool svrd_clock_follow(svrd_clock *c, svr_time now);

#endif

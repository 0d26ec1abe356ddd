/* SPDX-License-Identifier: MIT
 * The timer heap: every deadline of a node is in it, and the node's next deadline and dispatch come from it
 * alone. Timers are embedded in what they serve; the heap holds pointers. */
#ifndef SVR_BASE_TIMER_H
#define SVR_BASE_TIMER_H

#include "svr/base.h"

struct svr_timer;
/* Called when the timer is due. The timer is already out of the heap and may be set again. */
typedef void svr_timer_fn(struct svr_timer *t, void *ctx, svr_time now);

typedef struct svr_timer {
    svr_time when;
    svr_timer_fn *fire;
    uint32_t order; /* of equal instants, the one set first fires first: runs repeat exactly */
    uint32_t slot;  /* position in the heap from 1; 0: not set */
} svr_timer;

typedef struct svr_timer_heap {
    const svr_allocator *alloc;
    svr_timer **at; /* at[1..n] */
    uint32_t n, reserved, size;
    uint32_t order;
} svr_timer_heap;

void svr_timer_heap_init(svr_timer_heap *h, const svr_allocator *alloc);
void svr_timer_heap_fini(svr_timer_heap *h);

/* Every timer must reserve its place once, where failure can still be reported, so that setting it later
 * cannot fail. svr_timer_init: false when memory is short. svr_timer_fini also stops it. */
bool svr_timer_init(svr_timer *t, svr_timer_heap *h, svr_timer_fn *fire);
void svr_timer_fini(svr_timer *t, svr_timer_heap *h);

/* Sets or moves the timer to `when`. SVR_TIME_NEVER stops it. */
void svr_timer_set(svr_timer *t, svr_timer_heap *h, svr_time when);
void svr_timer_stop(svr_timer *t, svr_timer_heap *h);
static inline bool svr_timer_is_set(const svr_timer *t) {
    return t->slot != 0;
}

/* The earliest instant, or SVR_TIME_NEVER. */
svr_time svr_timer_next(const svr_timer_heap *h);
/* Fires all that is due at `now`, in order of time, then of setting. */
void svr_timer_run(svr_timer_heap *h, void *ctx, svr_time now);

#endif

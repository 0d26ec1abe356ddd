/* SPDX-License-Identifier: MIT
 * A limit of so many a second, with a reserve for bursts (the virtual scheduling algorithm of ITU-T I.371).
 * All zero is a full reserve. */
#ifndef SVR_BASE_BUCKET_H
#define SVR_BASE_BUCKET_H

#include "svr/base.h"

typedef struct svr_bucket {
    svr_time due; /* when the reserve is full again */
} svr_bucket;

/* `interval` between two in the long run, at most a `burst` at once. False: not now. */
static inline bool svr_bucket_take(svr_bucket *b, svr_time now, svr_duration interval, uint32_t burst) {
    svr_time due = b->due > now ? b->due : now;
    if (due - now > interval * (burst - 1)) return false;
    b->due = due + interval;
    return true;
}
/* What was taken last costs nothing. */
static inline void svr_bucket_return(svr_bucket *b, svr_duration interval) {
    b->due = b->due > interval ? b->due - interval : 0;
}
/* More than half of the reserve is gone. */
static inline bool svr_bucket_is_low(const svr_bucket *b, svr_time now, svr_duration interval,
                                     uint32_t burst) {
    return b->due > now && b->due - now > interval * (burst / 2);
}

#endif

/* SPDX-License-Identifier: MIT
 * Instants in records between nodes, whose clocks have nothing in common: as what is left of them, or as
 * ages. SVR_TIME_NEVER stays what it is. */
#ifndef SVR_BASE_INSTANT_H
#define SVR_BASE_INSTANT_H

#include "base/bytes.h"

static inline void svr_write_left(svr_writer *w, svr_time t, svr_time now) {
    svr_write64(w, t == SVR_TIME_NEVER ? t : t > now ? t - now : 0);
}
static inline svr_time svr_read_left(svr_reader *r, svr_time now) {
    uint64_t left = svr_read64(r);
    return left >= SVR_TIME_NEVER - now ? SVR_TIME_NEVER : now + left;
}
static inline void svr_write_age(svr_writer *w, svr_time t, svr_time now) {
    svr_write64(w, t == SVR_TIME_NEVER ? t : now - t);
}
static inline svr_time svr_read_age(svr_reader *r, svr_time now) {
    uint64_t age = svr_read64(r);
    return age == SVR_TIME_NEVER ? age : age < now ? now - age : 0;
}

#endif

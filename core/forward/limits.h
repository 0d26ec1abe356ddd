/* SPDX-License-Identifier: MIT
 * How many flows may begin, and what an operator is told when something runs out. */
#ifndef SVR_FORWARD_LIMITS_H
#define SVR_FORWARD_LIMITS_H

#include "base/bucket.h"
#include "base/drop.h"
#include "base/timer.h"
#include "svr/config.h"

#define SVR_LIMIT_SOURCES 1024 /* hosts share a limit when their addresses hash alike */

typedef enum svr_limit {
    SVR_LIMIT_FLOWS,     /* new flows were turned away */
    SVR_LIMIT_WAYPOINTS, /* a session found none */
    SVR_LIMIT_SESSIONS,  /* nine tenths of the table are in use */
    SVR_LIMITS
} svr_limit;

typedef struct svr_limits {
    svr_bucket all, source[SVR_LIMIT_SOURCES];
    svr_timer review;
    svr_time met[SVR_LIMITS]; /* when each was met last; 0: no alarm stands */
} svr_limits;

struct svr_forward;

/* False when memory is short. */
bool svr_limits_init(struct svr_forward *f);
void svr_limits_fini(struct svr_forward *f);
/* Whether one more flow from this host may begin now: 0, or FLOW_LIMIT. */
svr_drop svr_limits_admit(struct svr_forward *f, const svr_addr *source);
/* Whether a session on a path may take one more pair of waypoints (`max-way-points`). */
bool svr_limits_waypoint(const struct svr_forward *f);
/* A session could not begin, or move, for this reason; or it did begin (NONE). Returns the reason. */
svr_drop svr_limits_note(struct svr_forward *f, svr_drop reason);

#endif

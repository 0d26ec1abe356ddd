/* SPDX-License-Identifier: MIT
 * Waypoints that a leg has left. Packets that were on their way when a session moved arrive on them a while
 * later, and belong to it still: without this every move from a slow path to a fast one would lose what the
 * slow one holds. */
#ifndef SVR_SESSION_FORMER_H
#define SVR_SESSION_FORMER_H

#include "base/table.h"
#include "base/timer.h"

#define SVR_FORMER_GRACE (5 * SVR_SEC)
#define SVR_FORMERS_MAX 262144 /* of more moves at a time the oldest are forgotten */

struct svr_leg;
struct svr_former;
struct svr_runtime;

typedef struct svr_formers {
    struct svr_runtime *rt;
    svr_table by_tuple;
    struct svr_former *oldest, *newest;
    svr_timer timer;
} svr_formers;

/* False when memory is short. */
bool svr_formers_init(svr_formers *all, struct svr_runtime *rt);
/* Also after svr_formers_init failed, or when all is zero. */
void svr_formers_fini(svr_formers *all);
/* The leg is about to leave its waypoints. Without memory nothing is remembered. */
void svr_formers_add(svr_formers *all, const struct svr_leg *leg);

#endif

/* SPDX-License-Identifier: MIT
 * A router with two nodes (PD-HA, KEY-HA-PUSH): which of them serves, and what the other is told. */
#ifndef SVR_FORWARD_HA_H
#define SVR_FORWARD_HA_H

#include "forward/forward.h"
#include "peer/peers.h"

#define SVR_HA_TICK (100 * SVR_MS)     /* how often roles are considered and changes are told */
#define SVR_HA_RESEND (300 * SVR_MS)   /* what is not acknowledged goes out again */
#define SVR_HA_PATIENCE (10 * SVR_SEC) /* a node that starts waits so long for the other */

typedef struct svr_ha svr_ha;

/* NULL when memory is short. Only for a node that has a sibling (svr_peers_has_sibling). */
svr_ha *svr_ha_new(svr_runtime *rt, svr_peers *peers, svr_forward *forward);
void svr_ha_del(svr_ha *ha);
void svr_ha_start(svr_ha *ha);
/* Takes what the other node has sent; after each call into the node. */
void svr_ha_run(svr_ha *ha);

#endif

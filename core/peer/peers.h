/* SPDX-License-Identifier: MIT
 * All peers of a node, as the node itself (forward/node.c) drives them. */
#ifndef SVR_PEERS_H
#define SVR_PEERS_H

#include "peer/peer.h"
#include "pki/pki.h"

typedef struct svr_peers_params {
    svr_runtime *rt;
    const svr_config *config;
    const svr_node_config *node;
    svr_identity *identity; /* taken over, also on failure */
    svr_trust *trust;       /* the same */
} svr_peers_params;

/* NULL when memory or randomness is short. */
svr_peers *svr_peers_new(const svr_peers_params *params);
void svr_peers_del(svr_peers *peers);
/* Begins BFD and the exchanges with all peers. */
void svr_peers_start(svr_peers *peers);
/* A packet for UDP port 1280; taken over. */
void svr_peers_receive(svr_peers *peers, svr_packet *pkt, const svr_ip *ip);
void svr_peers_interface_state(svr_peers *peers, svr_ifid ifid, bool up);
/* The next path that came into service or left it since the last call; NULL when there is none. */
svr_path *svr_peers_next_change(svr_peers *peers, bool *in_service);
/* Makes a new metadata key at once and pushes it to all peers (KEY-REGENERATE). `reason` is static. */
void svr_peers_regenerate_metadata_key(svr_peers *peers, const char *reason);
/* Asks the clock again about all certificates: wall time was set. */
void svr_peers_review_certificates(svr_peers *peers);
/* Takes over other credentials (CRT-LATE): trust, and an identity, or NULL when ours stays. Every chain is
 * judged anew; a new identity is announced to all peers. */
void svr_peers_reload(svr_peers *peers, svr_identity *identity, svr_trust *trust);
const svr_identity *svr_peers_identity(const svr_peers *peers);

#endif

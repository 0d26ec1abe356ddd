/* SPDX-License-Identifier: MIT
 * All peers of a node, as the node itself (forward/node.c) drives them. */
#ifndef SVR_PEERS_H
#define SVR_PEERS_H

#include "base/bytes.h"
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
/* The next path that came into service or left it, or changed its standing with a policy, since the last
 * call; NULL when there is none. */
svr_path *svr_peers_next_change(svr_peers *peers, bool *in_service);
/* Makes a new metadata key at once and pushes it to all peers (KEY-REGENERATE). `reason` is static. */
void svr_peers_regenerate_metadata_key(svr_peers *peers, const char *reason);
/* Asks the clock again about all certificates: wall time was set. */
void svr_peers_review_certificates(svr_peers *peers);
/* Takes over other credentials (CRT-LATE): trust, and an identity, or NULL when ours stays. Every chain is
 * judged anew; a new identity is announced to all peers. */
void svr_peers_reload(svr_peers *peers, svr_identity *identity, svr_trust *trust);
const svr_identity *svr_peers_identity(const svr_peers *peers);

/* ---- a router with two nodes (PD-HA, KEY-HA-PUSH) ------------------------------------------- */

#define SVR_SYNC_MAX 1150  /* bytes of a message between the nodes */
#define SVR_SYNC_WINDOW 32 /* messages on their way */

/* This node has another beside it. It begins standing by; forward/ha.c decides who serves. */
bool svr_peers_has_sibling(const svr_peers *peers);
/* The inter-node link carries messages. */
bool svr_peers_sibling_up(const svr_peers *peers);
/* 0 for the first node in the configuration, 1 for the second. */
size_t svr_peers_node_number(const svr_peers *peers);
/* The other node serves, or it is not yet decided: nothing but the inter-node link is used. */
bool svr_peers_standby(const svr_peers *peers);
/* "Active Leader", "Redundant Peer" or "inactive", as show security key-status says (OPS-KEY-STATUS). */
const char *svr_peers_key_manager_state(const svr_peers *peers);
/* Sends a message of at most SVR_SYNC_MAX bytes, enciphered; lost while the link is down. Its first byte is
 * SVR_KEX_SYNC. */
void svr_peers_send_sync(svr_peers *peers, const uint8_t *msg, size_t len);
/* The next message that came in, authentic; false when there is none. */
bool svr_peers_next_sync(svr_peers *peers, uint8_t out[SVR_SYNC_MAX], size_t *len);

/* Writes records for the other node. The node's: life and metadata keys. A peer's: false, and nothing
 * written, when it has not changed since the last time. */
bool svr_peers_node_dirty(const svr_peers *peers);
void svr_peers_export_node(svr_peers *peers, svr_writer *w);
bool svr_peers_export_peer(svr_peers *peers, size_t i, svr_writer *w);
size_t svr_peers_count(const svr_peers *peers);
/* Everything counts as changed. */
void svr_peers_export_all(svr_peers *peers);
/* Reads one record; false when it is not one, or memory is short. While this node stands by. */
bool svr_peers_import_node(svr_peers *peers, svr_reader *r);
bool svr_peers_import_peer(svr_peers *peers, svr_reader *r);

/* This node serves from here on, with what was imported: keys and BFD sessions go on, nonces jump ahead. */
void svr_peers_activate(svr_peers *peers);
/* Nonces go `times` jumps ahead, each more than any node sends before its state is replicated. */
void svr_peers_jump(svr_peers *peers, unsigned times);
size_t svr_peers_paths_in_service(const svr_peers *peers);
/* The other node serves. Keys stay, and are replaced by what it sends. */
void svr_peers_stand_by(svr_peers *peers);
/* Forgets keys and lives: the other node will tell all anew. */
void svr_peers_forget(svr_peers *peers);

#endif

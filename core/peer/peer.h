/* SPDX-License-Identifier: MIT
 * Peers and the paths to them: what forwarding needs to know. The exchange behind it is in
 * peer/peer_internal.h. */
#ifndef SVR_PEER_H
#define SVR_PEER_H

#include "base/runtime.h"
#include "crypto/crypt.h"
#include "svr/config.h"
#include "svr/wire.h"

typedef struct svr_peers svr_peers;
typedef struct svr_peer svr_peer;
typedef struct svr_path svr_path;

/* The path whose ends are these addresses, or NULL. */
svr_path *svr_peers_find_path(const svr_peers *peers, const svr_addr *local, const svr_addr *remote);
/* The peer that a service-route names, or NULL (no path of it is on this node). */
svr_peer *svr_peers_find(const svr_peers *peers, const svr_peer_config *config);
/* A path that carries traffic now (PD-UP: BFD is up, keys are exchanged, the interface is up); NULL when
 * there is none. The first in configuration order. */
svr_path *svr_peer_path_in_service(const svr_peer *peer);

/* All paths to a peer, in configuration order. */
size_t svr_peer_paths(const svr_peer *peer);
svr_path *svr_peer_path(const svr_peer *peer, size_t i);

#define SVR_HOLD_DOWN                                                                                        \
    (5 * SVR_SEC)        /* a path that comes back, or gets good again, has to stay so for this long */
#define SVR_SLA_BURSTS 2 /* bursts in a row over a limit make a path poor */
/* What a path is worth to a service-policy (NULL: one without limits), best first. */
typedef enum svr_standing {
    SVR_STANDS_GOOD,
    SVR_STANDS_FRESH, /* good again, within its hold-down */
    SVR_STANDS_POOR,  /* in service, but over a limit of the policy */
    SVR_STANDS_OUT,   /* out of service */
} svr_standing;
svr_standing svr_path_standing(const svr_path *path, const svr_service_policy *policy);
/* "LOCAL-IF LOCAL-ADDRESS REMOTE-ADDRESS", as events name it. */
void svr_path_describe(const svr_path *path, char out[SVR_EVENT_PATH_MAX]);

bool svr_path_in_service(const svr_path *path);
/* When BFD was last heard on it: what was sent since may have been lost. */
svr_time svr_path_heard(const svr_path *path);
svr_peer *svr_path_peer(const svr_path *path);
const svr_path_config *svr_path_get_config(const svr_path *path);
/* Where packets to the peer go first: the gateway, or the peer itself when it is on link. */
const svr_addr *svr_path_next_hop(const svr_path *path);
/* What sessions use of a path. Peers keep it, forwarding counts. */
typedef struct svr_path_load {
    size_t sessions; /* legs on it now */
    uint64_t moved;  /* sessions that left it for another path since the start */
    uint64_t sent, sent_bytes, received, received_bytes; /* their IP datagrams since the start */
} svr_path_load;
svr_path_load *svr_path_get_load(svr_path *path);
const char *svr_peer_name(const svr_peer *peer); /* router name: for people, never for the wire */
/* Another number in each life of the peer (PD-KDF); 0 while none is known. */
uint64_t svr_peer_life_mark(const svr_peer *peer);

/* The key for SVR metadata to this peer: derived from the peer's metadata key (KEY-META-PEERS). Takes the
 * next nonce. False while the peer's key is not known or its counter is used up. `*index` is the peer's rekey
 * index, TLV 16. */
bool svr_peer_metadata_send_key(svr_peer *peer, const svr_crypt_key **key, uint32_t *index, uint64_t *nonce);
/* The key for SVR metadata from this peer under our rekey index `index`; NULL when there is none (any more).
 */
const svr_crypt_key *svr_peer_metadata_receive_key(svr_peer *peer, uint32_t index);
/* To be called once a packet under that key has been authenticated: false when its nonce was seen before. */
bool svr_peer_metadata_accept(svr_peer *peer, uint32_t index, uint64_t nonce);

#endif

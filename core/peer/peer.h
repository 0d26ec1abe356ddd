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
/* All paths of this node, one at a call: *peer and *k begin at 0. NULL at the end. */
svr_path *svr_peers_next_path(const svr_peers *peers, size_t *peer, size_t *k);
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
/* Longest IP datagram that the path takes, as far as is known (PD-PMTU). */
uint32_t svr_path_mtu(const svr_path *path);
/* Somebody on the way says, without proof, that it takes no more than this. */
void svr_path_mtu_doubt(svr_path *path, uint32_t mtu);
/* What sessions use of a path. Peers keep it, forwarding counts. */
typedef struct svr_path_load {
    size_t sessions; /* legs on it now */
    uint64_t moved;  /* sessions that left it for another path since the start */
    uint64_t sent, sent_bytes, received, received_bytes; /* their IP datagrams since the start */
} svr_path_load;
svr_path_load *svr_path_get_load(svr_path *path);

/* ---- NAT (PD-NAT, nat.c) -------------------------------------------------------------------- */

/* The path whose peer calls itself that at its end, behind a NAT; or NULL. A claim, until a key proves it. */
svr_path *svr_peers_find_claimed(const svr_peers *peers, const svr_addr *local, uint32_t discriminator);
/* The path to the only peer behind a NAT that comes to this local address, if it was last heard from that
 * one; else NULL. */
svr_path *svr_peers_only_path_at(const svr_peers *peers, const svr_addr *local, const svr_addr *remote);
/* The next path on which the NAT at our end has lent us another address or port; NULL when there is none. */
svr_path *svr_peers_next_remapped(svr_peers *peers);
/* What svr_peers_find_path knows it by, beside its local address. */
const svr_addr *svr_path_identity(const svr_path *path);
/* Our discriminator: what we call ourselves on it. */
uint32_t svr_path_claim(const svr_path *path);
bool svr_path_near_nat(const svr_path *path); /* a NAT is expected at our end */
bool svr_path_far_nat(const svr_path *path);  /* at the peer's end */
/* The peer sees us with another address or port than we have. */
bool svr_path_translated(const svr_path *path);
/* Where the peer is, as far as it is known. */
const svr_addr *svr_path_remote(const svr_path *path);

/* A pair of waypoints that the router behind a NAT has opened, so that the other end can begin a session. */
typedef struct svr_spare {
    svr_addr far; /* of the other router; at the end behind the NAT it is not used */
    uint16_t far_port, own_port;
    svr_time when; /* it was last offered */
} svr_spare;
#define SVR_SPARES_MAX 32 /* a path */

/* At the end behind the NAT: what it holds open. */
svr_spare *svr_path_spares(svr_path *path, size_t **n);
/* At the other end: one was offered. */
void svr_path_offered(svr_path *path, const svr_spare *offered);
/* Takes the one that was offered last; false: there is none, or all are old. */
bool svr_path_take_spare(svr_path *path, svr_spare *out);

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

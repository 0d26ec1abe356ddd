/* SPDX-License-Identifier: MIT
 * Inside core/peer: peers, their paths, and the exchange between them. The node and the show commands may
 * look; only core/peer changes anything.
 *
 *   peers.c          all peers of a node: life cycle, lookup, our own metadata key
 *   key_changes.c    how many keys were made, and why the last failure failed, for show
 *   path.c           one path: BFD timers, interface, service
 *   nat.c            paths with a NAT on them: where the peer is, and where it sees us (PD-NAT)
 *   bfd_packet.c     BFD packets with their metadata: made, signed, checked, taken apart
 *   echo.c           bursts that measure a path, as numbers (PD-ECHO)
 *   pmtu.c           the search for the longest packet of a path; path_mtu.c: its probes (PD-PMTU)
 *   quality.c        when bursts go out, how they are answered, and what follows for policies
 *   load.c           what strangers may cost: a budget of checks, and cookies (PD-COOKIE)
 *   exchange_flow.c  what is decided when a message of the key exchange comes in (PD-KEX, PD-GLARE, PD-GRACE)
 *   sibling.c        the other node of a router with two; replica.c: what it must know (PD-HA)
 *   certificates.c   what certificates permit, ours and theirs: expiry, alarms, fail-hard, reload (CRT-*)
 *   attempt.c        what is outstanding, when it is sent (again), when it counts as unanswered
 * (KEY-RETRANSMIT, KEY-TIMEOUT, KEY-RETRY); the peer's security state
 *
 * Timers of a peer: `retry` sends again what is outstanding; `timeout` ends the patience with it; `rotate`
 * carries out changeovers and erasures of the key ring and of metadata keys; `rekey` starts the next
 * exchange. Timers of a path: `tx` sends the next BFD packet, `detect` notices silence, `burst` sends the
 * next packet of a burst or ends it. Two timers of the node: `renew` makes its next metadata key; `validity`
 * goes off when a certificate's validity changes. */
#ifndef SVR_PEER_INTERNAL_H
#define SVR_PEER_INTERNAL_H

#include "base/bucket.h"
#include "base/table.h"
#include "keys/exchange.h"
#include "keys/metadata_key.h"
#include "peer/bfd.h"
#include "peer/echo.h"
#include "peer/peer.h"
#include "peer/peers.h"
#include "peer/pmtu.h"
#include "peer/security_state.h"

#define SVR_KEX_PART_MAX 1024  /* bytes of a message in one packet, which so has 1280 at most (PD-KEX) */
#define SVR_REASSEMBLY_SLOTS 2 /* messages put together at a time, per peer */
#define SVR_KEX_PARTS_MAX (SVR_KEX_TOTAL_MAX / SVR_KEX_PART_MAX + 1)
#define SVR_HINT_INTERVAL SVR_SEC
#define SVR_FEW_PEERS 8                  /* more than these, and rekeying is spread (PD-SPREAD) */
#define SVR_REKEY_SPACING (100 * SVR_MS) /* per peer */

typedef struct svr_path_key {
    svr_addr local, remote;
} svr_path_key;

/* What a path is to one service-policy. */
typedef struct svr_path_sla {
    uint8_t bad; /* bursts over a limit in a row, up to SVR_SLA_BURSTS */
    bool violates;
    svr_time settled; /* since it does not any more: when its hold-down is over; 0: none runs */
} svr_path_sla;

/* PD-COOKIE */
#define SVR_COOKIE_VALUE_LEN 16
#define SVR_COOKIE_ECHO_LEN 16
#define SVR_COOKIE_SECRET_LEN 32
#define SVR_COOKIE_MESSAGE_LEN (1 + SVR_COOKIE_ECHO_LEN + SVR_COOKIE_VALUE_LEN)

/* What all peers together may cost. */
typedef struct svr_load {
    svr_bucket proofs, cookies;
    svr_time loaded; /* until then cookies are asked for */
    uint64_t checks; /* signatures and certificates that were looked at, so far */
    bool has_secret;
    size_t secrets; /* 2: that before it is good, too */
    svr_time secret_made;
    uint8_t secret[2][SVR_COOKIE_SECRET_LEN];
} svr_load;

/* Where packets come from, or go. Family 0: not known. */
typedef struct svr_nat_end {
    svr_addr addr;
    uint16_t port;
} svr_nat_end;

/* Of a path with a NAT at either end (PD-NAT). */
typedef struct svr_nat {
    svr_nat_end at;                   /* where the peer behind a NAT was heard last, authentic */
    svr_nat_end from;                 /* where the packet in hand came from: answers go there */
    bool answering;                   /* there is one */
    uint8_t key[SVR_FINGERPRINT_LEN]; /* of the newest packet that was authentic; and its nonce */
    uint64_t nonce;
    svr_time contacted;  /* when a certificate went to somebody who claims to be the peer */
    svr_nat_end seen_as; /* where the peer sees us, behind a NAT */
    bool remapped;       /* svr_peers_next_remapped has to tell */
    svr_spare spare[SVR_SPARES_MAX];
    size_t n_spares;
} svr_nat;

struct svr_path {
    svr_path_key key; /* of svr_peers.by_address */
    svr_peer *peer;
    const svr_path_config *config;
    svr_addr next_hop;
    svr_nat *nat; /* NULL: no NAT on it */
    svr_bfd bfd;
    svr_timer tx, detect;
    svr_time heard; /* when the last BFD packet was taken */
    svr_path_load load;
    svr_echo echo;
    svr_timer burst;
    svr_time burst_at;   /* when the latest burst began */
    svr_path_sla *sla;   /* one for each service-policy of the configuration */
    svr_time settled;    /* in service again: when its hold-down is over; 0: none runs */
    bool served_before;  /* it has been in service: the hold-down applies */
    bool noted;          /* svr_peers_next_change is to tell it, though its service is as before */
    svr_time answers_at; /* the second in which `answers` were sent */
    uint32_t answers;
    uint8_t echo_sent[SVR_COOKIE_ECHO_LEN]; /* names the last part that left in clear (PD-COOKIE) */
    uint8_t cookie[SVR_COOKIE_VALUE_LEN];   /* that the peer wants to see */
    svr_time cookie_at;                     /* when it came; 0: there is none */
    bool echo_known;
    svr_pmtu mtu;
    svr_timer mtu_timer;
    bool interface_up;
    bool in_service;
    bool resumes; /* it was up at the other node (PD-HA) */
    bool told;    /* what svr_peers_next_change said last */
};

/* What the peer owes us an answer to, in this order. */
typedef enum svr_outstanding {
    SVR_WAIT_NOTHING,
    SVR_WAIT_CERTIFICATE,  /* to our certificate */
    SVR_WAIT_RESPONSE,     /* to our key request */
    SVR_WAIT_METADATA_ACK, /* to our metadata key */
} svr_outstanding;

/* A message that comes in parts. */
typedef struct svr_reassembly {
    uint32_t id, total; /* total 0: unused */
    uint32_t have;      /* bit n: the part at offset n * SVR_KEX_PART_MAX is here */
    svr_time last;
    uint8_t bytes[SVR_KEX_TOTAL_MAX];
} svr_reassembly;

typedef struct svr_sibling svr_sibling;

struct svr_peer {
    svr_peers *all;
    const svr_peer_config *config;
    svr_path *paths;
    size_t n_paths;
    svr_security_state state;

    bool sibling; /* the other node of this router (PD-HA) */
    bool dirty;   /* it changed since svr_peers_export_peer */

    svr_peer_cert *cert;      /* accepted, and the one that signatures were checked with */
    svr_peer_cert *candidate; /* accepted since; takes over when a signature holds under it */
    svr_peer_cert *refused;   /* the last one that was not acceptable: its judgement is cached too */
    bool removed;             /* no peering: our certificate or theirs is invalid (CRT-FAIL-HARD) */
    bool cert_received, cert_acked, salt_received, salt_acked, key_received, key_acked;
    uint8_t peer_salt[SVR_SALT_LEN], salt[SVR_SALT_LEN]; /* of the last exchange, for show */

    svr_keyring ring;
    svr_kex_request request;
    svr_kex_answer answer;
    uint64_t last_number;      /* of our requests */
    uint64_t peer_last_number; /* of the peer's */
    bool has_life;
    uint8_t life[SVR_LIFE_LEN];
    svr_time hinted;

    svr_metadata_sender to_peer;
    svr_metadata_receiver from_peer;

    svr_timer retry, timeout, rotate, rekey;
    svr_time rekey_at; /* when `rekey` is to go off once this node serves (PD-HA) */
    svr_outstanding waiting_for;
    bool rekey_wanted; /* a new exchange is due */
    bool proof_due;    /* our certificate is new: the peer wants a signature under it */
    bool timed_out;
    bool kex_heard;    /* a message of the exchange has come in since the last timeout */
    bool failure_told; /* that none did */
    uint32_t attempts; /* of what is outstanding */
    uint32_t next_message_id;
    svr_bucket proofs, answers; /* checks of what comes unasked, and of answers (PD-COOKIE) */
    svr_time loaded;            /* until then it has to show a cookie */
    svr_reassembly *slots[SVR_REASSEMBLY_SLOTS];
};

/* What `show security key-status` tells of changes (OPS-KEY-STATUS). The errors are those of the last change
 * that failed; "" while none has. */
typedef struct svr_key_changes {
    uint64_t metadata_keys; /* own metadata keys made */
    uint64_t on_demand;     /* those of them made out of turn: on command, or since a peer was revoked */
    char error[SVR_EVENT_DETAIL_MAX], demand_error[SVR_EVENT_DETAIL_MAX];
} svr_key_changes;

struct svr_peers {
    svr_runtime *rt;
    const svr_config *config;
    const svr_node_config *node;
    svr_identity *identity;
    svr_trust *trust;
    uint8_t chain_hash[SVR_HASH_LEN]; /* of our own chain */
    svr_peer_cert *own;               /* our own chain as a peer judges it; NULL: self-signed */
    svr_cert_verdict own_verdict;     /* what was told last */
    bool barred;                      /* our certificate is invalid, and the rule is fail-hard */
    bool revoked;                     /* a peer was revoked during this review */
    svr_timer validity;
    uint8_t life[SVR_LIFE_LEN];
    svr_metadata_key metadata_key;
    svr_metadata_key former[SVR_METADATA_HOLD_MAX]; /* the ones before it, newest first */
    svr_time metadata_made;
    svr_timer renew;
    svr_time renew_at; /* the same for `renew` */
    svr_key_changes key_changes;
    svr_peer *peers;
    size_t n_peers;
    svr_table by_address;
    size_t changes; /* paths that svr_peers_next_change has yet to tell */
    svr_load load;
    size_t remaps; /* the same for svr_peers_next_remapped */

    /* Of a router with two nodes (PD-HA). */
    svr_sibling *sibling; /* NULL: it has one */
    bool standby;         /* the other node serves: nothing but the inter-node link is used */
    bool dirty;           /* life or metadata keys changed since svr_peers_export_node */
};

svr_kex_ends svr_peer_ends(const svr_peer *peer);
/* The names that derivations, signatures and the order in crossings rest on: the peering-common-names;
 * between the two nodes of a router PEERING-COMMON-NAME/NODE, since they have the same one (PD-HA). */
const char *svr_peer_self_name(const svr_peer *peer);
const char *svr_peer_remote_name(const svr_peer *peer);
const uint8_t *svr_peer_self_life(const svr_peer *peer);

/* key_changes.c */
/* A peer key did not come about. */
void svr_key_changes_peer_failed(svr_peer *peer, const char *why);
/* A metadata key was made; `why` is NULL, or the reason why it could not be. */
void svr_key_changes_metadata(svr_peers *peers, const char *why);
/* The same for one that was asked for out of turn. */
void svr_key_changes_demand(svr_peers *peers, const char *why);

/* sibling.c: the other node of this router, as a peer; 0, or the reason why a message of it was dropped */
bool svr_sibling_init(svr_peers *peers);
void svr_sibling_fini(svr_peers *peers);
void svr_sibling_start(svr_peers *peers);
svr_peer *svr_sibling_peer(const svr_peers *peers); /* there is one */
int svr_sibling_receive(svr_peers *peers, svr_piece msg);
const svr_bfd_config *svr_sibling_bfd(void);

/* peers.c */
/* `n_paths` of its paths are on this node. False when memory is short; svr_peer_fini cleans up in any case.
 */
/* A new router: life and first metadata key. */
void svr_peers_begin(svr_peers *peers);
bool svr_peer_init(svr_peer *peer, svr_peers *all, const svr_peer_config *config, size_t n_paths);
void svr_peer_fini(svr_peer *peer);

/* path.c */
bool svr_path_init(svr_path *path, svr_peer *peer, const svr_path_config *config);
void svr_path_fini(svr_path *path);
/* Begins BFD, also after svr_path_stop. */
void svr_path_start(svr_path *path);
/* Goes on with a BFD session that the other node had (PD-HA): up, and heard from just now. */
void svr_path_resume(svr_path *path);
/* Ends BFD: tells the other side that it is down by intent, then is silent. */
void svr_path_stop(svr_path *path);
/* The same without a word: the other node of this router goes on with the session (PD-HA). */
void svr_path_leave(svr_path *path);
void svr_path_set_interface(svr_path *path, bool up);
/* A BFD control packet that may be believed. */
void svr_path_bfd_received(svr_path *path, const svr_bfd_packet *p);
/* Recomputes whether the path carries traffic (PD-UP). */
void svr_path_review(svr_path *path);

/* Where packets to an address go first. */
svr_addr svr_path_hop_to(const svr_path *path, const svr_addr *remote);

/* nat.c */
bool svr_nat_init(svr_path *path); /* false when memory is short */
void svr_nat_fini(svr_path *path);
/* What each end calls itself on a path with a NAT: both can compute both. */
uint32_t svr_nat_discriminator(const svr_path *path, bool own);
/* Where a BFD packet goes now; family 0: nowhere. */
svr_nat_end svr_nat_destination(const svr_path *path);
/* A BFD packet comes in, and is done with: what is sent between the two answers it. */
void svr_nat_arrives(svr_path *path, const svr_ip *ip);
void svr_nat_done(svr_path *path);
/* It was authentic under this key. */
void svr_nat_heard(svr_path *path, const svr_peer_key *key, uint64_t nonce);
/* Says in encrypted metadata where the peer is seen; and what the peer says of us. */
void svr_nat_write(const svr_path *path, svr_tlv_writer *w);
void svr_nat_read(svr_path *path, const uint8_t *tlvs, size_t len);

/* load.c (PD-COOKIE) */
/* A certificate, or a signature that nobody asked for, may be checked; false: too many failed of late. */
bool svr_load_take(svr_peer *peer);
/* It held, and was new: it costs nothing. */
void svr_load_return(svr_peer *peer);
/* A message in parts gave way to another, not yet whole: that is how memory is flooded. */
void svr_load_waste(svr_peer *peer);
/* The same for a signature under an answer to what we asked. */
bool svr_load_take_answer(svr_peer *peer);
/* Whether a part of a message from a packet that is not authentic may be looked at; if not, a cookie is on
 * its way. `tlvs` are the packet's. */
bool svr_load_admits(svr_path *path, const svr_ip *ip, const uint8_t *tlvs, size_t len, const svr_tlv *part);
/* A part leaves in clear. */
void svr_load_sent(svr_path *path, svr_piece part);
/* Adds the peer's cookie to header TLVs, if there is one. */
void svr_load_write(const svr_path *path, svr_tlv_writer *w);
/* A COOKIE came in; 0, or the reason why it was dropped. */
int svr_load_take_cookie(svr_path *path, svr_piece msg);

/* bfd_packet.c */
/* Sends a BFD packet on the path, with TLVs of the key exchange: `clear` for the header, `secret` for the
 * encrypted part (only when there is a key; otherwise `secret` must be empty). */
void svr_path_send(svr_path *path, svr_piece clear, svr_piece secret, bool final);
/* The same under the peer key, however long, and with "don't fragment". */
void svr_path_send_whole(svr_path *path, svr_piece clear, svr_piece secret);
/* Length of the IP datagram with pieces of these lengths, under the peer key. */
size_t svr_path_bfd_len(const svr_path *path, size_t clear_len, size_t secret_len);
/* Cuts a message of the exchange into parts and sends them. */
void svr_path_send_message(svr_path *path, svr_piece msg, bool secret);
/* What the sender of a BFD packet calls itself; false: it is none, or has no metadata. */
bool svr_bfd_claims(const svr_packet *pkt, const svr_ip *ip, uint32_t *discriminator);
/* Takes over a packet for UDP port 1280. */
void svr_path_receive(svr_path *path, svr_packet *pkt, const svr_ip *ip);

/* A new event about the path. */
svr_event *svr_path_event(const svr_path *path, svr_event_kind kind);

/* quality.c */
bool svr_path_quality_init(svr_path *path);
void svr_path_quality_fini(svr_path *path);
/* The path came into service, or left it. */
void svr_path_quality_service(svr_path *path, bool in_service);
/* A BFD packet came in: a hold-down may be over. */
void svr_path_quality_heard(svr_path *path);
/* An echo TLV of an authentic packet. 0, or the reason why it is ignored. */
svr_drop svr_path_quality_take(svr_path *path, const svr_tlv *tlv);

/* path_mtu.c */
bool svr_path_mtu_init(svr_path *path);
void svr_path_mtu_fini(svr_path *path);
/* The path came into service, or left it. */
void svr_path_mtu_service(svr_path *path, bool in_service);
/* A probe of the peer, or its answer to ours, from an authentic packet. 0 or BFD_MALFORMED. */
svr_drop svr_path_mtu_take(svr_path *path, const svr_tlv *tlv);

/* exchange_flow.c: 0, or the reason why the message was dropped */
int svr_peer_receive_clear(svr_peer *peer, svr_path *path, svr_piece msg);
int svr_peer_receive_secret(svr_peer *peer, svr_path *path, svr_piece msg);
/* An authenticated packet under `key` said which keys its sender holds. */
void svr_peer_heard(svr_peer *peer, svr_peer_key *key, const svr_key_list *held);
void svr_peer_send_cert(svr_peer *peer, svr_path *path);
/* Starts an exchange: makes the request, sends it. */
void svr_peer_start_request(svr_peer *peer, const char *reason);

/* certificates.c */
bool svr_peers_init_certificates(svr_peers *peers);
void svr_peers_fini_certificates(svr_peers *peers);
/* A chain came in, whose SHA-384 is `hash`: whether peering may rest on it. Judges it unless it is known. */
bool svr_peer_judge_certificate(svr_peer *peer, svr_piece chain, const uint8_t hash[SVR_HASH_LEN]);
/* Acts upon what its certificate permits now. */
void svr_peer_review_certificate(svr_peer *peer);
/* A signature of the peer held, or did not (CRT-PUBKEY). */
void svr_peer_authenticated(svr_peer *peer, bool authentic);

/* attempt.c */
bool svr_peer_timers_init(svr_peer *peer);
void svr_peer_timers_fini(svr_peer *peer);
void svr_peer_input(svr_peer *peer, svr_security_input input, const char *reason);
/* Something changed: sends what became outstanding, moves the state on, sets the timers. */
void svr_peer_progress(svr_peer *peer);
/* A valid answer came in: patience starts anew. */
void svr_peer_answered(svr_peer *peer);
/* A message of the exchange came in: the peer has the feature. */
void svr_peer_kex_heard(svr_peer *peer);
/* The peer speaks BFD and no more: tells once why there is no peering with it (TOP-LEGACY). */
void svr_peer_tell_failure(svr_peer *peer, const char *reason);
/* Sends once more on this path what the peer owes an answer to. */
void svr_peer_repeat(svr_peer *peer, svr_path *path);
/* Tries again at once: an interface or a path changed (KEY-RETRY-IFCHANGE). */
void svr_peer_try_now(svr_peer *peer);
/* An exchange is complete: the next one is due after peer-key-rekey-interval (KEY-REKEY-PEER). */
void svr_peer_plan_rekey(svr_peer *peer);
/* Sends a message on the best path, or on all that might work while none is up. */
void svr_peer_send(svr_peer *peer, svr_piece msg, bool secret);
void svr_peer_send_metadata_key(svr_peer *peer);

#endif

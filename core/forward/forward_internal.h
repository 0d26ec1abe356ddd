/* SPDX-License-Identifier: MIT
 * Inside core/forward: the data plane's parts.
 *
 *   lan.c      packets from a LAN: policy, new sessions, enciphering (ingress; the egress for answers)
 *   wan.c      packets from a path: metadata, deciphering, transit
 *   admit.c    what authentic metadata does to sessions
 *   control.c  packets of our own that carry metadata only
 *   fragment.c datagrams that cross in parts; gather.c: parts that wait for the others
 *   moves.c    sessions that change to another path
 *   icmp.c     ICMP errors, from wherever they come to the host that they are for
 *   emit.c     headers around what leaves, ICMP errors
 *   nat.c      sessions over paths with a NAT
 *   limits.c   how many flows may begin, and alarms when something runs out
 *   policy.c   services, access, routes
 *
 * Packets run through in batches: all are looked up first, then one call of the cipher engine works on all of
 * them, then they leave in the order in which they came. */
#ifndef SVR_FORWARD_INTERNAL_H
#define SVR_FORWARD_INTERNAL_H

#include <assert.h>

#include "forward/forward.h"
#include "forward/gather.h"
#include "forward/limits.h"
#include "forward/policy.h"
#include "session/envelope.h"
#include "session/metadata.h"
#include "session/waypoint.h"

#define SVR_ICMP_ERRORS_PER_SECOND 100 /* RFC 4443 section 2.4 (f) asks for a limit */
#define SVR_CONTROL_INTERVAL SVR_MS    /* between requests for metadata on one path */
#define SVR_CONTROL_SLOTS 256          /* paths share a limit when their addresses hash alike */
#define SVR_REMIND_INTERVAL                                                                                  \
    SVR_SEC /* between metadata packets for a leg that only hears, and between                               \
               two new keys for a peer that keeps losing its state */

/* One packet on its way through. */
typedef struct svr_work {
    svr_packet *pkt;     /* NULL: dropped or used up */
    svr_packet *before;  /* metadata in a packet of its own that leaves first */
    svr_ip ip;           /* as it arrived */
    svr_tcp_segment tcp; /* of a WAN packet in TCP */
    svr_leg *in;         /* leg of arrival */
    svr_path *path;      /* of a WAN packet */
    bool stale;          /* it came on waypoints that the session has left */
    svr_payload_key *key;
    size_t op, hop_op, open_op; /* indexes into the batch's operations, or SVR_NO_OP */
    svr_metadata metadata;
    bool has_metadata, encrypted;
    uint32_t index;           /* of the hop's key */
    uint64_t nonce;           /* of the payload */
    bool expired;             /* it may go no further */
    bool cut;                 /* it crosses in parts */
    svr_gathering *gathering; /* of a fragment from a LAN */
    size_t piece_len;         /* the header of a part that stands in front of the nonce; 0: none */
    svr_fragment part;        /* what it says, at the far end */
} svr_work;
#define SVR_NO_OP SIZE_MAX

typedef struct svr_ops {
    size_t n;
    svr_crypt_op at[SVR_BATCH_MAX];
} svr_ops;

/* Sessions that went from one path to another for one reason. */
typedef struct svr_move {
    const svr_path *from, *to;
    const char *reason;
    uint64_t n;
    uint8_t uuid[SVR_UUID_LEN]; /* the first of them */
} svr_move;

#define SVR_MOVES_TOLD_MAX 16

typedef struct svr_moves {
    svr_timer slice, tell;
    size_t at, size;                   /* how far the sweep is in the table, and the table's size */
    uint64_t ended;                    /* sessions that had ended when it began */
    svr_move told[SVR_MOVES_TOLD_MAX]; /* what events have yet to say */
    size_t n_told;
} svr_moves;

struct svr_forward {
    svr_runtime *rt;
    svr_peers *peers;
    const svr_config *config;
    const svr_node_config *node;
    svr_sessions sessions;
    svr_moves moves;
    uint16_t ip_id;
    uint32_t datagram_id; /* of the next one that crosses in parts */
    svr_gather gather;
    uint32_t icmp_tokens;
    svr_time icmp_at;
    svr_time control_at[SVR_CONTROL_SLOTS];
    svr_time guessed; /* when somebody behind a NAT was last looked for by address */
    svr_limits limits;
    svr_timer keep; /* of mappings in a NAT at our end */
    size_t kept_at; /* where it goes on in the table of sessions */
    svr_work work[SVR_BATCH_MAX];
    svr_work parts[SVR_BATCH_MAX]; /* of one of them */
    svr_ops ops;                   /* of payloads */
    svr_ops hop_ops;               /* of metadata that leaves */
    svr_ops open_ops;              /* of metadata that came */
};

/* Returns the packet to the pool and counts why; NONE: it was used up. */
void svr_work_drop(svr_forward *f, svr_work *w, svr_drop reason);
/* The leg on whose waypoints the packet came, or which left them a moment ago: then w->stale is set. */
svr_leg *svr_work_find(const svr_forward *f, svr_work *w);
/* Adds one more operation; its index. */
static inline size_t svr_ops_add(svr_ops *ops, svr_crypt_op op) {
    assert(ops->n < SVR_BATCH_MAX);
    ops->at[ops->n] = op;
    return ops->n++;
}

/* moves.c */
bool svr_moves_init(svr_forward *f);
void svr_moves_fini(svr_forward *f);
/* The standing of a path changed: all sessions are asked whether they stay where they are, some of them now.
 */
void svr_moves_begin(svr_forward *f);
/* A packet of the session is about to leave, or came in: if it has not been asked yet, it is asked now. */
void svr_moves_review(svr_forward *f, svr_session *s);

/* emit.c */
typedef struct svr_emit_fields {
    uint8_t tos, ttl;
    bool dont_fragment;
} svr_emit_fields;
/* What the outgoing header takes over from a packet that passes a router. */
svr_emit_fields svr_emit_inherit(const svr_ip *ip);
/* Sends a body (pkt->data is the first byte behind the L4 header) on a path leg: UDP or TCP, and IP in front.
 */
void svr_emit_path(svr_forward *f, svr_leg *out, svr_packet *pkt, svr_emit_fields fields);
/* Sends an L4 segment (pkt->data is its first byte) on a LAN leg: IP in front. */
void svr_emit_lan(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_flow *flow,
                  svr_emit_fields fields);
/* The same for a part of one; `part` NULL: it is all of it. */
void svr_emit_lan_part(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_flow *flow,
                       svr_emit_fields fields, const svr_ip_part *part);
/* Sends a whole datagram that is only routed, one hop older. */
void svr_emit_routed(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_ip *ip);
/* Answers a packet from a LAN with an ICMP error, within the rate limit. */
void svr_emit_icmp_error(svr_forward *f, const svr_interface *in, const svr_packet *about,
                         svr_icmp_error what, uint32_t mtu);

/* Sends a whole datagram of our own on a LAN. */
void svr_emit_own(svr_forward *f, const svr_interface *out, svr_packet *pkt, const svr_addr *dst);
/* The interface's address of a family; NULL when it has none. */
const svr_addr *svr_emit_own_address(const svr_interface *in, uint8_t family);
/* Whether an ICMP error may be sent now; counts it. */
bool svr_emit_may_complain(svr_forward *f);

/* control.c */
/* An empty packet with room for metadata; NULL. */
svr_packet *svr_control_packet(svr_forward *f);
/* Seals a packet that has metadata only, and sends it; `made` false: drops it. */
void svr_control_send_alone(svr_forward *f, svr_leg *out, svr_packet *pkt, svr_crypt_op *op, bool made);
/* Makes the work's packet, which holds the body, ready for a path leg: metadata if the leg sends it, in the
 * packet or in one of its own when it does not fit; and what keeps a payload from looking like metadata.
 * `hop_op` is to be sealed once the body is. 0, TOO_BIG, NO_MEMORY or CRYPTO_FAILED. */
svr_drop svr_control_attach(svr_forward *f, svr_work *w, svr_leg *out);
/* Before anything leaves on a path leg: when the routers behind it may have forgotten the session, the
 * ingress makes a payload key that none of them has used; a transit router asks the router before it for one,
 * and nothing may leave until then: UNKNOWN_SESSION. Else 0, or CRYPTO_FAILED. */
svr_drop svr_control_settle_doubt(svr_forward *f, svr_leg *out);
/* Sends metadata in a packet of its own, with a control message or 0. */
void svr_control_send(svr_forward *f, svr_leg *out, svr_control control);
/* Asks for metadata: a packet came on waypoints that no session here has. */
void svr_control_ask(svr_forward *f, const svr_work *w);
/* Answers metadata of a session that has its origin here, and is not known: delete session. */
void svr_control_disown(svr_forward *f, const svr_work *w, const uint8_t uuid[SVR_UUID_LEN]);
/* The session ends here: tells the routers behind, so that they need not wait for their own idle limits. */
void svr_control_ended(svr_forward *f, svr_session *s);
/* Passes the request for metadata on to the leg's other end. */
void svr_control_ask_leg(svr_forward *f, svr_leg *leg);
/* Metadata goes out on this leg again; with `tell` at once, in a packet of its own. */
void svr_control_renew(svr_forward *f, svr_leg *out, bool tell);
/* A leg hears packets while its metadata is not acknowledged, or metadata that nothing answers: speaks up. */
void svr_control_review(svr_forward *f, svr_leg *leg);
/* Whether metadata that leaves here may name the newest payload key: reverse metadata does so only when the
 * key has reached the far end. */
bool svr_control_knows_key(const svr_leg *out);

/* nat.c (PD-NAT) */
/* Who may have sent a packet whose addresses no path has; NULL: nobody. The packet still has its headers. */
svr_path *svr_nat_sender(svr_forward *f, const svr_work *w);
/* Authentic metadata for the leg has come: it answers there from now on, unless newer metadata came from
 * elsewhere: then w->stale is set. 0 or NO_MEMORY. */
svr_drop svr_nat_follow(svr_forward *f, svr_work *w, svr_leg *leg);
/* A keep-alive without a session: its waypoints are open for one of ours. */
void svr_nat_offered(svr_forward *f, const svr_work *w);
/* A session began on these waypoints, perhaps on a pair that we hold open: another is opened. */
void svr_nat_begun(svr_forward *f, svr_path *path, const svr_tuple *arrival);
/* A path came into service. */
void svr_nat_serves(svr_forward *f, svr_path *path);
/* False when memory is short. */
bool svr_nat_start(svr_forward *f);

/* admit.c: authentic metadata of a packet takes effect. `text` is deciphered. 0 and w->in, or a reason. On 0
 * with w->in NULL the packet was a control message, and is used up. */
svr_drop svr_admit(svr_forward *f, svr_work *w, const uint8_t *text, size_t len, bool alone);

#endif

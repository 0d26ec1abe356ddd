/* SPDX-License-Identifier: MIT
 * Sessions: what a router remembers of one flow that crosses it.
 *
 * A session has two legs. Packets of the forward direction (that of the flow's first packet) arrive on the
 * ORIGIN leg and leave on the TARGET leg; those of the reverse direction the other way round. A leg is either
 * on a LAN, where packets carry the flow's own addresses, or on a peer path, where they carry waypoints
 * instead. So an ingress has LAN and path, an egress path and LAN, a transit router two paths; two LAN legs
 * are plain routing. */
#ifndef SVR_SESSION_H
#define SVR_SESSION_H

#include "base/table.h"
#include "peer/peer.h"
#include "session/former.h"
#include "session/handshake.h"
#include "session/key_store.h"
#include "session/payload_key.h"

#define SVR_SESSIONS_MAX 1000000
#define SVR_IDLE_UDP (180 * SVR_SEC)
#define SVR_IDLE_ICMP (30 * SVR_SEC)
#define SVR_IDLE_TCP (1900 * SVR_SEC)         /* both ends have spoken */
#define SVR_IDLE_TCP_HALF_OPEN (60 * SVR_SEC) /* only one has */
#define SVR_IDLE_TCP_FINISHED (60 * SVR_SEC)  /* after both FINs */
#define SVR_IDLE_TCP_RESET (30 * SVR_SEC)     /* after RST */

/* Later routers remember a session this much longer than its ingress, which alone can begin it again. */
#define SVR_IDLE_MARGIN (10 * SVR_SEC)

typedef struct svr_session svr_session;

typedef enum svr_side { SVR_ORIGIN, SVR_TARGET } svr_side;

/* The 5-tuple of packets as they arrive on a leg; `ifid` is the LAN interface, SVR_IFID_NONE on a path. No
 * padding: it is a key of svr_sessions.by_tuple. */
typedef struct svr_tuple {
    svr_addr src, dst;
    uint16_t sport, dport, proto, ifid;
} svr_tuple;

/* A time in milliseconds, for what was a short while ago: it takes half the room, and turns over after 49
 * days. */
typedef uint32_t svr_moment;

static inline svr_moment svr_moment_of(svr_time t) {
    return (svr_moment)(t / SVR_MS);
}
static inline bool svr_moment_since(svr_moment then, svr_time now, svr_duration interval) {
    return (svr_duration)(svr_moment)(svr_moment_of(now) - then) * SVR_MS >= interval;
}

/* The newest metadata that led a leg to its waypoints: what is older leads it nowhere. */
typedef struct svr_led {
    uint64_t nonce;
    uint32_t index; /* of the key */
    uint32_t life;  /* of the peer: what tells it from the one before */
} svr_led;

/* How far a TCP envelope is (session/envelope.h). */
typedef enum svr_envelope_state {
    SVR_ENVELOPE_FRESH,     /* nothing has come: what leaves is a SYN */
    SVR_ENVELOPE_ANSWERING, /* a SYN has come: what leaves answers it */
    SVR_ENVELOPE_OPEN,
    SVR_ENVELOPE_CLOSING, /* what leaves is the last */
} svr_envelope_state;

/* Sequence numbers of a TCP envelope. */
typedef struct svr_envelope {
    uint32_t next;  /* of the octet that leaves next */
    uint32_t heard; /* of the one that should come next */
} svr_envelope;

typedef struct svr_leg {
    svr_tuple arrival;
    unsigned side : 1;       /* svr_side: its place in svr_session.leg */
    bool bound : 1;          /* it is in by_tuple */
    unsigned tcp_state : 2;  /* path leg: svr_envelope_state */
    svr_handshake handshake; /* path leg */
    uint16_t far_room;       /* path leg: longest body that goes on behind the peer; 0: nothing is known */
    svr_path *path;          /* NULL: a LAN leg */
    union {
        struct {                      /* LAN leg */
            const svr_interface *lan; /* where packets leave */
            svr_addr gateway;         /* family 0 when destinations are on link */
        };
        struct {                 /* path leg */
            svr_time sent;       /* when anything left here last */
            svr_moment reminded; /* when metadata did */
            svr_moment kept;     /* behind a NAT: when a keep-alive did (PD-NAT) */
            svr_envelope tcp;    /* when the waypoints are TCP */
            uint64_t told;       /* the life of the peer to which the newest key went first */
            svr_led led;         /* of what its peer says */
        };
    };
} svr_leg;

struct svr_session {
    uint8_t uuid[SVR_UUID_LEN];
    const svr_tenant *tenant;
    const svr_service *service;
    svr_flow *through; /* transit: the flow; elsewhere a LAN leg shows it, see svr_session_flow */
    struct svr_sessions *all;
    svr_leg leg[2];
    svr_timer timer; /* idleness and key rotation */
    svr_time last_seen;
    uint64_t packets[2], bytes[2]; /* by the side that they came from: IP datagrams as they arrived */
    svr_payload_ring keys;
    svr_session *newer, *older; /* of those that changed (PD-HA); `older` of those that are dead */
    svr_time replicated;        /* when the other node was told last */
    uint32_t epoch;             /* of svr_sessions, when its path was chosen */
    bool encrypt : 1;
    bool dead : 1;    /* out of the tables, waits for svr_sessions_sweep */
    bool changed : 1; /* the other node has to be told */
    bool counted : 1; /* among those created */
    bool reset : 1;
    bool seen[2], fin[2]; /* by the side that packets came from */
};

/* The session that a leg is part of. */
static inline svr_session *svr_leg_session(const svr_leg *leg) {
    return (svr_session *)((uintptr_t)(leg - leg->side) - offsetof(svr_session, leg));
}

typedef struct svr_sessions {
    svr_runtime *rt;
    svr_duration rekey_ns; /* of payload keys; 0: never */
    svr_table by_uuid;     /* of svr_session */
    svr_table by_tuple;    /* of svr_leg */
    svr_formers former;    /* waypoints that legs have left */
    uint32_t epoch;        /* goes up when the choice of paths changes (forward/moves.c) */
    svr_session *dead;
    svr_key_store store;
    svr_payload_key *retired;
    void (*on_end)(void *ctx, svr_session *s); /* called when a session ends by idleness, before it goes */
    void *on_end_ctx;
    size_t waypoints;            /* legs on paths */
    uint64_t created, ended;     /* since the start */
    const svr_service *services; /* svr_sessions_of_service counts these */
    size_t n_services;
    uint32_t *of_service;

    /* Of a router with two nodes (PD-HA): what the other one has to be told. */
    bool replicate; /* this node serves, and the other listens */
    bool standby;   /* the other one serves: nothing ages here */
    svr_session *newest_changed, *oldest_changed;
    uint8_t (*gone)[SVR_UUID_LEN]; /* deleted sessions */
    size_t n_gone, gone_size;
} svr_sessions;

/* False when memory is short; svr_sessions_fini cleans up in any case. */
bool svr_sessions_init(svr_sessions *all, svr_runtime *rt, svr_duration rekey_ns);
/* Counts the sessions of each of these services from here on; before the first session. False when memory is
 * short. */
bool svr_sessions_count_services(svr_sessions *all, const svr_service *services, size_t n);
/* How many sessions the service has; 0 when nobody counts. */
size_t svr_sessions_of_service(const svr_sessions *all, const svr_service *service);
/* Deletes all sessions without a word. */
void svr_sessions_fini(svr_sessions *all);
/* Frees what died since the last call. Sessions and keys stay readable until then, so that a batch of packets
 * may point to them. */
void svr_sessions_sweep(svr_sessions *all);

svr_leg *svr_sessions_find(const svr_sessions *all, const svr_tuple *arrival);
/* The leg that left these waypoints less than SVR_FORMER_GRACE ago, or NULL. */
svr_leg *svr_sessions_find_former(const svr_sessions *all, const svr_tuple *arrival);
svr_session *svr_sessions_find_uuid(const svr_sessions *all, const uint8_t uuid[SVR_UUID_LEN]);

/* What a new session starts from. Leave `leg[].arrival` of a LAN leg empty: it follows from the flow. */
typedef struct svr_session_params {
    const uint8_t *uuid; /* NULL: a fresh one */
    svr_flow flow;
    const svr_tenant *tenant;
    const svr_service *service;
    bool encrypt;
    const svr_payload_key_tlv *key; /* NULL: a fresh one (ingress); none is needed between LANs */
    svr_leg leg[2];                 /* arrival, path, lan, gateway */
    bool silent;                    /* no event */
} svr_session_params;

/* Makes a session and enters it everywhere; sessions that hold one of its tuples are replaced. 0 and `*out`,
 * or the reason why not: SESSION_LIMIT, SESSION_CONFLICT (the tuple belongs to another tenant), NO_MEMORY,
 * CRYPTO_FAILED. */
svr_drop svr_session_create(svr_sessions *all, const svr_session_params *params, svr_session **out);
/* Takes the session out of the tables; its memory goes at the next sweep. */
void svr_session_delete(svr_session *s, const char *reason);
/* The same without an event. */
void svr_session_unlink(svr_session *s);

/* A path leg moves to other waypoints. A session that holds them is replaced; what still arrives on the
 * former ones is the session's for SVR_FORMER_GRACE. False when memory is short; the leg then stays where it
 * was. */
bool svr_leg_rebind(svr_leg *leg, svr_path *path, const svr_tuple *arrival);

/* The newest payload key is new on this leg, and goes out from now on. */
void svr_leg_begin(svr_leg *leg);
/* The routers behind a leg on which metadata goes out may have forgotten the session since its newest key
 * went to them, or begun anew: under that key they would count nonces from 1 again. */
bool svr_leg_in_doubt(const svr_leg *leg);

/* A packet arrived on this side; `tcp_flags` is 0 when it is not TCP or cannot be read here. */
void svr_session_touch(svr_session *s, svr_side from, uint8_t tcp_flags);
/* It had this many bytes. */
static inline void svr_session_count(svr_session *s, svr_side from, size_t bytes) {
    s->packets[from]++;
    s->bytes[from] += bytes;
}
/* Something that the session's timer waits for changed. */
void svr_session_plan(svr_session *s);
/* The other node is to be told of it (PD-HA). */
void svr_session_changed(svr_session *s);
/* It was. */
void svr_session_told(svr_session *s);

svr_tuple svr_tuple_of(const svr_flow *flow, svr_ifid ifid);
static inline svr_leg *svr_leg_opposite(const svr_leg *leg) {
    return &svr_leg_session(leg)->leg[!leg->side];
}
/* What packets that leave on this leg are. */
static inline svr_handshake_role svr_leg_role(const svr_leg *leg) {
    return leg->side == SVR_TARGET ? SVR_SENDS_FORWARD : SVR_SENDS_REVERSE;
}
/* This router made the session's key and renews it. */
static inline bool svr_session_is_originator(const svr_session *s) {
    return !s->leg[SVR_ORIGIN].path && s->leg[SVR_TARGET].path;
}
/* This router enciphers and deciphers the payload. */
static inline bool svr_session_is_endpoint(const svr_session *s) {
    return !s->leg[SVR_ORIGIN].path || !s->leg[SVR_TARGET].path;
}
/* The flow, as its forward packets have it, and its protocol. */
svr_flow svr_session_flow(const svr_session *s);
uint8_t svr_session_proto(const svr_session *s);
/* "1a2b3c4d", for events. */
#define SVR_SESSION_TEXT_MAX 9
const char *svr_session_text(const svr_session *s, char out[SVR_SESSION_TEXT_MAX]);
/* What this router is to the session: "ingress", "transit", "egress", or "local" between two LANs. */
const char *svr_session_place(const svr_session *s);

/* Sizes.
 *
 * What a packet of the session costs on the wire, behind the outer IP and L4 headers:
 *     nonce 8 | text, padded to a multiple of 16 with at least 1 byte when enciphered | tag 24 or 48
 * where the text is the inner datagram without its IP header and without what waypoints stand for: the UDP
 * header (8), the ports of TCP (4), nothing of ICMP. */
#define SVR_PAYLOAD_NONCE_LEN 8
/* Bytes of the inner L4 header that do not travel. */
size_t svr_session_stripped(uint8_t proto);
/* Bytes behind the outer L4 header for a text of this length. */
size_t svr_session_body_len(const svr_session *s, size_t text_len);
/* Longest text that crosses this path leg whole, without metadata. */
size_t svr_session_text_max(const svr_session *s, const svr_leg *out);
/* The same without relying on what is not known yet: while metadata is not acknowledged, routers further on
 * may have paths that take no more than SVR_PATH_MTU_MIN. */
#define SVR_PATH_MTU_MIN 1280
size_t svr_session_text_sure(const svr_session *s, const svr_leg *out);
/* Longest part of a datagram that crosses this path leg in a packet of its own (PD-FRAGMENT): a multiple of
 * 8. */
size_t svr_session_piece_max(const svr_session *s, const svr_leg *out);
/* The same as an MTU: longest inner IP datagram. */
size_t svr_session_mtu(const svr_session *s, const svr_leg *out);
/* Longest outer IP datagram on this path leg, less its IP and L4 headers. */
size_t svr_leg_room(const svr_leg *out);

#endif

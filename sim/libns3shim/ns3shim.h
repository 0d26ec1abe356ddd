/* SPDX-License-Identifier: MIT
 * A C interface to ns-3: nodes, links, timers and traffic of one simulated network.
 *
 * Times are nanoseconds since the world began. Everything lives until the world is deleted, except
 * timers. One world exists at a time, used by one thread. Callbacks run inside ns3shim_run_until; they may
 * call anything here but ns3shim_run_until and ns3shim_world_del. Functions that can fail return NULL or -1,
 * and ns3shim_error then says why. The same calls with the same seed give the same simulation, event by
 * event. */
#ifndef NS3SHIM_H
#define NS3SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NS3SHIM_NEVER UINT64_MAX

typedef struct ns3shim_world ns3shim_world;
typedef struct ns3shim_node ns3shim_node;
typedef struct ns3shim_link ns3shim_link;
typedef struct ns3shim_timer ns3shim_timer;
typedef struct ns3shim_flow ns3shim_flow;

/* ---- the world ------------------------------------------------------------------------------ */

/* `seed` from 1 to 2^32-1; `run` tells independent runs of a seed apart. NULL when a world exists already. */
ns3shim_world *ns3shim_world_new(uint32_t seed, uint64_t run);
void ns3shim_world_del(ns3shim_world *world);
/* What went wrong last. */
const char *ns3shim_error(void);

uint64_t ns3shim_now(const ns3shim_world *world);
/* Runs all events before `until`, after which it is `until`; earlier when ns3shim_stop was called. 0, or -1
 * when ns-3 gave up. */
int ns3shim_run_until(ns3shim_world *world, uint64_t until);
/* Makes ns3shim_run_until return after the present event. */
void ns3shim_stop(ns3shim_world *world);
/* The instant of the next event, NS3SHIM_NEVER when there is none: for hosts that let time pass with a clock.
 */
uint64_t ns3shim_next_event(const ns3shim_world *world);
/* Events that were executed so far. */
uint64_t ns3shim_event_count(const ns3shim_world *world);

/* A timer runs `fire` once at the instant it was set to. Setting it again moves it. */
ns3shim_timer *ns3shim_timer_new(ns3shim_world *world, void (*fire)(void *ctx), void *ctx);
void ns3shim_timer_del(ns3shim_timer *timer);
/* An instant in the past means now. */
void ns3shim_timer_set(ns3shim_timer *timer, uint64_t at);
void ns3shim_timer_cancel(ns3shim_timer *timer);

/* ---- nodes ---------------------------------------------------------------------------------- */

/* A raw node has no internet stack: each datagram that arrives goes to `rx`, with the index of the device
 * (its links in the order they were made, from 0). `data` is valid during the call. */
typedef void (*ns3shim_rx)(void *ctx, uint32_t device, const uint8_t *data, size_t len);
ns3shim_node *ns3shim_raw_new(ns3shim_world *world, const char *name, ns3shim_rx rx, void *ctx);
/* An end system with ns-3's own IPv4, IPv6, UDP and TCP. */
ns3shim_node *ns3shim_host_new(ns3shim_world *world, const char *name);
/* The same as a router of the underlay: it forwards, by the routes it is given. */
ns3shim_node *ns3shim_underlay_new(ns3shim_world *world, const char *name);

/* A NAT box (IPv4: UDP, TCP, ICMP): lends its outside address, and ports, to those inside, while they send.
 * Only the endpoint that was spoken to may answer. What nobody inside has a mapping for, IPv6 and fragments
 * are dropped. */
typedef struct ns3shim_nat_opts {
    bool dependent;      /* a port of its own for each outside endpoint; else one for each inside endpoint */
    uint64_t timeout_ns; /* a mapping on which nothing leaves for so long is forgotten; 0: never */
    bool strict_tcp;     /* lets pass only what a TCP connection from inside may consist of */
    uint16_t udp_port;   /* the only port outside that UDP may go to; 0: any */
} ns3shim_nat_opts;
typedef struct ns3shim_nat_stats {
    uint64_t outbound, inbound; /* translated */
    uint64_t made;              /* mappings, so far */
    uint64_t mappings;          /* that stand now */
    uint64_t unmapped;          /* from outside, for nobody */
    uint64_t dropped;           /* not to be translated */
    uint64_t refused_udp;       /* by `udp_port` */
    uint64_t refused_tcp;       /* by `strict_tcp` */
    const char *refusal;        /* of TCP, the last one; NULL: none */
} ns3shim_nat_stats;
ns3shim_node *ns3shim_nat_new(ns3shim_world *world, const char *name, const ns3shim_nat_opts *opts);
/* The device leads to this prefix inside. */
int ns3shim_nat_inside(ns3shim_node *node, uint32_t device, const char *prefix, uint8_t prefix_len);
/* The device leads outside. A second address of it is in reserve for ns3shim_nat_forget. */
int ns3shim_nat_outside(ns3shim_node *node, uint32_t device, const char *address);
/* Forgets all mappings; with `other_address` the next of its outside addresses is lent from now on. */
int ns3shim_nat_forget(ns3shim_node *node, bool other_address);
int ns3shim_nat_get_stats(ns3shim_node *node, ns3shim_nat_stats *out);

/* Sends an IP datagram out of a device of a raw node. -1 when there is no such device, or it is no datagram.
 * What the link then does to it, its counters tell. */
int ns3shim_raw_send(ns3shim_node *node, uint32_t device, const uint8_t *data, size_t len);
/* The longest datagram that the link of a node's device carries; 0: there is no such device. */
uint32_t ns3shim_node_mtu(const ns3shim_node *node, uint32_t device);

/* Hosts and underlay routers. `address` is IPv4 or IPv6 text. A node's routes are static; the longest prefix
 * wins; the prefix of an address is on link by itself. A NULL or empty `gateway` means on link. */
int ns3shim_node_address(ns3shim_node *node, uint32_t device, const char *address, uint8_t prefix_len);
int ns3shim_node_route(ns3shim_node *node, uint32_t device, const char *prefix, uint8_t prefix_len,
                       const char *gateway);

/* ---- links ---------------------------------------------------------------------------------- */

/* A point-to-point link carries bare IP datagrams, both ways alike. */
typedef struct ns3shim_link_opts {
    uint64_t rate_bps;  /* 0: no serialization delay */
    uint64_t delay_ns;  /* of propagation */
    uint64_t jitter_ns; /* up to this much is added to the delay, drawn evenly per frame */
    bool reorder;       /* jitter may let frames overtake each other */
    double loss;        /* probability that a frame is lost */
    double duplicate;   /* probability that a frame goes twice */
    double corrupt; /* probability that a bit of a frame flips behind its UDP header; the checksum follows */
    uint32_t queue; /* frames that wait for a busy link; 0: 1000 */
    uint32_t mtu;   /* longest datagram; 0: 1500 */
    uint16_t apart; /* losses of frames to this UDP port are counted apart as well; 0: none */
} ns3shim_link_opts;

typedef struct ns3shim_link_stats {
    uint64_t sent, sent_bytes;         /* frames put on the medium */
    uint64_t received, received_bytes; /* frames that arrived */
    uint64_t duplicated, corrupted;    /* by those probabilities */
    uint64_t lost_random;              /* by `loss` */
    uint64_t lost_apart;               /* of these, to the port `apart` */
    uint64_t lost_in_flight;           /* on the medium or in the queue when the link went down */
    uint64_t lost_down;                /* sent while the link was down, or this direction blocked */
    uint64_t lost_queue;               /* the queue was full */
    uint64_t lost_mtu;                 /* longer than the link carries */
} ns3shim_link_stats;

ns3shim_link *ns3shim_link_new(ns3shim_world *world, ns3shim_node *a, ns3shim_node *b,
                               const ns3shim_link_opts *opts);
/* Takes the link down or up, both ways. What is on its way is lost. */
void ns3shim_link_set_up(ns3shim_link *link, bool up);
/* Blocks one direction: what is sent there from now on does not get on the medium. */
void ns3shim_link_block(ns3shim_link *link, unsigned direction, bool blocked);
bool ns3shim_link_is_up(const ns3shim_link *link);
/* Changes what may change at run time: rate, delay, jitter, reordering, loss, duplication and corruption. */
int ns3shim_link_adjust(ns3shim_link *link, const ns3shim_link_opts *opts);
/* Direction 0 is from `a` to `b`, 1 from `b` to `a`. */
void ns3shim_link_get_stats(const ns3shim_link *link, unsigned direction, ns3shim_link_stats *out);
/* Remembers every frame that is put on the medium from now on, or no more; what is remembered stays. */
void ns3shim_link_record(ns3shim_link *link, bool on);
/* Puts all that was remembered of a direction on the medium once more, in its order and `spacing_ns` apart,
 * the first now: an attacker's replay. Returns how many frames. */
size_t ns3shim_link_replay(ns3shim_link *link, unsigned direction, uint64_t spacing_ns);
/* The device index of the link at its end `a` (0) or `b` (1). */
uint32_t ns3shim_link_device(const ns3shim_link *link, unsigned end);

/* What the medium sees: a frame as its first bit leaves the sender, or as its last bit reaches the receiver.
 */
typedef enum ns3shim_tap_what { NS3SHIM_TAP_SENT = 1, NS3SHIM_TAP_RECEIVED = 2 } ns3shim_tap_what;
typedef void (*ns3shim_tap)(void *ctx, unsigned direction, ns3shim_tap_what what, const uint8_t *data,
                            size_t len, uint64_t now);
/* `mask` joins ns3shim_tap_what by or; 0 takes the tap off. The tap must not send. */
void ns3shim_link_set_tap(ns3shim_link *link, unsigned mask, ns3shim_tap tap, void *ctx);

/* ---- traffic -------------------------------------------------------------------------------- */

/* Flows send messages from a host to a server on another. A message names its flow and number inside, so what
 * arrives is counted for the flow that it belongs to, whatever happened to addresses on the way. Over UDP a
 * message is a datagram; over TCP messages follow each other in the stream. */
typedef enum ns3shim_flow_kind {
    NS3SHIM_TCP_BULK,    /* `count` messages as fast as TCP takes them, then close */
    NS3SHIM_TCP_RATE,    /* a message each interval on one connection */
    NS3SHIM_TCP_REQUEST, /* a message each interval, answered by the server; see `keep` */
    NS3SHIM_UDP_RATE,    /* a datagram each interval */
    NS3SHIM_UDP_ECHO,    /* a datagram each interval, answered by the server */
    NS3SHIM_PING,        /* an ICMP echo each interval */
} ns3shim_flow_kind;

#define NS3SHIM_MESSAGE_MIN 32 /* shortest message; not of pings */
#define NS3SHIM_MESSAGE_MAX 65000

typedef struct ns3shim_flow_opts {
    ns3shim_flow_kind kind;
    const char *source;      /* NULL: the host's first address of the destination's family */
    const char *destination; /* IPv4 or IPv6 text */
    uint16_t source_port;    /* 0: any */
    uint16_t port;
    uint64_t count;        /* messages; 0: until the flow is stopped (not for NS3SHIM_TCP_BULK) */
    uint64_t interval_ns;  /* not for NS3SHIM_TCP_BULK */
    uint64_t stop_at;      /* the instant at which the flow is stopped; 0: none */
    uint32_t size;         /* bytes of a message (for pings: behind the ICMP header) */
    uint32_t reply_size;   /* bytes of an answer to NS3SHIM_TCP_REQUEST; an echo is as long as its request */
    bool keep;             /* NS3SHIM_TCP_REQUEST: all on one connection, rather than one for each */
    uint64_t reconnect_ns; /* open TCP again this long after it failed; 0: the flow then ends */
    uint32_t segment;      /* TCP segment size; 0: 1340 */
    void (*done)(void *ctx); /* all sent, and received or given up; may be NULL */
    void *ctx;
} ns3shim_flow_opts;

typedef struct ns3shim_flow_stats {
    uint64_t sent, sent_bytes;         /* messages handed to the transport */
    uint64_t unsent;                   /* intervals at which TCP had no connection, or no room */
    uint64_t received, received_bytes; /* different messages that reached the server whole */
    uint64_t duplicated, reordered, corrupted;
    uint64_t replies, reply_bytes;               /* answers that came back */
    uint64_t connects, failures;                 /* TCP connections that opened, and that failed */
    uint64_t first_sent, last_received;          /* instants, or NS3SHIM_NEVER */
    uint64_t completed;                          /* when the flow ended, or NS3SHIM_NEVER */
    uint64_t rtt_min_ns, rtt_max_ns, rtt_sum_ns; /* of `replies` */
} ns3shim_flow_stats;

/* A run of messages that did not arrive (or, where answers are wanted, got none), between one sent at `after`
 * and one sent at `before` that did. */
typedef struct ns3shim_gap {
    uint64_t first, count;
    uint64_t after, before;
} ns3shim_gap;

/* Answers all flows to `port` of a host, over TCP and UDP, IPv4 and IPv6. */
int ns3shim_serve(ns3shim_node *host, uint16_t port);
/* Begins a flow now. The options are copied. */
ns3shim_flow *ns3shim_flow_new(ns3shim_node *host, const ns3shim_flow_opts *opts);
void ns3shim_flow_stop(ns3shim_flow *flow);
/* Sends `count` messages more, the first now, besides those of the interval. Not of NS3SHIM_TCP_BULK. */
void ns3shim_flow_burst(ns3shim_flow *flow, uint64_t count, uint64_t spacing_ns);
void ns3shim_flow_get_stats(const ns3shim_flow *flow, ns3shim_flow_stats *out);
/* Copies up to `max` gaps, oldest first; returns how many there are. What was sent last and never came is
 * not among them: nothing after it tells that it is missing. */
size_t ns3shim_flow_gaps(const ns3shim_flow *flow, ns3shim_gap *out, size_t max);

#ifdef __cplusplus
}
#endif
#endif

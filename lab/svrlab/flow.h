/* SPDX-License-Identifier: MIT
 * Flows: what every kind of traffic has in common, and the bytes that wait for a TCP connection. */
#ifndef SVRLAB_FLOW_H
#define SVRLAB_FLOW_H

#include "svrlab/message.h"
#include "svrlab/world.h"

#define LAB_TCP_BUFFER (1 << 20)

/* Bytes that a connection has not taken yet. All zero at the beginning. */
typedef struct lab_pending {
    uint8_t *bytes;
    size_t n, max;
} lab_pending;

/* Room for `n` bytes more at the end, which count as there; NULL when memory is short. */
uint8_t *lab_pending_add(lab_pending *p, size_t n);
/* Sends what the socket takes; false when the connection is gone. */
bool lab_pending_send(lab_pending *p, int fd);
void lab_pending_fini(lab_pending *p);

typedef union lab_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} lab_address;

socklen_t lab_address_len(const lab_address *a);

struct ns3shim_flow {
    ns3shim_world *world;
    ns3shim_node *node;
    uint32_t id;
    ns3shim_flow_opts opts; /* the texts are not kept: see `from` and `to` */
    lab_address from, to;
    ns3shim_flow_stats stats;
    lab_track requests, replies;
    ns3shim_timer *tick, *patience, *burst, *reconnect;
    uint64_t next_tick, burst_left, burst_spacing;
    lab_source socket;
    /* of TCP */
    bool open, answered;
    lab_reader reader;
    lab_pending out;
};

bool lab_flow_done(const ns3shim_flow *f);
bool lab_flow_all_sent(const ns3shim_flow *f);
bool lab_flow_is_tcp(const ns3shim_flow *f);
/* Writes the next message, which counts as sent, to `out`: opts.size bytes. */
void lab_flow_next(ns3shim_flow *f, uint8_t *out);
/* A message of the flow came to a server, or an answer came back. */
void lab_flow_request(ns3shim_flow *f, const lab_message *m, bool intact);
void lab_flow_reply(ns3shim_flow *f, const lab_message *m, bool intact);
/* It ends now. */
void lab_flow_complete(ns3shim_flow *f);
/* Opens its socket, bound to its own address. 0, or -1. */
int lab_flow_socket(ns3shim_flow *f, int type, int protocol);

/* udp.c and tcp.c: begin; send one message, unless that is impossible now; end. */
int lab_udp_start(ns3shim_flow *f);
void lab_udp_tick(ns3shim_flow *f);
int lab_tcp_start(ns3shim_flow *f);
void lab_tcp_tick(ns3shim_flow *f);
void lab_tcp_hang_up(ns3shim_flow *f);

#endif

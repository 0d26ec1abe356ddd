/* SPDX-License-Identifier: MIT
 * The L4 header around the body of a packet between two routers (PD-UDP): UDP, or on paths with
 * `tcp-transport native` TCP for sessions that are TCP themselves.
 *
 * With TCP the two waypoints are the ends of a connection of their own, between these two routers: it opens
 * with a SYN, counts the octets that are on the wire, acknowledges what came, and ends with a FIN. So a
 * firewall that checks TCP strictly finds nothing wrong with it. It says nothing of the connection inside,
 * whose header crosses enciphered as in UDP, and it repeats nothing: what is lost, the hosts send again.
 *
 * No time is lost with its beginning. The first packets are SYNs that carry a body, until an answer comes;
 * the answers are SYN-ACKs with a body, until one of them is acknowledged. */
#ifndef SVR_SESSION_ENVELOPE_H
#define SVR_SESSION_ENVELOPE_H

#include "session/session.h"

/* Sizes are counted with the longest TCP header, which is that of a SYN. */
#define SVR_ENVELOPE_TCP_LEN 28

/* The protocol of packets of such a session on the path: SVR_PROTO_TCP or SVR_PROTO_UDP. */
uint8_t svr_envelope_proto(const svr_path *path, uint8_t inner_proto);
/* Bytes in front of a body on these waypoints. */
size_t svr_envelope_len(const svr_tuple *arrival);
/* The leg has new waypoints: nothing has been heard on them. Does nothing with UDP. */
void svr_envelope_begin(svr_leg *leg);
/* The header of a packet with `len` bytes of body that leaves on the leg now, which counts them. */
void svr_envelope_seal(svr_leg *leg, size_t len, svr_tcp_header *out);
/* A packet came on the leg's waypoints, and is believed. */
void svr_envelope_heard(svr_leg *leg, const svr_tcp_segment *seen);
/* For an answer to a packet whose session is not known: goes on where that packet is. */
void svr_envelope_answer(svr_leg *leg, const svr_tcp_segment *seen);

#endif

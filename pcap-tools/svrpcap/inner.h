/* SPDX-License-Identifier: MIT
 * The packet inside: what went in at the ingress and comes out at the egress (docs/protocol.md, section 4.2).
 */
#ifndef SVRPCAP_INNER_H
#define SVRPCAP_INNER_H

#include "input.h"

#define SVRPCAP_INNER_MAX 65600

/* Length of the IP datagram inside a packet whose payload is authentic; 0 when there is none. */
size_t svrpcap_inner_len(const svr_seen *s);
/* What the session's packet carries of its own: UDP payload, TCP data, ICMP message. */
size_t svrpcap_inner_payload(const svr_seen *s, const uint8_t **data);
/* An ICMP error that crosses in metadata (section 4.10), as the last router makes it. Its length, or 0 when
 * there is none. */
size_t svrpcap_inner_error(const svrpcap_packet *p, uint8_t out[SVRPCAP_INNER_MAX]);
/* Writes the datagram. TTL, TOS and don't fragment are those of the outer header, as it was where the capture
 * was taken. Its length, or 0 as above. */
size_t svrpcap_inner_write(const svrpcap_packet *p, uint8_t out[SVRPCAP_INNER_MAX]);

#endif

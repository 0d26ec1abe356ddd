/* SPDX-License-Identifier: MIT
 * What tunnels add to an IP datagram, byte by byte. */
#ifndef SVRPCAP_OVERHEAD_H
#define SVRPCAP_OVERHEAD_H

#include <stddef.h>
#include <stdint.h>

typedef enum svrpcap_scheme {
    SVRPCAP_SVR, /* as captured */
    SVRPCAP_GRE,
    SVRPCAP_ESP,
    SVRPCAP_WIREGUARD,
    SVRPCAP_SCHEMES,
} svrpcap_scheme;

const char *svrpcap_scheme_name(svrpcap_scheme s);
/* Bytes that a scheme other than SVR adds to a datagram of `inner` bytes, between tunnel ends with addresses
 * of this family (4 or 6). */
size_t svrpcap_overhead(svrpcap_scheme s, size_t inner, uint8_t family);

#endif

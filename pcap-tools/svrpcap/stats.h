/* SPDX-License-Identifier: MIT
 * Bytes on the wire, and what others would have needed for the same packets. */
#ifndef SVRPCAP_STATS_H
#define SVRPCAP_STATS_H

#include "input.h"
#include "overhead.h"
#include "table.h"

#define SVRPCAP_STATS_SESSIONS_MAX 200000u
#define SVRPCAP_SIZES 6 /* classes of datagrams, by their length */

/* One session, one class of sizes, or all. */
typedef struct svrpcap_sums {
    uint64_t packets, payload; /* packets with a datagram inside; bytes behind the L4 headers of those */
    uint64_t inner, wire; /* bytes of the datagrams inside, and of all IP datagrams that were sent for them */
    uint64_t metadata_only; /* packets without one */
    uint64_t overhead[SVRPCAP_SCHEMES];
} svrpcap_sums;

typedef struct svrpcap_stats_session {
    uint8_t uuid[SVR_SEEN_UUID_LEN];
    svr_flow inner;
    char service[SVR_NAME_MAX + 1];
    svrpcap_sums sums;
} svrpcap_stats_session;

typedef struct svrpcap_statistics {
    svrpcap_sums total, size[SVRPCAP_SIZES];
    svrpcap_table sessions;
    uint64_t bfd, bfd_bytes; /* BFD, and the exchange of keys in it */
    uint64_t unknown,
        unknown_bytes; /* of SVR, but without key or with a bad HMAC: nobody knows what is inside */
} svrpcap_statistics;

/* The longest datagram of a class; 0 for the last, which has no end. */
size_t svrpcap_size_limit(size_t i);
/* Bytes a packet. */
double svrpcap_mean(const svrpcap_sums *s, svrpcap_scheme scheme);
/* Draws the plot as SVG. False with errno set when the file cannot be written. */
bool svrpcap_stats_svg(const svrpcap_statistics *s, const char *file);

#endif

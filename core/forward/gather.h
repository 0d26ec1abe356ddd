/* SPDX-License-Identifier: MIT
 * Datagrams that come in parts, and wait here for the parts that are missing.
 *
 * All of it is bounded: datagrams, parts of one, memory, and memory of one sender. What is not whole after
 * SVR_GATHER_LIFE goes (RFC 791, RFC 8200). Parts that overlap spoil their datagram: none of it is used (RFC
 * 5722), since what is read first here may not be what its receiver reads first. */
#ifndef SVR_FORWARD_GATHER_H
#define SVR_FORWARD_GATHER_H

#include "base/runtime.h"
#include "base/table.h"

#define SVR_GATHER_LIFE (30 * SVR_SEC)
#define SVR_GATHER_DATAGRAMS 512           /* the oldest makes room for a new one */
#define SVR_GATHER_PARTS 128               /* of a datagram: 65535 bytes over a path of 1280 come in 57 */
#define SVR_GATHER_BYTES (16u << 20)       /* of packets that wait */
#define SVR_GATHER_SENDER_BYTES (1u << 20) /* of those, from one sender */
#define SVR_GATHER_SENDERS 256             /* senders share a budget when they hash alike */
#define SVR_GATHER_END (UINT16_MAX - 20)   /* no part reaches beyond */

/* Whose parts belong together; without padding. */
typedef struct svr_gather_key {
    uint32_t id;
    uint16_t place, proto;
    svr_addr sender, receiver;
    uint8_t zero[2];
} svr_gather_key;

typedef struct svr_part {
    svr_packet *pkt;
    uint32_t at, len; /* its place in the datagram */
} svr_part;

typedef struct svr_gathering {
    svr_gather_key key;
    svr_time until;
    struct svr_gathering *younger;
    svr_part part[SVR_GATHER_PARTS]; /* by place */
    size_t n;
    uint32_t held, total; /* bytes of the datagram that are here, and of all of it; total 0: not known */
    svr_drop spoiled;     /* why nothing of it is used any more; 0: it still is */
    uint16_t largest;     /* longest packet that a part came in */

    /* At the router where the datagram came from a LAN. */
    svr_flow flow; /* with the ports that the first part told; proto 0: it has not come yet */
    uint32_t extended_id;
} svr_gathering;

typedef struct svr_gather {
    svr_runtime *rt;
    svr_table table;
    svr_gathering *oldest, *youngest;
    svr_timer timer;
    size_t bytes, sender_bytes[SVR_GATHER_SENDERS];
} svr_gather;

/* False when memory is short. */
bool svr_gather_init(svr_gather *g, svr_runtime *rt);
void svr_gather_fini(svr_gather *g);

/* The datagram of this key, perhaps a new one; NULL when memory is short. Others may be forgotten. */
svr_gathering *svr_gather_open(svr_gather *g, const svr_gather_key *key);
/* Takes over a packet that holds `len` bytes of the datagram from `at` on; `more` says that others follow. 0,
 * or why not: IP_FRAGMENT (no datagram can be like that), FRAGMENT_REPEATED, FRAGMENT_OVERLAP,
 * FRAGMENT_LIMIT; the packet is then the caller's still. */
svr_drop svr_gather_add(svr_gather *g, svr_gathering *d, svr_packet *pkt, uint32_t at, uint32_t len,
                        bool more);
bool svr_gather_whole(const svr_gathering *d);
/* No part of it will be used. What waits is dropped; what comes is refused until its time is over. */
void svr_gather_spoil(svr_gather *g, svr_gathering *d, svr_drop why);
/* Counts a part that does not wait. False when no datagram can be like that. */
bool svr_gather_pass(svr_gathering *d, uint32_t at, uint32_t len, bool more);
/* Hands the first part that waits back to the caller; NULL when there is none. */
svr_packet *svr_gather_take(svr_gather *g, svr_gathering *d);
/* Forgets the datagram and returns its packets to the pool. */
void svr_gather_close(svr_gather *g, svr_gathering *d);

#endif

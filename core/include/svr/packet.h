/* SPDX-License-Identifier: MIT
 * Packets and batches: what crosses the host interface.
 *
 * A packet holds one IP datagram (no link header) with room in front and behind, so that the stack
 * rewrites, enciphers and signs it in place. Packets come from a pool and go back to it; whoever holds a
 * packet in a batch owns it. */
#ifndef SVR_PACKET_H
#define SVR_PACKET_H

#include "svr/base.h"

#define SVR_BATCH_MAX 64        /* packets in a batch: wide enough to fill every crypto lane */
#define SVR_PACKET_HEADROOM 768 /* room for metadata in front of the payload */
#define SVR_PACKET_TAILROOM 192 /* cipher padding and two HMACs */
#define SVR_PACKET_LEN_MAX 9216 /* longest datagram that a packet carries */

typedef struct svr_packet {
    uint8_t *data;      /* first byte of the IP header */
    uint32_t len;       /* bytes of the datagram */
    svr_ifid ifid;      /* output: the interface to send on */
    bool open_checksum; /* output: its UDP checksum holds the pseudo header's sum, the host completes it */
    svr_addr next_hop;  /* output: gateway, or the destination itself when it is on link */
    uint32_t size;      /* bytes of `buf` */
    struct svr_packet *next_free;
    uint8_t buf[];
} svr_packet;

typedef struct svr_batch {
    size_t n;
    svr_packet *pkt[SVR_BATCH_MAX];
} svr_batch;

typedef struct svr_pool svr_pool;

/* A pool of packets; `limit` bounds how many may be out at once. NULL when memory is short. */
svr_pool *svr_pool_new(const svr_allocator *alloc, size_t limit);
/* All packets must be back. */
void svr_pool_del(svr_pool *pool);
/* An empty packet with SVR_PACKET_HEADROOM in front and room for `len` bytes (at most
 * SVR_PACKET_LEN_MAX) plus SVR_PACKET_TAILROOM. NULL: limit reached, or memory short. */
svr_packet *svr_packet_get(svr_pool *pool, size_t len);
void svr_packet_put(svr_pool *pool, svr_packet *pkt);
/* Returns every packet of the batch to the pool and empties it. */
void svr_batch_put(svr_pool *pool, svr_batch *batch);

/* Bytes free in front of and behind the datagram. */
size_t svr_packet_headroom(const svr_packet *pkt);
size_t svr_packet_tailroom(const svr_packet *pkt);

#endif

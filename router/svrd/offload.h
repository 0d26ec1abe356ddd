/* SPDX-License-Identifier: MIT
 * Super-packets: up to 64 KiB of one flow behind a single header, which the kernel hands over and takes in
 * one go, with a virtio header that says how to cut them (segmentation offload). The stack knows nothing of
 * them: here they become ordinary datagrams on the way in, and datagrams become super-packets on the way out.
 * Pure functions; no system call. */
#ifndef SVRD_OFFLOAD_H
#define SVRD_OFFLOAD_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "svr/packet.h"
#include "svr/wire.h"

#define SVRD_SUPER_MAX 65535 /* longest IP datagram */

/* ---- in: one becomes many --------------------------------------------------------------------- */

/* Where the cutting of one datagram stands. Points into the datagram; zeroed: nothing to cut. */
typedef struct svrd_segmenter {
    const uint8_t *data;
    svr_ip ip;
    size_t headers; /* IP and L4 bytes, which each segment gets in front */
    size_t payload; /* bytes behind them */
    size_t size;    /* of these in each segment but the last */
    size_t at;      /* bytes cut so far */
    uint16_t n;     /* segments cut so far */
    bool checksums; /* fill in those of L4 */
} svrd_segmenter;

/* Begins with a datagram and its virtio header. Without `checksums` those of L4 stay as they are, for a
 * reader that does not look. False: header and datagram do not go together, or a segment would be longer than
 * a packet can be. */
bool svrd_segmenter_begin(svrd_segmenter *s, const struct virtio_net_hdr *h, const uint8_t *data, size_t len,
                          bool checksums);
/* Bytes of the next segment; 0: none is left. */
size_t svrd_segmenter_length(const svrd_segmenter *s);
/* Writes it; there must be room for svrd_segmenter_length(s) > 0 bytes. */
void svrd_segmenter_cut(svrd_segmenter *s, uint8_t *out);

/* Computes the one checksum that the kernel has left open in a datagram that is no super-packet. False: the
 * virtio header points past the end. */
bool svrd_finish_checksum(const struct virtio_net_hdr *h, uint8_t *data, size_t len);

/* The same for a packet of the stack's, which says itself what is open. */
void svrd_finish_packet(svr_packet *pkt);

/* ---- out: many become one --------------------------------------------------------------------- */

/* What may be joined. */
#define SVRD_JOIN_TCP 1u
#define SVRD_JOIN_UDP 2u
#define SVRD_JOIN_TRUST 4u /* without asking whether the L4 checksums hold: we made them */

/* A datagram, or a super-packet, in pieces to be written in a row. */
typedef struct svrd_super {
    struct virtio_net_hdr header;
    struct iovec iov[SVR_BATCH_MAX];
    size_t n;   /* pieces */
    size_t len; /* bytes in them */
} svrd_super;

/* Joins as many of the `n` packets as go together, from the first on; returns their number, at least 1. Of
 * several, the first one's headers then are those of the super-packet. Joined are packets of one flow that
 * follow each other without a gap, equal in all but what follows from their order and in size, though the
 * last may be shorter: the kernel can cut the very same packets again. */
size_t svrd_super_join(svrd_super *s, svr_packet *const *packets, size_t n, unsigned what);

#endif

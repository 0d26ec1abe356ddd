/* SPDX-License-Identifier: MIT
 * A LAN of the router: a tun or tap device that svrd creates, and that goes when svrd does; or an Ethernet
 * device of the machine (ethernet.h). Where the kernel can, whole super-packets (offload.h) pass through a
 * tun device. On a tap device the router is a station of its own, with an Ethernet address that follows from
 * its names (neighbor.h). */
#ifndef SVRD_TUN_H
#define SVRD_TUN_H

#include "svrd/fail.h"
#include "svrd/log.h"
#include "svrd/neighbor.h"
#include "svrd/netlink.h"
#include "svrd/offload.h"

typedef struct svrd_tun {
    const svr_interface *iface;
    int fd; /* -1: closed */
    int index;
    uint32_t mtu;
    bool vnet;                 /* a virtio header stands in front of each datagram, or frame */
    unsigned join;             /* what the kernel takes as super-packets: SVRD_JOIN_... */
    uint8_t *super;            /* the super-packet that is being cut; room for its frame */
    svrd_segmenter pending;    /* what is left of it */
    svrd_neighbors *neighbors; /* of a tap or Ethernet device; NULL: it is a tun device */
    const svrd_clock *clock;
    uint64_t received, sent, dropped; /* packets; dropped: the kernel refused them */
} svrd_tun;

/* Creates the device with its addresses and routes, and switches it on, or finds it when it is Ethernet; with
 * `offload` a tun device asks the kernel for super-packets. 0, or -1 with `err` filled and nothing left
 * behind. */
int svrd_tun_open(svrd_tun *tun, const svr_interface *iface, uint32_t wan_mtu, bool offload, svrd_netlink *nl,
                  svrd_log *log, svr_error *err);
void svrd_tun_close(svrd_tun *tun);

/* When svrd_tun_expire has something to do. */
static inline svr_time svrd_tun_deadline(const svrd_tun *tun) {
    return tun->neighbors ? tun->neighbors->next : SVR_TIME_NEVER;
}
void svrd_tun_expire(svrd_tun *tun, svr_time now);

/* Reads up to SVR_BATCH_MAX packets into the empty batch, without waiting. */
void svrd_tun_read(svrd_tun *tun, svr_pool *pool, svr_batch *out);
/* Part of a super-packet is left: read again before waiting. */
static inline bool svrd_tun_pending(const svrd_tun *tun) {
    return svrd_segmenter_length(&tun->pending) > 0;
}
/* Hands packets to the kernel, at most SVR_BATCH_MAX. The caller keeps them; their headers may change. */
void svrd_tun_write(svrd_tun *tun, svr_packet *const *packets, size_t n);

#endif

/* SPDX-License-Identifier: MIT
 * A LAN of the router: a tun device that svrd creates, and that goes when svrd does. */
#ifndef SVRD_TUN_H
#define SVRD_TUN_H

#include "svrd/fail.h"
#include "svrd/log.h"
#include "svrd/netlink.h"

typedef struct svrd_tun {
    const svr_interface *iface;
    int fd; /* -1: closed */
    int index;
    uint32_t mtu;
    uint64_t received, sent, dropped; /* packets; dropped: the kernel refused them */
} svrd_tun;

/* Creates the device with its addresses and routes, and switches it on. 0, or -1 with `err` filled and
 * nothing left behind. */
int svrd_tun_open(svrd_tun *tun, const svr_interface *iface, uint32_t wan_mtu, svrd_netlink *nl,
                  svrd_log *log, svr_error *err);
void svrd_tun_close(svrd_tun *tun);

/* Reads up to SVR_BATCH_MAX packets into the empty batch, without waiting. */
void svrd_tun_read(svrd_tun *tun, svr_pool *pool, svr_batch *out);
/* Hands one packet to the kernel. The caller keeps it. */
void svrd_tun_write(svrd_tun *tun, const svr_packet *pkt);

#endif

/* SPDX-License-Identifier: MIT
 * A WAN interface of the router: a device whose addresses the kernel owns. */
#ifndef SVRD_WAN_H
#define SVRD_WAN_H

#include "svrd/fail.h"
#include "svrd/log.h"
#include "svrd/netlink.h"

/* What serves one address of the interface. */
typedef struct svrd_wan_source {
    svr_addr addr;
    int raw_fd; /* sends packets with this source address */
    int bfd_fd; /* holds UDP port 1280, so that no other program answers there */
} svrd_wan_source;

typedef struct svrd_wan {
    const svr_interface *iface;
    int index;
    uint32_t mtu;
    bool up;
    int packet_fd[2]; /* receive IPv4 and IPv6; -1: no address of the family */
    svrd_wan_source *sources;
    size_t n_sources;
    uint64_t received, sent;
    uint64_t oversized;   /* received, but longer than the MTU */
    uint64_t unsent;      /* the kernel refused them */
    int send_error;       /* why it refused the last one: errno */
    uint64_t unsent_told; /* how many of these the log knows about */
} svrd_wan;

/* Opens the interface; the device must be there and have every configured address. Sets host routes to the
 * peers over the configured gateways. 0, or -1 with `err` filled and nothing left behind. */
int svrd_wan_open(svrd_wan *wan, const svr_config *config, const svr_interface *iface, svrd_netlink *nl,
                  svr_error *err);
void svrd_wan_close(svrd_wan *wan, svrd_netlink *nl);

/* Reads up to SVR_BATCH_MAX packets from one of the packet_fd into the empty batch, without waiting. */
void svrd_wan_read(svrd_wan *wan, int fd, svr_pool *pool, svr_batch *out);
/* Sends `n` packets, at most SVR_BATCH_MAX. The caller keeps them. */
void svrd_wan_send(svrd_wan *wan, svr_packet *const *packets, size_t n);

/* Writes a line about the packets that the kernel refused since the last time. */
void svrd_wan_tell(svrd_wan *wan, const svrd_log *log);

/* The routes over gateways, which go when a link goes: sets them again. */
void svrd_wan_restore_routes(const svrd_wan *wan, svrd_netlink *nl);

#endif

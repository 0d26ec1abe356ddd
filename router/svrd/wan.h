/* SPDX-License-Identifier: MIT
 * A WAN interface of the router: a device whose addresses the kernel owns. */
#ifndef SVRD_WAN_H
#define SVRD_WAN_H

#include <netinet/in.h>

#include "svrd/fail.h"
#include "svrd/log.h"
#include "svrd/netlink.h"
#include "svrd/next_hop.h"
#include "svrd/offload.h"

/* What serves one address of the interface. */
typedef struct svrd_wan_source {
    svr_addr addr;
    int raw_fd; /* sends packets with this source address */
    int bfd_fd; /* holds UDP port 1280, so that no other program answers there */
} svrd_wan_source;

/* What was received and is not yet handed over. */
typedef struct svrd_intake svrd_intake;

typedef struct svrd_wan {
    const svr_interface *iface;
    int index;
    uint32_t mtu;
    bool up;
    int packet_fd[2]; /* receive IPv4 and IPv6; -1: no address of the family */
    bool vnet;        /* a virtio header stands in front of each datagram of packet_fd */
    bool checksums;   /* complete those of received packets: the reader looks, as the stack does not */
    int super_fd;     /* sends super-packets; -1: nothing does */
    svrd_next_hops *next_hops;
    svrd_intake *intake;
    svrd_wan_source *sources;
    size_t n_sources;
    uint64_t received, sent;
    uint64_t oversized;   /* received, but longer than the MTU */
    uint64_t unsent;      /* the kernel refused them */
    int send_error;       /* why it refused the last one: errno */
    uint64_t unsent_told; /* how many of these the log knows about */
} svrd_wan;

/* Opens the interface; the device must be there and have every configured address. Sets host routes to the
 * peers over the configured gateways. Super-packets (offload.h) are taken where the device is Ethernet, and
 * with `offload` sent there. `nl` must outlive it. 0, or -1 with `err` filled and nothing left behind. */
int svrd_wan_open(svrd_wan *wan, const svr_config *config, const svr_interface *iface, bool offload,
                  svrd_netlink *nl, svr_error *err);
void svrd_wan_close(svrd_wan *wan, svrd_netlink *nl);

/* Reads up to SVR_BATCH_MAX packets from one of the packet_fd into the empty batch, without waiting. */
void svrd_wan_read(svrd_wan *wan, int fd, svr_pool *pool, svr_batch *out);
/* More was received: read again before waiting. */
bool svrd_wan_pending(const svrd_wan *wan);
/* Sends `n` packets, at most SVR_BATCH_MAX. The caller keeps them; their headers may change. */
void svrd_wan_send(svrd_wan *wan, svr_packet *const *packets, size_t n);

/* Writes a line about the packets that the kernel refused since the last time. */
void svrd_wan_tell(svrd_wan *wan, const svrd_log *log);

/* The routes over gateways, which go when a link goes: sets them again. */
void svrd_wan_restore_routes(const svrd_wan *wan, svrd_netlink *nl);

/* For wan.c and wan_packets.c. */
svrd_intake *svrd_intake_new(bool vnet);
void svrd_intake_del(svrd_intake *in);

typedef union svrd_endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} svrd_endpoint;
/* Link-local addresses mean something together with their device only, hence `index`. */
socklen_t svrd_endpoint_fill(svrd_endpoint *e, uint8_t family, const uint8_t *addr, uint16_t port, int index);

#endif

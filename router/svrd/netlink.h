/* SPDX-License-Identifier: MIT
 * Links, addresses and routes of the kernel, over rtnetlink. Functions return 0, or an errno as a negative
 * number. */
#ifndef SVRD_NETLINK_H
#define SVRD_NETLINK_H

#include <net/if.h>

#include "svr/base.h"

/* How the kernel marks routes as svrd's (`ip route show proto 83`). */
#define SVRD_ROUTE_PROTOCOL 83

struct mnl_socket;

typedef struct svrd_netlink {
    struct mnl_socket *sock;
    uint32_t seq;
} svrd_netlink;

int svrd_netlink_init(svrd_netlink *nl);
void svrd_netlink_fini(svrd_netlink *nl);

typedef struct svrd_link {
    int index;
    char name[IFNAMSIZ];
    uint32_t mtu;
    bool up; /* switched on, and its carrier is there */
    bool gone;
} svrd_link;

/* -ENODEV when there is no such device. */
int svrd_netlink_get_link(svrd_netlink *nl, const char *name, svrd_link *out);
int svrd_netlink_set_up(svrd_netlink *nl, int index, uint32_t mtu);
int svrd_netlink_add_address(svrd_netlink *nl, int index, const svr_addr *addr, uint8_t prefix_len);
/* -EADDRNOTAVAIL when the device does not have it. */
int svrd_netlink_del_address(svrd_netlink *nl, int index, const svr_addr *addr, uint8_t prefix_len);
/* 0 when the device has the address, -EADDRNOTAVAIL when not. */
int svrd_netlink_find_address(svrd_netlink *nl, int index, const svr_addr *addr);

typedef struct svrd_route {
    svr_prefix to;
    svr_addr gateway; /* family 0: on link */
    int index;
    uint32_t metric;
} svrd_route;

/* -EEXIST when there is an equal one. */
int svrd_netlink_add_route(svrd_netlink *nl, const svrd_route *route);
int svrd_netlink_del_route(svrd_netlink *nl, const svrd_route *route);

/* What a datagram to `to` is handed to on the device: a gateway, or `to` itself. -ENETUNREACH or the like
 * when no route leads there over this device. */
int svrd_netlink_find_gateway(svrd_netlink *nl, int index, const svr_addr *to, svr_addr *out);
/* The Ethernet address of a neighbor on the device; -ENOENT while the kernel does not know it. */
int svrd_netlink_find_neighbor(svrd_netlink *nl, int index, const svr_addr *addr, uint8_t out[6]);

/* Turns into a monitor of links: the descriptor becomes readable when one changes. */
int svrd_netlink_watch_links(svrd_netlink *nl);
int svrd_netlink_fd(const svrd_netlink *nl);
/* Reads what is there without waiting and calls `each` for every link that changed. -ENOBUFS when changes
 * were missed. */
typedef void svrd_link_fn(void *ctx, const svrd_link *link);
int svrd_netlink_read_links(svrd_netlink *nl, svrd_link_fn *each, void *ctx);

#endif

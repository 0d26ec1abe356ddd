/* SPDX-License-Identifier: MIT
 * What a router's configuration means for the Linux host it runs on: which interfaces it takes packets from,
 * which ports are SVR's, which prefixes the kernel should hand over. Pure. */
#ifndef SVRD_PLAN_H
#define SVRD_PLAN_H

#include "svr/node.h"

#define SVRD_PORT_RANGES_MAX 16

/* Bytes that SVR may add to a packet of full size, over the given outer family. What UDP carries grows by
 * 72 bytes and what TCP carries by 76 (nonce 8, padding 16, HMAC 48, and the TCP header's 16 bytes without
 * ports less the 12 by which UDP is shorter), and an outer IPv6 header by 20 more; rounded up. */
#define SVRD_OVERHEAD_IPV4 100
#define SVRD_OVERHEAD_IPV6 120

/* Where an interface's packets come from and go to. */
typedef enum svrd_role {
    SVRD_WAN, /* `type ethernet` with a neighborhood, or the link to the other node: raw packets on a device
               * whose address the kernel owns */
    SVRD_LAN, /* `type tun` or `tap`: a device of svrd's own; `ethernet` without a neighborhood: one of the
               * machine's, on which svrd alone answers for the configured addresses */
} svrd_role;

svrd_role svrd_plan_role(const svr_interface *iface);

/* Checks that svrd can host every interface of `node`: device names that Linux takes, no device of a LAN
 * twice. 0, or -1 with `err` filled. */
int svrd_plan_check(const svr_node_config *node, svr_error *err);

/* Waypoint ports that may arrive on `iface`: those of its neighborhoods, on whatever router these are
 * configured. Sorted, without overlap; when there are too many the last range covers the rest. */
typedef struct svrd_ports {
    svr_port_range range[SVRD_PORT_RANGES_MAX + 1]; /* one more while another is filed */
    size_t n;
} svrd_ports;
void svrd_plan_ports(const svr_config *config, const svr_interface *iface, svrd_ports *out);

/* MTU of a tun device of `node` when the smallest MTU of its WAN devices is `wan_mtu`. */
uint32_t svrd_plan_tun_mtu(const svr_node_config *node, const svr_interface *tun, uint32_t wan_mtu);

/* Calls `each` for every prefix that the kernel should hand over through tun device `tun`: those of services
 * with peers only as next hops, unless this router serves the same prefix itself. Every prefix goes to one
 * tun device: the first whose tenant may use the service, else the first. Stops at the first result
 * that is not 0 and returns it. */
typedef int svrd_prefix_fn(void *ctx, const svr_service *service, const svr_prefix *prefix);
int svrd_plan_routes(const svr_node_config *node, const svr_interface *tun, svrd_prefix_fn *each, void *ctx);

#endif

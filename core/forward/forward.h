/* SPDX-License-Identifier: MIT
 * Forwarding: packets from LAN and WAN interfaces, sessions, and what leaves. The node (forward/node.c) sorts
 * out BFD and hands the rest in here. */
#ifndef SVR_FORWARD_H
#define SVR_FORWARD_H

#include "session/session.h"

typedef struct svr_forward svr_forward;

typedef struct svr_forward_params {
    svr_runtime *rt;
    svr_peers *peers;
    const svr_config *config;
    const svr_node_config *node; /* its router's service-routes apply */
} svr_forward_params;

/* NULL when memory is short. */
svr_forward *svr_forward_new(const svr_forward_params *params);
/* Ends all sessions without a word on the wire. */
void svr_forward_del(svr_forward *f);

/* For the show commands. */
const svr_sessions *svr_forward_sessions(const svr_forward *f);

/* Takes the packets over; all arrived on this LAN interface. */
void svr_forward_lan(svr_forward *f, const svr_interface *in, svr_packet **packets, size_t n);
/* The same for a WAN interface: whole IP datagrams to our addresses, UDP 1280 excluded. `infos` holds what
 * svr_ip_decode said of each. */
void svr_forward_wan(svr_forward *f, const svr_interface *in, svr_packet **packets, const svr_ip *infos,
                     size_t n);
/* ICMP that is no echo, to an address of ours on a WAN interface: something has befallen a packet of ours. */
void svr_forward_icmp(svr_forward *f, svr_packet *pkt, const svr_ip *ip);
/* The NAT at our end of a path has lent other addresses or ports: all sessions on it tell theirs. */
void svr_forward_remapped(svr_forward *f, svr_path *path);
/* A path came into service or left it, or is worth another thing to a policy: sessions may move. */
void svr_forward_path_changed(svr_forward *f, svr_path *path, bool in_service);

#endif

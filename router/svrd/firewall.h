/* SPDX-License-Identifier: MIT
 * Keeps the kernel from answering for waypoint ports.
 *
 * The WAN addresses belong to the kernel, which knows no socket for a waypoint and would answer each packet
 * with an ICMP error or a TCP reset. A table of nftables named after the router drops, on input, packets that
 * come from a peer's address to a waypoint port when no local socket wants them. Everything with a socket,
 * and everything from elsewhere, passes: ssh to the machine, answers to its own requests from ports of the
 * same range. */
#ifndef SVRD_FIREWALL_H
#define SVRD_FIREWALL_H

#include "svrd/plan.h"

/* The table as nft(8) reads it, replacing a stale one. Heap; NULL when memory is short. */
char *svrd_firewall_text(const svr_config *config, const svr_node_config *node);

/* Installs and removes it. 0, or -1 with `err` filled. */
int svrd_firewall_install(const svr_config *config, const svr_node_config *node, svr_error *err);
void svrd_firewall_remove(const svr_node_config *node);

#endif

/* SPDX-License-Identifier: MIT
 * The kernel's answer to where a datagram goes on a device of Ethernet, kept for a second: a packet socket,
 * other than a raw one, wants the whole frame. Addresses are only looked up here. That the kernel finds them,
 * and finds out that they have changed, is for the packets that leave through raw sockets, BFD's among them.
 */
#ifndef SVRD_NEXT_HOP_H
#define SVRD_NEXT_HOP_H

#include "svrd/netlink.h"

#define SVRD_FRAME_HEADER 14

typedef struct svrd_next_hops svrd_next_hops;

/* Of one device. NULL when it is not Ethernet, or memory is short. `nl` must outlive it. */
svrd_next_hops *svrd_next_hops_new(svrd_netlink *nl, int index);
void svrd_next_hops_del(svrd_next_hops *hops);

/* The header of frames to this address; NULL while the kernel does not know it. Valid until the next call. */
const uint8_t *svrd_next_hop_find(svrd_next_hops *hops, const svr_addr *to);

#endif

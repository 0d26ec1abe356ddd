/* SPDX-License-Identifier: MIT
 * A LAN on an Ethernet device of the machine, through a packet socket. The router is a station there beside
 * the machine itself, with an Ethernet address of its own: what is sent to it the kernel does not take for
 * its own, and so neither answers nor forwards. */
#ifndef SVRD_ETHERNET_H
#define SVRD_ETHERNET_H

#include "svrd/tun.h"

/* Opens tun->fd on the device, which must be there, be Ethernet and have none of the interface's addresses,
 * to hear what is sent to `mac`; learns index and MTU. 0, or -1 with `err` filled. */
int svrd_ethernet_attach(svrd_tun *tun, svrd_netlink *nl, const uint8_t mac[SVRD_MAC_LEN], svr_error *err);
/* As svrd_tun_read. */
void svrd_ethernet_read(svrd_tun *tun, svr_pool *pool, svr_batch *out);
/* Sends a frame. False when the kernel refuses it. */
bool svrd_ethernet_send(svrd_tun *tun, const uint8_t header[SVRD_ETHERNET_LEN], const uint8_t *data,
                        size_t len);

#endif

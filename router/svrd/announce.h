/* SPDX-License-Identifier: MIT
 * Tells a link that an address has moved here: gratuitous ARP (RFC 5227 section 3), unsolicited neighbor
 * advertisements (RFC 4861 section 7.2.6). */
#ifndef SVRD_ANNOUNCE_H
#define SVRD_ANNOUNCE_H

#include "svr/base.h"

/* Announces `addr` on the device with that index and name. A link without such addresses is left alone; what
 * fails is not told, since neighbors find out by themselves, only later. */
void svrd_announce(int index, const char *device, const svr_addr *addr);

#endif

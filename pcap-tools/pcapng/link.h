/* SPDX-License-Identifier: MIT
 * What stands in front of an IP datagram in a capture: Ethernet with VLAN tags, Linux cooked (both kinds),
 * loopback, or nothing. */
#ifndef SVR_PCAPNG_LINK_H
#define SVR_PCAPNG_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Moves `*data` to the IP datagram of a frame; its length with what follows on the link, or 0 when there is
 * none or the link type is not known. */
size_t svr_link_datagram(uint32_t link_type, const uint8_t **data, size_t len);
/* "Ethernet", "raw IP", ...; NULL for a link type that is not known. */
const char *svr_link_name(uint32_t link_type);
/* libpcap's number for a link type of a file: they differ for raw IP. */
int svr_link_to_dlt(uint32_t link_type);
uint32_t svr_link_from_dlt(int dlt);

#endif

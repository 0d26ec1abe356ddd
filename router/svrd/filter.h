/* SPDX-License-Identifier: MIT
 * The kernel's packet filter on a WAN device: only what may be SVR is copied to svrd. */
#ifndef SVRD_FILTER_H
#define SVRD_FILTER_H

struct bpf_program; /* pcap/pcap.h */

#include "svrd/plan.h"

#define SVRD_BFD_PORT 1280

/* The filter as text in the language of pcap-filter(7): packets of `family` (4 or 6) to an address of `iface`
 * and to port 1280 over UDP or to a waypoint port over UDP or TCP, fragments excepted. Heap; NULL when memory
 * is short. */
char *svrd_filter_text(const svr_interface *iface, uint8_t family, const svrd_ports *ports);
/* Compiles it for packets of a link type of libpcap: DLT_RAW when they begin with the IP header. 0, or -1
 * with `err`; free with pcap_freecode. */
int svrd_filter_compile(const char *text, int link_type, struct bpf_program *out, svr_error *err);

#endif

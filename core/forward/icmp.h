/* SPDX-License-Identifier: MIT
 * ICMP errors (PD-ICMP). Whoever finds fault with a packet, on a LAN, in a router or between two routers,
 * tells the session's leg that the packet came by; from leg to leg the word reaches the host that sent it,
 * as if the routers between were the network that the host believes in. */
#ifndef SVR_FORWARD_ICMP_H
#define SVR_FORWARD_ICMP_H

#include "forward/forward_internal.h"

/* What a host or router on a LAN says of a packet that left there. 0 with w->pkt NULL: it was used up;
 * PROTOCOL_UNSUPPORTED: it is no such error; ICMP_UNRELATED: it names no session. */
svr_drop svr_icmp_from_lan(svr_forward *f, const svr_interface *in, svr_work *w);
/* Passes a report on to the host on this leg, or to the router behind it. 0, ICMP_LIMIT, or why it could not
 * be. */
svr_drop svr_icmp_tell(svr_forward *f, svr_leg *to, const svr_icmp_report *report);
/* Makes a report of our own about a packet that came by leg `to`. `quote`: the first bytes of its L4 header;
 * NULL when they cannot be read here. */
void svr_icmp_raise(svr_forward *f, svr_leg *to, svr_icmp_error what, uint32_t mtu, const svr_addr *location,
                    const uint8_t *quote);
/* The packet that came by leg `to` is longer than the LAN takes. */
void svr_icmp_too_big(svr_forward *f, svr_leg *to, const svr_interface *lan, const uint8_t *quote);

#endif

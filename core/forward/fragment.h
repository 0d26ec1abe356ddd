/* SPDX-License-Identifier: MIT
 * Datagrams that cross in parts (PD-FRAGMENT): fragments that a LAN sends, and datagrams that the path does
 * not take whole. The router at the LAN cuts, the one at the other LAN puts together; those between see
 * ordinary payload. */
#ifndef SVR_FORWARD_FRAGMENT_H
#define SVR_FORWARD_FRAGMENT_H

#include "forward/forward_internal.h"

#define SVR_IPV6_MTU_MIN                                                                                     \
    1280 /* what every link must take whole, or cut and mend itself (RFC 8200 section 5) */

/* Gives a fragment from a LAN the ports of its datagram (w->ip.flow, w->gathering). 0 with w->pkt NULL: the
 * first part has not come yet, and it waits for that. */
svr_drop svr_fragment_identify(svr_forward *f, const svr_interface *in, svr_work *w);
/* Whether a datagram from a LAN, or a fragment of one, may be cut. Otherwise its sender has to do that. */
bool svr_fragment_may_cut(const svr_ip *ip, size_t mtu);
/* Sends the work's packet in parts onto the path or LAN that it leaves by, and what waited for it. Uses the
 * operations of the batch, which must be free. */
void svr_fragment_cross(svr_forward *f, svr_work *w);

/* Takes the part that the work's packet holds, deciphered. The whole leaves on the LAN with its last part. */
svr_drop svr_fragment_collect(svr_forward *f, svr_work *w, const svr_flow *flow);
/* Sends an L4 segment that is longer than the MTU of its LAN in fragments; the packet stays the caller's. */
svr_drop svr_fragment_split(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_flow *flow,
                            svr_emit_fields fields);

#endif

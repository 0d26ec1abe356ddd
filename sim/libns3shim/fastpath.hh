/* SPDX-License-Identifier: MIT
 * The quick way through a router of the underlay. */
#ifndef NS3SHIM_FASTPATH_HH
#define NS3SHIM_FASTPATH_HH

#include "internal.hh"

namespace shim {

/* Forwards a datagram that asks for nothing special. False when ns-3's own stack has to see it: it is for the
 * router itself, has IPv4 options, no route or no time to live left, or does not fit. */
bool fast_forward(const ns3shim_node &node, const ns3::Ptr<ns3::Packet> &packet, uint16_t protocol);

} // namespace shim

#endif

/* SPDX-License-Identifier: MIT
 * Waypoints: the addresses and ports that stand for a flow on a path (design: "Waypoints"). */
#ifndef SVR_SESSION_WAYPOINT_H
#define SVR_SESSION_WAYPOINT_H

#include "session/session.h"

#define SVR_WAYPOINT_PROBES 64 /* pairs of ports tried before giving up */

/* Finds a pair for a session of `inner_proto` that no other uses on this path: even local and odd remote
 * port, both from the neighborhood's range, from a random start; to a peer behind a NAT one that it has
 * offered. `*arrival` is the tuple of packets that come back. False when none is found. */
bool svr_waypoint_choose(const svr_sessions *all, svr_path *path, uint8_t inner_proto, svr_tuple *arrival);

#endif

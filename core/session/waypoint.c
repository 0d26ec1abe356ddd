/* SPDX-License-Identifier: MIT */
#include "session/waypoint.h"

#include "session/envelope.h"

/* How many even or odd ports a range holds, and the first of them. */
static uint32_t count_ports(const svr_port_range *range, uint32_t odd, uint32_t *first) {
    *first = range->first + ((range->first ^ odd) & 1);
    return *first > range->last ? 0 : (range->last - *first) / 2 + 1;
}

/* Behind a NAT nobody is reached but on waypoints that it has opened itself (PD-NAT). */
static bool take_offered(const svr_sessions *all, svr_path *path, svr_tuple *arrival) {
    svr_spare s;
    svr_tuple t = {.dst = svr_path_get_config(path)->local, .proto = SVR_PROTO_UDP, .ifid = SVR_IFID_NONE};
    while (svr_path_take_spare(path, &s)) {
        t.src = s.far;
        t.sport = s.far_port;
        t.dport = s.own_port;
        if (svr_sessions_find(all, &t)) continue;
        *arrival = t;
        return true;
    }
    return false;
}

bool svr_waypoint_choose(const svr_sessions *all, svr_path *path, uint8_t inner_proto, svr_tuple *arrival) {
    const svr_path_config *config = svr_path_get_config(path);
    if (config->far_nat && !config->external.family) return take_offered(all, path, arrival);
    uint32_t first_even, first_odd;
    uint64_t evens = count_ports(&config->neighborhood->ports, 0, &first_even);
    uint64_t odds = count_ports(&config->neighborhood->ports, 1, &first_odd), pairs = evens * odds;
    if (!pairs) return false;
    svr_tuple t = {.src = *svr_path_remote(path),
                   .dst = config->local,
                   .proto = svr_envelope_proto(path, inner_proto),
                   .ifid = SVR_IFID_NONE};
    uint64_t at = svr_runtime_jitter(all->rt, pairs);
    for (uint64_t i = 0; i < SVR_WAYPOINT_PROBES && i < pairs; i++, at = (at + 1) % pairs) {
        t.dport = (uint16_t)(first_even + 2 * (at / odds));
        t.sport = (uint16_t)(first_odd + 2 * (at % odds));
        if (svr_sessions_find(all, &t)) continue;
        *arrival = t;
        return true;
    }
    return false;
}

/* SPDX-License-Identifier: MIT */
#include "forward/icmp.h"

/* The flow of packets that arrive by this leg, as the session's hosts know it. */
static svr_flow flow_by(const svr_leg *leg) {
    svr_flow flow = svr_session_flow(svr_leg_session(leg));
    return leg->side == SVR_ORIGIN ? flow : svr_flow_reverse(&flow);
}

/* From whom the host hears of it: the one who found fault, when it is of the host's family. */
static svr_drop tell_host(svr_forward *f, const svr_leg *to, const svr_icmp_report *r) {
    svr_flow about = flow_by(to);
    uint8_t family = about.src.family;
    const svr_addr *src = r->location.family == family ? &r->location : svr_emit_own_address(to->lan, family);
    svr_packet *pkt = src ? svr_packet_get(f->rt->pool, 128) : NULL;
    if (!pkt) return src ? SVR_DROP_NO_MEMORY : SVR_DROP_ICMP_UNRELATED;
    pkt->len = (uint32_t)svr_icmp_report_encode(r, &about, src, pkt->data, 128);
    if (!pkt->len) {
        svr_packet_put(f->rt->pool, pkt);
        return SVR_DROP_METADATA_MALFORMED;
    }
    svr_emit_own(f, to->lan, pkt, &about.src);
    return SVR_DROP_NONE;
}

static svr_drop tell_router(svr_forward *f, svr_leg *to, const svr_icmp_report *r) {
    svr_crypt_op op;
    if (!svr_path_in_service(to->path)) return SVR_DROP_NO_PATH;
    svr_packet *pkt = svr_control_packet(f);
    if (!pkt) return SVR_DROP_NO_MEMORY;
    svr_control_send_alone(f, to, pkt, &op, svr_metadata_create_error(to, r, pkt, &op));
    return SVR_DROP_NONE;
}

svr_drop svr_icmp_tell(svr_forward *f, svr_leg *to, const svr_icmp_report *report) {
    if (svr_leg_session(to)->dead) return SVR_DROP_UNKNOWN_SESSION;
    if (!svr_emit_may_complain(f)) return SVR_DROP_ICMP_LIMIT;
    return to->path ? tell_router(f, to, report) : tell_host(f, to, report);
}

void svr_icmp_raise(svr_forward *f, svr_leg *to, svr_icmp_error what, uint32_t mtu, const svr_addr *location,
                    const uint8_t *quote) {
    const svr_flow about = flow_by(to);
    const svr_icmp_report r = svr_icmp_report_make(what, mtu, location, &about, quote);
    svr_drop reason = svr_icmp_tell(f, to, &r);
    if (reason) svr_drop_count(f->rt, reason);
}

void svr_icmp_too_big(svr_forward *f, svr_leg *to, const svr_interface *lan, const uint8_t *quote) {
    const svr_addr *here = svr_emit_own_address(lan, svr_session_flow(svr_leg_session(to)).src.family);
    if (here) svr_icmp_raise(f, to, SVR_ICMP_TOO_BIG, lan->mtu, here, quote);
}

/* ---- from a LAN ----------------------------------------------------------------------------- */

/* The session that the quoted packet left on this LAN by. */
static svr_leg *find_leg(svr_forward *f, svr_ifid in, const svr_flow *about) {
    svr_flow answers = svr_flow_reverse(about);
    svr_tuple tuple = svr_tuple_of(&answers, in);
    return svr_sessions_find(&f->sessions, &tuple);
}

svr_drop svr_icmp_from_lan(svr_forward *f, const svr_interface *in, svr_work *w) {
    svr_icmp_report r;
    svr_flow about;
    if (!svr_icmp_report_decode(&w->ip, w->pkt->data + w->ip.header_len, &r, &about))
        return SVR_DROP_PROTOCOL_UNSUPPORTED;
    svr_leg *leg = svr_addr_equal(&w->ip.flow.dst, &about.src) ? find_leg(f, in->id, &about) : NULL;
    if (!leg) return SVR_DROP_ICMP_UNRELATED;
    svr_leg *to = svr_leg_opposite(leg);
    svr_drop reason = svr_icmp_tell(f, to, &r);
    if (!reason) svr_work_drop(f, w, SVR_DROP_NONE);
    return reason;
}

/* ---- from between the routers --------------------------------------------------------------- */

static bool is_too_big(const svr_icmp_report *r) {
    return r->location.family == 4 ? r->type == 3 && r->code == 4 : r->type == 2;
}

static bool is_time_exceeded(const svr_icmp_report *r) {
    return r->type == (r->location.family == 4 ? 11 : 3);
}

/* Nobody has signed it, so that nothing here changes; the host may take it as a hint. A report of a closed
 * port means a router, not the host, and says no more than that the packet did not get through. */
static svr_drop take_from_wan(svr_forward *f, const svr_packet *pkt, const svr_ip *ip) {
    svr_icmp_report r;
    svr_flow about;
    if (!svr_icmp_report_decode(ip, pkt->data + ip->header_len, &r, &about))
        return SVR_DROP_PROTOCOL_UNSUPPORTED;
    svr_path *path = svr_peers_find_path(f->peers, &about.src, &about.dst);
    if (!path || !svr_addr_equal(&about.src, &ip->flow.dst) ||
        (about.proto != SVR_PROTO_UDP && about.proto != SVR_PROTO_TCP))
        return SVR_DROP_ICMP_UNRELATED;
    svr_leg *leg = find_leg(f, SVR_IFID_NONE, &about);
    if (!leg && about.dport != SVR_BFD_PORT) return SVR_DROP_ICMP_UNRELATED;
    if (is_too_big(&r)) /* no host is to send less on a stranger's word */
        svr_path_mtu_doubt(path, r.value & (ip->flow.src.family == 4 ? UINT16_MAX : UINT32_MAX));
    if (is_too_big(&r) || !leg) return SVR_DROP_NONE;
    svr_icmp_raise(f, svr_leg_opposite(leg),
                   is_time_exceeded(&r) ? SVR_ICMP_TTL_EXCEEDED : SVR_ICMP_UNREACHABLE, 0, &ip->flow.src,
                   NULL);
    return SVR_DROP_NONE;
}

void svr_forward_icmp(svr_forward *f, svr_packet *pkt, const svr_ip *ip) {
    svr_drop reason = take_from_wan(f, pkt, ip);
    if (reason)
        svr_drop_packet(f->rt, pkt, reason);
    else
        svr_packet_put(f->rt->pool, pkt);
}

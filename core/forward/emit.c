/* SPDX-License-Identifier: MIT */
#include "forward/forward_internal.h"

#include "base/bytes.h"

#include <assert.h>

svr_emit_fields svr_emit_inherit(const svr_ip *ip) {
    assert(ip->ttl > 1);
    return (svr_emit_fields){
        .tos = ip->tos, .ttl = (uint8_t)(ip->ttl - 1), .dont_fragment = ip->dont_fragment};
}

static uint8_t *push(svr_packet *pkt, size_t n) {
    assert(svr_packet_headroom(pkt) >= n);
    pkt->data -= n;
    pkt->len += (uint32_t)n;
    return pkt->data;
}

static void push_ip(svr_forward *f, svr_packet *pkt, const svr_flow *flow, svr_emit_fields fields,
                    const svr_ip_part *part) {
    const svr_ip_header h = {.src = flow->src,
                             .dst = flow->dst,
                             .proto = flow->proto,
                             .tos = fields.tos,
                             .ttl = fields.ttl,
                             .dont_fragment = fields.dont_fragment,
                             .id = f->ip_id++,
                             .l4_len = (uint16_t)pkt->len};
    if (part)
        svr_ip_encode_part(&h, part, push(pkt, svr_ip_part_header_len(flow->src.family)));
    else
        svr_ip_encode(&h, push(pkt, svr_ip_header_len(flow->src.family)));
}

static void push_udp(svr_forward *f, svr_packet *pkt, const svr_flow *flow) {
    size_t len = pkt->len;
    pkt->open_checksum = f->rt->open_checksums;
    (pkt->open_checksum ? svr_udp_encode_open : svr_udp_encode)(push(pkt, SVR_UDP_HEADER_LEN), &flow->src,
                                                                &flow->dst, flow->sport, flow->dport, len);
}

static void push_tcp(svr_leg *out, svr_packet *pkt, const svr_flow *flow) {
    svr_tcp_header h;
    size_t len = pkt->len;
    svr_envelope_seal(out, len, &h);
    svr_tcp_encode(push(pkt, svr_tcp_header_len(h.flags)), &h, &flow->src, &flow->dst, len);
}

void svr_emit_path(svr_forward *f, svr_leg *out, svr_packet *pkt, svr_emit_fields fields) {
    const svr_path_config *config = svr_path_get_config(out->path);
    const svr_tuple *t = &out->arrival; /* of packets that come back */
    const svr_flow flow = {
        .src = t->dst, .dst = t->src, .sport = t->dport, .dport = t->sport, .proto = (uint8_t)t->proto};
    if (flow.proto == SVR_PROTO_TCP)
        push_tcp(out, pkt, &flow);
    else
        push_udp(f, pkt, &flow);
    push_ip(f, pkt, &flow, fields, NULL);
    svr_path_load *load = svr_path_get_load(out->path);
    load->sent++;
    load->sent_bytes += pkt->len;
    svr_runtime_send(f->rt, pkt, config->local_if->id, svr_path_next_hop(out->path));
}

/* The gateway of the service-route, or the one of the interface when the destination is not on its link. */
static svr_addr lan_next_hop(const svr_leg *out, const svr_addr *dst) {
    if (out->gateway.family == dst->family) return out->gateway;
    svr_addr gateway = *dst;
    for (size_t i = 0; i < out->lan->n_addresses; i++) {
        const svr_if_address *a = &out->lan->addresses[i];
        if (svr_prefix_contains(&(svr_prefix){.addr = a->addr, .len = a->prefix_len}, dst)) return *dst;
        if (a->gateway.family == dst->family) gateway = a->gateway;
    }
    return gateway;
}

void svr_emit_lan_part(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_flow *flow,
                       svr_emit_fields fields, const svr_ip_part *part) {
    svr_addr next_hop = lan_next_hop(out, &flow->dst);
    push_ip(f, pkt, flow, fields, part);
    svr_runtime_send(f->rt, pkt, out->lan->id, &next_hop);
}

void svr_emit_lan(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_flow *flow,
                  svr_emit_fields fields) {
    svr_emit_lan_part(f, out, pkt, flow, fields, NULL);
}

void svr_emit_routed(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_ip *ip) {
    svr_addr next_hop = lan_next_hop(out, &ip->flow.dst);
    uint8_t *p = pkt->data;
    if (ip->flow.src.family == 6) {
        p[7]--;
    } else {
        p[8]--;
        svr_put16(p + 10, 0);
        svr_put16(p + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, p, (p[0] & 15u) * 4)));
    }
    svr_runtime_send(f->rt, pkt, out->lan->id, &next_hop);
}

void svr_emit_own(svr_forward *f, const svr_interface *out, svr_packet *pkt, const svr_addr *dst) {
    const svr_leg leg = {.lan = out};
    svr_addr next_hop = lan_next_hop(&leg, dst);
    svr_runtime_send(f->rt, pkt, out->id, &next_hop);
}

/* ---- ICMP errors ---------------------------------------------------------------------------- */

bool svr_emit_may_complain(svr_forward *f) {
    if (f->rt->now - f->icmp_at >= SVR_SEC) {
        f->icmp_at = f->rt->now;
        f->icmp_tokens = SVR_ICMP_ERRORS_PER_SECOND;
    }
    if (!f->icmp_tokens) return false;
    f->icmp_tokens--;
    return true;
}

const svr_addr *svr_emit_own_address(const svr_interface *in, uint8_t family) {
    for (size_t i = 0; i < in->n_addresses; i++)
        if (in->addresses[i].addr.family == family) return &in->addresses[i].addr;
    return NULL;
}

void svr_emit_icmp_error(svr_forward *f, const svr_interface *in, const svr_packet *about,
                         svr_icmp_error what, uint32_t mtu) {
    const svr_addr *src = svr_emit_own_address(in, about->data[0] >> 4 == 6 ? 6 : 4);
    svr_ip ip;
    svr_packet *pkt;
    if (!src || !svr_emit_may_complain(f) || !(pkt = svr_packet_get(f->rt->pool, 1280))) return;
    pkt->len = (uint32_t)svr_icmp_error_encode(what, mtu, src, about->data, about->len, pkt->data, 1280);
    if (!pkt->len || svr_ip_decode(pkt->data, pkt->len, &ip) != SVR_IP_OK) {
        svr_packet_put(f->rt->pool, pkt);
        return;
    }
    svr_emit_own(f, in, pkt, &ip.flow.dst);
}

/* SPDX-License-Identifier: MIT */
#include "inner.h"

#include <string.h>

enum { TCP_PORTS = 4, TCP_OFFSET_AT = 8 /* of the header's length, behind the ports */ };

/* Bytes in front of the text that the waypoints stood for. A part of a datagram has its L4 header with it
 * (section 4.8). */
static size_t restored(const svr_seen *s) {
    if (s->has_part) return 0;
    switch (s->inner.proto) {
    case SVR_PROTO_UDP: return SVR_UDP_HEADER_LEN;
    case SVR_PROTO_TCP: return TCP_PORTS;
    default: return 0;
    }
}

static bool is_fragment(const svr_seen *s) {
    return s->has_part && (s->part.offset || s->part.more);
}

static size_t header_len(const svr_seen *s) {
    uint8_t family = s->inner.src.family;
    return is_fragment(s) ? svr_ip_part_header_len(family) : svr_ip_header_len(family);
}

size_t svrpcap_inner_len(const svr_seen *s) {
    if (!s->has_payload || s->payload != SVR_AUTH_GOOD || !s->text) return 0;
    size_t l4 = restored(s) + s->text_len, whole = header_len(s) + l4;
    return whole <= UINT16_MAX && l4 ? whole : 0;
}

/* Bytes of L4 header at the beginning of the text. */
static size_t l4_header(const svr_seen *s) {
    size_t ports = s->has_part ? 0 : TCP_PORTS, offset_at = TCP_OFFSET_AT + TCP_PORTS - ports;
    if (s->has_part && s->part.offset) return 0;
    if (s->inner.proto == SVR_PROTO_UDP) return s->has_part ? SVR_UDP_HEADER_LEN : 0;
    if (s->inner.proto != SVR_PROTO_TCP) return 0;
    size_t whole = s->text_len > offset_at ? (size_t)(s->text[offset_at] >> 4) * 4 : s->text_len;
    return whole > ports ? whole - ports : 0;
}

size_t svrpcap_inner_payload(const svr_seen *s, const uint8_t **data) {
    if (!svrpcap_inner_len(s)) return 0;
    size_t at = l4_header(s);
    if (at > s->text_len) at = s->text_len;
    *data = s->text + at;
    return s->text_len - at;
}

static void put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Parts of a datagram become IP fragments, which whoever reads them puts together. Those of a datagram that
 * was whole in its LAN have no identification but the profile's. */
static size_t write_header(const svr_seen *s, const svr_ip_header *h, uint8_t *out) {
    svr_ip_part part = {s->part.original_id, s->part.offset, s->part.more};
    if (!is_fragment(s)) return svr_ip_encode(h, out);
    if (!part.id || s->inner.src.family == 6) part.id = s->part.extended_id;
    return svr_ip_encode_part(h, &part, out);
}

size_t svrpcap_inner_write(const svrpcap_packet *p, uint8_t out[SVRPCAP_INNER_MAX]) {
    const svr_seen *s = &p->seen;
    svr_flow f = s->forward ? s->inner : svr_flow_reverse(&s->inner);
    size_t whole = svrpcap_inner_len(s), head = restored(s);
    svr_ip ip;
    if (!whole || svr_ip_decode(p->ip, p->ip_len, &ip) != SVR_IP_OK) return 0;
    svr_ip_header h = {.src = f.src,
                       .dst = f.dst,
                       .proto = f.proto,
                       .tos = ip.tos,
                       .ttl = ip.ttl,
                       .dont_fragment = s->has_part ? s->part.dont_fragment : ip.dont_fragment,
                       .id = s->has_part ? s->part.original_id : 0,
                       .l4_len = (uint16_t)(head + s->text_len)};
    uint8_t *l4 = out + write_header(s, &h, out);
    memcpy(l4 + head, s->text, s->text_len);
    if (s->has_part) return whole;
    if (f.proto == SVR_PROTO_UDP) {
        svr_udp_encode(l4, &f.src, &f.dst, f.sport, f.dport, s->text_len);
    } else if (f.proto == SVR_PROTO_TCP) {
        put16(l4, f.sport);
        put16(l4 + 2, f.dport);
    }
    return whole;
}

size_t svrpcap_inner_error(const svrpcap_packet *p, uint8_t out[SVRPCAP_INNER_MAX]) {
    const svr_seen *s = &p->seen;
    if (!s->has_error || !s->has_session) return 0;
    svr_flow about = s->forward ? svr_flow_reverse(&s->inner) : s->inner; /* it goes back to the sender */
    const svr_addr *from = s->error.location.family == about.src.family ? &s->error.location : &about.dst;
    return svr_icmp_report_encode(&s->error, &about, from, out, SVRPCAP_INNER_MAX);
}

/* SPDX-License-Identifier: MIT */
#include "inner.h"

#include <string.h>

enum { TCP_PORTS = 4, TCP_OFFSET_AT = 8 /* in the text, which begins with the sequence number */ };

/* Bytes in front of the text that the waypoints stood for. */
static size_t restored(const svr_seen *s) {
    switch (s->inner.proto) {
    case SVR_PROTO_UDP: return SVR_UDP_HEADER_LEN;
    case SVR_PROTO_TCP: return TCP_PORTS;
    default: return 0;
    }
}

size_t svrpcap_inner_len(const svr_seen *s) {
    if (!s->has_payload || s->payload != SVR_AUTH_GOOD || !s->text) return 0;
    size_t l4 = restored(s) + s->text_len, whole = svr_ip_header_len(s->inner.src.family) + l4;
    return whole <= UINT16_MAX && l4 ? whole : 0;
}

size_t svrpcap_inner_payload(const svr_seen *s, const uint8_t **data) {
    size_t at = 0;
    if (!svrpcap_inner_len(s)) return 0;
    if (s->inner.proto == SVR_PROTO_TCP)
        at = s->text_len > TCP_OFFSET_AT ? (size_t)(s->text[TCP_OFFSET_AT] >> 4) * 4 : 0;
    if (s->inner.proto == SVR_PROTO_TCP) at = at > TCP_PORTS ? at - TCP_PORTS : s->text_len;
    if (at > s->text_len) at = s->text_len;
    *data = s->text + at;
    return s->text_len - at;
}

static void put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
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
                       .dont_fragment = ip.dont_fragment,
                       .l4_len = (uint16_t)(head + s->text_len)};
    uint8_t *l4 = out + svr_ip_encode(&h, out);
    memcpy(l4 + head, s->text, s->text_len);
    if (f.proto == SVR_PROTO_UDP) {
        svr_udp_encode(l4, &f.src, &f.dst, f.sport, f.dport, s->text_len);
    } else if (f.proto == SVR_PROTO_TCP) {
        put16(l4, f.sport);
        put16(l4 + 2, f.dport);
    }
    return whole;
}

/* SPDX-License-Identifier: MIT */
#include "svr/wire.h"

#include "base/bytes.h"

#include <assert.h>

#define EXTENSIONS_MAX 8
#define HOP_BY_HOP 0
#define ROUTING 43
#define FRAGMENT 44
#define DESTINATION 60
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define TCP_OPTION_WINDOW_SCALE 3
#define TCP_SYN_OPTIONS_LEN 8

/* ---- decoding ------------------------------------------------------------------------------- */

/* ICMP of the other family is no ICMP. */
static bool is_icmp(const svr_flow *flow) {
    return flow->proto == (flow->src.family == 4 ? SVR_PROTO_ICMP : SVR_PROTO_ICMPV6);
}

static bool is_echo(uint8_t proto, uint8_t type) {
    return proto == SVR_PROTO_ICMP ? type == 8 || type == 0 : type == 128 || type == 129;
}

static svr_ip_result decode_tcp(const uint8_t *l4, svr_ip *ip) {
    if (ip->l4_len < SVR_TCP_HEADER_MIN) return SVR_IP_BAD_L4;
    size_t header = (size_t)(l4[12] >> 4) * 4;
    if (header < SVR_TCP_HEADER_MIN || header > ip->l4_len) return SVR_IP_BAD_L4;
    ip->l4_header_len = (uint16_t)header;
    ip->tcp_flags = l4[13];
    return SVR_IP_OK;
}

static svr_ip_result decode_udp(const uint8_t *l4, svr_ip *ip) {
    if (ip->l4_len < SVR_UDP_HEADER_LEN) return SVR_IP_BAD_L4;
    uint16_t len = svr_get16(l4 + 4);
    if (len < SVR_UDP_HEADER_LEN || (len > ip->l4_len && !ip->fragment)) return SVR_IP_BAD_L4;
    if (!ip->fragment) ip->l4_len = len;
    ip->l4_header_len = SVR_UDP_HEADER_LEN;
    return SVR_IP_OK;
}

static svr_ip_result decode_l4(const uint8_t *l4, bool first, svr_ip *ip) {
    svr_ip_result result = SVR_IP_OK;
    if (!first) return SVR_IP_OK;
    switch (ip->flow.proto) {
    case SVR_PROTO_TCP: result = decode_tcp(l4, ip); break;
    case SVR_PROTO_UDP: result = decode_udp(l4, ip); break;
    case SVR_PROTO_ICMP:
    case SVR_PROTO_ICMPV6:
        if (!is_icmp(&ip->flow)) return SVR_IP_OK;
        if (ip->l4_len < 8) return SVR_IP_BAD_L4;
        ip->l4_header_len = 8;
        ip->has_ports = is_echo(ip->flow.proto, l4[0]);
        if (ip->has_ports) ip->flow.sport = ip->flow.dport = svr_get16(l4 + 4);
        return SVR_IP_OK;
    default: return SVR_IP_OK;
    }
    if (result != SVR_IP_OK) return result;
    ip->has_ports = true;
    ip->flow.sport = svr_get16(l4);
    ip->flow.dport = svr_get16(l4 + 2);
    return SVR_IP_OK;
}

static svr_ip_result decode_v4(const uint8_t *p, size_t len, svr_ip *ip) {
    if (len < 20) return SVR_IP_BAD_LENGTH;
    size_t header = (size_t)(p[0] & 15) * 4, total = svr_get16(p + 2);
    if (header < 20 || header > total || total > len) return SVR_IP_BAD_LENGTH;
    if (svr_checksum_fold(svr_checksum_add(0, p, header)) != UINT16_MAX) return SVR_IP_BAD_CHECKSUM;
    uint16_t fragment = svr_get16(p + 6);
    *ip = (svr_ip){
        .flow = {.src = svr_addr_from_bytes(4, p + 12), .dst = svr_addr_from_bytes(4, p + 16), .proto = p[9]},
        .fragment = fragment & 0x3fff,
        .part = {.id = svr_get16(p + 4),
                 .offset = (uint16_t)((fragment & 0x1fff) * 8),
                 .more = fragment & 0x2000},
        .part_at = (uint16_t)header,
        .tos = p[1],
        .ttl = p[8],
        .dont_fragment = fragment & 0x4000,
        .header_len = (uint16_t)header,
        .l4_len = (uint16_t)(total - header)};
    return decode_l4(p + header, (fragment & 0x1fff) == 0, ip);
}

static bool is_extension(uint8_t next) {
    return next == HOP_BY_HOP || next == ROUTING || next == DESTINATION || next == FRAGMENT;
}

/* Walks the extension headers. False when they run past the end or are too many. *first turns false in a
 * later fragment: what follows its fragment header is payload. */
static bool skip_extensions(const uint8_t *p, size_t len, svr_ip *ip, bool *first) {
    size_t at = 40;
    uint8_t next = p[6];
    for (int i = 0; *first && is_extension(next); i++) {
        if (i == EXTENSIONS_MAX || len - at < 8) return false;
        size_t size = next == FRAGMENT ? 8 : 8 + (size_t)p[at + 1] * 8;
        if (size > len - at) return false;
        if (next == FRAGMENT) {
            uint16_t fragment = svr_get16(p + at + 2);
            ip->fragment = fragment & 0xfff9;
            ip->part =
                (svr_ip_part){.id = svr_get32(p + at + 4), .offset = fragment & 0xfff8, .more = fragment & 1};
            ip->part_at = (uint16_t)(at + 8);
            *first = (fragment & 0xfff8) == 0;
        }
        next = p[at];
        at += size;
    }
    ip->flow.proto = next;
    ip->header_len = (uint16_t)at;
    ip->l4_len = (uint16_t)(len - at);
    return true;
}

static svr_ip_result decode_v6(const uint8_t *p, size_t len, svr_ip *ip) {
    bool first = true;
    if (len < 40) return SVR_IP_BAD_LENGTH;
    size_t total = 40 + (size_t)svr_get16(p + 4);
    if (total > len) return SVR_IP_BAD_LENGTH;
    *ip = (svr_ip){.flow = {.src = svr_addr_from_bytes(6, p + 8), .dst = svr_addr_from_bytes(6, p + 24)},
                   .tos = (uint8_t)(svr_get16(p) >> 4),
                   .ttl = p[7],
                   .dont_fragment = true};
    if (!skip_extensions(p, total, ip, &first)) return SVR_IP_BAD_LENGTH;
    return decode_l4(p + ip->header_len, first, ip);
}

svr_ip_result svr_ip_decode(const uint8_t *p, size_t len, svr_ip *out) {
    svr_ip ip;
    svr_ip_result result = SVR_IP_BAD_VERSION;
    if (len && p[0] >> 4 == 4)
        result = decode_v4(p, len, &ip);
    else if (len && p[0] >> 4 == 6)
        result = decode_v6(p, len, &ip);
    if (result == SVR_IP_OK) *out = ip;
    return result;
}

/* ---- encoding ------------------------------------------------------------------------------- */

size_t svr_ip_header_len(uint8_t family) {
    return family == 4 ? 20 : 40;
}

static void encode_v4(const svr_ip_header *h, uint16_t id, uint16_t fragment, uint8_t *out) {
    assert(h->l4_len <= UINT16_MAX - 20);
    memset(out, 0, 20);
    out[0] = 0x45;
    out[1] = h->tos;
    svr_put16(out + 2, (uint16_t)(20 + h->l4_len));
    svr_put16(out + 4, id);
    svr_put16(out + 6, (uint16_t)((h->dont_fragment ? 0x4000 : 0) | fragment));
    out[8] = h->ttl;
    out[9] = h->proto;
    memcpy(out + 12, h->src.bytes, 4);
    memcpy(out + 16, h->dst.bytes, 4);
    svr_put16(out + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, out, 20)));
}

static void encode_v6(const svr_ip_header *h, uint8_t *out) {
    svr_put32(out, 6u << 28 | (uint32_t)h->tos << 20);
    svr_put16(out + 4, h->l4_len);
    out[6] = h->proto;
    out[7] = h->ttl;
    memcpy(out + 8, h->src.bytes, 16);
    memcpy(out + 24, h->dst.bytes, 16);
}

size_t svr_ip_encode(const svr_ip_header *h, uint8_t *out) {
    assert(h->src.family == 4 || h->src.family == 6);
    assert(h->dst.family == h->src.family);
    if (h->src.family == 4)
        encode_v4(h, h->id, 0, out);
    else
        encode_v6(h, out);
    return svr_ip_header_len(h->src.family);
}

size_t svr_ip_part_header_len(uint8_t family) {
    return family == 4 ? 20 : 48;
}

size_t svr_ip_encode_part(const svr_ip_header *h, const svr_ip_part *part, uint8_t *out) {
    svr_ip_header outer = *h;
    assert(part->offset % 8 == 0);
    if (h->src.family == 4) {
        encode_v4(h, (uint16_t)part->id, (uint16_t)(part->offset / 8 | (part->more ? 0x2000 : 0)), out);
        return svr_ip_part_header_len(4);
    }
    outer.proto = FRAGMENT;
    outer.l4_len = (uint16_t)(h->l4_len + 8);
    encode_v6(&outer, out);
    out[40] = h->proto;
    out[41] = 0;
    svr_put16(out + 42, part->offset | part->more);
    svr_put32(out + 44, part->id);
    return svr_ip_part_header_len(6);
}

void svr_udp_encode_open(uint8_t *udp, const svr_addr *src, const svr_addr *dst, uint16_t sport,
                         uint16_t dport, size_t payload_len) {
    size_t len = SVR_UDP_HEADER_LEN + payload_len;
    assert(len <= UINT16_MAX);
    svr_put16(udp, sport);
    svr_put16(udp + 2, dport);
    svr_put16(udp + 4, (uint16_t)len);
    svr_put16(udp + 6, svr_l4_checksum_pseudo(SVR_PROTO_UDP, src, dst, len));
}

void svr_udp_encode(uint8_t *udp, const svr_addr *src, const svr_addr *dst, uint16_t sport, uint16_t dport,
                    size_t payload_len) {
    svr_udp_encode_open(udp, src, dst, sport, dport, payload_len);
    svr_l4_checksum_set(udp, SVR_UDP_HEADER_LEN + payload_len, SVR_PROTO_UDP, src, dst);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

svr_tcp_segment svr_tcp_decode(const svr_ip *ip, const uint8_t *tcp) {
    return (svr_tcp_segment){.seq = svr_get32(tcp + 4),
                             .ack = svr_get32(tcp + 8),
                             .len = (size_t)ip->l4_len - ip->l4_header_len,
                             .flags = ip->tcp_flags};
}

size_t svr_tcp_header_len(uint8_t flags) {
    return SVR_TCP_HEADER_MIN + (flags & SVR_TCP_SYN ? TCP_SYN_OPTIONS_LEN : 0u);
}

void svr_tcp_encode(uint8_t *tcp, const svr_tcp_header *h, const svr_addr *src, const svr_addr *dst,
                    size_t len) {
    size_t header = svr_tcp_header_len(h->flags);
    assert(header + len <= UINT16_MAX);
    svr_put16(tcp, h->sport);
    svr_put16(tcp + 2, h->dport);
    svr_put32(tcp + 4, h->seq);
    svr_put32(tcp + 8, h->flags & SVR_TCP_ACK ? h->ack : 0);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = h->flags;
    svr_put16(tcp + 14, h->window);
    svr_put32(tcp + 16, 0); /* checksum, and nothing urgent */
    if (h->flags & SVR_TCP_SYN) {
        uint8_t *option = tcp + SVR_TCP_HEADER_MIN;
        option[0] = TCP_OPTION_MSS;
        option[1] = 4;
        svr_put16(option + 2, h->mss);
        option[4] = TCP_OPTION_WINDOW_SCALE;
        option[5] = 3;
        option[6] = h->window_scale;
        option[7] = TCP_OPTION_NOP;
    }
    svr_l4_checksum_set(tcp, header + len, SVR_PROTO_TCP, src, dst);
}

/* ---- MSS ------------------------------------------------------------------------------------ */

/* RFC 1624: the checksum follows a changed 16-bit field. `odd`: the field starts at an odd offset. */
static void mend_checksum(uint8_t *tcp, uint16_t from, uint16_t to, bool odd) {
    if (odd) {
        from = (uint16_t)(from << 8 | from >> 8);
        to = (uint16_t)(to << 8 | to >> 8);
    }
    uint32_t sum = (uint16_t)~svr_get16(tcp + 16) + (uint32_t)(uint16_t)~from + to;
    svr_put16(tcp + 16, (uint16_t)~svr_checksum_fold(sum));
}

bool svr_tcp_clamp_mss(uint8_t *tcp, size_t len, uint16_t mss) {
    if (len < SVR_TCP_HEADER_MIN || !(tcp[13] & SVR_TCP_SYN)) return false;
    size_t end = (size_t)(tcp[12] >> 4) * 4;
    if (end > len) return false;
    for (size_t at = SVR_TCP_HEADER_MIN; at < end && tcp[at] != TCP_OPTION_END;) {
        if (tcp[at] == TCP_OPTION_NOP) {
            at++;
            continue;
        }
        if (at + 2 > end || tcp[at + 1] < 2 || at + tcp[at + 1] > end) return false;
        if (tcp[at] == TCP_OPTION_MSS && tcp[at + 1] == 4) {
            uint16_t old = svr_get16(tcp + at + 2);
            if (old <= mss) return false;
            svr_put16(tcp + at + 2, mss);
            mend_checksum(tcp, old, mss, at % 2);
            return true;
        }
        at += tcp[at + 1];
    }
    return false;
}

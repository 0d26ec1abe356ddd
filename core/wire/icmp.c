/* SPDX-License-Identifier: MIT */
#include "svr/wire.h"

#include "base/bytes.h"

#define ICMP_HEADER_LEN 8
#define QUOTE_V4_MAX 548  /* RFC 1812 section 4.3.2.3: the whole datagram stays within 576 bytes */
#define QUOTE_V6_MAX 1232 /* RFC 4443 section 2.4: within the minimum MTU of 1280 bytes */
#define ERROR_TTL 64
#define ERROR_TOS 0xc0 /* RFC 1812 section 4.3.2.5: precedence 6 */
#define ICMPV6_REDIRECT 137

static void type_of(svr_icmp_error what, uint8_t family, uint8_t out[2]) {
    static const uint8_t v4[][2] = {[SVR_ICMP_TTL_EXCEEDED] = {11, 0},
                                    [SVR_ICMP_PROHIBITED] = {3, 13},
                                    [SVR_ICMP_UNREACHABLE] = {3, 0},
                                    [SVR_ICMP_TOO_BIG] = {3, 4}};
    static const uint8_t v6[][2] = {[SVR_ICMP_TTL_EXCEEDED] = {3, 0},
                                    [SVR_ICMP_PROHIBITED] = {1, 1},
                                    [SVR_ICMP_UNREACHABLE] = {1, 0},
                                    [SVR_ICMP_TOO_BIG] = {2, 0}};
    memcpy(out, family == 4 ? v4[what] : v6[what], 2);
}

/* Neither nothing, loopback, multicast nor broadcast. */
static bool is_unicast_host(const svr_addr *a) {
    static const uint8_t zero[15];
    if (a->family == 4) return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
    bool none_or_loopback = memcmp(a->bytes, zero, 15) == 0 && a->bytes[15] <= 1;
    return !none_or_loopback && a->bytes[0] != 0xff;
}

static bool is_icmp_error(const svr_ip *ip, const uint8_t *l4) {
    if (ip->l4_header_len == 0) return false; /* ICMP of the other family, perhaps without a byte */
    if (ip->flow.proto == SVR_PROTO_ICMPV6) return l4[0] < 128 || l4[0] == ICMPV6_REDIRECT;
    return ip->flow.proto == SVR_PROTO_ICMP && l4[0] != 0 && l4[0] != 8 && (l4[0] < 13 || l4[0] > 18);
}

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
static bool may_answer(const svr_ip *ip, const uint8_t *orig) {
    bool later_fragment = ip->fragment && ip->l4_header_len == 0;
    if (!is_unicast_host(&ip->flow.src) || !is_unicast_host(&ip->flow.dst) || later_fragment) return false;
    return !is_icmp_error(ip, orig + ip->header_len);
}

size_t svr_icmp_error_encode(svr_icmp_error what, uint32_t mtu, const svr_addr *src, const uint8_t *orig,
                             size_t orig_len, uint8_t *out, size_t size) {
    svr_ip ip;
    if (svr_ip_decode(orig, orig_len, &ip) != SVR_IP_OK || src->family != ip.flow.src.family) return 0;
    if (!may_answer(&ip, orig)) return 0;
    bool v4 = src->family == 4;
    size_t most = v4 ? QUOTE_V4_MAX : QUOTE_V6_MAX, quote = (size_t)ip.header_len + ip.l4_len;
    if (quote > most) quote = most;
    size_t header = svr_ip_header_len(src->family), l4_len = ICMP_HEADER_LEN + quote;
    if (header + l4_len > size) return 0;
    const svr_ip_header h = {.src = *src,
                             .dst = ip.flow.src,
                             .proto = v4 ? SVR_PROTO_ICMP : SVR_PROTO_ICMPV6,
                             .tos = ERROR_TOS,
                             .ttl = ERROR_TTL,
                             .dont_fragment = true, /* so that id 0 needs no excuse (RFC 6864) */
                             .l4_len = (uint16_t)l4_len};
    svr_ip_encode(&h, out);
    uint8_t *icmp = out + header;
    memset(icmp, 0, ICMP_HEADER_LEN);
    type_of(what, src->family, icmp);
    /* RFC 1191: IPv4 has the low half only. */
    if (what == SVR_ICMP_TOO_BIG) svr_put32(icmp + 4, v4 && mtu > UINT16_MAX ? UINT16_MAX : mtu);
    memcpy(icmp + ICMP_HEADER_LEN, orig, quote);
    svr_l4_checksum_set(icmp, l4_len, h.proto, &h.src, &h.dst);
    return header + l4_len;
}

/* ---- errors that cross ---------------------------------------------------------------------- */

#define V4_UNREACHABLE 3
#define V4_FRAGMENTATION_NEEDED 4
#define V4_TIME_EXCEEDED 11
#define V4_PARAMETER 12
#define V6_UNREACHABLE 1
#define V6_TOO_BIG 2
#define V6_TIME_EXCEEDED 3
#define V6_PARAMETER 4
#define V6_FRAGMENT_HEADER 44

static bool is_error_type(uint8_t family, uint8_t type) {
    if (family == 6) return type >= V6_UNREACHABLE && type <= V6_PARAMETER;
    return type == V4_UNREACHABLE || type == V4_TIME_EXCEEDED || type == V4_PARAMETER;
}

static bool has_value(uint8_t family, uint8_t type, uint8_t code) {
    if (family == 6) return type == V6_TOO_BIG || type == V6_PARAMETER;
    return type == V4_PARAMETER || (type == V4_UNREACHABLE && code == V4_FRAGMENTATION_NEEDED);
}

/* Where the L4 header of a quoted packet begins; 0 when it is not there, or of a later fragment. */
static size_t quoted_header(const uint8_t *p, size_t len, uint8_t family, uint8_t *proto) {
    if (family == 4) {
        size_t header = len >= 20 && p[0] >> 4 == 4 ? (size_t)(p[0] & 15) * 4 : 0;
        if (header < 20 || (svr_get16(p + 6) & 0x1fff)) return 0;
        *proto = p[9];
        return header;
    }
    if (len < 40 || p[0] >> 4 != 6) return 0;
    *proto = p[6];
    if (*proto != V6_FRAGMENT_HEADER) return 40;
    if (len < 48 || (svr_get16(p + 42) & 0xfff8)) return 0;
    *proto = p[40];
    return 48;
}

static bool read_quoted_flow(const uint8_t *p, size_t len, uint8_t family, svr_flow *about,
                             uint8_t quote[SVR_ICMP_QUOTE_LEN]) {
    uint8_t proto;
    size_t at = quoted_header(p, len, family, &proto);
    if (!at || len < at + SVR_ICMP_QUOTE_LEN) return false;
    const uint8_t *l4 = p + at, *src = p + (family == 4 ? 12 : 8);
    bool echo = (proto == SVR_PROTO_ICMP && family == 4 && (l4[0] == 8 || l4[0] == 0)) ||
                (proto == SVR_PROTO_ICMPV6 && family == 6 && (l4[0] == 128 || l4[0] == 129));
    if (!echo && proto != SVR_PROTO_TCP && proto != SVR_PROTO_UDP) return false;
    *about = (svr_flow){.src = svr_addr_from_bytes(family, src),
                        .dst = svr_addr_from_bytes(family, src + (family == 4 ? 4 : 16)),
                        .sport = svr_get16(echo ? l4 + 4 : l4),
                        .dport = svr_get16(echo ? l4 + 4 : l4 + 2),
                        .proto = proto};
    memcpy(quote, l4, SVR_ICMP_QUOTE_LEN);
    return true;
}

bool svr_icmp_report_decode(const svr_ip *ip, const uint8_t *icmp, svr_icmp_report *out, svr_flow *about) {
    uint8_t family = ip->flow.src.family;
    svr_icmp_report r = {.location = ip->flow.src};
    if (ip->fragment || ip->flow.proto != (family == 4 ? SVR_PROTO_ICMP : SVR_PROTO_ICMPV6) ||
        ip->l4_len < ICMP_HEADER_LEN || !is_error_type(family, icmp[0]) ||
        !svr_l4_checksum_ok(icmp, ip->l4_len, ip->flow.proto, &ip->flow.src, &ip->flow.dst) ||
        !read_quoted_flow(icmp + ICMP_HEADER_LEN, ip->l4_len - ICMP_HEADER_LEN, family, about, r.quote))
        return false;
    r.type = icmp[0];
    r.code = icmp[1];
    /* The rest may say how long the quote is (RFC 4884), which is cut here. */
    if (has_value(family, r.type, r.code)) r.value = svr_get32(icmp + 4);
    *out = r;
    return true;
}

static void quote_flow(const svr_flow *about, uint8_t out[SVR_ICMP_QUOTE_LEN]) {
    memset(out, 0, SVR_ICMP_QUOTE_LEN);
    if (about->proto == SVR_PROTO_TCP || about->proto == SVR_PROTO_UDP) {
        svr_put16(out, about->sport);
        svr_put16(out + 2, about->dport);
    } else {
        out[0] = about->proto == SVR_PROTO_ICMP ? 8 : 128;
        svr_put16(out + 4, about->sport);
    }
}

svr_icmp_report svr_icmp_report_make(svr_icmp_error what, uint32_t mtu, const svr_addr *location,
                                     const svr_flow *about, const uint8_t *quote) {
    svr_icmp_report r = {.location = *location};
    uint8_t type[2];
    type_of(what, about->src.family, type);
    r.type = type[0];
    r.code = type[1];
    if (what == SVR_ICMP_TOO_BIG) r.value = mtu;
    if (quote)
        memcpy(r.quote, quote, SVR_ICMP_QUOTE_LEN);
    else
        quote_flow(about, r.quote);
    return r;
}

/* The quoted packet as its sender knows it, as far as the flow tells. */
static size_t encode_quoted(const svr_icmp_report *r, const svr_flow *about, uint8_t *out) {
    uint16_t l4_len = SVR_ICMP_QUOTE_LEN;
    if (about->proto == SVR_PROTO_UDP && svr_get16(r->quote + 4) > l4_len) l4_len = svr_get16(r->quote + 4);
    if (l4_len > UINT16_MAX - 20) l4_len = SVR_ICMP_QUOTE_LEN;
    const svr_ip_header h = {
        .src = about->src, .dst = about->dst, .proto = about->proto, .ttl = 1, .l4_len = l4_len};
    size_t n = svr_ip_encode(&h, out);
    memcpy(out + n, r->quote, SVR_ICMP_QUOTE_LEN);
    return n + SVR_ICMP_QUOTE_LEN;
}

size_t svr_icmp_report_encode(const svr_icmp_report *r, const svr_flow *about, const svr_addr *src,
                              uint8_t *out, size_t size) {
    uint8_t family = about->src.family;
    size_t header = svr_ip_header_len(family), l4_len = ICMP_HEADER_LEN + header + SVR_ICMP_QUOTE_LEN;
    if (src->family != family || !is_error_type(family, r->type) || header + l4_len > size) return 0;
    const svr_ip_header h = {.src = *src,
                             .dst = about->src,
                             .proto = family == 4 ? SVR_PROTO_ICMP : SVR_PROTO_ICMPV6,
                             .tos = ERROR_TOS,
                             .ttl = ERROR_TTL,
                             .dont_fragment = true,
                             .l4_len = (uint16_t)l4_len};
    svr_ip_encode(&h, out);
    uint8_t *icmp = out + header;
    memset(icmp, 0, ICMP_HEADER_LEN);
    icmp[0] = r->type;
    icmp[1] = r->code;
    if (has_value(family, r->type, r->code)) svr_put32(icmp + 4, r->value);
    encode_quoted(r, about, icmp + ICMP_HEADER_LEN);
    svr_l4_checksum_set(icmp, l4_len, h.proto, &h.src, &h.dst);
    return header + l4_len;
}

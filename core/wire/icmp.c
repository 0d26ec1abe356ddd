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

/* SPDX-License-Identifier: MIT */
#include "svr/wire.h"

#include "base/bytes.h"

/* The sum of words of 4 bytes cannot overflow 8 bytes; four sums at a time keep the processor busy. */
static uint64_t add_words(const uint8_t *p, size_t blocks) {
    uint64_t sum[4] = {0}, w[4];
    for (; blocks; blocks--, p += sizeof w) {
        memcpy(w, p, sizeof w);
        for (int i = 0; i < 4; i++)
            sum[i] += (w[i] & UINT32_MAX) + (w[i] >> 32);
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* Sums machine words; RFC 1071 lets the byte order be put right at the end. */
uint32_t svr_checksum_add(uint32_t sum, const uint8_t *p, size_t len) {
    uint64_t total = add_words(p, len / 32);
    uint32_t w;
    for (p += len & ~(size_t)31, len &= 31; len >= 4; p += 4, len -= 4) {
        memcpy(&w, p, 4);
        total += w;
    }
    w = 0;
    if (len) memcpy(&w, p, len);
    total += w;
    total = (total & UINT32_MAX) + (total >> 32);
    total = (total & UINT32_MAX) + (total >> 32);
    total = (total & UINT16_MAX) + (total >> 16);
    total = (total & UINT16_MAX) + (total >> 16);
    uint8_t bytes[2];
    uint16_t native = (uint16_t)total;
    memcpy(bytes, &native, 2);
    return (uint32_t)svr_checksum_fold(sum + svr_get16(bytes));
}

uint16_t svr_checksum_fold(uint32_t sum) {
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)sum;
}

uint16_t svr_l4_checksum_pseudo(uint8_t proto, const svr_addr *src, const svr_addr *dst, size_t len) {
    uint32_t sum = svr_checksum_add(0, src->bytes, svr_addr_size(src));
    sum = svr_checksum_add(sum, dst->bytes, svr_addr_size(dst));
    return svr_checksum_fold(sum + proto + (uint32_t)len);
}

/* ICMP for IPv4 has no pseudo header. */
static uint16_t l4_sum(const uint8_t *l4, size_t len, uint8_t proto, const svr_addr *src,
                       const svr_addr *dst) {
    uint32_t sum = proto == SVR_PROTO_ICMP ? 0 : svr_l4_checksum_pseudo(proto, src, dst, len);
    return svr_checksum_fold(svr_checksum_add(sum, l4, len));
}

/* Where the checksum is, or 0: a protocol whose segments are none of our business. */
static size_t checksum_offset(uint8_t proto) {
    switch (proto) {
    case SVR_PROTO_TCP: return 16;
    case SVR_PROTO_UDP: return 6;
    case SVR_PROTO_ICMP:
    case SVR_PROTO_ICMPV6: return 2;
    default: return 0;
    }
}

void svr_l4_checksum_set(uint8_t *l4, size_t len, uint8_t proto, const svr_addr *src, const svr_addr *dst) {
    size_t at = checksum_offset(proto);
    if (at == 0 || len < at + 2) return;
    svr_put16(l4 + at, 0);
    uint16_t sum = (uint16_t)~l4_sum(l4, len, proto, src, dst);
    svr_put16(l4 + at, proto == SVR_PROTO_UDP && sum == 0 ? UINT16_MAX : sum);
}

bool svr_l4_checksum_ok(const uint8_t *l4, size_t len, uint8_t proto, const svr_addr *src,
                        const svr_addr *dst) {
    size_t at = checksum_offset(proto);
    if (at == 0 || len < at + 2) return false;
    /* None was made, which IPv6 does not allow (RFC 8200 section 8.1). */
    if (proto == SVR_PROTO_UDP && svr_get16(l4 + at) == 0) return src->family == 4;
    return l4_sum(l4, len, proto, src, dst) == UINT16_MAX;
}

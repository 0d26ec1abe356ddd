/* SPDX-License-Identifier: MIT */
#include "overhead.h"

enum {
    IPV4_HEADER = 20, /* RFC 791 section 3.1, without options */
    IPV6_HEADER = 40, /* RFC 8200 section 3 */
    UDP_HEADER = 8,   /* RFC 768 */
    GRE_HEADER = 4,   /* RFC 2784 section 2.1, without checksum; RFC 7676 for IPv6 */
    ESP_HEADER = 8,   /* SPI and sequence number: RFC 4303 sections 2.1 and 2.2 */
    ESP_TRAILER = 2,  /* pad length and next header: RFC 4303 sections 2.5 and 2.6 */
    AES_IV = 16,      /* RFC 3602 section 3 */
    AES_BLOCK = 16,   /* what is enciphered, trailer included, is whole blocks: RFC 4303 section 2.4, RFC 3602
                         section 2.4 */
    ESP_ICV = 24,     /* HMAC-SHA-384-192: RFC 4868 section 2.6 */
    WG_HEADER =
        16, /* type and reserved, receiver index, counter: section 5.4.6 of the WireGuard paper (NDSS 2017) */
    WG_TAG = 16,   /* Poly1305: RFC 8439 section 2.8 */
    WG_BLOCK = 16, /* the packet inside is padded to whole 16 bytes: section 5.4.6 */
};

const char *svrpcap_scheme_name(svrpcap_scheme s) {
    switch (s) {
    case SVRPCAP_SVR: return "SVR";
    case SVRPCAP_GRE: return "GRE";
    case SVRPCAP_ESP: return "IPsec ESP";
    case SVRPCAP_WIREGUARD: return "WireGuard";
    case SVRPCAP_SCHEMES: break;
    }
    return "unknown";
}

/* Bytes that fill `n` up to a multiple of `block`. */
static size_t padding(size_t n, size_t block) {
    return (block - n % block) % block;
}

size_t svrpcap_overhead(svrpcap_scheme s, size_t inner, uint8_t family) {
    size_t ip = family == 6 ? IPV6_HEADER : IPV4_HEADER;
    switch (s) {
    case SVRPCAP_GRE: return ip + GRE_HEADER;
    case SVRPCAP_ESP:
        return ip + ESP_HEADER + AES_IV + padding(inner + ESP_TRAILER, AES_BLOCK) + ESP_TRAILER + ESP_ICV;
    case SVRPCAP_WIREGUARD: return ip + UDP_HEADER + WG_HEADER + padding(inner, WG_BLOCK) + WG_TAG;
    case SVRPCAP_SVR:
    case SVRPCAP_SCHEMES: break;
    }
    return 0;
}

/* SPDX-License-Identifier: MIT
 * Link types as tcpdump.org/linktypes.html lists them. */
#include "link.h"

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
    DLT_RAW_LINUX = 12, /* what libpcap calls raw IP, but on OpenBSD */
    DLT_RAW_OPENBSD = 14,
    VLAN_TAGS_MAX = 4,
};

/* Where the EtherType stands, and where what it names begins. */
static size_t behind_type(const uint8_t *p, size_t len, size_t type_at, size_t at) {
    for (int tags = 0; tags <= VLAN_TAGS_MAX && at <= len; tags++) {
        unsigned type = (unsigned)p[type_at] << 8 | p[type_at + 1];
        if (type == 0x0800 || type == 0x86dd) return at;
        if (type != 0x8100 && type != 0x88a8 && type != 0x9100) return 0;
        if (at + 4 > len) return 0;
        type_at = at + 2;
        at += 4;
    }
    return 0;
}

/* Bytes in front of the datagram; `len` when there is none. */
static size_t header_len(uint32_t link_type, const uint8_t *p, size_t len) {
    size_t at = 0;
    switch (link_type) {
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
    case DLT_RAW_LINUX:
    case DLT_RAW_OPENBSD: return 0;
    case LINK_NULL:
    case LINK_LOOP: return 4; /* an address family, whose numbers differ from system to system */
    case LINK_ETHERNET: at = len >= 14 ? behind_type(p, len, 12, 14) : 0; break;
    case LINK_SLL: at = len >= 16 ? behind_type(p, len, 14, 16) : 0; break;
    case LINK_SLL2: at = len >= 20 ? behind_type(p, len, 0, 20) : 0; break;
    default: break;
    }
    return at ? at : len;
}

size_t svr_link_datagram(uint32_t link_type, const uint8_t **data, size_t len) {
    size_t at = header_len(link_type, *data, len);
    if (at >= len) return 0;
    unsigned version = (*data)[at] >> 4;
    if (version != 4 && version != 6) return 0;
    *data += at;
    return len - at;
}

const char *svr_link_name(uint32_t link_type) {
    switch (link_type) {
    case LINK_NULL:
    case LINK_LOOP: return "loopback";
    case LINK_ETHERNET: return "Ethernet";
    case LINK_RAW:
    case DLT_RAW_LINUX:
    case DLT_RAW_OPENBSD: return "raw IP";
    case LINK_SLL: return "Linux cooked";
    case LINK_IPV4: return "raw IPv4";
    case LINK_IPV6: return "raw IPv6";
    case LINK_SLL2: return "Linux cooked v2";
    default: return NULL;
    }
}

int svr_link_to_dlt(uint32_t link_type) {
    return link_type == LINK_RAW ? DLT_RAW_LINUX : (int)link_type;
}

uint32_t svr_link_from_dlt(int dlt) {
    return dlt == DLT_RAW_LINUX || dlt == DLT_RAW_OPENBSD ? LINK_RAW : (uint32_t)dlt;
}

/* SPDX-License-Identifier: MIT */
#include "svr/base.h"

#include <arpa/inet.h>
#include <string.h>

bool svr_addr_parse(const char *text, svr_addr *out) {
    svr_addr a = {0};
    if (inet_pton(AF_INET, text, a.bytes) == 1)
        a.family = 4;
    else if (inet_pton(AF_INET6, text, a.bytes) == 1)
        a.family = 6;
    else
        return false;
    *out = a;
    return true;
}

const char *svr_addr_format(const svr_addr *a, char out[SVR_ADDR_TEXT_MAX]) {
    if (!a->family || !inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, out, SVR_ADDR_TEXT_MAX))
        memcpy(out, "none", 5);
    return out;
}

bool svr_addr_equal(const svr_addr *a, const svr_addr *b) {
    return svr_addr_compare(a, b) == 0;
}
int svr_addr_compare(const svr_addr *a, const svr_addr *b) {
    return memcmp(a, b, sizeof *a);
}
size_t svr_addr_size(const svr_addr *a) {
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

svr_addr svr_addr_from_bytes(uint8_t family, const uint8_t *bytes) {
    svr_addr a = {.family = family};
    if (family == 4)
        memcpy(a.bytes, bytes, 4); /* of a known length: two moves instead of a call */
    else if (family == 6)
        memcpy(a.bytes, bytes, 16);
    return a;
}

svr_prefix svr_prefix_make(const svr_addr *a, uint8_t len) {
    svr_prefix p = {.addr = *a, .len = len};
    size_t whole = len / 8;
    if (whole >= sizeof p.addr.bytes) return p;
    p.addr.bytes[whole] &= (uint8_t)(0xff00u >> len % 8);
    memset(p.addr.bytes + whole + 1, 0, sizeof p.addr.bytes - whole - 1);
    return p;
}

bool svr_prefix_contains(const svr_prefix *p, const svr_addr *a) {
    if (p->addr.family != a->family) return false;
    size_t whole = p->len / 8, rest = p->len % 8;
    if (memcmp(p->addr.bytes, a->bytes, whole) != 0) return false;
    return rest == 0 || ((p->addr.bytes[whole] ^ a->bytes[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

svr_flow svr_flow_reverse(const svr_flow *f) {
    return (svr_flow){.src = f->dst, .dst = f->src, .sport = f->dport, .dport = f->sport, .proto = f->proto};
}

bool svr_flow_equal(const svr_flow *a, const svr_flow *b) {
    return a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
           svr_addr_equal(&a->src, &b->src) && svr_addr_equal(&a->dst, &b->dst);
}

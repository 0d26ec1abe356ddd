/* SPDX-License-Identifier: MIT */
#include "svrd/offload.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define TCP_SEQ 4
#define TCP_ACK_SEQ 8
#define TCP_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define UDP_LENGTH 4
#define UDP_CHECKSUM 6
#define FIN 0x01
#define PSH 0x08
#define ACK 0x10
#define CWR 0x80

/* Newer than the kernel headers that this is compiled with. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

static uint16_t get16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}
static uint32_t get32(const uint8_t *p) {
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}
static void put16(uint8_t *p, size_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v);
}

/* Length, identification and checksum of an IP header follow from those of another one, `n` datagrams ago. */
static void renew_ip(uint8_t *p, const svr_ip *ip, size_t len, uint16_t n) {
    if (ip->flow.src.family == 6) {
        put16(p + 4, len - svr_ip_header_len(6));
        return;
    }
    put16(p + 2, len);
    put16(p + 4, (uint16_t)(get16(p + 4) + n));
    put16(p + 10, 0);
    put16(p + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, p, ip->header_len)));
}

/* ---- one becomes many ------------------------------------------------------------------------- */

static uint8_t protocol_of(const struct virtio_net_hdr *h) {
    switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
    case VIRTIO_NET_HDR_GSO_TCPV6: return SVR_PROTO_TCP;
    case VIRTIO_NET_HDR_GSO_UDP_L4: return SVR_PROTO_UDP;
    default: return 0;
    }
}

bool svrd_segmenter_begin(svrd_segmenter *s, const struct virtio_net_hdr *h, const uint8_t *data, size_t len,
                          bool checksums) {
    svr_ip ip;
    *s = (svrd_segmenter){0};
    if (svr_ip_decode(data, len, &ip) != SVR_IP_OK || ip.fragment || ip.flow.proto != protocol_of(h))
        return false;
    size_t headers = (size_t)ip.header_len + ip.l4_header_len;
    if (h->gso_size == 0 || headers + h->gso_size > SVR_PACKET_LEN_MAX) return false;
    *s = (svrd_segmenter){.data = data,
                          .ip = ip,
                          .headers = headers,
                          .payload = (size_t)ip.l4_len - ip.l4_header_len,
                          .size = h->gso_size,
                          .checksums = checksums};
    return true;
}

static size_t payload_of_next(const svrd_segmenter *s) {
    size_t left = s->payload - s->at;
    return left < s->size ? left : s->size;
}

size_t svrd_segmenter_length(const svrd_segmenter *s) {
    size_t n = payload_of_next(s);
    return n ? s->headers + n : 0;
}

/* What concerns the end of the stream is for the last segment, that the window shrank for the first. */
static void renew_tcp(uint8_t *tcp, const svrd_segmenter *s, bool last) {
    put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + (uint32_t)s->at);
    if (!last) tcp[TCP_FLAGS] &= (uint8_t) ~(FIN | PSH);
    if (s->n) tcp[TCP_FLAGS] &= (uint8_t)~CWR;
}

void svrd_segmenter_cut(svrd_segmenter *s, uint8_t *out) {
    size_t n = payload_of_next(s), len = s->headers + n;
    uint8_t *l4 = out + s->ip.header_len;
    assert(n > 0);
    memcpy(out, s->data, s->headers);
    memcpy(out + s->headers, s->data + s->headers + s->at, n);
    renew_ip(out, &s->ip, len, s->n);
    if (s->ip.flow.proto == SVR_PROTO_TCP)
        renew_tcp(l4, s, s->at + n == s->payload);
    else
        put16(l4 + UDP_LENGTH, len - s->ip.header_len);
    if (s->checksums)
        svr_l4_checksum_set(l4, len - s->ip.header_len, s->ip.flow.proto, &s->ip.flow.src, &s->ip.flow.dst);
    s->at += n;
    s->n++;
}

/* The place holds the sum over the pseudo header, so that summing all gives the whole. */
bool svrd_finish_checksum(const struct virtio_net_hdr *h, uint8_t *data, size_t len) {
    if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) return true;
    size_t start = h->csum_start, at = start + h->csum_offset;
    if (start >= len || at + 2 > len) return false;
    uint16_t sum = (uint16_t)~svr_checksum_fold(svr_checksum_add(0, data + start, len - start));
    put16(data + at, sum ? sum : UINT16_MAX); /* 0 would be "none" to UDP, and means the same to TCP */
    return true;
}

void svrd_finish_packet(svr_packet *pkt) {
    const struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                     .csum_start =
                                         (uint16_t)svr_ip_header_len(pkt->data[0] >> 4 == 4 ? 4 : 6),
                                     .csum_offset = UDP_CHECKSUM};
    if (pkt->open_checksum) svrd_finish_checksum(&h, pkt->data, pkt->len);
    pkt->open_checksum = false;
}

/* ---- many become one -------------------------------------------------------------------------- */

/* A packet that might be joined. */
typedef struct piece {
    const uint8_t *p, *l4, *payload;
    svr_ip ip;
    size_t len; /* of the payload */
} piece;

static bool is_plain(const piece *a) {
    return !a->ip.fragment && a->ip.header_len == svr_ip_header_len(a->ip.flow.src.family) && a->len > 0;
}

static bool read_piece(const svr_packet *pkt, unsigned what, piece *out) {
    out->p = pkt->data;
    if (svr_ip_decode(out->p, pkt->len, &out->ip) != SVR_IP_OK) return false;
    if (out->ip.header_len + (uint32_t)out->ip.l4_len != pkt->len) return false;
    out->l4 = out->p + out->ip.header_len;
    out->payload = out->l4 + out->ip.l4_header_len;
    out->len = (size_t)out->ip.l4_len - out->ip.l4_header_len;
    if (!is_plain(out)) return false;
    if (out->ip.flow.proto == SVR_PROTO_UDP)
        return what & SVRD_JOIN_UDP && get16(out->l4 + UDP_CHECKSUM) != 0;
    return out->ip.flow.proto == SVR_PROTO_TCP && what & SVRD_JOIN_TCP && (out->ip.tcp_flags & ~PSH) == ACK;
}

static bool holds(const piece *a, unsigned what) {
    const svr_flow *flow = &a->ip.flow;
    return what & SVRD_JOIN_TRUST ||
           svr_l4_checksum_ok(a->l4, a->ip.l4_len, flow->proto, &flow->src, &flow->dst);
}

/* `b` is `n` packets behind `a`. */
static bool same_ip(const piece *a, const piece *b, size_t n) {
    if (a->ip.flow.src.family == 6) /* version, class and flow label; hop limit; addresses */
        return memcmp(a->p, b->p, 4) == 0 && a->p[7] == b->p[7] && memcmp(a->p + 8, b->p + 8, 32) == 0;
    bool in_order = a->ip.dont_fragment || (uint16_t)(get16(a->p + 4) + n) == get16(b->p + 4);
    return in_order && memcmp(a->p, b->p, 2) == 0 && memcmp(a->p + 6, b->p + 6, 4) == 0 &&
           memcmp(a->p + 12, b->p + 12, 8) == 0;
}

/* Acknowledgement, window and options are the same, and `at` bytes of the stream lie between. */
static bool same_tcp(const piece *a, const piece *b, size_t at) {
    return get32(a->l4 + TCP_SEQ) + (uint32_t)at == get32(b->l4 + TCP_SEQ) &&
           memcmp(a->l4 + TCP_ACK_SEQ, b->l4 + TCP_ACK_SEQ, 4) == 0 &&
           a->l4[TCP_OFFSET] == b->l4[TCP_OFFSET] &&
           memcmp(a->l4 + TCP_FLAGS + 1, b->l4 + TCP_FLAGS + 1, 2) == 0 &&
           memcmp(a->l4 + TCP_CHECKSUM + 2, b->l4 + TCP_CHECKSUM + 2,
                  (size_t)a->ip.l4_header_len - TCP_CHECKSUM - 2) == 0;
}

static bool follows(const piece *a, const piece *b, size_t n, size_t at) {
    return a->ip.flow.proto == b->ip.flow.proto && a->ip.flow.src.family == b->ip.flow.src.family &&
           memcmp(a->l4, b->l4, 4) == 0 && same_ip(a, b, n) &&
           (a->ip.flow.proto == SVR_PROTO_UDP || same_tcp(a, b, at));
}

/* The whole's length, and in place of the L4 checksum the sum over the pseudo header: the kernel goes on from
 * there. */
static void make_headers(svrd_super *s, svr_packet *first, const piece *a, size_t payload, bool push) {
    const svr_flow *flow = &a->ip.flow;
    bool tcp = flow->proto == SVR_PROTO_TCP, v4 = flow->src.family == 4;
    uint8_t *l4 = first->data + a->ip.header_len;
    size_t l4_len = a->ip.l4_header_len + payload, at = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    renew_ip(first->data, &a->ip, a->ip.header_len + l4_len, 0);
    if (tcp && push) l4[TCP_FLAGS] |= PSH;
    if (!tcp) put16(l4 + UDP_LENGTH, l4_len);
    put16(l4 + at, svr_l4_checksum_pseudo(flow->proto, &flow->src, &flow->dst, l4_len));
    s->header = (struct virtio_net_hdr){
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = !tcp ? VIRTIO_NET_HDR_GSO_UDP_L4
                    : v4 ? VIRTIO_NET_HDR_GSO_TCPV4
                         : VIRTIO_NET_HDR_GSO_TCPV6,
        .hdr_len = (uint16_t)(a->ip.header_len + a->ip.l4_header_len),
        .gso_size = (uint16_t)a->len,
        .csum_start = a->ip.header_len,
        .csum_offset = (uint16_t)at,
    };
}

static void add_part(svrd_super *s, const void *p, size_t len) {
    s->iov[s->n++] = (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = len};
    s->len += len;
}

static bool fits(const piece *first, const piece *next, size_t payload) {
    return next->len <= first->len &&
           (size_t)first->ip.header_len + first->ip.l4_header_len + payload + next->len <= SVRD_SUPER_MAX;
}

size_t svrd_super_join(svrd_super *s, svr_packet *const *packets, size_t n, unsigned what) {
    piece first, next;
    size_t payload, k = 1;
    s->header = (struct virtio_net_hdr){0};
    s->n = s->len = 0;
    add_part(s, packets[0]->data, packets[0]->len);
    if (n < 2 || !read_piece(packets[0], what, &first)) return 1;
    bool last = first.ip.tcp_flags & PSH, push = false, sound = false;
    for (payload = first.len; k < n && k < SVR_BATCH_MAX && !last; k++, payload += next.len) {
        if (!read_piece(packets[k], what, &next) || !fits(&first, &next, payload) ||
            !follows(&first, &next, k, payload))
            break;
        if (!sound && !holds(&first, what)) return 1;
        sound = true;
        if (!holds(&next, what)) break;
        push = next.ip.tcp_flags & PSH;
        last = push || next.len < first.len;
        add_part(s, next.payload, next.len);
    }
    if (k > 1) make_headers(s, packets[0], &first, payload, push);
    return k;
}

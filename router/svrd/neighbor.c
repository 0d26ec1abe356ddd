/* SPDX-License-Identifier: MIT */
#include "svrd/neighbor.h"

#include <stdlib.h>
#include <string.h>

#include "svr/wire.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_ARP 0x0806
#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define SOLICITATION 135
#define ADVERTISEMENT 136
#define OPTION_SOURCE 1
#define OPTION_TARGET 2
#define DISCOVERY_LEN 32 /* ICMPv6 header, target, one option */
#define DISCOVERY_TTL 255
#define PROBES 8 /* places that an address may be in */

static const uint8_t broadcast[SVRD_MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static uint16_t get16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}
static void put16(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static bool is_ours(const svrd_neighbors *t, const svr_addr *a) {
    for (size_t i = 0; i < t->iface->n_addresses; i++)
        if (svr_addr_equal(&t->iface->addresses[i].addr, a)) return true;
    return false;
}

static const svr_addr *own_address(const svrd_neighbors *t, uint8_t family) {
    for (size_t i = 0; i < t->iface->n_addresses; i++)
        if (t->iface->addresses[i].addr.family == family) return &t->iface->addresses[i].addr;
    return NULL;
}

static void send_frame(svrd_neighbors *t, const uint8_t to[SVRD_MAC_LEN], uint16_t type, const uint8_t *data,
                       size_t len) {
    uint8_t header[SVRD_ETHERNET_LEN];
    memcpy(header, to, SVRD_MAC_LEN);
    memcpy(header + SVRD_MAC_LEN, t->mac, SVRD_MAC_LEN);
    put16(header + 12, type);
    t->send(t->ctx, header, data, len);
}

/* ---- the table ------------------------------------------------------------------------------ */

static size_t place_of(const svr_addr *a) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof a->bytes; i++)
        hash = (hash ^ a->bytes[i]) * 16777619u;
    return hash % SVRD_NEIGHBORS;
}

static svrd_neighbor *find(svrd_neighbors *t, const svr_addr *a) {
    for (size_t i = 0; i < PROBES; i++) {
        svrd_neighbor *n = &t->at[(place_of(a) + i) % SVRD_NEIGHBORS];
        if (svr_addr_equal(&n->addr, a)) return n;
    }
    return NULL;
}

static void forget(svrd_neighbors *t, svrd_neighbor *n) {
    for (size_t i = 0; i < n->n_waiting; i++)
        free(n->waiting[i].bytes);
    t->unreachable += n->n_waiting;
    *n = (svrd_neighbor){0};
}

static svrd_neighbor *enter(svrd_neighbors *t, const svr_addr *a, svr_time now) {
    svrd_neighbor *oldest = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        svrd_neighbor *n = &t->at[(place_of(a) + i) % SVRD_NEIGHBORS];
        if (!oldest || (oldest->addr.family && (!n->addr.family || n->heard < oldest->heard))) oldest = n;
    }
    forget(t, oldest);
    oldest->addr = *a;
    oldest->heard = now;
    return oldest;
}

static uint16_t type_of(const svr_addr *a) {
    return a->family == 4 ? TYPE_IPV4 : TYPE_IPV6;
}

/* `fresh`: it is to be entered if nobody knows it. */
static void learn(svrd_neighbors *t, const svr_addr *a, const uint8_t mac[SVRD_MAC_LEN], bool fresh,
                  svr_time now) {
    svrd_neighbor *n = find(t, a);
    if (mac[0] & 1 || !a->family || is_ours(t, a) || (!n && !fresh)) return;
    if (!n) n = enter(t, a, now);
    memcpy(n->mac, mac, SVRD_MAC_LEN);
    n->known = true;
    n->asked = 0;
    n->heard = now;
    for (size_t i = 0; i < n->n_waiting; i++) {
        send_frame(t, n->mac, type_of(a), n->waiting[i].bytes, n->waiting[i].len);
        free(n->waiting[i].bytes);
    }
    n->n_waiting = 0;
}

/* ---- ARP ------------------------------------------------------------------------------------ */

static void send_arp(svrd_neighbors *t, unsigned op, const uint8_t to[SVRD_MAC_LEN], const svr_addr *own,
                     const uint8_t target_mac[SVRD_MAC_LEN], const uint8_t *target) {
    uint8_t arp[ARP_LEN] = {0, 1, 8, 0, SVRD_MAC_LEN, 4};
    put16(arp + 6, op);
    memcpy(arp + 8, t->mac, SVRD_MAC_LEN);
    memcpy(arp + 14, own->bytes, 4);
    if (target_mac) memcpy(arp + 18, target_mac, SVRD_MAC_LEN);
    memcpy(arp + 24, target, 4);
    send_frame(t, to, TYPE_ARP, arp, sizeof arp);
}

static void take_arp(svrd_neighbors *t, const uint8_t *p, size_t len, svr_time now) {
    static const uint8_t kind[6] = {0, 1, 8, 0, SVRD_MAC_LEN, 4};
    if (len < ARP_LEN || memcmp(p, kind, sizeof kind) != 0) return;
    svr_addr sender = svr_addr_from_bytes(4, p + 14), target = svr_addr_from_bytes(4, p + 24);
    bool for_us = is_ours(t, &target);
    if (memcmp(p + 14, "\0\0\0", 4) != 0) learn(t, &sender, p + 8, for_us, now);
    if (for_us && get16(p + 6) == ARP_REQUEST) send_arp(t, ARP_REPLY, p + 8, &target, p + 8, p + 14);
}

/* ---- neighbour discovery -------------------------------------------------------------------- */

static void multicast_mac(const svr_addr *a, uint8_t out[SVRD_MAC_LEN]) {
    put16(out, 0x3333);
    memcpy(out + 2, a->bytes + 12, 4);
}

/* Flags: router, solicited, override. */
static void send_discovery(svrd_neighbors *t, uint8_t type, uint8_t flags, const svr_addr *src,
                           const svr_addr *dst, const uint8_t to[SVRD_MAC_LEN], const svr_addr *target) {
    uint8_t p[40 + DISCOVERY_LEN] = {0}, *icmp = p + 40;
    const svr_ip_header h = {
        .src = *src, .dst = *dst, .proto = SVR_PROTO_ICMPV6, .ttl = DISCOVERY_TTL, .l4_len = DISCOVERY_LEN};
    svr_ip_encode(&h, p);
    icmp[0] = type;
    icmp[4] = flags;
    memcpy(icmp + 8, target->bytes, 16);
    icmp[24] = type == SOLICITATION ? OPTION_SOURCE : OPTION_TARGET;
    icmp[25] = 1;
    memcpy(icmp + 26, t->mac, SVRD_MAC_LEN);
    svr_l4_checksum_set(icmp, DISCOVERY_LEN, SVR_PROTO_ICMPV6, src, dst);
    send_frame(t, to, TYPE_IPV6, p, sizeof p);
}

/* The link-layer address in the options; NULL when there is none, or they are malformed. */
static const uint8_t *find_option(const uint8_t *p, size_t len, uint8_t type) {
    while (len >= 8) {
        size_t n = (size_t)p[1] * 8;
        if (n == 0 || n > len) return NULL;
        if (p[0] == type) return p + 2;
        p += n;
        len -= n;
    }
    return NULL;
}

static svr_addr all_nodes(void) {
    static const uint8_t bytes[16] = {0xff, 0x02, [15] = 1};
    return svr_addr_from_bytes(6, bytes);
}

static void take_solicitation(svrd_neighbors *t, const svr_ip *ip, const uint8_t *icmp, const uint8_t *from,
                              svr_time now) {
    static const uint8_t none[16];
    svr_addr target = svr_addr_from_bytes(6, icmp + 8), everybody = all_nodes();
    bool probing = memcmp(ip->flow.src.bytes, none, 16) == 0; /* whether the address is free */
    const uint8_t *mac = find_option(icmp + 24, ip->l4_len - 24u, OPTION_SOURCE);
    uint8_t group[SVRD_MAC_LEN];
    if (!is_ours(t, &target)) return;
    if (!probing && mac) learn(t, &ip->flow.src, mac, true, now);
    multicast_mac(&everybody, group);
    if (probing)
        send_discovery(t, ADVERTISEMENT, 0xa0, &target, &everybody, group, &target);
    else
        send_discovery(t, ADVERTISEMENT, 0xe0, &target, &ip->flow.src, mac ? mac : from, &target);
}

/* True when the datagram was neighbour discovery, which goes no further. RFC 4861 section 7.1. */
static bool take_discovery(svrd_neighbors *t, const uint8_t *p, size_t len, const uint8_t *from,
                           svr_time now) {
    svr_ip ip;
    if (svr_ip_decode(p, len, &ip) != SVR_IP_OK || ip.flow.proto != SVR_PROTO_ICMPV6 || ip.fragment ||
        ip.l4_len < 24)
        return false;
    const uint8_t *icmp = p + ip.header_len, *mac;
    if (icmp[0] < 133 || icmp[0] > 137) return false;
    if (ip.ttl != DISCOVERY_TTL || icmp[1] != 0 ||
        !svr_l4_checksum_ok(icmp, ip.l4_len, SVR_PROTO_ICMPV6, &ip.flow.src, &ip.flow.dst))
        return true;
    if (icmp[0] == SOLICITATION) take_solicitation(t, &ip, icmp, from, now);
    if (icmp[0] == ADVERTISEMENT && (mac = find_option(icmp + 24, ip.l4_len - 24u, OPTION_TARGET)) != NULL) {
        svr_addr target = svr_addr_from_bytes(6, icmp + 8);
        learn(t, &target, mac, false, now);
    }
    return true;
}

/* ---- in and out ----------------------------------------------------------------------------- */

void svrd_neighbors_init(svrd_neighbors *t, const svr_interface *iface, const uint8_t mac[SVRD_MAC_LEN],
                         svrd_frame_fn *send, void *ctx) {
    *t = (svrd_neighbors){.iface = iface, .send = send, .ctx = ctx, .next = SVR_TIME_NEVER};
    memcpy(t->mac, mac, SVRD_MAC_LEN);
}

void svrd_neighbors_fini(svrd_neighbors *t) {
    for (size_t i = 0; i < SVRD_NEIGHBORS; i++)
        forget(t, &t->at[i]);
}

void svrd_neighbors_announce(svrd_neighbors *t) {
    svr_addr everybody = all_nodes();
    uint8_t group[SVRD_MAC_LEN];
    multicast_mac(&everybody, group);
    for (size_t i = 0; i < t->iface->n_addresses; i++) {
        const svr_addr *a = &t->iface->addresses[i].addr;
        if (a->family == 4)
            send_arp(t, ARP_REQUEST, broadcast, a, NULL, a->bytes);
        else
            send_discovery(t, ADVERTISEMENT, 0xa0, a, &everybody, group, a);
    }
}

/* What the IP header says, without what Ethernet pads; 0 when it is not IP, or cut off. */
static size_t datagram_len(const uint8_t *p, size_t len, uint16_t type) {
    size_t n = 0;
    if (type == TYPE_IPV4 && len >= 20 && p[0] >> 4 == 4) n = get16(p + 2);
    if (type == TYPE_IPV6 && len >= 40 && p[0] >> 4 == 6) n = 40u + get16(p + 4);
    return n <= len ? n : 0;
}

size_t svrd_neighbors_take(svrd_neighbors *t, const uint8_t *frame, size_t len, svr_time now) {
    const uint8_t *p = frame + SVRD_ETHERNET_LEN;
    if (len < SVRD_ETHERNET_LEN || memcmp(frame + SVRD_MAC_LEN, t->mac, SVRD_MAC_LEN) == 0) return 0;
    bool for_us = memcmp(frame, t->mac, SVRD_MAC_LEN) == 0;
    uint16_t type = get16(frame + 12);
    len -= SVRD_ETHERNET_LEN;
    if (!for_us && !(frame[0] & 1)) return 0;
    if (type == TYPE_ARP) take_arp(t, p, len, now);
    size_t n = datagram_len(p, len, type);
    if (type == TYPE_IPV6 && n && take_discovery(t, p, n, frame + SVRD_MAC_LEN, now)) return 0;
    return for_us ? n : 0;
}

static void ask(svrd_neighbors *t, svrd_neighbor *n, svr_time now) {
    const svr_addr *own = own_address(t, n->addr.family);
    n->asked++;
    n->ask_at = now + SVRD_NEIGHBOR_RETRY;
    if (n->ask_at < t->next) t->next = n->ask_at;
    if (!own) return;
    if (n->addr.family == 4) {
        send_arp(t, ARP_REQUEST, broadcast, own, NULL, n->addr.bytes);
        return;
    }
    static const uint8_t solicited[16] = {0xff, 0x02, [11] = 1, [12] = 0xff};
    svr_addr group = svr_addr_from_bytes(6, solicited);
    uint8_t mac[SVRD_MAC_LEN];
    memcpy(group.bytes + 13, n->addr.bytes + 13, 3);
    multicast_mac(&group, mac);
    send_discovery(t, SOLICITATION, 0, own, &group, mac, &n->addr);
}

static void hold(svrd_neighbors *t, svrd_neighbor *n, const uint8_t *datagram, size_t len) {
    if (n->n_waiting == SVRD_NEIGHBOR_WAITING) { /* the newest are worth most */
        free(n->waiting[0].bytes);
        memmove(n->waiting, n->waiting + 1, sizeof n->waiting - sizeof *n->waiting);
        n->n_waiting--;
        t->unreachable++;
    }
    uint8_t *copy = malloc(len);
    if (!copy) return;
    memcpy(copy, datagram, len);
    n->waiting[n->n_waiting++] = (svrd_waiting){copy, len};
}

void svrd_neighbors_send(svrd_neighbors *t, const svr_addr *next_hop, const uint8_t *datagram, size_t len,
                         svr_time now) {
    svrd_neighbor *n = find(t, next_hop);
    if (!n) n = enter(t, next_hop, now);
    if (n->known)
        send_frame(t, n->mac, type_of(next_hop), datagram, len);
    else
        hold(t, n, datagram, len);
    if (!n->asked && (!n->known || now - n->heard >= SVRD_NEIGHBOR_FRESH)) ask(t, n, now);
}

void svrd_neighbors_expire(svrd_neighbors *t, svr_time now) {
    if (now < t->next) return;
    t->next = SVR_TIME_NEVER;
    for (size_t i = 0; i < SVRD_NEIGHBORS; i++) {
        svrd_neighbor *n = &t->at[i];
        if (!n->asked) continue;
        if (now >= n->ask_at && n->asked == SVRD_NEIGHBOR_TRIES)
            forget(t, n);
        else if (now >= n->ask_at)
            ask(t, n, now);
        else if (n->ask_at < t->next)
            t->next = n->ask_at;
    }
}

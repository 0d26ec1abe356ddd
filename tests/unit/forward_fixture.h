/* SPDX-License-Identifier: MIT
 * A chain of two or three routers that have forwarding only: peers and their keys are stood in for by fixed
 * ones (all of peer/peer.h is defined here). Neighbors have two paths.
 *
 *   LAN 10.1/16, fd01::/16 - A = (2 paths) = [M =] B - LAN 10.2/16, fd02::/16
 *
 * Interface 0 of each router is its LAN, 1 and 2 lead to the left, 3 and 4 to the right. */
#ifndef TESTS_FORWARD_FIXTURE_H
#define TESTS_FORWARD_FIXTURE_H

#include "unit.h"

#include "base/bytes.h"
#include "forward/forward_internal.h"

#include <stdio.h>

#define NODES_MAX 3
#define PATHS 2
#define QUEUE_MAX 512
#ifndef LINE_MAX_BYTES
#define LINE_MAX_BYTES 2400
#endif

/* ---- peers ---------------------------------------------------------------------------------- */

struct svr_path {
    svr_path_config config;
    svr_peer *peer;
    bool in_service;
    svr_time heard;
    svr_path_load load;
    uint32_t mtu, doubt;   /* 0: as the interface; as told */
    svr_standing standing; /* while it is in service; 0: good */
    svr_spare spare[SVR_SPARES_MAX];
    size_t n_spares;
};

struct svr_peer {
    svr_peer_config config;
    struct svr_path path[PATHS];
    bool present, has_key;
    svr_crypt_key send, receive;
    uint32_t send_index, receive_index;
    uint64_t sent;
    uint64_t life;
    svr_replay seen;
};

struct svr_peers {
    struct svr_peer peer[2]; /* left, right */
};

svr_path *svr_peers_find_path(const svr_peers *peers, const svr_addr *local, const svr_addr *remote) {
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < PATHS; i++) {
            const struct svr_path *path = &peers->peer[p].path[i];
            if (peers->peer[p].present && svr_addr_equal(&path->config.local, local) &&
                svr_addr_equal(&path->config.remote, remote))
                return (svr_path *)(uintptr_t)path;
        }
    }
    return NULL;
}
svr_peer *svr_peers_find(const svr_peers *peers, const svr_peer_config *config) {
    for (int p = 0; p < 2; p++)
        if (&peers->peer[p].config == config) return (svr_peer *)(uintptr_t)&peers->peer[p];
    return NULL;
}
svr_path *svr_peer_path_in_service(const svr_peer *peer) {
    for (int i = 0; i < PATHS; i++)
        if (peer->path[i].in_service) return (svr_path *)(uintptr_t)&peer->path[i];
    return NULL;
}
bool svr_path_in_service(const svr_path *path) {
    return path->in_service;
}
size_t svr_peer_paths(const svr_peer *peer) {
    (void)peer;
    return PATHS;
}
svr_path *svr_peer_path(const svr_peer *peer, size_t i) {
    return (svr_path *)(uintptr_t)&peer->path[i];
}
svr_standing svr_path_standing(const svr_path *path, const svr_service_policy *policy) {
    (void)policy;
    return path->in_service ? path->standing : SVR_STANDS_OUT;
}
void svr_path_describe(const svr_path *path, char out[SVR_EVENT_PATH_MAX]) {
    svr_strcpy(out, SVR_EVENT_PATH_MAX, path->config.local_if->name);
}
svr_time svr_path_heard(const svr_path *path) {
    return path->heard;
}
uint32_t svr_path_mtu(const svr_path *path) {
    return path->mtu ? path->mtu : path->config.local_if->mtu;
}
void svr_path_mtu_doubt(svr_path *path, uint32_t mtu) {
    path->doubt = mtu;
}
svr_path_load *svr_path_get_load(svr_path *path) {
    return &path->load;
}
svr_peer *svr_path_peer(const svr_path *path) {
    return path->peer;
}
const svr_path_config *svr_path_get_config(const svr_path *path) {
    return &path->config;
}
const svr_addr *svr_path_next_hop(const svr_path *path) {
    return &path->config.remote;
}
const char *svr_peer_name(const svr_peer *peer) {
    return peer->config.name;
}
uint64_t svr_peer_life_mark(const svr_peer *peer) {
    return peer->life;
}
bool svr_peer_metadata_send_key(svr_peer *peer, const svr_crypt_key **key, uint32_t *index, uint64_t *nonce) {
    if (!peer->has_key) return false;
    *key = &peer->send;
    *index = peer->send_index;
    *nonce = ++peer->sent;
    return true;
}
const svr_crypt_key *svr_peer_metadata_receive_key(svr_peer *peer, uint32_t index) {
    return peer->has_key && index == peer->receive_index ? &peer->receive : NULL;
}
bool svr_peer_metadata_accept(svr_peer *peer, uint32_t index, uint64_t nonce) {
    return index == peer->receive_index && svr_replay_accept(&peer->seen, nonce);
}

/* ---- a NAT in front of a peer's path (PD-NAT) ------------------------------------------------ */

#define CLAIM 0x1234 /* of the router behind it */

svr_path *svr_peers_find_claimed(const svr_peers *peers, const svr_addr *local, uint32_t discriminator) {
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < PATHS; i++) {
            const struct svr_path *path = &peers->peer[p].path[i];
            if (path->config.far_nat && svr_addr_equal(&path->config.local, local) && discriminator == CLAIM)
                return (svr_path *)(uintptr_t)path;
        }
    return NULL;
}
svr_path *svr_peers_only_path_at(const svr_peers *peers, const svr_addr *local, const svr_addr *remote) {
    (void)remote;
    return svr_peers_find_claimed(peers, local, CLAIM);
}
svr_path *svr_peers_next_remapped(svr_peers *peers) {
    (void)peers;
    return NULL;
}
svr_path *svr_peers_next_path(const svr_peers *peers, size_t *peer, size_t *k) {
    for (; *peer < 2; (*peer)++, *k = 0)
        if (*k < PATHS) return (svr_path *)(uintptr_t)&peers->peer[*peer].path[(*k)++];
    return NULL;
}
const svr_addr *svr_path_identity(const svr_path *path) {
    return &path->config.remote;
}
uint32_t svr_path_claim(const svr_path *path) {
    (void)path;
    return CLAIM;
}
bool svr_path_near_nat(const svr_path *path) {
    return path->config.near_nat;
}
bool svr_path_far_nat(const svr_path *path) {
    return path->config.far_nat;
}
bool svr_path_translated(const svr_path *path) {
    return path->config.near_nat;
}
const svr_addr *svr_path_remote(const svr_path *path) {
    return &path->config.remote;
}
svr_spare *svr_path_spares(svr_path *path, size_t **n) {
    *n = &path->n_spares;
    return path->spare;
}
void svr_path_offered(svr_path *path, const svr_spare *offered) {
    if (path->n_spares < SVR_SPARES_MAX) path->spare[path->n_spares++] = *offered;
}
bool svr_path_take_spare(svr_path *path, svr_spare *out) {
    if (!path->n_spares) return false;
    *out = path->spare[--path->n_spares];
    return true;
}

/* ---- the chain ------------------------------------------------------------------------------ */

typedef struct line { /* a packet between routers, or one that left on a LAN */
    int from, to;     /* `to` -1: on the LAN of `from` */
    svr_ifid in, out; /* interface of `to`, interface of `from` */
    size_t len;
    uint8_t bytes[LINE_MAX_BYTES];
} line;

typedef struct lines {
    size_t n;
    line at[QUEUE_MAX];
} lines;

typedef struct node {
    svr_router_config router;
    svr_node_config config;
    svr_interface ifs[5];
    svr_if_address lan_addr[2], wan_addr[5];
    svr_service_route routes[8];
    svr_next_hop hops[8];
    svr_peers peers;
    svr_runtime rt;
    svr_forward *forward;
} node;

enum { TO_B, CLEAR, SHORT_TAG, HTTPS_ONLY, GUESTS_ONLY, NO_WAY, TO_A, ANY_B, SERVICES };

typedef struct net {
    test_heap heap;
    svr_allocator alloc;
    svr_crypt *crypt;
    svr_pool *pool;
    svr_config config;
    svr_tenant tenants[2]; /* corp, guest */
    const svr_tenant *access[2];
    svr_service services[SERVICES];
    svr_prefix prefixes[SERVICES][2];
    svr_service_transport https;
    svr_port_range https_port;
    svr_security securities[2]; /* clear, short tag */
    svr_neighborhood hood;
    int n;
    node node[NODES_MAX];
    lines wire; /* waits to be delivered */
    lines tap;  /* all that was delivered between routers */
    lines lan;  /* all that left on LANs */
} net;

static inline svr_addr addr(const char *text) {
    svr_addr a;
    assert_true(svr_addr_parse(text, &a));
    return a;
}

static inline svr_prefix prefix(const char *text, uint8_t len) {
    svr_addr a = addr(text);
    return svr_prefix_make(&a, len);
}

static inline void init_service(net *t, int i, const char *name, const char *p4, const char *p6) {
    svr_service *s = &t->services[i];
    s->name = name;
    s->prefixes = t->prefixes[i];
    s->prefixes[s->n_prefixes++] = prefix(p4, 16);
    if (p6) s->prefixes[s->n_prefixes++] = prefix(p6, 16);
    s->access = &t->access[0];
    s->n_access = 1;
}

static inline void init_config(net *t) {
    t->tenants[0].name = "corp";
    t->tenants[1].name = "guest";
    t->access[0] = &t->tenants[0];
    t->access[1] = &t->tenants[1];
    t->securities[0] = (svr_security){.name = "sec-clear", .encrypt = false, .hmac = SVR_HMAC_SHA384};
    t->securities[1] = (svr_security){.name = "sec-short", .encrypt = true, .hmac = SVR_HMAC_SHA384_192};
    init_service(t, TO_B, "secret-service-b", "10.2.0.0", "fd02::");
    init_service(t, CLEAR, "clear", "10.3.0.0", NULL);
    init_service(t, SHORT_TAG, "short-tag", "10.4.0.0", NULL);
    init_service(t, HTTPS_ONLY, "https-only", "10.5.0.0", NULL);
    init_service(t, GUESTS_ONLY, "guests-only", "10.6.0.0", NULL);
    init_service(t, NO_WAY, "no-way", "10.7.0.0", NULL);
    init_service(t, TO_A, "to-a", "10.1.0.0", "fd01::");
    init_service(t, ANY_B, "any-b", "10.2.0.0", NULL);
    t->services[ANY_B].prefixes[0] = prefix("10.0.0.0", 8);
    t->services[CLEAR].security = &t->securities[0];
    t->services[SHORT_TAG].security = &t->securities[1];
    t->https_port = (svr_port_range){443, 443};
    t->https = (svr_service_transport){.proto = SVR_PROTO_TCP, .ports = &t->https_port, .n_ports = 1};
    t->services[HTTPS_ONLY].transports = &t->https;
    t->services[HTTPS_ONLY].n_transports = 1;
    t->services[GUESTS_ONLY].access = &t->access[1];
    t->config.services = t->services;
    t->config.n_services = ANY_B; /* the last one only where a test wants it */
    t->config.tenants = t->tenants;
    t->config.n_tenants = 2;
    t->config.keys.payload_key_rekey_hours = 24;
    t->hood = (svr_neighborhood){.name = "internet",
                                 .ports = {SVR_WAYPOINT_PORT_MIN, SVR_WAYPOINT_PORT_MAX},
                                 .tcp_transport = SVR_TCP_AS_UDP};
}

/* Address of node i on the link to the right (link i) or to the left (link i - 1), by path. */
static inline svr_addr wan_addr(uint8_t family, int link, int path, bool left_end) {
    char text[64];
    if (family == 4)
        snprintf(text, sizeof text, "192.0.%d.%d", 10 * (link + 1) + path, left_end ? 1 : 2);
    else
        snprintf(text, sizeof text, "2001:db8:%d:%d::%d", link + 1, path + 1, left_end ? 1 : 2);
    return addr(text);
}

static inline void init_interfaces(net *t, int i, uint8_t outer) {
    static const char *const names[] = {"lan", "left1", "left2", "right1", "right2"};
    node *x = &t->node[i];
    char text[64];
    for (int k = 0; k < 5; k++) {
        x->ifs[k] = (svr_interface){.id = (svr_ifid)k, .name = names[k], .mtu = 1500, .node = &x->config};
        if (k == 0) continue;
        x->ifs[k].neighborhoods = &t->hood;
        x->ifs[k].n_neighborhoods = 1;
        x->wan_addr[k].addr = k < 3 ? wan_addr(outer, i - 1, k - 1, false) : wan_addr(outer, i, k - 3, true);
        x->wan_addr[k].prefix_len = outer == 4 ? 24 : 64;
        x->ifs[k].addresses = &x->wan_addr[k];
        x->ifs[k].n_addresses = 1;
    }
    int lan = i == 0 ? 1 : i == t->n - 1 ? 2 : 9;
    snprintf(text, sizeof text, "10.%d.0.1", lan);
    x->lan_addr[0] = (svr_if_address){.addr = addr(text), .prefix_len = 16};
    snprintf(text, sizeof text, "fd0%d::1", lan);
    x->lan_addr[1] = (svr_if_address){.addr = addr(text), .prefix_len = 16};
    x->ifs[0].tenant = &t->tenants[0];
    x->ifs[0].addresses = x->lan_addr;
    x->ifs[0].n_addresses = 2;
}

static inline void init_key(net *t, svr_crypt_key *key, int from, int to) {
    uint8_t bytes[SVR_HMAC_KEY_LEN];
    memset(bytes, 16 * from + to + 1, sizeof bytes);
    svr_crypt_key_init(t->crypt, key, bytes, bytes, bytes, SVR_HMAC_SHA384);
}

static inline void init_peer(net *t, int i, int side, uint8_t outer) {
    static const char *const names[] = {"router-a", "router-m", "router-b"};
    node *x = &t->node[i];
    struct svr_peer *p = &x->peers.peer[side];
    int other = side ? i + 1 : i - 1;
    if (other < 0 || other >= t->n) return;
    p->present = p->has_key = true;
    p->config.name = names[other];
    p->send_index = (uint32_t)(100 + other);
    p->receive_index = (uint32_t)(100 + i);
    p->sent = 0;
    p->seen = (svr_replay){0};
    init_key(t, &p->send, i, other);
    init_key(t, &p->receive, other, i);
    for (int k = 0; k < PATHS; k++) {
        int link = side ? i : i - 1;
        p->path[k] = (struct svr_path){.peer = p, .in_service = true};
        p->path[k].config = (svr_path_config){.peer = &p->config,
                                              .neighborhood = &t->hood,
                                              .local_if = &x->ifs[side ? 3 + k : 1 + k],
                                              .local = wan_addr(outer, link, k, side),
                                              .remote = wan_addr(outer, link, k, !side),
                                              .remote_if = ""};
    }
}

static inline void add_route(net *t, int i, int service, int direction) {
    node *x = &t->node[i];
    size_t k = x->router.n_routes++;
    int end = direction ? t->n - 1 : 0;
    x->routes[k] = (svr_service_route){
        .name = "route", .service = &t->services[service], .hops = &x->hops[k], .n_hops = 1};
    if (i == end)
        x->hops[k] = (svr_next_hop){.kind = SVR_HOP_INTERFACE, .out = &x->ifs[0]};
    else
        x->hops[k] = (svr_next_hop){.kind = SVR_HOP_PEER, .peer = &x->peers.peer[direction].config};
}

static inline bool start_node(net *t, int i, svr_time now) {
    node *x = &t->node[i];
    if (!svr_runtime_init(&x->rt, &t->alloc, t->crypt, t->pool, (uint64_t)i + 7 + now, true)) return false;
    x->rt.now = now;
    const svr_forward_params params = {
        .rt = &x->rt, .peers = &x->peers, .config = &t->config, .node = &x->config};
    x->forward = svr_forward_new(&params);
    return x->forward != NULL;
}

static inline void stop_node(net *t, int i) {
    node *x = &t->node[i];
    svr_forward_del(x->forward);
    x->forward = NULL;
    if (x->rt.alloc) svr_runtime_fini(&x->rt);
}

static inline void init_node(net *t, int i, uint8_t outer) {
    node *x = &t->node[i];
    static const int there[] = {TO_B, CLEAR, SHORT_TAG, HTTPS_ONLY, GUESTS_ONLY, ANY_B};
    x->config = (svr_node_config){.name = "n", .interfaces = x->ifs, .n_interfaces = 5, .router = &x->router};
    x->router = (svr_router_config){.name = "r", .nodes = &x->config, .n_nodes = 1, .routes = x->routes};
    init_interfaces(t, i, outer);
    init_peer(t, i, 0, outer);
    init_peer(t, i, 1, outer);
    for (size_t k = 0; k < sizeof there / sizeof *there; k++)
        add_route(t, i, there[k], 1);
    add_route(t, i, TO_A, 0);
}

/* `n` routers whose paths are of family `outer`. */
static inline net *net_new(int n, uint8_t outer) {
    net *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->alloc = test_allocator(&t->heap);
    t->n = n;
    t->crypt = svr_crypt_new(&t->alloc, NULL, SVR_ENGINE_AUTO);
    t->pool = svr_pool_new(&t->alloc, 4096);
    assert_true(t->crypt && t->pool);
    init_config(t);
    for (int i = 0; i < n; i++) {
        init_node(t, i, outer);
        assert_true(start_node(t, i, 1000 * SVR_SEC));
    }
    return t;
}

static inline void net_del(net *t) {
    for (int i = 0; i < t->n; i++)
        stop_node(t, i);
    svr_pool_del(t->pool);
    svr_crypt_del(t->crypt);
    assert_int_equal(t->heap.live, 0);
    free(t);
}

/* ---- packets move --------------------------------------------------------------------------- */

static inline svr_packet *packet_of(net *t, const uint8_t *bytes, size_t len) {
    svr_packet *pkt = svr_packet_get(t->pool, len);
    assert_non_null(pkt);
    memcpy(pkt->data, bytes, len);
    pkt->len = (uint32_t)len;
    return pkt;
}

static inline void add_line(lines *to, const line *l) {
    assert_true(to->n < QUEUE_MAX);
    to->at[to->n++] = *l;
}

/* Takes what the routers have put out: onto the wire or onto the LANs. */
static inline void collect(net *t) {
    for (int i = 0; i < t->n; i++) {
        svr_runtime *rt = &t->node[i].rt;
        for (; rt->output_n; rt->output_n--) {
            svr_packet *pkt = rt->output[rt->output_head];
            rt->output_head = (rt->output_head + 1) % SVR_OUTPUT_MAX;
            line l = {.from = i, .to = -1, .out = pkt->ifid, .len = pkt->len};
            assert_true(pkt->len <= LINE_MAX_BYTES);
            memcpy(l.bytes, pkt->data, pkt->len);
            if (pkt->ifid) {
                l.to = pkt->ifid < 3 ? i - 1 : i + 1;
                l.in = (svr_ifid)(pkt->ifid < 3 ? pkt->ifid + 2 : pkt->ifid - 2);
            }
            svr_packet_put(t->pool, pkt);
            add_line(pkt->ifid ? &t->wire : &t->lan, &l);
        }
    }
}

static inline void deliver_line(net *t, const line *l) {
    svr_ip ip;
    assert_true(l->to >= 0 && l->to < t->n);
    svr_packet *pkt = packet_of(t, l->bytes, l->len);
    assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
    add_line(&t->tap, l);
    svr_forward_wan(t->node[l->to].forward, &t->node[l->to].ifs[l->in], &pkt, &ip, 1);
}

/* Until nothing is on the wire any more. */
static inline void pump(net *t) {
    int rounds = 0;
    for (collect(t); t->wire.n; collect(t)) {
        line l = t->wire.at[0];
        assert_true(++rounds < 1000);
        memmove(t->wire.at, t->wire.at + 1, --t->wire.n * sizeof(line));
        deliver_line(t, &l);
    }
}

static inline void clear_captures(net *t) {
    t->tap.n = t->lan.n = t->wire.n = 0;
}

static inline void advance(net *t, svr_duration by) {
    for (int i = 0; i < t->n; i++) {
        svr_runtime *rt = &t->node[i].rt;
        svr_time end = rt->now + by;
        while (svr_timer_next(&rt->timers) <= end) {
            rt->now = svr_timer_next(&rt->timers);
            svr_timer_run(&rt->timers, NULL, rt->now);
        }
        rt->now = end;
    }
}

static inline void set_path(net *t, int i, int side, int path, bool up) {
    t->node[i].peers.peer[side].path[path].in_service = up;
    svr_forward_path_changed(t->node[i].forward, &t->node[i].peers.peer[side].path[path], up);
}

static inline uint64_t drops(const net *t, int i, svr_drop reason) {
    return t->node[i].rt.drops[reason];
}
static inline uint64_t all_drops(const net *t) {
    uint64_t sum = 0;
    for (int i = 0; i < t->n; i++)
        for (int r = 1; r < SVR_DROP_COUNT; r++)
            sum += t->node[i].rt.drops[r];
    return sum;
}
static inline size_t sessions(const net *t, int i) {
    return t->node[i].forward->sessions.by_uuid.n;
}
static inline svr_session *first_session(const net *t, int i) {
    size_t pos = 0;
    return svr_table_next(&t->node[i].forward->sessions.by_uuid, &pos);
}

/* ---- packets from hosts --------------------------------------------------------------------- */

typedef struct spec {
    uint8_t proto; /* TCP, UDP, or ICMP (either version) */
    const char *src, *dst;
    uint16_t sport, dport;
    uint8_t tcp_flags;
    uint16_t mss;     /* TCP option; 0: none */
    const char *text; /* payload; NULL: `fill` bytes */
    size_t fill;
    uint8_t ttl, tos; /* ttl 0: 64 */
    bool fragmentable;
} spec;

/* Writes the datagram; returns its length. */
static inline size_t build(const spec *s, uint8_t *out) {
    svr_ip_header h = {.src = addr(s->src),
                       .dst = addr(s->dst),
                       .proto = s->proto,
                       .tos = s->tos,
                       .ttl = s->ttl ? s->ttl : 64,
                       .dont_fragment = !s->fragmentable};
    size_t ip_len = svr_ip_header_len(h.src.family), len = s->text ? strlen(s->text) : s->fill, head = 8;
    uint8_t *l4 = out + ip_len;
    if (s->proto == SVR_PROTO_ICMP && h.src.family == 6) h.proto = SVR_PROTO_ICMPV6;
    memset(l4, 0, 24);
    svr_put16(l4, s->sport);
    svr_put16(l4 + 2, s->dport);
    if (s->proto == SVR_PROTO_TCP) {
        head = s->mss ? 24 : 20;
        svr_put32(l4 + 4, 0x01020304);
        l4[12] = (uint8_t)(head / 4 << 4);
        l4[13] = s->tcp_flags;
        svr_put16(l4 + 14, 0x4000);
        l4[20] = 2;
        l4[21] = 4;
        svr_put16(l4 + 22, s->mss);
    } else if (s->proto == SVR_PROTO_ICMP) {
        svr_put16(l4, h.src.family == 4 ? 0x0800 : 0x8000);
        svr_put16(l4 + 2, 0);
        svr_put16(l4 + 4, s->sport);
        svr_put16(l4 + 6, 1);
    }
    for (size_t i = 0; i < len; i++)
        l4[head + i] = s->text ? (uint8_t)s->text[i] : (uint8_t)(i * 7 + 1);
    h.l4_len = (uint16_t)(head + len);
    svr_ip_encode(&h, out);
    if (s->proto == SVR_PROTO_UDP)
        svr_udp_encode(l4, &h.src, &h.dst, s->sport, s->dport, len);
    else
        svr_l4_checksum_set(l4, head + len, h.proto, &h.src, &h.dst);
    return ip_len + head + len;
}

/* A host on the LAN of node i sends. Nothing is delivered yet. */
static inline void host_sends(net *t, int i, const spec *s) {
    uint8_t bytes[LINE_MAX_BYTES];
    svr_packet *pkt = packet_of(t, bytes, build(s, bytes));
    memcpy(pkt->data, bytes, pkt->len);
    svr_forward_lan(t->node[i].forward, &t->node[i].ifs[0], &pkt, 1);
}

/* ... and all that follows from it happens. */
static inline void send(net *t, int i, const spec *s) {
    host_sends(t, i, s);
    pump(t);
}

static inline spec reply_to(const spec *s) {
    spec r = *s;
    r.src = s->dst;
    r.dst = s->src;
    r.sport = s->proto == SVR_PROTO_ICMP ? s->sport : s->dport;
    r.dport = s->sport;
    return r;
}

/* The last datagram on the LAN of node i is `s`, one hop older at each router. */
static inline void expect_on_lan(const net *t, int i, const spec *s) {
    uint8_t bytes[LINE_MAX_BYTES];
    spec older = *s;
    svr_ip want, got;
    assert_true(t->lan.n > 0);
    const line *l = &t->lan.at[t->lan.n - 1];
    older.ttl = (uint8_t)((s->ttl ? s->ttl : 64) - t->n);
    size_t len = build(&older, bytes);
    assert_int_equal(l->from, i);
    assert_int_equal(l->len, len);
    assert_int_equal(svr_ip_decode(bytes, len, &want), SVR_IP_OK);
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &got), SVR_IP_OK);
    assert_true(svr_flow_equal(&want.flow, &got.flow));
    assert_int_equal(want.ttl, got.ttl);
    assert_int_equal(want.tos, got.tos);
    assert_memory_equal(l->bytes + got.header_len, bytes + want.header_len, want.l4_len);
}

static inline bool contains(const line *l, const void *what, size_t n) {
    return memmem(l->bytes, l->len, what, n) != NULL;
}

/* First bytes behind the outer L4 header. */
static inline const uint8_t *body_of(const line *l, size_t *len) {
    svr_ip ip;
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &ip), SVR_IP_OK);
    *len = (size_t)ip.l4_len - ip.l4_header_len;
    return l->bytes + ip.header_len + ip.l4_header_len;
}

static inline bool has_metadata(const line *l) {
    size_t len;
    const uint8_t *body = body_of(l, &len);
    return len >= 8 && svr_get64(body) == SVR_COOKIE;
}

static const spec udp4 = {.proto = SVR_PROTO_UDP,
                          .src = "10.1.0.10",
                          .dst = "10.2.0.20",
                          .sport = 4000,
                          .dport = 53,
                          .text = "a question of some importance"};

#endif

/* SPDX-License-Identifier: MIT
 * Two whole routers, driven as a host drives them, and two paths between them whose delay and loss the test
 * sets.
 *
 *   10.1/16 - a = (w1: 192.0.1/24, w2: 192.0.2/24) = b - 10.2/16
 *
 * Interface 0 of each is its LAN, 1 and 2 are w1 and w2. */
#ifndef TESTS_NODES_FIXTURE_H
#define TESTS_NODES_FIXTURE_H

#include "unit.h"

#include "crypto/crypt.h"
#include "svr/node.h"
#include "svr/wire.h"

#include <stdio.h>

#define WIRE_MAX 8192
#define LAN 0
#define LINES 3 /* interfaces of a node */
#define WALL_START (INT64_C(1735689600) * (svr_wall)SVR_SEC)
#define NEVER_LOST 0

typedef struct flight {
    svr_packet *pkt;
    int to;
    svr_ifid in;
    svr_time due;
} flight;

typedef struct link {
    svr_duration delay;
    svr_duration jitter; /* every other packet comes so much later */
    unsigned lose_nth;   /* of these many packets the last is lost; 0: none */
    bool cut;
    size_t mtu; /* longer ones are lost; 0: none are */
    uint64_t sent;
} link_t;

typedef struct nodes {
    test_heap heap;
    svr_allocator alloc;
    svr_env *env;
    svr_config *config;
    svr_node *node[2];
    svr_time now;
    link_t link[LINES][2]; /* by interface and receiving side */
    flight wire[WIRE_MAX];
    size_t n;
    uint64_t lan[2];        /* datagrams that left on the LAN of a side */
    uint16_t last_dport;    /* of the latest of them */
    uint64_t wan[LINES][2]; /* data packets (not BFD) sent towards a side by interface */
    uint64_t echoes;        /* BFD packets of any kind, both ways */
    void (*tap)(struct nodes *n, svr_packet *pkt, int to, svr_ifid in); /* sees what goes over WAN lines */
    svr_event events[4096];
    size_t n_events;
} nodes;

/* `policy` is the text of service-policies, `use` a line of the service, `bfd` lines of each router's bfd. */
static inline char *nodes_text(const char *policy, const char *use, const char *bfd) {
    static const char router[] =
        " router %s\n  peering-common-name alias-%s\n  new-flows-per-source never\n  bfd\n%s  exit\n  node "
        "n\n"
        "   device-interface lan\n    network-interface lan\n     tenant corp\n"
        "     address 10.%d.0.1\n      prefix-length 16\n     exit\n    exit\n   exit\n"
        "   device-interface w1\n    network-interface w1\n     neighborhood one\n"
        "      vector broadband\n     exit\n     address 192.0.1.%d\n"
        "      prefix-length 24\n     exit\n    exit\n   exit\n"
        "   device-interface w2\n    network-interface w2\n     neighborhood two\n"
        "      vector lte\n     exit\n     address 192.0.2.%d\n"
        "      prefix-length 24\n     exit\n    exit\n   exit\n  exit\n"
        "  service-route there\n   service-name to-b\n   %s\n  exit\n exit\n";
    char *text = malloc(8192);
    assert_non_null(text);
    int n =
        snprintf(text, 8192,
                 "authority\n enhanced-security-key-management true\n security-key-management\n"
                 "  key-exchange-algorithm\n   ecdh\n    curve X25519\n   exit\n  exit\n exit\n"
                 " tenant corp\n exit\n%s service to-b\n  address 10.2.0.0/16\n  access-policy corp\n  exit\n"
                 "%s exit\n",
                 policy, use);
    n += snprintf(text + n, 8192 - (size_t)n, router, "a", "a", bfd, 1, 1, 1, "peer b");
    snprintf(text + n, 8192 - (size_t)n, router, "b", "b", bfd, 2, 2, 2, "next-hop n lan\n   exit");
    return text;
}

static inline void nodes_start(nodes *n, int i) {
    svr_error err;
    const svr_node_params params = {
        .env = n->env, .config = n->config, .router = i ? "b" : "a", .wall = WALL_START + (svr_wall)n->now};
    if (svr_node_new(&params, n->now, &n->node[i], &err)) fail_msg("%s", err.message);
}

/* Takes the text over. */
static inline nodes *nodes_new_from(char *text) {
    nodes *n = calloc(1, sizeof *n);
    assert_non_null(n);
    svr_config_error err;
    n->alloc = test_allocator(&n->heap);
    n->env = svr_env_new(&(svr_env_params){.alloc = &n->alloc});
    assert_non_null(n->env);
    if (svr_config_parse(&n->alloc, text, strlen(text), &n->config, &err))
        fail_msg("%u: %s", err.line, err.message);
    free(text);
    n->now = SVR_SEC;
    for (int line = 0; line < LINES; line++)
        for (int side = 0; side < 2; side++)
            n->link[line][side].delay = 10 * SVR_MS;
    nodes_start(n, 0);
    nodes_start(n, 1);
    return n;
}

static inline nodes *nodes_new(const char *policy, const char *use, const char *bfd) {
    return nodes_new_from(nodes_text(policy, use, bfd));
}

static inline void nodes_del(nodes *n) {
    for (size_t i = 0; i < n->n; i++)
        svr_packet_put(svr_env_pool(n->env), n->wire[i].pkt);
    svr_node_del(n->node[0]);
    svr_node_del(n->node[1]);
    svr_config_del(n->config);
    svr_env_del(n->env);
    assert_int_equal(n->heap.live, 0);
    free(n);
}

static inline bool nodes_is_bfd(const svr_packet *pkt) {
    svr_ip ip;
    return svr_ip_decode(pkt->data, pkt->len, &ip) == SVR_IP_OK && ip.flow.dport == SVR_BFD_PORT;
}

static inline void nodes_carry(nodes *n, svr_packet *pkt, int to) {
    link_t *l = &n->link[pkt->ifid][to];
    bool bfd = nodes_is_bfd(pkt);
    if (n->tap) n->tap(n, pkt, to, pkt->ifid);
    if (bfd)
        n->echoes++;
    else
        n->wan[pkt->ifid][to]++;
    l->sent++;
    if (l->cut || (l->mtu && pkt->len > l->mtu) || (l->lose_nth && l->sent % l->lose_nth == 0) ||
        n->n == WIRE_MAX) {
        svr_packet_put(svr_env_pool(n->env), pkt);
        return;
    }
    n->wire[n->n++] = (flight){pkt, to, pkt->ifid, n->now + l->delay + (l->sent % 2 ? l->jitter : 0)};
}

static inline void nodes_leave(nodes *n, int from, svr_packet *pkt) {
    svr_ip ip;
    if (pkt->ifid != LAN) {
        nodes_carry(n, pkt, !from);
        return;
    }
    n->lan[from]++;
    if (svr_ip_decode(pkt->data, pkt->len, &ip) == SVR_IP_OK) n->last_dport = ip.flow.dport;
    svr_packet_put(svr_env_pool(n->env), pkt);
}

static inline void nodes_collect(nodes *n, int i) {
    svr_batch out = {0};
    svr_event ev;
    for (; svr_node_output(n->node[i], &out, n->now); out.n = 0)
        for (size_t k = 0; k < out.n; k++)
            nodes_leave(n, i, out.pkt[k]);
    while (svr_node_next_event(n->node[i], &ev))
        if (i == 0 && ev.kind != SVR_EVENT_SESSION && ev.kind != SVR_EVENT_PAYLOAD_KEY &&
            n->n_events < sizeof n->events / sizeof *n->events)
            n->events[n->n_events++] = ev;
}

static inline svr_time nodes_next(const nodes *n) {
    svr_time next = SVR_TIME_NEVER;
    for (int i = 0; i < 2; i++)
        if (svr_node_deadline(n->node[i]) < next) next = svr_node_deadline(n->node[i]);
    for (size_t k = 0; k < n->n; k++)
        if (n->wire[k].due < next) next = n->wire[k].due;
    return next;
}

static inline void nodes_deliver(nodes *n) {
    for (size_t k = 0; k < n->n;) {
        flight f = n->wire[k];
        if (f.due > n->now) {
            k++;
            continue;
        }
        memmove(&n->wire[k], &n->wire[k + 1], (--n->n - k) * sizeof *n->wire);
        svr_batch batch = {.n = 1, .pkt = {f.pkt}};
        svr_node_input(n->node[f.to], f.in, &batch, n->now);
        nodes_collect(n, f.to);
    }
}

/* Runs timers and lines up to and including `until`. */
static inline void nodes_run(nodes *n, svr_time until) {
    for (int i = 0; i < 2; i++)
        nodes_collect(n, i);
    for (svr_time next; (next = nodes_next(n)) <= until;) {
        if (next > n->now) n->now = next;
        nodes_deliver(n);
        for (int i = 0; i < 2; i++) {
            if (svr_node_deadline(n->node[i]) <= n->now) svr_node_expire(n->node[i], n->now);
            nodes_collect(n, i);
        }
    }
    n->now = until;
}

static inline void nodes_advance(nodes *n, svr_duration by) {
    nodes_run(n, n->now + by);
}

/* A host behind side `from` sends one UDP datagram of flow number `flow`. */
static inline void nodes_send(nodes *n, int from, uint16_t flow) {
    uint8_t text[32] = "payload";
    char src[24], dst[24];
    snprintf(src, sizeof src, "10.%d.0.10", from + 1);
    snprintf(dst, sizeof dst, "10.%d.0.10", !from + 1);
    svr_packet *pkt = svr_packet_get(svr_env_pool(n->env), 28 + sizeof text);
    svr_ip_header h = {.proto = SVR_PROTO_UDP, .ttl = 64, .l4_len = 8 + sizeof text};
    assert_true(pkt && svr_addr_parse(src, &h.src) && svr_addr_parse(dst, &h.dst));
    svr_ip_encode(&h, pkt->data);
    memcpy(pkt->data + 28, text, sizeof text);
    uint16_t near = (uint16_t)(20000 + flow), far = 5001;
    svr_udp_encode(pkt->data + 20, &h.src, &h.dst, from ? far : near, from ? near : far, sizeof text);
    pkt->len = 28 + sizeof text;
    svr_batch batch = {.n = 1, .pkt = {pkt}};
    svr_node_input(n->node[from], LAN, &batch, n->now);
    nodes_collect(n, from);
}

static inline const char *nodes_show(nodes *n, int i, const char *command) {
    const svr_report *report;
    svr_error err;
    if (svr_node_show(n->node[i], command, n->now, &report, &err)) fail_msg("%s", err.message);
    return report->text;
}

/* The text of a field in the record with this title; "" when there is none. A field of numbers gives
 * `*number`. */
static inline const char *nodes_field(nodes *n, int i, const char *command, size_t record, const char *key,
                                      uint64_t *number) {
    const svr_report *report;
    svr_error err;
    if (svr_node_show(n->node[i], command, n->now, &report, &err)) fail_msg("%s", err.message);
    for (size_t k = 0; record < report->n && k < report->records[record].n; k++) {
        const svr_field *f = &report->records[record].fields[k];
        if (strcmp(f->key, key) != 0) continue;
        if (number) *number = f->number;
        return f->type == SVR_FIELD_TEXT ? f->text : "";
    }
    fail_msg("no field %s", key);
    return "";
}

static inline uint64_t nodes_number(nodes *n, int i, const char *command, size_t record, const char *key) {
    uint64_t number = 0;
    nodes_field(n, i, command, record, key, &number);
    return number;
}

static inline uint64_t nodes_drops(const nodes *n, int i, const char *reason) {
    const char *name;
    for (size_t k = 0;; k++) {
        uint64_t count = svr_node_counter(n->node[i], k, &name);
        if (!name) fail_msg("no counter %s", reason);
        if (strcmp(name, reason) == 0) return count;
    }
}

#endif

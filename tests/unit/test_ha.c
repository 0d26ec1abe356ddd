/* SPDX-License-Identifier: MIT
 * A router with two nodes (PD-HA, KEY-HA-PUSH), through the host interface:
 *
 *   LAN 10.0.0/24 - hub-1 --+
 *                     |     +-- 192.0.2.1 ===== 192.0.2.2 - spoke - LAN 10.1.0/24
 *   LAN 10.0.0/24 - hub-2 --+
 *
 * Both nodes of the hub have the same addresses and their own certificates; what is sent to them reaches
 * both. Each hop takes 1 ms. */
#include "svr/authority.h"
#include "svr/node.h"
#include "svr/wire.h"
#include "unit.h"

#include <stdio.h>

#define WALL (INT64_C(1735689600) * (svr_wall)SVR_SEC)
#define WIRE_MAX 512
#define LATENCY SVR_MS

enum { HUB_1, HUB_2, SPOKE, NODES };
enum { WAN, LAN, FABRIC };

static const char authority[] =
    "authority\n enhanced-security-key-management true\n"
    " security-key-management\n  peer-key-rekey-interval 1\n  key-exchange-algorithm\n   ecdh\n    curve "
    "X25519\n   exit\n  exit\n exit\n"
    " tenant corp\n exit\n"
    " service hub-lan\n  address 10.0.0.0/24\n  access-policy corp\n  exit\n exit\n"
    " service spoke-lan\n  address 10.1.0.0/24\n  access-policy corp\n  exit\n exit\n"
    " router hub\n  peering-common-name alias-hub\n"
    "%s%s"
    "  service-route to-spoke\n   service-name spoke-lan\n   peer spoke\n  exit\n"
    "  service-route to-lan\n   service-name hub-lan\n   next-hop hub-1 lan\n   exit\n   next-hop hub-2 "
    "lan\n   exit\n"
    "  exit\n exit\n"
    " router spoke\n  peering-common-name alias-spoke\n  node s\n"
    "   device-interface wan\n    network-interface wan\n     neighborhood net\n     exit\n"
    "     address 192.0.2.2\n      prefix-length 24\n     exit\n    exit\n   exit\n"
    "   device-interface lan\n    type tun\n    network-interface lan\n     tenant corp\n"
    "     address 10.1.0.1\n      prefix-length 24\n     exit\n    exit\n   exit\n  exit\n"
    "  service-route to-hub\n   service-name hub-lan\n   peer hub\n  exit\n"
    "  service-route to-lan\n   service-name spoke-lan\n   next-hop s lan\n   exit\n  exit\n exit\n";

static const char hub_node[] =
    "  node hub-%d\n"
    "   device-interface wan\n    network-interface wan\n     neighborhood net\n     exit\n"
    "     address 192.0.2.1\n      prefix-length 24\n     exit\n    exit\n   exit\n"
    "   device-interface lan\n    type tun\n    network-interface lan\n     tenant corp\n"
    "     address 10.0.0.1\n      prefix-length 24\n     exit\n    exit\n   exit\n"
    "   device-interface fabric\n    network-interface fabric\n     type fabric\n"
    "     address 169.254.0.%d\n      prefix-length 30\n     exit\n    exit\n   exit\n  exit\n";

typedef struct flight {
    svr_packet *pkt;
    int to;
    svr_ifid in;
    svr_time due;
} flight;

typedef struct world {
    test_heap heap;
    svr_allocator alloc;
    svr_config *config;
    svr_env *env;
    svr_node *node[NODES];
    svr_time now;
    svr_credentials credentials[NODES];
    bool cut; /* the inter-node link */
    flight wire[WIRE_MAX];
    size_t n;
    svr_event events[4096]; /* all of them, with who told in `value` of `from_node` */
    int from_node[4096];
    size_t n_events;
    uint32_t delivered[NODES]; /* datagrams that left on the LAN */
    uint32_t last_number;
} world;

static const char *const routers[NODES] = {"hub", "hub", "spoke"};
static const char *const names[NODES] = {"hub-1", "hub-2", "s"};

static void start(world *w, int i) {
    svr_error err;
    const svr_node_params params = {.env = w->env,
                                    .config = w->config,
                                    .router = routers[i],
                                    .node = names[i],
                                    .credentials = w->credentials[i],
                                    .wall = WALL + (svr_wall)w->now};
    if (svr_node_new(&params, w->now, &w->node[i], &err)) fail_msg("%s", err.message);
}

static void stop(world *w, int i) {
    svr_node_del(w->node[i]);
    w->node[i] = NULL;
}

static void prepare(world *w) {
    char text[8192], nodes[2][2048];
    svr_config_error err;
    for (int i = 0; i < 2; i++)
        snprintf(nodes[i], sizeof nodes[i], hub_node, i + 1, i + 1);
    snprintf(text, sizeof text, authority, nodes[0], nodes[1]);
    *w = (world){.now = SVR_SEC};
    w->alloc = test_allocator(&w->heap);
    const svr_env_params params = {.alloc = &w->alloc, .packets_max = 4096};
    w->env = svr_env_new(&params);
    assert_non_null(w->env);
    if (svr_config_parse(&w->alloc, text, strlen(text), &w->config, &err))
        fail_msg("%u:%u: %s", err.line, err.column, err.message);
}

static void begin(world *w) {
    prepare(w);
    for (int i = 0; i < NODES; i++)
        start(w, i);
}

static void end(world *w) {
    for (size_t i = 0; i < w->n; i++)
        svr_packet_put(svr_env_pool(w->env), w->wire[i].pkt);
    for (int i = 0; i < NODES; i++)
        if (w->node[i]) stop(w, i);
    svr_config_del(w->config);
    svr_env_del(w->env);
    assert_int_equal(w->heap.live, 0);
}

static svr_packet *copy_of(world *w, const svr_packet *p) {
    svr_packet *c = svr_packet_get(svr_env_pool(w->env), p->len);
    assert_non_null(c);
    memcpy(c->data, p->data, p->len);
    c->len = p->len;
    return c;
}

static void post(world *w, const svr_packet *p, int to, svr_ifid in) {
    if (!w->node[to]) return;
    assert_true(w->n < WIRE_MAX);
    w->wire[w->n++] = (flight){copy_of(w, p), to, in, w->now + LATENCY};
}

/* A datagram that left on a LAN: its first bytes are its number. */
static void deliver(world *w, int from, const svr_packet *p) {
    w->delivered[from]++;
    memcpy(&w->last_number, p->data + 28, sizeof w->last_number);
}

static void route(world *w, int from, const svr_packet *p) {
    if (p->ifid == LAN) deliver(w, from, p);
    if (p->ifid == FABRIC && !w->cut) post(w, p, !from, FABRIC);
    if (p->ifid == WAN && from == SPOKE) {
        post(w, p, HUB_1, WAN);
        post(w, p, HUB_2, WAN);
    }
    if (p->ifid == WAN && from != SPOKE) post(w, p, SPOKE, WAN);
}

static void drain(world *w, int i) {
    svr_batch out = {0};
    while (svr_node_output(w->node[i], &out, w->now)) {
        for (size_t k = 0; k < out.n; k++)
            route(w, i, out.pkt[k]);
        svr_batch_put(svr_env_pool(w->env), &out);
    }
    while (w->n_events < 4096 && svr_node_next_event(w->node[i], &w->events[w->n_events]))
        w->from_node[w->n_events++] = i;
}

static svr_time next(const world *w) {
    svr_time first = SVR_TIME_NEVER;
    for (int i = 0; i < NODES; i++)
        if (w->node[i] && svr_node_deadline(w->node[i]) < first) first = svr_node_deadline(w->node[i]);
    for (size_t k = 0; k < w->n; k++)
        if (w->wire[k].due < first) first = w->wire[k].due;
    return first;
}

static void arrive(world *w, size_t k) {
    flight f = w->wire[k];
    svr_batch batch = {.n = 1, .pkt = {f.pkt}};
    memmove(&w->wire[k], &w->wire[k + 1], (--w->n - k) * sizeof *w->wire);
    if (!w->node[f.to]) {
        svr_packet_put(svr_env_pool(w->env), f.pkt);
        return;
    }
    svr_node_input(w->node[f.to], f.in, &batch, w->now);
    drain(w, f.to);
}

static void run(world *w, svr_duration span) {
    svr_time until = w->now + span;
    for (int i = 0; i < NODES; i++)
        if (w->node[i]) drain(w, i);
    for (svr_time t; (t = next(w)) <= until;) {
        w->now = t;
        for (size_t k = 0; k < w->n;)
            if (w->wire[k].due <= t)
                arrive(w, k);
            else
                k++;
        for (int i = 0; i < NODES; i++) {
            if (!w->node[i] || svr_node_deadline(w->node[i]) > t) continue;
            svr_node_expire(w->node[i], t);
            drain(w, i);
        }
    }
    w->now = until;
}

/* A datagram from a host of one LAN to one of the other. */
static void send_number(world *w, int from, uint32_t number) {
    svr_packet *p = svr_packet_get(svr_env_pool(w->env), 32);
    svr_ip_header ip = {.proto = SVR_PROTO_UDP, .ttl = 64, .l4_len = 12};
    assert_true(svr_addr_parse(from == SPOKE ? "10.1.0.9" : "10.0.0.9", &ip.src));
    assert_true(svr_addr_parse(from == SPOKE ? "10.0.0.9" : "10.1.0.9", &ip.dst));
    svr_ip_encode(&ip, p->data);
    memcpy(p->data + 28, &number, sizeof number);
    uint16_t port = from == SPOKE ? 5000 : 6000; /* two flows */
    svr_udp_encode(p->data + 20, &ip.src, &ip.dst, port, port, 4);
    p->len = 32;
    svr_batch batch = {.n = 1, .pkt = {p}};
    svr_node_input(w->node[from], LAN, &batch, w->now);
    drain(w, from);
}

static uint32_t arrived(const world *w, bool at_spoke) {
    return at_spoke ? w->delivered[SPOKE] : w->delivered[HUB_1] + w->delivered[HUB_2];
}

static size_t count_events(const world *w, size_t from, int node, svr_event_kind kind, const char *to) {
    size_t n = 0;
    for (size_t i = from; i < w->n_events; i++)
        n +=
            w->from_node[i] == node && w->events[i].kind == kind && (!to || strcmp(w->events[i].to, to) == 0);
    return n;
}

static uint64_t last_value(const world *w, int node, svr_event_kind kind, const char *to) {
    for (size_t i = w->n_events; i-- > 0;)
        if (w->from_node[i] == node && w->events[i].kind == kind && strcmp(w->events[i].to, to) == 0)
            return w->events[i].value;
    return 0;
}

static void test_ha_first_node_leads_and_the_other_is_silent(void **state) {
    (void)state;
    world w;
    begin(&w);
    run(&w, 10 * SVR_SEC);
    assert_true(svr_node_serves(w.node[HUB_1]));
    assert_false(svr_node_serves(w.node[HUB_2]));
    assert_int_equal(count_events(&w, 0, HUB_2, SVR_EVENT_KEY_MANAGER, "Redundant Peer"), 1);
    assert_int_equal(count_events(&w, 0, HUB_1, SVR_EVENT_PATH_SERVICE, "in-service"), 2); /* spoke, hub-2 */
    send_number(&w, SPOKE, 1);
    run(&w, 100 * SVR_MS);
    assert_int_equal(w.delivered[HUB_1], 1);
    assert_int_equal(w.delivered[HUB_2], 0);
    end(&w);
}

/* KEY-HA-PUSH: every new metadata key reaches the other node */
static void test_ha_each_metadata_key_is_pushed(void **state) {
    (void)state;
    world w;
    svr_error err;
    begin(&w);
    run(&w, 10 * SVR_SEC);
    for (uint64_t index = 1; index < 5; index++) {
        assert_int_equal(last_value(&w, HUB_2, SVR_EVENT_METADATA_KEY, "replicated"), index);
        assert_int_equal(svr_node_regenerate_metadata_key(w.node[HUB_1], w.now, &err), 0);
        run(&w, 200 * SVR_MS);
    }
    end(&w);
}

/* KEY-HA-PUSH, KEY-OUTAGE: failover without rekey, and sessions go on in both directions */
static void test_ha_failover_needs_no_rekey_and_loses_no_session(void **state) {
    (void)state;
    world w;
    begin(&w);
    run(&w, 10 * SVR_SEC);
    uint32_t n = 0;
    for (; n < 50; n++) {
        send_number(&w, SPOKE, n);
        send_number(&w, HUB_1, n);
        run(&w, 100 * SVR_MS);
    }
    assert_int_equal(arrived(&w, false), 50);
    assert_int_equal(arrived(&w, true), 50);
    size_t seen = w.n_events;
    uint64_t index = last_value(&w, SPOKE, SVR_EVENT_PEER_KEY, "sending");
    stop(&w, HUB_1);
    run(&w, 400 * SVR_MS); /* three times 100 ms, and a hop */
    assert_true(svr_node_serves(w.node[HUB_2]));
    for (; n < 100; n++) {
        send_number(&w, SPOKE, n);
        send_number(&w, HUB_2, n);
        run(&w, 100 * SVR_MS);
    }
    assert_int_equal(w.delivered[HUB_2], 50);
    assert_int_equal(w.delivered[SPOKE], 100);
    assert_int_equal(w.last_number, 99);
    run(&w, 60 * SVR_SEC);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_KEY_REQUEST, NULL), 0);
    assert_int_equal(count_events(&w, seen, HUB_2, SVR_EVENT_KEY_REQUEST, NULL), 0);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_PEER_KEY, NULL), 0);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_PATH_SERVICE, "out-of-service"), 0);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_SESSION, "created"), 0);
    run(&w, 70 * 60 * SVR_SEC); /* and the next rotation comes at its time */
    assert_int_equal(last_value(&w, SPOKE, SVR_EVENT_PEER_KEY, "sending"), index + 1);
    assert_true(svr_node_serves(w.node[HUB_2]));
    end(&w);
}

/* The node that comes back does not take over; it learns everything and can serve next. */
static void test_ha_returning_node_stands_by_and_can_serve_next(void **state) {
    (void)state;
    world w;
    begin(&w);
    run(&w, 10 * SVR_SEC);
    send_number(&w, SPOKE, 1);
    run(&w, SVR_SEC);
    stop(&w, HUB_1);
    run(&w, 5 * SVR_SEC);
    start(&w, HUB_1);
    run(&w, 10 * SVR_SEC);
    assert_true(svr_node_serves(w.node[HUB_2]));
    assert_false(svr_node_serves(w.node[HUB_1]));
    size_t seen = w.n_events;
    stop(&w, HUB_2);
    run(&w, 400 * SVR_MS);
    assert_true(svr_node_serves(w.node[HUB_1]));
    send_number(&w, SPOKE, 2);
    run(&w, SVR_SEC);
    assert_int_equal(w.delivered[HUB_1], 2);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_KEY_REQUEST, NULL), 0);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_PATH_SERVICE, "out-of-service"), 0);
    end(&w);
}

/* When the inter-node link is cut both serve; when it is back the first one stays. */
static void test_ha_split_ends_with_the_first_node(void **state) {
    (void)state;
    world w;
    begin(&w);
    run(&w, 10 * SVR_SEC);
    w.cut = true;
    run(&w, SVR_SEC);
    assert_true(svr_node_serves(w.node[HUB_1]));
    assert_true(svr_node_serves(w.node[HUB_2]));
    w.cut = false;
    run(&w, 10 * SVR_SEC);
    assert_true(svr_node_serves(w.node[HUB_1]));
    assert_false(svr_node_serves(w.node[HUB_2]));
    run(&w, 10 * SVR_SEC);
    send_number(&w, SPOKE, 7);
    run(&w, SVR_SEC);
    assert_int_equal(w.delivered[HUB_1], 1);
    end(&w);
}

/* Without the other node it takes ten seconds to be sure; a lone node then serves. */
static void test_ha_lone_node_serves_after_its_patience(void **state) {
    (void)state;
    world w;
    begin(&w);
    stop(&w, HUB_1);
    run(&w, 9 * SVR_SEC);
    assert_false(svr_node_serves(w.node[HUB_2]));
    run(&w, 2 * SVR_SEC);
    assert_true(svr_node_serves(w.node[HUB_2]));
    run(&w, 10 * SVR_SEC);
    send_number(&w, SPOKE, 1);
    run(&w, SVR_SEC);
    assert_int_equal(w.delivered[HUB_2], 1);
    end(&w);
}

static svr_ca_issued issue(world *w, const svr_ca *ca, int i) {
    svr_error err;
    svr_ca_issued out;
    const svr_ca_order order = {.name = i == SPOKE ? "alias-spoke" : "alias-hub",
                                .place = SVR_NAME_IN_CN,
                                .not_before = WALL - (svr_wall)SVR_HOUR,
                                .not_after = WALL + 1000 * (svr_wall)SVR_HOUR};
    if (svr_ca_issue(ca, &order, &out, &err)) fail_msg("%s", err.message);
    w->credentials[i] = (svr_credentials){
        .certificate = out.certificate, .private_key = out.private_key, .trusted_ca = svr_ca_root_pem(ca)};
    return out;
}

/* CRT-LATE: each node has a certificate of its own; one that is renewed is proved to the peers and to the
 * other node, and the pair goes on after the next rekey of the link, and after a failover. */
static void test_ha_renewed_certificate_keeps_the_pair_together(void **state) {
    (void)state;
    world w;
    svr_error err;
    svr_ca_issued issued[NODES + 2];
    prepare(&w);
    const svr_ca_params params = {.common_name = "lab",
                                  .key = SVR_KEY_P256,
                                  .not_before = WALL - (svr_wall)SVR_HOUR,
                                  .not_after = WALL + 1000 * (svr_wall)SVR_HOUR};
    svr_ca *ca = svr_ca_new_root(svr_env_crypt(w.env), &params, &err);
    assert_non_null(ca);
    for (int i = 0; i < NODES; i++)
        issued[i] = issue(&w, ca, i);
    for (int i = 0; i < NODES; i++)
        start(&w, i);
    run(&w, 10 * SVR_SEC);
    for (int i = HUB_1; i <= HUB_2; i++) { /* the leader, then the one that stands by */
        issued[NODES + i] = issue(&w, ca, i);
        assert_int_equal(svr_node_reload_credentials(w.node[i], &w.credentials[i], w.now, &err), 0);
        run(&w, 120 * SVR_SEC);
    }
    size_t seen = w.n_events;
    run(&w, 130 * 60 * SVR_SEC); /* an exchange, and an hour in vain if a signature does not hold */
    assert_int_equal(count_events(&w, seen, HUB_2, SVR_EVENT_KEY_MANAGER, NULL), 0);
    assert_int_equal(count_events(&w, seen, HUB_1, SVR_EVENT_KEY_TIMEOUT, NULL), 0);
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_KEY_TIMEOUT, NULL), 0);
    stop(&w, HUB_1);
    run(&w, 400 * SVR_MS);
    assert_true(svr_node_serves(w.node[HUB_2]));
    send_number(&w, SPOKE, 1);
    run(&w, SVR_SEC);
    assert_int_equal(w.delivered[HUB_2], 1);
    run(&w, 70 * 60 * SVR_SEC); /* its own certificate holds in the next exchange */
    assert_int_equal(count_events(&w, seen, SPOKE, SVR_EVENT_KEY_TIMEOUT, NULL), 0);
    for (size_t i = 0; i < NODES + 2; i++)
        svr_ca_issued_free(ca, &issued[i]);
    svr_ca_del(ca);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ha_first_node_leads_and_the_other_is_silent),
        cmocka_unit_test(test_ha_each_metadata_key_is_pushed),
        cmocka_unit_test(test_ha_failover_needs_no_rekey_and_loses_no_session),
        cmocka_unit_test(test_ha_returning_node_stands_by_and_can_serve_next),
        cmocka_unit_test(test_ha_split_ends_with_the_first_node),
        cmocka_unit_test(test_ha_lone_node_serves_after_its_patience),
        cmocka_unit_test(test_ha_renewed_certificate_keeps_the_pair_together),
    };
    return cmocka_run_group_tests_name("ha", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The ns-3 shim by itself:
 *
 *   host a -- underlay 1 -- wan -- underlay 2 -- host b      10.0.1.0/30, 10.0.2.0/30, 10.0.3.0/30
 *                                                            fd00:1::/64, :2::/64, :3::/64
 */
#include "unit.h"

#include "libns3shim/ns3shim.h"

#define MS UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

typedef struct net {
    ns3shim_world *world;
    ns3shim_node *a, *b;
    ns3shim_link *wan, *last;
} net;

static void address(ns3shim_node *node, uint32_t device, const char *v4, const char *v6) {
    assert_int_equal(ns3shim_node_address(node, device, v4, 30), 0);
    assert_int_equal(ns3shim_node_address(node, device, v6, 64), 0);
}

static void route_all(ns3shim_node *node, uint32_t device, const char *v4, const char *v6) {
    assert_int_equal(ns3shim_node_route(node, device, "0.0.0.0", 0, v4), 0);
    assert_int_equal(ns3shim_node_route(node, device, "::", 0, v6), 0);
}

static ns3shim_world *world; /* of the present test */

static void demolish(void) {
    ns3shim_world_del(world);
    world = NULL;
}

static int teardown(void **state) {
    (void)state;
    demolish();
    return 0;
}

static net build(uint32_t seed, ns3shim_link_opts wan) {
    net n = {.world = world = ns3shim_world_new(seed, 1)};
    ns3shim_link_opts lan = {.delay_ns = 10000};
    n.a = ns3shim_host_new(n.world, "a");
    n.b = ns3shim_host_new(n.world, "b");
    ns3shim_node *r1 = ns3shim_underlay_new(n.world, "r1"), *r2 = ns3shim_underlay_new(n.world, "r2");
    ns3shim_link_new(n.world, n.a, r1, &lan);
    n.wan = ns3shim_link_new(n.world, r1, r2, &wan);
    n.last = ns3shim_link_new(n.world, r2, n.b, &lan);
    address(n.a, 0, "10.0.1.1", "fd00:1::1");
    address(r1, 0, "10.0.1.2", "fd00:1::2");
    address(r1, 1, "10.0.2.1", "fd00:2::1");
    address(r2, 0, "10.0.2.2", "fd00:2::2");
    address(r2, 1, "10.0.3.2", "fd00:3::2");
    address(n.b, 0, "10.0.3.1", "fd00:3::1");
    route_all(n.a, 0, "10.0.1.2", "fd00:1::2");
    route_all(n.b, 0, "10.0.3.2", "fd00:3::2");
    route_all(r1, 1, "10.0.2.2", "fd00:2::2");
    route_all(r2, 0, "10.0.2.1", "fd00:2::1");
    assert_int_equal(ns3shim_serve(n.b, 5001), 0);
    return n;
}

static ns3shim_flow_stats run(net *n, const ns3shim_flow_opts *opts, uint64_t until) {
    ns3shim_flow_stats stats;
    ns3shim_flow *flow = ns3shim_flow_new(n->a, opts);
    assert_non_null(flow);
    assert_int_equal(ns3shim_run_until(n->world, until), 0);
    ns3shim_flow_get_stats(flow, &stats);
    return stats;
}

static const char *const B[2] = {"10.0.3.1", "fd00:3::1"};

static void test_shim_udp_counts_every_datagram(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        net n = build(1, (ns3shim_link_opts){.rate_bps = 10000000, .delay_ns = 5 * MS});
        ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                               .destination = B[v],
                               .port = 5001,
                               .count = 1000,
                               .interval_ns = 10 * MS,
                               .size = 200};
        ns3shim_flow_stats s = run(&n, &o, 60 * SEC);
        assert_int_equal(s.sent, 1000);
        assert_int_equal(s.received, 1000);
        assert_int_equal(s.received_bytes, 200000);
        assert_int_equal(s.duplicated + s.reordered + s.corrupted, 0);
        assert_true(s.completed < 11 * SEC);
        demolish();
    }
}

static void test_shim_tcp_delivers_bulk_past_loss(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        net n = build(1, (ns3shim_link_opts){.rate_bps = 10000000, .delay_ns = 5 * MS, .loss = 0.01});
        ns3shim_flow_opts o = {
            .kind = NS3SHIM_TCP_BULK, .destination = B[v], .port = 5001, .count = 200, .size = 10000};
        ns3shim_flow_stats s = run(&n, &o, 60 * SEC);
        assert_int_equal(s.received, 200);
        assert_int_equal(s.connects, 1);
        assert_int_equal(s.failures, 0);
        assert_true(s.completed < 60 * SEC);
        demolish();
    }
}

static void test_shim_tcp_request_gets_answers(void **state) {
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        net n = build(1, (ns3shim_link_opts){.delay_ns = 5 * MS});
        ns3shim_flow_opts o = {.kind = NS3SHIM_TCP_REQUEST,
                               .destination = B[0],
                               .port = 5001,
                               .count = 20,
                               .interval_ns = SEC,
                               .size = 100,
                               .reply_size = 3000,
                               .keep = keep};
        ns3shim_flow_stats s = run(&n, &o, 60 * SEC);
        assert_int_equal(s.sent, 20);
        assert_int_equal(s.received, 20);
        assert_int_equal(s.replies, 20);
        assert_int_equal(s.reply_bytes, 60000);
        assert_int_equal(s.connects, keep ? 1 : 20);
        assert_int_equal(s.unsent, keep ? 1 : 0); /* the first tick comes before the connection */
        demolish();
    }
}

static void test_shim_echo_and_ping_measure_round_trips(void **state) {
    (void)state;
    for (int v = 0; v < 4; v++) {
        net n = build(1, (ns3shim_link_opts){.delay_ns = 5 * MS});
        ns3shim_flow_opts o = {.kind = v & 1 ? NS3SHIM_UDP_ECHO : NS3SHIM_PING,
                               .destination = B[v / 2],
                               .port = 5001,
                               .count = 10,
                               .interval_ns = SEC,
                               .size = 56};
        ns3shim_flow_stats s = run(&n, &o, 60 * SEC);
        assert_int_equal(s.sent, 10);
        assert_int_equal(s.received, 10);
        assert_int_equal(s.replies, 10);
        assert_int_equal(s.rtt_min_ns, 10 * MS + 40000);
        assert_int_equal(s.rtt_max_ns, s.rtt_min_ns);
        demolish();
    }
}

static void lower(void *ctx) {
    ns3shim_link_set_up(ctx, false);
}
static void raise_again(void *ctx) {
    ns3shim_link_set_up(ctx, true);
}

static void test_shim_link_down_loses_what_is_on_its_way(void **state) {
    (void)state;
    net n = build(1, (ns3shim_link_opts){.delay_ns = 25 * MS});
    ns3shim_timer *down = ns3shim_timer_new(n.world, lower, n.wan);
    ns3shim_timer *up = ns3shim_timer_new(n.world, raise_again, n.wan);
    ns3shim_timer_set(down, 5 * SEC + 2 * MS);
    ns3shim_timer_set(up, 6 * SEC + 2 * MS);
    ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                           .destination = B[0],
                           .port = 5001,
                           .count = 1000,
                           .interval_ns = 10 * MS,
                           .size = 200};
    ns3shim_flow *flow = ns3shim_flow_new(n.a, &o);
    ns3shim_flow_stats s;
    ns3shim_link_stats l;
    ns3shim_gap gap;
    ns3shim_run_until(n.world, 30 * SEC);
    ns3shim_flow_get_stats(flow, &s);
    ns3shim_link_get_stats(n.wan, 0, &l);
    assert_int_equal(l.lost_in_flight, 3);
    assert_int_equal(l.lost_down, 100);
    assert_int_equal(s.sent - s.received, 103);
    assert_int_equal(ns3shim_flow_gaps(flow, &gap, 1), 1);
    assert_int_equal(gap.first, 498);
    assert_int_equal(gap.count, 103);
    assert_int_equal(gap.after, 4970 * MS);
    assert_int_equal(gap.before, 6010 * MS);
    ns3shim_timer_del(down);
    ns3shim_timer_del(up);
    demolish();
}

static void test_shim_tcp_reports_a_dead_path(void **state) {
    (void)state;
    net n = build(1, (ns3shim_link_opts){.delay_ns = 5 * MS});
    ns3shim_link_set_up(n.wan, false);
    ns3shim_flow_opts o = {
        .kind = NS3SHIM_TCP_BULK, .destination = B[0], .port = 5001, .count = 2, .size = 1000};
    ns3shim_flow_stats s = run(&n, &o, 3600 * SEC);
    assert_int_equal(s.connects, 0);
    assert_int_equal(s.failures, 1);
    assert_int_equal(s.received, 0);
    assert_true(s.completed < 3600 * SEC);
    demolish();
}

static void test_shim_jitter_reorders_only_when_told(void **state) {
    (void)state;
    for (int reorder = 0; reorder < 2; reorder++) {
        net n = build(7, (ns3shim_link_opts){.delay_ns = 5 * MS, .jitter_ns = 40 * MS, .reorder = reorder});
        ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                               .destination = B[0],
                               .port = 5001,
                               .count = 500,
                               .interval_ns = 10 * MS,
                               .size = 100};
        ns3shim_flow_stats s = run(&n, &o, 30 * SEC);
        assert_int_equal(s.received, 500);
        assert_int_equal(s.duplicated, 0);
        assert_int_equal(s.reordered > 0, reorder);
        demolish();
    }
}

static void test_shim_queue_is_bounded(void **state) {
    (void)state;
    net n = build(1, (ns3shim_link_opts){.rate_bps = 1000000, .queue = 10});
    ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                           .destination = B[0],
                           .port = 5001,
                           .count = 100,
                           .interval_ns = 1000,
                           .size = 972}; /* 1000 bytes: 8 ms each */
    ns3shim_link_stats l;
    ns3shim_flow_stats s = run(&n, &o, 30 * SEC);
    ns3shim_link_get_stats(n.wan, 0, &l);
    assert_int_equal(s.received, 11);
    assert_int_equal(l.lost_queue, 89);
    demolish();
}

typedef struct digest {
    uint64_t hash, frames;
} digest;

static void mix(digest *d, uint64_t v) {
    d->hash = (d->hash ^ v) * UINT64_C(0x100000001b3);
}

static void fold(void *ctx, unsigned direction, ns3shim_tap_what what, const uint8_t *data, size_t len,
                 uint64_t now) {
    digest *d = ctx;
    mix(d, now);
    mix(d, direction * 4 + what);
    for (size_t i = 0; i < len; i++)
        mix(d, data[i]);
    d->frames++;
}

static digest observe(uint32_t seed) {
    digest d = {.hash = UINT64_C(0xcbf29ce484222325)};
    net n = build(
        seed, (ns3shim_link_opts){.rate_bps = 10000000, .delay_ns = 5 * MS, .jitter_ns = MS, .loss = 0.02});
    ns3shim_link_set_tap(n.wan, NS3SHIM_TAP_SENT | NS3SHIM_TAP_RECEIVED, fold, &d);
    ns3shim_flow_opts o = {
        .kind = NS3SHIM_TCP_BULK, .destination = B[1], .port = 5001, .count = 100, .size = 10000};
    run(&n, &o, 60 * SEC);
    demolish();
    return d;
}

static void test_shim_same_seed_same_frames(void **state) {
    (void)state;
    digest a = observe(5), b = observe(5), c = observe(6);
    assert_true(a.frames > 1000);
    assert_int_equal(a.hash, b.hash);
    assert_int_equal(a.frames, b.frames);
    assert_int_not_equal(a.hash, c.hash);
}

static void test_shim_idle_network_has_no_events(void **state) {
    (void)state;
    net n = build(1, (ns3shim_link_opts){.delay_ns = 5 * MS});
    ns3shim_run_until(n.world, 10 * SEC);
    uint64_t before = ns3shim_event_count(n.world);
    ns3shim_run_until(n.world, 3600 * SEC);
    assert_true(ns3shim_event_count(n.world) - before <= 2);
    demolish();
}

static uint32_t word_sum(const uint8_t *p, size_t n) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* Every frame of the last link has crossed two routers. */
static void check_crossed(void *ctx, unsigned direction, ns3shim_tap_what what, const uint8_t *data,
                          size_t len, uint64_t now) {
    uint64_t *seen = ctx;
    (void)what, (void)now, (void)len;
    if (direction != 0) return;
    if (data[0] == 0x45) assert_int_equal(word_sum(data, 20), 0xffff);
    assert_int_equal(data[0] >> 4 == 4 ? data[8] : data[7], 62);
    (*seen)++;
}

static void test_shim_routers_count_down_and_mend_the_checksum(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        uint64_t seen = 0;
        net n = build(1, (ns3shim_link_opts){.delay_ns = 5 * MS});
        ns3shim_link_set_tap(n.last, NS3SHIM_TAP_RECEIVED, check_crossed, &seen);
        ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                               .destination = B[v],
                               .port = 5001,
                               .count = 300,
                               .interval_ns = MS,
                               .size = 100};
        assert_int_equal(run(&n, &o, 60 * SEC).received, 300);
        assert_int_equal(seen, 300);
        demolish();
    }
}

static void test_shim_routers_fragment_what_does_not_fit(void **state) {
    (void)state;
    net n = build(1, (ns3shim_link_opts){.delay_ns = 5 * MS, .mtu = 600});
    ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                           .destination = B[0],
                           .port = 5001,
                           .count = 10,
                           .interval_ns = MS,
                           .size = 1400};
    ns3shim_link_stats l;
    assert_int_equal(run(&n, &o, 60 * SEC).received, 10);
    ns3shim_link_get_stats(n.wan, 0, &l);
    assert_int_equal(l.sent, 30);
}

typedef struct bouncer {
    ns3shim_node *node;
    uint32_t got;
    uint8_t last[256];
    size_t len;
} bouncer;

static void bounce(void *ctx, uint32_t device, const uint8_t *data, size_t len) {
    bouncer *b = ctx;
    memcpy(b->last, data, len);
    b->len = len;
    if (b->got++ == 0) assert_int_equal(ns3shim_raw_send(b->node, device, data, len), 0);
}

static void test_shim_raw_nodes_exchange_datagrams(void **state) {
    (void)state;
    ns3shim_world *w = world = ns3shim_world_new(1, 1);
    bouncer a = {0}, b = {0};
    ns3shim_link_opts o = {.delay_ns = MS};
    uint8_t datagram[40] = {0x45}, junk[1] = {0x10};
    a.node = ns3shim_raw_new(w, "a", bounce, &a);
    b.node = ns3shim_raw_new(w, "b", bounce, &b);
    a.got = 1; /* sends first */
    ns3shim_link_new(w, a.node, b.node, &o);
    assert_int_equal(ns3shim_raw_send(a.node, 1, datagram, sizeof datagram), -1);
    assert_int_equal(ns3shim_raw_send(a.node, 0, junk, sizeof junk), -1);
    assert_int_equal(ns3shim_raw_send(a.node, 0, datagram, 0), -1);
    assert_int_equal(ns3shim_raw_send(a.node, 0, datagram, sizeof datagram), 0);
    ns3shim_run_until(w, SEC);
    assert_int_equal(b.got, 1);
    assert_int_equal(a.got, 2);
    assert_int_equal(a.len, sizeof datagram);
    assert_memory_equal(a.last, datagram, sizeof datagram);
    assert_int_equal(ns3shim_node_address(a.node, 0, "10.0.0.1", 24), -1);
    assert_null(ns3shim_world_new(1, 1)); /* one at a time */
}

static void test_shim_refuses_bad_requests(void **state) {
    (void)state;
    net n = build(1, (ns3shim_link_opts){.delay_ns = MS});
    ns3shim_flow_opts o = {
        .kind = NS3SHIM_UDP_RATE, .destination = "10.0.3", .port = 5001, .interval_ns = SEC, .size = 64};
    assert_null(ns3shim_flow_new(n.a, &o));
    o.destination = B[0];
    o.size = 10;
    assert_null(ns3shim_flow_new(n.a, &o));
    o.size = 64;
    o.interval_ns = 0;
    assert_null(ns3shim_flow_new(n.a, &o));
    assert_int_equal(ns3shim_node_address(n.a, 5, "10.0.0.1", 24), -1);
    assert_int_equal(ns3shim_node_address(n.a, 0, "10.0.0.1", 33), -1);
    assert_int_equal(ns3shim_node_route(n.a, 0, "10.0.0.0", 8, "fd00::1"), -1);
    assert_int_equal(ns3shim_link_adjust(n.wan, &(ns3shim_link_opts){.loss = 1.5}), -1);
    assert_int_equal(ns3shim_serve(n.a, 0), -1);
    assert_true(strlen(ns3shim_error()) > 0);
    demolish();
}

static void nothing(void *ctx) {
    (void)ctx;
}

static void test_shim_tells_when_the_next_event_is_due(void **state) {
    (void)state;
    world = ns3shim_world_new(1, 1);
    assert_int_equal(ns3shim_next_event(world), NS3SHIM_NEVER);
    ns3shim_timer *late = ns3shim_timer_new(world, nothing, NULL),
                  *early = ns3shim_timer_new(world, nothing, NULL);
    ns3shim_timer_set(late, 7 * SEC);
    ns3shim_timer_set(early, 3 * SEC + 1);
    assert_int_equal(ns3shim_next_event(world), 3 * SEC + 1);
    assert_int_equal(ns3shim_run_until(world, 5 * SEC), 0);
    assert_int_equal(ns3shim_next_event(world), 7 * SEC);
    assert_int_equal(ns3shim_run_until(world, 8 * SEC), 0);
    assert_int_equal(ns3shim_next_event(world), NS3SHIM_NEVER);
    ns3shim_timer_del(late);
    ns3shim_timer_del(early);
}

static void test_shim_tells_how_much_a_link_carries(void **state) {
    (void)state;
    world = ns3shim_world_new(1, 1);
    ns3shim_node *a = ns3shim_raw_new(world, "a", NULL, NULL), *b = ns3shim_raw_new(world, "b", NULL, NULL);
    ns3shim_link_new(world, a, b, &(ns3shim_link_opts){0});
    ns3shim_link_new(world, a, b, &(ns3shim_link_opts){.mtu = 1400});
    assert_int_equal(ns3shim_node_mtu(a, 0), 1500);
    assert_int_equal(ns3shim_node_mtu(b, 1), 1400);
    assert_int_equal(ns3shim_node_mtu(a, 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_shim_udp_counts_every_datagram, teardown),
        cmocka_unit_test_teardown(test_shim_tcp_delivers_bulk_past_loss, teardown),
        cmocka_unit_test_teardown(test_shim_tcp_request_gets_answers, teardown),
        cmocka_unit_test_teardown(test_shim_echo_and_ping_measure_round_trips, teardown),
        cmocka_unit_test_teardown(test_shim_link_down_loses_what_is_on_its_way, teardown),
        cmocka_unit_test_teardown(test_shim_tcp_reports_a_dead_path, teardown),
        cmocka_unit_test_teardown(test_shim_jitter_reorders_only_when_told, teardown),
        cmocka_unit_test_teardown(test_shim_queue_is_bounded, teardown),
        cmocka_unit_test_teardown(test_shim_same_seed_same_frames, teardown),
        cmocka_unit_test_teardown(test_shim_idle_network_has_no_events, teardown),
        cmocka_unit_test_teardown(test_shim_routers_count_down_and_mend_the_checksum, teardown),
        cmocka_unit_test_teardown(test_shim_routers_fragment_what_does_not_fit, teardown),
        cmocka_unit_test_teardown(test_shim_raw_nodes_exchange_datagrams, teardown),
        cmocka_unit_test_teardown(test_shim_refuses_bad_requests, teardown),
        cmocka_unit_test_teardown(test_shim_tells_when_the_next_event_is_due, teardown),
        cmocka_unit_test_teardown(test_shim_tells_how_much_a_link_carries, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

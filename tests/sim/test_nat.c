/* SPDX-License-Identifier: MIT
 *
 * A NAT box of the shim:
 *
 *   host a -- NAT -- underlay -- host b      10.0.1.0/30 | 198.51.100.0/30, 10.0.3.0/30
 */
#include "unit.h"

#include "libns3shim/ns3shim.h"

#define MS UINT64_C(1000000)
#define SEC UINT64_C(1000000000)
#define SEEN_MAX 64

static ns3shim_world *world;
static ns3shim_node *a, *b, *nat;

/* What left the NAT outside. */
static struct {
    uint16_t port[SEEN_MAX];
    uint32_t address[SEEN_MAX];
    size_t n; /* that differ from the one before */
} seen;

static void note(void *ctx, unsigned direction, ns3shim_tap_what what, const uint8_t *p, size_t len,
                 uint64_t now) {
    (void)ctx;
    (void)what;
    (void)now;
    if (direction != 0 || len < 28 || p[9] != 17) return;
    uint32_t address = (uint32_t)p[12] << 24 | (uint32_t)p[13] << 16 | (uint32_t)p[14] << 8 | p[15];
    uint16_t port = (uint16_t)(p[20] << 8 | p[21]);
    if (seen.n && seen.port[seen.n - 1] == port && seen.address[seen.n - 1] == address) return;
    assert_true(seen.n < SEEN_MAX);
    seen.port[seen.n] = port;
    seen.address[seen.n++] = address;
}

static void build(bool dependent, uint64_t timeout) {
    const ns3shim_link_opts line = {.delay_ns = MS};
    const ns3shim_nat_opts opts = {.dependent = dependent, .timeout_ns = timeout};
    seen.n = 0;
    world = ns3shim_world_new(1, 1);
    a = ns3shim_host_new(world, "a");
    b = ns3shim_host_new(world, "b");
    nat = ns3shim_nat_new(world, "nat", &opts);
    ns3shim_node *r = ns3shim_underlay_new(world, "r");
    ns3shim_link_new(world, a, nat, &line);
    ns3shim_link *out = ns3shim_link_new(world, nat, r, &line);
    ns3shim_link_new(world, r, b, &line);
    ns3shim_link_set_tap(out, NS3SHIM_TAP_SENT, note, NULL);
    assert_int_equal(ns3shim_node_address(a, 0, "10.0.1.1", 30), 0);
    assert_int_equal(ns3shim_node_route(a, 0, "0.0.0.0", 0, "10.0.1.2"), 0);
    assert_int_equal(ns3shim_nat_inside(nat, 0, "10.0.1.0", 30), 0);
    assert_int_equal(ns3shim_nat_outside(nat, 1, "198.51.100.1"), 0);
    assert_int_equal(ns3shim_nat_outside(nat, 1, "198.51.100.9"), 0);
    assert_int_equal(ns3shim_node_address(r, 0, "198.51.100.2", 30), 0);
    assert_int_equal(ns3shim_node_route(r, 0, "198.51.100.9", 32, "198.51.100.1"), 0);
    assert_int_equal(ns3shim_node_address(r, 1, "10.0.3.2", 30), 0);
    assert_int_equal(ns3shim_node_address(b, 0, "10.0.3.1", 30), 0);
    assert_int_equal(ns3shim_node_route(b, 0, "0.0.0.0", 0, "10.0.3.2"), 0);
    assert_int_equal(ns3shim_serve(b, 5001), 0);
    assert_int_equal(ns3shim_serve(b, 5002), 0);
}

static int teardown(void **state) {
    (void)state;
    ns3shim_world_del(world);
    world = NULL;
    return 0;
}

static ns3shim_flow *begin(ns3shim_flow_kind kind, uint16_t port, uint64_t count, uint64_t interval) {
    const ns3shim_flow_opts o = {.kind = kind,
                                 .destination = "10.0.3.1",
                                 .source_port = kind == NS3SHIM_UDP_ECHO ? 4000 : 0,
                                 .port = port,
                                 .count = count,
                                 .interval_ns = interval,
                                 .size = 200,
                                 .reply_size = 200};
    ns3shim_flow *f = ns3shim_flow_new(a, &o);
    assert_non_null(f);
    return f;
}

static ns3shim_flow_stats end(ns3shim_flow *f, uint64_t until) {
    ns3shim_flow_stats s;
    assert_int_equal(ns3shim_run_until(world, until), 0);
    ns3shim_flow_get_stats(f, &s);
    return s;
}

static ns3shim_nat_stats books(void) {
    ns3shim_nat_stats s;
    assert_int_equal(ns3shim_nat_get_stats(nat, &s), 0);
    return s;
}

static void test_nat_translates_udp_tcp_and_ping_both_ways(void **state) {
    (void)state;
    static const ns3shim_flow_kind kinds[] = {NS3SHIM_UDP_ECHO, NS3SHIM_TCP_REQUEST, NS3SHIM_PING};
    for (size_t i = 0; i < 3; i++) {
        build(false, 60 * SEC);
        ns3shim_flow_stats s = end(begin(kinds[i], 5001, 50, 100 * MS), 20 * SEC);
        assert_int_equal(s.sent, 50);
        assert_int_equal(s.replies, 50);
        assert_int_equal(s.corrupted, 0);
        assert_true(books().outbound >= 50 && books().inbound >= 50);
        assert_int_equal(books().dropped, 0);
        if (kinds[i] == NS3SHIM_UDP_ECHO) {
            assert_int_equal(seen.n, 1);
            assert_int_equal(seen.address[0], 0xc6336401);
            assert_true(seen.port[0] != 4000);
        }
        teardown(state);
    }
}

static void test_nat_lends_ports_by_its_kind_of_mapping(void **state) {
    (void)state;
    for (int dependent = 0; dependent < 2; dependent++) {
        build(dependent, 60 * SEC);
        ns3shim_flow *f = begin(NS3SHIM_UDP_ECHO, 5001, 1, SEC);
        end(f, SEC);
        ns3shim_flow_stop(f);
        end(begin(NS3SHIM_UDP_ECHO, 5002, 1, SEC), 2 * SEC);
        assert_int_equal(seen.n, dependent ? 2 : 1);
        assert_int_equal(books().made, 2);
        teardown(state);
    }
}

static void test_nat_forgets_what_is_silent(void **state) {
    (void)state;
    build(false, 30 * SEC);
    ns3shim_flow_stats s = end(begin(NS3SHIM_UDP_ECHO, 5001, 4, 29 * SEC), 100 * SEC);
    assert_int_equal(s.replies, 4);
    assert_int_equal(seen.n, 1);
    teardown(state);
    build(false, 30 * SEC);
    s = end(begin(NS3SHIM_UDP_ECHO, 5001, 4, 31 * SEC), 100 * SEC);
    assert_int_equal(s.replies, 4);
    assert_int_equal(seen.n, 4); /* another port each time */
}

static void test_nat_changes_ports_and_address_when_told(void **state) {
    (void)state;
    build(false, 60 * SEC);
    ns3shim_flow *f = begin(NS3SHIM_UDP_ECHO, 5001, 30, SEC);
    end(f, 10 * SEC + 500 * MS);
    assert_int_equal(ns3shim_nat_forget(nat, false), 0);
    end(f, 20 * SEC + 500 * MS);
    assert_int_equal(ns3shim_nat_forget(nat, true), 0);
    ns3shim_flow_stats s = end(f, 40 * SEC);
    assert_int_equal(s.replies, 30); /* each request asks for a mapping, and each answer finds it */
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.address[1], 0xc6336401);
    assert_true(seen.port[0] != seen.port[1]);
    assert_int_equal(seen.address[2], 0xc6336409);
}

static void test_nat_lets_nobody_in_who_was_not_spoken_to(void **state) {
    (void)state;
    build(false, 60 * SEC);
    const ns3shim_flow_opts o = {.kind = NS3SHIM_UDP_RATE,
                                 .destination = "198.51.100.1",
                                 .port = 20000,
                                 .count = 5,
                                 .interval_ns = SEC,
                                 .size = 100};
    end(begin(NS3SHIM_UDP_ECHO, 5001, 1, SEC), SEC); /* 20000 is lent, but not for this */
    assert_non_null(ns3shim_flow_new(b, &o));
    assert_int_equal(ns3shim_run_until(world, 20 * SEC), 0);
    assert_int_equal(books().unmapped, 5);
}

static void test_nat_refuses_what_is_no_nat(void **state) {
    (void)state;
    ns3shim_nat_stats s;
    build(false, 0);
    assert_int_equal(ns3shim_nat_forget(a, false), -1);
    assert_int_equal(ns3shim_nat_get_stats(a, &s), -1);
    assert_int_equal(ns3shim_nat_inside(nat, 7, "10.0.9.0", 24), -1);
    assert_int_equal(ns3shim_nat_outside(nat, 1, "fd00::1"), -1);
    assert_int_equal(ns3shim_nat_outside(nat, 0, "198.51.100.7"), -1); /* one outside */
    assert_int_equal(ns3shim_node_address(nat, 0, "10.0.1.2", 30), -1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nat_translates_udp_tcp_and_ping_both_ways, teardown),
        cmocka_unit_test_teardown(test_nat_lends_ports_by_its_kind_of_mapping, teardown),
        cmocka_unit_test_teardown(test_nat_forgets_what_is_silent, teardown),
        cmocka_unit_test_teardown(test_nat_changes_ports_and_address_when_told, teardown),
        cmocka_unit_test_teardown(test_nat_lets_nobody_in_who_was_not_spoken_to, teardown),
        cmocka_unit_test_teardown(test_nat_refuses_what_is_no_nat, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

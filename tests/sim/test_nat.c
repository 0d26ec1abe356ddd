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

static void build_nat(ns3shim_nat_opts opts) {
    const ns3shim_link_opts line = {.delay_ns = MS};
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

static void build(bool dependent, uint64_t timeout) {
    build_nat((ns3shim_nat_opts){.dependent = dependent, .timeout_ns = timeout});
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

static void test_nat_that_checks_tcp_finds_nothing_wrong_with_that_of_ns3(void **state) {
    (void)state;
    build_nat((ns3shim_nat_opts){.timeout_ns = 60 * SEC, .strict_tcp = true});
    const ns3shim_flow_opts bulk = {
        .kind = NS3SHIM_TCP_BULK, .destination = "10.0.3.1", .port = 5001, .count = 3000, .size = 1000};
    ns3shim_flow *f = ns3shim_flow_new(a, &bulk);
    ns3shim_flow_stats web = end(begin(NS3SHIM_TCP_REQUEST, 5002, 50, 100 * MS), 30 * SEC);
    assert_int_equal(web.replies, 50);
    assert_int_equal(end(f, 31 * SEC).received_bytes, 3000000);
    assert_int_equal(books().refused_tcp, 0);
    assert_null(books().refusal);
}

/* ---- segments that are out of order ----------------------------------------------------------- */

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

typedef struct segment {
    bool inside; /* it comes from there */
    uint8_t flags;
    uint32_t seq, ack;
    uint16_t window, len;
    const char *refusal; /* NULL: it passes */
} segment;

static void put(uint8_t *p, uint32_t v, int n) {
    for (; n--; v >>= 8)
        p[n] = (uint8_t)v;
}

/* From port 4000 of a to port 80 of b, or back to the port that the NAT lends first. Window scale 2 both
 * ways. */
static void send_segment(const segment *s) {
    uint8_t p[1500] = {0x45};
    size_t header = s->flags & SYN ? 24 : 20, len = 20 + header + s->len;
    uint32_t sum = 0;
    put(p + 2, (uint32_t)len, 2);
    p[8] = 64;
    p[9] = 6;
    put(p + 12, s->inside ? 0x0a000101 : 0x0a000301, 4);
    put(p + 16, s->inside ? 0x0a000301 : 0xc6336401, 4);
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    put(p + 10, ~((sum & 0xffff) + (sum >> 16)), 2);
    put(p + 20, s->inside ? 4000 : 80, 2);
    put(p + 22, s->inside ? 80 : 20000, 2);
    put(p + 24, s->seq, 4);
    put(p + 28, s->ack, 4);
    p[32] = (uint8_t)(header / 4 << 4);
    p[33] = s->flags;
    put(p + 34, s->window, 2);
    if (s->flags & SYN) put(p + 40, 0x03030201, 4); /* window scale 2, no operation */
    assert_int_equal(ns3shim_raw_send(s->inside ? a : b, 0, p, len), 0);
    assert_int_equal(ns3shim_run_until(world, ns3shim_now(world) + 10 * MS), 0);
}

static void ignore(void *ctx, uint32_t device, const uint8_t *p, size_t len) {
    (void)ctx;
    (void)device;
    (void)p;
    (void)len;
}

static void test_nat_that_checks_tcp_refuses_what_does_not_belong(void **state) {
    (void)state;
    static const segment talk[] = {
        {true, ACK, 100, 1, 100, 10, "data before the handshake"},
        {true, SYN | ACK, 100, 1, 100, 0, "a connection may be opened from inside only"},
        {true, SYN | FIN, 100, 0, 100, 0, "flags that do not go together"},
        {true, SYN, 100, 0, 1000, 50, NULL}, /* with a body */
        {true, SYN, 200, 0, 1000, 0, "another beginning"},
        {true, SYN, 100, 0, 1000, 60, NULL}, /* with another one */
        {true, ACK, 161, 0, 1000, 0, "data before the handshake"},
        {false, SYN, 900, 0, 1000, 0, "a connection may be opened from inside only"},
        {false, SYN | ACK, 900, 100, 1000, 0, "an answer to what was not sent"},
        {false, SYN | ACK, 900, 162, 1000, 0, "an answer to what was not sent"},
        {false, SYN | ACK, 900, 161, 1000, 40, NULL},
        {true, 0, 161, 0, 1000, 10, "a segment without acknowledgement"},
        {true, ACK, 161, 942, 1000, 10, "acknowledges what was not sent"},
        {true, ACK, 161, 941, 1000, 1000, NULL}, /* all of the window */
        {true, ACK, 1161, 941, 1000, 1, "more than the window"},
        {false, ACK, 941, 1161, 1000, 100, NULL},
        {true, ACK, 1161, 1041, 1000, 1400, NULL}, /* the window is four times as wide by now */
        {true, ACK, 1161, 1041, 1000, 1400, NULL}, /* again */
        {false, ACK, 0x80000000, 1161, 1000, 100, "more than the window"},
        {false, ACK, 941 - 0x3fffc001u, 1161, 1000, 0, "far behind"},
        {false, FIN | ACK, 1041, 2561, 1000, 0, NULL},
        {false, ACK, 1042, 2561, 1000, 7, "data behind the end"},
    };
    const ns3shim_link_opts line = {.delay_ns = MS};
    const ns3shim_nat_opts opts = {.timeout_ns = 60 * SEC, .strict_tcp = true};
    world = ns3shim_world_new(1, 1);
    a = ns3shim_raw_new(world, "a", ignore, NULL);
    b = ns3shim_raw_new(world, "b", ignore, NULL);
    nat = ns3shim_nat_new(world, "nat", &opts);
    ns3shim_link_new(world, a, nat, &line);
    ns3shim_link_new(world, nat, b, &line);
    assert_int_equal(ns3shim_nat_inside(nat, 0, "10.0.1.0", 30), 0);
    assert_int_equal(ns3shim_nat_outside(nat, 1, "198.51.100.1"), 0);
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) {
        ns3shim_nat_stats before = books();
        send_segment(&talk[i]);
        assert_int_equal(books().refused_tcp - before.refused_tcp, talk[i].refusal != NULL);
        assert_int_equal(books().outbound + books().inbound - before.outbound - before.inbound,
                         !talk[i].refusal);
        if (talk[i].refusal) assert_string_equal(books().refusal, talk[i].refusal);
    }
}

static void test_nat_lets_udp_go_to_one_port_only(void **state) {
    (void)state;
    build_nat((ns3shim_nat_opts){.timeout_ns = 60 * SEC, .udp_port = 5001});
    assert_int_equal(end(begin(NS3SHIM_UDP_ECHO, 5001, 5, SEC), 10 * SEC).replies, 5);
    assert_int_equal(end(begin(NS3SHIM_UDP_ECHO, 5002, 5, SEC), 20 * SEC).replies, 0);
    assert_int_equal(books().refused_udp, 5);
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
        cmocka_unit_test_teardown(test_nat_that_checks_tcp_finds_nothing_wrong_with_that_of_ns3, teardown),
        cmocka_unit_test_teardown(test_nat_that_checks_tcp_refuses_what_does_not_belong, teardown),
        cmocka_unit_test_teardown(test_nat_lets_udp_go_to_one_port_only, teardown),
        cmocka_unit_test_teardown(test_nat_refuses_what_is_no_nat, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

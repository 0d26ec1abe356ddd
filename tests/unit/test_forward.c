/* SPDX-License-Identifier: MIT */
#include "forward_fixture.h"

/* ---- what crosses --------------------------------------------------------------------------- */

typedef struct family_case {
    uint8_t outer;
    const char *src, *dst;
} family_case;

static void exchange(net *t, spec *s) {
    int far = t->n - 1;
    for (int round = 0; round < 4; round++) {
        send(t, 0, s);
        expect_on_lan(t, far, s);
        spec r = reply_to(s);
        send(t, far, &r);
        expect_on_lan(t, 0, &r);
        s->tcp_flags = 0x10;
    }
    assert_int_equal(all_drops(t), 0);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(sessions(t, far), 1);
}

/* CRY-META-AES, CRY-PAYLOAD-AES, CFG-PCN: neither addresses nor payload nor names are readable. */
static void expect_nothing_readable(const net *t, const spec *s) {
    svr_addr src = addr(s->src), dst = addr(s->dst);
    for (size_t i = 0; i < t->tap.n; i++) {
        const line *l = &t->tap.at[i];
        assert_false(contains(l, src.bytes, svr_addr_size(&src)));
        assert_false(contains(l, dst.bytes, svr_addr_size(&dst)));
        assert_false(contains(l, s->text, 8));
        assert_false(contains(l, "secret-service", 14));
        assert_false(contains(l, "router-", 7));
    }
}

static void run_families(int routers) {
    static const family_case cases[] = {{4, "10.1.0.10", "10.2.0.20"},
                                        {4, "fd01::10", "fd02::20"},
                                        {6, "10.1.0.10", "10.2.0.20"},
                                        {6, "fd01::10", "fd02::20"}};
    static const uint8_t protos[] = {SVR_PROTO_TCP, SVR_PROTO_UDP, SVR_PROTO_ICMP};
    for (size_t c = 0; c < 4; c++) {
        for (size_t p = 0; p < 3; p++) {
            net *t = net_new(routers, cases[c].outer);
            spec s = {.proto = protos[p],
                      .src = cases[c].src,
                      .dst = cases[c].dst,
                      .sport = 4711,
                      .dport = 443,
                      .tcp_flags = SVR_TCP_SYN,
                      .tos = 0xb9,
                      .text = "attack at dawn, bring the map"};
            exchange(t, &s);
            expect_nothing_readable(t, &s);
            net_del(t);
        }
    }
}

/* CRY-FAMILIES */
static void test_forward_carries_all_protocols_and_families(void **state) {
    (void)state;
    run_families(2);
}
static void test_forward_carries_all_protocols_and_families_over_a_transit_router(void **state) {
    (void)state;
    run_families(3);
}

/* KEY-E2E: what follows the metadata leaves a transit router byte for byte; the hop's metadata does not. */
static void test_forward_transit_leaves_payload_untouched(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    for (int i = 0; i < 6; i++) {
        size_t len1, len2;
        svr_metadata m1 = {0}, m2 = {0};
        clear_captures(t);
        send(t, 0, &udp4);
        assert_int_equal(t->tap.n, 2);
        const uint8_t *b1 = body_of(&t->tap.at[0], &len1), *b2 = body_of(&t->tap.at[1], &len2);
        bool first = svr_metadata_decode(b1, len1, &m1) == SVR_METADATA_OK;
        assert_int_equal(first, svr_metadata_decode(b2, len2, &m2) == SVR_METADATA_OK);
        assert_int_equal(first, i == 0);
        size_t tail = first ? 48 : 0;
        assert_int_equal(len1 - m1.total, len2 - m2.total);
        assert_memory_equal(b1 + m1.total, b2 + m2.total, len1 - m1.total - tail);
        if (first) assert_memory_not_equal(b1 + 40, b2 + 40, m1.total - 40);
        spec r = reply_to(&udp4);
        send(t, 2, &r);
    }
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

/* Outside as inside; IPv6 around the packet cannot tell, so that the safe one is taken. */
static void test_forward_carries_dont_fragment(void **state) {
    (void)state;
    for (int outer = 4; outer <= 6; outer += 2) {
        for (int df = 0; df < 2; df++) {
            net *t = net_new(3, (uint8_t)outer);
            spec s = udp4;
            svr_ip ip;
            s.fragmentable = !df;
            send(t, 0, &s);
            for (size_t i = 0; i < t->tap.n; i++) {
                assert_int_equal(svr_ip_decode(t->tap.at[i].bytes, t->tap.at[i].len, &ip), SVR_IP_OK);
                assert_int_equal(ip.dont_fragment, df || outer == 6);
            }
            assert_int_equal(svr_ip_decode(t->lan.at[0].bytes, t->lan.at[0].len, &ip), SVR_IP_OK);
            assert_int_equal(ip.dont_fragment, df || outer == 6);
            net_del(t);
        }
    }
}

/* ---- service security ----------------------------------------------------------------------- */

static void test_forward_authenticates_only_where_the_service_says_so(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    spec s = udp4;
    s.dst = "10.3.0.7";
    exchange(t, &s);
    svr_addr src = addr(s.src);
    for (size_t i = 0; i < t->tap.n; i++) {
        assert_true(contains(&t->tap.at[i], s.text, strlen(s.text)));
        assert_false(contains(&t->tap.at[i], src.bytes, 4));
    }
    net_del(t);
}

static void test_forward_short_tags(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = udp4;
    s.dst = "10.4.0.7";
    exchange(t, &s);
    size_t len;
    body_of(&t->tap.at[t->tap.n - 1], &len);
    assert_int_equal(len, 8 + 32 + 24);
    net_del(t);
}

/* ---- metadata handshake --------------------------------------------------------------------- */

typedef struct sequence_step {
    int node;      /* who sends */
    bool metadata; /* and whether metadata goes along */
} sequence_step;

static void test_forward_handshake_sequence(void **state) {
    (void)state;
    static const sequence_step steps[] = {
        /*  1 */ {0, true},  /* no answer yet */
        /*  2 */ {0, true},  /*  */
        /*  3 */ {1, true},  /* reverse packets carry it too: acknowledges 1 */
        /*  4 */ {1, true},  /* A's next forward packet has not come yet */
        /*  5 */ {0, false}, /* absence acknowledges 3 */
        /*  6 */ {1, false},
        /*  7 */ {0, false},
        /*  8 */ {1, false},
    };
    net *t = net_new(2, 4);
    spec r = reply_to(&udp4);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        clear_captures(t);
        send(t, steps[i].node, steps[i].node ? &r : &udp4);
        assert_int_equal(t->tap.n, 1);
        assert_int_equal(has_metadata(&t->tap.at[0]), steps[i].metadata);
        assert_int_equal(t->lan.n, 1);
    }
    net_del(t);
}

static void test_forward_handshake_walks_every_state_and_input(void **state) {
    (void)state;
    static const struct {
        svr_handshake_role role;
        bool sending;
        svr_handshake_input input;
        bool next;
    } table[] = {
        {SVR_SENDS_FORWARD, true, SVR_GOT_METADATA, false},
        {SVR_SENDS_FORWARD, false, SVR_GOT_METADATA, false},
        {SVR_SENDS_FORWARD, true, SVR_GOT_PLAIN, true},
        {SVR_SENDS_FORWARD, false, SVR_GOT_PLAIN, false},
        {SVR_SENDS_FORWARD, true, SVR_GOT_DISABLE, false},
        {SVR_SENDS_FORWARD, false, SVR_GOT_DISABLE, false},
        {SVR_SENDS_FORWARD, true, SVR_RENEW, true},
        {SVR_SENDS_FORWARD, false, SVR_RENEW, true},
        {SVR_SENDS_REVERSE, true, SVR_GOT_METADATA, true},
        {SVR_SENDS_REVERSE, false, SVR_GOT_METADATA, true},
        {SVR_SENDS_REVERSE, true, SVR_GOT_PLAIN, false},
        {SVR_SENDS_REVERSE, false, SVR_GOT_PLAIN, false},
        {SVR_SENDS_REVERSE, true, SVR_GOT_DISABLE, false},
        {SVR_SENDS_REVERSE, false, SVR_GOT_DISABLE, false},
        {SVR_SENDS_REVERSE, true, SVR_RENEW, true},
        {SVR_SENDS_REVERSE, false, SVR_RENEW, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(svr_handshake_next(table[i].role, table[i].sending, table[i].input), table[i].next);
}

/* A flow that answers nothing is acknowledged by a packet of the egress's own. */
static void run_one_way(int routers) {
    net *t = net_new(routers, 4);
    for (int i = 0; i < 12; i++)
        send(t, 0, &udp4);
    clear_captures(t);
    send(t, 0, &udp4);
    assert_int_equal(t->tap.n, routers - 1);
    for (size_t i = 0; i < t->tap.n; i++)
        assert_false(has_metadata(&t->tap.at[i]));
    expect_on_lan(t, routers - 1, &udp4);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}
static void test_forward_one_way_flow_is_acknowledged(void **state) {
    (void)state;
    run_one_way(2);
    run_one_way(3);
}

/* Whoever uses the same addresses without being a router, say a DNS server that answers whatever comes, must
 * not be drawn into a conversation. */
static void test_forward_asks_only_what_could_be_a_router(void **state) {
    (void)state;
    static const struct {
        uint16_t sport, dport;
        size_t asked;
    } table[] = {{53, 20002, 0}, {20002, 53, 0}, {20001, 20003, 0}, {20001, 20002, 1}, {20002, 20001, 1}};
    char src[SVR_ADDR_TEXT_MAX], dst[SVR_ADDR_TEXT_MAX];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        net *t = net_new(2, 4);
        svr_addr left = wan_addr(4, 0, 0, true), right = wan_addr(4, 0, 0, false);
        spec s = {.proto = SVR_PROTO_UDP,
                  .src = svr_addr_format(&left, src),
                  .dst = svr_addr_format(&right, dst),
                  .sport = table[i].sport,
                  .dport = table[i].dport,
                  .text = "an answer to nobody's question"};
        line l = {.from = 0, .to = 1, .in = 1, .out = 3};
        l.len = build(&s, l.bytes);
        deliver_line(t, &l);
        collect(t);
        assert_int_equal(t->wire.n, table[i].asked);
        net_del(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_carries_all_protocols_and_families),
        cmocka_unit_test(test_forward_carries_all_protocols_and_families_over_a_transit_router),
        cmocka_unit_test(test_forward_transit_leaves_payload_untouched),
        cmocka_unit_test(test_forward_carries_dont_fragment),
        cmocka_unit_test(test_forward_authenticates_only_where_the_service_says_so),
        cmocka_unit_test(test_forward_short_tags),
        cmocka_unit_test(test_forward_handshake_sequence),
        cmocka_unit_test(test_forward_handshake_walks_every_state_and_input),
        cmocka_unit_test(test_forward_one_way_flow_is_acknowledged),
        cmocka_unit_test(test_forward_asks_only_what_could_be_a_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

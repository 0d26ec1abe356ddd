/* SPDX-License-Identifier: MIT
 * Who may go where, with which ports and keys, and how large. */
#include "forward_fixture.h"

/* ---- refusals ------------------------------------------------------------------------------- */

static void test_forward_policy_refusals(void **state) {
    (void)state;
    static const struct {
        const char *dst;
        uint16_t dport;
        svr_drop reason;
        int icmp_type; /* of the answer; -1: none */
        int icmp_code;
    } cases[] = {
        {"10.5.0.1", 53, SVR_DROP_NO_SERVICE, 3, 13}, /* wrong transport */
        {"10.6.0.1", 53, SVR_DROP_NO_ACCESS, 3, 13},  /* another tenant's */
        {"10.7.0.1", 53, SVR_DROP_NO_ROUTE, 3, 0},    /* nobody said where */
        {"192.168.7.7", 53, SVR_DROP_NO_SERVICE, 3, 13}, {"224.0.0.5", 53, SVR_DROP_NO_SERVICE, -1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net *t = net_new(2, 4);
        spec s = udp4;
        s.dst = cases[i].dst;
        s.dport = cases[i].dport;
        send(t, 0, &s);
        assert_int_equal(drops(t, 0, cases[i].reason), 1);
        assert_int_equal(all_drops(t), 1);
        assert_int_equal(sessions(t, 0), 0);
        assert_int_equal(t->lan.n, cases[i].icmp_type >= 0);
        if (t->lan.n) {
            assert_int_equal(t->lan.at[0].bytes[20], cases[i].icmp_type);
            assert_int_equal(t->lan.at[0].bytes[21], cases[i].icmp_code);
        }
        net_del(t);
    }
}

static void test_forward_icmp_errors_are_limited(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = udp4;
    s.dst = "192.168.7.7";
    for (int i = 0; i < 3 * SVR_ICMP_ERRORS_PER_SECOND; i++)
        host_sends(t, 0, &s);
    collect(t);
    assert_int_equal(t->lan.n, SVR_ICMP_ERRORS_PER_SECOND);
    net_del(t);
}

static void test_forward_service_with_the_longest_prefix_wins(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    const svr_service *found;
    t->config.n_services = SERVICES; /* any-b: 10/8 */
    svr_flow flow = {.src = addr("10.1.0.1"), .dst = addr("10.2.0.1"), .dport = 53, .proto = SVR_PROTO_UDP};
    assert_int_equal(svr_policy_service(&t->config, &flow, &t->tenants[0], &found), SVR_DROP_NONE);
    assert_ptr_equal(found, &t->services[TO_B]);
    flow.dst = addr("10.200.0.1");
    assert_int_equal(svr_policy_service(&t->config, &flow, &t->tenants[0], &found), SVR_DROP_NONE);
    assert_ptr_equal(found, &t->services[ANY_B]);
    flow.dst = addr("10.5.0.1"); /* the longer one has another transport */
    assert_int_equal(svr_policy_service(&t->config, &flow, &t->tenants[0], &found), SVR_DROP_NONE);
    assert_ptr_equal(found, &t->services[ANY_B]);
    flow.dst = addr("10.6.0.1"); /* the longer one is not for this tenant */
    assert_int_equal(svr_policy_service(&t->config, &flow, &t->tenants[0], &found), SVR_DROP_NO_ACCESS);
    assert_int_equal(svr_policy_service(&t->config, &flow, NULL, &found), SVR_DROP_NO_ACCESS);
    net_del(t);
}

/* The egress goes by its own configuration, not by what the ingress thought. */
static void test_forward_egress_checks_policy_again(void **state) {
    (void)state;
    static const svr_drop reasons[] = {SVR_DROP_NO_SERVICE, SVR_DROP_NO_ACCESS, SVR_DROP_NO_ROUTE,
                                       SVR_DROP_SECURITY_MISMATCH};
    for (int i = 0; i < 4; i++) {
        net *t = net_new(2, 4);
        svr_service other[SERVICES];
        memcpy(other, t->services, sizeof other);
        svr_config config = t->config;
        config.services = other;
        if (i == 0) other[TO_B].n_prefixes = 0;
        if (i == 1) other[TO_B].n_access = 0;
        if (i == 3) other[CLEAR].security = NULL;
        for (size_t k = 0; i != 2 && k < t->node[1].router.n_routes; k++)
            t->node[1].routes[k].service = &other[t->node[1].routes[k].service - t->services];
        t->node[1].forward->config = &config;
        spec s = udp4;
        if (i == 3) s.dst = "10.3.0.1";
        send(t, 0, &s);
        assert_int_equal(drops(t, 1, reasons[i]), 1);
        assert_int_equal(sessions(t, 1), 0);
        assert_int_equal(t->lan.n, 0);
        net_del(t);
    }
}

static void test_forward_other_packets_are_refused(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = udp4;
    uint8_t bytes[LINE_MAX_BYTES];
    s.ttl = 1;
    send(t, 0, &s);
    assert_int_equal(drops(t, 0, SVR_DROP_TTL_EXCEEDED), 1);
    assert_int_equal(t->lan.at[0].bytes[20], 11);
    s.ttl = 2; /* one hop is not enough */
    send(t, 0, &s);
    assert_int_equal(drops(t, 1, SVR_DROP_TTL_EXCEEDED), 1);
    size_t len = build(&udp4, bytes);
    bytes[9] = 47; /* GRE */
    svr_put16(bytes + 10, 0);
    svr_put16(bytes + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, bytes, 20)));
    svr_packet *pkt = packet_of(t, bytes, len);
    svr_forward_lan(t->node[0].forward, &t->node[0].ifs[0], &pkt, 1);
    assert_int_equal(drops(t, 0, SVR_DROP_PROTOCOL_UNSUPPORTED), 1);
    net_del(t);
}

static void test_forward_between_lans_is_plain_routing(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    node *a = &t->node[0];
    svr_interface second = a->ifs[0];
    svr_tuple back = {0};
    second.id = 2;
    a->ifs[2] = second;
    a->hops[0] = (svr_next_hop){.kind = SVR_HOP_INTERFACE, .out = &a->ifs[2]};
    host_sends(t, 0, &udp4);
    uint8_t want[LINE_MAX_BYTES];
    spec older = udp4;
    older.ttl = 63;
    size_t len = build(&older, want);
    assert_int_equal(a->rt.output_n, 1);
    svr_packet *out = a->rt.output[a->rt.output_head];
    assert_int_equal(out->ifid, 2);
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, want, len);
    /* The answer comes in over there, and finds the same session. */
    svr_flow flow = svr_session_flow(first_session(t, 0)), reverse = svr_flow_reverse(&flow);
    back = svr_tuple_of(&reverse, 2);
    assert_ptr_equal(svr_leg_session(svr_sessions_find(&a->forward->sessions, &back)), first_session(t, 0));
    a->rt.output_n = 0;
    svr_packet_put(t->pool, out);
    net_del(t);
}

/* ---- ports and keys ------------------------------------------------------------------------- */

static void test_forward_waypoint_ports_are_unique_and_in_range(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.ports = (svr_port_range){20001, 20012}; /* six even, six odd: 36 pairs */
    spec s = udp4;
    uint8_t seen[12][12] = {{0}};
    for (int i = 0; i < 36; i++) {
        svr_ip ip;
        clear_captures(t);
        s.sport = (uint16_t)(6000 + i);
        send(t, 0, &s);
        expect_on_lan(t, 1, &s);
        assert_int_equal(svr_ip_decode(t->tap.at[0].bytes, t->tap.at[0].len, &ip), SVR_IP_OK);
        assert_true(ip.flow.sport % 2 == 0 && ip.flow.dport % 2 == 1);
        assert_in_range(ip.flow.sport, 20001, 20012);
        assert_in_range(ip.flow.dport, 20001, 20012);
        assert_int_equal(seen[ip.flow.sport - 20001][ip.flow.dport - 20001]++, 0);
    }
    s.sport = 7000;
    send(t, 0, &s);
    assert_int_equal(drops(t, 0, SVR_DROP_NO_WAYPOINT), 1);
    assert_int_equal(sessions(t, 0), 36);
    net_del(t);
}

/* CRY-PER-SESSION: equal addresses, other ports. KEY-PAYLOAD-TLV is in how it got to B. */
static void test_forward_payload_keys_differ_between_sessions(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = udp4;
    send(t, 0, &s);
    s.sport++;
    send(t, 0, &s);
    size_t pos = 0;
    svr_session *one = svr_table_next(&t->node[0].forward->sessions.by_uuid, &pos);
    svr_session *two = svr_table_next(&t->node[0].forward->sessions.by_uuid, &pos);
    assert_memory_not_equal(one->keys.newest.key, two->keys.newest.key, SVR_PAYLOAD_KEY_LEN);
    assert_memory_not_equal(one->uuid, two->uuid, SVR_UUID_LEN);
    svr_session *far = svr_sessions_find_uuid(&t->node[1].forward->sessions, one->uuid);
    assert_memory_equal(one->keys.newest.key, far->keys.newest.key, SVR_PAYLOAD_KEY_LEN);
    assert_int_equal(t->node[0].rt.key_lines_n, 2);
    assert_int_equal(strncmp(t->node[0].rt.key_lines[0], "PAYLOAD_KEY ", 12), 0);
    assert_int_equal(t->node[1].rt.key_lines_n, 0);
    net_del(t);
}

static void test_forward_sessions_are_bounded(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = udp4;
    t->node[0].forward->sessions.by_uuid.limit = 2;
    for (int i = 0; i < 3; i++) {
        s.sport++;
        send(t, 0, &s);
    }
    assert_int_equal(drops(t, 0, SVR_DROP_SESSION_LIMIT), 1);
    assert_int_equal(sessions(t, 0), 2);
    net_del(t);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* The largest UDP datagram crosses whole; one byte more is answered with the MTU that would fit, or crosses
 * in two parts if its sender lets routers cut it. */
static void run_size(int routers, uint8_t outer, const char *src, const char *dst) {
    net *t = net_new(routers, outer);
    size_t headers = (outer == 4 ? 20u : 40u) + 8, ip_len = strchr(src, ':') ? 40 : 20;
    size_t text = (1500 - headers - 8 - 48) / 16 * 16 - 1, mtu = ip_len + 8 + text;
    spec s = udp4, r;
    s.src = src;
    s.dst = dst;
    s.text = NULL;
    s.fill = text;
    for (int i = 0; i < 6; i++) { /* the first: metadata in a packet of its own */
        send(t, 0, &s);
        expect_on_lan(t, routers - 1, &s);
        r = reply_to(&s);
        send(t, routers - 1, &r);
        expect_on_lan(t, 0, &r);
    }
    for (size_t i = 0; i < t->tap.n; i++)
        assert_true(t->tap.at[i].len <= 1500);
    assert_int_equal(all_drops(t), 0);
    clear_captures(t);
    send(t, 0, &s);
    assert_int_equal(t->tap.n, routers - 1); /* the handshake came to an end */
    s.fill++;
    clear_captures(t);
    send(t, 0, &s);
    assert_int_equal(drops(t, 0, SVR_DROP_TOO_BIG), 1);
    assert_int_equal(t->lan.n, 1);
    const uint8_t *icmp = t->lan.at[0].bytes + ip_len;
    assert_int_equal(icmp[0], ip_len == 20 ? 3 : 2);
    assert_int_equal(svr_get16(icmp + 6), mtu);
    if (ip_len == 20) {
        s.fragmentable = true;
        clear_captures(t);
        send(t, 0, &s);
        assert_int_equal(drops(t, 0, SVR_DROP_TOO_BIG), 1);
        assert_int_equal(t->tap.n, 2 * (routers - 1));
        assert_int_equal(t->lan.n, 1);
        expect_on_lan(t, routers - 1, &s);
    }
    net_del(t);
}
static void test_forward_largest_datagrams(void **state) {
    (void)state;
    run_size(2, 4, "10.1.0.10", "10.2.0.20");
    run_size(3, 4, "10.1.0.10", "10.2.0.20");
    run_size(2, 6, "10.1.0.10", "10.2.0.20");
    run_size(3, 6, "fd01::10", "fd02::20");
    run_size(2, 4, "fd01::10", "fd02::20");
}

static void test_forward_clamps_mss(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = {.proto = SVR_PROTO_TCP,
              .src = "10.1.0.10",
              .dst = "10.2.0.20",
              .sport = 1234,
              .dport = 80,
              .tcp_flags = SVR_TCP_SYN,
              .mss = 1460,
              .text = ""};
    send(t, 0, &s);
    s.mss = (1500 - 20 - 8 - 8 - 48) / 16 * 16 - 1 - 16; /* text less 16 bytes of TCP header */
    expect_on_lan(t, 1, &s);
    spec full = s;
    full.tcp_flags = 0x10;
    full.text = NULL;
    full.fill = s.mss;
    full.mss = 0;
    for (int i = 0; i < 3; i++) { /* such a segment fills the MTU */
        send(t, 0, &full);
        expect_on_lan(t, 1, &full);
    }
    net_del(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_policy_refusals),
        cmocka_unit_test(test_forward_icmp_errors_are_limited),
        cmocka_unit_test(test_forward_service_with_the_longest_prefix_wins),
        cmocka_unit_test(test_forward_egress_checks_policy_again),
        cmocka_unit_test(test_forward_other_packets_are_refused),
        cmocka_unit_test(test_forward_between_lans_is_plain_routing),
        cmocka_unit_test(test_forward_waypoint_ports_are_unique_and_in_range),
        cmocka_unit_test(test_forward_payload_keys_differ_between_sessions),
        cmocka_unit_test(test_forward_sessions_are_bounded),
        cmocka_unit_test(test_forward_largest_datagrams),
        cmocka_unit_test(test_forward_clamps_mss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

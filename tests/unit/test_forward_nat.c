/* SPDX-License-Identifier: MIT
 * Sessions over a path with a NAT (PD-NAT): router A is behind it, B sees what the test makes of A's packets.
 */
#include "forward_fixture.h"

static struct {
    uint8_t number;  /* of the outside address, 203.0.113.N */
    uint16_t offset; /* between ports outside and inside */
} box;

static svr_addr inside, outside;

static net *begin(void) {
    net *t = net_new(2, 4);
    box.number = 1;
    box.offset = 100;
    struct svr_path *near = &t->node[0].peers.peer[1].path[0], *far = &t->node[1].peers.peer[0].path[0];
    near->config.near_nat = near->config.near_any = true;
    far->config.far_nat = true;
    near[1].in_service = far[1].in_service = false;
    /* As if the node had begun so. */
    svr_timer_set(&t->node[0].forward->keep, &t->node[0].rt.timers, t->node[0].rt.now + SVR_SEC);
    inside = t->node[0].peers.peer[1].path[0].config.local;
    outside = addr("203.0.113.0");
    return t;
}

static void put_ends(line *l, const svr_flow *flow) {
    svr_ip ip;
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &ip), SVR_IP_OK);
    const svr_ip_header h = {.src = flow->src,
                             .dst = flow->dst,
                             .proto = SVR_PROTO_UDP,
                             .tos = ip.tos,
                             .ttl = ip.ttl,
                             .dont_fragment = ip.dont_fragment,
                             .l4_len = ip.l4_len};
    svr_ip_encode(&h, l->bytes);
    svr_udp_encode(l->bytes + 20, &h.src, &h.dst, flow->sport, flow->dport,
                   (size_t)ip.l4_len - SVR_UDP_HEADER_LEN);
}

/* False: the mapping is gone. */
static bool translate(line *l) {
    svr_ip ip;
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &ip), SVR_IP_OK);
    svr_flow flow = ip.flow;
    outside.bytes[3] = box.number;
    if (l->to == 1) {
        flow.src = outside;
        flow.sport = (uint16_t)(flow.sport + box.offset);
    } else {
        if (!svr_addr_equal(&flow.dst, &outside)) return false;
        flow.dst = inside;
        flow.dport = (uint16_t)(flow.dport - box.offset);
    }
    put_ends(l, &flow);
    return true;
}

static void carry(net *t) {
    for (collect(t); t->wire.n; collect(t)) {
        line l = t->wire.at[0];
        memmove(t->wire.at, t->wire.at + 1, --t->wire.n * sizeof(line));
        if (translate(&l)) deliver_line(t, &l);
    }
}

static void say(net *t, int i, const spec *s) {
    host_sends(t, i, s);
    carry(t);
}

static void expect_both_ways(net *t, const spec *s, int from) {
    spec r = reply_to(s);
    for (int i = 0; i < 3; i++) {
        say(t, from, s);
        expect_on_lan(t, !from, s);
        say(t, !from, &r);
        expect_on_lan(t, from, &r);
    }
}

static spec from_b(void) {
    spec s = udp4;
    s.src = "10.2.0.20";
    s.dst = "10.1.0.10";
    return s;
}

static void test_nat_session_of_the_inside_is_answered_where_it_came_from(void **state) {
    (void)state;
    net *t = begin();
    expect_both_ways(t, &udp4, 0);
    assert_true(svr_addr_equal(&first_session(t, 1)->leg[SVR_ORIGIN].arrival.src, &outside));
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

static void test_nat_session_asks_and_follows_when_ports_change(void **state) {
    (void)state;
    net *t = begin();
    expect_both_ways(t, &udp4, 0);
    clear_captures(t);
    advance(t, SVR_SEC);
    box.offset = 300;
    say(t, 0, &udp4); /* lost: it only makes B ask */
    assert_int_equal(t->lan.n, 0);
    expect_both_ways(t, &udp4, 0);
    assert_int_equal(all_drops(t), 1);
    assert_int_equal(sessions(t, 0) + sessions(t, 1), 2);
    net_del(t);
}

static void test_nat_sessions_tell_themselves_when_the_path_was_remapped(void **state) {
    (void)state;
    net *t = begin();
    spec s = from_b();
    svr_nat_serves(t->node[0].forward, &t->node[0].peers.peer[1].path[0]);
    carry(t);
    expect_both_ways(t, &udp4, 0);
    expect_both_ways(t, &s, 1);
    clear_captures(t);
    box.number = 2;
    t->node[1].peers.peer[0].path[0].n_spares = 0;
    svr_forward_remapped(t->node[0].forward, &t->node[0].peers.peer[1].path[0]);
    carry(t);
    spec r = reply_to(&udp4);
    say(t, 1, &r); /* the outside may speak first, at once */
    expect_on_lan(t, 0, &r);
    say(t, 1, &s);
    expect_on_lan(t, 0, &s);
    expect_both_ways(t, &udp4, 0);
    expect_both_ways(t, &s, 1);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

static void test_nat_older_metadata_leads_a_session_nowhere(void **state) {
    (void)state;
    net *t = begin();
    line first, second;
    host_sends(t, 0, &udp4);
    collect(t);
    host_sends(t, 0, &udp4);
    collect(t);
    assert_int_equal(t->wire.n, 2);
    first = t->wire.at[0];
    second = t->wire.at[1];
    t->wire.n = 0;
    assert_true(translate(&second));
    deliver_line(t, &second);
    box.number = 66; /* an attacker has kept it back, and says it from his own place */
    assert_true(translate(&first));
    deliver_line(t, &first);
    box.number = 1;
    outside.bytes[3] = 1;
    assert_true(svr_addr_equal(&first_session(t, 1)->leg[SVR_ORIGIN].arrival.src, &outside));
    t->wire.n = t->lan.n = 0;
    collect(t);
    expect_both_ways(t, &udp4, 0);
    net_del(t);
}

static void test_nat_outside_begins_sessions_on_waypoints_held_open(void **state) {
    (void)state;
    net *t = begin();
    struct svr_path *far = &t->node[1].peers.peer[0].path[0];
    spec s = from_b();
    say(t, 1, &s);
    assert_int_equal(drops(t, 1, SVR_DROP_NO_WAYPOINT), 1); /* nothing is open yet */
    svr_nat_serves(t->node[0].forward, &t->node[0].peers.peer[1].path[0]);
    carry(t);
    assert_int_equal(far->n_spares, SVR_SPARES_MAX);
    for (uint16_t i = 0; i < 3 * SVR_SPARES_MAX; i++) { /* each that is used is replaced at once */
        s.sport = (uint16_t)(5000 + i);
        expect_both_ways(t, &s, 1);
        assert_int_equal(far->n_spares, SVR_SPARES_MAX);
        clear_captures(t);
    }
    assert_int_equal(all_drops(t), 1);
    net_del(t);
}

static void test_nat_mappings_are_kept_but_sessions_not(void **state) {
    (void)state;
    net *t = begin();
    expect_both_ways(t, &udp4, 0);
    svr_time last = t->node[0].rt.now;
    clear_captures(t);
    for (int i = 0; i < 170; i++) {
        advance(t, SVR_SEC);
        collect(t);
        for (size_t k = 0; k < t->wire.n; k++)
            if (t->wire.at[k].from == 0) {
                svr_ip ip;
                svr_tuple arrival = first_session(t, 0)->leg[SVR_TARGET].arrival;
                assert_int_equal(svr_ip_decode(t->wire.at[k].bytes, t->wire.at[k].len, &ip), SVR_IP_OK);
                if (ip.flow.sport == arrival.dport && ip.flow.dport == arrival.sport)
                    last = t->node[0].rt.now;
            }
        assert_true(t->node[0].rt.now - last < 30 * SVR_SEC);
        carry(t);
    }
    assert_int_equal(sessions(t, 0), 1);
    advance(t, 21 * SVR_SEC); /* the flow itself has been silent for too long */
    carry(t);
    assert_int_equal(sessions(t, 0), 0);
    advance(t, SVR_IDLE_MARGIN);
    assert_int_equal(sessions(t, 1), 0);
    net_del(t);
}

static void test_nat_claims_prove_nothing(void **state) {
    (void)state;
    net *t = begin();
    line l;
    host_sends(t, 0, &udp4);
    collect(t);
    l = t->wire.at[0];
    t->wire.n = 0;
    l.bytes[l.len - 1] ^= 1;
    assert_true(translate(&l));
    deliver_line(t, &l);
    assert_int_equal(drops(t, 1, SVR_DROP_METADATA_BAD_HMAC), 1);
    assert_int_equal(sessions(t, 1), 0);
    net_del(t);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nat_session_of_the_inside_is_answered_where_it_came_from),
        cmocka_unit_test(test_nat_session_asks_and_follows_when_ports_change),
        cmocka_unit_test(test_nat_sessions_tell_themselves_when_the_path_was_remapped),
        cmocka_unit_test(test_nat_older_metadata_leads_a_session_nowhere),
        cmocka_unit_test(test_nat_outside_begins_sessions_on_waypoints_held_open),
        cmocka_unit_test(test_nat_mappings_are_kept_but_sessions_not),
        cmocka_unit_test(test_nat_claims_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

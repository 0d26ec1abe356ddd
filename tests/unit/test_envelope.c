/* SPDX-License-Identifier: MIT
 * TCP between routers (PD-UDP, `tcp-transport native`), as somebody on the way sees it. */
#include "forward_fixture.h"

static const spec syn = {.proto = SVR_PROTO_TCP,
                         .src = "10.1.0.10",
                         .dst = "10.2.0.20",
                         .sport = 4711,
                         .dport = 443,
                         .tcp_flags = SVR_TCP_SYN,
                         .mss = 1460};

static spec with(uint8_t flags, size_t fill) {
    spec s = syn;
    s.tcp_flags = flags;
    s.mss = 0;
    s.fill = fill;
    return s;
}

typedef struct segment {
    svr_ip ip;
    svr_tcp_segment tcp;
} segment;

/* The k-th packet between routers; its checksums hold. */
static segment seen(const net *t, size_t k) {
    segment s;
    const line *l = &t->tap.at[k];
    assert_true(k < t->tap.n);
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &s.ip), SVR_IP_OK);
    const uint8_t *l4 = l->bytes + s.ip.header_len;
    assert_true(svr_l4_checksum_ok(l4, s.ip.l4_len, s.ip.flow.proto, &s.ip.flow.src, &s.ip.flow.dst));
    if (s.ip.flow.proto == SVR_PROTO_TCP) s.tcp = svr_tcp_decode(&s.ip, l4);
    return s;
}

static void expect_flags(const net *t, size_t k, uint8_t flags) {
    segment s = seen(t, k);
    assert_int_equal(s.ip.flow.proto, SVR_PROTO_TCP);
    assert_int_equal(s.tcp.flags, flags);
}

/* What each end has sent of one connection. */
typedef struct ends {
    uint32_t next[2];
    bool open;
} ends;

/* Both directions count on without a gap, and acknowledge all that came. */
static void expect_stream(const net *t, size_t from, ends *e) {
    for (size_t k = from; k < t->tap.n; k++) {
        segment s = seen(t, k);
        int way = t->tap.at[k].from > t->tap.at[k].to;
        if (s.tcp.flags & SVR_TCP_ACK) assert_int_equal(s.tcp.ack, e->next[!way]);
        if (!(s.tcp.flags & SVR_TCP_SYN) && e->open) assert_int_equal(s.tcp.seq, e->next[way]);
        e->next[way] = s.tcp.seq + (uint32_t)s.tcp.len + !!(s.tcp.flags & SVR_TCP_SYN);
        e->open |= s.tcp.flags == (SVR_TCP_PSH | SVR_TCP_ACK);
    }
}

static void connect(net *t) {
    spec answer = reply_to(&syn), ack = with(SVR_TCP_ACK, 0);
    answer.tcp_flags = SVR_TCP_SYN | SVR_TCP_ACK;
    send(t, 0, &syn);
    send(t, t->n - 1, &answer);
    send(t, 0, &ack);
}

static void run_stream(int routers, uint8_t outer) {
    net *t = net_new(routers, outer);
    ends e = {{0}, false};
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    connect(t);
    for (size_t i = 0; i < 20; i++) {
        spec s = with(SVR_TCP_ACK, 1 + i * 60), r = reply_to(&s);
        send(t, 0, &s);
        expect_on_lan(t, routers - 1, &s);
        send(t, routers - 1, &r);
        expect_on_lan(t, 0, &r);
    }
    assert_int_equal(all_drops(t), 0);
    if (routers == 2) {
        expect_flags(t, 0, SVR_TCP_SYN);
        expect_flags(t, 1, SVR_TCP_SYN | SVR_TCP_ACK);
        expect_flags(t, 2, SVR_TCP_PSH | SVR_TCP_ACK);
        expect_stream(t, 0, &e);
    }
    net_del(t);
}

static void test_envelope_is_a_connection_of_its_own(void **state) {
    (void)state;
    run_stream(2, 4);
    run_stream(2, 6);
    run_stream(3, 4);
}

/* Until the answer comes all that leaves is a SYN, and the same one. */
static void test_envelope_repeats_its_syn_until_it_is_answered(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    for (int i = 0; i < 3; i++)
        send(t, 0, &syn);
    segment first = seen(t, 0);
    for (size_t i = 0; i < t->tap.n; i++) {
        segment s = seen(t, i);
        if (t->tap.at[i].from) {
            assert_int_equal(s.tcp.flags, SVR_TCP_SYN | SVR_TCP_ACK);
            assert_int_equal(s.tcp.ack, first.tcp.seq + 1 + first.tcp.len);
        } else {
            assert_int_equal(s.tcp.seq, first.tcp.seq);
        }
    }
    assert_int_equal(t->lan.n, 3);
    net_del(t);
}

/* The transport is that of each path. */
static void test_envelope_is_chosen_per_path(void **state) {
    (void)state;
    for (int native = 0; native < 2; native++) { /* the link that is */
        net *t = net_new(3, 4);
        svr_neighborhood hood = t->hood;
        hood.tcp_transport = SVR_TCP_NATIVE;
        for (int k = 0; k < PATHS; k++) {
            t->node[native].peers.peer[1].path[k].config.neighborhood = &hood;
            t->node[native + 1].peers.peer[0].path[k].config.neighborhood = &hood;
        }
        connect(t);
        spec s = with(SVR_TCP_ACK, 1000), r = reply_to(&s);
        send(t, 0, &s);
        expect_on_lan(t, 2, &s);
        send(t, 2, &r);
        expect_on_lan(t, 0, &r);
        assert_int_equal(all_drops(t), 0);
        for (size_t k = 0; k < t->tap.n; k++) {
            int link = t->tap.at[k].from < t->tap.at[k].to ? t->tap.at[k].from : t->tap.at[k].to;
            assert_int_equal(seen(t, k).ip.flow.proto, link == native ? SVR_PROTO_TCP : SVR_PROTO_UDP);
        }
        net_del(t);
    }
}

static void test_envelope_of_other_sessions_is_udp(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    send(t, 0, &udp4);
    expect_on_lan(t, 1, &udp4);
    assert_int_equal(seen(t, 0).ip.flow.proto, SVR_PROTO_UDP);
    net_del(t);
}

/* A path that is not configured so takes no TCP; nor does any that carries something else. */
static void test_envelope_tcp_is_refused_where_none_belongs(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    host_sends(t, 0, &syn);
    t->hood.tcp_transport = SVR_TCP_AS_UDP;
    pump(t);
    assert_int_equal(drops(t, 1, SVR_DROP_PROTOCOL_UNSUPPORTED), 1);
    assert_int_equal(sessions(t, 1), 0);
    net_del(t);
}

/* Nobody answers a connection that carries no packets of ours. */
static void test_envelope_without_a_body_is_not_answered(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    uint8_t bytes[LINE_MAX_BYTES];
    svr_addr src = wan_addr(4, 0, 0, true), dst = wan_addr(4, 0, 0, false);
    char from[SVR_ADDR_TEXT_MAX], to[SVR_ADDR_TEXT_MAX];
    spec bare = {.proto = SVR_PROTO_TCP,
                 .src = svr_addr_format(&src, from),
                 .dst = svr_addr_format(&dst, to),
                 .sport = 20000,
                 .dport = 20001,
                 .tcp_flags = SVR_TCP_RST};
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    line l = {.from = 0, .to = 1, .in = 1, .len = build(&bare, bytes)};
    memcpy(l.bytes, bytes, l.len);
    deliver_line(t, &l);
    collect(t);
    assert_int_equal(t->wire.n, 0);
    assert_int_equal(drops(t, 1, SVR_DROP_UNKNOWN_SESSION), 1);
    net_del(t);
}

/* A router that lost its sessions asks within the connection, and goes on with it. */
static void test_envelope_goes_on_after_a_restart(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    ends e = {{0}, false};
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    connect(t);
    spec s = with(SVR_TCP_ACK, 100), r = reply_to(&s);
    send(t, 0, &s);
    send(t, 1, &r);
    expect_stream(t, 0, &e);
    svr_time now = t->node[1].rt.now;
    stop_node(t, 1);
    assert_true(start_node(t, 1, now));
    size_t from = t->tap.n;
    send(t, 0, &s); /* is lost, but asked about */
    send(t, 0, &s);
    expect_on_lan(t, 1, &s);
    send(t, 1, &r);
    expect_on_lan(t, 0, &r);
    expect_stream(t, from, &e);
    for (size_t k = from; k < t->tap.n; k++)
        expect_flags(t, k, SVR_TCP_PSH | SVR_TCP_ACK);
    net_del(t);
}

/* Whoever is on the way learns that nothing more comes. */
static void test_envelope_ends_with_a_fin(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    connect(t);
    clear_captures(t);
    advance(t, SVR_IDLE_TCP + SVR_SEC);
    pump(t);
    assert_int_equal(t->tap.n, 1);
    expect_flags(t, 0, SVR_TCP_FIN | SVR_TCP_PSH | SVR_TCP_ACK);
    assert_int_equal(sessions(t, 1), 0);
    net_del(t);
}

/* Other waypoints are another connection, which begins as one. */
static void test_envelope_begins_anew_on_another_path(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    connect(t);
    clear_captures(t);
    set_path(t, 1, 0, 0, false);
    set_path(t, 0, 1, 0, false);
    pump(t);
    expect_flags(t, 0, SVR_TCP_SYN);
    spec s = with(SVR_TCP_ACK, 500), r = reply_to(&s);
    send(t, 0, &s);
    expect_on_lan(t, 1, &s);
    send(t, 1, &r);
    expect_on_lan(t, 0, &r);
    clear_captures(t);
    send(t, 0, &s);
    expect_flags(t, 0, SVR_TCP_PSH | SVR_TCP_ACK);
    net_del(t);
}

/* No packet is longer than the path takes, be it a SYN or not, and the hosts are told so by the MSS. */
static void test_envelope_counts_in_sizes(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.tcp_transport = SVR_TCP_NATIVE;
    connect(t);
    const svr_session *s = first_session(t, 0);
    size_t mtu = svr_session_mtu(s, &s->leg[SVR_TARGET]);
    assert_in_range(mtu, 1300, 1500 - 20 - SVR_ENVELOPE_TCP_LEN - 8 - 48 + 24);
    spec full = with(SVR_TCP_ACK, mtu - 40);
    send(t, 0, &full);
    expect_on_lan(t, 1, &full);
    for (size_t k = 0; k < t->tap.n; k++)
        assert_true(t->tap.at[k].len <= 1500);
    assert_int_equal(svr_get16(t->lan.at[0].bytes + 20 + 22), mtu - 40);
    net_del(t);
}

/* Sequence numbers are nobody's secret: of a step that was too far the next true packet leads back. */
static void test_envelope_finds_back_from_a_forged_step(void **state) {
    (void)state;
    svr_leg leg = {
        .arrival = {.proto = SVR_PROTO_TCP}, .tcp_state = SVR_ENVELOPE_OPEN, .tcp = {.heard = 1000}};
    const svr_tcp_segment steps[] = {{.seq = 1000, .len = 100, .flags = SVR_TCP_ACK},
                                     {.seq = 900, .len = 100, .flags = SVR_TCP_ACK},
                                     {.seq = 0x80000000, .len = 1, .flags = SVR_TCP_ACK},
                                     {.seq = 1100, .len = 100, .flags = SVR_TCP_ACK}};
    const uint32_t heard[] = {1100, 1100, 0x80000001, 1200};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        svr_envelope_heard(&leg, &steps[i]);
        assert_int_equal(leg.tcp.heard, heard[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope_is_a_connection_of_its_own),
        cmocka_unit_test(test_envelope_repeats_its_syn_until_it_is_answered),
        cmocka_unit_test(test_envelope_is_chosen_per_path),
        cmocka_unit_test(test_envelope_of_other_sessions_is_udp),
        cmocka_unit_test(test_envelope_tcp_is_refused_where_none_belongs),
        cmocka_unit_test(test_envelope_without_a_body_is_not_answered),
        cmocka_unit_test(test_envelope_goes_on_after_a_restart),
        cmocka_unit_test(test_envelope_ends_with_a_fin),
        cmocka_unit_test(test_envelope_begins_anew_on_another_path),
        cmocka_unit_test(test_envelope_counts_in_sizes),
        cmocka_unit_test(test_envelope_finds_back_from_a_forged_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

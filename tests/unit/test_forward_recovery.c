/* SPDX-License-Identifier: MIT
 * Sessions over time: lost state, moved paths, new keys, idleness. */
#include "forward_fixture.h"

static void settle(net *t, const spec *s) {
    spec r = reply_to(s);
    for (int i = 0; i < 3; i++) {
        send(t, 0, s);
        send(t, t->n - 1, &r);
    }
    clear_captures(t);
}

/* Both directions work, and nothing but plain packets is on the wire. */
static void expect_settled(net *t, const spec *s) {
    spec r = reply_to(s);
    settle(t, s);
    uint64_t dropped = all_drops(t);
    send(t, 0, s);
    expect_on_lan(t, t->n - 1, s);
    send(t, t->n - 1, &r);
    expect_on_lan(t, 0, &r);
    for (size_t i = 0; i < t->tap.n; i++)
        assert_false(has_metadata(&t->tap.at[i]));
    assert_int_equal(all_drops(t), dropped);
}

/* ---- lost state ----------------------------------------------------------------------------- */

/* A router begins anew, and with it the keys that its peers know it by. */
static void restart(net *t, int i) {
    svr_time now = t->node[i].rt.now;
    stop_node(t, i);
    assert_true(start_node(t, i, now));
    for (int k = 0; k < t->n; k++) {
        for (int side = 0; side < 2; side++) {
            t->node[k].peers.peer[side].sent = 0;
            t->node[k].peers.peer[side].seen = (svr_replay){0};
        }
    }
}

static void run_restart(int routers, int which) {
    net *t = net_new(routers, 4);
    settle(t, &udp4);
    advance(t, 5 * SVR_SEC);
    uint8_t phase = first_session(t, 0)->keys.newest.phase;
    restart(t, which);
    send(t, 0, &udp4); /* lost; a router asks for metadata */
    if (which) assert_int_equal(drops(t, which, SVR_DROP_UNKNOWN_SESSION), 1);
    send(t, 0, &udp4);
    expect_on_lan(t, routers - 1, &udp4);
    /* The restarted router counts nonces from 1 again: never under the same key. */
    if (which) assert_int_equal(first_session(t, 0)->keys.current->phase, phase + 1);
    expect_settled(t, &udp4);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(sessions(t, routers - 1), 1);
    /* A transit router cannot know that the ingress began a new session for the same flow. */
    if (routers == 3) assert_int_equal(sessions(t, 1), which ? 1 : 2);
    net_del(t);
}
static void test_forward_sessions_survive_a_restart_of_the_egress(void **state) {
    (void)state;
    run_restart(2, 1);
    run_restart(3, 2);
}
static void test_forward_sessions_survive_a_restart_of_the_transit(void **state) {
    (void)state;
    run_restart(3, 1);
}
static void test_forward_sessions_survive_a_restart_of_the_ingress(void **state) {
    (void)state;
    run_restart(2, 0);
    run_restart(3, 0);
}

static void test_forward_requests_for_metadata_are_limited(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    settle(t, &udp4);
    restart(t, 1);
    for (int i = 0; i < 20; i++)
        host_sends(t, 0, &udp4);
    collect(t);
    assert_int_equal(t->wire.n, 20);
    for (int i = 0; i < 20; i++)
        deliver_line(t, &t->wire.at[i]);
    t->wire.n = 0;
    collect(t);
    assert_int_equal(t->wire.n, 1);
    assert_int_equal(drops(t, 1, SVR_DROP_UNKNOWN_SESSION), 20);
    net_del(t);
}

/* Only the far end speaks, and the ingress has forgotten: it says so, and the far end begins anew. */
static void test_forward_ingress_disowns_a_session_that_it_does_not_have(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec r = reply_to(&udp4);
    settle(t, &udp4);
    restart(t, 0);
    advance(t, SVR_SEC);
    for (int i = 0; i < 3; i++) {
        send(t, 1, &r);
        advance(t, SVR_SEC);
    }
    expect_on_lan(t, 0, &r);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(sessions(t, 1), 1);
    assert_true(svr_session_is_originator(first_session(t, 1)));
    net_del(t);
}

/* A transit router that has forgotten cannot know whether the ingress has. */
static void test_forward_transit_disowns_nothing(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    spec r = reply_to(&udp4);
    settle(t, &udp4);
    restart(t, 1);
    advance(t, SVR_SEC);
    for (int i = 0; i < 3; i++) {
        send(t, 2, &r);
        advance(t, SVR_SEC);
    }
    assert_int_equal(t->lan.n, 0);
    assert_false(svr_session_is_originator(first_session(t, 2)));
    send(t, 0, &udp4);
    send(t, 0, &udp4);
    expect_settled(t, &udp4);
    net_del(t);
}

static void test_forward_end_of_a_session_is_told_to_all(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    settle(t, &udp4);
    advance(t, SVR_IDLE_UDP); /* the others would wait 10 s longer */
    pump(t);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sessions(t, i), 0);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

/* Who is not the router before us ends nothing; nor does another session's name. */
static void test_forward_end_is_believed_from_the_origin_only(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    settle(t, &udp4);
    svr_session *mine = first_session(t, 0), *theirs = first_session(t, 1);
    uint8_t uuid[SVR_UUID_LEN];
    memcpy(uuid, mine->uuid, sizeof uuid);
    const svr_work from_b = {.path = mine->leg[SVR_TARGET].path,
                             .ip.flow = {.src = mine->leg[SVR_TARGET].arrival.src,
                                         .dst = mine->leg[SVR_TARGET].arrival.dst,
                                         .sport = mine->leg[SVR_TARGET].arrival.sport,
                                         .dport = mine->leg[SVR_TARGET].arrival.dport,
                                         .proto = SVR_PROTO_UDP}};
    uuid[0] ^= 1;
    svr_control_disown(t->node[0].forward, &from_b, uuid);
    pump(t);
    assert_int_equal(sessions(t, 1), 1);
    const svr_work from_a = {.path = theirs->leg[SVR_ORIGIN].path,
                             .ip.flow = {.src = theirs->leg[SVR_ORIGIN].arrival.src,
                                         .dst = theirs->leg[SVR_ORIGIN].arrival.dst,
                                         .sport = theirs->leg[SVR_ORIGIN].arrival.sport,
                                         .dport = theirs->leg[SVR_ORIGIN].arrival.dport,
                                         .proto = SVR_PROTO_UDP}};
    uuid[0] ^= 1;
    svr_control_disown(t->node[1].forward, &from_a, uuid); /* the egress would end the ingress' session */
    pump(t);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(drops(t, 0, SVR_DROP_UNKNOWN_SESSION) + drops(t, 1, SVR_DROP_UNKNOWN_SESSION), 2);
    expect_settled(t, &udp4);
    net_del(t);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static void test_forward_moves_to_another_path_and_stays_alive(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    spec r = reply_to(&udp4);
    settle(t, &udp4);
    set_path(t, 1, 0, 0, false);
    set_path(t, 0, 1, 0, false);
    pump(t);
    clear_captures(t);
    send(t, 2, &r); /* the far end may speak first: the move has been told */
    expect_on_lan(t, 0, &r);
    send(t, 0, &udp4);
    expect_on_lan(t, 2, &udp4);
    assert_int_equal(t->tap.at[0].out, 1); /* B to M: unchanged ... */
    expect_settled(t, &udp4);
    for (size_t i = 0; i < t->tap.n; i++)
        if (t->tap.at[i].from == 0) assert_int_equal(t->tap.at[i].out, 4); /* ... A to M: the second path */
    assert_int_equal(sessions(t, 1), 1);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

static void test_forward_waits_for_a_path_to_return(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    settle(t, &udp4);
    for (int path = 0; path < PATHS; path++)
        set_path(t, 0, 1, path, false);
    send(t, 0, &udp4);
    assert_int_equal(drops(t, 0, SVR_DROP_NO_PATH), 1);
    assert_int_equal(t->lan.n, 1); /* ICMP unreachable */
    assert_int_equal(t->lan.at[0].bytes[20], 3);
    set_path(t, 0, 1, 0, true);
    pump(t);
    send(t, 0, &udp4);
    expect_on_lan(t, 1, &udp4);
    for (int path = 0; path < PATHS; path++)
        set_path(t, 0, 1, path, false);
    set_path(t, 0, 1, 1, true); /* another one comes first */
    pump(t);
    expect_settled(t, &udp4);
    net_del(t);
}

static void set_paths(net *t, int side, bool up) {
    for (int path = 0; path < PATHS; path++) {
        set_path(t, side, 1, path, up);
        set_path(t, side + 1, 0, path, up);
    }
}

/* The line in front of the egress is dead for so long that the egress forgets the session, while the flow's
 * sender goes on. The session begins there again, nonces count from 1, and so it must be under another key
 * (CRY-REPLAY). */
static void run_long_outage(int routers, bool move_first) {
    net *t = net_new(routers, 4);
    spec r = reply_to(&udp4);
    int side = routers - 2;
    settle(t, &udp4);
    uint8_t phase = first_session(t, 0)->keys.newest.phase;
    if (move_first) set_path(t, side, 1, 0, false); /* as when two lines die one after the other */
    collect(t);
    t->wire.n = 0;
    set_paths(t, side, false);
    for (int i = 0; i < 20; i++) {
        advance(t, 20 * SVR_SEC);
        host_sends(t, 0, &udp4);
        pump(t);
    }
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(sessions(t, routers - 1), 0);
    set_paths(t, side, true);
    pump(t);
    send(t, 0, &udp4);
    send(t, 0, &udp4);
    assert_int_not_equal(first_session(t, 0)->keys.current->phase, phase);
    for (int i = 0; i < 5; i++) {
        clear_captures(t);
        send(t, routers - 1, &r);
        expect_on_lan(t, 0, &r);
    }
    expect_settled(t, &udp4);
    assert_int_equal(drops(t, 0, SVR_DROP_PAYLOAD_REPLAY), 0);
    net_del(t);
}
static void test_forward_takes_another_key_when_the_egress_may_have_forgotten(void **state) {
    (void)state;
    run_long_outage(2, false);
    run_long_outage(2, true);
    run_long_outage(3, false);
    run_long_outage(3, true);
}

/* The line in front of the egress is dead, and BFD is patient: what is sent there tells nobody anything. */
static void run_dead_line(int routers) {
    net *t = net_new(routers, 4);
    spec r = reply_to(&udp4);
    struct svr_path *dead = &t->node[routers - 2].peers.peer[1].path[0];
    settle(t, &udp4);
    uint8_t phase = first_session(t, 0)->keys.newest.phase;
    dead->heard = t->node[0].rt.now;
    t->node[routers - 2].peers.peer[1].path[1].heard = dead->heard;
    for (int i = 0; i < 20; i++) {
        advance(t, 20 * SVR_SEC);
        host_sends(t, 0, &udp4);
        collect(t);
        while (t->wire.n) { /* up to the break */
            line l = t->wire.at[0];
            memmove(t->wire.at, t->wire.at + 1, --t->wire.n * sizeof(line));
            if (l.to != routers - 1) deliver_line(t, &l);
            collect(t);
        }
    }
    assert_int_equal(sessions(t, routers - 1), 0);
    set_path(t, routers - 2, 1, 0, false);
    pump(t);
    send(t, 0, &udp4);
    send(t, 0, &udp4);
    assert_int_not_equal(first_session(t, 0)->keys.current->phase, phase);
    send(t, routers - 1, &r);
    expect_settled(t, &udp4);
    assert_int_equal(drops(t, 0, SVR_DROP_PAYLOAD_REPLAY), 0);
    net_del(t);
}
static void test_forward_takes_another_key_behind_a_dead_line(void **state) {
    (void)state;
    run_dead_line(2);
    run_dead_line(3);
}

/* The egress begins anew while metadata is on its way that nothing has answered. */
static void test_forward_takes_another_key_for_a_peer_that_began_anew(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec r = reply_to(&udp4);
    settle(t, &udp4);
    set_paths(t, 0, false);
    set_path(t, 0, 1, 1, true);
    collect(t);
    t->wire.n = 0; /* it is lost */
    uint8_t phase = first_session(t, 0)->keys.newest.phase;
    restart(t, 1);
    t->node[0].peers.peer[1].life++;
    set_paths(t, 0, true);
    send(t, 0, &udp4);
    expect_on_lan(t, 1, &udp4);
    assert_int_equal(first_session(t, 0)->keys.current->phase, phase + 1);
    send(t, 1, &r);
    expect_settled(t, &udp4);
    net_del(t);
}

/* ---- payload keys --------------------------------------------------------------------------- */

static uint8_t sending_phase(const net *t, int i) {
    return first_session(t, i)->keys.current->phase;
}

/* A packet each way every second, for a while. */
static void talk(net *t, const spec *s, int seconds) {
    spec r = reply_to(s);
    for (int i = 0; i < seconds; i++) {
        clear_captures(t);
        advance(t, SVR_SEC);
        send(t, 0, s);
        expect_on_lan(t, t->n - 1, s);
        send(t, t->n - 1, &r);
        expect_on_lan(t, 0, &r);
    }
}

static void expect_key_events(net *t, int i, const char *const *want, size_t n) {
    svr_runtime *rt = &t->node[i].rt;
    size_t seen = 0;
    for (; rt->events_n; rt->events_n--, rt->events_head = (rt->events_head + 1) % SVR_EVENTS_MAX) {
        const svr_event *ev = &rt->events[rt->events_head];
        if (ev->kind != SVR_EVENT_PAYLOAD_KEY) continue;
        assert_true(seen < n);
        assert_string_equal(ev->to, want[seen++]);
    }
    assert_int_equal(seen, n);
}

/* KEY-REKEY-PAYLOAD, KEY-GRACE-30, KEY-NO-LOSS, PD-GRACE */
static void run_rotation(int routers) {
    static const char *const ingress[] = {"computed", "computed", "sending", "erased"};
    static const char *const egress[] = {"sending", "erased"};
    net *t = net_new(routers, 4);
    settle(t, &udp4);
    for (int i = 0; i < 24 * 30; i++) { /* kept alive for a day */
        talk(t, &udp4, 1);
        advance(t, 119 * SVR_SEC);
    }
    talk(t, &udp4, 1);
    assert_int_equal(first_session(t, 0)->keys.newest.phase, 1);
    assert_int_equal(sending_phase(t, 0), 0);
    assert_int_equal(sending_phase(t, routers - 1), 0);
    talk(t, &udp4, 29);
    assert_int_equal(sending_phase(t, 0), 0);
    talk(t, &udp4, 1);
    assert_int_equal(sending_phase(t, 0), 1);
    assert_int_equal(sending_phase(t, routers - 1), 1);
    talk(t, &udp4, 29);
    assert_non_null(first_session(t, 0)->keys.old);
    talk(t, &udp4, 2);
    assert_null(first_session(t, 0)->keys.old);
    assert_null(first_session(t, routers - 1)->keys.old);
    expect_key_events(t, 0, ingress, 4);
    expect_key_events(t, routers - 1, egress, 2);
    assert_int_equal(all_drops(t), 0);
    expect_settled(t, &udp4);
    net_del(t);
}
static void test_forward_rotates_payload_keys_without_loss(void **state) {
    (void)state;
    run_rotation(2);
    run_rotation(3);
}

static void test_forward_never_rotates_when_told_so(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->node[0].forward->sessions.rekey_ns = SVR_REKEY_NEVER;
    settle(t, &udp4);
    for (int i = 0; i < 1000; i++) {
        advance(t, 150 * SVR_SEC);
        clear_captures(t);
        send(t, 0, &udp4);
    }
    assert_int_equal(first_session(t, 0)->keys.newest.phase, 0);
    net_del(t);
}

/* Only the far end speaks: the new key goes out in a packet of its own. */
static void test_forward_rotates_when_only_the_far_end_speaks(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    spec r = reply_to(&udp4);
    settle(t, &udp4);
    for (int i = 0; i < 24 * 30 + 10; i++) {
        advance(t, 120 * SVR_SEC);
        clear_captures(t);
        send(t, 2, &r);
        expect_on_lan(t, 0, &r);
    }
    assert_int_equal(sending_phase(t, 2), 1);
    assert_int_equal(all_drops(t), 0);
    clear_captures(t);
    send(t, 2, &r);
    assert_int_equal(t->tap.n, 2); /* and all is quiet again */
    for (size_t i = 0; i < t->tap.n; i++)
        assert_false(has_metadata(&t->tap.at[i]));
    net_del(t);
}

/* A packet under the old key arrives up to 30 s after the changeover. */
static void test_forward_accepts_late_packets_under_the_old_key(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    settle(t, &udp4);
    host_sends(t, 0, &udp4);
    collect(t);
    line late1 = t->wire.at[0];
    t->wire.n = 0;
    host_sends(t, 0, &udp4);
    collect(t);
    line late2 = t->wire.at[0];
    t->wire.n = 0;
    t->node[0].forward->sessions.rekey_ns = SVR_SEC;
    talk(t, &udp4, 1);
    t->node[0].forward->sessions.rekey_ns = 0;
    talk(t, &udp4, 59);
    assert_int_equal(sending_phase(t, 1), 1);
    deliver_line(t, &late1);
    assert_int_equal(all_drops(t), 0);
    talk(t, &udp4, 3);
    deliver_line(t, &late2);
    assert_int_equal(drops(t, 1, SVR_DROP_PAYLOAD_UNKNOWN_KEY), 1);
    net_del(t);
}

/* The acknowledgement is long in coming: until it is there, the old key stays good at the far end. */
static void test_forward_keeps_the_old_key_until_the_new_one_is_heard(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    settle(t, &udp4);
    t->node[0].forward->sessions.rekey_ns = SVR_SEC;
    advance(t, SVR_SEC);
    for (int i = 0; i < 6; i++) {
        host_sends(t, 0, &udp4);
        t->node[0].forward->sessions.rekey_ns = 0;
        collect(t);
        line l = t->wire.at[0];
        t->wire.n = 0;
        deliver_line(t, &l);
        collect(t);
        t->wire.n = 0; /* whatever B says is lost */
        expect_on_lan(t, 1, &udp4);
        advance(t, 60 * SVR_SEC);
    }
    assert_int_equal(sending_phase(t, 1), 1);
    assert_non_null(first_session(t, 1)->keys.old);
    talk(t, &udp4, 32);                             /* now B is heard, and A changes over */
    assert_non_null(first_session(t, 1)->keys.old); /* what A sent last under it may still be on its way */
    talk(t, &udp4, 31);
    assert_null(first_session(t, 1)->keys.old);
    assert_int_equal(sending_phase(t, 0), 1);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

/* ---- idleness ------------------------------------------------------------------------------- */

static void expect_gone_after(net *t, svr_duration limit) {
    advance(t, limit - SVR_SEC);
    assert_int_equal(sessions(t, 0), 1);
    advance(t, 2 * SVR_SEC);
    assert_int_equal(sessions(t, 0), 0);
    advance(t, SVR_IDLE_MARGIN - 2 * SVR_SEC); /* the egress last: the ingress must not miss it */
    assert_int_equal(sessions(t, 1), 1);
    advance(t, 2 * SVR_SEC);
    assert_int_equal(sessions(t, 1), 0);
}

static void test_forward_idle_sessions_end(void **state) {
    (void)state;
    static const struct {
        uint8_t proto, flags, reply_flags; /* of the last packet each way */
        bool answered;
        svr_duration limit;
    } cases[] = {
        {SVR_PROTO_UDP, 0, 0, true, SVR_IDLE_UDP},
        {SVR_PROTO_ICMP, 0, 0, true, SVR_IDLE_ICMP},
        {SVR_PROTO_TCP, 0x02, 0, false, SVR_IDLE_TCP_HALF_OPEN},
        {SVR_PROTO_TCP, 0x10, 0x10, true, SVR_IDLE_TCP},
        {SVR_PROTO_TCP, 0x11, 0x11, true, SVR_IDLE_TCP_FINISHED},
        {SVR_PROTO_TCP, 0x11, 0x10, true, SVR_IDLE_TCP},
        {SVR_PROTO_TCP, 0x10, 0x04, true, SVR_IDLE_TCP_RESET},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net *t = net_new(2, 4);
        spec s = udp4;
        s.proto = cases[i].proto;
        s.tcp_flags = cases[i].flags;
        send(t, 0, &s);
        if (cases[i].answered) {
            spec r = reply_to(&s);
            r.tcp_flags = cases[i].reply_flags;
            send(t, 1, &r);
        }
        expect_gone_after(t, cases[i].limit);
        net_del(t);
    }
}

static void test_forward_busy_sessions_stay(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    for (int i = 0; i < 20; i++) {
        send(t, 0, &udp4);
        advance(t, 170 * SVR_SEC);
        clear_captures(t);
    }
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(first_session(t, 0)->keys.newest.phase, 0);
    net_del(t);
}

/* The server's packet comes first after its router has forgotten the session: the flow begins anew, turned
 * round. */
static void test_forward_flow_may_begin_anew_from_the_other_end(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec r = reply_to(&udp4);
    settle(t, &udp4);
    restart(t, 1);
    send(t, 1, &r);
    expect_on_lan(t, 0, &r);
    expect_settled(t, &udp4);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(sessions(t, 1), 1);
    net_del(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_sessions_survive_a_restart_of_the_egress),
        cmocka_unit_test(test_forward_sessions_survive_a_restart_of_the_transit),
        cmocka_unit_test(test_forward_sessions_survive_a_restart_of_the_ingress),
        cmocka_unit_test(test_forward_requests_for_metadata_are_limited),
        cmocka_unit_test(test_forward_ingress_disowns_a_session_that_it_does_not_have),
        cmocka_unit_test(test_forward_transit_disowns_nothing),
        cmocka_unit_test(test_forward_end_of_a_session_is_told_to_all),
        cmocka_unit_test(test_forward_end_is_believed_from_the_origin_only),
        cmocka_unit_test(test_forward_moves_to_another_path_and_stays_alive),
        cmocka_unit_test(test_forward_waits_for_a_path_to_return),
        cmocka_unit_test(test_forward_takes_another_key_when_the_egress_may_have_forgotten),
        cmocka_unit_test(test_forward_takes_another_key_behind_a_dead_line),
        cmocka_unit_test(test_forward_takes_another_key_for_a_peer_that_began_anew),
        cmocka_unit_test(test_forward_rotates_payload_keys_without_loss),
        cmocka_unit_test(test_forward_never_rotates_when_told_so),
        cmocka_unit_test(test_forward_rotates_when_only_the_far_end_speaks),
        cmocka_unit_test(test_forward_accepts_late_packets_under_the_old_key),
        cmocka_unit_test(test_forward_keeps_the_old_key_until_the_new_one_is_heard),
        cmocka_unit_test(test_forward_idle_sessions_end),
        cmocka_unit_test(test_forward_busy_sessions_stay),
        cmocka_unit_test(test_forward_flow_may_begin_anew_from_the_other_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

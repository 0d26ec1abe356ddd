/* SPDX-License-Identifier: MIT
 * Records of sessions between two nodes (PD-HA): written and read again, at ingress, transit and egress;
 * every cut or bent record survived. */
#include "forward_fixture.h"
#include "session/replica.h"

static svr_sessions *sessions_of(net *t, int i) {
    return &t->node[i].forward->sessions;
}

static svr_replica_place place_of(net *t, int i) {
    return (svr_replica_place){
        .config = t->node[i].forward->config, .node = t->node[i].forward->node, .peers = &t->node[i].peers};
}

static size_t export(net *t, int i, uint8_t out[SVR_REPLICA_SESSION_MAX]) {
    svr_replica_place place = place_of(t, i);
    svr_writer w = svr_writer_make(out, SVR_REPLICA_SESSION_MAX);
    svr_sessions_replicate(sessions_of(t, i));
    assert_int_equal(svr_sessions_export(sessions_of(t, i), &place, &w), SVR_REPLICA_SESSION);
    assert_true(w.ok);
    svr_sessions_keep_to_itself(sessions_of(t, i));
    return (size_t)(w.p - out);
}

static bool import(net *t, int i, const uint8_t *p, size_t len) {
    svr_replica_place place = place_of(t, i);
    svr_reader r = svr_reader_make(p, len);
    return svr_sessions_import(sessions_of(t, i), &place, SVR_REPLICA_SESSION, &r);
}

/* The session of each router is forgotten and read back; then packets flow both ways as before. */
static void test_session_replica_goes_on_where_it_was(void **state) {
    (void)state;
    uint8_t record[SVR_REPLICA_SESSION_MAX];
    net *t = net_new(3, 4);
    spec back = reply_to(&udp4);
    send(t, 0, &udp4);
    send(t, 2, &back);
    send(t, 0, &udp4);
    for (int i = 0; i < 3; i++) {
        uint64_t sent = first_session(t, i)->keys.current ? first_session(t, i)->keys.current->sent : 0;
        size_t len = export(t, i, record);
        svr_sessions_forget(sessions_of(t, i));
        assert_int_equal(sessions(t, i), 0);
        svr_sessions_stand_by(sessions_of(t, i));
        assert_true(import(t, i, record, len));
        assert_int_equal(sessions(t, i), 1);
        svr_sessions_activate(sessions_of(t, i));
        if (i != 1) assert_true(first_session(t, i)->keys.current->sent >= sent + (UINT64_C(1) << 32));
        clear_captures(t);
        send(t, 0, &udp4);
        expect_on_lan(t, 2, &udp4);
        clear_captures(t);
        send(t, 2, &back);
        expect_on_lan(t, 0, &back);
    }
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

static void test_session_replica_survives_cut_and_bent_records(void **state) {
    (void)state;
    uint8_t whole[SVR_REPLICA_SESSION_MAX];
    net *t = net_new(3, 4);
    send(t, 0, &udp4);
    for (int i = 0; i < 3; i++) {
        size_t len = export(t, i, whole);
        for (size_t n = 0; n < len; n++) {
            uint8_t *exact = malloc(n + 1);
            memcpy(exact, whole, n);
            assert_false(import(t, i, exact, n));
            free(exact);
            assert_true(import(t, i, whole, len));
        }
        for (size_t n = 0; n < len; n++) {
            uint8_t bent[SVR_REPLICA_SESSION_MAX];
            memcpy(bent, whole, len);
            bent[n] ^= (uint8_t)(1 << n % 8);
            import(t, i, bent, len);
            svr_sessions_forget(sessions_of(t, i));
            assert_true(import(t, i, whole, len));
        }
    }
    net_del(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_replica_goes_on_where_it_was),
        cmocka_unit_test(test_session_replica_survives_cut_and_bent_records),
    };
    return cmocka_run_group_tests_name("session replica", tests, NULL, NULL);
}

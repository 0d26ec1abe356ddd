/* SPDX-License-Identifier: MIT
 * Payload keys of sessions that nobody uses: given up, and made again with the next packet (CRY-PER-SESSION,
 * CRY-REPLAY). */
#include "forward_fixture.h"
#include "session/replica.h"

static void talk(net *t) {
    spec back = reply_to(&udp4);
    send(t, 0, &udp4);
    expect_on_lan(t, t->n - 1, &udp4);
    clear_captures(t);
    send(t, t->n - 1, &back);
    expect_on_lan(t, 0, &back);
    clear_captures(t);
}

static svr_payload_ring *keys_of(net *t, int i) {
    return &first_session(t, i)->keys;
}

static size_t ready(net *t, int i) {
    return t->node[i].forward->sessions.store.n;
}

static void test_key_store_parks_idle_keys_and_goes_on(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    for (int i = 0; i < 5; i++)
        talk(t);
    uint64_t sent = keys_of(t, 0)->current->sent;
    assert_int_equal(ready(t, 0), 1);
    advance(t, 2 * SVR_KEYS_IDLE + SVR_SEC);
    for (int i = 0; i < 3; i += 2) {
        assert_true(keys_of(t, i)->parked);
        assert_null(keys_of(t, i)->current);
        assert_int_equal(ready(t, i), 0);
    }
    talk(t);
    assert_false(keys_of(t, 0)->parked);
    assert_int_equal(keys_of(t, 0)->current->sent, sent + 1); /* no nonce is used twice */
    talk(t);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

static void test_key_store_parks_all_that_are_idle(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = udp4;
    for (uint16_t i = 0; i < 20; i++, s.sport++)
        send(t, 0, &s);
    assert_int_equal(ready(t, 0), 20);
    advance(t, SVR_KEYS_IDLE + SVR_SEC);
    assert_int_equal(ready(t, 0), 0);
    assert_int_equal(ready(t, 1), 0);
    net_del(t);
}

static void test_key_store_parked_key_still_knows_replays(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    for (int i = 0; i < 3; i++)
        talk(t);
    send(t, 0, &udp4);
    line old = t->tap.at[t->tap.n - 1];
    clear_captures(t);
    advance(t, 2 * SVR_KEYS_IDLE + SVR_SEC);
    assert_true(keys_of(t, 1)->parked);
    deliver_line(t, &old);
    pump(t);
    assert_int_equal(t->lan.n, 0);
    assert_int_equal(drops(t, 1, SVR_DROP_PAYLOAD_REPLAY), 1);
    net_del(t);
}

static void test_key_store_keeps_keys_in_use(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    for (int i = 0; i < 20; i++) {
        talk(t);
        advance(t, 3 * SVR_SEC);
        assert_false(keys_of(t, 0)->parked);
    }
    net_del(t);
}

static void test_key_store_rotates_a_parked_key(void **state) { /* KEY-REKEY-PAYLOAD */
    (void)state;
    net *t = net_new(2, 4);
    talk(t);
    talk(t);
    for (int i = 0; i < 1440; i++) { /* a day in which a packet comes each minute */
        advance(t, 60 * SVR_SEC);
        assert_true(i > 1436 || keys_of(t, 0)->parked);
        send(t, 0, &udp4);
        clear_captures(t);
    }
    for (int i = 0; i < 5; i++) {
        talk(t);
        advance(t, 31 * SVR_SEC);
    }
    assert_int_equal(keys_of(t, 0)->newest.phase, 1);
    talk(t);
    assert_int_equal(keys_of(t, 0)->current->phase, 1);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

static void test_key_store_without_memory_drops_and_recovers(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    talk(t);
    advance(t, 2 * SVR_KEYS_IDLE + SVR_SEC);
    assert_true(keys_of(t, 0)->parked);
    svr_sessions *all = &t->node[0].forward->sessions;
    svr_payload_key *taken[8]; /* the first chunk is full: the next key needs memory */
    for (int i = 0; i < 8; i++)
        assert_non_null(taken[i] = svr_key_store_get(&all->store, first_session(t, 0)));
    t->heap.fail_at = t->heap.requests + 1;
    assert_null(svr_payload_current(first_session(t, 0)));
    assert_true(keys_of(t, 0)->parked);
    t->heap.fail_at = 0;
    assert_non_null(svr_payload_current(first_session(t, 0)));
    for (int i = 0; i < 8; i++)
        svr_key_store_put(&all->store, taken[i]);
    talk(t);
    net_del(t);
}

static void test_key_store_trims_the_one_unused_longest(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec other = udp4;
    other.sport++;
    send(t, 0, &udp4);
    svr_session *first = first_session(t, 0);
    advance(t, 3 * SVR_SEC);
    send(t, 0, &other);
    svr_sessions *all = &t->node[0].forward->sessions;
    assert_true(svr_key_store_trim(&all->store));
    svr_sessions_sweep(all);
    assert_true(first->keys.parked);
    assert_int_equal(ready(t, 0), 1);
    assert_true(svr_key_store_trim(&all->store)); /* a busy one, when there is no other */
    svr_sessions_sweep(all);
    assert_int_equal(ready(t, 0), 0);
    assert_false(svr_key_store_trim(&all->store));
    net_del(t);
}

static void test_key_store_parked_key_crosses_to_the_other_node(void **state) { /* KEY-HA-PUSH */
    uint8_t record[SVR_REPLICA_SESSION_MAX];
    (void)state;
    net *t = net_new(2, 4);
    talk(t);
    talk(t);
    advance(t, 2 * SVR_KEYS_IDLE + SVR_SEC);
    assert_true(keys_of(t, 0)->parked);
    svr_sessions *all = &t->node[0].forward->sessions;
    svr_replica_place place = {
        .config = t->node[0].forward->config, .node = t->node[0].forward->node, .peers = &t->node[0].peers};
    svr_writer w = svr_writer_make(record, sizeof record);
    svr_sessions_replicate(all);
    assert_int_equal(svr_sessions_export(all, &place, &w), SVR_REPLICA_SESSION);
    svr_sessions_keep_to_itself(all);
    svr_sessions_forget(all);
    svr_sessions_stand_by(all);
    svr_reader r = svr_reader_make(record, (size_t)(w.p - record));
    assert_true(svr_sessions_import(all, &place, SVR_REPLICA_SESSION, &r));
    svr_sessions_activate(all);
    assert_true(keys_of(t, 0)->current->sent > UINT64_C(1) << 32);
    talk(t);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_store_parks_idle_keys_and_goes_on),
        cmocka_unit_test(test_key_store_parks_all_that_are_idle),
        cmocka_unit_test(test_key_store_parked_key_still_knows_replays),
        cmocka_unit_test(test_key_store_keeps_keys_in_use),
        cmocka_unit_test(test_key_store_rotates_a_parked_key),
        cmocka_unit_test(test_key_store_without_memory_drops_and_recovers),
        cmocka_unit_test(test_key_store_trims_the_one_unused_longest),
        cmocka_unit_test(test_key_store_parked_key_crosses_to_the_other_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * The key exchange between two routers, on a wire that loses, delays and repeats as told. */
#include "peer_fixture.h"

static void assert_complete(bench *b) {
    for (int i = 0; i < 2; i++) {
        svr_peer *p = bench_peer(b, i);
        assert_int_equal(p->state, SVR_MKEY_EXCH_COMP);
        assert_non_null(p->ring.current);
        assert_true(svr_path_in_service(bench_path(b, i)));
    }
    assert_memory_equal(bench_peer(b, 0)->ring.current->secret, bench_peer(b, 1)->ring.current->secret,
                        SVR_PEER_KEY_LEN);
}

static void test_exchange_completes_within_seconds(void **state) {
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    assert_complete(&b);
    /* KEY-META-PEERS: what one derives for sending is what the other derives for receiving */
    const svr_crypt_key *key;
    uint32_t index;
    uint64_t nonce;
    assert_true(svr_peer_metadata_send_key(bench_peer(&b, 0), &key, &index, &nonce));
    const svr_crypt_key *other = svr_peer_metadata_receive_key(bench_peer(&b, 1), index);
    assert_non_null(other);
    assert_memory_equal(key->enc, other->enc, sizeof key->enc);
    assert_memory_equal(key->ipad, other->ipad, sizeof key->ipad);
    bench_fini(&b);
}

static void test_exchange_rekeys_after_the_interval_and_changes_over_30_s_later(void **state) {
    (void)state;
    bench b;
    svr_event ev;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    svr_time first = bench_peer(&b, 0)->ring.changed;
    uint32_t index = bench_peer(&b, 0)->ring.current->id.index;
    bench_run(&b, first + 24 * SVR_HOUR + 29 * SVR_SEC); /* KEY-REKEY-PEER, KEY-OLD-IN-REKEY */
    assert_non_null(bench_peer(&b, 0)->ring.next);
    assert_int_equal(bench_peer(&b, 0)->ring.current->id.index, index);
    svr_time computed = bench_peer(&b, 0)->ring.next->computed;
    assert_int_equal(computed, first + 24 * SVR_HOUR + 2 * b.delay);
    while (bench_event(&b, 0, SVR_EVENT_PEER_KEY, &ev))
        ;
    bench_run(&b, computed + 31 * SVR_SEC); /* KEY-GRACE-30, to the nanosecond */
    assert_true(bench_event(&b, 0, SVR_EVENT_PEER_KEY, &ev));
    assert_string_equal(ev.to, "sending");
    assert_int_equal(ev.time, computed + 30 * SVR_SEC);
    bench_run(&b, computed + 120 * SVR_SEC);
    assert_null(bench_peer(&b, 0)->ring.old);
    assert_null(bench_peer(&b, 1)->ring.old);
    assert_complete(&b);
    bench_fini(&b);
}

static void test_exchange_is_retransmitted_every_interval_and_times_out(void **state) {
    (void)state;
    bench b;
    svr_event ev;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    svr_time due = bench_peer(&b, 0)->ring.changed + 24 * SVR_HOUR;
    bench_run(&b, due - SVR_SEC);
    while (bench_event(&b, 0, SVR_EVENT_KEY_REQUEST, &ev))
        ;
    b.cut[0] = b.cut[1] = true;
    bench_run(&b, due + 3599 * SVR_SEC); /* KEY-RETRANSMIT */
    for (int n = 0; n < 120; n++) {
        assert_true(bench_event(&b, 0, SVR_EVENT_KEY_REQUEST, &ev));
        assert_int_equal(ev.time, due + (svr_time)n * 30 * SVR_SEC);
        assert_int_equal(ev.value, n + 1);
    }
    assert_false(bench_event(&b, 0, SVR_EVENT_KEY_REQUEST, &ev));
    bench_run(&b, due + 3601 * SVR_SEC); /* KEY-TIMEOUT */
    assert_true(bench_event(&b, 0, SVR_EVENT_KEY_TIMEOUT, &ev));
    assert_int_equal(ev.time, due + 3600 * SVR_SEC);
    assert_int_equal(bench_peer(&b, 0)->state, SVR_KEY_TIMEOUT);
    bench_run(&b, due + 3 * 3600 * SVR_SEC + SVR_SEC); /* KEY-RETRY */
    for (int n = 2; n <= 3; n++) {
        assert_true(bench_event(&b, 0, SVR_EVENT_KEY_REQUEST, &ev));
        assert_int_equal(ev.time, due + (svr_time)n * 3600 * SVR_SEC);
    }
    b.cut[0] = b.cut[1] = false; /* KEY-RETRY-IFCHANGE, and one valid answer brings it back */
    bench_run(&b, b.now + 10 * SVR_SEC);
    assert_complete(&b);
    bench_fini(&b);
}

static void test_exchange_keys_outlive_an_outage(void **state) { /* KEY-OUTAGE */
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    uint8_t secret[SVR_PEER_KEY_LEN];
    memcpy(secret, bench_peer(&b, 0)->ring.current->secret, sizeof secret);
    b.cut[0] = b.cut[1] = true;
    bench_run(&b, b.now + 7200 * SVR_SEC);
    assert_false(svr_path_in_service(bench_path(&b, 0)));
    b.cut[0] = b.cut[1] = false;
    bench_run(&b, b.now + 5 * SVR_SEC);
    assert_complete(&b);
    assert_memory_equal(bench_peer(&b, 0)->ring.current->secret, secret, sizeof secret);
    bench_fini(&b);
}

static void test_exchange_takes_a_restarted_peer_back(void **state) {
    (void)state;
    for (int who = 0; who < 2; who++) {
        bench b;
        bench_init(&b);
        bench_run(&b, 3600 * SVR_SEC);
        bench_stop(&b, who);
        bench_start(&b, who, 0);
        bench_run(&b, b.now + 10 * SVR_SEC);
        assert_complete(&b);
        bench_run(&b, b.now + 90 * SVR_SEC);
        assert_null(bench_peer(&b, !who)->ring.old);
        bench_fini(&b);
    }
}

static void test_exchange_hint_helps_a_router_whose_clock_fell_back(void **state) {
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 3600 * SVR_SEC);
    bench_stop(&b, 0);
    bench_start(&b, 0, -(svr_wall)(2 * SVR_HOUR)); /* within the certificates' validity */
    bench_run(&b, b.now + 10 * SVR_SEC);
    assert_complete(&b);
    assert_true(b.s[1].rt.drops[SVR_DROP_KEX_STALE] > 0);
    bench_fini(&b);
}

static bool lose_some(bench *b, svr_packet *p, int to) {
    (void)p;
    (void)to;
    b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
    return (b->seed >> 60) < 5; /* 5 of 16 */
}

static void test_exchange_survives_heavy_loss(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        bench b = {.seed = seed};
        bench_init_config(&b, bench_config);
        b.lose = lose_some;
        bench_run(&b, 49 * SVR_HOUR);
        b.lose = NULL;
        bench_run(&b, b.now + 300 * SVR_SEC);
        assert_complete(&b);
        assert_true(bench_peer(&b, 0)->ring.rotations >= 3);
        bench_fini(&b);
    }
}

/* CRY-HMAC, CRY-REPLAY: what is bent or repeated is a counted drop and changes nothing. */
static void test_exchange_ignores_bent_and_repeated_packets(void **state) {
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    while (b.n)
        bench_deliver(&b, 0);
    bench_run(&b, b.now);
    svr_path_send(bench_path(&b, 0), (svr_piece){0}, (svr_piece){0}, false);
    bench_collect(&b, 0);
    assert_int_equal(b.n, 1);
    svr_packet *good = b.wire[0].pkt;
    svr_peer *peer = bench_peer(&b, 1);
    size_t l4 = 20 + SVR_UDP_HEADER_LEN;
    uint64_t newest = peer->ring.current->seen.newest;
    for (size_t bit = l4 * 8; bit < good->len * 8; bit++) {
        svr_packet *p = svr_packet_get(b.pool, good->len);
        svr_ip ip;
        p->len = good->len;
        memcpy(p->data, good->data, good->len);
        p->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(svr_ip_decode(p->data, p->len, &ip), SVR_IP_OK);
        uint64_t before = 0, after = 0;
        for (int i = 0; i < SVR_DROP_COUNT; i++)
            before += b.s[1].rt.drops[i];
        svr_peers_receive(b.s[1].peers, p, &ip);
        for (int i = 0; i < SVR_DROP_COUNT; i++)
            after += b.s[1].rt.drops[i];
        assert_int_equal(after, before + 1);
        assert_int_equal(peer->ring.current->seen.newest, newest);
        assert_int_equal(b.s[1].rt.output_n, 0);
    }
    for (int n = 0; n < 2; n++) {
        svr_packet *p = svr_packet_get(b.pool, good->len);
        svr_ip ip;
        p->len = good->len;
        memcpy(p->data, good->data, good->len);
        assert_int_equal(svr_ip_decode(p->data, p->len, &ip), SVR_IP_OK);
        svr_peers_receive(b.s[1].peers, p, &ip);
        assert_int_equal(b.s[1].rt.drops[SVR_DROP_BFD_REPLAY], n);
    }
    bench_fini(&b);
}

static void test_exchange_regenerates_metadata_keys_on_command(void **state) { /* KEY-REGENERATE */
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 60 * SVR_SEC);
    svr_peer *at_b = bench_peer(&b, 1);
    uint32_t before = at_b->to_peer.index;
    svr_peers_regenerate_metadata_key(b.s[0].peers, "test");
    bench_run(&b, b.now + SVR_SEC);
    assert_int_equal(at_b->to_peer.next_index, before + 1);
    assert_int_equal(at_b->to_peer.index, before); /* the old one serves for 30 s */
    assert_true(bench_peer(&b, 0)->key_acked);
    bench_run(&b, b.now + 31 * SVR_SEC);
    assert_int_equal(at_b->to_peer.index, before + 1);
    assert_non_null(svr_peer_metadata_receive_key(bench_peer(&b, 0), before));
    bench_run(&b, b.now + 60 * SVR_SEC);
    assert_null(svr_peer_metadata_receive_key(bench_peer(&b, 0), before));
    assert_complete(&b);
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_completes_within_seconds),
        cmocka_unit_test(test_exchange_rekeys_after_the_interval_and_changes_over_30_s_later),
        cmocka_unit_test(test_exchange_is_retransmitted_every_interval_and_times_out),
        cmocka_unit_test(test_exchange_keys_outlive_an_outage),
        cmocka_unit_test(test_exchange_takes_a_restarted_peer_back),
        cmocka_unit_test(test_exchange_hint_helps_a_router_whose_clock_fell_back),
        cmocka_unit_test(test_exchange_survives_heavy_loss),
        cmocka_unit_test(test_exchange_ignores_bent_and_repeated_packets),
        cmocka_unit_test(test_exchange_regenerates_metadata_keys_on_command),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * Records of peers between two nodes (PD-HA, KEY-HA-PUSH): written by one, read by the other, and every cut
 * or bent record survived. */
#include "peer_fixture.h"

static svr_peers *make_reader(bench *b, svr_runtime *rt) {
    svr_error err;
    const svr_node_config *node = svr_config_node(svr_config_router(b->config, "a"), NULL);
    assert_true(svr_runtime_init(rt, &b->alloc, b->crypt, b->pool, 99, false));
    rt->now = 7 * SVR_HOUR; /* another clock */
    const svr_peers_params params = {.rt = rt,
                                     .config = b->config,
                                     .node = node,
                                     .identity =
                                         svr_identity_new_self_signed(b->crypt, "alias-a", WALL_START, &err),
                                     .trust = svr_trust_new(b->crypt, NULL, NULL, &err)};
    svr_peers *peers = svr_peers_new(&params);
    assert_non_null(peers);
    return peers;
}

static size_t export(bench *b, bool node, uint8_t out[SVR_SYNC_MAX]) {
    svr_writer w = svr_writer_make(out, SVR_SYNC_MAX);
    svr_peers_export_all(b->s[0].peers);
    if (node)
        svr_peers_export_node(b->s[0].peers, &w);
    else
        assert_true(svr_peers_export_peer(b->s[0].peers, 0, &w));
    assert_true(w.ok);
    return (size_t)(w.p - out);
}

static bool import(svr_peers *peers, bool node, const uint8_t *p, size_t len) {
    svr_reader r = svr_reader_make(p, len);
    return node ? svr_peers_import_node(peers, &r) : svr_peers_import_peer(peers, &r);
}

/* In the middle of a rotation, with a metadata key on its way: everything that a record can hold. */
static void begin(bench *b) {
    bench_init(b);
    bench_run(b, 60 * SVR_SEC);
    svr_peers_regenerate_metadata_key(b->s[1].peers, "test");
    b->s[0].rt.now = b->s[1].rt.now = b->now;
    bench_peer(b, 0)->rekey_wanted = true;
    svr_peer_progress(bench_peer(b, 0));
    bench_run(b, b->now + 31 * SVR_SEC); /* old and current */
    assert_non_null(bench_peer(b, 0)->ring.old);
}

static void test_replica_of_a_peer_says_all(void **state) {
    (void)state;
    bench b;
    svr_runtime rt;
    uint8_t record[SVR_SYNC_MAX];
    begin(&b);
    svr_peers *reader = make_reader(&b, &rt);
    assert_true(import(reader, true, record, export(&b, true, record)));
    assert_true(import(reader, false, record, export(&b, false, record)));
    svr_peer *p = bench_peer(&b, 0), *q = &reader->peers[0];
    assert_memory_equal(reader->life, b.s[0].peers->life, SVR_LIFE_LEN);
    assert_memory_equal(&reader->metadata_key, &b.s[0].peers->metadata_key, sizeof reader->metadata_key);
    assert_memory_equal(q->ring.current->secret, p->ring.current->secret, SVR_PEER_KEY_LEN);
    assert_memory_equal(q->ring.old->secret, p->ring.old->secret, SVR_PEER_KEY_LEN);
    assert_memory_equal(&q->ring.current->send, &p->ring.current->send, sizeof p->ring.current->send);
    assert_int_equal(q->ring.current->sent, p->ring.current->sent);
    assert_int_equal(q->ring.current->seen.newest, p->ring.current->seen.newest);
    assert_int_equal(q->ring.changed - rt.now, p->ring.changed - b.s[0].rt.now); /* ages, not instants */
    assert_int_equal(q->to_peer.index, p->to_peer.index);
    assert_memory_equal(q->to_peer.current->enc, p->to_peer.current->enc, sizeof p->to_peer.current->enc);
    assert_int_equal(q->peer_last_number, p->peer_last_number);
    /* What was seen is a replay here, too; what comes next is not. */
    assert_false(svr_replay_accept(&q->ring.current->seen, p->ring.current->seen.newest));
    assert_true(svr_replay_accept(&q->ring.current->seen, p->ring.current->seen.newest + 1));
    svr_peers_del(reader);
    svr_runtime_fini(&rt);
    bench_fini(&b);
}

static void test_replica_survives_cut_and_bent_records(void **state) {
    (void)state;
    bench b;
    svr_runtime rt;
    uint8_t whole[2][SVR_SYNC_MAX];
    begin(&b);
    svr_peers *reader = make_reader(&b, &rt);
    size_t len[2] = {export(&b, false, whole[0]), export(&b, true, whole[1])};
    assert_true(import(reader, true, whole[1], len[1]));
    for (int node = 0; node < 2; node++) {
        for (size_t n = 0; n < len[node]; n++) {
            uint8_t *exact = malloc(n + 1); /* so that a byte too much is noticed */
            memcpy(exact, whole[node], n);
            assert_false(import(reader, node, exact, n));
            free(exact);
            assert_true(import(reader, true, whole[1], len[1]));
        }
        for (size_t n = 0; n < len[node]; n++) {
            uint8_t bent[SVR_SYNC_MAX];
            memcpy(bent, whole[node], len[node]);
            bent[n] ^= (uint8_t)(1 << n % 8);
            import(reader, node, bent, len[node]);
            import(reader, true, whole[1], len[1]);
        }
        assert_true(import(reader, node, whole[node], len[node]));
    }
    assert_memory_equal(reader->peers[0].ring.current->secret, bench_peer(&b, 0)->ring.current->secret,
                        SVR_PEER_KEY_LEN);
    svr_peers_del(reader);
    svr_runtime_fini(&rt);
    bench_fini(&b);
}

static void test_replica_survives_want_of_memory(void **state) {
    (void)state;
    bench b;
    svr_runtime rt;
    uint8_t whole[2][SVR_SYNC_MAX];
    begin(&b);
    svr_peers *reader = make_reader(&b, &rt);
    size_t len[2] = {export(&b, false, whole[0]), export(&b, true, whole[1])};
    assert_true(import(reader, true, whole[1], len[1]));
    size_t fail = 1;
    for (bool done = false; !done; fail++) {
        b.heap.requests = 0;
        b.heap.fail_at = fail;
        done = import(reader, false, whole[0], len[0]);
        b.heap.fail_at = 0;
    }
    assert_true(fail > 4);
    svr_peers_del(reader);
    svr_runtime_fini(&rt);
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replica_of_a_peer_says_all),
        cmocka_unit_test(test_replica_survives_cut_and_bent_records),
        cmocka_unit_test(test_replica_survives_want_of_memory),
    };
    return cmocka_run_group_tests_name("replica", tests, NULL, NULL);
}

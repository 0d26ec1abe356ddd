/* SPDX-License-Identifier: MIT
 * Every message of the key exchange, cut off at every length and bent at every bit: each is a drop with a
 * reason, and nothing else changes. */
#include "peer_fixture.h"

/* What must not change when a message is refused. */
typedef struct snapshot {
    svr_security_state state;
    const svr_peer_key *current, *old, *next;
    const svr_peer_cert *cert, *candidate;
    bool pending, timed_out, cert_received, cert_acked, key_received, key_acked;
    uint64_t number, peer_number;
    uint32_t send_index, acked;
    size_t waiting;
} snapshot;

static snapshot take_snapshot(bench *b, int i) {
    const svr_peer *p = bench_peer(b, i);
    snapshot s;
    memset(&s, 0, sizeof s); /* compared as memory */
    s.state = p->state;
    s.current = p->ring.current;
    s.old = p->ring.old;
    s.next = p->ring.next;
    s.cert = p->cert;
    s.candidate = p->candidate;
    s.pending = p->request.pending;
    s.timed_out = p->timed_out;
    s.cert_received = p->cert_received;
    s.cert_acked = p->cert_acked;
    s.key_received = p->key_received;
    s.key_acked = p->key_acked;
    s.number = p->last_number;
    s.peer_number = p->peer_last_number;
    s.send_index = p->to_peer.index + p->to_peer.next_index;
    s.acked = p->from_peer.acked;
    s.waiting = b->s[i].rt.output_n;
    return s;
}

/* Offers the message in an exactly sized block, so that reading past its end is seen. */
static int offer(bench *b, int i, const uint8_t *msg, size_t len, bool secret) {
    uint8_t *exact = malloc(len);
    memcpy(exact, msg, len);
    /* Each is looked at as if it were the first: how many may fail is not the matter here (PD-COOKIE). */
    bench_peer(b, i)->proofs = bench_peer(b, i)->answers = b->s[i].peers->load.proofs = (svr_bucket){0};
    svr_piece piece = {exact, len};
    int reason = secret ? svr_peer_receive_secret(bench_peer(b, i), bench_path(b, i), piece)
                        : svr_peer_receive_clear(bench_peer(b, i), bench_path(b, i), piece);
    free(exact);
    return reason;
}

static void refuse(bench *b, int i, const uint8_t *msg, size_t len, bool secret) {
    snapshot before = take_snapshot(b, i);
    assert_true(offer(b, i, msg, len, secret) != SVR_DROP_NONE);
    snapshot after = take_snapshot(b, i);
    assert_memory_equal(&before, &after, sizeof before);
}

static void refuse_all_variants(bench *b, int i, const uint8_t *msg, size_t len) {
    uint8_t bent[SVR_KEX_TOTAL_MAX];
    for (size_t n = 1; n < len; n++)
        refuse(b, i, msg, n, false);
    for (size_t bit = 0; bit < len * 8; bit++) {
        memcpy(bent, msg, len);
        bent[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refuse(b, i, bent, len, false);
    }
    memcpy(bent, msg, len);
    bent[len] = 0; /* nothing may follow */
    refuse(b, i, bent, len + 1, false);
}

/* Two routers with a key, and A's next request on its way. */
static void init_with_request(bench *b) {
    bench_init(b);
    bench_run(b, 5 * SVR_SEC);
    while (b->n)
        bench_deliver(b, 0);
    svr_peer_start_request(bench_peer(b, 0), "test");
    for (int i = 0; i < 2; i++)
        bench_collect(b, i);
    while (b->n)
        svr_packet_put(b->pool, b->wire[--b->n].pkt);
}

static void test_kex_request_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    bench b;
    init_with_request(&b);
    svr_kex_request *req = &bench_peer(&b, 0)->request;
    uint8_t msg[SVR_KEX_MESSAGE_MAX];
    size_t len = req->len;
    memcpy(msg, req->bytes, len);
    b.s[1].rt.now += 2 * SVR_HINT_INTERVAL;
    bench_peer(&b, 1)->hinted = b.s[1].rt.now; /* a stale number would be answered by a hint, once a second */
    refuse_all_variants(&b, 1, msg, len);
    assert_int_equal(offer(&b, 1, msg, len, false), SVR_DROP_NONE);
    assert_non_null(bench_peer(&b, 1)->ring.next);
    bench_fini(&b);
}

static void test_kex_response_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    bench b;
    init_with_request(&b);
    svr_kex_request *req = &bench_peer(&b, 0)->request;
    assert_int_equal(offer(&b, 1, req->bytes, req->len, false), SVR_DROP_NONE);
    svr_kex_answer *answer = &bench_peer(&b, 1)->answer;
    uint8_t msg[SVR_KEX_MESSAGE_MAX];
    size_t len = answer->len;
    memcpy(msg, answer->bytes, len);
    refuse_all_variants(&b, 0, msg, len);
    assert_int_equal(offer(&b, 0, msg, len, false), SVR_DROP_NONE);
    assert_int_equal(offer(&b, 0, msg, len, false), SVR_DROP_KEX_UNEXPECTED); /* CRY-REPLAY */
    assert_memory_equal(bench_peer(&b, 0)->ring.next->secret, bench_peer(&b, 1)->ring.next->secret,
                        SVR_PEER_KEY_LEN);
    bench_fini(&b);
}

static void test_kex_confirm_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    bench b;
    init_with_request(&b);
    svr_kex_request *req = &bench_peer(&b, 0)->request;
    assert_int_equal(offer(&b, 1, req->bytes, req->len, false), SVR_DROP_NONE);
    assert_int_equal(offer(&b, 0, bench_peer(&b, 1)->answer.bytes, bench_peer(&b, 1)->answer.len, false),
                     SVR_DROP_NONE);
    uint8_t msg[SVR_KEX_MESSAGE_MAX];
    svr_kex_ends ends = svr_peer_ends(bench_peer(&b, 0));
    size_t len =
        svr_kex_confirm_create(msg, &ends, bench_peer(&b, 0)->ring.next, &bench_peer(&b, 0)->ring, false);
    assert_true(len > 0);
    refuse_all_variants(&b, 1, msg, len);
    assert_true(bench_peer(&b, 1)->ring.changeover == SVR_TIME_NEVER);
    assert_int_equal(offer(&b, 1, msg, len, false), SVR_DROP_NONE);
    assert_int_equal(bench_peer(&b, 1)->ring.changeover, b.s[1].rt.now + SVR_KEY_GRACE);
    bench_fini(&b);
}

static void test_kex_hint_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    bench b;
    init_with_request(&b);
    svr_kex_request *req = &bench_peer(&b, 0)->request;
    uint8_t msg[SVR_KEX_MESSAGE_MAX];
    svr_kex_ends ends = svr_peer_ends(bench_peer(&b, 1));
    uint64_t last = req->number + 1000;
    size_t len = svr_kex_hint_create(msg, &ends, last, req->hash);
    refuse_all_variants(&b, 0, msg, len);
    assert_int_equal(offer(&b, 0, msg, len, false), SVR_DROP_NONE);
    assert_int_equal(bench_peer(&b, 0)->request.number, last + 1);
    bench_fini(&b);
}

static void test_kex_certificate_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    svr_piece chain = svr_identity_chain(b.s[0].peers->identity);
    uint8_t msg[SVR_KEX_TOTAL_MAX] = {SVR_KEX_CERT};
    memcpy(msg + 1, b.s[1].peers->chain_hash, SVR_HASH_LEN);
    memcpy(msg + 1 + SVR_HASH_LEN, chain.p, chain.len);
    size_t len = 1 + SVR_HASH_LEN + chain.len;
    bench_collect(&b, 1);
    for (size_t n = 1; n < len; n++)
        refuse(&b, 1, msg, n, false);
    /* A bent chain: the key in use stays, whatever else is thought of it. */
    const svr_peer_cert *cert = bench_peer(&b, 1)->cert;
    for (size_t bit = (1 + SVR_HASH_LEN) * 8; bit < len * 8; bit++) {
        msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
        offer(&b, 1, msg, len, false);
        bench_collect(&b, 1);
        while (b.n)
            svr_packet_put(b.pool, b.wire[--b.n].pkt);
        assert_ptr_equal(bench_peer(&b, 1)->cert, cert);
        assert_int_equal(bench_peer(&b, 1)->state, SVR_MKEY_EXCH_COMP);
        msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bench_fini(&b);
}

static void test_kex_metadata_key_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    bench b;
    bench_init(&b);
    bench_run(&b, 5 * SVR_SEC);
    bench_collect(&b, 1);
    svr_metadata_key key;
    assert_true(svr_metadata_key_make(&key, b.crypt, 9));
    uint8_t msg[SVR_METADATA_KEY_MESSAGE_LEN + 1] = {0};
    size_t len = svr_metadata_key_encode(&key, msg);
    for (size_t n = 1; n < len; n++)
        refuse(&b, 1, msg, n, true);
    refuse(&b, 1, msg, len + 1, true);
    assert_int_equal(offer(&b, 1, msg, len, true), SVR_DROP_NONE);
    assert_int_equal(bench_peer(&b, 1)->to_peer.next_index, 9);
    uint8_t ack[SVR_METADATA_KEY_ACK_LEN + 1] = {0};
    len = svr_metadata_ack_encode(77, ack); /* of a key that we never made */
    for (size_t n = 1; n < len; n++)
        refuse(&b, 0, ack, n, true);
    snapshot before = take_snapshot(&b, 0);
    offer(&b, 0, ack, len, true);
    snapshot after = take_snapshot(&b, 0);
    assert_memory_equal(&before, &after, sizeof before);
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kex_request_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_kex_response_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_kex_confirm_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_kex_hint_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_kex_certificate_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_kex_metadata_key_is_taken_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("kex_messages", tests, NULL, NULL);
}

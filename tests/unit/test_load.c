/* SPDX-License-Identifier: MIT
 * Floods against the key exchange (PD-COOKIE): what they cost, counted, and what they spare. */
#include "peer_fixture.h"

#define FLOOD 100000

static svr_packet *caught; /* a packet with that message, as b sent it */
static uint8_t wanted;

static const uint8_t *message_in(const svr_packet *pkt) {
    svr_metadata m;
    svr_tlv tlv;
    if (svr_metadata_decode(pkt->data + 28, pkt->len - 28, &m) != SVR_METADATA_OK ||
        !svr_tlv_find(m.header, m.header_len, SVR_TLV_KEX_PART, &tlv))
        return NULL;
    return tlv.value + 12;
}

static svr_packet *copy(bench *b, const svr_packet *pkt) {
    svr_packet *c = svr_packet_get(b->pool, pkt->len);
    assert_non_null(c);
    memcpy(c->data, pkt->data, c->len = pkt->len);
    return c;
}

static bool catch (bench *b, svr_packet *pkt, int to) {
    const uint8_t *msg = message_in(pkt);
    if (to == 0 && !caught && msg && *msg == wanted) caught = copy(b, pkt);
    return false;
}

static void begin(bench *b, uint8_t kind) {
    caught = NULL;
    wanted = kind;
    *b = (bench){.seed = 7, .lose = catch};
    bench_init_config(b, bench_config);
    bench_run(b, 20 * SVR_SEC);
    b->lose = NULL;
    assert_non_null(caught);
    assert_true(svr_path_in_service(bench_path(b, 0)) && svr_path_in_service(bench_path(b, 1)));
}

static void end(bench *b) {
    svr_packet_put(b->pool, caught);
    bench_fini(b);
}

/* The caught packet to a once more, with other bytes: each one different. */
static void forge(bench *b, uint32_t n) {
    svr_packet *pkt = copy(b, caught);
    svr_ip ip;
    uint8_t *msg = pkt->data + (message_in(caught) - caught->data);
    if (wanted == SVR_KEX_REQUEST)
        svr_put64(msg + 1, UINT64_MAX / 2 + n); /* a number that nobody has seen */
    else
        svr_put32(msg + 100, n); /* inside the certificate */
    assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
    svr_udp_encode(pkt->data + 20, &ip.flow.src, &ip.flow.dst, SVR_BFD_PORT, SVR_BFD_PORT, pkt->len - 28u);
    b->s[0].rt.now = b->now;
    svr_peers_receive(b->s[0].peers, pkt, &ip);
    bench_collect(b, 0);
}

static uint64_t checks(const bench *b) {
    return b->s[0].peers->load.checks;
}

static void run_flood(uint8_t kind) {
    bench b;
    svr_event ev;
    begin(&b, kind);
    uint64_t before = checks(&b);
    svr_time start = b.now;
    while (bench_event(&b, 0, SVR_EVENT_BFD_STATE, &ev))
        ;
    for (uint32_t i = 0; i < FLOOD; i++) {
        forge(&b, i);
        if (i % 10 == 9) bench_run(&b, b.now + SVR_MS); /* 10,000 a second */
    }
    /* Half a reserve before cookies are asked for, and nothing after that. */
    assert_in_range(checks(&b) - before, 1, 10);
    assert_in_range(b.s[0].rt.drops[SVR_DROP_KEX_NO_COOKIE], FLOOD - 10, FLOOD);
    assert_true(b.now - start >= 10 * SVR_SEC);
    assert_true(svr_path_in_service(bench_path(&b, 0)) && svr_path_in_service(bench_path(&b, 1)));
    assert_false(bench_event(&b, 0, SVR_EVENT_BFD_STATE, &ev));
    end(&b);
}

static void test_load_flood_of_requests_costs_a_handful_of_signatures(void **state) {
    (void)state;
    run_flood(SVR_KEX_REQUEST);
}
static void test_load_flood_of_certificates_costs_a_handful_of_judgements(void **state) {
    (void)state;
    run_flood(SVR_KEX_CERT);
}

/* A peer that began anew in the middle of a flood from its own address gets in, with a cookie. */
static void test_load_peer_gets_in_under_a_flood(void **state) {
    (void)state;
    bench b;
    begin(&b, SVR_KEX_REQUEST);
    for (uint32_t i = 0; i < 1000; i++)
        forge(&b, i);
    bench_stop(&b, 1);
    bench_start(&b, 1, 10 * (svr_wall)SVR_SEC);
    for (uint32_t i = 0; i < 5000; i++) {
        forge(&b, 1000 + i);
        bench_run(&b, b.now + SVR_MS);
    }
    assert_true(bench_path(&b, 1)->cookie_at != 0);
    assert_true(svr_path_in_service(bench_path(&b, 0)) && svr_path_in_service(bench_path(&b, 1)));
    end(&b);
}

/* Keys are renewed under a flood: those messages are authentic. */
static void test_load_established_peers_rekey_under_a_flood(void **state) {
    (void)state;
    bench b;
    svr_event ev;
    begin(&b, SVR_KEX_REQUEST);
    while (bench_event(&b, 0, SVR_EVENT_PEER_KEY, &ev))
        ;
    for (uint32_t i = 0; i < 100; i++)
        forge(&b, i);
    b.s[1].rt.now = b.now;
    bench_peer(&b, 1)->rekey_wanted = true;
    svr_peer_progress(bench_peer(&b, 1));
    for (uint32_t i = 0; i < 500; i++) {
        forge(&b, 100 + i);
        bench_run(&b, b.now + SVR_MS);
    }
    assert_true(bench_event(&b, 0, SVR_EVENT_PEER_KEY, &ev));
    assert_string_equal(ev.to, "computed");
    end(&b);
}

/* The very same request again and again: answered as before, but not without limit. */
static void test_load_repetitions_are_no_way_round(void **state) {
    (void)state;
    bench b;
    begin(&b, SVR_KEX_REQUEST);
    uint64_t before = checks(&b);
    for (uint32_t i = 0; i < FLOOD; i++) {
        svr_packet *pkt = copy(&b, caught);
        svr_ip ip;
        assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
        svr_peers_receive(b.s[0].peers, pkt, &ip);
        bench_collect(&b, 0);
        if (i % 10 == 9) bench_run(&b, b.now + SVR_MS);
    }
    assert_in_range(checks(&b) - before, 1, 20);
    end(&b);
}

/* Parts of messages that never become whole must not keep others from it. */
static void test_load_parts_without_end_ask_for_cookies(void **state) {
    (void)state;
    bench b;
    begin(&b, SVR_KEX_CERT);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t body[SVR_METADATA_HEADER_LEN + 4 + 12 + SVR_KEX_PART_MAX + SVR_BFD_LEN] = {0};
        svr_packet *pkt = svr_packet_get(b.pool, sizeof body + 28);
        svr_tlv_writer w = svr_tlv_writer_make(body + SVR_METADATA_HEADER_LEN, sizeof body);
        uint8_t part[12 + SVR_KEX_PART_MAX] = {0};
        svr_put32(part, 77000 + i);
        svr_put32(part + 4, 3 * SVR_KEX_PART_MAX);
        svr_tlv_put(&w, SVR_TLV_KEX_PART, part, sizeof part);
        svr_metadata_encode_header(body, svr_tlv_written(&w), 0);
        svr_bfd_packet bfd = svr_bfd_make_packet(&bench_path(&b, 1)->bfd, false);
        svr_bfd_encode(&bfd, body + sizeof body - SVR_BFD_LEN);
        const svr_path_config *c = bench_path(&b, 1)->config;
        const svr_ip_header h = {
            .src = c->local, .dst = c->remote, .proto = SVR_PROTO_UDP, .ttl = 255, .l4_len = sizeof body + 8};
        memcpy(pkt->data + 28, body, sizeof body);
        svr_ip_encode(&h, pkt->data);
        svr_udp_encode(pkt->data + 20, &h.src, &h.dst, SVR_BFD_PORT, SVR_BFD_PORT, sizeof body);
        pkt->len = sizeof body + 28;
        svr_ip ip;
        assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
        b.s[0].rt.now = b.now;
        svr_peers_receive(b.s[0].peers, pkt, &ip);
        bench_collect(&b, 0);
    }
    assert_in_range(b.s[0].rt.drops[SVR_DROP_KEX_NO_COOKIE], 980, 1000);
    end(&b);
}

/* A cookie is for one address, and not for ever. */
static void test_load_cookie_is_worth_nothing_elsewhere_or_later(void **state) {
    (void)state;
    bench b;
    begin(&b, SVR_KEX_REQUEST);
    svr_peers *a = b.s[0].peers;
    svr_path *path = bench_path(&b, 0);
    svr_ip ip;
    assert_int_equal(svr_ip_decode(caught->data, caught->len, &ip), SVR_IP_OK);
    for (uint32_t i = 0; i < 100; i++)
        forge(&b, i);
    uint8_t part[64] = {0}, tlvs[64];
    svr_put32(part + 4, 1);
    part[12] = SVR_KEX_REQUEST;
    const svr_tlv tlv = {.type = SVR_TLV_KEX_PART, .len = 13, .value = part};
    size_t at = b.n;
    assert_false(svr_load_admits(path, &ip, NULL, 0, &tlv));
    bench_collect(&b, 0);
    assert_int_equal(b.n, at + 1);
    const uint8_t *cookie = message_in(b.wire[at].pkt);
    assert_int_equal(*cookie, SVR_KEX_COOKIE);
    svr_tlv_writer w = svr_tlv_writer_make(tlvs, sizeof tlvs);
    svr_tlv_put(&w, SVR_TLV_COOKIE, cookie + 17, SVR_COOKIE_VALUE_LEN);
    assert_true(svr_load_admits(path, &ip, tlvs, svr_tlv_written(&w), &tlv));
    svr_ip other = ip;
    other.flow.src.bytes[3]++;
    assert_false(svr_load_admits(path, &other, tlvs, svr_tlv_written(&w), &tlv));
    tlvs[4] ^= 1;
    assert_false(svr_load_admits(path, &ip, tlvs, svr_tlv_written(&w), &tlv));
    tlvs[4] ^= 1;
    for (int i = 0; i < 3; i++) {
        b.s[0].rt.now += 121 * SVR_SEC;
        bench_peer(&b, 0)->loaded = SVR_TIME_NEVER;
        bool good = svr_load_admits(path, &ip, tlvs, svr_tlv_written(&w), &tlv);
        assert_int_equal(good, i == 0);
    }
    assert_true(a->load.has_secret);
    b.now = b.s[0].rt.now;
    end(&b);
}

/* Nobody who has not seen our request makes us repeat it. */
static void test_load_cookies_of_strangers_are_ignored(void **state) {
    (void)state;
    bench b;
    begin(&b, SVR_KEX_REQUEST);
    uint8_t msg[SVR_COOKIE_MESSAGE_LEN] = {SVR_KEX_COOKIE, 1, 2, 3};
    size_t before = b.sent[0];
    for (int i = 0; i < 100; i++)
        assert_int_equal(svr_load_take_cookie(bench_path(&b, 0), (svr_piece){msg, sizeof msg}),
                         SVR_DROP_KEX_UNEXPECTED);
    assert_int_equal(svr_load_take_cookie(bench_path(&b, 0), (svr_piece){msg, 5}), SVR_DROP_KEX_MALFORMED);
    bench_collect(&b, 0);
    assert_int_equal(b.sent[0], before);
    assert_int_equal(bench_path(&b, 0)->cookie_at, 0);
    end(&b);
}

static void test_load_bucket_gives_what_it_says(void **state) {
    (void)state;
    svr_bucket k = {0};
    size_t got = 0;
    for (svr_time now = 0; now < 10 * SVR_SEC; now += SVR_MS)
        got += svr_bucket_take(&k, now, 100 * SVR_MS, 5);
    assert_in_range(got, 103, 106); /* 10 a second, and 5 at once */
    svr_bucket full = {0};
    for (int i = 0; i < 5; i++)
        assert_true(svr_bucket_take(&full, 0, SVR_SEC, 5));
    assert_false(svr_bucket_take(&full, 0, SVR_SEC, 5));
    svr_bucket_return(&full, SVR_SEC);
    assert_true(svr_bucket_take(&full, 0, SVR_SEC, 5));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_bucket_gives_what_it_says),
        cmocka_unit_test(test_load_flood_of_requests_costs_a_handful_of_signatures),
        cmocka_unit_test(test_load_flood_of_certificates_costs_a_handful_of_judgements),
        cmocka_unit_test(test_load_peer_gets_in_under_a_flood),
        cmocka_unit_test(test_load_established_peers_rekey_under_a_flood),
        cmocka_unit_test(test_load_repetitions_are_no_way_round),
        cmocka_unit_test(test_load_parts_without_end_ask_for_cookies),
        cmocka_unit_test(test_load_cookie_is_worth_nothing_elsewhere_or_later),
        cmocka_unit_test(test_load_cookies_of_strangers_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

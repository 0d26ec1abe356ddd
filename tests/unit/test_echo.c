/* SPDX-License-Identifier: MIT
 * Echo packets: what they measure, and what they do not let anybody do (PD-ECHO). */
#include "peer_fixture.h"

/* ---- numbers alone -------------------------------------------------------------------------- */

static void answer(svr_echo *e, uint8_t number, svr_time now) {
    svr_echo_tlv a = {.reply = true, .number = number, .length = e->length, .burst = e->burst};
    assert_true(svr_echo_answered(e, &a, now));
}

static void test_echo_measures_latency_and_loss(void **state) {
    svr_echo e = {0};
    (void)state;
    svr_echo_begin(&e, 4);
    for (int i = 0; i < 4; i++)
        svr_echo_next(&e, SVR_SEC + (svr_time)i);
    answer(&e, 0, SVR_SEC + 10 * SVR_MS);
    answer(&e, 2, SVR_SEC + 2 + 20 * SVR_MS);
    answer(&e, 3, SVR_SEC + 3 + 30 * SVR_MS);
    assert_false(svr_echo_complete(&e));
    svr_echo_end(&e, 4 * SVR_SEC);
    assert_int_equal(e.quality.latency, 20 * SVR_MS);
    assert_int_equal(e.quality.fastest, 10 * SVR_MS);
    assert_int_equal(e.quality.loss_permille, 250);
    assert_int_equal(e.quality.bursts, 1);
}

/* RFC 3550, appendix A.8, by hand: D is 10 ms from each packet to the next. */
static void test_echo_measures_jitter(void **state) {
    svr_echo e = {0};
    double jitter = 0;
    (void)state;
    svr_echo_begin(&e, 50);
    for (uint8_t i = 0; i < 50; i++) {
        svr_time left = SVR_SEC + i * SVR_SEC;
        svr_echo_next(&e, left);
        answer(&e, i, left + (i % 2 ? 30 : 20) * SVR_MS);
        if (i) jitter += (10e6 - jitter) / 16;
    }
    svr_echo_end(&e, 100 * SVR_SEC);
    assert_in_range(e.quality.jitter, (uint64_t)jitter - 1000, (uint64_t)jitter + 1000);
}

static void test_echo_forgets_old_loss(void **state) {
    svr_echo e = {0};
    (void)state;
    for (uint32_t burst = 0; burst < 1 + SVR_ECHO_WINDOW; burst++) {
        svr_echo_begin(&e, 10);
        for (uint8_t i = 0; i < 10; i++) {
            svr_echo_next(&e, SVR_SEC);
            if (burst) answer(&e, i, SVR_SEC + 1);
        }
        svr_echo_end(&e, SVR_SEC);
        static const uint32_t expected[] = {1000, 500, 333, 0};
        assert_int_equal(e.quality.loss_permille, expected[burst]);
    }
}

static void test_echo_takes_each_answer_once(void **state) {
    svr_echo e = {0};
    (void)state;
    svr_echo_tlv a = {.reply = true, .number = 0, .length = 2, .burst = 1};
    assert_false(svr_echo_answered(&e, &a, SVR_SEC)); /* nothing was asked */
    svr_echo_begin(&e, 2);
    assert_false(svr_echo_answered(&e, &a, SVR_SEC)); /* not sent yet */
    svr_echo_next(&e, SVR_SEC);
    a.burst = 2;
    assert_false(svr_echo_answered(&e, &a, SVR_SEC)); /* of another burst */
    a.burst = 1;
    a.length = 3;
    assert_false(svr_echo_answered(&e, &a, SVR_SEC));
    a.length = 2;
    a.reply = false;
    assert_false(svr_echo_answered(&e, &a, SVR_SEC));
    a.reply = true;
    assert_true(svr_echo_answered(&e, &a, 2 * SVR_SEC));
    assert_false(svr_echo_answered(&e, &a, 3 * SVR_SEC)); /* a second time */
    assert_int_equal(e.answered, 1);
}

static void test_echo_tlv_refuses_what_is_not_one(void **state) {
    static const uint8_t good[SVR_ECHO_LEN] = {1, 4, 5, 0, 0, 0, 0, 9};
    svr_tlv tlv = {.type = SVR_TLV_ECHO, .len = SVR_ECHO_LEN, .value = good};
    svr_echo_tlv out;
    (void)state;
    assert_true(svr_echo_decode(&tlv, &out));
    assert_true(!out.reply && out.number == 4 && out.length == 5 && out.burst == 9);
    for (uint16_t len = 0; len < SVR_ECHO_LEN; len++) {
        tlv.len = len;
        assert_false(svr_echo_decode(&tlv, &out));
    }
    static const uint8_t bad[][SVR_ECHO_LEN] = {{0, 4, 5, 0}, {3, 4, 5, 0},  {1, 5, 5, 0},
                                                {1, 0, 0, 0}, {1, 0, 51, 0}, {2, 4, 5, 1}};
    tlv.len = SVR_ECHO_LEN;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tlv.value = bad[i];
        assert_false(svr_echo_decode(&tlv, &out));
    }
}

/* ---- between routers ------------------------------------------------------------------------ */

static char config_text[2048];

/* The fixture's authority, with bursts of 10 every 10 s at both ends. */
static const char *with_bursts(void) {
    static const char bfd[] = "  bfd\n   link-test-interval 10\n  exit\n  node ";
    const char *from = bench_config;
    config_text[0] = 0;
    for (const char *at; (at = strstr(from, "  node ")) != NULL; from = at + 7) {
        strncat(config_text, from, (size_t)(at - from));
        strcat(config_text, bfd);
    }
    return strcat(config_text, from);
}

static void begin(bench *b) {
    *b = (bench){.seed = 7};
    bench_init_config(b, with_bursts());
    bench_run(b, 8 * SVR_SEC);
    assert_true(bench_path(b, 0)->in_service && bench_path(b, 1)->in_service);
}

static uint64_t drops(const bench *b, int i, svr_drop reason) {
    return b->s[i].rt.drops[reason];
}

static void test_echo_measures_a_path_from_both_ends(void **state) {
    bench b;
    (void)state;
    begin(&b);
    bench_run(&b, 60 * SVR_SEC);
    for (int i = 0; i < 2; i++) {
        const svr_quality *q = &bench_path(&b, i)->echo.quality;
        assert_in_range(q->bursts, 5, 7);
        assert_int_equal(q->latency, 20 * SVR_MS);
        assert_int_equal(q->jitter, 0);
        assert_int_equal(q->loss_permille, 0);
    }
    bench_fini(&b);
}

static int turn;
static bool lose_every_fifth(bench *b, svr_packet *p, int to) {
    (void)b;
    (void)p;
    return to == 1 && ++turn % 5 == 0;
}

static void test_echo_notices_loss(void **state) {
    bench b;
    (void)state;
    begin(&b);
    b.lose = lose_every_fifth;
    bench_run(&b, 60 * SVR_SEC);
    assert_in_range(bench_path(&b, 0)->echo.quality.loss_permille, 130, 300);
    assert_true(bench_path(&b, 0)->in_service);
    bench_fini(&b);
}

static void test_echo_is_silent_without_limits(void **state) {
    bench b;
    (void)state;
    bench_init(&b);
    bench_run(&b, 60 * SVR_SEC);
    assert_int_equal(bench_path(&b, 0)->echo.burst, 0);
    bench_fini(&b);
}

static void send_tlv(bench *b, const uint8_t *value, uint16_t len) {
    uint8_t tlv[64] = {0x80, 0x06, 0, (uint8_t)len};
    memcpy(tlv + 4, value, len);
    b->s[0].rt.now = b->now;
    svr_path_send(bench_path(b, 0), (svr_piece){0}, (svr_piece){tlv, 4u + len}, false);
}

static void test_echo_malformed_is_a_drop_and_no_answer(void **state) {
    static const uint8_t odd[] = {1, 0, 1};
    static const uint8_t unasked[SVR_ECHO_LEN] = {2, 0, 10, 0, 0, 0, 0, 77};
    bench b;
    (void)state;
    begin(&b);
    size_t sent = b.sent[1];
    send_tlv(&b, odd, sizeof odd);
    bench_run(&b, b.now + 50 * SVR_MS);
    assert_int_equal(drops(&b, 1, SVR_DROP_BFD_MALFORMED), 1);
    send_tlv(&b, unasked, sizeof unasked);
    bench_run(&b, b.now + 50 * SVR_MS);
    assert_int_equal(drops(&b, 1, SVR_DROP_BFD_ECHO), 1);
    assert_in_range(b.sent[1], sent, sent + 1); /* at most a BFD packet that was due */
    assert_true(bench_path(&b, 1)->in_service);
    bench_fini(&b);
}

static void test_echo_answers_are_bounded(void **state) {
    static const uint8_t request[SVR_ECHO_LEN] = {1, 0, 10, 0, 0, 0, 0, 77};
    bench b;
    (void)state;
    begin(&b);
    size_t sent = b.sent[1];
    for (int i = 0; i < 200; i++)
        send_tlv(&b, request, sizeof request);
    bench_run(&b, b.now + 200 * SVR_MS);
    assert_int_equal(drops(&b, 1, SVR_DROP_BFD_ECHO_RATE), 200 - SVR_ECHO_ANSWERS_MAX);
    assert_in_range(b.sent[1], sent + SVR_ECHO_ANSWERS_MAX, sent + SVR_ECHO_ANSWERS_MAX + 12);
    bench_fini(&b);
}

static uint8_t copy[2048];
static uint32_t copy_len;
static bool keep_copy(bench *b, svr_packet *p, int to) {
    (void)b;
    if (to == 1 && !copy_len) memcpy(copy, p->data, copy_len = p->len);
    return false;
}

static void inject(bench *b, const uint8_t *bytes, uint32_t len) {
    svr_packet *p = svr_packet_get(b->pool, len);
    memcpy(p->data, bytes, len);
    p->len = len;
    b->wire[b->n++] = (flight){p, 1, b->now};
    bench_run(b, b->now + SVR_MS);
}

static void test_echo_forged_or_again_is_not_answered(void **state) {
    static const uint8_t request[SVR_ECHO_LEN] = {1, 0, 10, 0, 0, 0, 0, 77};
    bench b;
    (void)state;
    begin(&b);
    copy_len = 0;
    b.lose = keep_copy;
    send_tlv(&b, request, sizeof request);
    bench_run(&b, b.now + 15 * SVR_MS);
    assert_true(copy_len > 0);
    size_t sent = b.sent[1];
    inject(&b, copy, copy_len);
    assert_int_equal(drops(&b, 1, SVR_DROP_BFD_REPLAY), 1);
    for (uint32_t at = 28; at < copy_len; at += 7) {
        copy[at] ^= 0x10;
        inject(&b, copy, copy_len);
        copy[at] ^= 0x10;
    }
    for (uint32_t len = 28; len < copy_len; len += 9) { /* lengths in the headers no longer fit */
        uint8_t cut[2048];
        memcpy(cut, copy, len);
        svr_put16(cut + 2, (uint16_t)len);
        svr_put16(cut + 24, (uint16_t)(len - 20));
        svr_put16(cut + 10, 0);
        svr_put16(cut + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, cut, 20)));
        inject(&b, cut, len);
    }
    assert_in_range(b.sent[1], sent, sent + 1);
    assert_true(bench_path(&b, 1)->in_service);
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_measures_latency_and_loss),
        cmocka_unit_test(test_echo_measures_jitter),
        cmocka_unit_test(test_echo_forgets_old_loss),
        cmocka_unit_test(test_echo_takes_each_answer_once),
        cmocka_unit_test(test_echo_tlv_refuses_what_is_not_one),
        cmocka_unit_test(test_echo_measures_a_path_from_both_ends),
        cmocka_unit_test(test_echo_notices_loss),
        cmocka_unit_test(test_echo_is_silent_without_limits),
        cmocka_unit_test(test_echo_malformed_is_a_drop_and_no_answer),
        cmocka_unit_test(test_echo_answers_are_bounded),
        cmocka_unit_test(test_echo_forged_or_again_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

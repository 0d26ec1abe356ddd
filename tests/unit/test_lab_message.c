/* SPDX-License-Identifier: MIT
 * Messages of the lab's traffic: what arrives is counted exactly. */
#include "svrlab/message.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static lab_message sample(uint64_t seq, uint32_t size) {
    return (lab_message){LAB_REQUEST, 3, seq, 1000 + seq, size, 0};
}

static void test_lab_message_reads_what_was_written(void **state) {
    (void)state;
    static uint8_t bytes[NS3SHIM_MESSAGE_MAX];
    static const uint32_t sizes[] = {LAB_HEADER, LAB_HEADER + 1, 200, 1000, NS3SHIM_MESSAGE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        lab_message m = sample(7 + i, sizes[i]), read;
        bool intact = false;
        lab_message_encode(&m, bytes);
        assert_true(lab_message_read(bytes, m.size, &read, &intact));
        assert_true(intact);
        assert_memory_equal(&read, &m, sizeof m);
        assert_false(lab_message_read(bytes, LAB_HEADER - 1, &read, &intact));
    }
}

static void test_lab_message_notices_each_byte_that_changed(void **state) {
    (void)state;
    uint8_t bytes[200];
    lab_message m = sample(1, sizeof bytes), read;
    lab_message_encode(&m, bytes);
    for (size_t at = LAB_HEADER; at < sizeof bytes; at++) {
        bool intact = true;
        bytes[at] ^= 1;
        assert_true(lab_message_read(bytes, sizeof bytes, &read, &intact));
        assert_false(intact);
        bytes[at] ^= 1;
    }
    bool intact = true;
    assert_true(lab_message_read(bytes, sizeof bytes - 1, &read, &intact));
    assert_false(intact);
    bytes[0] ^= 1;
    assert_false(lab_message_read(bytes, sizeof bytes, &read, &intact));
}

static void count(void *ctx, const lab_message *m, bool intact) {
    uint64_t *next = ctx;
    assert_true(intact);
    assert_int_equal(m->seq, *next);
    ++*next;
}

static void test_lab_message_stream_may_come_in_any_pieces(void **state) {
    (void)state;
    uint8_t bytes[5 * 100];
    for (uint64_t i = 0; i < 5; i++) {
        lab_message m = sample(i, 100);
        lab_message_encode(&m, bytes + 100 * i);
    }
    for (size_t piece = 1; piece <= sizeof bytes; piece++) {
        lab_reader r = {0};
        uint64_t next = 0;
        for (size_t at = 0; at < sizeof bytes; at += piece)
            assert_true(lab_reader_feed(&r, bytes + at, piece < sizeof bytes - at ? piece : sizeof bytes - at,
                                        count, &next));
        assert_int_equal(next, 5);
    }
    lab_reader r = {0};
    uint64_t next = 0;
    bytes[100] ^= 1;
    assert_false(lab_reader_feed(&r, bytes, sizeof bytes, count, &next));
    assert_int_equal(next, 1);
}

/* Numbers in any order, some twice, some never: the gaps are what is missing below the highest. */
static void test_lab_track_agrees_with_a_plain_list(void **state) {
    (void)state;
    srand(7);
    for (int round = 0; round < 200; round++) {
        bool seen[64] = {false};
        uint64_t highest = 0;
        lab_track t = {.last_sent_at = NS3SHIM_NEVER};
        for (int i = 0; i < 80; i++) {
            uint64_t seq = (uint64_t)rand() % 64;
            bool any = t.next > 0, late = any && seq < highest;
            lab_verdict v = lab_track_note(&t, seq, seq * 10);
            assert_int_equal(v, seen[seq] ? LAB_TWICE : late ? LAB_LATE : LAB_FRESH);
            seen[seq] = true;
            if (!any || seq > highest) highest = seq;
        }
        bool missing[64] = {false};
        for (size_t i = 0; i < t.n; i++)
            for (uint64_t k = 0; k < t.gap[i].count; k++)
                missing[t.gap[i].first + k] = true;
        for (uint64_t seq = 0; seq < highest; seq++)
            assert_int_equal(missing[seq], !seen[seq]);
        lab_track_fini(&t);
    }
}

static void test_lab_track_tells_between_what_a_gap_lies(void **state) {
    (void)state;
    lab_track t = {.last_sent_at = NS3SHIM_NEVER};
    lab_track_note(&t, 0, 100);
    lab_track_note(&t, 5, 150);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.gap[0].first, 1);
    assert_int_equal(t.gap[0].count, 4);
    assert_int_equal(t.gap[0].after, 100);
    assert_int_equal(t.gap[0].before, 150);
    lab_track_note(&t, 3, 130);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.gap[0].before, 130);
    assert_int_equal(t.gap[1].after, 130);
    assert_int_equal(t.gap[1].count, 1);
    lab_track_fini(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lab_message_reads_what_was_written),
        cmocka_unit_test(test_lab_message_notices_each_byte_that_changed),
        cmocka_unit_test(test_lab_message_stream_may_come_in_any_pieces),
        cmocka_unit_test(test_lab_track_agrees_with_a_plain_list),
        cmocka_unit_test(test_lab_track_tells_between_what_a_gap_lies),
    };
    return cmocka_run_group_tests_name("lab_message", tests, NULL, NULL);
}

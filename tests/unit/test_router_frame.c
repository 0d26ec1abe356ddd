/* SPDX-License-Identifier: MIT
 * The frame around answers on a terminal, against the spec's samples (OPS-ALARMS, OPS-PEERS-SEC, OPS-SA). */
#include "unit.h"

#include "common/frame.h"

#define T20250128 INT64_C(1738091859) /* 2025-01-28 19:17:39 UTC */

static void expect_begin(const char *command, const char *subject) {
    char *text, expected[256];
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    svr_frame_begin(out, command, (time_t)T20250128);
    fclose(out);
    snprintf(expected, sizeof expected, "Tue 2025-01-28 19:17:39 UTC\n✔ Retrieving %s...\n\n", subject);
    assert_string_equal(text, expected);
    free(text);
}

static void test_frame_begins_with_date_and_subject(void **state) {
    (void)state;
    expect_begin("show alarms", "alarms");
    expect_begin("show alarms id combo-east-1:13", "alarms");
    expect_begin("show peers security", "peer paths");
    expect_begin("show peers", "peer paths");
    expect_begin("show peers certificate", "certificates");
    expect_begin("show security security-associations Hub1 detail", "security associations");
    expect_begin("show security key-status", "key status");
    expect_begin("show events 5", "events");
    expect_begin("show peersx", "peersx");
}

static void test_frame_ends_with_how_long_it_took(void **state) {
    static const struct {
        struct timespec asked, answered;
        const char *text;
    } cases[] = {
        {{5, 0}, {5, 20000000}, "\nCompleted in 0.02 seconds\n"},
        {{5, 950000000}, {6, 50000000}, "\nCompleted in 0.10 seconds\n"},
        {{5, 0}, {15, 4000000}, "\nCompleted in 10.00 seconds\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        svr_frame_end(out, &cases[i].asked, &cases[i].answered);
        fclose(out);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void test_frame_is_for_show_commands(void **state) {
    (void)state;
    assert_true(svr_frame_wanted("show alarms"));
    assert_false(svr_frame_wanted("show"));
    assert_false(svr_frame_wanted("security metadata-key regenerate"));
    assert_false(svr_frame_wanted("showing off"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_begins_with_date_and_subject),
        cmocka_unit_test(test_frame_ends_with_how_long_it_took),
        cmocka_unit_test(test_frame_is_for_show_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * Packets that several captures have are told apart from packets that were sent again. */
#include "unit.h"

#include "copies.h"

#define SECOND INT64_C(1000000000)
#define MS (SECOND / 1000)
#define LEN 64
#define MANY 200000

enum { HERE, THERE, ELSEWHERE };

static conform_copies *copies;

static int begin(void **state) {
    (void)state;
    copies = calloc(1, sizeof *copies);
    return copies ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    free(copies);
    return 0;
}

/* A datagram with a number in it, as somebody sees it after so many hops. */
static bool seen(uint8_t version, uint32_t number, uint8_t hops, size_t place, int64_t time) {
    uint8_t p[LEN] = {version == 6 ? 0x60 : 0x45};
    p[version == 6 ? 7 : 8] = (uint8_t)(64 - hops);
    memcpy(p + LEN - sizeof number, &number, sizeof number);
    return conform_is_copy(copies, p, LEN, place, time);
}

static void test_copies_of_another_place(void **state) {
    (void)state;
    for (uint8_t version = 4; version <= 6; version += 2) {
        assert_false(seen(version, 1, 0, HERE, 0));
        assert_true(seen(version, 1, 1, THERE, 5 * MS));
        assert_true(seen(version, 1, 2, ELSEWHERE, 10 * SECOND - 1));
        assert_false(seen(version, 2, 0, THERE, 10 * SECOND - 1));
    }
}

static void test_copies_sent_again(void **state) {
    (void)state;
    assert_false(seen(4, 1, 0, HERE, 0));
    assert_false(seen(4, 1, 0, HERE, SECOND)); /* sent again: one place sees it twice */
    assert_true(seen(4, 1, 1, THERE, 2 * SECOND));
    assert_true(seen(4, 1, 1, THERE, 11 * SECOND - 1)); /* the second one is on its way */
    assert_false(seen(4, 1, 1, THERE, 11 * SECOND));
    assert_true(seen(4, 1, 0, HERE, 12 * SECOND)); /* from there, now */
}

/* All that was seen lately is known, how much ever that is. */
static void test_copies_of_many(void **state) {
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        assert_false(seen(4, i, 0, HERE, i));
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(seen(4, i, 1, THERE, MANY + i));
}

/* What comes round the ring is no part of a chain that once went through its place. */
static void test_copies_are_bounded(void **state) {
    (void)state;
    for (uint32_t i = 0; i < COPIES_MAX + MANY; i++)
        assert_false(seen(4, i, 0, HERE, i));
    for (uint32_t i = MANY; i < COPIES_MAX + MANY; i++)
        assert_true(seen(4, i, 1, THERE, COPIES_MAX + MANY));
    for (uint32_t i = 0; i < MANY; i++)
        assert_false(seen(4, i, 1, THERE, COPIES_MAX + MANY));
}

/* What was cut is no reason to read behind its end. */
static void test_copies_of_every_length(void **state) {
    (void)state;
    const uint8_t whole[LEN] = {0x4f, 1, 2, 3};
    for (size_t len = 0; len <= LEN; len++) {
        uint8_t *p = malloc(len ? len : 1);
        assert_non_null(p);
        memcpy(p, whole, len);
        assert_false(conform_is_copy(copies, p, len, HERE, 0));
        assert_int_equal(conform_is_copy(copies, p, len, THERE, 0), len > 0);
        free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_copies_of_another_place, begin, end),
        cmocka_unit_test_setup_teardown(test_copies_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(test_copies_of_many, begin, end),
        cmocka_unit_test_setup_teardown(test_copies_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(test_copies_of_every_length, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

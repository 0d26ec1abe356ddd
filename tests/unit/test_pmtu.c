/* SPDX-License-Identifier: MIT
 * What a path takes is found out, and found out again when it changes (PD-PMTU): on two whole routers whose
 * first line loses what is too long for it, without a word. */
#include "nodes_fixture.h"

#include "peer/pmtu.h"

enum { W1 = 1 };

/* ---- on a line ------------------------------------------------------------------------------ */

/* The neighborhood of w1 asks for discovery, that of w2 does not. */
static nodes *begin(size_t mtu) {
    static const char after[] = "vector broadband\n",
                      more[] = "      path-mtu-discovery\n       enabled true\n      exit\n";
    char *plain = nodes_text("", "", ""), *text = calloc(1, 16384), *from = plain;
    assert_non_null(text);
    for (char *at; (at = strstr(from, after)) != NULL; from = at + strlen(after)) {
        strncat(text, from, (size_t)(at - from) + strlen(after));
        strcat(text, more);
    }
    strcat(text, from);
    free(plain);
    nodes *n = nodes_new_from(text);
    n->link[W1][0].mtu = n->link[W1][1].mtu = mtu;
    return n;
}

static void set_mtu(nodes *n, size_t mtu) {
    n->link[W1][0].mtu = n->link[W1][1].mtu = mtu;
}

static uint64_t mtu_of(nodes *n, int i, size_t path) {
    return nodes_number(n, i, "show paths", path, "mtu");
}

static void expect_near(nodes *n, size_t mtu) {
    for (int i = 0; i < 2; i++) {
        uint64_t found = mtu_of(n, i, 0);
        assert_true(found <= mtu);
        assert_true(found + SVR_PMTU_GRAIN > mtu);
    }
}

static void test_pmtu_of_a_plain_line_is_found_at_once(void **state) {
    (void)state;
    nodes *n = begin(0);
    nodes_advance(n, 3 * SVR_SEC);
    assert_string_equal(nodes_field(n, 0, "show paths", 0, "status", NULL), "up");
    assert_int_equal(mtu_of(n, 0, 0), 1500);
    assert_int_equal(mtu_of(n, 0, 1), 1500);
    nodes_advance(n, 3600 * SVR_SEC);
    assert_int_equal(mtu_of(n, 0, 0), 1500);
    assert_int_equal(mtu_of(n, 1, 0), 1500);
    nodes_del(n);
}

static void test_pmtu_of_narrow_lines_is_found(void **state) {
    (void)state;
    static const size_t mtus[] = {1280, 1281, 1300, 1399, 1400, 1420, 1472, 1492, 1499, 1500};
    for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++) {
        nodes *n = begin(mtus[i]);
        nodes_advance(n, 60 * SVR_SEC);
        expect_near(n, mtus[i]);
        assert_int_equal(mtu_of(n, 0, 1), 1500); /* the other path does not ask */
        nodes_del(n);
    }
}

/* Until something longer is known to arrive, nothing longer than the least is used. */
static void test_pmtu_never_uses_what_is_not_known_to_pass(void **state) {
    (void)state;
    nodes *n = begin(1400);
    while (strcmp(nodes_field(n, 0, "show paths", 0, "status", NULL), "up") != 0)
        nodes_advance(n, 10 * SVR_MS);
    for (int i = 0; i < 3000; i++) {
        assert_true(mtu_of(n, 0, 0) <= 1400);
        nodes_advance(n, 10 * SVR_MS);
    }
    nodes_del(n);
}

/* A line gets narrower without a word, and wide again ten minutes before anybody notices. */
static void test_pmtu_follows_a_line_that_changes(void **state) {
    (void)state;
    nodes *n = begin(0);
    nodes_advance(n, 20 * SVR_SEC);
    set_mtu(n, 1350);
    nodes_advance(n, SVR_PMTU_CONFIRM + (SVR_PMTU_TRIES + 1) * SVR_PMTU_WAIT);
    assert_true(mtu_of(n, 0, 0) <= 1350);
    nodes_advance(n, 60 * SVR_SEC);
    expect_near(n, 1350);
    set_mtu(n, 0);
    nodes_advance(n, 300 * SVR_SEC);
    expect_near(n, 1350);
    nodes_advance(n, 400 * SVR_SEC);
    expect_near(n, 1500);
    size_t told = 0;
    for (size_t i = 0; i < n->n_events; i++)
        told += n->events[i].kind == SVR_EVENT_PATH_MTU;
    assert_true(told >= 4);
    nodes_del(n);
}

/* A path that was down keeps what was found, if it still passes. */
static void test_pmtu_survives_an_outage(void **state) {
    (void)state;
    nodes *n = begin(1400);
    nodes_advance(n, 60 * SVR_SEC);
    uint64_t found = mtu_of(n, 0, 0);
    n->link[W1][0].cut = n->link[W1][1].cut = true;
    nodes_advance(n, 10 * SVR_SEC);
    n->link[W1][0].cut = n->link[W1][1].cut = false;
    nodes_advance(n, 5 * SVR_SEC);
    assert_string_equal(nodes_field(n, 0, "show paths", 0, "status", NULL), "up");
    assert_int_equal(mtu_of(n, 0, 0), found);
    nodes_del(n);
}

static size_t longest_probe;
static void watch(nodes *n, svr_packet *pkt, int to, svr_ifid in) {
    svr_ip ip;
    (void)n;
    (void)to;
    if (in != W1 || svr_ip_decode(pkt->data, pkt->len, &ip) != SVR_IP_OK) return;
    if (pkt->len > longest_probe) longest_probe = pkt->len;
    if (pkt->len > SVR_PMTU_BASE) assert_true(ip.dont_fragment);
}

/* A probe has exactly the size that it stands for, and may not be cut on its way. */
static void test_pmtu_probes_are_as_long_as_they_say(void **state) {
    (void)state;
    for (size_t mtu = 1384; mtu <= 1400; mtu++) {
        nodes *n = begin(mtu);
        longest_probe = 0;
        n->tap = watch;
        nodes_advance(n, 60 * SVR_SEC);
        assert_int_equal(longest_probe, 1500);
        expect_near(n, mtu);
        nodes_del(n);
    }
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Runs the search against a line of this MTU until it rests; how long that took. */
static svr_duration settle(svr_pmtu *m, size_t mtu, svr_time *now) {
    svr_time begun = *now;
    for (int i = 0; m->phase != SVR_PMTU_DONE; i++) {
        assert_true(i < 200);
        if (m->due > *now) *now = m->due;
        uint32_t size = svr_pmtu_run(m, *now);
        if (size && size <= mtu) assert_true(svr_pmtu_answered(m, size, m->id, *now));
    }
    return *now - begun;
}

static void test_pmtu_believes_only_answers_to_its_probe(void **state) {
    (void)state;
    svr_pmtu m;
    svr_pmtu_init(&m, 1500);
    assert_int_equal(m.current, 1500);
    assert_false(svr_pmtu_answered(&m, 1500, 0, 5));
    svr_pmtu_start(&m, 5);
    assert_int_equal(m.current, SVR_PMTU_BASE);
    assert_false(svr_pmtu_answered(&m, 1500, m.id, 5)); /* not sent yet */
    assert_int_equal(svr_pmtu_run(&m, 5), 1500);
    assert_int_equal(svr_pmtu_run(&m, 6), 0); /* not due */
    assert_false(svr_pmtu_answered(&m, 1501, m.id, 6));
    assert_false(svr_pmtu_answered(&m, 1499, m.id, 6));
    assert_false(svr_pmtu_answered(&m, 1500, m.id + 1, 6));
    assert_int_equal(m.current, SVR_PMTU_BASE);
    assert_true(svr_pmtu_answered(&m, 1500, m.id, 6));
    assert_false(svr_pmtu_answered(&m, 1500, m.id, 6)); /* twice */
    assert_int_equal(m.current, 1500);
}

/* Whoever forges a complaint gets a probe sent, and no more; a true one shortens the search. */
static void test_pmtu_hints_are_no_more_than_hints(void **state) {
    (void)state;
    svr_pmtu m;
    svr_time now = 0;
    svr_pmtu_init(&m, 1500);
    svr_pmtu_start(&m, now);
    settle(&m, 1500, &now);
    for (int i = 0; i < 100; i++) {
        svr_pmtu_doubt(&m, 1300, now);
        assert_int_equal(m.current, 1500);
        settle(&m, 1500, &now);
        assert_int_equal(m.current, 1500);
    }
    svr_pmtu_doubt(&m, 68, now); /* no path is like that */
    assert_int_equal(m.phase, SVR_PMTU_DONE);
    svr_pmtu_doubt(&m, 1400, now);
    svr_time hinted = now;
    while (m.current != 1400) {
        if (m.due > now) now = m.due;
        uint32_t size = svr_pmtu_run(&m, now);
        if (size && size <= 1400) svr_pmtu_answered(&m, size, m.id, now);
        assert_true(now - hinted < SVR_SEC);
    }
    settle(&m, 1400, &now);
    assert_int_equal(m.current, 1400);
}

static void test_pmtu_of_every_line(void **state) {
    (void)state;
    for (uint32_t limit = 1280; limit <= 9216; limit += 496) {
        for (uint32_t mtu = 1280; mtu <= limit; mtu += 7) {
            svr_pmtu m;
            svr_time now = 0;
            svr_pmtu_init(&m, limit);
            svr_pmtu_start(&m, now);
            assert_true(settle(&m, mtu, &now) < 60 * SVR_SEC);
            assert_true(m.current <= mtu && m.current + SVR_PMTU_GRAIN > mtu);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pmtu_of_a_plain_line_is_found_at_once),
        cmocka_unit_test(test_pmtu_of_narrow_lines_is_found),
        cmocka_unit_test(test_pmtu_never_uses_what_is_not_known_to_pass),
        cmocka_unit_test(test_pmtu_follows_a_line_that_changes),
        cmocka_unit_test(test_pmtu_survives_an_outage),
        cmocka_unit_test(test_pmtu_probes_are_as_long_as_they_say),
        cmocka_unit_test(test_pmtu_believes_only_answers_to_its_probe),
        cmocka_unit_test(test_pmtu_hints_are_no_more_than_hints),
        cmocka_unit_test(test_pmtu_of_every_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * Which path a session takes, and when it takes another one (TOP-PATHS), on two whole routers with two paths
 * between them: w1 (vector broadband) and w2 (vector lte), 20 ms there and back each unless a test says so.
 */
#include "nodes_fixture.h"

#include "peer/peer.h"

#define BROADBAND_FIRST "  vector broadband\n   priority 10\n  exit\n  vector lte\n   priority 20\n  exit\n"
#define POLICY(lines) " service-policy p\n" lines " exit\n"
#define USE "  service-policy p\n"

enum { W1 = 1, W2 = 2 };

static nodes *begin(const char *policy) {
    nodes *n = nodes_new(policy, *policy ? USE : "", "");
    nodes_advance(n, 10 * SVR_SEC);
    return n;
}

static void finish(nodes *n) {
    for (int line = W1; line <= W2; line++)
        for (int side = 0; side < 2; side++)
            n->link[line][side] = (link_t){.delay = 10 * SVR_MS};
    nodes_del(n);
}

static void set_line(nodes *n, int line, svr_duration delay, unsigned lose_nth, bool cut) {
    for (int side = 0; side < 2; side++)
        n->link[line][side] = (link_t){.delay = delay, .lose_nth = lose_nth, .cut = cut};
}

/* Sessions on w1 and w2, as a counts them. */
static uint64_t on(nodes *n, int line) {
    return nodes_number(n, 0, "show paths", (size_t)line - 1, "sessions");
}

/* Flow 1 is known at both ends from here on. */
static void begin_flow(nodes *n) {
    nodes_send(n, 0, 1);
    nodes_advance(n, 100 * SVR_MS);
    n->lan[0] = n->lan[1] = 0;
}

/* Both ends send a datagram of flow 1 each `every`, for this long. */
static void talk(nodes *n, svr_duration how_long, svr_duration every) {
    for (svr_time end = n->now + how_long; n->now < end;) {
        nodes_send(n, 0, 1);
        nodes_send(n, 1, 1);
        nodes_advance(n, every);
    }
}

static size_t moved_events(const nodes *n, const char *reason, uint64_t *sessions) {
    size_t count = 0;
    *sessions = 0;
    for (size_t i = 0; i < n->n_events; i++) {
        if (n->events[i].kind != SVR_EVENT_SESSIONS_MOVED || strcmp(n->events[i].reason, reason) != 0)
            continue;
        count++;
        *sessions += n->events[i].value;
    }
    return count;
}

/* ---- choice --------------------------------------------------------------------------------- */

static void test_paths_preferred_vector_first(void **state) {
    (void)state;
    nodes *n =
        begin(POLICY("  vector lte\n   priority 1\n  exit\n  vector broadband\n   priority 2\n  exit\n"));
    for (uint16_t i = 0; i < 20; i++)
        nodes_send(n, 0, i);
    assert_int_equal(on(n, W2), 20);
    finish(n);
    n = begin(POLICY("  vector broadband\n  exit\n")); /* what is not named comes last */
    for (uint16_t i = 0; i < 20; i++)
        nodes_send(n, 0, i);
    assert_int_equal(on(n, W1), 20);
    finish(n);
}

static void test_paths_without_policy_first_in_order(void **state) {
    (void)state;
    nodes *n = begin("");
    for (uint16_t i = 0; i < 20; i++)
        nodes_send(n, 0, i);
    assert_int_equal(on(n, W1), 20);
    finish(n);
}

static void test_paths_equal_ones_share_the_flows(void **state) {
    (void)state;
    nodes *n = begin(POLICY(""));
    for (uint16_t i = 0; i < 400; i++)
        nodes_send(n, 0, i);
    assert_in_range(on(n, W1), 140, 260);
    assert_int_equal(on(n, W1) + on(n, W2), 400);
    finish(n);
}

/* ---- limits --------------------------------------------------------------------------------- */

#define LATENCY POLICY(BROADBAND_FIRST "  max-latency 100\n")

static void test_paths_degrading_latency_moves_without_loss(void **state) {
    uint64_t sessions;
    (void)state;
    nodes *n = begin(LATENCY);
    begin_flow(n);
    talk(n, 5 * SVR_SEC, 5 * SVR_MS);
    assert_int_equal(on(n, W1), 1);
    set_line(n, W1, 300 * SVR_MS, 0,
             false); /* what is on its way is still on its way when the session moves */
    talk(n, 30 * SVR_SEC, 5 * SVR_MS);
    assert_int_equal(on(n, W2), 1);
    assert_int_equal(moved_events(n, "path degraded", &sessions), 1);
    assert_int_equal(sessions, 1);
    set_line(n, W1, 10 * SVR_MS, 0, false);
    talk(n, 30 * SVR_SEC, 5 * SVR_MS);
    assert_int_equal(on(n, W1), 1);
    assert_int_equal(moved_events(n, "preferred path", &sessions), 1);
    nodes_advance(n, 2 * SVR_SEC);
    assert_int_equal(n->lan[1], 65 * 200); /* nothing was lost, nothing came twice, either way */
    assert_int_equal(n->lan[0], 65 * 200);
    assert_int_equal(nodes_drops(n, 0, "unknown-session") + nodes_drops(n, 1, "unknown-session"), 0);
    finish(n);
}

static void test_paths_one_bad_burst_moves_nothing(void **state) {
    uint64_t sessions;
    (void)state;
    nodes *n = begin(LATENCY);
    talk(n, SVR_SEC, 10 * SVR_MS);
    uint64_t bursts = nodes_number(n, 0, "show paths", 0, "bursts");
    set_line(n, W1, 150 * SVR_MS, 0, false);
    while (nodes_number(n, 0, "show paths", 0, "bursts") == bursts)
        talk(n, 100 * SVR_MS, 10 * SVR_MS);
    assert_true(nodes_number(n, 0, "show paths", 0, "latencyMicroseconds") > 100000);
    set_line(n, W1, 10 * SVR_MS, 0, false);
    talk(n, 20 * SVR_SEC, 50 * SVR_MS);
    assert_int_equal(on(n, W1), 1);
    assert_int_equal(moved_events(n, "path degraded", &sessions), 0);
    finish(n);
}

static void test_paths_losing_path_is_left(void **state) {
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST "  max-loss 5\n"));
    talk(n, SVR_SEC, 10 * SVR_MS);
    set_line(n, W1, 10 * SVR_MS, 4, false); /* BFD lives with this */
    talk(n, 40 * SVR_SEC, 10 * SVR_MS);
    assert_int_equal(on(n, W2), 1);
    assert_string_equal(nodes_field(n, 0, "show paths", 0, "status", NULL), "up");
    finish(n);
}

static void test_paths_jittery_path_is_left(void **state) {
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST "  max-jitter 10\n"));
    nodes_send(n, 0, 1);
    for (int side = 0; side < 2; side++)
        n->link[W1][side].jitter = 60 * SVR_MS;
    talk(n, 60 * SVR_SEC, 170 * SVR_MS);
    assert_int_equal(on(n, W2), 1);
    finish(n);
}

static void test_paths_without_filter_limits_do_not_count(void **state) {
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST "  max-latency 100\n  path-quality-filter false\n"));
    nodes_send(n, 0, 1);
    set_line(n, W1, 300 * SVR_MS, 0, false);
    talk(n, 40 * SVR_SEC, 100 * SVR_MS);
    assert_int_equal(on(n, W1), 1);
    finish(n);
}

static void test_paths_all_poor_sessions_stay(void **state) {
    uint64_t sessions;
    (void)state;
    nodes *n = begin(LATENCY);
    nodes_send(n, 0, 1);
    set_line(n, W1, 200 * SVR_MS, 0, false);
    set_line(n, W2, 200 * SVR_MS, 0, false);
    talk(n, 60 * SVR_SEC, 100 * SVR_MS);
    assert_true(moved_events(n, "path degraded", &sessions) <=
                1); /* the one may be noticed before the other */
    assert_int_equal(on(n, W1) + on(n, W2), 1);
    nodes_send(n, 0, 2); /* and a new one finds a path */
    assert_int_equal(on(n, W1) + on(n, W2), 2);
    finish(n);
}

/* ---- failure and return --------------------------------------------------------------------- */

static svr_time wait_until_on(nodes *n, int line, svr_duration at_most) {
    svr_time begin = n->now;
    while (on(n, line) == 0 && n->now - begin < at_most)
        talk(n, 20 * SVR_MS, 10 * SVR_MS);
    assert_true(on(n, line) > 0);
    return n->now - begin;
}

static svr_time in_service_at(const nodes *n) {
    for (size_t i = n->n_events; i--;)
        if (n->events[i].kind == SVR_EVENT_PATH_SERVICE && strcmp(n->events[i].to, "in-service") == 0)
            return n->events[i].time;
    return 0;
}

static void test_paths_failing_and_returning_path(void **state) {
    uint64_t sessions;
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST));
    talk(n, SVR_SEC, 10 * SVR_MS);
    set_line(n, W1, 0, 0, true);
    assert_true(wait_until_on(n, W2, 5 * SVR_SEC) <= 4 * SVR_SEC); /* BFD's detection time */
    talk(n, 200 * SVR_MS, 10 * SVR_MS);
    assert_int_equal(moved_events(n, "path failed", &sessions), 1);
    uint64_t there = n->lan[1], back = n->lan[0], sent = 0;
    set_line(n, W1, 10 * SVR_MS, 0, false);
    svr_time begin_at = n->now;
    while (on(n, W1) == 0 && n->now - begin_at < 30 * SVR_SEC) {
        talk(n, 20 * SVR_MS, 10 * SVR_MS);
        sent += 2;
    }
    svr_time up = in_service_at(n);
    assert_true(up > begin_at);
    assert_in_range(n->now - up, SVR_HOLD_DOWN, SVR_HOLD_DOWN + 1100 * SVR_MS);
    nodes_advance(n, SVR_SEC);
    assert_in_range(n->lan[1] - there, sent, sent + 2); /* coming back costs nothing */
    assert_in_range(n->lan[0] - back, sent, sent + 2);
    finish(n);
}

static void test_paths_flapping_path_gets_nothing_back(void **state) {
    uint64_t sessions;
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST));
    nodes_send(n, 0, 1);
    for (int i = 0; i < 6; i++) {
        set_line(n, W1, 0, 0, true);
        talk(n, 5 * SVR_SEC, 50 * SVR_MS);
        assert_int_equal(on(n, W2), 1);
        set_line(n, W1, 10 * SVR_MS, 0, false);
        talk(n, 4 * SVR_SEC, 50 * SVR_MS); /* up again for less than the hold-down */
        assert_int_equal(on(n, W2), 1);
    }
    assert_int_equal(moved_events(n, "path failed", &sessions), 1);
    assert_int_equal(moved_events(n, "preferred path", &sessions), 0);
    finish(n);
}

static void test_paths_failover_does_not_go_back(void **state) {
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST "  session-resiliency failover\n"));
    nodes_send(n, 0, 1);
    set_line(n, W1, 0, 0, true);
    talk(n, 5 * SVR_SEC, 50 * SVR_MS);
    set_line(n, W1, 10 * SVR_MS, 0, false);
    talk(n, 20 * SVR_SEC, 50 * SVR_MS);
    assert_int_equal(on(n, W2), 1);
    finish(n);
}

static void test_paths_without_resiliency_sessions_stay(void **state) {
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST "  session-resiliency none\n"));
    nodes_send(n, 0, 1);
    set_line(n, W1, 0, 0, true);
    talk(n, 6 * SVR_SEC, 50 * SVR_MS);
    assert_int_equal(on(n, W1), 1);
    assert_true(nodes_drops(n, 0, "no-path-in-service") > 0);
    finish(n);
}

/* ---- many ----------------------------------------------------------------------------------- */

static void test_paths_very_many_sessions_move_in_slices(void **state) {
    enum { MANY = 5000, MOST_AT_ONCE = 520 };
    uint64_t sessions, before, most = 0;
    (void)state;
    nodes *n = begin(POLICY(BROADBAND_FIRST));
    for (uint16_t i = 0; i < MANY; i++) {
        nodes_send(n, 0, i);
        if (i % 100 == 99) nodes_advance(n, 20 * SVR_MS);
    }
    assert_int_equal(on(n, W1), MANY);
    set_line(n, W1, 0, 0, true);
    for (svr_time end = n->now + 10 * SVR_SEC; n->now < end;) {
        before = on(n, W2);
        nodes_run(n, nodes_next(n) > n->now ? nodes_next(n) : n->now);
        if (on(n, W2) - before > most) most = on(n, W2) - before;
    }
    assert_int_equal(on(n, W2), MANY);
    assert_in_range(most, 100, MOST_AT_ONCE);
    assert_in_range(moved_events(n, "path failed", &sessions), 1, 3);
    assert_int_equal(sessions, MANY);
    for (uint16_t i = 0; i < MANY; i++) {
        nodes_send(n, 1, i); /* the far end has followed: it can reach all of them */
        if (i % 100 == 99) nodes_advance(n, 20 * SVR_MS);
    }
    nodes_advance(n, SVR_SEC);
    assert_int_equal(n->lan[0], MANY);
    finish(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_preferred_vector_first),
        cmocka_unit_test(test_paths_without_policy_first_in_order),
        cmocka_unit_test(test_paths_equal_ones_share_the_flows),
        cmocka_unit_test(test_paths_degrading_latency_moves_without_loss),
        cmocka_unit_test(test_paths_one_bad_burst_moves_nothing),
        cmocka_unit_test(test_paths_losing_path_is_left),
        cmocka_unit_test(test_paths_jittery_path_is_left),
        cmocka_unit_test(test_paths_without_filter_limits_do_not_count),
        cmocka_unit_test(test_paths_all_poor_sessions_stay),
        cmocka_unit_test(test_paths_failing_and_returning_path),
        cmocka_unit_test(test_paths_flapping_path_gets_nothing_back),
        cmocka_unit_test(test_paths_failover_does_not_go_back),
        cmocka_unit_test(test_paths_without_resiliency_sessions_stay),
        cmocka_unit_test(test_paths_very_many_sessions_move_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

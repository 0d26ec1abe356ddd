/* SPDX-License-Identifier: MIT
 * Show commands about sessions, services and paths, on two whole routers. */
#include "nodes_fixture.h"

static nodes *begin(void) {
    nodes *n = nodes_new("", "", "");
    nodes_advance(n, 5 * SVR_SEC);
    return n;
}

static bool refused(nodes *n, const char *command, const char *why) {
    const svr_report *report;
    svr_error err = {""};
    assert_int_equal(svr_node_show(n->node[0], command, n->now, &report, &err), -1);
    if (!strstr(err.message, why)) fail_msg("\"%s\" instead of \"%s\"", err.message, why);
    return true;
}

static void test_show_sessions_counts_both_ways(void **state) {
    nodes *n = begin();
    (void)state;
    for (int i = 0; i < 3; i++) {
        nodes_send(n, 0, 1);
        nodes_advance(n, 100 * SVR_MS);
    }
    nodes_send(n, 1, 1);
    nodes_advance(n, 100 * SVR_MS);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(nodes_field(n, i, "show sessions", 0, "service", NULL), "to-b");
        assert_string_equal(nodes_field(n, i, "show sessions", 0, "protocol", NULL), "udp");
        assert_string_equal(nodes_field(n, i, "show sessions", 0, "source", NULL), "10.1.0.10:20001");
        assert_string_equal(nodes_field(n, i, "show sessions", 0, "destination", NULL), "10.2.0.10:5001");
        assert_string_equal(nodes_field(n, i, "show sessions", 0, "place", NULL), i ? "egress" : "ingress");
        assert_int_equal(nodes_number(n, i, "show sessions", 0, "forwardPackets"), 3);
        assert_int_equal(nodes_number(n, i, "show sessions", 0, "reversePackets"), 1);
    }
    assert_int_equal(nodes_number(n, 0, "show sessions", 0, "forwardBytes"), 3 * 60);
    assert_non_null(strstr(nodes_show(n, 0, "show sessions"), "\nSessions 1 to 1 of 1\n"));
    nodes_del(n);
}

static void test_show_session_by_id(void **state) {
    nodes *n = begin();
    char command[80], id[40];
    (void)state;
    nodes_send(n, 0, 1);
    nodes_send(n, 0, 2);
    nodes_advance(n, SVR_SEC);
    snprintf(id, sizeof id, "%s", nodes_field(n, 0, "show sessions", 1, "session", NULL));
    snprintf(command, sizeof command, "show sessions id %s", id);
    const char *whole = nodes_field(n, 0, command, 0, "session", NULL);
    assert_int_equal(strlen(whole), 32);
    assert_memory_equal(whole, id, 8);
    assert_int_equal(nodes_number(n, 0, command, 0, "keyPhase"), 0);
    assert_non_null(strstr(nodes_show(n, 0, command), "Out Waypoints: 192.0."));
    refused(n, "show sessions id zebra", "4-32 hex digits");
    refused(n, "show sessions id abc", "4-32 hex digits");
    refused(n, "show sessions id 00000000000000000000000000000000", "no session here begins with");
    nodes_del(n);
}

static void test_show_sessions_in_pages(void **state) {
    nodes *n = begin();
    (void)state;
    assert_string_equal(nodes_show(n, 0, "show sessions"), "Sessions 0 to 0 of 0\n");
    for (uint16_t i = 0; i < 150; i++)
        nodes_send(n, 0, i);
    nodes_advance(n, SVR_SEC);
    assert_non_null(strstr(nodes_show(n, 0, "show sessions"), "Sessions 1 to 100 of 150; the next"));
    assert_non_null(strstr(nodes_show(n, 0, "show sessions page 2"), "Sessions 101 to 150 of 150\n"));
    refused(n, "show sessions page 3", "there is no page 3; allowed: 1-2");
    refused(n, "show sessions page 0", "there is no page 0; allowed: 1-2");
    assert_int_equal(nodes_number(n, 0, "show sessions count", 0, "sessions"), 150);
    assert_int_equal(nodes_number(n, 0, "show sessions count", 0, "created"), 150);
    nodes_advance(n, 300 * SVR_SEC);
    assert_int_equal(nodes_number(n, 0, "show sessions count", 0, "sessions"), 0);
    assert_int_equal(nodes_number(n, 0, "show sessions count", 0, "ended"), 150);
    nodes_del(n);
}

static void test_show_services_and_paths_count(void **state) {
    nodes *n = begin();
    (void)state;
    assert_string_equal(nodes_field(n, 0, "show services", 0, "nextHops", NULL), "peer b");
    assert_string_equal(nodes_field(n, 1, "show services", 0, "nextHops", NULL), "interface lan");
    for (uint16_t i = 0; i < 10; i++)
        nodes_send(n, 0, i);
    nodes_advance(n, SVR_SEC);
    assert_int_equal(nodes_number(n, 0, "show services", 0, "sessions"), 10);
    uint64_t sessions = 0, sent = 0, received = 0;
    for (size_t path = 0; path < 2; path++) {
        sessions += nodes_number(n, 0, "show paths", path, "sessions");
        sent += nodes_number(n, 0, "show paths", path, "sentPackets");
        received += nodes_number(n, 1, "show paths", path, "receivedPackets");
    }
    assert_int_equal(sessions, 10);
    assert_int_equal(sent, 10);
    assert_int_equal(received, 10);
    assert_string_equal(nodes_field(n, 0, "show paths", 0, "vector", NULL), "broadband");
    assert_string_equal(nodes_field(n, 0, "show paths", 1, "destination", NULL), "192.0.2.2");
    nodes_advance(n, 300 * SVR_SEC);
    assert_int_equal(nodes_number(n, 0, "show services", 0, "sessions"), 0);
    assert_int_equal(
        nodes_number(n, 0, "show paths", 0, "sessions") + nodes_number(n, 0, "show paths", 1, "sessions"), 0);
    nodes_del(n);
}

static void test_show_sessions_survives_failing_memory(void **state) {
    static const char *const commands[] = {"show sessions", "show services", "show paths"};
    nodes *n = begin();
    const svr_report *report;
    svr_error err;
    (void)state;
    nodes_send(n, 0, 1);
    for (size_t c = 0; c < 3; c++) {
        for (size_t k = 1; k < 6; k++) {
            n->heap.fail_at = n->heap.requests + k;
            if (svr_node_show(n->node[0], commands[c], n->now, &report, &err) == 0) break;
        }
        n->heap.fail_at = 0;
    }
    nodes_del(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show_sessions_counts_both_ways),
        cmocka_unit_test(test_show_session_by_id),
        cmocka_unit_test(test_show_sessions_in_pages),
        cmocka_unit_test(test_show_services_and_paths_count),
        cmocka_unit_test(test_show_sessions_survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

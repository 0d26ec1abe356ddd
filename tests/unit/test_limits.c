/* SPDX-License-Identifier: MIT
 * How many flows may begin, and the alarms when something runs out. */
#include "forward_fixture.h"

#include "base/alarm.h"

static bool stands(const net *t, int i, svr_alarm_cause cause) {
    size_t n;
    const svr_alarm *a = svr_alarms(&t->node[i].rt, &n);
    for (size_t k = 0; k < n; k++)
        if (a[k].cause == cause) return true;
    return false;
}

/* So many flows from a host, each from another port; how many began. */
static size_t open_flows(net *t, const char *src, uint16_t first, size_t n) {
    spec s = udp4;
    size_t before = sessions(t, 0);
    s.src = src;
    for (size_t k = 0; k < n; k++) {
        s.sport = (uint16_t)(first + k);
        host_sends(t, 0, &s);
        collect(t);
        t->wire.n = 0;
    }
    return sessions(t, 0) - before;
}

static void test_limits_one_source_takes_its_share_alone(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->node[0].router.flows_per_source = 10;
    t->node[0].router.flows_per_second = 1000;
    assert_int_equal(open_flows(t, "10.1.0.66", 1000, 500), 20); /* two seconds' worth at once */
    assert_int_equal(drops(t, 0, SVR_DROP_FLOW_LIMIT), 480);
    assert_int_equal(open_flows(t, "10.1.0.10", 1000, 20), 20); /* the neighbour has its own */
    assert_int_equal(t->lan.n, 0);                              /* no answer: that would be work, too */
    advance(t, SVR_SEC);
    assert_int_equal(open_flows(t, "10.1.0.66", 2000, 500), 10);
    net_del(t);
}

static void test_limits_all_sources_together(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    char src[32];
    size_t begun = 0;
    t->node[0].router.flows_per_source = 10;
    t->node[0].router.flows_per_second = 50;
    for (int host = 1; host < 50; host++) {
        snprintf(src, sizeof src, "10.1.0.%d", host);
        begun += open_flows(t, src, 1000, 10);
    }
    assert_int_equal(begun, 100);
    net_del(t);
}

static void test_limits_spare_flows_that_exist(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->node[0].router.flows_per_source = 1;
    send(t, 0, &udp4);
    open_flows(t, udp4.src, 10000, 100);
    clear_captures(t);
    for (int i = 0; i < 50; i++) {
        send(t, 0, &udp4);
        expect_on_lan(t, 1, &udp4);
    }
    assert_int_equal(t->lan.n, 50);
    net_del(t);
}

static void test_limits_alarm_stands_while_flows_are_turned_away(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->node[0].router.flows_per_source = 1;
    assert_false(stands(t, 0, SVR_ALARM_FLOWS));
    for (int s = 0; s < 30; s++) {
        open_flows(t, "10.1.0.66", (uint16_t)(1000 + 100 * s), 10);
        assert_true(stands(t, 0, SVR_ALARM_FLOWS));
        advance(t, SVR_SEC);
    }
    advance(t, 8 * SVR_SEC);
    assert_true(stands(t, 0, SVR_ALARM_FLOWS));
    advance(t, 3 * SVR_SEC);
    assert_false(stands(t, 0, SVR_ALARM_FLOWS));
    net_del(t);
}

static void test_limits_waypoints(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    t->node[1].router.max_waypoints = 10; /* a transit router: two for each session */
    spec s = udp4;
    for (uint16_t i = 0; i < 8; i++) {
        s.sport = (uint16_t)(1000 + i);
        send(t, 0, &s);
    }
    assert_int_equal(sessions(t, 1), 5);
    assert_int_equal(drops(t, 1, SVR_DROP_NO_WAYPOINT), 3);
    assert_true(stands(t, 1, SVR_ALARM_WAYPOINTS));
    advance(t, 200 * SVR_SEC); /* all have ended */
    assert_int_equal(t->node[1].forward->sessions.waypoints, 0);
    assert_false(stands(t, 1, SVR_ALARM_WAYPOINTS));
    s.sport = 5000;
    send(t, 0, &s);
    expect_on_lan(t, 2, &s);
    net_del(t);
}

static void test_limits_port_range_runs_out(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->hood.ports = (svr_port_range){20000, 20003}; /* two even, two odd: four pairs */
    t->node[0].peers.peer[1].path[1].in_service = false;
    assert_int_equal(open_flows(t, "10.1.0.10", 1000, 10), 4);
    assert_int_equal(drops(t, 0, SVR_DROP_NO_WAYPOINT), 6);
    assert_true(stands(t, 0, SVR_ALARM_WAYPOINTS));
    net_del(t);
}

static void test_limits_full_table_is_told_in_time(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    t->node[0].forward->sessions.by_uuid.limit = 100;
    open_flows(t, "10.1.0.10", 1000, 80);
    assert_false(stands(t, 0, SVR_ALARM_SESSIONS));
    open_flows(t, "10.1.0.10", 2000, 50);
    assert_int_equal(sessions(t, 0), 100);
    assert_int_equal(drops(t, 0, SVR_DROP_SESSION_LIMIT), 30);
    assert_true(stands(t, 0, SVR_ALARM_SESSIONS));
    advance(t, 100 * SVR_SEC);
    assert_true(stands(t, 0, SVR_ALARM_SESSIONS)); /* they are still there */
    advance(t, 100 * SVR_SEC);
    assert_false(stands(t, 0, SVR_ALARM_SESSIONS));
    net_del(t);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_one_source_takes_its_share_alone),
        cmocka_unit_test(test_limits_all_sources_together),
        cmocka_unit_test(test_limits_spare_flows_that_exist),
        cmocka_unit_test(test_limits_alarm_stands_while_flows_are_turned_away),
        cmocka_unit_test(test_limits_waypoints),
        cmocka_unit_test(test_limits_port_range_runs_out),
        cmocka_unit_test(test_limits_full_table_is_told_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

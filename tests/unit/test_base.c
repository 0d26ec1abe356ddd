/* SPDX-License-Identifier: MIT
 * core/base: timers, tables, addresses, packets. */
#include "base/alarm.h"
#include "base/table.h"
#include "base/timer.h"
#include "svr/packet.h"
#include "unit.h"

#include <stdio.h>

typedef struct fired {
    svr_timer t;
    int id;
} fired;
static int order[16], n_order;

static void note(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    order[n_order++] = ((fired *)t)->id;
}

static void test_timer_fires_by_time_then_by_setting(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_timer_heap h;
    fired f[5];
    static const svr_time when[5] = {30, 10, 20, 10, 40};
    n_order = 0;
    svr_timer_heap_init(&h, &alloc);
    for (int i = 0; i < 5; i++) {
        f[i].id = i;
        assert_true(svr_timer_init(&f[i].t, &h, note));
        svr_timer_set(&f[i].t, &h, when[i]);
    }
    assert_int_equal(svr_timer_next(&h), 10);
    svr_timer_stop(&f[2].t, &h);
    svr_timer_run(&h, NULL, 30);
    static const int want[3] = {1, 3, 0};
    assert_int_equal(n_order, 3);
    assert_memory_equal(order, want, sizeof want);
    assert_int_equal(svr_timer_next(&h), 40);
    for (int i = 0; i < 5; i++)
        svr_timer_fini(&f[i].t, &h);
    assert_true(svr_timer_next(&h) == SVR_TIME_NEVER);
    svr_timer_heap_fini(&h);
    assert_int_equal(heap.live, 0);
}

typedef struct item {
    uint32_t pad, key;
} item;

static void test_table_survives_churn_of_colliding_keys(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_table t;
    static item items[2000];
    svr_table_init(&t, &alloc, offsetof(item, key), sizeof(uint32_t), 1500, 7);
    for (uint32_t i = 0; i < 2000; i++) {
        items[i].key = i * 64;
        assert_int_equal(svr_table_put(&t, &items[i]), i < 1500); /* the limit holds */
    }
    assert_false(svr_table_put(&t, &items[3]));
    for (uint32_t i = 0; i < 1500; i += 3)
        assert_true(svr_table_remove(&t, &items[i]));
    assert_false(svr_table_remove(&t, &items[0]));
    for (uint32_t i = 0; i < 1500; i++)
        assert_ptr_equal(svr_table_get(&t, &items[i].key), i % 3 ? &items[i] : NULL);
    size_t pos = 0, seen = 0;
    while (svr_table_next(&t, &pos))
        seen++;
    assert_int_equal(seen, 1000);
    svr_table_fini(&t);
    assert_int_equal(heap.live, 0);
}

static void test_addr_parses_formats_and_matches_prefixes(void **state) {
    (void)state;
    svr_addr a, b;
    char text[SVR_ADDR_TEXT_MAX];
    assert_true(svr_addr_parse("10.1.2.3", &a));
    assert_true(svr_addr_parse("2001:db8::1", &b));
    assert_false(svr_addr_parse("10.1.2", &b));
    assert_string_equal(svr_addr_format(&a, text), "10.1.2.3");
    assert_string_equal(svr_addr_format(&b, text), "2001:db8::1");
    svr_prefix p = svr_prefix_make(&a, 15);
    assert_string_equal(svr_addr_format(&p.addr, text), "10.0.0.0");
    assert_true(svr_prefix_contains(&p, &a));
    assert_false(svr_prefix_contains(&p, &b));
    assert_true(svr_addr_parse("10.2.0.0", &a));
    assert_false(svr_prefix_contains(&p, &a));
    svr_prefix all = svr_prefix_make(&a, 0);
    assert_true(svr_prefix_contains(&all, &a));
}

static void test_pool_bounds_and_reuses_packets(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_pool *pool = svr_pool_new(&alloc, 2);
    svr_packet *a = svr_packet_get(pool, 1500), *b = svr_packet_get(pool, 9000);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(svr_packet_get(pool, 1));
    assert_true(svr_packet_headroom(b) == SVR_PACKET_HEADROOM);
    assert_true(svr_packet_tailroom(b) >= 9000 + SVR_PACKET_TAILROOM);
    svr_packet_put(pool, a);
    assert_ptr_equal(svr_packet_get(pool, 64), a);
    svr_batch batch = {.n = 2, .pkt = {a, b}};
    svr_batch_put(pool, &batch);
    assert_null(svr_packet_get(pool, SVR_PACKET_LEN_MAX + 1));
    svr_pool_del(pool);
    assert_int_equal(heap.live, 0);
}

/* CRT-ALARM-TEXT: raised once, under a new ID when it changes, cleared when the cause is gone */
static void test_alarm_is_raised_once_and_cleared_once(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_runtime rt;
    size_t n;
    assert_true(svr_runtime_init(&rt, &alloc, NULL, NULL, 1, false));
    rt.wall_then = (svr_wall)SVR_SEC * 1000;
    for (int i = 0; i < 3; i++)
        svr_alarm_raise(&rt, SVR_ALARM_PEER_CERTIFICATE, "west", SVR_CRITICAL, "Peer %s is %s", "west",
                        "expired");
    assert_int_equal(rt.events_n, 1);
    assert_string_equal(rt.events[0].to, "raised");
    assert_string_equal(rt.events[0].detail, "Peer west is expired");
    svr_alarm_raise(&rt, SVR_ALARM_CERTIFICATE, "west", SVR_MINOR, "within a month");
    svr_alarm_raise(&rt, SVR_ALARM_CERTIFICATE, "west", SVR_MAJOR, "within a week");
    assert_int_equal(rt.events_n, 4); /* raised, cleared, raised */
    const svr_alarm *a = svr_alarms(&rt, &n);
    assert_int_equal(n, 2);
    assert_int_equal(a[0].id, 1);
    assert_int_equal(a[1].id, 3);
    assert_int_equal(a[1].severity, SVR_MAJOR);
    svr_alarm_clear(&rt, SVR_ALARM_PEER_CERTIFICATE, "east");
    svr_alarm_clear(&rt, SVR_ALARM_PEER_CERTIFICATE, "west");
    svr_alarm_clear(&rt, SVR_ALARM_PEER_CERTIFICATE, "west");
    assert_int_equal(rt.events_n, 5);
    a = svr_alarms(&rt, &n);
    assert_int_equal(n, 1);
    assert_int_equal(a[0].id, 3);
    char source[16];
    for (unsigned i = 0; i < SVR_ALARMS_MAX + 5; i++) {
        snprintf(source, sizeof source, "r%u", i);
        svr_alarm_raise(&rt, SVR_ALARM_PEER_AUTHENTICATION, source, SVR_MAJOR, "x");
    }
    svr_alarms(&rt, &n);
    assert_int_equal(n, SVR_ALARMS_MAX);
    assert_int_equal(rt.alarms_lost, 6);
    svr_runtime_fini(&rt);
    assert_int_equal(heap.live, 0);
}

static void test_wall_formats_as_utc(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "1970-01-01 00:00:00"},          {1738091227, "2025-01-28 19:07:07"},
                 {951782399, "2000-02-28 23:59:59"},  {951868799, "2000-02-29 23:59:59"},
                 {4107542400, "2100-03-01 00:00:00"}, {-1, "1969-12-31 23:59:59"}};
    char out[SVR_WALL_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(svr_wall_format(cases[i].seconds * (svr_wall)SVR_SEC, out), cases[i].text);
    assert_string_equal(svr_wall_format(-1, out), "1969-12-31 23:59:59");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_fires_by_time_then_by_setting),
        cmocka_unit_test(test_table_survives_churn_of_colliding_keys),
        cmocka_unit_test(test_addr_parses_formats_and_matches_prefixes),
        cmocka_unit_test(test_pool_bounds_and_reuses_packets),
        cmocka_unit_test(test_alarm_is_raised_once_and_cleared_once),
        cmocka_unit_test(test_wall_formats_as_utc),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}

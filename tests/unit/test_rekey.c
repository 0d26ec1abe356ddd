/* SPDX-License-Identifier: MIT
 * When rekeying starts: the interval, `never`, and the spread of a router with many peers. */
#include "base/alarm.h"
#include "peer_fixture.h"

#define MANY 40

static char config[65536];

/* bench_config with one line changed. */
static void change(const char *from, const char *to) {
    const char *at = strstr(bench_config, from);
    assert_non_null(at);
    snprintf(config, sizeof config, "%.*s%s%s", (int)(at - bench_config), bench_config, to,
             at + strlen(from));
}

/* KEY-REKEY-PEER, CFG-PEER-REKEY: `never` means never, for peer keys and metadata keys */
static void test_rekey_never_means_never(void **state) {
    (void)state;
    bench b = {.seed = 7};
    svr_event ev;
    change(" security-key-management\n", " security-key-management\n  peer-key-rekey-interval never\n");
    bench_init_config(&b, config);
    bench_run(&b, 5 * SVR_SEC);
    for (int i = 0; i < 2; i++)
        while (bench_event(&b, i, SVR_EVENT_KEY_REQUEST, &ev))
            ;
    bench_run(&b, 72 * SVR_HOUR);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bench_peer(&b, i)->ring.current->id.index, 1);
        assert_int_equal(b.s[i].peers->metadata_key.index, 1);
        assert_false(bench_event(&b, i, SVR_EVENT_KEY_REQUEST, &ev));
        assert_true(svr_path_in_service(bench_path(&b, i)));
    }
    bench_fini(&b);
}

/* CFG-PEER-REKEY: an hour is an hour; salts and DH values are fresh each time (CRY-PFS) */
static void test_rekey_every_hour_with_fresh_salts(void **state) {
    (void)state;
    bench b = {.seed = 7};
    uint8_t salts[6][SVR_SALT_LEN], secrets[6][SVR_PEER_KEY_LEN];
    change(" security-key-management\n", " security-key-management\n  peer-key-rekey-interval 1\n");
    bench_init_config(&b, config);
    for (int n = 0; n < 6; n++) {
        bench_run(&b, (svr_time)n * SVR_HOUR + 120 * SVR_SEC);
        assert_int_equal(bench_peer(&b, 0)->ring.current->id.index, n + 1);
        memcpy(salts[n], bench_peer(&b, 0)->salt, SVR_SALT_LEN);
        memcpy(secrets[n], bench_peer(&b, 0)->ring.current->secret, SVR_PEER_KEY_LEN);
        for (int k = 0; k < n; k++) {
            assert_memory_not_equal(salts[k], salts[n], SVR_SALT_LEN);
            assert_memory_not_equal(secrets[k], secrets[n], SVR_PEER_KEY_LEN);
        }
    }
    bench_fini(&b);
}

static size_t append_router(char *out, const char *name, unsigned host, const char *topology) {
    return (size_t)sprintf(out,
                           " router %s\n  peering-common-name alias-%s\n  node n\n   device-interface w\n"
                           "    network-interface w\n     neighborhood net\n      topology %s\n     exit\n"
                           "     address 192.0.2.%u\n      prefix-length 24\n     exit\n    exit\n   exit\n"
                           "  exit\n exit\n",
                           name, name, topology, host);
}

/* PD-SPREAD: the hub's next exchanges lie apart, in the last n x 100 ms of the interval */
static void test_rekey_of_many_peers_is_spread(void **state) {
    (void)state;
    bench b = {.seed = 7};
    char name[16];
    size_t n = (size_t)sprintf(config, "authority\n enhanced-security-key-management true\n");
    n += append_router(config + n, "a", 1, "hub");
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%s%u", i ? "s" : "b", i);
        if (i == 0) name[1] = 0;
        n += append_router(config + n, name, 2 + i, "spoke");
    }
    bench_prepare(&b, config);
    bench_start(&b, 0, 0);
    bench_start(&b, 1, 0);
    svr_peers *hub = b.s[0].peers;
    assert_int_equal(hub->n_peers, MANY);
    svr_time interval_end = b.now + 24 * SVR_HOUR, window = MANY * SVR_REKEY_SPACING;
    size_t early = 0;
    for (size_t i = 0; i < MANY; i++) {
        svr_peer_plan_rekey(&hub->peers[i]);
        svr_time when = hub->peers[i].rekey.when;
        assert_true(when <= interval_end && when >= interval_end - window);
        early += when < interval_end - window / 2;
        for (size_t k = 0; k < i; k++)
            assert_true(hub->peers[k].rekey.when != when);
    }
    assert_in_range(early, MANY / 4, 3 * MANY / 4);
    /* a spoke has one peer: it keeps to the interval */
    svr_peer_plan_rekey(bench_peer(&b, 1));
    assert_int_equal(bench_peer(&b, 1)->rekey.when, interval_end + 60 * SVR_SEC);
    bench_fini(&b);
}

/* CFG-KEX, PD-KEX: 1024 bits serve when configured, and are warned of */
static void test_rekey_with_a_weak_group_is_alarmed(void **state) {
    (void)state;
    bench b = {.seed = 7};
    size_t n;
    change("   ecdh\n    curve X25519\n", "   diffie-hellman\n    dh-key-size 1024\n");
    bench_init_config(&b, config);
    bench_run(&b, 5 * SVR_SEC);
    assert_true(svr_path_in_service(bench_path(&b, 0)));
    const svr_alarm *a = svr_alarms(&b.s[0].rt, &n);
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= a[i].cause == SVR_ALARM_WEAK_GROUP && a[i].severity == SVR_MINOR;
    assert_true(found);
    bench_fini(&b);
}

/* CRY-PEERKEY-DH: 4096 bit Diffie-Hellman unless configured otherwise; BFD metadata is under its key */
static void test_rekey_default_is_dh_of_4096_bits(void **state) {
    (void)state;
    bench b = {.seed = 7};
    svr_kex_fields f;
    change(" security-key-management\n  key-exchange-algorithm\n   ecdh\n    curve X25519\n   exit\n  exit\n "
           "exit\n",
           "");
    bench_prepare(&b, config);
    bench_start(&b, 0, 0);
    bench_start(&b, 1, 0);
    svr_peer *p = bench_peer(&b, 0);
    svr_peer_start_request(p, "test");
    assert_int_equal(
        svr_kex_fields_decode(&f, b.crypt, SVR_KEX_REQUEST, (svr_piece){p->request.bytes, p->request.len}),
        0);
    assert_int_equal(f.group, SVR_GROUP_MODP_4096);
    assert_int_equal(f.public_value.len, 4096 / 8);
    bench_run(&b, 35 * SVR_SEC);
    assert_non_null(p->ring.current);
    assert_true(p->ring.current->sent > 20); /* BFD packets */
    assert_true(svr_path_in_service(bench_path(&b, 0)));
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rekey_never_means_never),
        cmocka_unit_test(test_rekey_every_hour_with_fresh_salts),
        cmocka_unit_test(test_rekey_of_many_peers_is_spread),
        cmocka_unit_test(test_rekey_with_a_weak_group_is_alarmed),
        cmocka_unit_test(test_rekey_default_is_dh_of_4096_bits),
    };
    return cmocka_run_group_tests_name("rekey", tests, NULL, NULL);
}

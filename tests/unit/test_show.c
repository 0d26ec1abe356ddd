/* SPDX-License-Identifier: MIT
 * The show commands: what they print in a fixed scenario, to the letter (OPS-KEY-STATUS, OPS-SA,
 * OPS-PEERS-SEC). Salts and certificates differ from run to run and are put into the expected text from the
 * state itself. */
#include "base/bytes.h"
#include "ops/show_internal.h"
#include "peer_fixture.h"

#include <openssl/evp.h>

#define TEXT_MAX 8192

/* Runs a command on side `i`; the report belongs to the builder, which the caller deletes. */
static int run(bench *b, int i, svr_report_builder *r, const char *command, const svr_report **out,
               svr_error *err) {
    const svr_peers *peers = b->s[i].peers;
    b->s[i].rt.now = b->now;
    const svr_show_context ctx = {.rt = &b->s[i].rt, .peers = peers, .node = peers->node, .report = r};
    return svr_show(&ctx, command, out, err);
}

static void expect_text(bench *b, int i, const char *command, const char *expected) {
    svr_error err;
    const svr_report *report;
    svr_report_builder *r = svr_report_builder_new(&b->alloc);
    assert_int_equal(run(b, i, r, command, &report, &err), 0);
    assert_string_equal(report->text, expected);
    svr_report_builder_del(r);
}

static void expect_error(bench *b, const char *command, const char *expected) {
    svr_error err;
    const svr_report *report;
    svr_report_builder *r = svr_report_builder_new(&b->alloc);
    assert_int_equal(run(b, 0, r, command, &report, &err), -1);
    assert_null(report);
    assert_string_equal(err.message, expected);
    svr_report_builder_del(r);
}

/* ---- key-status ----------------------------------------------------------------------------- */

#define RULE "================================================\n"

static void test_show_key_status_has_every_field_of_the_sample(void **state) { /* OPS-KEY-STATUS */
    bench b;
    (void)state;
    bench_init(&b);
    bench_run(&b, SVR_HOUR + 20 * 60 * SVR_SEC + 25 * SVR_SEC);
    expect_text(&b, 0, "show security key-status",
                RULE "a1\n" RULE "Key Manager State: Active Leader\n"
                     "Rekey Index: 1\n"
                     "Last Rekey: 1 hrs 20 min 23 sec\n"
                     "Next Rekey: 22 hrs 39 min 36 sec\n"
                     "Key Change Count: 2\n"
                     "Config Key Change Count: 0\n"
                     "Key Change Error: none\n"
                     "Config Key Change Error: none\n"
                     "Metadata Rekey Index: 1\n"
                     "Metadata Last Rekey: 1 hrs 20 min 24 sec\n"
                     "Metadata Next Rekey: 22 hrs 39 min 36 sec\n");
    bench_fini(&b);
}

static void test_show_key_status_counts_changes(void **state) { /* OPS-KEY-STATUS, KEY-REGENERATE */
    bench b;
    (void)state;
    bench_init(&b);
    bench_run(&b, 2 * SVR_SEC);
    b.s[0].rt.now = b.now;
    svr_peers_regenerate_metadata_key(b.s[0].peers, "test");
    bench_run(&b, 25 * SVR_HOUR);
    expect_text(&b, 0, "show security key-status",
                RULE "a1\n" RULE "Key Manager State: Active Leader\n"
                     "Rekey Index: 2\n" /* 24 h after the first key, and 30 s of grace */
                     "Last Rekey: 0 hrs 59 min 28 sec\n"
                     "Next Rekey: 23 hrs 0 min 1 sec\n"
                     "Key Change Count: 5\n" /* two peer keys, three metadata keys */
                     "Config Key Change Count: 1\n"
                     "Key Change Error: none\n"
                     "Config Key Change Error: none\n"
                     "Metadata Rekey Index: 3\n" /* 24 h after the one on command */
                     "Metadata Last Rekey: 0 hrs 59 min 58 sec\n"
                     "Metadata Next Rekey: 23 hrs 0 min 2 sec\n");
    bench_fini(&b);
}

static void test_show_key_status_tells_why_a_change_failed(void **state) { /* OPS-KEY-STATUS, KEY-TIMEOUT */
    bench b;
    (void)state;
    bench_init(&b);
    b.cut[0] = b.cut[1] = true;
    bench_run(&b, 2 * SVR_HOUR);
    expect_text(&b, 0, "show security key-status",
                RULE "a1\n" RULE "Key Manager State: Active Leader\n"
                     "Rekey Index: 0\n"
                     "Last Rekey: never\n"
                     "Next Rekey: never\n"
                     "Key Change Count: 1\n"
                     "Config Key Change Count: 0\n"
                     "Key Change Error: b: no valid answer within peer-key-timeout\n"
                     "Config Key Change Error: none\n"
                     "Metadata Rekey Index: 1\n"
                     "Metadata Last Rekey: 1 hrs 59 min 59 sec\n"
                     "Metadata Next Rekey: 22 hrs 0 min 1 sec\n");
    bench_fini(&b);
}

static void
test_show_key_status_is_inactive_without_the_feature(void **state) { /* OPS-KEY-STATUS, CFG-ENABLE */
    bench b = {.seed = 7};
    char config[sizeof bench_config];
    (void)state;
    memcpy(config, bench_config, sizeof config);
    char *word = strstr(config, "management true");
    assert_non_null(word);
    memcpy(word, "management false\n", 17); /* one byte more: in place of the next line's blank */
    bench_init_config(&b, config);
    bench_run(&b, 10 * SVR_SEC);
    b.s[0].rt.now = b.now;
    svr_peers_regenerate_metadata_key(b.s[0].peers, "test");
    expect_text(&b, 0, "show security key-status",
                RULE "a1\n" RULE "Key Manager State: inactive\n"
                     "Rekey Index: 0\n"
                     "Last Rekey: never\n"
                     "Next Rekey: never\n"
                     "Key Change Count: 0\n"
                     "Config Key Change Count: 0\n"
                     "Key Change Error: none\n"
                     "Config Key Change Error: enhanced-security-key-management is false\n"
                     "Metadata Rekey Index: 0\n"
                     "Metadata Last Rekey: never\n"
                     "Metadata Next Rekey: never\n");
    bench_fini(&b);
}

/* ---- security-associations ------------------------------------------------------------------ */

static void test_show_security_associations_is_a_row_a_path(void **state) { /* OPS-SA */
    static const char up[] = "======= ========= ==== ================= =========== ======\n"
                             "Peer    Peer Name Node Network Interface Destination Status\n"
                             "======= ========= ==== ================= =========== ======\n"
                             "alias-b b         a1   w                 192.0.2.2   up\n";
    bench b;
    (void)state;
    bench_init(&b);
    bench_run(&b, 10 * SVR_SEC);
    expect_text(&b, 0, "show security security-associations", up);
    expect_text(&b, 0, "show security security-associations b", up);
    b.cut[0] = true;
    bench_run(&b, 20 * SVR_SEC);
    expect_text(&b, 0, "show security security-associations",
                "======= ========= ==== ================= =========== ======\n"
                "Peer    Peer Name Node Network Interface Destination Status\n"
                "======= ========= ==== ================= =========== ======\n"
                "alias-b b         a1   w                 192.0.2.2   down\n");
    expect_error(&b, "show security security-associations c", "no peer is named \"c\"; there are: b");
    expect_error(&b, "show security security-associations c detail", "no peer is named \"c\"; there are: b");
    bench_fini(&b);
}

static void test_show_security_associations_detail_has_every_line_of_the_sample(void **state) { /* OPS-SA */
    bench b;
    char local[17], remote[17], expected[TEXT_MAX];
    (void)state;
    bench_init(&b);
    bench_run(&b, 24 * SVR_HOUR + 2 * SVR_SEC); /* a metadata key on its way, a rekey under way */
    svr_hex(bench_peer(&b, 0)->salt, 8, local);
    svr_hex(bench_peer(&b, 0)->peer_salt, 8, remote);
    snprintf(expected, sizeof expected,
             "Peer Name: b\n"
             "State: UP\n"
             "Peer Certificate: Valid\n"
             "Public Key: Valid\n"
             "Local salt: %s, Remote salt: %s\n"
             "Peer Key Rekey In: 23 hrs 59 min 59 sec\n"
             "Peer Rekey Count: 1\n"
             "Metadata Key Rekey In: 23 hrs 59 min 59 sec\n"
             "Local Metadata Key Index: 2 (2), Remote Metadata Key Index: 2 (2)\n",
             local, remote);
    expect_text(&b, 0, "show security security-associations b detail", expected);
    expect_text(&b, 0, "show security security-associations detail", expected);
    bench_fini(&b);
}

static void test_show_security_associations_detail_without_any_answer(void **state) { /* OPS-SA */
    bench b;
    char local[17], expected[TEXT_MAX];
    (void)state;
    bench_init(&b);
    b.cut[0] = b.cut[1] = true;
    bench_run(&b, 10 * SVR_SEC);
    snprintf(expected, sizeof expected,
             "Peer Name: b\n"
             "State: DOWN\n"
             "Peer Certificate: none\n"
             "Public Key: none\n"
             "Local salt: %s, Remote salt: 0000000000000000\n"
             "Peer Key Rekey In: never\n"
             "Peer Rekey Count: 0\n"
             "Metadata Key Rekey In: 23 hrs 59 min 51 sec\n"
             "Local Metadata Key Index: 1 (0), Remote Metadata Key Index: 0 (0)\n",
             svr_hex(bench_peer(&b, 0)->salt, 8, local));
    expect_text(&b, 0, "show security security-associations b detail", expected);
    bench_fini(&b);
}

static void test_show_security_associations_detail_of_several_peers_is_spaced(void **state) { /* OPS-SA */
    bench b;
    const svr_report *report;
    (void)state;
    bench_init(&b);
    svr_report_builder *r = svr_report_builder_new(&b.alloc);
    for (int i = 0; i < 2; i++) {
        svr_report_record(r, i ? "two" : "one");
        svr_report_number(r, "Key", "key", (uint64_t)i);
        svr_report_flag(r, "Known", "known", i);
        svr_report_place(r, SVR_PLACE_JOINED);
    }
    report = svr_report_lines(r);
    assert_string_equal(report->text, "Key: 0, Known: False\n\nKey: 1, Known: True\n");
    svr_report_builder_del(r);
    bench_fini(&b);
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void test_show_peers_security_has_every_field_of_the_sample(void **state) { /* OPS-PEERS-SEC */
    bench b;
    char expected[TEXT_MAX];
    (void)state;
    bench_init(&b);
    bench_run(&b, 10 * SVR_SEC);
    snprintf(expected, sizeof expected,
             "=========\n"
             "Peer: b\n"
             "=========\n"
             "Peer: b\n"
             "Node: a1\n"
             "Network Interface: w\n"
             "Destination: 192.0.2.2\n"
             "Status: up\n"
             "Hostname: unavailable\n"
             "Path Mtu: unavailable\n"
             "Security Status: MKEY_EXCH_COMP\n"
             "Salt: %u\n"
             "Peer Salt: %u\n"
             "Key Index: 1\n"
             "Peer Ki: 1\n"
             "Cert Rec: True\n"
             "Cert Ack: True\n"
             "Salt Rec: True\n"
             "Salt Ack: True\n"
             "Key Rec: True\n"
             "Key Ack: True\n",
             svr_get32(bench_peer(&b, 0)->salt), svr_get32(bench_peer(&b, 0)->peer_salt));
    expect_text(&b, 0, "show peers security", expected);
    expect_text(&b, 0, "show  peers   security ", expected);
    bench_fini(&b);
}

/* ---- certificates --------------------------------------------------------------------------- */

/* "40:AB:..." of octets. */
static void colons(const uint8_t *p, size_t len, char *out) {
    for (size_t i = 0; i < len; i++)
        sprintf(out + 3 * i, "%02X%s", p[i], i + 1 < len ? ":" : "");
}

/* What the certificate of side `i` is expected to show, serial and fingerprint read from its DER form. */
static void expect_facts(bench *b, int i, const char *name, const char *verdict, char out[TEXT_MAX]) {
    uint8_t digest[32];
    char serial[96], print[96];
    svr_piece chain = svr_identity_chain(b->s[i].peers->identity);
    const uint8_t *der = (const uint8_t *)chain.p + 2;
    assert_int_equal(EVP_Digest(der, chain.len - 2, digest, NULL, EVP_sha256(), NULL), 1);
    /* SEQUENCE(4) SEQUENCE(4) version(5) INTEGER of 16 octets */
    assert_memory_equal(der + 8, "\xa0\x03\x02\x01\x02\x02\x10", 7);
    colons(der + 15, 16, serial);
    colons(digest, sizeof digest, print);
    snprintf(out, TEXT_MAX,
             "Subject: CN=%s\n"
             "Issuer: CN=%s\n"
             "Serial: %s\n"
             "Not Before: 2024-12-31 00:00:01\n"
             "Not After: 2034-12-30 00:00:01\n"
             "Key: P-256\n"
             "Fingerprint: %s\n"
             "Verdict: %s\n",
             name, name, serial, print, verdict);
}

static void test_show_peers_certificate_names_all_that_identifies_one(void **state) {
    bench b;
    char facts[TEXT_MAX], expected[2 * TEXT_MAX];
    (void)state;
    bench_init(&b);
    expect_text(&b, 0, "show peers certificate",
                "=========\nPeer: b\n=========\nPeer: b\nPeering Common Name: alias-b\nUse: none received\n");
    bench_run(&b, 10 * SVR_SEC);
    expect_facts(&b, 1, "alias-b", "Valid", facts);
    snprintf(expected, sizeof expected,
             "=========\nPeer: b\n=========\nPeer: b\nPeering Common Name: alias-b\nUse: in use\n%s", facts);
    expect_text(&b, 0, "show peers certificate", expected);
    bench_fini(&b);
}

static void test_show_security_certificate_is_the_routers_own(void **state) { /* CRT-SELF */
    bench b;
    char facts[TEXT_MAX], expected[2 * TEXT_MAX];
    (void)state;
    bench_init(&b);
    expect_facts(&b, 0, "alias-a", "Self-signed", facts);
    snprintf(expected, sizeof expected, "===\na\n===\nRouter: a\nPeering Common Name: alias-a\n%s", facts);
    expect_text(&b, 0, "show security certificate", expected);
    bench_fini(&b);
}

/* An accepted certificate that has expired since is still in use under fail-soft, and every command says so.
 */
static void test_show_says_that_a_certificate_has_expired(void **state) { /* CRT-FAIL-SOFT, OPS-SA */
    bench b;
    svr_error err;
    const svr_report *report;
    (void)state;
    bench_init(&b);
    bench_run(&b, 10 * SVR_SEC);
    b.s[0].rt.wall_then += (svr_wall)(3651 * 24 * SVR_HOUR);
    svr_report_builder *r = svr_report_builder_new(&b.alloc);
    assert_int_equal(run(&b, 0, r, "show peers certificate", &report, &err), 0);
    assert_non_null(strstr(report->text, "Use: in use\n"));
    assert_non_null(strstr(report->text, "Verdict: Expired\n"));
    assert_int_equal(run(&b, 0, r, "show security security-associations b detail", &report, &err), 0);
    assert_non_null(strstr(report->text, "Peer Certificate: Expired\nPublic Key: Valid\n"));
    svr_report_builder_del(r);
    bench_fini(&b);
}

/* ---- events --------------------------------------------------------------------------------- */

static void test_show_events_prints_the_latest_last(void **state) {
    bench b;
    (void)state;
    bench_init(&b);
    bench_run(&b, 10 * SVR_SEC);
    expect_text(
        &b, 0, "show events 5",
        "=================== ======== ============== ==== "
        "====================================================\n"
        "Time                Severity Kind           Peer Detail\n"
        "=================== ======== ============== ==== "
        "====================================================\n"
        "2025-01-01 00:00:01 INFO     security-state b    SALT_EXCH -> MKEY_EXCH (key exchange)\n"
        "2025-01-01 00:00:01 INFO     metadata-key   b    received 1\n"
        "2025-01-01 00:00:01 INFO     metadata-key   b    sending 1\n"
        "2025-01-01 00:00:01 INFO     security-state b    MKEY_EXCH -> MKEY_EXCH_COMP (key exchange)\n"
        "2025-01-01 00:00:01 INFO     path-service   b    [w 192.0.2.1 192.0.2.2] out-of-service -> "
        "in-service\n");
    bench_fini(&b);
}

/* Bounded, unmoved by the host's pulling, and not flooded by sessions. */
static void test_show_events_keeps_the_last_ones(void **state) {
    bench b;
    svr_event ev;
    svr_error err;
    const svr_report *report;
    (void)state;
    bench_init(&b);
    svr_report_builder *r = svr_report_builder_new(&b.alloc);
    for (uint64_t i = 1; i <= 1000; i++) {
        svr_runtime_event(&b.s[0].rt, SVR_EVENT_KEY_REQUEST)->value = i;
        svr_runtime_event(&b.s[0].rt, SVR_EVENT_SESSION)->to = "created";
        svr_runtime_event(&b.s[0].rt, SVR_EVENT_PAYLOAD_KEY)->to = "computed";
    }
    while (bench_event(&b, 0, SVR_EVENT_KEY_REQUEST, &ev))
        continue;
    assert_int_equal(run(&b, 0, r, "show events", &report, &err), 0);
    assert_int_equal(report->n, SVR_HISTORY_MAX);
    assert_string_equal(report->records[0].fields[4].text, "745");
    assert_string_equal(report->records[SVR_HISTORY_MAX - 1].fields[4].text, "1000");
    assert_int_equal(run(&b, 0, r, "show events 2", &report, &err), 0);
    assert_int_equal(report->n, 2);
    assert_string_equal(report->records[0].fields[4].text, "999");
    assert_int_equal(run(&b, 0, r, "show events 0", &report, &err), 0);
    assert_int_equal(report->n, 0);
    svr_report_builder_del(r);
    expect_error(&b, "show events all",
                 "unknown word \"all\" after \"show events\"; there may be: N, or nothing");
    bench_fini(&b);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void test_show_names_what_may_stand_at_the_wrong_word(void **state) {
    bench b;
    (void)state;
    bench_init(&b);
    expect_error(&b, "shaw peers", "unknown word \"shaw\"; there may be: show");
    expect_error(&b, "", "the command is not complete; there may be: show");
    expect_error(
        &b, "show peers sec",
        "unknown word \"sec\" after \"show peers\"; there may be: certificate, security, or nothing");
    expect_error(
        &b, "show security",
        "the command is not complete after \"show security\"; there may be: certificate, key-status, "
        "security-associations");
    expect_error(
        &b, "show security security-associations b detail all",
        "unknown word \"all\" after \"show security security-associations b detail\"; there may be: nothing");
    expect_error(&b, "show alarms id",
                 "the command is not complete after \"show alarms id\"; there may be: ID");
    expect_error(&b, "show alarms id a1:77", "no alarm has the ID \"a1:77\"; show alarms lists them");
    expect_error(&b, "show 1 2 3 4 5 6 7 8", "the command is too long");
    bench_fini(&b);
}

static void test_show_lists_peers_as_far_as_there_is_room(void **state) {
    svr_error err = {"there are: "};
    svr_word_list list = {.err = &err};
    (void)state;
    for (int i = 0; i < 100; i++)
        svr_word_list_add(&list, "twelve-bytes");
    assert_int_equal(list.n, 100);
    assert_true(list.full);
    assert_string_equal(err.message + strlen(err.message) - 17, "twelve-bytes, ...");
}

/* Every allocation fails once: an error or the report, never a crash or a leak. */
static void test_show_survives_want_of_memory(void **state) {
    static const char *const all[] = {"show security key-status",
                                      "show security security-associations",
                                      "show security security-associations detail",
                                      "show peers security",
                                      "show peers certificate",
                                      "show security certificate"};
    bench b;
    svr_error err;
    const svr_report *report;
    (void)state;
    bench_init(&b);
    bench_run(&b, 2 * SVR_SEC);
    for (size_t c = 0; c < sizeof all / sizeof *all; c++) {
        int rc = -1;
        for (size_t n = 1; rc; n++) {
            b.heap.fail_at = 0;
            svr_report_builder *r = svr_report_builder_new(&b.alloc);
            b.heap.fail_at = b.heap.requests + n;
            rc = run(&b, 0, r, all[c], &report, &err);
            if (rc) assert_string_equal(err.message, "out of memory");
            svr_report_builder_del(r);
        }
    }
    b.heap.fail_at = 0;
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show_key_status_has_every_field_of_the_sample),
        cmocka_unit_test(test_show_key_status_counts_changes),
        cmocka_unit_test(test_show_key_status_tells_why_a_change_failed),
        cmocka_unit_test(test_show_key_status_is_inactive_without_the_feature),
        cmocka_unit_test(test_show_security_associations_is_a_row_a_path),
        cmocka_unit_test(test_show_security_associations_detail_has_every_line_of_the_sample),
        cmocka_unit_test(test_show_security_associations_detail_without_any_answer),
        cmocka_unit_test(test_show_security_associations_detail_of_several_peers_is_spaced),
        cmocka_unit_test(test_show_peers_security_has_every_field_of_the_sample),
        cmocka_unit_test(test_show_peers_certificate_names_all_that_identifies_one),
        cmocka_unit_test(test_show_security_certificate_is_the_routers_own),
        cmocka_unit_test(test_show_says_that_a_certificate_has_expired),
        cmocka_unit_test(test_show_events_prints_the_latest_last),
        cmocka_unit_test(test_show_events_keeps_the_last_ones),
        cmocka_unit_test(test_show_names_what_may_stand_at_the_wrong_word),
        cmocka_unit_test(test_show_lists_peers_as_far_as_there_is_room),
        cmocka_unit_test(test_show_survives_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

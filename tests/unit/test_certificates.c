/* SPDX-License-Identifier: MIT
 * Certificates in use: expiry to the second, revocation, alarms, fail-soft and fail-hard, renewal. Both
 * routers' certificates come from one CA; the wire takes 10 ms. */
#include "base/alarm.h"
#include "peer_fixture.h"
#include "svr/authority.h"

#define T0 (WALL_START / (svr_wall)SVR_SEC)
#define DAY INT64_C(86400)
#define YEAR (365 * DAY)

typedef struct world {
    bench b;
    svr_ca *root, *middle;
    svr_ca_issued leaf[2];
    char *crl, config[4096];
} world;

static svr_wall wall(int64_t seconds) {
    return seconds * (svr_wall)SVR_SEC;
}

static svr_ca *new_ca(world *w, const svr_ca *above, const char *name, int64_t years) {
    svr_error err;
    const svr_ca_params params = {
        .common_name = name, .not_before = wall(T0 - YEAR), .not_after = wall(T0 + years * YEAR)};
    svr_ca *ca =
        above ? svr_ca_new_intermediate(above, &params, &err) : svr_ca_new_root(w->b.crypt, &params, &err);
    if (!ca) fail_msg("%s", err.message);
    return ca;
}

/* A new certificate for one side, until T0 + `seconds`; in effect at its start or reload. */
static void set_leaf(world *w, int i, const char *cn, int64_t seconds) {
    svr_error err;
    svr_ca_issued *leaf = &w->leaf[i];
    const svr_ca_order order = {
        .name = cn, .place = SVR_NAME_IN_CN, .not_before = wall(T0 - DAY), .not_after = wall(T0 + seconds)};
    svr_ca_issued_free(w->middle, leaf);
    if (svr_ca_issue(w->middle, &order, leaf, &err) != 0) fail_msg("%s", err.message);
    w->b.s[i].credentials.certificate = leaf->certificate;
    w->b.s[i].credentials.private_key = leaf->private_key;
}

/* The list of the CA that issued both certificates. */
static void write_crl(world *w) {
    svr_error err;
    svr_ca_text_free(w->middle, w->crl);
    w->crl = svr_ca_crl(w->middle, wall(T0), wall(T0 + 30 * DAY), &err);
    if (!w->crl) fail_msg("%s", err.message);
}

static void revoke(world *w, int i) {
    svr_error err;
    assert_int_equal(svr_ca_revoke(w->middle, w->leaf[i].serial, wall(T0), &err), 0);
    write_crl(w);
}

static void prepare(world *w, const char *behavior, int64_t a_seconds, int64_t b_seconds) {
    static const char key_management[] = " security-key-management\n";
    const char *at = strstr(bench_config, key_management) + strlen(key_management);
    *w = (world){.b = {.seed = 7}};
    snprintf(w->config, sizeof w->config, "%.*s  invalid-certificate-behavior %s\n%s",
             (int)(at - bench_config), bench_config, behavior, at);
    bench_prepare(&w->b, w->config);
    w->root = new_ca(w, NULL, "root", 10);
    w->middle = new_ca(w, w->root, "middle", 9);
    for (int i = 0; i < 2; i++)
        w->b.s[i].credentials = (svr_credentials){.trusted_ca = svr_ca_root_pem(w->root)};
    set_leaf(w, 0, "alias-a", a_seconds);
    set_leaf(w, 1, "alias-b", b_seconds);
}

static void begin(world *w, const char *behavior, int64_t a_seconds, int64_t b_seconds) {
    prepare(w, behavior, a_seconds, b_seconds);
    bench_start(&w->b, 0, 0);
    bench_start(&w->b, 1, 0);
}

static void end(world *w) {
    for (int i = 0; i < 2; i++)
        svr_ca_issued_free(w->middle, &w->leaf[i]);
    svr_ca_text_free(w->middle, w->crl);
    svr_ca_del(w->middle);
    svr_ca_del(w->root);
    bench_fini(&w->b);
}

/* Reads one side's credentials again, as svr_node_reload_credentials does. */
static void reload(world *w, int i) {
    svr_peers *peers = w->b.s[i].peers;
    svr_identity *id = bench_identity(&w->b, i);
    svr_piece a = svr_identity_chain(svr_peers_identity(peers)), b = svr_identity_chain(id);
    bool same = a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
    w->b.s[i].rt.now = w->b.now;
    if (same) svr_identity_del(id);
    svr_peers_reload(peers, same ? NULL : id, bench_trust(&w->b, i));
}

static void set_wall(world *w, int i, int64_t seconds) {
    svr_runtime *rt = &w->b.s[i].rt;
    rt->now = rt->wall_at = w->b.now;
    rt->wall_then = WALL_START + seconds * (svr_wall)SVR_SEC;
    svr_peers_review_certificates(w->b.s[i].peers);
}

/* The bench's instant at which wall time is T0 + seconds. */
static svr_time at(int64_t seconds) {
    return (svr_time)seconds * SVR_SEC;
}

static const svr_alarm *alarm_of(world *w, int i, svr_alarm_cause cause) {
    size_t n;
    const svr_alarm *a = svr_alarms(&w->b.s[i].rt, &n);
    for (size_t k = 0; k < n; k++)
        if (a[k].cause == cause) return &a[k];
    return NULL;
}

static void assert_alarm(world *w, int i, svr_alarm_cause cause, svr_severity severity, const char *text) {
    const svr_alarm *a = alarm_of(w, i, cause);
    if (!a) fail_msg("side %d lacks the alarm that says \"%s\"", i, text);
    assert_int_equal(a->severity, severity);
    if (!strstr(a->message, text)) fail_msg("\"%s\" does not say \"%s\"", a->message, text);
}

static bool in_service(world *w) {
    bool a = svr_path_in_service(bench_path(&w->b, 0)), b = svr_path_in_service(bench_path(&w->b, 1));
    assert_int_equal(a, b);
    return a;
}

/* CRT-EXPIRING, CRT-ALARM-TEXT: the router's own certificate; each alarm at its second, raised once */
static void test_certificate_alarms_month_week_and_expiry_to_the_second(void **state) {
    (void)state;
    static const struct {
        int64_t left; /* seconds of validity that the alarm's instant leaves */
        svr_severity severity;
        const char *text;
    } steps[] = {{30 * DAY, SVR_MINOR, "expires within a month - not after 2025-04-11 00:00:00"},
                 {7 * DAY, SVR_MAJOR, "expires within a week"},
                 {-1, SVR_CRITICAL, "is invalid: expired"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        world w;
        svr_event ev;
        begin(&w, "fail-soft", 100 * DAY, YEAR);
        int64_t due = 100 * DAY - steps[i].left;
        bench_run(&w.b, at(5));
        for (int k = 0; k < 2; k++)
            set_wall(&w, k, due - 100);
        while (bench_event(&w.b, 0, SVR_EVENT_ALARM, &ev))
            ;
        svr_time raised = w.b.now + 100 * SVR_SEC;
        bench_run(&w.b, raised + 200 * SVR_SEC);
        if (i > 0) assert_true(bench_event(&w.b, 0, SVR_EVENT_ALARM, &ev)); /* the milder one goes */
        assert_true(bench_event(&w.b, 0, SVR_EVENT_ALARM, &ev));
        assert_string_equal(ev.to, "raised");
        assert_int_equal(ev.time, raised);
        assert_int_equal(ev.severity, steps[i].severity);
        assert_alarm(&w, 0, SVR_ALARM_CERTIFICATE, steps[i].severity, steps[i].text);
        assert_false(bench_event(&w.b, 0, SVR_EVENT_ALARM, &ev));
        assert_true(in_service(&w));
        end(&w);
    }
}

/* CRT-FAIL-SOFT, CRT-ALARM: expiry is told on both sides at its second, and nothing else happens */
static void test_certificate_fail_soft_only_notifies(void **state) {
    (void)state;
    world w;
    svr_event ev;
    begin(&w, "fail-soft", 100, YEAR);
    bench_run(&w.b, at(101) - 1);
    assert_null(alarm_of(&w, 1, SVR_ALARM_PEER_CERTIFICATE));
    uint32_t index = bench_peer(&w.b, 1)->ring.current->id.index;
    while (bench_event(&w.b, 1, SVR_EVENT_ALARM, &ev))
        ;
    bench_run(&w.b, at(101));
    assert_true(bench_event(&w.b, 1, SVR_EVENT_ALARM, &ev));
    assert_int_equal(ev.time, at(101));
    assert_alarm(&w, 0, SVR_ALARM_CERTIFICATE, SVR_CRITICAL, "Certificate of router a is invalid: expired");
    assert_alarm(&w, 1, SVR_ALARM_PEER_CERTIFICATE, SVR_CRITICAL,
                 "Peer a certificate is invalid: expired - ");
    bench_run(&w.b, at(25 * 3600)); /* the next rekey works as well */
    assert_true(in_service(&w));
    assert_int_equal(bench_peer(&w.b, 1)->ring.current->id.index, index + 1);
    end(&w);
}

static void assert_removed(world *w, int i) {
    const svr_peer *p = bench_peer(&w->b, i);
    assert_int_equal(p->state, SVR_CERT_INVALID);
    assert_null(p->ring.current);
    assert_null(p->ring.next);
    assert_null(p->ring.old);
    assert_false(svr_path_in_service(bench_path(&w->b, i)));
}

static svr_time service_ended(world *w, int i) {
    svr_event ev;
    svr_time last = 0;
    while (bench_event(&w->b, i, SVR_EVENT_PATH_SERVICE, &ev))
        if (strcmp(ev.to, "out-of-service") == 0) last = ev.time;
    return last;
}

/* CRT-FAIL-HARD: at the second, for both; silence; a renewed certificate brings it back by itself */
static void test_certificate_fail_hard_removes_peering_at_the_second(void **state) {
    (void)state;
    world w;
    begin(&w, "fail-hard", 100, YEAR);
    bench_run(&w.b, at(101) - 1);
    assert_true(in_service(&w));
    bench_run(&w.b, at(101));
    assert_removed(&w, 0);
    assert_removed(&w, 1);
    assert_int_equal(service_ended(&w, 0), at(101));
    assert_int_equal(service_ended(&w, 1), at(101));
    size_t sent[2] = {w.b.sent[0], w.b.sent[1]};
    bench_run(&w.b, at(3 * 3600));
    assert_int_equal(w.b.sent[0], sent[0]);
    assert_int_equal(w.b.sent[1], sent[1]);
    set_leaf(&w, 0, "alias-a", YEAR);
    reload(&w, 0);
    bench_run(&w.b, w.b.now + 5 * SVR_SEC);
    assert_true(in_service(&w));
    assert_null(alarm_of(&w, 0, SVR_ALARM_CERTIFICATE));
    assert_null(alarm_of(&w, 1, SVR_ALARM_PEER_CERTIFICATE));
    end(&w);
}

static void test_certificate_invalid_at_the_start_keeps_fail_hard_silent(void **state) {
    (void)state;
    world w;
    prepare(&w, "fail-hard", -10, YEAR);
    bench_start(&w.b, 0, 0);
    bench_start(&w.b, 1, 0);
    bench_run(&w.b, at(600));
    assert_int_equal(w.b.sent[0], 0);
    assert_true(w.b.sent[1] > 0);
    assert_int_equal(bench_peer(&w.b, 0)->state, SVR_CERT_INVALID);
    assert_alarm(&w, 0, SVR_ALARM_CERTIFICATE, SVR_CRITICAL, "expired");
    set_leaf(&w, 0, "alias-a", YEAR);
    reload(&w, 0);
    bench_run(&w.b, w.b.now + 40 * SVR_SEC);
    assert_true(in_service(&w));
    end(&w);
}

/* CRT-EXPIRING (revoked), CRT-LATE: a list takes effect when it is loaded, and so does the next one */
static void test_certificate_revocation_takes_effect_on_reload(void **state) {
    (void)state;
    world w;
    begin(&w, "fail-hard", YEAR, YEAR);
    bench_run(&w.b, at(5));
    uint32_t index = w.b.s[1].peers->metadata_key.index;
    write_crl(&w);
    char *empty = w.crl;
    w.crl = NULL;
    revoke(&w, 0);
    bench_run(&w.b, at(10)); /* the file alone changes nothing */
    assert_true(in_service(&w));
    w.b.s[1].credentials.crl = w.crl;
    reload(&w, 1);
    assert_removed(&w, 1);
    assert_alarm(&w, 1, SVR_ALARM_PEER_CERTIFICATE, SVR_CRITICAL, "Peer a certificate is invalid: revoked");
    assert_int_equal(w.b.s[1].peers->metadata_key.index, index + 1); /* the revoked router knew the former */
    bench_run(&w.b, at(200));
    assert_removed(&w, 1);
    w.b.s[1].credentials.crl = empty;
    reload(&w, 1);
    bench_run(&w.b, w.b.now + 100 * SVR_SEC);
    assert_true(in_service(&w));
    assert_null(alarm_of(&w, 1, SVR_ALARM_PEER_CERTIFICATE));
    svr_ca_text_free(w.middle, empty);
    end(&w);
}

/* Its own certificate in the list: the router leaves by itself. */
static void test_certificate_of_our_own_revoked_ends_all_peering(void **state) {
    (void)state;
    world w;
    begin(&w, "fail-hard", YEAR, YEAR);
    bench_run(&w.b, at(5));
    revoke(&w, 0);
    w.b.s[0].credentials.crl = w.crl;
    reload(&w, 0);
    assert_removed(&w, 0);
    assert_alarm(&w, 0, SVR_ALARM_CERTIFICATE, SVR_CRITICAL, "Certificate of router a is invalid: revoked");
    uint64_t ignored = w.b.s[0].rt.drops[SVR_DROP_NOT_PARTICIPATING];
    bench_run(&w.b, at(60));
    assert_true(w.b.s[0].rt.drops[SVR_DROP_NOT_PARTICIPATING] > ignored);
    assert_false(in_service(&w));
    end(&w);
}

/* CRT-WHEN: one judgement a chain, however often it comes; again after a reload only */
static void test_certificate_is_judged_when_it_is_new(void **state) {
    (void)state;
    world w;
    begin(&w, "fail-soft", YEAR, YEAR);
    bench_run(&w.b, at(5));
    svr_trust *trust = w.b.s[1].peers->trust;
    assert_int_equal(svr_trust_judgements(trust), 2); /* our own, and theirs */
    for (int i = 0; i < 10; i++) {
        svr_peer_send_cert(bench_peer(&w.b, 0), NULL);
        bench_run(&w.b, w.b.now + SVR_SEC);
    }
    bench_run(&w.b, at(49 * 3600)); /* two rekeys */
    assert_int_equal(svr_trust_judgements(trust), 2);
    /* a chain that is refused is not judged twice either */
    set_leaf(&w, 0, "somebody-else", YEAR);
    reload(&w, 0);
    bench_run(&w.b, w.b.now + 120 * SVR_SEC);
    assert_int_equal(svr_trust_judgements(trust), 3);
    end(&w);
}

/* A certificate that is renewed in time proves itself in a rekey; the old one's end is no event. */
static void test_certificate_renewed_in_time_passes_unnoticed(void **state) {
    (void)state;
    world w;
    svr_event ev;
    begin(&w, "fail-hard", 400, YEAR);
    bench_run(&w.b, at(100));
    uint32_t index = bench_peer(&w.b, 1)->ring.current->id.index;
    while (bench_event(&w.b, 0, SVR_EVENT_KEY_REQUEST, &ev))
        ;
    set_leaf(&w, 0, "alias-a", YEAR);
    reload(&w, 0);
    bench_run(&w.b, at(105));
    assert_true(bench_event(&w.b, 0, SVR_EVENT_KEY_REQUEST, &ev));
    assert_string_equal(ev.reason, "certificate renewed");
    assert_null(bench_peer(&w.b, 1)->candidate);
    bench_run(&w.b, at(300));
    while (bench_event(&w.b, 1, SVR_EVENT_PATH_SERVICE, &ev))
        ;
    bench_run(&w.b, at(1000));
    assert_true(in_service(&w));
    assert_false(bench_event(&w.b, 1, SVR_EVENT_PATH_SERVICE, &ev));
    assert_int_equal(bench_peer(&w.b, 1)->ring.current->id.index, index + 1);
    end(&w);
}

/* The clock decides, in both directions. */
static void test_certificate_follows_a_clock_that_is_set(void **state) {
    (void)state;
    world w;
    begin(&w, "fail-hard", 1000, YEAR);
    bench_run(&w.b, at(10));
    set_wall(&w, 1, 1001);
    assert_removed(&w, 1);
    bench_run(&w.b, at(20));
    set_wall(&w, 1, 20);
    bench_run(&w.b, at(200));
    assert_true(in_service(&w));
    set_wall(&w, 0, -2 * DAY); /* before it begins */
    assert_removed(&w, 0);
    assert_alarm(&w, 0, SVR_ALARM_CERTIFICATE, SVR_CRITICAL, "not yet valid");
    end(&w);
}

/* CFG-PCN-MATCH, CRT-CA, CRT-EXPIRING (unable to authenticate): no peering, an alarm, and a way back */
static void test_certificate_of_a_stranger_is_refused_and_alarmed(void **state) {
    (void)state;
    world w;
    prepare(&w, "fail-soft", YEAR, YEAR);
    set_leaf(&w, 0, "alias-x", YEAR);
    bench_start(&w.b, 0, 0);
    bench_start(&w.b, 1, 0);
    bench_run(&w.b, at(300));
    assert_false(in_service(&w));
    assert_int_equal(bench_peer(&w.b, 1)->state, SVR_CERT_INVALID);
    assert_alarm(&w, 1, SVR_ALARM_PEER_AUTHENTICATION, SVR_MAJOR, "Unable to authenticate peer a");
    assert_alarm(&w, 0, SVR_ALARM_CERTIFICATE, SVR_CRITICAL, "does not match");
    set_leaf(&w, 0, "alias-a", YEAR);
    reload(&w, 0);
    bench_run(&w.b, w.b.now + 60 * SVR_SEC);
    assert_true(in_service(&w));
    assert_null(alarm_of(&w, 1, SVR_ALARM_PEER_AUTHENTICATION));
    end(&w);
}

/* CRT-FAIL-HARD: a removed peer is not brought back by somebody else's certificate, nor is the reason
 * forgotten */
static void test_certificate_of_a_stranger_restores_nothing(void **state) {
    (void)state;
    world w;
    svr_error err;
    uint8_t msg[SVR_KEX_TOTAL_MAX] = {SVR_KEX_CERT};
    begin(&w, "fail-hard", 100, YEAR);
    bench_run(&w.b, at(200));
    assert_removed(&w, 1);
    svr_identity *stranger = svr_identity_new_self_signed(w.b.crypt, "alias-a", wall(T0), &err);
    svr_piece chain = svr_identity_chain(stranger);
    memcpy(msg + 1 + SVR_HASH_LEN, chain.p, chain.len);
    size_t sent = w.b.sent[1];
    for (int i = 0; i < 3; i++) {
        w.b.s[1].rt.now = w.b.now;
        assert_int_equal(svr_peer_receive_clear(bench_peer(&w.b, 1), bench_path(&w.b, 1),
                                                (svr_piece){msg, 1 + SVR_HASH_LEN + chain.len}),
                         SVR_DROP_CERT_REFUSED);
        bench_run(&w.b, w.b.now + 60 * SVR_SEC);
        assert_removed(&w, 1);
        assert_alarm(&w, 1, SVR_ALARM_PEER_CERTIFICATE, SVR_CRITICAL, "expired");
    }
    assert_int_equal(w.b.sent[1], sent);
    svr_identity_del(stranger);
    set_leaf(&w, 0, "alias-a", YEAR);
    reload(&w, 0);
    bench_run(&w.b, w.b.now + 5 * SVR_SEC);
    assert_true(in_service(&w));
    end(&w);
}

/* CRT-PUBKEY: a request that does not verify is dropped, alarmed, and changes nothing */
static void test_certificate_bad_signature_is_alarmed_and_changes_nothing(void **state) {
    (void)state;
    world w;
    uint8_t msg[SVR_KEX_MESSAGE_MAX];
    begin(&w, "fail-soft", YEAR, YEAR);
    bench_run(&w.b, at(100));
    svr_peer *from = bench_peer(&w.b, 0), *to = bench_peer(&w.b, 1);
    w.b.s[0].rt.now = w.b.s[1].rt.now = w.b.now;
    w.b.cut[1] = true;
    svr_peer_start_request(from, "test");
    memcpy(msg, from->request.bytes, from->request.len);
    msg[from->request.len - 1] ^= 1;
    uint64_t number = to->peer_last_number;
    svr_piece bent = {msg, from->request.len}, good = {from->request.bytes, from->request.len};
    assert_int_equal(svr_peer_receive_clear(to, bench_path(&w.b, 1), bent), SVR_DROP_KEX_BAD_SIGNATURE);
    assert_alarm(&w, 1, SVR_ALARM_PEER_AUTHENTICATION, SVR_MAJOR, "a signature does not verify");
    assert_true(to->peer_last_number == number);
    assert_null(to->ring.next);
    assert_true(in_service(&w));
    assert_int_equal(svr_peer_receive_clear(to, bench_path(&w.b, 1), good), 0);
    assert_null(alarm_of(&w, 1, SVR_ALARM_PEER_AUTHENTICATION));
    assert_non_null(to->ring.next);
    end(&w);
}

/* CRT-MISSING, CRT-SELF, CRT-KEYPAIR */
static void test_certificate_missing_is_alarmed_until_there_is_one(void **state) {
    (void)state;
    world w;
    prepare(&w, "fail-hard", YEAR, YEAR);
    w.b.s[0].credentials = (svr_credentials){0};
    w.b.s[1].credentials = (svr_credentials){0};
    bench_start(&w.b, 0, 0);
    bench_start(&w.b, 1, 0);
    bench_run(&w.b, at(5));
    assert_true(in_service(&w));
    assert_alarm(&w, 0, SVR_ALARM_NO_CERTIFICATE, SVR_MAJOR, "has no certificate of a CA");
    w.b.s[0].credentials =
        (svr_credentials){.certificate = w.leaf[0].certificate, .private_key = w.leaf[0].private_key};
    bench_run(&w.b, at(50));
    assert_non_null(alarm_of(&w, 0, SVR_ALARM_NO_CERTIFICATE)); /* CRT-LATE */
    reload(&w, 0);
    assert_null(alarm_of(&w, 0, SVR_ALARM_NO_CERTIFICATE));
    end(&w);
}

static void receive_plain_bfd(world *w, int to) {
    const svr_path_config *path = bench_path(&w->b, to)->config;
    const svr_bfd_packet bfd = {.state = SVR_BFD_DOWN, .multiplier = 3, .my_discriminator = 9};
    svr_packet *p = svr_packet_get(w->b.pool, 20 + SVR_UDP_HEADER_LEN + SVR_BFD_LEN);
    const svr_ip_header ip = {.src = path->remote,
                              .dst = path->local,
                              .proto = SVR_PROTO_UDP,
                              .ttl = 255,
                              .l4_len = SVR_UDP_HEADER_LEN + SVR_BFD_LEN};
    svr_ip at_peer;
    svr_ip_encode(&ip, p->data);
    svr_bfd_encode(&bfd, p->data + 20 + SVR_UDP_HEADER_LEN);
    svr_udp_encode(p->data + 20, &ip.src, &ip.dst, SVR_BFD_PORT, SVR_BFD_PORT, SVR_BFD_LEN);
    p->len = 20 + SVR_UDP_HEADER_LEN + SVR_BFD_LEN;
    assert_int_equal(svr_ip_decode(p->data, p->len, &at_peer), SVR_IP_OK);
    w->b.s[to].rt.now = w->b.now;
    svr_peers_receive(w->b.s[to].peers, p, &at_peer);
}

/* TOP-LEGACY: plain BFD is no peer; it is said once, not with each packet */
static void test_certificate_peer_without_the_feature_is_told_once(void **state) {
    (void)state;
    world w;
    svr_event ev = {0};
    begin(&w, "fail-soft", YEAR, YEAR);
    w.b.cut[0] = w.b.cut[1] = true;
    for (int i = 0; i < 100; i++) {
        receive_plain_bfd(&w, 0);
        bench_run(&w.b, w.b.now + SVR_SEC);
    }
    assert_int_equal(w.b.s[0].rt.drops[SVR_DROP_BFD_PLAIN], 100);
    assert_true(bench_event(&w.b, 0, SVR_EVENT_PEERING, &ev));
    assert_string_equal(ev.to, "failed");
    assert_non_null(strstr(ev.reason, "plain BFD"));
    assert_false(bench_event(&w.b, 0, SVR_EVENT_PEERING, &ev));
    assert_false(in_service(&w));
    w.b.cut[0] = w.b.cut[1] = false; /* it was upgraded */
    bench_run(&w.b, w.b.now + 60 * SVR_SEC);
    assert_true(in_service(&w));
    receive_plain_bfd(&w, 0); /* forged: counted, no more */
    assert_false(bench_event(&w.b, 0, SVR_EVENT_PEERING, &ev));
    assert_true(in_service(&w));
    end(&w);
}

#define TEST(f) cmocka_unit_test(f)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_certificate_alarms_month_week_and_expiry_to_the_second),
        TEST(test_certificate_fail_soft_only_notifies),
        TEST(test_certificate_fail_hard_removes_peering_at_the_second),
        TEST(test_certificate_invalid_at_the_start_keeps_fail_hard_silent),
        TEST(test_certificate_revocation_takes_effect_on_reload),
        TEST(test_certificate_of_our_own_revoked_ends_all_peering),
        TEST(test_certificate_is_judged_when_it_is_new),
        TEST(test_certificate_renewed_in_time_passes_unnoticed),
        TEST(test_certificate_follows_a_clock_that_is_set),
        TEST(test_certificate_of_a_stranger_is_refused_and_alarmed),
        TEST(test_certificate_of_a_stranger_restores_nothing),
        TEST(test_certificate_bad_signature_is_alarmed_and_changes_nothing),
        TEST(test_certificate_missing_is_alarmed_until_there_is_one),
        TEST(test_certificate_peer_without_the_feature_is_told_once),
    };
    return cmocka_run_group_tests_name("certificates", tests, NULL, NULL);
}

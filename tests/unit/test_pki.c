/* SPDX-License-Identifier: MIT
 * core/pki: identities, and verdicts on chains of a CA that the test makes. */
#include "ca_fixture.h"
#include "pki/pki.h"

#include <stdio.h>

#define NAME "alias-a"
#define T0 INT64_C(1735689600) /* 2025-01-01 00:00:00 UTC */
#define DAY INT64_C(86400)
#define AT(seconds) ((svr_wall)((seconds) * (int64_t)SVR_SEC))

typedef struct world {
    test_heap heap;
    svr_allocator alloc;
    svr_crypt *c;
    pair root, middle, leaf;
    char ca[4096], chain[8192], key[4096];
} world;

/* Valid T0 to T0 + days. */
static pair issue(const pair *by, EVP_PKEY *key, const char *cn, const char *san, int days) {
    return ca_issue(by, key, cn, san, T0, T0 + days * DAY);
}

static void set_leaf(world *w, EVP_PKEY *key, const char *cn, const char *san, int days) {
    ca_free(&w->leaf);
    w->leaf = issue(&w->middle, key, cn, san, days);
    w->chain[0] = w->key[0] = 0;
    ca_append_pem(w->chain, sizeof w->chain, w->leaf.cert, NULL);
    ca_append_pem(w->chain, sizeof w->chain, w->middle.cert, NULL);
    ca_append_pem(w->key, sizeof w->key, NULL, w->leaf.key);
}

static int setup(void **state) {
    world *w = *state = calloc(1, sizeof *w);
    w->alloc = test_allocator(&w->heap);
    w->c = svr_crypt_new(&w->alloc, NULL, SVR_ENGINE_AUTO);
    w->root = issue(NULL, p256(), "root", NULL, 3650);
    w->middle = issue(&w->root, p256(), "middle", NULL, 1000);
    ca_append_pem(w->ca, sizeof w->ca, w->root.cert, NULL);
    set_leaf(w, p256(), NAME, "", 365);
    return 0;
}

static int teardown(void **state) {
    world *w = *state;
    ca_free(&w->root);
    ca_free(&w->middle);
    ca_free(&w->leaf);
    svr_crypt_del(w->c);
    size_t live = w->heap.live;
    free(w);
    return live ? -1 : 0;
}

static svr_identity *identity(world *w) {
    svr_error err;
    svr_identity *id = svr_identity_new(w->c, w->chain, w->key, &err);
    if (!id) fail_msg("%s", err.message);
    return id;
}

/* The verdict on the world's leaf, or on `chain` when given. */
static svr_cert_verdict judge(world *w, const char *ca, const char *crl, svr_wall wall,
                              const svr_piece *chain) {
    svr_error err;
    svr_identity *id = identity(w);
    svr_trust *trust = svr_trust_new(w->c, ca, crl, &err);
    svr_peer_cert *cert;
    assert_non_null(trust);
    svr_cert_verdict v = svr_trust_judge(trust, chain ? *chain : svr_identity_chain(id), NAME, wall, &cert);
    assert_int_equal(cert != NULL, v != SVR_CERT_MALFORMED);
    svr_peer_cert_del(cert);
    svr_trust_del(trust);
    svr_identity_del(id);
    return v;
}

/* CRT-CA, CRY-X509; expiry to the second, both ends included */
static void test_pki_judges_time_to_the_second(void **state) {
    world *w = *state;
    svr_wall end = AT(T0 + 365 * DAY);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0) - 1, NULL), SVR_CERT_NOT_YET_VALID);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0), NULL), SVR_CERT_VALID);
    assert_int_equal(judge(w, w->ca, NULL, end + (svr_wall)SVR_SEC - 1, NULL), SVR_CERT_VALID);
    assert_int_equal(judge(w, w->ca, NULL, end + (svr_wall)SVR_SEC, NULL), SVR_CERT_EXPIRED);
}

/* CFG-PCN-MATCH */
static void test_pki_finds_the_name_in_cn_or_san(void **state) {
    world *w = *state;
    set_leaf(w, p256(), "other", "URI:urn:ssr:peering:" NAME, 365);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0), NULL), SVR_CERT_VALID);
    set_leaf(w, p256(), "other", "URI:urn:ssr:peering:" NAME "x", 365);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0), NULL), SVR_CERT_NAME_MISMATCH);
    set_leaf(w, p256(), NAME "x", "DNS:" NAME, 365);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0), NULL), SVR_CERT_NAME_MISMATCH);
}

static void test_pki_wants_a_path_to_the_ca(void **state) {
    world *w = *state;
    char other[4096] = "";
    pair stranger = issue(NULL, p256(), "stranger", NULL, 3650);
    ca_append_pem(other, sizeof other, stranger.cert, NULL);
    assert_int_equal(judge(w, other, NULL, AT(T0), NULL), SVR_CERT_UNTRUSTED);
    ca_free(&stranger);
    w->chain[0] = 0; /* the intermediate is missing */
    ca_append_pem(w->chain, sizeof w->chain, w->leaf.cert, NULL);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0), NULL), SVR_CERT_UNTRUSTED);
}

/* CRT-SELF: accepted by name where there is no CA, never where there is one */
static void test_pki_self_signed_serves_without_a_ca_only(void **state) {
    world *w = *state;
    svr_error err;
    svr_identity *id = svr_identity_new_self_signed(w->c, NAME, AT(T0), &err);
    assert_non_null(id);
    assert_true(svr_identity_is_self_signed(id));
    svr_piece chain = svr_identity_chain(id);
    assert_int_equal(judge(w, NULL, NULL, AT(T0), &chain), SVR_CERT_VALID);
    assert_int_equal(judge(w, w->ca, NULL, AT(T0), &chain), SVR_CERT_UNTRUSTED);
    svr_identity_del(id);
}

static void test_pki_knows_what_is_revoked(void **state) {
    world *w = *state;
    char crl[4096];
    ca_write_crl(crl, sizeof crl, &w->middle, w->leaf.cert, T0);
    assert_int_equal(judge(w, w->ca, crl, AT(T0), NULL), SVR_CERT_REVOKED);
    ca_write_crl(crl, sizeof crl, &w->root, w->middle.cert, T0);
    assert_int_equal(judge(w, w->ca, crl, AT(T0), NULL), SVR_CERT_REVOKED);
    ca_write_crl(crl, sizeof crl, &w->root, w->leaf.cert, T0); /* not the leaf's issuer */
    assert_int_equal(judge(w, w->ca, crl, AT(T0), NULL), SVR_CERT_VALID);
}

/* CRT-PUBKEY, for every admitted kind of key */
static void test_pki_signs_and_verifies_with_each_kind_of_key(void **state) {
    world *w = *state;
    EVP_PKEY *keys[] = {EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), p256(),
                        EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        svr_error err;
        svr_peer_cert *cert;
        uint8_t sig[SVR_SIGNATURE_MAX];
        set_leaf(w, keys[i], NAME, "", 365);
        svr_identity *id = identity(w);
        svr_trust *trust = svr_trust_new(w->c, w->ca, NULL, &err);
        assert_int_equal(svr_trust_judge(trust, svr_identity_chain(id), NAME, AT(T0), &cert), SVR_CERT_VALID);
        const svr_piece good[2] = {{"ab", 2}, {"c", 1}}, same[1] = {{"abc", 3}}, bad[1] = {{"abd", 3}};
        size_t n = svr_identity_sign(id, good, 2, sig);
        assert_true(n > 0);
        assert_true(svr_peer_cert_verify(cert, same, 1, (svr_piece){sig, n}));
        assert_false(svr_peer_cert_verify(cert, bad, 1, (svr_piece){sig, n}));
        for (size_t cut = 0; cut < n; cut++)
            assert_false(svr_peer_cert_verify(cert, same, 1, (svr_piece){sig, cut}));
        sig[n / 2] ^= 1;
        assert_false(svr_peer_cert_verify(cert, same, 1, (svr_piece){sig, n}));
        svr_peer_cert_del(cert);
        svr_trust_del(trust);
        svr_identity_del(id);
    }
    set_leaf(w, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), NAME, "", 365);
    svr_error err;
    assert_null(svr_identity_new(w->c, w->chain, w->key, &err));
    assert_non_null(strstr(err.message, "not supported"));
}

static void test_pki_survives_cut_and_bent_chains(void **state) {
    world *w = *state;
    svr_identity *id = identity(w);
    svr_piece chain = svr_identity_chain(id);
    for (size_t n = 0; n < chain.len; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, chain.p, n);
        svr_cert_verdict v = judge(w, w->ca, NULL, AT(T0), &(svr_piece){exact, n});
        assert_true(v == SVR_CERT_MALFORMED || v == SVR_CERT_UNTRUSTED); /* the leaf alone is well formed */
        free(exact);
    }
    uint8_t *bent = malloc(chain.len);
    for (size_t n = 0; n < chain.len; n++) {
        memcpy(bent, chain.p, chain.len);
        bent[n] ^= (uint8_t)(1 << n % 8);
        assert_int_not_equal(judge(w, w->ca, NULL, AT(T0), &(svr_piece){bent, chain.len}), SVR_CERT_VALID);
    }
    free(bent);
    svr_identity_del(id);
}

static void test_pki_says_what_is_wrong_with_an_identity(void **state) {
    world *w = *state;
    svr_error err;
    char other[4096] = "";
    EVP_PKEY *stranger = p256();
    ca_append_pem(other, sizeof other, NULL, stranger);
    EVP_PKEY_free(stranger);
    assert_null(svr_identity_new(w->c, "garbage", w->key, &err));
    assert_non_null(strstr(err.message, "not a PEM chain"));
    assert_null(svr_identity_new(w->c, w->chain, NULL, &err));
    assert_non_null(strstr(err.message, "without its private key"));
    assert_null(svr_identity_new(w->c, w->chain, "garbage", &err));
    assert_non_null(strstr(err.message, "not an unencrypted PEM key"));
    assert_null(svr_identity_new(w->c, w->chain, other, &err));
    assert_non_null(strstr(err.message, "does not belong"));
    assert_null(svr_trust_new(w->c, "garbage", NULL, &err));
    assert_null(svr_trust_new(w->c, NULL, "garbage", &err));
}

/* ---- facts ---------------------------------------------------------------------------------- */

static svr_cert_facts facts_of(world *w) {
    svr_identity *id = identity(w);
    svr_cert_facts facts;
    memset(&facts, 0xaa, sizeof facts);
    svr_identity_describe(id, &facts);
    svr_identity_del(id);
    return facts;
}

static void test_describe_tells_a_certificate_from_its_issuer(void **state) {
    world *w = *state;
    svr_cert_facts f = facts_of(w);
    assert_string_equal(f.subject, "CN=" NAME);
    assert_string_equal(f.issuer, "CN=middle");
    assert_string_equal(f.key, "P-256");
    assert_int_equal(f.not_before, AT(T0));
    assert_int_equal(f.not_after, AT(T0 + 365 * DAY));
    assert_int_equal(strlen(f.fingerprint), 32 * 3 - 1);
    set_leaf(w, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), NAME, "", 365);
    assert_string_equal(facts_of(w).key, "RSA 2048 bits");
    set_leaf(w, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"), NAME, "", 365);
    assert_string_equal(facts_of(w).key, "P-521");
    set_leaf(w, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NAME, "", 365);
    assert_string_equal(facts_of(w).key, "Ed25519");
}

/* A name out of a certificate goes to an operator's terminal. */
static void test_describe_lets_nothing_but_printable_ascii_out(void **state) {
    world *w = *state;
    set_leaf(w, p256(), "a,b\x1b[2J\xc3\xbc", "", 365);
    assert_string_equal(facts_of(w).subject, "CN=a\\,b\\1B[2J\\C3\\BC");
}

static void test_describe_cuts_what_is_too_long(void **state) {
    world *w = *state;
    char name[65];
    memset(name, ',', sizeof name); /* each becomes two */
    name[sizeof name - 1] = 0;
    ca_free(&w->leaf);
    w->leaf.key = p256();
    w->leaf.cert = ca_issue(&w->middle, w->leaf.key, name, "", T0, T0 + DAY).cert;
    for (int i = 0; i < 3; i++)
        X509_NAME_add_entry_by_NID(X509_get_subject_name(w->leaf.cert), NID_organizationName, MBSTRING_ASC,
                                   (const unsigned char *)name, -1, -1, 0);
    assert_true(X509_sign(w->leaf.cert, w->middle.key, EVP_sha384()) > 0);
    w->chain[0] = w->key[0] = 0;
    ca_append_pem(w->chain, sizeof w->chain, w->leaf.cert, NULL);
    ca_append_pem(w->key, sizeof w->key, NULL, w->leaf.key);
    svr_cert_facts f = facts_of(w);
    assert_int_equal(strlen(f.subject), sizeof f.subject - 1);
    assert_string_equal(f.issuer, "CN=middle");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pki_judges_time_to_the_second, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_finds_the_name_in_cn_or_san, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_wants_a_path_to_the_ca, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_self_signed_serves_without_a_ca_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_knows_what_is_revoked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_signs_and_verifies_with_each_kind_of_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_survives_cut_and_bent_chains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pki_says_what_is_wrong_with_an_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe_tells_a_certificate_from_its_issuer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe_lets_nothing_but_printable_ascii_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe_cuts_what_is_too_long, setup, teardown),
    };
    return cmocka_run_group_tests_name("pki", tests, NULL, NULL);
}

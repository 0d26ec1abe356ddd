/* SPDX-License-Identifier: MIT
 * core/pki/authority.c: what the CA makes is judged by what routers judge with, and reads as RFC 5280 wants.
 */
#include "unit.h"

#include "pki/pki.h"
#include "svr/authority.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define NAME "alias-a"
#define DAY (INT64_C(86400) * (svr_wall)SVR_SEC)
#define T0 (INT64_C(1735689600) * (svr_wall)SVR_SEC) /* 2025-01-01 00:00:00 UTC */
#define ENTROPY_LEN 65536

typedef struct world {
    test_heap heap;
    svr_allocator alloc;
    svr_crypt *c;
    svr_ca *root, *middle;
} world;

static svr_ca_params ca_of(const char *name, svr_key_kind key) {
    return (svr_ca_params){.common_name = name, .key = key, .not_before = T0, .not_after = T0 + 3650 * DAY};
}

static svr_ca *new_root(svr_crypt *c, svr_key_kind key) {
    svr_error err;
    const svr_ca_params params = ca_of("root", key);
    svr_ca *ca = svr_ca_new_root(c, &params, &err);
    if (!ca) fail_msg("%s", err.message);
    return ca;
}

static svr_ca *new_middle(const svr_ca *above, const char *name) {
    svr_error err;
    const svr_ca_params params = ca_of(name, SVR_KEY_P384);
    svr_ca *ca = svr_ca_new_intermediate(above, &params, &err);
    if (!ca) fail_msg("%s", err.message);
    return ca;
}

static int setup(void **state) {
    world *w = *state = calloc(1, sizeof *w);
    w->alloc = test_allocator(&w->heap);
    w->c = svr_crypt_new(&w->alloc, NULL, SVR_ENGINE_AUTO);
    w->root = new_root(w->c, SVR_KEY_P256);
    w->middle = new_middle(w->root, "middle");
    return 0;
}

static int teardown(void **state) {
    world *w = *state;
    svr_ca_del(w->middle);
    svr_ca_del(w->root);
    svr_crypt_del(w->c);
    size_t live = w->heap.live;
    free(w);
    return live ? -1 : 0;
}

static svr_ca_order order(svr_key_kind key) {
    return (svr_ca_order){.name = NAME, .key = key, .not_before = T0, .not_after = T0 + 90 * DAY};
}

static svr_ca_issued issue(const svr_ca *ca, svr_ca_order o) {
    svr_error err;
    svr_ca_issued out;
    if (svr_ca_issue(ca, &o, &out, &err) != 0) fail_msg("%s", err.message);
    return out;
}

/* Takes the certificate as a router would, signs with it, and judges it as its peer would. */
static svr_cert_verdict judge(world *w, const svr_ca *root, const svr_ca_issued *issued, const char *crl,
                              svr_wall wall) {
    svr_error err;
    svr_peer_cert *cert;
    uint8_t signature[SVR_SIGNATURE_MAX];
    const svr_piece text = {"text", 4};
    svr_identity *id = svr_identity_new(w->c, issued->certificate, issued->private_key, &err);
    if (!id) fail_msg("%s", err.message);
    svr_trust *trust = svr_trust_new(w->c, svr_ca_root_pem(root), crl, &err);
    if (!trust) fail_msg("%s", err.message);
    svr_cert_verdict v = svr_trust_judge(trust, svr_identity_chain(id), NAME, wall, &cert);
    size_t n = svr_identity_sign(id, &text, 1, signature);
    assert_true(svr_peer_cert_verify(cert, &text, 1, (svr_piece){signature, n}));
    svr_peer_cert_del(cert);
    svr_trust_del(trust);
    svr_identity_del(id);
    return v;
}

static svr_cert_verdict judge_order(world *w, const svr_ca *ca, svr_ca_order o) {
    svr_ca_issued issued = issue(ca, o);
    svr_cert_verdict v = judge(w, w->root, &issued, NULL, T0 + DAY);
    svr_ca_issued_free(ca, &issued);
    return v;
}

static X509 *read_cert(const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

/* CRY-X509, CRT-PUBKEY: each kind of key, of the router and of the CA */
static void test_authority_issues_each_kind_of_key(void **state) {
    static const char *const shown[] = {"P-256",         "P-384",         "P-521",        "Ed25519",
                                        "RSA 2048 bits", "RSA 3072 bits", "RSA 4096 bits"};
    world *w = *state;
    for (svr_key_kind k = 0; k < SVR_KEY_KINDS; k++) {
        svr_error err;
        svr_key_kind parsed;
        svr_cert_facts facts;
        svr_ca_issued issued = issue(w->middle, order(k));
        assert_int_equal(judge(w, w->root, &issued, NULL, T0 + DAY), SVR_CERT_VALID);
        svr_identity *id = svr_identity_new(w->c, issued.certificate, issued.private_key, &err);
        svr_identity_describe(id, &facts);
        assert_string_equal(facts.key, shown[k]);
        assert_string_equal(facts.subject, "CN=" NAME);
        assert_string_equal(facts.issuer, "CN=middle");
        svr_identity_del(id);
        svr_ca_issued_free(w->middle, &issued);
        assert_true(svr_key_kind_parse(svr_key_kind_name(k), &parsed));
        assert_int_equal(parsed, k);
    }
    assert_null(svr_key_kind_name(SVR_KEY_KINDS));
    assert_false(svr_key_kind_parse("p257", &(svr_key_kind){0}));
}

static void test_authority_signs_with_each_kind_of_key(void **state) {
    world *w = *state;
    const svr_key_kind kinds[] = {SVR_KEY_P521, SVR_KEY_ED25519, SVR_KEY_RSA_2048};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        svr_error err;
        svr_ca *root = new_root(w->c, kinds[i]), *middle = new_middle(root, "under");
        svr_ca_issued issued = issue(middle, order(SVR_KEY_P256));
        assert_int_equal(judge(w, root, &issued, NULL, T0), SVR_CERT_VALID);
        assert_int_equal(judge(w, w->root, &issued, NULL, T0), SVR_CERT_UNTRUSTED);
        assert_int_equal(svr_ca_revoke(root, svr_ca_serial(middle), T0, &err), 0);
        char *crl = svr_ca_crl(root, T0, T0 + DAY, &err);
        assert_int_equal(judge(w, root, &issued, crl, T0), SVR_CERT_REVOKED);
        svr_ca_text_free(root, crl);
        svr_ca_issued_free(middle, &issued);
        svr_ca_del(middle);
        svr_ca_del(root);
    }
}

/* CRT-CA: through as many intermediates as the wire takes, and no more */
static void test_authority_chains_up_to_the_limit(void **state) {
    world *w = *state;
    svr_error err;
    svr_ca *ca[SVR_CHAIN_CERTS_MAX] = {w->root, w->middle};
    for (int i = 2; i < SVR_CHAIN_CERTS_MAX; i++) {
        ca[i] = new_middle(ca[i - 1], "another");
        assert_int_equal(judge_order(w, ca[i], order(SVR_KEY_P256)), SVR_CERT_VALID);
    }
    const svr_ca_params params = ca_of("one too many", SVR_KEY_P256);
    assert_null(svr_ca_new_intermediate(ca[SVR_CHAIN_CERTS_MAX - 1], &params, &err));
    assert_non_null(strstr(err.message, "too many CAs"));
    for (int i = 2; i < SVR_CHAIN_CERTS_MAX; i++)
        svr_ca_del(ca[i]);
    assert_int_equal(judge_order(w, w->root, order(SVR_KEY_P256)), SVR_CERT_VALID); /* without any */
}

/* CFG-PCN-MATCH */
static void test_authority_puts_the_name_where_it_is_wanted(void **state) {
    world *w = *state;
    for (svr_name_place place = SVR_NAME_IN_BOTH; place <= SVR_NAME_IN_SAN; place++) {
        svr_ca_order o = order(SVR_KEY_P256);
        o.place = place;
        assert_int_equal(judge_order(w, w->middle, o), SVR_CERT_VALID);
        svr_ca_issued issued = issue(w->middle, o);
        X509 *cert = read_cert(issued.certificate);
        int critical = -1, entries = X509_NAME_entry_count(X509_get_subject_name(cert));
        GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
        assert_int_equal(entries, place == SVR_NAME_IN_SAN ? 0 : 1);
        assert_int_equal(san != NULL, place != SVR_NAME_IN_CN);
        assert_int_equal(critical, place == SVR_NAME_IN_CN ? -1 : place == SVR_NAME_IN_SAN);
        GENERAL_NAMES_free(san);
        X509_free(cert);
        svr_ca_issued_free(w->middle, &issued);
        o.name = "alias-b";
        assert_int_equal(judge_order(w, w->middle, o), SVR_CERT_NAME_MISMATCH);
    }
}

/* A comma would begin another name, were the text OpenSSL's syntax. */
static void test_authority_takes_a_name_as_it_is(void **state) {
    world *w = *state;
    svr_ca_order o = order(SVR_KEY_P256);
    o.name = "x,URI:urn:ssr:peering:" NAME;
    assert_int_equal(judge_order(w, w->middle, o), SVR_CERT_NAME_MISMATCH);
}

static void test_authority_keeps_times_to_the_second(void **state) {
    world *w = *state;
    svr_ca_order o = order(SVR_KEY_P256);
    o.not_before += (svr_wall)SVR_SEC / 2; /* cut */
    o.not_after = T0 + 100 * (svr_wall)SVR_SEC + (svr_wall)SVR_SEC / 2;
    svr_ca_issued issued = issue(w->middle, o);
    const svr_wall end = T0 + 101 * (svr_wall)SVR_SEC;
    assert_int_equal(judge(w, w->root, &issued, NULL, T0 - 1), SVR_CERT_NOT_YET_VALID);
    assert_int_equal(judge(w, w->root, &issued, NULL, T0), SVR_CERT_VALID);
    assert_int_equal(judge(w, w->root, &issued, NULL, end - 1), SVR_CERT_VALID);
    assert_int_equal(judge(w, w->root, &issued, NULL, end), SVR_CERT_EXPIRED);
    svr_ca_issued_free(w->middle, &issued);
}

static svr_cert_verdict judge_revoked(world *w, svr_ca *ca, const svr_ca_issued *issued) {
    svr_error err;
    char *crl = svr_ca_crl(ca, T0, T0 + 30 * DAY, &err);
    assert_non_null(crl);
    svr_cert_verdict v = judge(w, w->root, issued, crl, T0 + DAY);
    svr_ca_text_free(ca, crl);
    return v;
}

/* CRT-EXPIRING (revoked) */
static void test_authority_revokes_leaf_and_intermediate(void **state) {
    world *w = *state;
    svr_error err;
    svr_ca_order o = order(SVR_KEY_P256);
    o.serial = 4711;
    svr_ca_issued issued = issue(w->middle, o);
    assert_int_equal(issued.serial, 4711);
    assert_int_equal(judge_revoked(w, w->middle, &issued), SVR_CERT_VALID);
    assert_int_equal(svr_ca_revoke(w->middle, 4712, T0, &err), 0);
    assert_int_equal(judge_revoked(w, w->middle, &issued), SVR_CERT_VALID);
    assert_int_equal(svr_ca_revoke(w->root, 4711, T0, &err), 0); /* not its issuer */
    assert_int_equal(judge_revoked(w, w->root, &issued), SVR_CERT_VALID);
    assert_int_equal(svr_ca_revoke(w->middle, 4711, T0, &err), 0);
    assert_int_equal(svr_ca_revoke(w->middle, 4711, T0, &err), 0);
    assert_int_equal(judge_revoked(w, w->middle, &issued), SVR_CERT_REVOKED);
    svr_ca_issued_free(w->middle, &issued);
    issued = issue(w->middle, order(SVR_KEY_P256)); /* a random number */
    assert_true(issued.serial >= UINT64_C(1) << 62);
    assert_int_equal(judge_revoked(w, w->middle, &issued), SVR_CERT_VALID);
    assert_int_equal(svr_ca_revoke(w->root, svr_ca_serial(w->middle), T0, &err), 0);
    assert_int_equal(judge_revoked(w, w->root, &issued), SVR_CERT_REVOKED);
    svr_ca_issued_free(w->middle, &issued);
}

/* RFC 5280 section 5.2: each list names its issuer's key and has a number one higher */
static void test_authority_numbers_its_lists(void **state) {
    world *w = *state;
    svr_error err;
    assert_int_equal(svr_ca_revoke(w->root, 7, T0, &err), 0);
    assert_int_equal(svr_ca_revoke(w->root, 7, T0, &err), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        uint64_t number = 0;
        char *pem = svr_ca_crl(w->root, T0, T0 + DAY, &err);
        BIO *bio = BIO_new_mem_buf(pem, -1);
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
        assert_true(ASN1_INTEGER_get_uint64(&number, n) == 1 && number == i);
        assert_int_equal(X509_CRL_get_ext_count(crl), 2);
        assert_true(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
        assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 1);
        ASN1_INTEGER_free(n);
        X509_CRL_free(crl);
        BIO_free(bio);
        svr_ca_text_free(w->root, pem);
    }
}

static void test_authority_says_what_it_cannot_make(void **state) {
    world *w = *state;
    svr_error err;
    svr_ca_issued out;
    char longest[65];
    memset(longest, 'n', 64);
    longest[64] = 0;
    svr_ca_order o = order(SVR_KEY_P256);
    const char *const bad_names[] = {NULL, "", longest};
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        o.name = bad_names[i];
        assert_int_equal(svr_ca_issue(w->root, &o, &out, &err), -1);
        assert_non_null(strstr(err.message, "1 to 63 octets"));
        assert_null(out.certificate);
        const svr_ca_params params = ca_of(bad_names[i], SVR_KEY_P256);
        assert_null(svr_ca_new_root(w->c, &params, &err));
    }
    o = order(SVR_KEY_KINDS);
    assert_int_equal(svr_ca_issue(w->root, &o, &out, &err), -1);
    assert_non_null(strstr(err.message, "no such kind of key"));
    o = order(SVR_KEY_P256);
    o.not_after = o.not_before - 1;
    assert_int_equal(svr_ca_issue(w->root, &o, &out, &err), -1);
    assert_non_null(strstr(err.message, "end before it begins"));
    o = order(SVR_KEY_P256);
    o.serial = UINT64_MAX; /* would be negative */
    assert_int_equal(svr_ca_issue(w->root, &o, &out, &err), -1);
    longest[63] = 0;
    o.serial = 0;
    o.name = longest;
    out = issue(w->root, o);
    svr_ca_issued_free(w->root, &out);
}

/* Everything once: 0, or -1 where memory was refused. */
static int run_once(world *w) {
    svr_error err;
    svr_ca_issued issued = {0};
    char *crl = NULL;
    const svr_ca_params params = ca_of("ca", SVR_KEY_P256);
    const svr_ca_order o = order(SVR_KEY_P256);
    svr_ca *root = svr_ca_new_root(w->c, &params, &err);
    svr_ca *middle = root ? svr_ca_new_intermediate(root, &params, &err) : NULL;
    if (middle && svr_ca_issue(middle, &o, &issued, &err) == 0) crl = svr_ca_crl(middle, T0, T0 + DAY, &err);
    int outcome = crl ? 0 : -1;
    if (middle) svr_ca_text_free(middle, crl);
    if (issued.certificate) svr_ca_issued_free(middle, &issued);
    svr_ca_del(middle);
    svr_ca_del(root);
    return outcome;
}

static void test_authority_survives_want_of_memory(void **state) {
    world *w = *state;
    size_t live = w->heap.live, n = 0;
    do {
        w->heap.requests = 0;
        w->heap.fail_at = ++n;
        int outcome = run_once(w);
        assert_int_equal(outcome, w->heap.requests >= n ? -1 : 0);
        assert_int_equal(w->heap.live, live);
    } while (w->heap.requests >= n);
    assert_true(n > 6);
    w->heap.fail_at = 0;
}

/* ---- the same randomness gives the same octets ---------------------------------------------- */

static void set_entropy(EVP_RAND_CTX *rand, uint8_t *octets) {
    unsigned int strength = 256;
    const OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, octets, ENTROPY_LEN),
                                 OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, &strength), OSSL_PARAM_END};
    assert_non_null(rand);
    assert_int_equal(EVP_RAND_CTX_set_params(rand, params), 1);
}

/* All that a CA makes, in one text, out of given entropy. */
static void make_all(uint8_t seed, char *out, size_t size) {
    static uint8_t entropy[ENTROPY_LEN];
    world w = {0};
    svr_error err;
    OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
    for (size_t i = 0; i < sizeof entropy; i++)
        entropy[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + seed);
    assert_int_equal(RAND_set_DRBG_type(lib, "TEST-RAND", NULL, NULL, NULL), 1);
    set_entropy(RAND_get0_public(lib), entropy);
    set_entropy(RAND_get0_private(lib), entropy);
    w.alloc = test_allocator(&w.heap);
    w.c = svr_crypt_new(&w.alloc, lib, SVR_ENGINE_AUTO);
    w.root = new_root(w.c, SVR_KEY_ED25519);
    w.middle = new_middle(w.root, "middle");
    svr_ca_issued issued = issue(w.middle, order(SVR_KEY_P256));
    char *crl = svr_ca_crl(w.middle, T0, T0 + DAY, &err);
    int n =
        snprintf(out, size, "%s%s%s%s", svr_ca_root_pem(w.root), issued.certificate, issued.private_key, crl);
    assert_true(n > 0 && (size_t)n < size);
    svr_ca_text_free(w.middle, crl);
    svr_ca_issued_free(w.middle, &issued);
    svr_ca_del(w.middle);
    svr_ca_del(w.root);
    svr_crypt_del(w.c);
    OSSL_LIB_CTX_free(lib);
    assert_int_equal(w.heap.live, 0);
}

static void test_authority_repeats_itself_with_equal_randomness(void **state) {
    (void)state;
    static char first[16384], second[16384], third[16384];
    make_all(1, first, sizeof first);
    make_all(1, second, sizeof second);
    make_all(2, third, sizeof third);
    assert_string_equal(first, second);
    assert_string_not_equal(first, third);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A CA that was written down and read again issues, revokes and lists as before. */
static void test_authority_is_read_again(void **state) {
    world *w = *state;
    svr_error err;
    svr_ca_issued first = issue(w->middle, order(SVR_KEY_P256));
    assert_int_equal(svr_ca_revoke(w->middle, first.serial, T0, &err), 0);
    char *chain = svr_ca_chain_pem(w->middle), *key = svr_ca_key_pem(w->middle);
    char *crl = svr_ca_crl(w->middle, T0, T0 + 30 * DAY, &err);
    svr_ca *again = svr_ca_load(w->c, chain, key, crl, &err);
    if (!again) fail_msg("%s", err.message);
    assert_int_equal(svr_ca_serial(again), svr_ca_serial(w->middle));
    assert_string_equal(svr_ca_root_pem(again), svr_ca_root_pem(w->root));
    svr_ca_issued second = issue(again, order(SVR_KEY_ED25519));
    char *other_crl = svr_ca_crl(again, T0, T0 + 30 * DAY, &err);
    assert_int_equal(judge(w, w->root, &second, other_crl, T0 + DAY), SVR_CERT_VALID);
    assert_int_equal(judge(w, w->root, &first, other_crl, T0 + DAY), SVR_CERT_REVOKED);
    assert_null(svr_ca_load(w->c, svr_ca_root_pem(w->root), key, NULL, &err));
    assert_non_null(strstr(err.message, "private key"));
    assert_null(svr_ca_load(w->c, first.certificate, first.private_key, NULL, &err));
    assert_non_null(strstr(err.message, "CA's certificate"));
    char *foreign = svr_ca_crl(w->root, T0, T0 + DAY, &err);
    assert_null(svr_ca_load(w->c, chain, key, foreign, &err));
    assert_non_null(strstr(err.message, "revocation list"));
    for (size_t cut = 0; cut < strlen(chain); cut += 7) {
        char kept = chain[cut];
        chain[cut] = '\0';
        svr_ca_del(svr_ca_load(w->c, chain, key, crl, &err));
        chain[cut] = kept;
    }
    svr_ca_text_free(w->root, foreign);
    svr_ca_text_free(again, other_crl);
    svr_ca_issued_free(again, &second);
    svr_ca_del(again);
    svr_ca_text_free(w->middle, crl);
    svr_ca_text_free(w->middle, key);
    svr_ca_text_free(w->middle, chain);
    svr_ca_issued_free(w->middle, &first);
}

/* A router's request: its key stays with it. */
static void test_authority_signs_requests(void **state) {
    world *w = *state;
    for (svr_key_kind k = 0; k < SVR_KEY_KINDS; k++) {
        svr_error err;
        svr_ca_issued request, issued;
        assert_int_equal(svr_ca_request(w->c, NAME, k, &request, &err), 0);
        if (svr_ca_sign(w->middle,
                        &(svr_ca_order){.name = NAME, .not_before = T0, .not_after = T0 + 365 * DAY},
                        request.certificate, &issued, &err) != 0)
            fail_msg("%s", err.message);
        assert_null(issued.private_key);
        svr_ca_issued both = {.certificate = issued.certificate, .private_key = request.private_key};
        assert_int_equal(judge(w, w->root, &both, NULL, T0 + DAY), SVR_CERT_VALID);
        svr_ca_issued_free(w->middle, &issued);
        svr_ca_request_free(w->c, &request);
    }
}

static void assert_unsigned(world *w, const char *name, const char *request, const char *why) {
    svr_error err;
    svr_ca_issued issued;
    svr_ca_order o = {.name = name, .not_before = T0, .not_after = T0 + DAY};
    assert_int_equal(svr_ca_sign(w->middle, &o, request, &issued, &err), -1);
    assert_non_null(strstr(err.message, why));
    assert_null(issued.certificate);
}

static void test_authority_refuses_bad_requests(void **state) {
    world *w = *state;
    svr_error err;
    svr_ca_issued request;
    assert_int_equal(svr_ca_request(w->c, "", SVR_KEY_P256, &request, &err), -1);
    assert_int_equal(svr_ca_request(w->c, NAME, SVR_KEY_P256, &request, &err), 0);
    assert_unsigned(w, "another", request.certificate, "another name");
    assert_unsigned(w, NAME, "nothing", "no PEM text");
    /* A bit of the signature, which ends before the last line and its padding. */
    char *bit = strstr(request.certificate, "-----END") - 12;
    *bit = *bit == 'A' ? 'B' : 'A';
    assert_unsigned(w, NAME, request.certificate, "not signed with its own key");
    svr_ca_request_free(w->c, &request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_authority_issues_each_kind_of_key),
        TEST(test_authority_signs_with_each_kind_of_key),
        TEST(test_authority_chains_up_to_the_limit),
        TEST(test_authority_puts_the_name_where_it_is_wanted),
        TEST(test_authority_takes_a_name_as_it_is),
        TEST(test_authority_keeps_times_to_the_second),
        TEST(test_authority_revokes_leaf_and_intermediate),
        TEST(test_authority_numbers_its_lists),
        TEST(test_authority_says_what_it_cannot_make),
        TEST(test_authority_survives_want_of_memory),
        cmocka_unit_test_setup_teardown(test_authority_is_read_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authority_signs_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authority_refuses_bad_requests, setup, teardown),
        cmocka_unit_test(test_authority_repeats_itself_with_equal_randomness),
    };
    return cmocka_run_group_tests_name("authority", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "svrsim/seeded_rand.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

typedef struct buffer {
    uint8_t bytes[8192];
    size_t len;
} buffer;

static void add_key(buffer *b, EVP_PKEY *key) {
    uint8_t *at = b->bytes + b->len;
    assert_non_null(key);
    int n = i2d_PrivateKey(key, &at);
    assert_true(n > 0);
    b->len += (size_t)n;
}

static EVP_PKEY *make_dh(OSSL_LIB_CTX *ctx) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *gen = EVP_PKEY_CTX_new_from_name(ctx, "DH", NULL);
    char group[] = "modp_2048";
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("group", group, 0), OSSL_PARAM_END};
    assert_int_equal(EVP_PKEY_keygen_init(gen), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(gen, params), 1);
    assert_int_equal(EVP_PKEY_generate(gen, &key), 1);
    EVP_PKEY_CTX_free(gen);
    return key;
}

/* A self-signed certificate: its signature takes a nonce. */
static void add_certificate(buffer *b, OSSL_LIB_CTX *ctx, EVP_PKEY *key) {
    uint8_t *at = b->bytes + b->len;
    X509 *x = X509_new_ex(ctx, NULL);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), 1735689600);
    ASN1_TIME_set(X509_getm_notAfter(x), 1767225600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"a", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA384", ctx, NULL, key, NULL), 1);
    assert_true(X509_sign_ctx(x, md) > 0);
    b->len += (size_t)i2d_X509(x, &at);
    EVP_MD_CTX_free(md);
    X509_free(x);
}

/* One of everything that draws random numbers, in the order given. */
static buffer draw_all(uint64_t seed) {
    buffer b = {.len = 64};
    svrsim_rand *r = svrsim_rand_new(seed);
    assert_non_null(r);
    OSSL_LIB_CTX *ctx = svrsim_rand_libctx(r);
    assert_int_equal(RAND_bytes_ex(ctx, b.bytes, 32, 256), 1);
    assert_int_equal(RAND_priv_bytes_ex(ctx, b.bytes + 32, 32, 256), 1);
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(ctx, NULL, "EC", "P-384"), *dh = make_dh(ctx);
    EVP_PKEY *rsa = EVP_PKEY_Q_keygen(ctx, NULL, "RSA", (size_t)2048);
    EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(ctx, NULL, "X25519");
    add_key(&b, ec);
    add_key(&b, dh);
    add_key(&b, rsa);
    add_key(&b, x25519);
    add_certificate(&b, ctx, ec);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(dh);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(x25519);
    svrsim_rand_del(r);
    return b;
}

static void test_seeded_rand_same_seed_same_keys(void **state) {
    (void)state;
    buffer a = draw_all(7), b = draw_all(7);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.bytes, b.bytes, a.len);
}

static void test_seeded_rand_other_seed_other_keys(void **state) {
    (void)state;
    buffer a = draw_all(7), b = draw_all(8);
    assert_memory_not_equal(a.bytes, b.bytes, 32);
    assert_memory_not_equal(a.bytes + 32, b.bytes + 32, 32);
    assert_memory_not_equal(a.bytes, a.bytes + 32, 32);
}

static void test_seeded_rand_leaves_the_default_context_alone(void **state) {
    uint8_t a[32], b[32];
    (void)state;
    for (int i = 0; i < 2; i++) {
        svrsim_rand *r = svrsim_rand_new(7);
        assert_int_equal(RAND_bytes(i ? b : a, 32), 1);
        svrsim_rand_del(r);
    }
    assert_memory_not_equal(a, b, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeded_rand_same_seed_same_keys),
        cmocka_unit_test(test_seeded_rand_other_seed_other_keys),
        cmocka_unit_test(test_seeded_rand_leaves_the_default_context_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

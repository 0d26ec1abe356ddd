/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "crypto/kex.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

static test_heap heap;
static svr_allocator alloc;
static svr_crypt *crypt;

static const struct {
    svr_kex_group group;
    size_t public_len, secret_len;
} groups[] = {
    {SVR_GROUP_MODP_1024, 128, 128}, {SVR_GROUP_MODP_2048, 256, 256}, {SVR_GROUP_MODP_4096, 512, 512},
    {SVR_GROUP_P521, 133, 66},       {SVR_GROUP_X25519, 32, 32},
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

static int setup(void **state) {
    (void)state;
    heap = (test_heap){0};
    alloc = test_allocator(&heap);
    crypt = svr_crypt_new(&alloc, NULL, SVR_ENGINE_OPENSSL);
    return crypt ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    svr_crypt_del(crypt);
    return heap.live == 0 ? 0 : -1;
}

static void test_kex_both_sides_agree(void **state) {
    (void)state;
    for (size_t i = 0; i < N_GROUPS; i++) {
        svr_kex *a = svr_kex_new(crypt, groups[i].group), *b = svr_kex_new(crypt, groups[i].group);
        assert_non_null(a);
        assert_non_null(b);
        uint8_t pa[SVR_KEX_PUBLIC_MAX], pb[SVR_KEX_PUBLIC_MAX], sa[SVR_KEX_SECRET_MAX],
            sb[SVR_KEX_SECRET_MAX];
        assert_int_equal(svr_kex_public(a, pa), groups[i].public_len);
        assert_int_equal(svr_kex_public(b, pb), groups[i].public_len);
        assert_memory_not_equal(pa, pb, groups[i].public_len);
        assert_int_equal(svr_kex_secret(a, pb, groups[i].public_len, sa), groups[i].secret_len);
        assert_int_equal(svr_kex_secret(b, pa, groups[i].public_len, sb), groups[i].secret_len);
        assert_memory_equal(sa, sb, groups[i].secret_len);
        svr_kex_del(a);
        svr_kex_del(b);
    }
}

/* True when `kex` refuses the value and leaves nothing behind in the output. */
static bool refuses(const svr_kex *kex, const uint8_t *value, size_t len) {
    uint8_t secret[SVR_KEX_SECRET_MAX], zero[SVR_KEX_SECRET_MAX] = {0};
    memset(secret, 0xa5, sizeof secret);
    return svr_kex_secret(kex, value, len, secret) == 0 && memcmp(secret, zero, sizeof secret) == 0;
}

static BIGNUM *prime_of(svr_kex_group group) {
    if (group == SVR_GROUP_MODP_1024) return BN_get_rfc2409_prime_1024(NULL);
    return group == SVR_GROUP_MODP_2048 ? BN_get_rfc3526_prime_2048(NULL) : BN_get_rfc3526_prime_4096(NULL);
}

static void test_kex_modp_refuses_values_outside_2_to_p_minus_2(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        svr_kex *kex = svr_kex_new(crypt, groups[i].group);
        assert_non_null(kex);
        size_t len = groups[i].public_len;
        uint8_t value[SVR_KEX_PUBLIC_MAX + 1] = {0};
        assert_true(refuses(kex, value, len));
        value[len - 1] = 1;
        assert_true(refuses(kex, value, len));
        BIGNUM *p = prime_of(groups[i].group);
        assert_int_equal(BN_bn2binpad(p, value, (int)len), len);
        assert_true(refuses(kex, value, len));
        value[len - 1]--; /* p - 1; the prime is odd */
        assert_true(refuses(kex, value, len));
        memset(value, 0xff, len);
        assert_true(refuses(kex, value, len));
        BN_free(p);
        svr_kex_del(kex);
    }
}

/* 4 = 2^2 belongs to the subgroup whatever p is: the edges above refuse, this does not. */
static void test_kex_modp_accepts_a_small_member_padded_to_length(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        svr_kex *kex = svr_kex_new(crypt, groups[i].group);
        assert_non_null(kex);
        uint8_t value[SVR_KEX_PUBLIC_MAX] = {0}, secret[SVR_KEX_SECRET_MAX];
        value[groups[i].public_len - 1] = 4;
        assert_int_equal(svr_kex_secret(kex, value, groups[i].public_len, secret), groups[i].secret_len);
        svr_kex_del(kex);
    }
}

static void test_kex_refuses_every_other_length(void **state) {
    (void)state;
    for (size_t i = 0; i < N_GROUPS; i++) {
        svr_kex *kex = svr_kex_new(crypt, groups[i].group);
        assert_non_null(kex);
        uint8_t value[SVR_KEX_PUBLIC_MAX + 2] = {0};
        size_t len = svr_kex_public(kex, value);
        for (size_t n = 0; n < sizeof value; n++)
            if (n != len) assert_true(refuses(kex, value, n));
        svr_kex_del(kex);
    }
}

static void test_kex_p521_refuses_points_off_the_curve_and_other_forms(void **state) {
    (void)state;
    svr_kex *kex = svr_kex_new(crypt, SVR_GROUP_P521), *peer = svr_kex_new(crypt, SVR_GROUP_P521);
    assert_non_null(kex);
    assert_non_null(peer);
    uint8_t value[SVR_KEX_PUBLIC_MAX], bad[SVR_KEX_PUBLIC_MAX];
    size_t len = svr_kex_public(peer, value);
    for (size_t bit = 0; bit < len * 8; bit++) {
        memcpy(bad, value, len);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(refuses(kex, bad, len));
    }
    memcpy(bad, value, len);
    bad[0] = (uint8_t)(6 | (value[len - 1] & 1)); /* the same point, hybrid form */
    assert_true(refuses(kex, bad, len));
    memset(bad, 0, len);
    assert_true(refuses(kex, bad, len));
    bad[0] = 4;
    assert_true(refuses(kex, bad, len));
    svr_kex_del(peer);
    svr_kex_del(kex);
}

static void test_kex_x25519_refuses_an_all_zero_secret(void **state) {
    (void)state;
    svr_kex *kex = svr_kex_new(crypt, SVR_GROUP_X25519);
    assert_non_null(kex);
    uint8_t value[32] = {0};
    assert_true(refuses(kex, value, sizeof value));
    value[0] = 1; /* of order 1 */
    assert_true(refuses(kex, value, sizeof value));
    memset(value, 0xff, sizeof value);
    value[0] = 0xec; /* p - 1, of order 2 */
    value[31] = 0x7f;
    assert_true(refuses(kex, value, sizeof value));
    svr_kex_del(kex);
}

static void test_kex_group_follows_the_configuration(void **state) {
    (void)state;
    static const struct {
        svr_kex_algorithm kex;
        uint32_t bits;
        svr_kex_group group;
    } cases[] = {
        {SVR_KEX_DH, 1024, SVR_GROUP_MODP_1024},  {SVR_KEX_DH, 2048, SVR_GROUP_MODP_2048},
        {SVR_KEX_DH, 4096, SVR_GROUP_MODP_4096},  {SVR_KEX_ECDH_P521, 4096, SVR_GROUP_P521},
        {SVR_KEX_X25519, 4096, SVR_GROUP_X25519},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        svr_key_management keys = {.kex = cases[i].kex, .dh_bits = cases[i].bits};
        assert_int_equal(svr_kex_group_of(&keys), cases[i].group);
    }
}

/* ---- a library context whose random bytes the test chooses ---------------------------------- */
#define ENTROPY_LEN 4096

static void rewind_random(EVP_RAND_CTX *rand, uint8_t first) {
    uint8_t bytes[ENTROPY_LEN];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(first + i * 7 + i / 256);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, bytes, sizeof bytes),
        OSSL_PARAM_construct_end()};
    assert_true(EVP_RAND_CTX_set_params(rand, params));
}

static EVP_RAND_CTX *start_random(EVP_RAND_CTX *rand) {
    unsigned strength = 256;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
                           OSSL_PARAM_construct_end()};
    assert_non_null(rand);
    assert_true(EVP_RAND_CTX_set_params(rand, params));
    return rand;
}

static size_t public_after(svr_crypt *c, svr_kex_group group, uint8_t first,
                           uint8_t out[SVR_KEX_PUBLIC_MAX]) {
    OSSL_LIB_CTX *libctx = svr_crypt_libctx(c);
    rewind_random(start_random(RAND_get0_public(libctx)), first);
    rewind_random(start_random(RAND_get0_private(libctx)), first);
    svr_kex *kex = svr_kex_new(c, group);
    assert_non_null(kex);
    size_t len = svr_kex_public(kex, out);
    svr_kex_del(kex);
    return len;
}

/* A simulation repeats itself only if nothing random comes from elsewhere. */
static void test_kex_draws_from_the_given_library_context_only(void **state) {
    (void)state;
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    assert_true(RAND_set_DRBG_type(libctx, "TEST-RAND", NULL, NULL, NULL));
    svr_crypt *c = svr_crypt_new(&alloc, libctx, SVR_ENGINE_OPENSSL);
    assert_non_null(c);
    for (size_t i = 0; i < N_GROUPS; i++) {
        uint8_t a[SVR_KEX_PUBLIC_MAX], again[SVR_KEX_PUBLIC_MAX], other[SVR_KEX_PUBLIC_MAX];
        size_t len = public_after(c, groups[i].group, 1, a);
        assert_int_equal(public_after(c, groups[i].group, 1, again), len);
        public_after(c, groups[i].group, 2, other);
        assert_memory_equal(a, again, len);
        assert_memory_not_equal(a, other, len);
    }
    uint8_t x[32], y[32];
    rewind_random(RAND_get0_public(libctx), 3);
    assert_true(svr_random(c, x, sizeof x));
    rewind_random(RAND_get0_public(libctx), 3);
    assert_true(svr_random(c, y, sizeof y));
    assert_memory_equal(x, y, sizeof x);
    svr_crypt_del(c);
    OSSL_LIB_CTX_free(libctx);
}

static void test_kex_survives_short_memory_and_unknown_groups(void **state) {
    (void)state;
    heap.fail_at = heap.requests + 1;
    assert_null(svr_kex_new(crypt, SVR_GROUP_X25519));
    heap.fail_at = 0;
    assert_null(svr_kex_new(crypt, (svr_kex_group)0));
    assert_null(svr_kex_new(crypt, (svr_kex_group)6));
    svr_kex_del(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kex_both_sides_agree),
        cmocka_unit_test(test_kex_modp_refuses_values_outside_2_to_p_minus_2),
        cmocka_unit_test(test_kex_modp_accepts_a_small_member_padded_to_length),
        cmocka_unit_test(test_kex_refuses_every_other_length),
        cmocka_unit_test(test_kex_p521_refuses_points_off_the_curve_and_other_forms),
        cmocka_unit_test(test_kex_x25519_refuses_an_all_zero_secret),
        cmocka_unit_test(test_kex_group_follows_the_configuration),
        cmocka_unit_test(test_kex_draws_from_the_given_library_context_only),
        cmocka_unit_test(test_kex_survives_short_memory_and_unknown_groups),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT */
#include "crypto/kex.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

struct svr_kex {
    const svr_crypt *crypt;
    svr_kex_group group;
    EVP_PKEY *pkey;
    size_t public_len;
    uint8_t public[SVR_KEX_PUBLIC_MAX];
};

svr_kex_group svr_kex_group_of(const svr_key_management *keys) {
    switch (keys->kex) {
    case SVR_KEX_ECDH_P521: return SVR_GROUP_P521;
    case SVR_KEX_X25519: return SVR_GROUP_X25519;
    case SVR_KEX_DH: break;
    }
    if (keys->dh_bits == 1024) return SVR_GROUP_MODP_1024;
    return keys->dh_bits == 2048 ? SVR_GROUP_MODP_2048 : SVR_GROUP_MODP_4096;
}

static bool is_modp(svr_kex_group group) {
    return group == SVR_GROUP_MODP_1024 || group == SVR_GROUP_MODP_2048 || group == SVR_GROUP_MODP_4096;
}

static size_t public_len(svr_kex_group group) {
    switch (group) {
    case SVR_GROUP_MODP_1024: return 128;
    case SVR_GROUP_MODP_2048: return 256;
    case SVR_GROUP_MODP_4096: return 512;
    case SVR_GROUP_P521: return 133;
    case SVR_GROUP_X25519: return 32;
    }
    return 0;
}

static size_t secret_len(svr_kex_group group) {
    return group == SVR_GROUP_P521 ? 66 : public_len(group);
}

/* A pair of a group that OpenSSL knows by name. */
static EVP_PKEY *generate_named(OSSL_LIB_CTX *libctx, const char *type, const char *name) {
    char text[16];
    bool fits = svr_strcpy(text, sizeof text, name);
    assert(fits);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, text, 0),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, NULL);
    if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 || (*name && EVP_PKEY_CTX_set_params(ctx, params) <= 0) ||
        EVP_PKEY_generate(ctx, &pkey) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* p and g of RFC 2409 group 2. */
static OSSL_PARAM *modp_1024_params(void) {
    OSSL_PARAM *params = NULL;
    BIGNUM *p = BN_get_rfc2409_prime_1024(NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (p && bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_P, p) &&
        OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_FFC_G, 2))
        params = OSSL_PARAM_BLD_to_param(bld);
    OSSL_PARAM_BLD_free(bld);
    BN_free(p);
    return params;
}

static EVP_PKEY *import_domain(OSSL_LIB_CTX *libctx, OSSL_PARAM *params) {
    EVP_PKEY *domain = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "DH", NULL);
    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &domain, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
        domain = NULL;
    EVP_PKEY_CTX_free(ctx);
    return domain;
}

/* OpenSSL has no name for the smallest group, so its numbers are spelt out. */
static EVP_PKEY *generate_modp_1024(OSSL_LIB_CTX *libctx) {
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = modp_1024_params();
    EVP_PKEY *domain = params ? import_domain(libctx, params) : NULL;
    EVP_PKEY_CTX *ctx = domain ? EVP_PKEY_CTX_new_from_pkey(libctx, domain, NULL) : NULL;
    if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 || EVP_PKEY_generate(ctx, &pkey) <= 0) pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(domain);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *generate(OSSL_LIB_CTX *libctx, svr_kex_group group) {
    switch (group) {
    case SVR_GROUP_MODP_1024: return generate_modp_1024(libctx);
    case SVR_GROUP_MODP_2048: return generate_named(libctx, "DH", "modp_2048");
    case SVR_GROUP_MODP_4096: return generate_named(libctx, "DH", "modp_4096");
    case SVR_GROUP_P521: return generate_named(libctx, "EC", "P-521");
    case SVR_GROUP_X25519: return generate_named(libctx, "X25519", "");
    }
    return NULL;
}

/* Keeps the encoded public value at hand, so that svr_kex_public cannot fail. */
static bool keep_public(svr_kex *kex) {
    unsigned char *encoded = NULL;
    size_t len = EVP_PKEY_get1_encoded_public_key(kex->pkey, &encoded);
    bool ok = len == public_len(kex->group);
    if (ok) memcpy(kex->public, encoded, len);
    kex->public_len = len;
    OPENSSL_free(encoded);
    return ok;
}

svr_kex *svr_kex_new(svr_crypt *c, svr_kex_group group) {
    svr_kex *kex = svr_alloc_zero(svr_crypt_allocator(c), 1, sizeof *kex);
    if (!kex) return NULL;
    kex->crypt = c;
    kex->group = group;
    kex->pkey = generate(svr_crypt_libctx(c), group);
    if (kex->pkey && keep_public(kex)) return kex;
    svr_kex_del(kex);
    return NULL;
}

void svr_kex_del(svr_kex *kex) {
    if (!kex) return;
    EVP_PKEY_free(kex->pkey); /* wipes the private value */
    svr_alloc_free(svr_crypt_allocator(kex->crypt), kex);
}

size_t svr_kex_public(const svr_kex *kex, uint8_t out[SVR_KEX_PUBLIC_MAX]) {
    memcpy(out, kex->public, kex->public_len);
    return kex->public_len;
}

/* The peer's value as a key of our group, or NULL. */
static EVP_PKEY *import_peer(const svr_kex *kex, const uint8_t *value, size_t len) {
    if (len != public_len(kex->group)) return NULL;
    /* The hybrid forms of a point are as long as the uncompressed one, and not ours. */
    if (kex->group == SVR_GROUP_P521 && value[0] != 0x04) return NULL;
    EVP_PKEY *peer = EVP_PKEY_new();
    if (peer && EVP_PKEY_copy_parameters(peer, kex->pkey) > 0 &&
        EVP_PKEY_set1_encoded_public_key(peer, value, len) > 0)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

/* 2..p-2, or a point on the curve. More would be wasted: the primes are safe primes and the curve's cofactor
 * is 1, so no small subgroup is left to be led into (RFC 7919, 5.1), and the full test of a 4096-bit value
 * costs ten times the exchange itself. */
static bool acceptable(const svr_kex *kex, EVP_PKEY *peer) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(svr_crypt_libctx(kex->crypt), peer, NULL);
    bool ok = ctx && EVP_PKEY_public_check_quick(ctx) > 0;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* An all-zero X25519 secret makes OpenSSL fail. */
static size_t derive(const svr_kex *kex, EVP_PKEY *peer, uint8_t out[SVR_KEX_SECRET_MAX]) {
    size_t len = SVR_KEX_SECRET_MAX;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(svr_crypt_libctx(kex->crypt), kex->pkey, NULL);
    bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 &&
              (!is_modp(kex->group) || EVP_PKEY_CTX_set_dh_pad(ctx, 1) > 0) &&
              EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) > 0 && EVP_PKEY_derive(ctx, out, &len) > 0 &&
              len == secret_len(kex->group);
    EVP_PKEY_CTX_free(ctx);
    return ok ? len : 0;
}

size_t svr_kex_secret(const svr_kex *kex, const uint8_t *peer_public, size_t peer_len,
                      uint8_t out[SVR_KEX_SECRET_MAX]) {
    ERR_set_mark(); /* what a peer sent wrong is no error of ours */
    EVP_PKEY *peer = import_peer(kex, peer_public, peer_len);
    size_t len = peer && acceptable(kex, peer) ? derive(kex, peer, out) : 0;
    if (len == 0) svr_wipe(out, SVR_KEX_SECRET_MAX);
    EVP_PKEY_free(peer);
    ERR_pop_to_mark();
    return len;
}

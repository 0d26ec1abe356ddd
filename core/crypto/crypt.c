/* SPDX-License-Identifier: MIT */
#include "crypto/crypt.h"

#include "crypto/engine.h"

#include <assert.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

struct svr_crypt {
    const svr_allocator *alloc;
    OSSL_LIB_CTX *libctx;
    const svr_engine_ops *engine;
    void *state;
    EVP_MD *sha384;
    EVP_MD_CTX *md;
    EVP_MAC_CTX *mac;
    EVP_KDF_CTX *kdf;
};

static const svr_engine_ops *choose(svr_engine engine) {
    if (engine == SVR_ENGINE_OPENSSL) return &svr_engine_openssl;
#ifdef SVR_HAVE_IPSEC_MB
    if (svr_engine_ipsec_mb_usable()) return &svr_engine_ipsec_mb;
#endif
    return engine == SVR_ENGINE_AUTO ? &svr_engine_openssl : NULL;
}

static EVP_KDF_CTX *kdf_ctx_new(OSSL_LIB_CTX *libctx) {
    EVP_KDF *hkdf = EVP_KDF_fetch(libctx, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(hkdf); /* holds the algorithm from here on */
    EVP_KDF_free(hkdf);
    return ctx;
}

EVP_MAC_CTX *svr_hmac_ctx_new(OSSL_LIB_CTX *libctx) {
    EVP_MAC *hmac = EVP_MAC_fetch(libctx, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    if (!ctx) return NULL;
    /* Naming the digest makes OpenSSL look it up: once here, never per packet. */
    char digest[] = OSSL_DIGEST_NAME_SHA2_384;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(ctx, params)) return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

svr_crypt *svr_crypt_new(const svr_allocator *alloc, OSSL_LIB_CTX *libctx, svr_engine engine) {
    const svr_engine_ops *ops = choose(engine);
    if (!ops) return NULL;
    svr_crypt *c = svr_alloc_zero(alloc, 1, sizeof *c);
    if (!c) return NULL;
    c->alloc = alloc;
    c->libctx = libctx;
    c->engine = ops;
    c->state = ops->new (alloc, libctx);
    c->sha384 = EVP_MD_fetch(libctx, OSSL_DIGEST_NAME_SHA2_384, NULL);
    c->md = EVP_MD_CTX_new();
    c->mac = svr_hmac_ctx_new(libctx);
    c->kdf = kdf_ctx_new(libctx);
    if (c->state && c->sha384 && c->md && c->mac && c->kdf) return c;
    svr_crypt_del(c);
    return NULL;
}

void svr_crypt_del(svr_crypt *c) {
    if (!c) return;
    if (c->state) c->engine->del(c->alloc, c->state);
    EVP_KDF_CTX_free(c->kdf);
    EVP_MAC_CTX_free(c->mac);
    EVP_MD_CTX_free(c->md);
    EVP_MD_free(c->sha384);
    svr_alloc_free(c->alloc, c);
}

const char *svr_crypt_engine_name(const svr_crypt *c) {
    return c->engine->name(c->state);
}

OSSL_LIB_CTX *svr_crypt_libctx(const svr_crypt *c) {
    return c->libctx;
}

const svr_allocator *svr_crypt_allocator(const svr_crypt *c) {
    return c->alloc;
}

bool svr_random(svr_crypt *c, void *out, size_t len) {
    return RAND_bytes_ex(c->libctx, out, len, 0) == 1;
}

bool svr_sha384(svr_crypt *c, const svr_piece *pieces, size_t n, uint8_t out[SVR_HASH_LEN]) {
    if (!EVP_DigestInit_ex2(c->md, c->sha384, NULL)) return false;
    for (size_t i = 0; i < n; i++)
        if (!EVP_DigestUpdate(c->md, pieces[i].p, pieces[i].len)) return false;
    return EVP_DigestFinal_ex(c->md, out, NULL);
}

bool svr_hmac_ctx_sign(EVP_MAC_CTX *mac, const void *key, size_t key_len, const svr_piece *pieces, size_t n,
                       uint8_t out[SVR_HASH_LEN]) {
    if (!EVP_MAC_init(mac, key, key_len, NULL)) return false;
    for (size_t i = 0; i < n; i++)
        if (!EVP_MAC_update(mac, pieces[i].p, pieces[i].len)) return false;
    size_t len = 0;
    return EVP_MAC_final(mac, out, &len, SVR_HASH_LEN) && len == SVR_HASH_LEN;
}

bool svr_hmac_sha384(svr_crypt *c, const void *key, size_t key_len, const svr_piece *pieces, size_t n,
                     uint8_t out[SVR_HASH_LEN]) {
    return svr_hmac_ctx_sign(c->mac, key, key_len, pieces, n, out);
}

bool svr_equal_constant_time(const void *a, const void *b, size_t len) {
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* OpenSSL's own bound on HKDF's info. */
#define INFO_MAX 1024

/* Length of "svr " | label | 0x00 | context (PD-KDF), or 0 when that is too long. */
static size_t make_info(uint8_t out[INFO_MAX], const char *label, svr_piece context) {
    svr_writer w = svr_writer_make(out, INFO_MAX);
    svr_write_bytes(&w, "svr ", 4);
    svr_write_bytes(&w, label, strlen(label) + 1);
    svr_write_bytes(&w, context.p, context.len);
    return w.ok ? (size_t)(w.p - out) : 0;
}

/* OSSL_PARAM is not const, yet nothing writes to an input. */
static OSSL_PARAM octets(const char *name, const void *p, size_t len) {
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)p, len);
}

bool svr_kdf(svr_crypt *c, svr_piece secret, svr_piece salt, const char *label, svr_piece context,
             uint8_t *out, size_t out_len) {
    uint8_t info[INFO_MAX];
    size_t info_len = make_info(info, label, context);
    if (info_len == 0) return false;
    char digest[] = OSSL_DIGEST_NAME_SHA2_384;
    OSSL_PARAM params[5], *p = params;
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    *p++ = octets(OSSL_KDF_PARAM_KEY, secret.p, secret.len);
    if (salt.len) *p++ = octets(OSSL_KDF_PARAM_SALT, salt.p, salt.len); /* none: 48 zeros, RFC 5869 2.2 */
    *p++ = octets(OSSL_KDF_PARAM_INFO, info, info_len);
    *p = OSSL_PARAM_construct_end();
    bool ok = EVP_KDF_derive(c->kdf, out, out_len, params) == 1;
    EVP_KDF_CTX_reset(c->kdf); /* forgets the secret */
    if (!ok) svr_wipe(out, out_len);
    svr_wipe(info, sizeof info);
    return ok;
}

void svr_crypt_key_init(svr_crypt *c, svr_crypt_key *key, const uint8_t cipher_key[SVR_CIPHER_KEY_LEN],
                        const uint8_t iv_key[SVR_CIPHER_KEY_LEN], const uint8_t hmac_key[SVR_HMAC_KEY_LEN],
                        svr_hmac hmac) {
    memset(key, 0, sizeof *key);
    key->hmac = hmac;
    c->engine->key_init(c->state, key, cipher_key, iv_key, hmac_key);
}

bool svr_crypt_key_derive(svr_crypt *c, svr_crypt_key *key, svr_piece secret, svr_piece salt,
                          const char *label, svr_piece context, svr_hmac hmac) {
    struct {
        uint8_t cipher[SVR_CIPHER_KEY_LEN], iv[SVR_CIPHER_KEY_LEN], hmac[SVR_HMAC_KEY_LEN];
    } raw;
    _Static_assert(sizeof raw == 2 * SVR_CIPHER_KEY_LEN + SVR_HMAC_KEY_LEN, "three keys in a row");
    bool ok = svr_kdf(c, secret, salt, label, context, (uint8_t *)&raw, sizeof raw);
    if (ok) svr_crypt_key_init(c, key, raw.cipher, raw.iv, raw.hmac, hmac);
    svr_wipe(&raw, sizeof raw);
    return ok;
}

void svr_crypt_key_fini(svr_crypt_key *key) {
    svr_wipe(key, sizeof *key);
}

size_t svr_tag_len(svr_hmac hmac) {
    return hmac == SVR_HMAC_SHA384_192 ? 24 : SVR_HASH_LEN;
}

void svr_crypt_seal(svr_crypt *c, svr_crypt_op *ops, size_t n) {
    for (size_t i = 0; i < n; i++) {
        assert(svr_op_well_formed(&ops[i]));
        ops[i].ok = false;
    }
    c->engine->seal(c->state, ops, n);
}

void svr_crypt_open(svr_crypt *c, svr_crypt_op *ops, size_t n) {
    for (size_t i = 0; i < n; i++)
        ops[i].ok = false;
    c->engine->open(c->state, ops, n);
}

size_t svr_pad(uint8_t *text, size_t len) {
    size_t n = SVR_AES_BLOCK - len % SVR_AES_BLOCK;
    memset(text + len, (int)n, n);
    return len + n;
}

int svr_unpad(const uint8_t *text, size_t len) {
    if (len == 0 || len > INT_MAX || len % SVR_AES_BLOCK != 0) return -1;
    uint8_t n = text[len - 1];
    if (n == 0 || n > SVR_AES_BLOCK) return -1;
    for (size_t i = len - n; i < len; i++)
        if (text[i] != n) return -1;
    return (int)(len - n);
}

/* SPDX-License-Identifier: MIT */
#include "crypto/engine.h"

typedef struct openssl_engine {
    EVP_CIPHER *aes; /* AES-256-CBC */
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
} openssl_engine;

static void del(const svr_allocator *alloc, void *state) {
    openssl_engine *e = state;
    EVP_MAC_CTX_free(e->mac);
    EVP_CIPHER_CTX_free(e->cipher);
    EVP_CIPHER_free(e->aes);
    svr_alloc_free(alloc, e);
}

static void *new (const svr_allocator *alloc, OSSL_LIB_CTX *libctx) {
    openssl_engine *e = svr_alloc_zero(alloc, 1, sizeof *e);
    if (!e) return NULL;
    e->aes = EVP_CIPHER_fetch(libctx, "AES-256-CBC", NULL);
    e->cipher = EVP_CIPHER_CTX_new();
    e->mac = svr_hmac_ctx_new(libctx);
    if (e->aes && e->cipher && e->mac) return e;
    del(alloc, e);
    return NULL;
}

static const char *name(const void *state) {
    (void)state;
    return "OpenSSL";
}

/* Raw keys, so that nothing of a key lives outside of svr_crypt_key. The contexts are keyed again for each
 * packet: to remember by address which key they hold would be wrong once a key is freed and another takes its
 * place. */
static void key_init(void *state, svr_crypt_key *key, const uint8_t cipher_key[SVR_CIPHER_KEY_LEN],
                     const uint8_t iv_key[SVR_CIPHER_KEY_LEN], const uint8_t hmac_key[SVR_HMAC_KEY_LEN]) {
    (void)state;
    memcpy(key->enc, cipher_key, SVR_CIPHER_KEY_LEN);
    memcpy(key->iv, iv_key, SVR_CIPHER_KEY_LEN);
    memcpy(key->ipad, hmac_key, SVR_HMAC_KEY_LEN);
}

enum direction { DECIPHER = 0, ENCIPHER = 1 };

static bool cbc(openssl_engine *e, enum direction direction, const uint8_t *key, const uint8_t *iv,
                uint8_t *text, uint32_t len) {
    int done = 0;
    return EVP_CipherInit_ex2(e->cipher, e->aes, key, iv, direction, NULL) &&
           EVP_CIPHER_CTX_set_padding(e->cipher, 0) &&
           EVP_CipherUpdate(e->cipher, text, &done, text, (int)len) && (uint32_t)done == len;
}

/* One block of CBC from a zero IV is plain AES. */
static bool make_iv(openssl_engine *e, const svr_crypt_op *op, uint8_t iv[SVR_AES_BLOCK]) {
    static const uint8_t zero[SVR_AES_BLOCK];
    svr_nonce_block(op->nonce, iv);
    return cbc(e, ENCIPHER, op->key->iv, zero, iv, SVR_AES_BLOCK);
}

static bool sign(openssl_engine *e, const svr_crypt_op *op, uint8_t out[SVR_HASH_LEN]) {
    svr_piece auth = {op->auth, op->auth_len};
    return svr_hmac_ctx_sign(e->mac, op->key->ipad, SVR_HMAC_KEY_LEN, &auth, 1, out);
}

static bool seal_one(openssl_engine *e, const svr_crypt_op *op) {
    uint8_t iv[SVR_AES_BLOCK], tag[SVR_HASH_LEN];
    if (op->text_len || op->iv_wire) {
        if (!make_iv(e, op, iv)) return false;
        if (op->iv_wire) memcpy(op->iv_wire, iv, sizeof iv);
        if (op->text_len && !cbc(e, ENCIPHER, op->key->enc, iv, op->text, op->text_len)) return false;
    }
    if (!sign(e, op, tag)) return false;
    memcpy(op->tag, tag, svr_tag_len(op->key->hmac));
    return true;
}

static bool open_one(openssl_engine *e, const svr_crypt_op *op) {
    uint8_t iv[SVR_AES_BLOCK], tag[SVR_HASH_LEN];
    bool holds = sign(e, op, tag) && svr_equal_constant_time(tag, op->tag, svr_tag_len(op->key->hmac));
    svr_wipe(tag, sizeof tag); /* of a forgery this is the tag it lacks */
    if (!holds || !op->text_len) return holds;
    if (op->iv_wire)
        memcpy(iv, op->iv_wire, sizeof iv);
    else if (!make_iv(e, op, iv))
        return false;
    return cbc(e, DECIPHER, op->key->enc, iv, op->text, op->text_len);
}

static void seal(void *state, svr_crypt_op *ops, size_t n) {
    for (size_t i = 0; i < n; i++)
        ops[i].ok = seal_one(state, &ops[i]);
}

static void open(void *state, svr_crypt_op *ops, size_t n) {
    for (size_t i = 0; i < n; i++)
        ops[i].ok = svr_op_well_formed(&ops[i]) && open_one(state, &ops[i]);
}

const svr_engine_ops svr_engine_openssl = {
    .new = new, .del = del, .name = name, .key_init = key_init, .seal = seal, .open = open};

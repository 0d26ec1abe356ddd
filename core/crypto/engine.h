/* SPDX-License-Identifier: MIT
 * What an engine is, and the pieces that crypt.c and its engines share. Internal to core/crypto. */
#ifndef SVR_CRYPTO_ENGINE_H
#define SVR_CRYPTO_ENGINE_H

#include "base/bytes.h"
#include "crypto/crypt.h"

#include <openssl/evp.h>

#if __has_include(<intel-ipsec-mb.h>)
#define SVR_HAVE_IPSEC_MB 1
#endif

/* Longest text or signed part of one operation: the lanes of ipsec-mb count bytes in 16 bits. */
#define SVR_OP_LEN_MAX 65520

/* One way to compute the suite. `state` is what new() returned. */
typedef struct svr_engine_ops {
    void *(*new)(const svr_allocator *alloc, OSSL_LIB_CTX *libctx); /* NULL: no memory, no algorithm */
    void (*del)(const svr_allocator *alloc, void *state);
    const char *(*name)(const void *state);
    void (*key_init)(void *state, svr_crypt_key *key, const uint8_t cipher_key[SVR_CIPHER_KEY_LEN],
                     const uint8_t iv_key[SVR_CIPHER_KEY_LEN], const uint8_t hmac_key[SVR_HMAC_KEY_LEN]);
    /* Every operation here is well formed. */
    void (*seal)(void *state, svr_crypt_op *ops, size_t n);
    /* Passes over operations that are not well formed; `ok` is false in all when called. */
    void (*open)(void *state, svr_crypt_op *ops, size_t n);
} svr_engine_ops;

extern const svr_engine_ops svr_engine_openssl;
#ifdef SVR_HAVE_IPSEC_MB
extern const svr_engine_ops svr_engine_ipsec_mb;
/* Whether this CPU has what the library needs to be faster than OpenSSL: AES-NI above all. */
bool svr_engine_ipsec_mb_usable(void);
#endif

/* A context for HMAC-SHA-384, to be keyed again for each message; NULL when OpenSSL fails. */
EVP_MAC_CTX *svr_hmac_ctx_new(OSSL_LIB_CTX *libctx);
bool svr_hmac_ctx_sign(EVP_MAC_CTX *mac, const void *key, size_t key_len, const svr_piece *pieces, size_t n,
                       uint8_t out[SVR_HASH_LEN]);

/* What a peer sent decides these lengths, so an engine asks before it opens. */
static inline bool svr_op_well_formed(const svr_crypt_op *op) {
    return op->text_len % SVR_AES_BLOCK == 0 && op->text_len <= SVR_OP_LEN_MAX && op->auth_len > 0 &&
           op->auth_len <= SVR_OP_LEN_MAX;
}

/* The block whose encryption is the IV. */
static inline void svr_nonce_block(uint64_t nonce, uint8_t out[SVR_AES_BLOCK]) {
    svr_put64(out, nonce);
    memset(out + 8, 0, 8);
}

#endif

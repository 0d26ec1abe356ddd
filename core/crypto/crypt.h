/* SPDX-License-Identifier: MIT
 * Enciphering and signing, many packets at a time; key derivation; random numbers.
 *
 * One suite serves the whole profile: AES-256-CBC with HMAC-SHA-384 (CRY-PAYLOAD-AES, CRY-META-AES,
 * CRY-HMAC), encrypt-then-authenticate. Two engines compute it, intel-ipsec-mb and OpenSSL; they give the
 * same bytes. */
#ifndef SVR_CRYPTO_CRYPT_H
#define SVR_CRYPTO_CRYPT_H

#include "svr/config.h" /* svr_hmac */
#include "svr/node.h"   /* svr_engine */

#define SVR_AES_BLOCK 16
#define SVR_CIPHER_KEY_LEN 32
#define SVR_HMAC_KEY_LEN 48
#define SVR_HASH_LEN 48
#define SVR_TAG_MAX 48

/* The engine with its fetched algorithms. One per environment. */
typedef struct svr_crypt svr_crypt;

/* NULL when memory is short, an algorithm is missing, or SVR_ENGINE_IPSEC_MB was asked for and the CPU lacks
 * it. */
svr_crypt *svr_crypt_new(const svr_allocator *alloc, struct ossl_lib_ctx_st *libctx, svr_engine engine);
void svr_crypt_del(svr_crypt *c);
const char *svr_crypt_engine_name(const svr_crypt *c); /* "ipsec-mb AVX512" or the like */
struct ossl_lib_ctx_st *svr_crypt_libctx(const svr_crypt *c);
const svr_allocator *svr_crypt_allocator(const svr_crypt *c);

/* Fills `out` from the library context's RAND. False when that fails: then nothing may be keyed with it. */
bool svr_random(svr_crypt *c, void *out, size_t len);

/* SHA-384 over up to `n` pieces. False only when OpenSSL fails. */
typedef struct svr_piece {
    const void *p;
    size_t len;
} svr_piece;
bool svr_sha384(svr_crypt *c, const svr_piece *pieces, size_t n, uint8_t out[SVR_HASH_LEN]);
bool svr_hmac_sha384(svr_crypt *c, const void *key, size_t key_len, const svr_piece *pieces, size_t n,
                     uint8_t out[SVR_HASH_LEN]);
bool svr_equal_constant_time(const void *a, const void *b, size_t len);

/* HKDF-SHA-384 (RFC 5869), extract and expand. info = "svr " | label | 0x00 | context (PD-KDF). */
bool svr_kdf(svr_crypt *c, svr_piece secret, svr_piece salt, const char *label, svr_piece context,
             uint8_t *out, size_t out_len);

/* Ready-to-use keys of one direction and purpose: cipher, nonce-to-IV, HMAC. Fixed size, no memory of its own
 * except what the OpenSSL engine may hold; fini wipes it. Must not be moved between init and fini. */
typedef struct svr_crypt_key {
    _Alignas(16) uint8_t enc[15 * 16]; /* expanded; the OpenSSL engine keeps raw keys in front */
    _Alignas(16) uint8_t dec[15 * 16];
    _Alignas(16) uint8_t iv[15 * 16];
    _Alignas(16) uint8_t ipad[64], opad[64];
    svr_hmac hmac;
} svr_crypt_key;

void svr_crypt_key_init(svr_crypt *c, svr_crypt_key *key, const uint8_t cipher_key[SVR_CIPHER_KEY_LEN],
                        const uint8_t iv_key[SVR_CIPHER_KEY_LEN], const uint8_t hmac_key[SVR_HMAC_KEY_LEN],
                        svr_hmac hmac);
/* svr_kdf to cipher key (32) | IV key (32) | HMAC key (48), then svr_crypt_key_init. */
bool svr_crypt_key_derive(svr_crypt *c, svr_crypt_key *key, svr_piece secret, svr_piece salt,
                          const char *label, svr_piece context, svr_hmac hmac);
void svr_crypt_key_fini(svr_crypt_key *key);
/* Bytes of a tag: 48, or 24 for sha384-192. */
size_t svr_tag_len(svr_hmac hmac);

/* One packet's work. Seal: make the IV, encipher `text` in place, sign `auth` (which covers text), write the
 * tag. Open: check the tag over `auth` in constant time; only if it holds, decipher `text` in place and set
 * `ok`. The IV is the AES encryption of the block nonce(8) | zeros(8) under the IV key (NIST SP 800-38A,
 * appendix C). With `iv_wire` it also stands in the packet (PD-BLOCK): seal writes it there before signing,
 * open takes it from there. */
typedef struct svr_crypt_op {
    const svr_crypt_key *key;
    uint64_t nonce;
    uint8_t *iv_wire;  /* NULL: derived from the nonce at both ends (PD-DATA) */
    uint8_t *text;     /* may be NULL when text_len is 0 */
    uint32_t text_len; /* multiple of 16; 0: authenticate only */
    const uint8_t *auth;
    uint32_t auth_len;
    uint8_t *tag; /* svr_tag_len(key->hmac) bytes */
    bool ok;      /* open: the tag held. seal: done */
} svr_crypt_op;

/* Any number of operations; they are independent of each other (no overlapping memory). */
void svr_crypt_seal(svr_crypt *c, svr_crypt_op *ops, size_t n);
void svr_crypt_open(svr_crypt *c, svr_crypt_op *ops, size_t n);

/* PKCS#7: appends 1..16 bytes behind `len`, returns the new length. There must be room for 16. */
size_t svr_pad(uint8_t *text, size_t len);
/* Length without padding, or -1 when it is not well formed. Call on authenticated bytes only. */
int svr_unpad(const uint8_t *text, size_t len);

#endif

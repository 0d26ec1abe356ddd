/* SPDX-License-Identifier: MIT
 * Ephemeral Diffie-Hellman (PD-KEX): MODP groups of RFC 2409/3526 (1024, 2048, 4096 bit), ECDH P-521, X25519.
 */
#ifndef SVR_CRYPTO_KEX_H
#define SVR_CRYPTO_KEX_H

#include "crypto/crypt.h"

#define SVR_KEX_PUBLIC_MAX 512
#define SVR_KEX_SECRET_MAX 512

/* What goes over the wire to name the group. */
typedef enum svr_kex_group {
    SVR_GROUP_MODP_1024 = 1,
    SVR_GROUP_MODP_2048 = 2,
    SVR_GROUP_MODP_4096 = 3,
    SVR_GROUP_P521 = 4,
    SVR_GROUP_X25519 = 5,
} svr_kex_group;

svr_kex_group svr_kex_group_of(const svr_key_management *keys);

/* One ephemeral key pair. */
typedef struct svr_kex svr_kex;
/* NULL when OpenSSL or memory fails. */
svr_kex *svr_kex_new(svr_crypt *c, svr_kex_group group);
void svr_kex_del(svr_kex *kex); /* wipes the private value; NULL is fine */
/* The public value: big-endian, padded to the group's length (MODP); uncompressed point (P-521: 133 bytes);
 * 32 bytes (X25519). Returns its length. */
size_t svr_kex_public(const svr_kex *kex, uint8_t out[SVR_KEX_PUBLIC_MAX]);
/* The shared secret, of the group's fixed length; 0 when the peer's value is not acceptable (wrong length, 0,
 * 1, p-1, not on the curve, all-zero secret). */
size_t svr_kex_secret(const svr_kex *kex, const uint8_t *peer_public, size_t peer_len,
                      uint8_t out[SVR_KEX_SECRET_MAX]);

#endif

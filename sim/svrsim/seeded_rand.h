/* SPDX-License-Identifier: MIT
 * An OpenSSL library context whose randomness follows from a seed.
 *
 * For simulations alone: everything that OpenSSL draws in this context (key generation, nonces of signatures,
 * RAND_bytes_ex) is the same whenever the seed and the order of calls are the same, and anyone who knows the
 * seed knows every key. */
#ifndef SVRSIM_SEEDED_RAND_H
#define SVRSIM_SEEDED_RAND_H

#include <stdint.h>

#include <openssl/types.h>

typedef struct svrsim_rand svrsim_rand;

/* NULL when OpenSSL refuses. */
svrsim_rand *svrsim_rand_new(uint64_t seed);
/* Everything made in the context must be gone. */
void svrsim_rand_del(svrsim_rand *r);
/* The context: OpenSSL's default provider with our random source. */
OSSL_LIB_CTX *svrsim_rand_libctx(svrsim_rand *r);

#endif

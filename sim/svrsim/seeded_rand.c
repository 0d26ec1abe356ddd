/* SPDX-License-Identifier: MIT
 *
 * A provider inside the program offers one RAND algorithm, and the context is told to use it wherever it
 * wants random numbers. The numbers are the key stream of AES-256-CTR under SHA-384 of the seed (32 bytes of
 * key, 16 of counter), which comes from OpenSSL's default context. All instances of the algorithm (OpenSSL
 * makes a primary, a public and a private one) draw from the one stream of the provider. */
#include "seeded_rand.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#define ALGORITHM "SVRSIM-SEEDED"
#define STRENGTH 256
#define REQUEST_MAX (1 << 16)

/* Providers are initialized by a function without argument of ours; the stream is picked up from here. */
static EVP_CIPHER_CTX *offered_stream;

struct svrsim_rand {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *builtin, *seeded;
    EVP_CIPHER_CTX *stream;
};

typedef struct instance {
    EVP_CIPHER_CTX *stream;
    int state;
} instance;

static EVP_CIPHER_CTX *open_stream(uint64_t seed) {
    uint8_t text[8], digest[48];
    for (int i = 0; i < 8; i++)
        text[i] = (uint8_t)(seed >> (56 - 8 * i));
    EVP_CIPHER_CTX *stream = EVP_CIPHER_CTX_new();
    if (stream && EVP_Digest(text, sizeof text, digest, NULL, EVP_sha384(), NULL) == 1 &&
        EVP_EncryptInit_ex2(stream, EVP_aes_256_ctr(), digest, digest + 32, NULL) == 1)
        return stream;
    EVP_CIPHER_CTX_free(stream);
    return NULL;
}

static int draw(EVP_CIPHER_CTX *stream, unsigned char *out, size_t len) {
    while (len) {
        int n = len > REQUEST_MAX ? REQUEST_MAX : (int)len, got;
        memset(out, 0, (size_t)n);
        if (EVP_EncryptUpdate(stream, out, &got, out, n) != 1 || got != n) return 0;
        out += n;
        len -= (size_t)n;
    }
    return 1;
}

static void *rand_new(void *provctx, void *parent, const OSSL_DISPATCH *parent_calls) {
    (void)parent, (void)parent_calls;
    instance *i = calloc(1, sizeof *i);
    if (!i) return NULL;
    i->stream = provctx;
    i->state = EVP_RAND_STATE_UNINITIALISED;
    return i;
}

static void rand_free(void *ctx) {
    free(ctx);
}

static int rand_instantiate(void *ctx, unsigned int strength, int prediction, const unsigned char *pers,
                            size_t pers_len, const OSSL_PARAM params[]) {
    (void)prediction, (void)pers, (void)pers_len, (void)params;
    if (strength > STRENGTH) return 0;
    ((instance *)ctx)->state = EVP_RAND_STATE_READY;
    return 1;
}

static int rand_uninstantiate(void *ctx) {
    ((instance *)ctx)->state = EVP_RAND_STATE_UNINITIALISED;
    return 1;
}

static int rand_generate(void *ctx, unsigned char *out, size_t len, unsigned int strength, int prediction,
                         const unsigned char *extra, size_t extra_len) {
    (void)prediction, (void)extra, (void)extra_len;
    return strength <= STRENGTH && draw(((instance *)ctx)->stream, out, len);
}

/* What is mixed in from outside would spoil the repetition. */
static int rand_reseed(void *ctx, int prediction, const unsigned char *entropy, size_t entropy_len,
                       const unsigned char *extra, size_t extra_len) {
    (void)ctx, (void)prediction, (void)entropy, (void)entropy_len, (void)extra, (void)extra_len;
    return 1;
}

/* One thread runs the simulation. */
static int rand_enable_locking(void *ctx) {
    (void)ctx;
    return 1;
}

static int rand_lock(void *ctx) {
    (void)ctx;
    return 1;
}

static void rand_unlock(void *ctx) {
    (void)ctx;
}

static int set_uint(OSSL_PARAM params[], const char *key, unsigned int v) {
    OSSL_PARAM *p = OSSL_PARAM_locate(params, key);
    return !p || OSSL_PARAM_set_uint(p, v);
}

static int set_int(OSSL_PARAM params[], const char *key, int v) {
    OSSL_PARAM *p = OSSL_PARAM_locate(params, key);
    return !p || OSSL_PARAM_set_int(p, v);
}

static int set_size(OSSL_PARAM params[], const char *key, size_t v) {
    OSSL_PARAM *p = OSSL_PARAM_locate(params, key);
    return !p || OSSL_PARAM_set_size_t(p, v);
}

static int rand_get_params(void *ctx, OSSL_PARAM params[]) {
    return set_int(params, OSSL_RAND_PARAM_STATE, ((instance *)ctx)->state) &&
           set_uint(params, OSSL_RAND_PARAM_STRENGTH, STRENGTH) &&
           set_size(params, OSSL_RAND_PARAM_MAX_REQUEST, INT_MAX);
}

static const OSSL_PARAM *rand_gettable(void *ctx, void *provctx) {
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
        OSSL_PARAM_END,
    };
    (void)ctx, (void)provctx;
    return known;
}

#define CALL(id, f)                                                                                          \
    { id, (void (*)(void))(f) }
static const OSSL_DISPATCH rand_calls[] = {
    CALL(OSSL_FUNC_RAND_NEWCTX, rand_new),
    CALL(OSSL_FUNC_RAND_FREECTX, rand_free),
    CALL(OSSL_FUNC_RAND_INSTANTIATE, rand_instantiate),
    CALL(OSSL_FUNC_RAND_UNINSTANTIATE, rand_uninstantiate),
    CALL(OSSL_FUNC_RAND_GENERATE, rand_generate),
    CALL(OSSL_FUNC_RAND_RESEED, rand_reseed),
    CALL(OSSL_FUNC_RAND_ENABLE_LOCKING, rand_enable_locking),
    CALL(OSSL_FUNC_RAND_LOCK, rand_lock),
    CALL(OSSL_FUNC_RAND_UNLOCK, rand_unlock),
    CALL(OSSL_FUNC_RAND_GET_CTX_PARAMS, rand_get_params),
    CALL(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, rand_gettable),
    {0, NULL},
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache) {
    static const OSSL_ALGORITHM rands[] = {{ALGORITHM, "provider=svrsim", rand_calls, NULL},
                                           {NULL, NULL, NULL, NULL}};
    (void)provctx;
    *no_cache = 0;
    return operation == OSSL_OP_RAND ? rands : NULL;
}

static const OSSL_DISPATCH provider_calls[] = {CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                         void **provctx) {
    (void)handle, (void)in;
    *out = provider_calls;
    *provctx = offered_stream;
    return 1;
}

static int load(svrsim_rand *r) {
    r->builtin = OSSL_PROVIDER_load(r->libctx, "default");
    if (!r->builtin || OSSL_PROVIDER_add_builtin(r->libctx, "svrsim", provider_init) != 1) return 0;
    offered_stream = r->stream;
    r->seeded = OSSL_PROVIDER_load(r->libctx, "svrsim");
    offered_stream = NULL;
    return r->seeded && RAND_set_DRBG_type(r->libctx, ALGORITHM, NULL, NULL, NULL) == 1;
}

svrsim_rand *svrsim_rand_new(uint64_t seed) {
    svrsim_rand *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->stream = open_stream(seed);
    r->libctx = OSSL_LIB_CTX_new();
    if (r->stream && r->libctx && load(r)) return r;
    svrsim_rand_del(r);
    return NULL;
}

void svrsim_rand_del(svrsim_rand *r) {
    if (!r) return;
    if (r->seeded) OSSL_PROVIDER_unload(r->seeded);
    if (r->builtin) OSSL_PROVIDER_unload(r->builtin);
    OSSL_LIB_CTX_free(r->libctx);
    EVP_CIPHER_CTX_free(r->stream);
    free(r);
}

OSSL_LIB_CTX *svrsim_rand_libctx(svrsim_rand *r) {
    return r->libctx;
}

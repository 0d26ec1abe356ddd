/* SPDX-License-Identifier: MIT
 *
 * intel-ipsec-mb computes many packets side by side, one in each lane of the vector registers. A chunk of
 * packets goes through it in three steps: all IVs, all texts, all tags (opening: tags, IVs, texts, and texts
 * only for packets whose tag holds). A burst is over when it returns: nothing stays in flight between calls.
 * IVs are single blocks, which keep no lane busy: a job for each would cost more than its block. */
#include "crypto/engine.h"

#ifdef SVR_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>

#define CHUNK IMB_MAX_BURST_SIZE
#define MGR_ALIGN 64
#define HMAC_BLOCK IMB_SHA_384_BLOCK_SIZE

/* One chunk's slots: op i of the chunk has block[i], iv[i] and tag[i]. */
typedef struct ipsec_mb_engine {
    void *memory; /* what the manager was placed in */
    IMB_MGR *mgr;
    IMB_JOB cipher_jobs[CHUNK], hash_jobs[CHUNK]; /* what is equal in all is filled in once */
    _Alignas(16) uint8_t block[CHUNK][SVR_AES_BLOCK];
    _Alignas(16) uint8_t iv[CHUNK][SVR_AES_BLOCK];
    _Alignas(16) uint8_t tag[CHUNK][SVR_HASH_LEN];
} ipsec_mb_engine;

bool svr_engine_ipsec_mb_usable(void) {
    return (imb_get_feature_flags() & IMB_CPUFLAGS_SSE) == IMB_CPUFLAGS_SSE;
}

static size_t memory_size(void) {
    return imb_get_mb_mgr_size() + MGR_ALIGN;
}

static void del(const svr_allocator *alloc, void *state) {
    ipsec_mb_engine *e = state;
    if (e->memory) svr_wipe(e->memory, memory_size()); /* lanes held round keys */
    svr_alloc_free(alloc, e->memory);
    svr_alloc_free(alloc, e);
}

static void prepare_jobs(ipsec_mb_engine *e) {
    for (size_t i = 0; i < CHUNK; i++) {
        e->cipher_jobs[i] =
            (IMB_JOB){.key_len_in_bytes = SVR_CIPHER_KEY_LEN, .iv_len_in_bytes = SVR_AES_BLOCK};
        e->hash_jobs[i] = (IMB_JOB){.auth_tag_output_len_in_bytes = SVR_HASH_LEN};
    }
}

/* Places the manager in memory of ours, as the library's own allocation takes malloc's. */
static IMB_MGR *manager_new(void *memory) {
    uintptr_t at = ((uintptr_t)memory + MGR_ALIGN - 1) & ~(uintptr_t)(MGR_ALIGN - 1);
    IMB_MGR *mgr = imb_set_pointers_mb_mgr((void *)at, 0, 1);
    if (!mgr) return NULL;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(mgr, &arch);
    return arch != IMB_ARCH_NONE && imb_get_errno(mgr) == 0 ? mgr : NULL;
}

static void *new (const svr_allocator *alloc, OSSL_LIB_CTX *libctx) {
    (void)libctx;
    ipsec_mb_engine *e = svr_alloc_zero(alloc, 1, sizeof *e);
    if (!e) return NULL;
    e->memory = svr_alloc_zero(alloc, 1, memory_size());
    if (e->memory) e->mgr = manager_new(e->memory);
    if (e->mgr) {
        prepare_jobs(e);
        return e;
    }
    del(alloc, e);
    return NULL;
}

static const char *name(const void *state) {
    switch (((const ipsec_mb_engine *)state)->mgr->used_arch) {
    case IMB_ARCH_SSE: return "ipsec-mb SSE";
    case IMB_ARCH_AVX: return "ipsec-mb AVX";
    case IMB_ARCH_AVX2: return "ipsec-mb AVX2";
    case IMB_ARCH_AVX512: return "ipsec-mb AVX512";
    default: return "ipsec-mb";
    }
}

/* State of SHA-384 after the one block key XOR pad (RFC 2104). */
static void hash_pad(IMB_MGR *mgr, const uint8_t key[SVR_HMAC_KEY_LEN], uint8_t pad, uint8_t out[64]) {
    uint8_t block[HMAC_BLOCK];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < SVR_HMAC_KEY_LEN; i++)
        block[i] ^= key[i];
    IMB_SHA384_ONE_BLOCK(mgr, block, out);
    svr_wipe(block, sizeof block);
}

static void key_init(void *state, svr_crypt_key *key, const uint8_t cipher_key[SVR_CIPHER_KEY_LEN],
                     const uint8_t iv_key[SVR_CIPHER_KEY_LEN], const uint8_t hmac_key[SVR_HMAC_KEY_LEN]) {
    IMB_MGR *mgr = ((ipsec_mb_engine *)state)->mgr;
    _Alignas(16) uint8_t unused[sizeof key->dec]; /* IVs are only ever enciphered */
    IMB_AES_KEYEXP_256(mgr, cipher_key, key->enc, key->dec);
    IMB_AES_KEYEXP_256(mgr, iv_key, key->iv, unused);
    svr_wipe(unused, sizeof unused);
    hash_pad(mgr, hmac_key, 0x36, key->ipad);
    hash_pad(mgr, hmac_key, 0x5c, key->opad);
}

static bool cipher_burst(ipsec_mb_engine *e, uint32_t n, IMB_CIPHER_DIRECTION direction) {
    return n == 0 || IMB_SUBMIT_CIPHER_BURST(e->mgr, e->cipher_jobs, n, IMB_CIPHER_CBC, direction,
                                             IMB_KEY_256_BYTES) == n;
}

static void cipher_job(IMB_JOB *job, const svr_crypt_op *op, const uint8_t *iv) {
    job->enc_keys = op->key->enc;
    job->dec_keys = op->key->dec;
    job->src = job->dst = op->text;
    job->msg_len_to_cipher_in_bytes = op->text_len;
    job->iv = iv;
}

/* Enciphers blocks `from` to `to` under one key, each by itself: one job, since their slots lie in a row. */
static bool iv_run(ipsec_mb_engine *e, const svr_crypt_key *key, size_t from, size_t to) {
    IMB_JOB *job = IMB_GET_NEXT_JOB(e->mgr);
    *job = (IMB_JOB){.cipher_mode = IMB_CIPHER_ECB,
                     .cipher_direction = IMB_DIR_ENCRYPT,
                     .chain_order = IMB_ORDER_CIPHER_HASH,
                     .hash_alg = IMB_AUTH_NULL,
                     .enc_keys = key->iv,
                     .dec_keys = key->iv,
                     .key_len_in_bytes = SVR_CIPHER_KEY_LEN,
                     .src = e->block[from],
                     .dst = e->iv[from],
                     .msg_len_to_cipher_in_bytes = (to - from) * SVR_AES_BLOCK};
    job = IMB_SUBMIT_JOB(e->mgr);
    if (!job) job = IMB_FLUSH_JOB(e->mgr);
    return job && job->status == IMB_STATUS_COMPLETED;
}

/* The IVs that follow from nonces. Neighbors mostly belong to one session; one that needs no IV does no harm.
 */
static bool make_ivs(ipsec_mb_engine *e, const svr_crypt_op *ops, size_t n, bool sealing) {
    for (size_t i = 0, from; i < n;) {
        from = i;
        while (i < n && ops[i].key == ops[from].key && (sealing || !ops[i].iv_wire)) {
            svr_nonce_block(ops[i].nonce, e->block[i]);
            i++;
        }
        if (i == from)
            i++;
        else if (!iv_run(e, ops[from].key, from, i))
            return false;
    }
    return true;
}

static void hash_job(IMB_JOB *job, const svr_crypt_op *op, uint8_t tag[SVR_HASH_LEN]) {
    job->src = op->auth;
    job->msg_len_to_hash_in_bytes = op->auth_len;
    job->auth_tag_output = tag;
    job->u.HMAC._hashed_auth_key_xor_ipad = op->key->ipad;
    job->u.HMAC._hashed_auth_key_xor_opad = op->key->opad;
}

/* Makes tag[i], whole, for each well-formed op. */
static bool sign(ipsec_mb_engine *e, const svr_crypt_op *ops, size_t n) {
    uint32_t jobs = 0;
    for (size_t i = 0; i < n; i++)
        if (svr_op_well_formed(&ops[i])) hash_job(&e->hash_jobs[jobs++], &ops[i], e->tag[i]);
    return jobs == 0 || IMB_SUBMIT_HASH_BURST(e->mgr, e->hash_jobs, jobs, IMB_AUTH_HMAC_SHA_384) == jobs;
}

static bool seal_ivs(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    if (!make_ivs(e, ops, n, true)) return false;
    for (size_t i = 0; i < n; i++)
        if (ops[i].iv_wire) memcpy(ops[i].iv_wire, e->iv[i], SVR_AES_BLOCK);
    return true;
}

static bool encipher(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    uint32_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        const svr_crypt_op *op = &ops[i];
        if (!op->text_len) continue;
        cipher_job(&e->cipher_jobs[jobs++], op, e->iv[i]);
    }
    return cipher_burst(e, jobs, IMB_DIR_ENCRYPT);
}

static void seal_chunk(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    if (!seal_ivs(e, ops, n) || !encipher(e, ops, n) || !sign(e, ops, n)) return;
    for (size_t i = 0; i < n; i++) {
        memcpy(ops[i].tag, e->tag[i], svr_tag_len(ops[i].key->hmac));
        ops[i].ok = true;
    }
}

/* Sets `ok` where the tag holds. */
static void check(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    bool signed_all = sign(e, ops, n);
    for (size_t i = 0; i < n; i++)
        ops[i].ok = signed_all && svr_op_well_formed(&ops[i]) &&
                    svr_equal_constant_time(e->tag[i], ops[i].tag, svr_tag_len(ops[i].key->hmac));
    svr_wipe(e->tag, n * sizeof e->tag[0]); /* of a forgery this is the tag it lacks */
}

static bool open_ivs(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ops[i].ok && ops[i].iv_wire) memcpy(e->iv[i], ops[i].iv_wire, SVR_AES_BLOCK);
    return make_ivs(e, ops, n, false);
}

static bool decipher(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    uint32_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        const svr_crypt_op *op = &ops[i];
        if (!op->ok || !op->text_len) continue;
        cipher_job(&e->cipher_jobs[jobs++], op, e->iv[i]);
    }
    return cipher_burst(e, jobs, IMB_DIR_DECRYPT);
}

static void open_chunk(ipsec_mb_engine *e, svr_crypt_op *ops, size_t n) {
    check(e, ops, n);
    if (open_ivs(e, ops, n) && decipher(e, ops, n)) return;
    for (size_t i = 0; i < n; i++)
        ops[i].ok = false;
}

static void seal(void *state, svr_crypt_op *ops, size_t n) {
    for (size_t at = 0; at < n; at += CHUNK)
        seal_chunk(state, ops + at, n - at < CHUNK ? n - at : CHUNK);
}

static void open(void *state, svr_crypt_op *ops, size_t n) {
    for (size_t at = 0; at < n; at += CHUNK)
        open_chunk(state, ops + at, n - at < CHUNK ? n - at : CHUNK);
}

const svr_engine_ops svr_engine_ipsec_mb = {
    .new = new, .del = del, .name = name, .key_init = key_init, .seal = seal, .open = open};

#endif

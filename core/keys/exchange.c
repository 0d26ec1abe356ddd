/* SPDX-License-Identifier: MIT */
#include "keys/exchange.h"

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

#define CONFIRM_REPLY 1 /* flag of KEY_CONFIRM */
#define LABEL_REQUEST "svr key request"
#define LABEL_RESPONSE "svr key response"
#define LABEL_HINT "svr key hint"

static const char *label_of(uint8_t kind) {
    return kind == SVR_KEX_REQUEST ? LABEL_REQUEST : kind == SVR_KEX_RESPONSE ? LABEL_RESPONSE : LABEL_HINT;
}

static svr_piece text_piece(const char *s) {
    return (svr_piece){s, strlen(s) + 1};
}

static void write_list(svr_writer *w, const svr_keyring *ring) {
    svr_key_list held;
    svr_keyring_list(ring, &held);
    svr_write8(w, (uint8_t)held.n);
    for (size_t i = 0; i < held.n; i++) {
        svr_write32(w, held.at[i].index);
        svr_write_bytes(w, held.at[i].fingerprint, SVR_FINGERPRINT_LEN);
    }
}

static void read_list(svr_reader *r, svr_key_list *out) {
    *out = (svr_key_list){.n = svr_read8(r)};
    if (out->n > SVR_KEYS_HELD_MAX) r->ok = false;
    for (size_t i = 0; r->ok && i < out->n; i++) {
        out->at[i].index = svr_read32(r);
        svr_read_copy(r, out->at[i].fingerprint, SVR_FINGERPRINT_LEN);
    }
}

static svr_piece read_piece(svr_reader *r) {
    size_t len = svr_read16(r);
    const uint8_t *p = svr_read_bytes(r, len);
    return (svr_piece){p, p ? len : 0};
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* What a signature of `from` to `to` covers. */
static void signed_pieces(svr_piece out[5], const char *from, const char *to, const uint8_t *chain_hash,
                          svr_piece body) {
    const uint8_t *kind = body.p;
    out[0] = text_piece(label_of(*kind));
    out[1] = text_piece(from);
    out[2] = text_piece(to);
    out[3] = (svr_piece){chain_hash, SVR_HASH_LEN};
    out[4] = body;
}

/* Signs what the writer holds so far and appends length and signature. */
static bool append_signature(svr_writer *w, const uint8_t *start, const svr_kex_ends *ends) {
    svr_piece chain = svr_identity_chain(ends->self), pieces[5];
    uint8_t chain_hash[SVR_HASH_LEN], sig[SVR_SIGNATURE_MAX];
    if (!w->ok || !svr_sha384(ends->rt->crypt, &chain, 1, chain_hash)) return false;
    signed_pieces(pieces, ends->self_name, ends->peer_name, chain_hash,
                  (svr_piece){start, (size_t)(w->p - start)});
    size_t len = svr_identity_sign(ends->self, pieces, 5, sig);
    svr_write16(w, (uint16_t)len);
    svr_write_bytes(w, sig, len);
    return len > 0 && w->ok;
}

bool svr_kex_verify(const svr_kex_ends *ends, const svr_peer_cert *cert, svr_piece msg, size_t signed_len,
                    svr_piece signature) {
    svr_piece pieces[5];
    assert(signed_len <= msg.len);
    signed_pieces(pieces, ends->peer_name, ends->self_name, svr_peer_cert_fingerprint(cert),
                  (svr_piece){msg.p, signed_len});
    return svr_peer_cert_verify(cert, pieces, 5, signature);
}

/* ---- the peer key --------------------------------------------------------------------------- */

/* "a" 0 "b" 0: names as context of a derivation. */
static svr_piece name_pair(uint8_t out[2 * (SVR_NAME_MAX + 1)], const char *a, const char *b) {
    svr_writer w = svr_writer_make(out, 2 * (SVR_NAME_MAX + 1));
    svr_write_bytes(&w, a, strlen(a) + 1);
    svr_write_bytes(&w, b, strlen(b) + 1);
    assert(w.ok);
    return (svr_piece){out, (size_t)(w.p - out)};
}

bool svr_peer_key_fingerprint(svr_crypt *c, const uint8_t secret[SVR_PEER_KEY_LEN],
                              uint8_t out[SVR_FINGERPRINT_LEN]) {
    svr_piece none = {0};
    return svr_kdf(c, (svr_piece){secret, SVR_PEER_KEY_LEN}, none, "fingerprint", none, out,
                   SVR_FINGERPRINT_LEN);
}

bool svr_peer_key_derive(svr_crypt *c, svr_crypt_key *out, const uint8_t secret[SVR_PEER_KEY_LEN],
                         const char *sender, const char *receiver) {
    uint8_t names[2 * (SVR_NAME_MAX + 1)];
    return svr_crypt_key_derive(c, out, (svr_piece){secret, SVR_PEER_KEY_LEN}, (svr_piece){0}, "bfd metadata",
                                name_pair(names, sender, receiver), SVR_HMAC_SHA384);
}

static bool derive_uses(svr_peer_key *key, const svr_kex_ends *ends) {
    svr_crypt *c = ends->rt->crypt;
    return svr_peer_key_fingerprint(c, key->secret, key->id.fingerprint) &&
           svr_peer_key_derive(c, &key->send, key->secret, ends->self_name, ends->peer_name) &&
           svr_peer_key_derive(c, &key->receive, key->secret, ends->peer_name, ends->self_name);
}

svr_peer_key *svr_kex_key_restore(const svr_kex_ends *ends, const svr_key_id *id,
                                  const uint8_t secret[SVR_PEER_KEY_LEN]) {
    svr_peer_key *key = svr_alloc_zero(ends->rt->alloc, 1, sizeof *key);
    if (!key) return NULL;
    key->id.index = id->index;
    memcpy(key->secret, secret, SVR_PEER_KEY_LEN);
    if (derive_uses(key, ends) && memcmp(&key->id, id, sizeof *id) == 0) return key;
    svr_peer_key_del(ends->rt->alloc, key);
    return NULL;
}

static void log_key(const svr_kex_ends *ends, const svr_peer_key *key) {
    char fingerprint[2 * SVR_FINGERPRINT_LEN + 1], secret[2 * SVR_PEER_KEY_LEN + 1];
    if (!ends->rt->keylog) return;
    svr_runtime_key_line(ends->rt, "PEER_KEY %s %s %u %s %s", ends->self_name, ends->peer_name, key->id.index,
                         svr_hex(key->id.fingerprint, SVR_FINGERPRINT_LEN, fingerprint),
                         svr_hex(key->secret, SVR_PEER_KEY_LEN, secret));
    svr_wipe(secret, sizeof secret);
}

/* One exchange's inputs, in the order of request and response, whoever we are. */
typedef struct agreement {
    const svr_kex *kex;
    svr_piece peer_public;
    const uint8_t *request_salt, *response_salt;
    const char *requester, *responder;
    svr_piece request, response;
    uint32_t index;
    const uint8_t *peer_life;
} agreement;

/* peer key = HKDF(DH secret, both salts, "peer key", both names | SHA-384 of both messages). */
static bool derive_peer_key(svr_peer_key *key, svr_crypt *c, const agreement *a, svr_piece dh) {
    uint8_t salts[2 * SVR_SALT_LEN], context[2 * (SVR_NAME_MAX + 1) + SVR_HASH_LEN];
    svr_piece transcript[2] = {a->request, a->response};
    memcpy(salts, a->request_salt, SVR_SALT_LEN);
    memcpy(salts + SVR_SALT_LEN, a->response_salt, SVR_SALT_LEN);
    size_t names = name_pair(context, a->requester, a->responder).len;
    return svr_sha384(c, transcript, 2, context + names) &&
           svr_kdf(c, dh, (svr_piece){salts, sizeof salts}, "peer key",
                   (svr_piece){context, names + SVR_HASH_LEN}, key->secret, SVR_PEER_KEY_LEN);
}

static int agree(const svr_kex_ends *ends, const agreement *a, svr_peer_key **out) {
    uint8_t dh[SVR_KEX_SECRET_MAX];
    size_t dh_len = svr_kex_secret(a->kex, a->peer_public.p, a->peer_public.len, dh);
    if (!dh_len) return SVR_DROP_KEX_BAD_PUBLIC;
    svr_peer_key *key = svr_alloc_zero(ends->rt->alloc, 1, sizeof *key);
    int result = key ? SVR_DROP_CRYPTO_FAILED : SVR_DROP_NO_MEMORY;
    if (key) {
        key->id.index = a->index;
        key->computed = ends->rt->now;
        memcpy(key->peer_life, a->peer_life, SVR_LIFE_LEN);
        if (derive_peer_key(key, ends->rt->crypt, a, (svr_piece){dh, dh_len}) && derive_uses(key, ends)) {
            log_key(ends, key);
            *out = key;
            result = 0;
        } else {
            svr_peer_key_del(ends->rt->alloc, key);
        }
    }
    svr_wipe(dh, sizeof dh);
    return result;
}

/* ---- request and response ------------------------------------------------------------------- */

/* The part that request and response share, from the life on. */
static void write_offer(svr_writer *w, const svr_kex_ends *ends, const uint8_t *salt, uint32_t index,
                        const svr_keyring *ring, const svr_kex *kex) {
    uint8_t pub[SVR_KEX_PUBLIC_MAX];
    size_t pub_len = svr_kex_public(kex, pub);
    svr_write_bytes(w, ends->self_life, SVR_LIFE_LEN);
    svr_write8(w, (uint8_t)ends->group);
    svr_write_bytes(w, salt, SVR_SALT_LEN);
    svr_write32(w, index);
    write_list(w, ring);
    svr_write16(w, (uint16_t)pub_len);
    svr_write_bytes(w, pub, pub_len);
}

bool svr_kex_request_create(svr_kex_request *req, const svr_kex_ends *ends, uint64_t number,
                            const svr_keyring *ring) {
    svr_kex_request_drop(req);
    req->kex = svr_kex_new(ends->rt->crypt, ends->group);
    if (!req->kex || !svr_random(ends->rt->crypt, req->salt, SVR_SALT_LEN)) goto fail;
    svr_writer w = svr_writer_make(req->bytes, sizeof req->bytes);
    svr_write8(&w, SVR_KEX_REQUEST);
    svr_write64(&w, number);
    write_offer(&w, ends, req->salt, svr_keyring_highest(ring), ring, req->kex);
    if (!append_signature(&w, req->bytes, ends)) goto fail;
    req->len = (size_t)(w.p - req->bytes);
    if (!svr_sha384(ends->rt->crypt, &(svr_piece){req->bytes, req->len}, 1, req->hash)) goto fail;
    req->number = number;
    req->pending = true;
    return true;
fail:
    svr_kex_request_drop(req);
    return false;
}

void svr_kex_request_drop(svr_kex_request *req) {
    svr_kex_del(req->kex);
    req->kex = NULL;
    req->pending = false;
    req->len = 0;
}

int svr_kex_fields_decode(svr_kex_fields *out, svr_crypt *c, svr_kex_kind kind, svr_piece msg) {
    svr_reader r = svr_reader_make(msg.p, msg.len);
    svr_kex_fields f = {0};
    if (svr_read8(&r) != kind) return SVR_DROP_KEX_MALFORMED;
    f.number = svr_read64(&r);
    if (kind == SVR_KEX_RESPONSE) f.request_hash = svr_read_bytes(&r, SVR_HASH_LEN);
    f.life = svr_read_bytes(&r, SVR_LIFE_LEN);
    f.group = svr_read8(&r);
    f.salt = svr_read_bytes(&r, SVR_SALT_LEN);
    f.index = svr_read32(&r);
    read_list(&r, &f.held);
    f.public_value = read_piece(&r);
    f.signed_len = msg.len - svr_reader_left(&r);
    f.signature = read_piece(&r);
    if (!r.ok || svr_reader_left(&r) || f.index == UINT32_MAX) return SVR_DROP_KEX_MALFORMED;
    if (!svr_sha384(c, &msg, 1, f.hash)) return SVR_DROP_CRYPTO_FAILED;
    *out = f;
    return 0;
}

static void write_response(svr_writer *w, const svr_kex_answer *answer, const svr_kex_ends *ends,
                           uint32_t index, const svr_keyring *ring, const svr_kex *kex) {
    svr_write8(w, SVR_KEX_RESPONSE);
    svr_write64(w, answer->number);
    svr_write_bytes(w, answer->request_hash, SVR_HASH_LEN);
    write_offer(w, ends, answer->salt, index, ring, kex);
}

int svr_kex_answer_create(svr_kex_answer *answer, const svr_kex_ends *ends, const svr_kex_fields *request,
                          svr_piece request_msg, uint32_t index, const svr_keyring *ring,
                          svr_peer_key **key) {
    int result = SVR_DROP_CRYPTO_FAILED;
    svr_kex *kex = svr_kex_new(ends->rt->crypt, ends->group);
    answer->len = 0;
    answer->number = request->number;
    memcpy(answer->request_hash, request->hash, SVR_HASH_LEN);
    if (!kex || !svr_random(ends->rt->crypt, answer->salt, SVR_SALT_LEN)) goto out;
    svr_writer w = svr_writer_make(answer->bytes, sizeof answer->bytes);
    write_response(&w, answer, ends, index, ring, kex);
    if (!append_signature(&w, answer->bytes, ends)) goto out;
    size_t len = (size_t)(w.p - answer->bytes);
    const agreement a = {.kex = kex,
                         .peer_public = request->public_value,
                         .request_salt = request->salt,
                         .response_salt = answer->salt,
                         .requester = ends->peer_name,
                         .responder = ends->self_name,
                         .request = request_msg,
                         .response = {answer->bytes, len},
                         .index = index,
                         .peer_life = request->life};
    result = agree(ends, &a, key);
    if (result == 0) answer->len = len;
out:
    svr_kex_del(kex);
    return result;
}

int svr_kex_response_consume(const svr_kex_request *req, const svr_kex_ends *ends,
                             const svr_kex_fields *response, svr_piece response_msg, svr_peer_key **key) {
    assert(req->pending);
    const agreement a = {.kex = req->kex,
                         .peer_public = response->public_value,
                         .request_salt = req->salt,
                         .response_salt = response->salt,
                         .requester = ends->self_name,
                         .responder = ends->peer_name,
                         .request = {req->bytes, req->len},
                         .response = response_msg,
                         .index = response->index,
                         .peer_life = response->life};
    return agree(ends, &a, key);
}

/* ---- confirm and hint ----------------------------------------------------------------------- */

static bool confirm_mac(const svr_kex_ends *ends, const svr_peer_key *key, bool ours, svr_piece body,
                        uint8_t out[SVR_HASH_LEN]) {
    uint8_t names[2 * (SVR_NAME_MAX + 1)], mac_key[SVR_HMAC_KEY_LEN];
    svr_piece context = ours ? name_pair(names, ends->self_name, ends->peer_name)
                             : name_pair(names, ends->peer_name, ends->self_name);
    bool ok = svr_kdf(ends->rt->crypt, (svr_piece){key->secret, sizeof key->secret}, (svr_piece){0},
                      "confirm", context, mac_key, sizeof mac_key) &&
              svr_hmac_sha384(ends->rt->crypt, mac_key, sizeof mac_key, &body, 1, out);
    svr_wipe(mac_key, sizeof mac_key);
    return ok;
}

size_t svr_kex_confirm_create(uint8_t out[SVR_KEX_MESSAGE_MAX], const svr_kex_ends *ends,
                              const svr_peer_key *key, const svr_keyring *ring, bool reply) {
    uint8_t mac[SVR_HASH_LEN];
    svr_writer w = svr_writer_make(out, SVR_KEX_MESSAGE_MAX);
    svr_write8(&w, SVR_KEX_CONFIRM);
    svr_write8(&w, reply ? CONFIRM_REPLY : 0);
    svr_write32(&w, key->id.index);
    write_list(&w, ring);
    if (!confirm_mac(ends, key, true, (svr_piece){out, (size_t)(w.p - out)}, mac)) return 0;
    svr_write_bytes(&w, mac, sizeof mac);
    return w.ok ? (size_t)(w.p - out) : 0;
}

int svr_kex_confirm_consume(const svr_kex_ends *ends, const svr_keyring *ring, svr_piece msg,
                            svr_peer_key **key, svr_key_list *held, bool *reply) {
    svr_reader r = svr_reader_make(msg.p, msg.len);
    svr_key_list list;
    if (svr_read8(&r) != SVR_KEX_CONFIRM) return SVR_DROP_KEX_MALFORMED;
    uint8_t flags = svr_read8(&r);
    uint32_t index = svr_read32(&r);
    read_list(&r, &list);
    svr_piece body = {msg.p, msg.len - svr_reader_left(&r)};
    const uint8_t *mac = svr_read_bytes(&r, SVR_HASH_LEN);
    if (!r.ok || svr_reader_left(&r)) return SVR_DROP_KEX_MALFORMED;
    svr_peer_key *k;
    for (size_t nth = 0; (k = svr_keyring_find(ring, index, nth)) != NULL; nth++) {
        uint8_t want[SVR_HASH_LEN];
        if (!confirm_mac(ends, k, false, body, want)) return SVR_DROP_CRYPTO_FAILED;
        if (!svr_equal_constant_time(want, mac, SVR_HASH_LEN)) continue;
        *key = k;
        *held = list;
        *reply = flags & CONFIRM_REPLY;
        return 0;
    }
    return SVR_DROP_KEX_BAD_CONFIRM;
}

size_t svr_kex_hint_create(uint8_t out[SVR_KEX_MESSAGE_MAX], const svr_kex_ends *ends, uint64_t last_seen,
                           const uint8_t request_hash[SVR_HASH_LEN]) {
    svr_writer w = svr_writer_make(out, SVR_KEX_MESSAGE_MAX);
    svr_write8(&w, SVR_KEX_HINT);
    svr_write64(&w, last_seen);
    svr_write_bytes(&w, request_hash, SVR_HASH_LEN);
    return append_signature(&w, out, ends) ? (size_t)(w.p - out) : 0;
}

int svr_kex_hint_consume(const svr_kex_request *req, const svr_kex_ends *ends, const svr_peer_cert *cert,
                         svr_piece msg, uint64_t *last_seen) {
    svr_reader r = svr_reader_make(msg.p, msg.len);
    if (svr_read8(&r) != SVR_KEX_HINT) return SVR_DROP_KEX_MALFORMED;
    uint64_t number = svr_read64(&r);
    const uint8_t *hash = svr_read_bytes(&r, SVR_HASH_LEN);
    size_t signed_len = msg.len - svr_reader_left(&r);
    svr_piece sig = read_piece(&r);
    if (!r.ok || svr_reader_left(&r)) return SVR_DROP_KEX_MALFORMED;
    if (!req->pending || memcmp(hash, req->hash, SVR_HASH_LEN) != 0) return SVR_DROP_KEX_UNEXPECTED;
    if (!svr_kex_verify(ends, cert, msg, signed_len, sig)) return SVR_DROP_KEX_BAD_SIGNATURE;
    *last_seen = number;
    return 0;
}

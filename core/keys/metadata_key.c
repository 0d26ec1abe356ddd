/* SPDX-License-Identifier: MIT */
#include "keys/metadata_key.h"

#include "base/bytes.h"
#include "keys/exchange.h"

#include <string.h>

#define CIPHER_AES_256_CBC 1
#define HMAC_SHA_384 1

bool svr_metadata_key_make(svr_metadata_key *key, svr_crypt *c, uint32_t index) {
    key->index = index;
    return svr_random(c, key->key, sizeof key->key) && svr_random(c, key->iv, sizeof key->iv) &&
           svr_random(c, key->hmac_key, sizeof key->hmac_key);
}

void svr_metadata_key_log(svr_runtime *rt, const svr_metadata_key *key, const char *owner) {
    char a[2 * sizeof key->key + 1], b[2 * sizeof key->iv + 1], c[2 * sizeof key->hmac_key + 1];
    if (!rt->keylog) return;
    svr_runtime_key_line(rt, "METADATA_KEY %s %u %s %s %s", owner, key->index,
                         svr_hex(key->key, sizeof key->key, a), svr_hex(key->iv, sizeof key->iv, b),
                         svr_hex(key->hmac_key, sizeof key->hmac_key, c));
    svr_wipe(a, sizeof a);
    svr_wipe(c, sizeof c);
}

size_t svr_metadata_key_encode(const svr_metadata_key *key, uint8_t out[SVR_METADATA_KEY_MESSAGE_LEN]) {
    svr_writer w = svr_writer_make(out, SVR_METADATA_KEY_MESSAGE_LEN);
    svr_write8(&w, SVR_KEX_METADATA_KEY);
    svr_write32(&w, key->index);
    svr_write8(&w, CIPHER_AES_256_CBC);
    svr_write_bytes(&w, key->key, sizeof key->key);
    svr_write_bytes(&w, key->iv, sizeof key->iv);
    svr_write8(&w, HMAC_SHA_384);
    svr_write_bytes(&w, key->hmac_key, sizeof key->hmac_key);
    return (size_t)(w.p - out);
}

bool svr_metadata_key_decode(svr_metadata_key *out, const uint8_t *p, size_t len) {
    svr_reader r = svr_reader_make(p, len);
    svr_metadata_key k;
    bool known = svr_read8(&r) == SVR_KEX_METADATA_KEY;
    k.index = svr_read32(&r);
    known &= svr_read8(&r) == CIPHER_AES_256_CBC;
    svr_read_copy(&r, k.key, sizeof k.key);
    svr_read_copy(&r, k.iv, sizeof k.iv);
    known &= svr_read8(&r) == HMAC_SHA_384;
    svr_read_copy(&r, k.hmac_key, sizeof k.hmac_key);
    bool ok = known && r.ok && svr_reader_left(&r) == 0 && k.index != 0;
    if (ok) *out = k;
    svr_wipe(&k, sizeof k);
    return ok;
}

size_t svr_metadata_ack_encode(uint32_t index, uint8_t out[SVR_METADATA_KEY_ACK_LEN]) {
    out[0] = SVR_KEX_METADATA_KEY_ACK;
    svr_put32(out + 1, index);
    return SVR_METADATA_KEY_ACK_LEN;
}

bool svr_metadata_ack_decode(uint32_t *index, const uint8_t *p, size_t len) {
    if (len != SVR_METADATA_KEY_ACK_LEN || p[0] != SVR_KEX_METADATA_KEY_ACK) return false;
    *index = svr_get32(p + 1);
    return true;
}

/* secret = key | HMAC key, salt = IV, context = sender 0 owner 0 life of the sender (PD-KDF). */
bool svr_metadata_key_derive(svr_crypt *c, svr_crypt_key *out, const svr_metadata_key *key, const char *owner,
                             const char *sender, const uint8_t life[SVR_LIFE_LEN]) {
    uint8_t secret[SVR_CIPHER_KEY_LEN + SVR_HMAC_KEY_LEN], context[2 * (SVR_NAME_MAX + 1) + SVR_LIFE_LEN];
    svr_writer w = svr_writer_make(context, sizeof context);
    svr_write_bytes(&w, sender, strlen(sender) + 1);
    svr_write_bytes(&w, owner, strlen(owner) + 1);
    svr_write_bytes(&w, life, SVR_LIFE_LEN);
    memcpy(secret, key->key, SVR_CIPHER_KEY_LEN);
    memcpy(secret + SVR_CIPHER_KEY_LEN, key->hmac_key, SVR_HMAC_KEY_LEN);
    bool ok = w.ok && svr_crypt_key_derive(c, out, (svr_piece){secret, sizeof secret},
                                           (svr_piece){key->iv, sizeof key->iv}, "svr metadata",
                                           (svr_piece){context, (size_t)(w.p - context)}, SVR_HMAC_SHA384);
    svr_wipe(secret, sizeof secret);
    return ok;
}

/* ---- sending -------------------------------------------------------------------------------- */

void svr_metadata_sender_init(svr_metadata_sender *s, svr_runtime *rt, const char *peer) {
    *s = (svr_metadata_sender){.rt = rt, .peer = peer, .changeover = SVR_TIME_NEVER};
}

static void forget(const svr_metadata_sender *s, svr_crypt_key **key) {
    if (!*key) return;
    svr_crypt_key_fini(*key);
    svr_alloc_free(s->rt->alloc, *key);
    *key = NULL;
}

void svr_metadata_sender_fini(svr_metadata_sender *s) {
    if (!s->rt) return;
    forget(s, &s->current);
    forget(s, &s->next);
    svr_wipe(s, sizeof *s);
}

static void tell(const svr_metadata_sender *s, const char *what, uint32_t index) {
    svr_event *ev = svr_runtime_event(s->rt, SVR_EVENT_METADATA_KEY);
    svr_strcpy(ev->peer, sizeof ev->peer, s->peer);
    ev->to = what;
    ev->value = index;
}

static void change_over(svr_metadata_sender *s) {
    if (s->current) tell(s, "erased", s->index);
    forget(s, &s->current);
    s->current = s->next;
    s->made_from[0] = s->made_from[1];
    svr_wipe(&s->made_from[1], sizeof s->made_from[1]);
    s->index = s->next_index;
    s->sent = 0;
    s->next = NULL;
    s->next_index = 0;
    s->changeover = SVR_TIME_NEVER;
    tell(s, "sending", s->index);
}

bool svr_metadata_sender_accept(svr_metadata_sender *s, const svr_metadata_key *key, const char *owner,
                                const char *sender, const uint8_t life[SVR_LIFE_LEN], bool at_once) {
    if (!at_once && (key->index == s->next_index || (key->index == s->index && !s->next))) return true;
    svr_crypt_key *k = svr_alloc_zero(s->rt->alloc, 1, sizeof *k);
    if (!k || !svr_metadata_key_derive(s->rt->crypt, k, key, owner, sender, life)) {
        svr_alloc_free(s->rt->alloc, k);
        return false;
    }
    forget(s, &s->next);
    s->next = k;
    s->made_from[1] = *key;
    s->next_index = key->index;
    tell(s, "received", key->index);
    if (at_once || !s->current)
        change_over(s);
    else
        s->changeover = s->rt->now + SVR_KEY_GRACE;
    return true;
}

static bool restore(svr_metadata_sender *s, svr_crypt_key **to, const svr_metadata_key *key,
                    const char *owner, const char *sender, const uint8_t life[SVR_LIFE_LEN]) {
    if (!key->index) return true;
    *to = svr_alloc_zero(s->rt->alloc, 1, sizeof **to);
    if (*to && svr_metadata_key_derive(s->rt->crypt, *to, key, owner, sender, life)) return true;
    svr_alloc_free(s->rt->alloc, *to);
    *to = NULL;
    return false;
}

bool svr_metadata_sender_restore(svr_metadata_sender *s, const svr_metadata_key *current,
                                 const svr_metadata_key *next, svr_time changeover, uint64_t sent,
                                 const char *owner, const char *sender, const uint8_t life[SVR_LIFE_LEN]) {
    forget(s, &s->current);
    forget(s, &s->next);
    s->made_from[0] = *current;
    s->made_from[1] = *next;
    s->index = current->index;
    s->next_index = next->index;
    s->changeover = changeover;
    s->sent = sent;
    return restore(s, &s->current, current, owner, sender, life) &&
           restore(s, &s->next, next, owner, sender, life);
}

void svr_metadata_sender_run(svr_metadata_sender *s) {
    if (s->changeover <= s->rt->now) change_over(s);
}

/* ---- receiving ------------------------------------------------------------------------------ */

void svr_metadata_receiver_init(svr_metadata_receiver *r, svr_runtime *rt) {
    *r = (svr_metadata_receiver){.rt = rt};
}

static void drop_at(svr_metadata_receiver *r, size_t i) {
    svr_crypt_key_fini(&r->held[i]->key);
    svr_alloc_free(r->rt->alloc, r->held[i]);
    for (; i + 1 < SVR_METADATA_HOLD_MAX; i++)
        r->held[i] = r->held[i + 1];
    r->held[i] = NULL;
}

void svr_metadata_receiver_fini(svr_metadata_receiver *r) {
    if (!r->rt) return;
    while (r->held[0])
        drop_at(r, 0);
    *r = (svr_metadata_receiver){0};
}

bool svr_metadata_receiver_add(svr_metadata_receiver *r, const svr_metadata_key *key, const char *owner,
                               const char *sender, const uint8_t life[SVR_LIFE_LEN]) {
    svr_metadata_receive_key *k = svr_alloc_zero(r->rt->alloc, 1, sizeof *k);
    if (!k || !svr_metadata_key_derive(r->rt->crypt, &k->key, key, owner, sender, life)) {
        svr_alloc_free(r->rt->alloc, k);
        return false;
    }
    k->index = key->index;
    k->until = SVR_TIME_NEVER;
    if (r->held[SVR_METADATA_HOLD_MAX - 1]) drop_at(r, r->held[0]->index == r->acked ? 1 : 0);
    size_t n = 0;
    while (r->held[n])
        n++;
    r->held[n] = k;
    return true;
}

bool svr_metadata_receiver_acked(svr_metadata_receiver *r, uint32_t index) {
    if (!svr_metadata_receiver_find(r, index) || index == r->acked) return false;
    r->acked = index;
    for (size_t i = 0; i < SVR_METADATA_HOLD_MAX && r->held[i] && r->held[i]->index != index; i++)
        r->held[i]->until = r->rt->now + 2 * SVR_KEY_GRACE;
    return true;
}

svr_metadata_receive_key *svr_metadata_receiver_find(const svr_metadata_receiver *r, uint32_t index) {
    for (size_t i = 0; i < SVR_METADATA_HOLD_MAX && r->held[i]; i++)
        if (r->held[i]->index == index) return r->held[i];
    return NULL;
}

void svr_metadata_receiver_run(svr_metadata_receiver *r) {
    while (r->held[0] && r->held[0]->until <= r->rt->now)
        drop_at(r, 0);
}

svr_time svr_metadata_receiver_deadline(const svr_metadata_receiver *r) {
    return r->held[0] ? r->held[0]->until : SVR_TIME_NEVER;
}

/* SPDX-License-Identifier: MIT
 *
 * A rotation, as the originator sees it: renew makes `next`, and metadata that carries it goes out in the
 * flow. The far end's metadata, which names the same phase, acknowledges it: t0. From t0 + 30 s on packets
 * leave under it; the former key, now `old`, is erased 30 s later. The far end accepts both from the moment
 * of receipt; it changes over when a packet under the new key comes in, at the latest 30 s after receipt. It
 * cannot know when its acknowledgement arrives, so it keeps the old key until it has heard the new one.
 *
 * When the far end has lost its state, or may have, nobody holds anything to wait for: the new key is used at
 * once, in the same packet that brings it. It has to be a new one, since the far end counts its nonces from 1
 * again. */
#include "session/payload_key.h"

#include "session/session.h"

#include <string.h>

static void tell(const svr_session *s, const char *to, uint8_t phase) {
    svr_event *ev = svr_runtime_event(s->all->rt, SVR_EVENT_PAYLOAD_KEY);
    ev->to = to;
    ev->value = phase;
    svr_session_text(s, ev->detail);
}

static const char *hmac_name(uint8_t hmac) {
    return hmac == SVR_HMAC_SHA384_192 ? "sha384-192" : "sha384";
}

static void log_key(const svr_session *s, const svr_payload_key_tlv *key) {
    char uuid[2 * SVR_UUID_LEN + 1], hex[2 * SVR_PAYLOAD_KEY_LEN + 1];
    if (!s->all->rt->keylog) return;
    svr_runtime_key_line(s->all->rt, "PAYLOAD_KEY %s %u %s %s", svr_hex(s->uuid, SVR_UUID_LEN, uuid),
                         key->phase, hmac_name(key->hmac), svr_hex(key->key, sizeof key->key, hex));
    svr_wipe(hex, sizeof hex);
}

static bool generate(const svr_session *s, uint8_t phase, svr_hmac hmac, svr_payload_key_tlv *out) {
    out->phase = phase;
    out->hmac = (uint8_t)hmac;
    if (!svr_random(s->all->rt->crypt, out->key, sizeof out->key)) return false;
    log_key(s, out);
    tell(s, "computed", phase);
    return true;
}

bool svr_payload_key_derive(svr_crypt *c, svr_crypt_key *out, const svr_payload_key_tlv *from,
                            const uint8_t uuid[SVR_UUID_LEN], bool forward) {
    return svr_crypt_key_derive(c, out, (svr_piece){from->key, sizeof from->key}, (svr_piece){0},
                                forward ? "payload forward" : "payload reverse",
                                (svr_piece){uuid, SVR_UUID_LEN}, (svr_hmac)from->hmac);
}

static svr_drop make_key(svr_session *s, const svr_payload_key_tlv *from, svr_payload_key **out) {
    svr_crypt *c = s->all->rt->crypt;
    bool origin = svr_session_is_originator(s);
    svr_payload_key *key = svr_key_store_get(&s->all->store, s);
    if (!key) return SVR_DROP_NO_MEMORY;
    key->phase = from->phase;
    memcpy(key->key, from->key, sizeof key->key);
    if (!svr_payload_key_derive(c, &key->send, from, s->uuid, origin) ||
        !svr_payload_key_derive(c, &key->receive, from, s->uuid, !origin)) {
        svr_key_store_put(&s->all->store, key);
        return SVR_DROP_CRYPTO_FAILED;
    }
    *out = key;
    return SVR_DROP_NONE;
}

void svr_payload_retire(svr_session *s, svr_payload_key **key) {
    if (!*key) return;
    (*key)->next_retired = s->all->retired;
    s->all->retired = *key;
    *key = NULL;
}

svr_payload_key *svr_payload_restore(svr_session *s, const svr_payload_key_tlv *from, uint64_t sent,
                                     uint64_t newest) {
    svr_payload_key *key = NULL;
    if (make_key(s, from, &key)) return NULL;
    key->sent = sent;
    if (newest) svr_replay_restore(&key->seen, newest);
    return key;
}

svr_drop svr_payload_start(svr_session *s, const svr_payload_key_tlv *given, svr_hmac hmac, bool use) {
    svr_payload_ring *r = &s->keys;
    r->changeover = r->erase = SVR_TIME_NEVER;
    r->made = s->all->rt->now;
    if (given)
        r->newest = *given;
    else if (!generate(s, 0, hmac, &r->newest))
        return SVR_DROP_CRYPTO_FAILED;
    return use ? make_key(s, &r->newest, &r->current) : SVR_DROP_NONE;
}

void svr_payload_fini(svr_session *s) {
    svr_payload_retire(s, &s->keys.current);
    svr_payload_retire(s, &s->keys.next);
    svr_payload_retire(s, &s->keys.old);
    svr_wipe(&s->keys.newest, sizeof s->keys.newest);
}

static void erase_old(svr_session *s) {
    if (s->keys.old) tell(s, "erased", s->keys.old->phase);
    svr_payload_retire(s, &s->keys.old);
    s->keys.erase = SVR_TIME_NEVER;
    svr_session_changed(s);
}

static void change_over(svr_session *s) {
    svr_payload_ring *r = &s->keys;
    erase_old(s);
    r->old = r->current;
    r->current = r->next;
    r->next = NULL;
    r->heard = false;
    r->changeover = SVR_TIME_NEVER;
    r->erase = s->all->rt->now + SVR_PAYLOAD_GRACE;
    tell(s, "sending", r->current->phase);
    svr_session_plan(s);
}

static void install_next(svr_session *s, svr_payload_key *key, const svr_payload_key_tlv *tlv) {
    svr_payload_retire(s, &s->keys.next);
    s->keys.next = key;
    s->keys.newest = *tlv;
    s->keys.made = s->all->rt->now;
    s->keys.changeover = SVR_TIME_NEVER;
    svr_session_changed(s);
}

svr_payload_key *svr_payload_current(svr_session *s) {
    svr_payload_ring *r = &s->keys;
    if (!r->parked) return r->current;
    r->current = svr_payload_restore(s, &r->newest, r->parked_sent, r->parked_seen);
    if (!r->current) return NULL;
    r->parked = false;
    r->changeover = r->erase = SVR_TIME_NEVER;
    return r->current;
}

bool svr_payload_park(svr_session *s) {
    svr_payload_ring *r = &s->keys;
    if (!r->current || r->next || r->old || r->current->phase != r->newest.phase) return false;
    if (r->changeover != SVR_TIME_NEVER || r->erase != SVR_TIME_NEVER) return false;
    r->parked_sent = r->current->sent;
    r->parked_seen = r->current->seen.newest;
    r->parked = true;
    svr_payload_retire(s, &r->current);
    return true;
}

bool svr_payload_renew(svr_session *s, bool at_once) {
    svr_payload_key_tlv tlv;
    svr_payload_key *key = NULL;
    bool ok = svr_payload_current(s) &&
              generate(s, (uint8_t)(s->keys.newest.phase + 1), (svr_hmac)s->keys.newest.hmac, &tlv) &&
              make_key(s, &tlv, &key) == SVR_DROP_NONE;
    if (ok) {
        install_next(s, key, &tlv);
        svr_leg_begin(&s->leg[SVR_TARGET]);
        if (at_once) change_over(s);
    }
    svr_wipe(&tlv, sizeof tlv);
    return ok;
}

void svr_payload_acknowledged(svr_session *s) {
    svr_payload_ring *r = &s->keys;
    if (!r->next || r->changeover != SVR_TIME_NEVER) return;
    r->changeover = s->all->rt->now + SVR_PAYLOAD_GRACE;
    svr_session_plan(s);
}

bool svr_payload_renewal_due(const svr_session *s) {
    const svr_payload_ring *r = &s->keys;
    return s->all->rekey_ns && !r->next && !r->old && s->all->rt->now - r->made >= s->all->rekey_ns;
}

svr_drop svr_payload_learn(svr_session *s, const svr_payload_key_tlv *tlv, bool *changed) {
    svr_payload_key *key = NULL;
    int8_t ahead = (int8_t)(tlv->phase - s->keys.newest.phase);
    *changed = false;
    if (ahead < 0) return SVR_DROP_NONE;
    if (ahead == 0)
        return svr_equal_constant_time(tlv->key, s->keys.newest.key, sizeof tlv->key)
                   ? SVR_DROP_NONE
                   : SVR_DROP_METADATA_MALFORMED;
    if (svr_session_is_endpoint(s)) {
        if (!svr_payload_current(s)) return SVR_DROP_NO_MEMORY;
        svr_drop reason = make_key(s, tlv, &key);
        if (reason) return reason;
        install_next(s, key, tlv);
        s->keys.changeover = s->all->rt->now + SVR_PAYLOAD_GRACE;
        svr_session_plan(s);
    } else {
        s->keys.newest = *tlv;
        svr_leg_begin(&s->leg[SVR_TARGET]);
    }
    *changed = true;
    return SVR_DROP_NONE;
}

svr_payload_key *svr_payload_find(svr_session *s, uint8_t phase) {
    const svr_payload_ring *r = &s->keys;
    if (r->parked && r->newest.phase == phase) return svr_payload_current(s);
    if (r->current && r->current->phase == phase) return r->current;
    if (r->next && r->next->phase == phase) return r->next;
    return r->old && r->old->phase == phase ? r->old : NULL;
}

void svr_payload_heard(svr_session *s, const svr_payload_key *key) {
    svr_payload_ring *r = &s->keys;
    /* The originator keeps to its 30 s: its own metadata may still be on the way to others. */
    if (key == r->next && !svr_session_is_originator(s)) change_over(s);
    if (key != r->current || r->heard) return;
    r->heard = true;
    /* What its sender sent last under the old key may be a whole grace on its way. */
    if (r->old && r->erase < s->all->rt->now + SVR_PAYLOAD_GRACE && !svr_session_is_originator(s))
        r->erase = s->all->rt->now + SVR_PAYLOAD_GRACE;
    svr_payload_run(s);
    svr_session_plan(s);
}

/* The originator's peer changed over before it could acknowledge; the peer waits to hear the new key. */
static svr_time erasure(const svr_session *s) {
    if (s->keys.parked) return SVR_TIME_NEVER;
    return s->keys.heard || svr_session_is_originator(s) ? s->keys.erase : SVR_TIME_NEVER;
}

void svr_payload_run(svr_session *s) {
    svr_time now = s->all->rt->now;
    if (erasure(s) <= now) erase_old(s);
    if (!s->keys.parked && s->keys.changeover <= now) change_over(s);
}

svr_time svr_payload_deadline(const svr_session *s) {
    svr_time erase = erasure(s), changeover = s->keys.parked ? SVR_TIME_NEVER : s->keys.changeover;
    return erase < changeover ? erase : changeover;
}

uint64_t svr_payload_nonce(svr_payload_key *key) {
    if (key->sent >= SVR_PAYLOAD_COUNTER_MAX) return 0;
    return (uint64_t)key->phase << 56 | ++key->sent;
}

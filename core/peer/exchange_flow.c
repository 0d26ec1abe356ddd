/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include <string.h>

/* The rules here are those that an exhaustive search over loss, delay, crossing requests and a restart has
 * found to lose no packet and to converge (PD-KEX, PD-GLARE, PD-GRACE). Change none of them alone. */

static const uint8_t *bytes_of(svr_piece p) {
    return p.p;
}

/* ---- certificates --------------------------------------------------------------------------- */

void svr_peer_send_cert(svr_peer *peer, svr_path *path) {
    uint8_t msg[SVR_KEX_TOTAL_MAX];
    svr_piece chain = svr_identity_chain(peer->all->identity);
    msg[0] = SVR_KEX_CERT;
    if (peer->cert)
        memcpy(msg + 1, svr_peer_cert_fingerprint(peer->cert), SVR_HASH_LEN);
    else
        memset(msg + 1, 0, SVR_HASH_LEN);
    memcpy(msg + 1 + SVR_HASH_LEN, chain.p, chain.len);
    svr_piece piece = {msg, 1 + SVR_HASH_LEN + chain.len};
    if (path)
        svr_path_send_message(path, piece, false);
    else
        svr_peer_send(peer, piece, false);
}

static int receive_cert(svr_peer *peer, svr_path *path, svr_piece msg) {
    const uint8_t *knows = bytes_of(msg) + 1;
    if (msg.len < 1 + SVR_HASH_LEN + 2) return SVR_DROP_KEX_MALFORMED;
    svr_piece chain = {knows + SVR_HASH_LEN, msg.len - 1 - SVR_HASH_LEN};
    uint8_t ack[1 + SVR_HASH_LEN] = {SVR_KEX_CERT_ACK};
    if (!svr_sha384(peer->all->rt->crypt, &chain, 1, ack + 1)) return SVR_DROP_CRYPTO_FAILED;
    if (!svr_peer_judge_certificate(peer, chain, ack + 1)) return SVR_DROP_CERT_REFUSED;
    if (peer->waiting_for == SVR_WAIT_CERTIFICATE) svr_peer_answered(peer);
    svr_path_send_message(path, (svr_piece){ack, sizeof ack}, false);
    if (memcmp(knows, peer->all->chain_hash, SVR_HASH_LEN) == 0)
        peer->cert_acked = true;
    else
        svr_peer_send_cert(peer, path);
    svr_peer_progress(peer);
    return 0;
}

static int receive_cert_ack(svr_peer *peer, svr_piece msg) {
    if (msg.len != 1 + SVR_HASH_LEN) return SVR_DROP_KEX_MALFORMED;
    if (memcmp(bytes_of(msg) + 1, peer->all->chain_hash, SVR_HASH_LEN) != 0) return SVR_DROP_KEX_UNEXPECTED;
    if (peer->cert_acked) return 0;
    peer->cert_acked = true;
    svr_peer_answered(peer);
    svr_peer_progress(peer);
    return 0;
}

/* Checks under the certificate in use, then under a newer one, which takes over if it holds. */
static bool holds(svr_peer *peer, svr_piece msg, size_t signed_len, svr_piece signature) {
    svr_kex_ends ends = svr_peer_ends(peer);
    if (svr_kex_verify(&ends, peer->cert, msg, signed_len, signature)) return true;
    if (!peer->candidate || !svr_kex_verify(&ends, peer->candidate, msg, signed_len, signature)) return false;
    svr_peer_cert_del(peer->cert);
    peer->cert = peer->candidate;
    peer->candidate = NULL;
    svr_peer_review_certificate(peer);
    return true;
}

/* 0, or the reason why the message is not believed. */
static int verify(svr_peer *peer, svr_piece msg, size_t signed_len, svr_piece signature) {
    bool authentic = holds(peer, msg, signed_len, signature);
    svr_peer_authenticated(peer, authentic);
    return authentic ? 0 : SVR_DROP_KEX_BAD_SIGNATURE;
}

/* ---- lives ---------------------------------------------------------------------------------- */

/* The exchange that made `key` is complete. If the peer started anew since the last one, its metadata key and
 * its copy of ours are gone, and what it sends is derived with its new life. */
static void adopt_life(svr_peer *peer, const svr_peer_key *key) {
    svr_peers *all = peer->all;
    if (peer->has_life && memcmp(peer->life, key->peer_life, SVR_LIFE_LEN) == 0) return;
    bool restarted = peer->has_life;
    memcpy(peer->life, key->peer_life, SVR_LIFE_LEN);
    peer->has_life = true;
    peer->key_received = peer->key_acked = peer->sibling; /* the other node needs no metadata key */
    if (peer->sibling) return;
    svr_metadata_receiver_fini(&peer->from_peer);
    svr_metadata_receiver_init(&peer->from_peer, all->rt);
    if (!svr_metadata_receiver_add(&peer->from_peer, &all->metadata_key, svr_peer_self_name(peer),
                                   svr_peer_remote_name(peer), peer->life))
        svr_drop_count(all->rt, SVR_DROP_NO_MEMORY);
    if (restarted) svr_peer_input(peer, SVR_IN_NEW_LIFE, "peer restarted");
}

/* The peer is known to have the newest key. */
static void known(svr_peer *peer, bool lacks_current) {
    if (!svr_keyring_peer_has_next(&peer->ring, lacks_current)) return;
    adopt_life(peer, peer->ring.next ? peer->ring.next : peer->ring.current);
    svr_peer_plan_rekey(peer);
}

static bool lacks_current(const svr_peer *peer, const svr_key_list *held) {
    return !svr_key_list_has(held, peer->ring.current);
}

void svr_peer_heard(svr_peer *peer, svr_peer_key *key, const svr_key_list *held) {
    svr_keyring_heard(&peer->ring, key);
    if (peer->ring.next && (key == peer->ring.next || svr_key_list_has(held, peer->ring.next))) {
        known(peer, lacks_current(peer, held));
        peer->salt_acked = true;
    }
    svr_peer_progress(peer);
}

/* ---- our request ---------------------------------------------------------------------------- */

void svr_peer_start_request(svr_peer *peer, const char *reason) {
    svr_runtime *rt = peer->all->rt;
    svr_kex_ends ends = svr_peer_ends(peer);
    svr_wall wall = svr_runtime_wall(rt);
    uint64_t number = wall > 0 ? (uint64_t)wall / SVR_US : 1;
    if (number <= peer->last_number) number = peer->last_number + 1;
    if (!svr_kex_request_create(&peer->request, &ends, number, &peer->ring)) {
        svr_drop_count(rt, SVR_DROP_CRYPTO_FAILED);
        svr_key_changes_peer_failed(peer, "the key request could not be made");
        return;
    }
    peer->last_number = number;
    peer->rekey_wanted = peer->proof_due = false;
    memcpy(peer->salt, peer->request.salt, SVR_SALT_LEN);
    svr_event *ev = svr_runtime_event(rt, SVR_EVENT_KEY_REQUEST);
    svr_strcpy(ev->peer, sizeof ev->peer, peer->config->name);
    ev->reason = reason;
    ev->value = 1;
    svr_peer_send(peer, (svr_piece){peer->request.bytes, peer->request.len}, false);
}

static int receive_response(svr_peer *peer, svr_path *path, svr_piece msg) {
    svr_kex_fields f;
    svr_peer_key *key = NULL;
    uint8_t confirm[SVR_KEX_MESSAGE_MAX];
    svr_kex_ends ends = svr_peer_ends(peer);
    int reason = svr_kex_fields_decode(&f, peer->all->rt->crypt, SVR_KEX_RESPONSE, msg);
    if (reason) return reason;
    if (!peer->request.pending || f.number != peer->request.number ||
        memcmp(f.request_hash, peer->request.hash, SVR_HASH_LEN) != 0)
        return SVR_DROP_KEX_UNEXPECTED;
    if (f.group != ends.group) return SVR_DROP_KEX_BAD_GROUP;
    if (!peer->cert) return SVR_DROP_KEX_NO_CERTIFICATE;
    if (!svr_load_take_answer(peer)) return SVR_DROP_KEX_LIMIT;
    reason = verify(peer, msg, f.signed_len, f.signature);
    if (!reason) reason = svr_kex_response_consume(&peer->request, &ends, &f, msg, &key);
    if (reason) return reason;
    bool lacks = lacks_current(peer, &f.held);
    memcpy(peer->peer_salt, f.salt, SVR_SALT_LEN);
    peer->salt_received = peer->salt_acked = true;
    svr_kex_request_drop(&peer->request);
    svr_keyring_install(&peer->ring, key);
    known(peer, lacks);
    svr_peer_answered(peer);
    size_t n = svr_kex_confirm_create(confirm, &ends, key, &peer->ring, false);
    if (n) svr_path_send_message(path, (svr_piece){confirm, n}, false);
    svr_peer_progress(peer);
    return 0;
}

/* ---- their request -------------------------------------------------------------------------- */

static int refuse_stale(svr_peer *peer, svr_path *path, const svr_kex_fields *f) {
    svr_runtime *rt = peer->all->rt;
    uint8_t hint[SVR_KEX_MESSAGE_MAX];
    svr_kex_ends ends = svr_peer_ends(peer);
    if (peer->hinted && rt->now - peer->hinted < SVR_HINT_INTERVAL) return SVR_DROP_KEX_STALE;
    peer->hinted = rt->now;
    size_t n = svr_kex_hint_create(hint, &ends, peer->peer_last_number, f->hash);
    if (n) svr_path_send_message(path, (svr_piece){hint, n}, false);
    return SVR_DROP_KEX_STALE;
}

/* PD-GLARE: do we give way to a request that crossed ours? */
static bool gives_way(const svr_peer *peer, bool lacks) {
    if (lacks && peer->ring.current) return true;
    return strcmp(svr_peer_self_name(peer), svr_peer_remote_name(peer)) > 0;
}

static int answer_request(svr_peer *peer, svr_path *path, const svr_kex_fields *f, svr_piece msg) {
    svr_kex_ends ends = svr_peer_ends(peer);
    svr_peer_key *key = NULL;
    uint32_t highest = svr_keyring_highest(&peer->ring);
    uint32_t index = (f->index > highest ? f->index : highest) + 1;
    int reason = svr_kex_answer_create(&peer->answer, &ends, f, msg, index, &peer->ring, &key);
    if (reason) return reason;
    memcpy(peer->salt, peer->answer.salt, SVR_SALT_LEN);
    memcpy(peer->peer_salt, f->salt, SVR_SALT_LEN);
    peer->salt_received = true;
    peer->rekey_wanted = peer->proof_due = false;
    svr_keyring_install(&peer->ring, key);
    svr_path_send_message(path, (svr_piece){peer->answer.bytes, peer->answer.len}, false);
    return 0;
}

static int decide_request(svr_peer *peer, svr_path *path, const svr_kex_fields *f, svr_piece msg) {
    bool lacks = lacks_current(peer, &f->held);
    if (peer->request.pending) {
        if (!gives_way(peer, lacks)) { /* he answers ours: send it again at once */
            svr_path_send_message(path, (svr_piece){peer->request.bytes, peer->request.len}, false);
            return 0;
        }
        svr_kex_request_drop(&peer->request);
    }
    if (peer->answer.len && peer->answer.number == f->number &&
        memcmp(peer->answer.request_hash, f->hash, SVR_HASH_LEN) == 0) {
        svr_path_send_message(path, (svr_piece){peer->answer.bytes, peer->answer.len}, false);
        return 0;
    }
    if (peer->ring.next && svr_key_list_has(&f->held, peer->ring.next)) known(peer, lacks);
    if (!lacks && svr_keyring_unfinished(&peer->ring)) return SVR_DROP_KEX_UNFINISHED;
    return answer_request(peer, path, f, msg);
}

static int receive_request(svr_peer *peer, svr_path *path, svr_piece msg) {
    svr_kex_fields f;
    int reason = svr_kex_fields_decode(&f, peer->all->rt->crypt, SVR_KEX_REQUEST, msg);
    if (reason) return reason;
    if (f.number < peer->peer_last_number) return refuse_stale(peer, path, &f);
    if (!peer->cert) return SVR_DROP_KEX_NO_CERTIFICATE;
    if (!svr_load_take(peer)) return SVR_DROP_KEX_LIMIT;
    reason = verify(peer, msg, f.signed_len, f.signature);
    if (reason) return reason;
    if (f.number > peer->peer_last_number) svr_load_return(peer);
    if (f.group != svr_peer_ends(peer).group) return SVR_DROP_KEX_BAD_GROUP;
    peer->peer_last_number = f.number;
    reason = decide_request(peer, path, &f, msg);
    svr_peer_progress(peer);
    return reason;
}

static int receive_confirm(svr_peer *peer, svr_path *path, svr_piece msg) {
    svr_peer_key *key;
    svr_key_list held;
    bool reply;
    uint8_t out[SVR_KEX_MESSAGE_MAX];
    svr_kex_ends ends = svr_peer_ends(peer);
    int reason = svr_kex_confirm_consume(&ends, &peer->ring, msg, &key, &held, &reply);
    if (reason) return reason;
    if (key == peer->ring.next) known(peer, lacks_current(peer, &held));
    peer->salt_acked = true;
    if (!reply) {
        size_t n = svr_kex_confirm_create(out, &ends, key, &peer->ring, true);
        if (n) svr_path_send_message(path, (svr_piece){out, n}, false);
    }
    svr_peer_answered(peer);
    svr_peer_progress(peer);
    return 0;
}

static int receive_hint(svr_peer *peer, svr_piece msg) {
    uint64_t last;
    svr_kex_ends ends = svr_peer_ends(peer);
    if (!peer->cert) return SVR_DROP_KEX_NO_CERTIFICATE;
    if (!svr_load_take_answer(peer)) return SVR_DROP_KEX_LIMIT;
    int reason = svr_kex_hint_consume(&peer->request, &ends, peer->cert, msg, &last);
    if (reason == SVR_DROP_KEX_BAD_SIGNATURE) svr_peer_authenticated(peer, false);
    if (reason) return reason;
    if (last < peer->request.number || last == UINT64_MAX) return SVR_DROP_KEX_UNEXPECTED;
    peer->last_number = last;
    svr_peer_start_request(peer, "the peer has seen a later request");
    return 0;
}

/* ---- dispatch ------------------------------------------------------------------------------- */

int svr_peer_receive_clear(svr_peer *peer, svr_path *path, svr_piece msg) {
    if (peer->state == SVR_ESKM_DISABLED) return SVR_DROP_KEX_UNEXPECTED;
    if (peer->removed && bytes_of(msg)[0] != SVR_KEX_CERT) return SVR_DROP_KEX_UNEXPECTED;
    svr_peer_kex_heard(peer);
    switch (bytes_of(msg)[0]) {
    case SVR_KEX_CERT: return receive_cert(peer, path, msg);
    case SVR_KEX_CERT_ACK: return receive_cert_ack(peer, msg);
    case SVR_KEX_REQUEST: return receive_request(peer, path, msg);
    case SVR_KEX_RESPONSE: return receive_response(peer, path, msg);
    case SVR_KEX_CONFIRM: return receive_confirm(peer, path, msg);
    case SVR_KEX_HINT: return receive_hint(peer, msg);
    case SVR_KEX_COOKIE: return svr_load_take_cookie(path, msg);
    default: return SVR_DROP_KEX_MALFORMED;
    }
}

static int receive_metadata_key(svr_peer *peer, svr_path *path, svr_piece msg) {
    svr_metadata_key key;
    uint8_t ack[SVR_METADATA_KEY_ACK_LEN];
    if (!svr_metadata_key_decode(&key, msg.p, msg.len)) return SVR_DROP_KEX_MALFORMED;
    bool ok = svr_metadata_sender_accept(&peer->to_peer, &key, svr_peer_remote_name(peer),
                                         svr_peer_self_name(peer), peer->all->life, !peer->key_received);
    uint32_t index = key.index;
    svr_wipe(&key, sizeof key);
    if (!ok) return SVR_DROP_NO_MEMORY;
    peer->key_received = true;
    svr_path_send_message(path, (svr_piece){ack, svr_metadata_ack_encode(index, ack)}, true);
    svr_peer_progress(peer);
    return 0;
}

static int receive_metadata_ack(svr_peer *peer, svr_piece msg) {
    uint32_t index;
    if (!svr_metadata_ack_decode(&index, msg.p, msg.len)) return SVR_DROP_KEX_MALFORMED;
    svr_metadata_receiver_acked(&peer->from_peer, index);
    if (index != peer->all->metadata_key.index || peer->key_acked) return 0;
    peer->key_acked = true;
    svr_peer_answered(peer);
    svr_peer_progress(peer);
    return 0;
}

int svr_peer_receive_secret(svr_peer *peer, svr_path *path, svr_piece msg) {
    switch (bytes_of(msg)[0]) {
    case SVR_KEX_SYNC: return peer->sibling ? svr_sibling_receive(peer->all, msg) : SVR_DROP_KEX_UNEXPECTED;
    case SVR_KEX_METADATA_KEY: return receive_metadata_key(peer, path, msg);
    case SVR_KEX_METADATA_KEY_ACK: return receive_metadata_ack(peer, msg);
    default: return SVR_DROP_KEX_MALFORMED;
    }
}

/* SPDX-License-Identifier: MIT
 *
 * What strangers may cost us (PD-COOKIE). Checking a signature or a certificate is a thousand times dearer
 * than sending the message that asks for it, and its sender can be anybody who knows two addresses. So there
 * is a budget, per peer and for all, of which only what fails, or is a repetition, uses up anything. When
 * half of it is gone, whoever wants such a check has to show first that he receives what we send to his
 * address: he is sent a cookie, of which we remember nothing, and repeats his message with it. The other half
 * of the budget is for those who did.
 *
 * Nothing of this concerns packets that are authentic under a peer key: who is established is not asked. */
#include "peer/peer_internal.h"

#include <string.h>

#define PROOF_INTERVAL (200 * SVR_MS) /* per peer: 5 a second */
#define PROOF_BURST 10
#define ALL_INTERVAL (10 * SVR_MS) /* of all peers: 100 a second */
#define ALL_BURST 200
#define LOADED (10 * SVR_SEC) /* cookies are asked for this long after the budget was low */
#define SECRET_LIFE (120 * SVR_SEC)
#define COOKIE_LIFE (120 * SVR_SEC) /* at its owner; the maker takes it for two lives of the secret */
#define ANSWER_INTERVAL SVR_MS      /* 1000 cookies a second */
#define ANSWER_BURST 100
#define REPEAT_INTERVAL (5 * SVR_SEC)

/* ---- the budget ------------------------------------------------------------------------------- */

static void note_load(svr_peer *peer) {
    svr_peers *all = peer->all;
    svr_time now = all->rt->now;
    if (svr_bucket_is_low(&peer->proofs, now, PROOF_INTERVAL, PROOF_BURST)) peer->loaded = now + LOADED;
    if (svr_bucket_is_low(&all->load.proofs, now, ALL_INTERVAL, ALL_BURST)) all->load.loaded = now + LOADED;
}

static bool take(svr_peer *peer) {
    svr_peers *all = peer->all;
    svr_time now = all->rt->now;
    if (!svr_bucket_take(&peer->proofs, now, PROOF_INTERVAL, PROOF_BURST)) return false;
    if (!svr_bucket_take(&all->load.proofs, now, ALL_INTERVAL, ALL_BURST)) {
        svr_bucket_return(&peer->proofs, PROOF_INTERVAL);
        return false;
    }
    note_load(peer);
    return true;
}

bool svr_load_take(svr_peer *peer) {
    if (!take(peer)) return false;
    peer->all->load.checks++;
    return true;
}

void svr_load_waste(svr_peer *peer) {
    take(peer);
}

void svr_load_return(svr_peer *peer) {
    svr_bucket_return(&peer->proofs, PROOF_INTERVAL);
    svr_bucket_return(&peer->all->load.proofs, ALL_INTERVAL);
}

bool svr_load_take_answer(svr_peer *peer) {
    if (!svr_bucket_take(&peer->answers, peer->all->rt->now, PROOF_INTERVAL, PROOF_BURST)) return false;
    peer->all->load.checks++;
    return true;
}

static bool is_loaded(const svr_peer *peer) {
    svr_time now = peer->all->rt->now;
    return peer->loaded > now || peer->all->load.loaded > now;
}

/* ---- cookies made ------------------------------------------------------------------------------- */

static bool renew_secret(svr_peers *peers) {
    svr_load *load = &peers->load;
    if (load->has_secret && peers->rt->now - load->secret_made < SECRET_LIFE) return true;
    memcpy(load->secret[1], load->secret[0], sizeof load->secret[0]);
    load->secrets = load->has_secret && peers->rt->now - load->secret_made < 2 * SECRET_LIFE ? 2 : 1;
    load->has_secret = svr_random(peers->rt->crypt, load->secret[0], sizeof load->secret[0]);
    load->secret_made = peers->rt->now;
    return load->has_secret;
}

static bool make(const svr_path *path, const svr_ip *ip, size_t secret, uint8_t out[SVR_COOKIE_VALUE_LEN]) {
    svr_peers *all = path->peer->all;
    uint8_t hash[SVR_HASH_LEN], port[2];
    svr_put16(port, ip->flow.sport);
    const svr_piece pieces[] = {
        {&ip->flow.src, sizeof ip->flow.src}, {&ip->flow.dst, sizeof ip->flow.dst}, {port, sizeof port}};
    if (!svr_hmac_sha384(all->rt->crypt, all->load.secret[secret], SVR_COOKIE_SECRET_LEN, pieces, 3, hash))
        return false;
    memcpy(out, hash, SVR_COOKIE_VALUE_LEN);
    return true;
}

static bool is_good(const svr_path *path, const svr_ip *ip, const svr_tlv *cookie) {
    uint8_t want[SVR_COOKIE_VALUE_LEN];
    const svr_load *load = &path->peer->all->load;
    if (cookie->len != SVR_COOKIE_VALUE_LEN || !renew_secret(path->peer->all)) return false;
    for (size_t i = 0; i < load->secrets; i++)
        if (make(path, ip, i, want) && svr_equal_constant_time(want, cookie->value, sizeof want)) return true;
    return false;
}

static bool echo_of(svr_crypt *c, svr_piece part, uint8_t out[SVR_COOKIE_ECHO_LEN]) {
    uint8_t hash[SVR_HASH_LEN];
    if (!svr_sha384(c, &part, 1, hash)) return false;
    memcpy(out, hash, SVR_COOKIE_ECHO_LEN);
    return true;
}

static void send_cookie(svr_path *path, const svr_ip *ip, svr_piece part) {
    svr_peers *all = path->peer->all;
    uint8_t msg[SVR_COOKIE_MESSAGE_LEN] = {SVR_KEX_COOKIE};
    if (!svr_bucket_take(&all->load.cookies, all->rt->now, ANSWER_INTERVAL, ANSWER_BURST) ||
        !renew_secret(all) || !echo_of(all->rt->crypt, part, msg + 1) ||
        !make(path, ip, 0, msg + 1 + SVR_COOKIE_ECHO_LEN))
        return;
    svr_path_send_message(path, (svr_piece){msg, sizeof msg}, false);
}

/* What asks for a check, or holds memory until it is whole. The answers to our own messages name these by
 * hash, and are cheap to refuse. */
static bool is_dear(const svr_tlv *part) {
    svr_reader r = svr_reader_make(part->value, part->len);
    svr_read32(&r);
    uint32_t total = svr_read32(&r), offset = svr_read32(&r);
    if (!r.ok || total > svr_reader_left(&r) || offset) return true;
    return svr_reader_left(&r) && (*r.p == SVR_KEX_CERT || *r.p == SVR_KEX_REQUEST);
}

bool svr_load_admits(svr_path *path, const svr_ip *ip, const uint8_t *tlvs, size_t len, const svr_tlv *part) {
    svr_tlv cookie;
    if (!is_loaded(path->peer) || !is_dear(part)) return true;
    if (svr_tlv_find(tlvs, len, SVR_TLV_COOKIE, &cookie) && is_good(path, ip, &cookie)) return true;
    send_cookie(path, ip, (svr_piece){part->value, part->len});
    return false;
}

/* ---- cookies taken ------------------------------------------------------------------------------ */

void svr_load_sent(svr_path *path, svr_piece part) {
    path->echo_known = echo_of(path->peer->all->rt->crypt, part, path->echo_sent);
}

void svr_load_write(const svr_path *path, svr_tlv_writer *w) {
    if (path->cookie_at && path->peer->all->rt->now - path->cookie_at < COOKIE_LIFE)
        svr_tlv_put(w, SVR_TLV_COOKIE, path->cookie, sizeof path->cookie);
}

/* Only who has seen our message can name it. */
int svr_load_take_cookie(svr_path *path, svr_piece msg) {
    svr_time now = path->peer->all->rt->now;
    const uint8_t *p = msg.p;
    if (msg.len != SVR_COOKIE_MESSAGE_LEN) return SVR_DROP_KEX_MALFORMED;
    if (!path->echo_known || !svr_equal_constant_time(p + 1, path->echo_sent, SVR_COOKIE_ECHO_LEN))
        return SVR_DROP_KEX_UNEXPECTED;
    memcpy(path->cookie, p + 1 + SVR_COOKIE_ECHO_LEN, sizeof path->cookie);
    bool again = !path->cookie_at || now - path->cookie_at >= REPEAT_INTERVAL;
    path->cookie_at = now ? now : 1;
    path->echo_known = false;
    if (again) svr_peer_repeat(path->peer, path);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * What the other node of a router must know to go on with its peers (PD-HA, KEY-HA-PUSH): two kinds of
 * record. Instants travel as what is left of them, or as ages, since the nodes' clocks have nothing in
 * common.
 *
 *   node   life(16) n(1) n x metadata key, the newest first; age of the newest(8) next one in(8)
 *   peer   number(2) flags(1) life(16) salts(2x16) request numbers(2x8) key ring, next exchange in(8),
 *          keys for sending metadata, keys for receiving it, paths that are up
 */
#include "peer/peer_internal.h"

#include "base/instant.h"

#define PATHS_TOLD_MAX 8

enum { HAS_LIFE = 1, KEY_RECEIVED = 2, KEY_ACKED = 4, TIMED_OUT = 8, SALT_RECEIVED = 16, SALT_ACKED = 32 };

static svr_time due(const svr_timer *t) {
    return svr_timer_is_set(t) ? t->when : SVR_TIME_NEVER;
}

/* ---- the node ------------------------------------------------------------------------------- */

static void write_metadata_key(svr_writer *w, const svr_metadata_key *key) {
    svr_write32(w, key->index);
    if (!key->index) return;
    svr_write_bytes(w, key->key, sizeof key->key);
    svr_write_bytes(w, key->iv, sizeof key->iv);
    svr_write_bytes(w, key->hmac_key, sizeof key->hmac_key);
}

static void read_metadata_key(svr_reader *r, svr_metadata_key *key) {
    *key = (svr_metadata_key){.index = svr_read32(r)};
    if (!key->index) return;
    svr_read_copy(r, key->key, sizeof key->key);
    svr_read_copy(r, key->iv, sizeof key->iv);
    svr_read_copy(r, key->hmac_key, sizeof key->hmac_key);
}

void svr_peers_export_node(svr_peers *peers, svr_writer *w) {
    svr_time now = peers->rt->now;
    peers->dirty = false;
    svr_write_bytes(w, peers->life, SVR_LIFE_LEN);
    write_metadata_key(w, &peers->metadata_key);
    for (size_t i = 0; i < SVR_METADATA_HOLD_MAX; i++)
        write_metadata_key(w, &peers->former[i]);
    svr_write_age(w, peers->metadata_made, now);
    svr_write_left(w, due(&peers->renew), now);
}

bool svr_peers_import_node(svr_peers *peers, svr_reader *r) {
    svr_time now = peers->rt->now;
    svr_read_copy(r, peers->life, SVR_LIFE_LEN);
    uint32_t before = peers->metadata_key.index;
    read_metadata_key(r, &peers->metadata_key);
    for (size_t i = 0; i < SVR_METADATA_HOLD_MAX; i++)
        read_metadata_key(r, &peers->former[i]);
    peers->metadata_made = svr_read_age(r, now);
    peers->renew_at = svr_read_left(r, now);
    if (r->ok && peers->metadata_key.index != before) {
        svr_event *ev = svr_runtime_event(peers->rt, SVR_EVENT_METADATA_KEY);
        ev->to = "replicated";
        ev->reason = "from the active node";
        ev->value = peers->metadata_key.index;
    }
    return r->ok;
}

/* ---- key ring ------------------------------------------------------------------------------- */

static void write_key(svr_writer *w, const svr_peer_key *key, svr_time now) {
    svr_write8(w, key != NULL);
    if (!key) return;
    svr_write32(w, key->id.index);
    svr_write_bytes(w, key->id.fingerprint, SVR_FINGERPRINT_LEN);
    svr_write_bytes(w, key->secret, SVR_PEER_KEY_LEN);
    svr_write_bytes(w, key->peer_life, SVR_LIFE_LEN);
    svr_write_age(w, key->computed, now);
    svr_write64(w, key->sent);
    svr_write64(w, key->seen.newest);
}

static bool read_key(svr_reader *r, const svr_peer *peer, svr_peer_key **slot) {
    const svr_runtime *rt = peer->all->rt;
    svr_kex_ends ends = svr_peer_ends(peer);
    svr_key_id id;
    uint8_t secret[SVR_PEER_KEY_LEN];
    svr_peer_key_del(rt->alloc, *slot);
    *slot = NULL;
    if (!svr_read8(r)) return r->ok;
    id.index = svr_read32(r);
    svr_read_copy(r, id.fingerprint, SVR_FINGERPRINT_LEN);
    svr_read_copy(r, secret, sizeof secret);
    *slot = r->ok ? svr_kex_key_restore(&ends, &id, secret) : NULL;
    svr_wipe(secret, sizeof secret);
    if (!*slot) return false;
    svr_read_copy(r, (*slot)->peer_life, SVR_LIFE_LEN);
    (*slot)->computed = svr_read_age(r, rt->now);
    (*slot)->sent = svr_read64(r);
    svr_replay_restore(&(*slot)->seen, svr_read64(r));
    return r->ok;
}

static void write_ring(svr_writer *w, const svr_keyring *ring) {
    svr_time now = ring->rt->now;
    write_key(w, ring->old, now);
    write_key(w, ring->current, now);
    write_key(w, ring->next, now);
    svr_write_left(w, ring->changeover, now);
    svr_write_age(w, ring->heard, now);
    svr_write_age(w, ring->heard_next, now);
    svr_write_age(w, ring->changed, now);
    svr_write64(w, ring->rotations);
}

static bool read_ring(svr_reader *r, svr_peer *peer) {
    svr_keyring *ring = &peer->ring;
    svr_time now = ring->rt->now;
    if (!read_key(r, peer, &ring->old) || !read_key(r, peer, &ring->current) ||
        !read_key(r, peer, &ring->next))
        return false;
    ring->changeover = svr_read_left(r, now);
    ring->heard = svr_read_age(r, now);
    ring->heard_next = svr_read_age(r, now);
    ring->changed = svr_read_age(r, now);
    ring->rotations = svr_read64(r);
    return r->ok;
}

/* ---- metadata keys of a peer ---------------------------------------------------------------- */

static void write_metadata(svr_writer *w, const svr_peer *peer) {
    const svr_metadata_sender *s = &peer->to_peer;
    const svr_metadata_receiver *in = &peer->from_peer;
    svr_time now = peer->all->rt->now;
    uint8_t n = 0;
    write_metadata_key(w, &s->made_from[0]);
    write_metadata_key(w, &s->made_from[1]);
    svr_write_left(w, s->changeover, now);
    svr_write64(w, s->sent);
    while (n < SVR_METADATA_HOLD_MAX && in->held[n])
        n++;
    svr_write32(w, in->acked);
    svr_write8(w, n);
    for (size_t i = 0; i < n; i++) {
        svr_write32(w, in->held[i]->index);
        svr_write_left(w, in->held[i]->until, now);
        svr_write64(w, in->held[i]->seen.newest);
    }
}

static bool read_sender(svr_reader *r, svr_peer *peer) {
    svr_metadata_key current, next;
    read_metadata_key(r, &current);
    read_metadata_key(r, &next);
    svr_time changeover = svr_read_left(r, peer->all->rt->now);
    uint64_t sent = svr_read64(r);
    bool ok = r->ok && svr_metadata_sender_restore(&peer->to_peer, &current, &next, changeover, sent,
                                                   svr_peer_remote_name(peer), svr_peer_self_name(peer),
                                                   peer->all->life);
    svr_wipe(&current, sizeof current);
    svr_wipe(&next, sizeof next);
    return ok;
}

static const svr_metadata_key *own_key(const svr_peers *peers, uint32_t index) {
    if (peers->metadata_key.index == index) return &peers->metadata_key;
    for (size_t i = 0; i < SVR_METADATA_HOLD_MAX; i++)
        if (peers->former[i].index == index) return &peers->former[i];
    return NULL;
}

static bool read_receiver(svr_reader *r, svr_peer *peer) {
    svr_peers *all = peer->all;
    svr_metadata_receiver *in = &peer->from_peer;
    svr_metadata_receiver_fini(in);
    svr_metadata_receiver_init(in, all->rt);
    uint32_t acked = svr_read32(r);
    size_t n = svr_read8(r);
    for (size_t i = 0; r->ok && i < n && i < SVR_METADATA_HOLD_MAX; i++) {
        uint32_t index = svr_read32(r);
        svr_time until = svr_read_left(r, all->rt->now);
        uint64_t newest = svr_read64(r);
        const svr_metadata_key *key = index ? own_key(all, index) : NULL;
        if (!key || !svr_metadata_receiver_add(in, key, svr_peer_self_name(peer), svr_peer_remote_name(peer),
                                               peer->life))
            return false;
        in->held[i]->until = until;
        svr_replay_restore(&in->held[i]->seen, newest);
    }
    in->acked = acked;
    return r->ok;
}

/* ---- a peer --------------------------------------------------------------------------------- */

static void write_addr(svr_writer *w, const svr_addr *a) {
    svr_write_bytes(w, a, sizeof *a);
}

static void write_paths(svr_writer *w, const svr_peer *peer) {
    uint8_t n = 0, *count = svr_write_space(w, 1);
    for (size_t i = 0; i < peer->n_paths && n < PATHS_TOLD_MAX; i++) {
        const svr_path *path = &peer->paths[i];
        if (path->bfd.state != SVR_BFD_UP) continue;
        write_addr(w, &path->key.local);
        write_addr(w, &path->key.remote);
        n++;
    }
    if (count) *count = n;
}

static void read_paths(svr_reader *r, svr_peer *peer) {
    for (size_t i = 0; i < peer->n_paths; i++)
        peer->paths[i].resumes = false;
    for (size_t n = svr_read8(r); r->ok && n; n--) {
        svr_path_key key;
        svr_read_copy(r, &key.local, sizeof key.local);
        svr_read_copy(r, &key.remote, sizeof key.remote);
        svr_path *path = svr_peers_find_path(peer->all, &key.local, &key.remote);
        if (path && path->peer == peer) path->resumes = true;
    }
}

static uint16_t number_of(const svr_peer *peer) {
    return (uint16_t)(peer->config - peer->all->node->router->peers);
}

bool svr_peers_export_peer(svr_peers *peers, size_t i, svr_writer *w) {
    svr_peer *peer = &peers->peers[i];
    svr_time now = peers->rt->now;
    if (!peer->dirty) return false;
    peer->dirty = false;
    svr_write16(w, number_of(peer));
    svr_write8(w, (uint8_t)((peer->has_life ? HAS_LIFE : 0) | (peer->key_received ? KEY_RECEIVED : 0) |
                            (peer->key_acked ? KEY_ACKED : 0) | (peer->timed_out ? TIMED_OUT : 0) |
                            (peer->salt_received ? SALT_RECEIVED : 0) | (peer->salt_acked ? SALT_ACKED : 0)));
    svr_write_bytes(w, peer->life, SVR_LIFE_LEN);
    svr_write_bytes(w, peer->salt, SVR_SALT_LEN);
    svr_write_bytes(w, peer->peer_salt, SVR_SALT_LEN);
    svr_write64(w, peer->last_number);
    svr_write64(w, peer->peer_last_number);
    write_ring(w, &peer->ring);
    svr_write_left(w, due(&peer->rekey), now);
    write_metadata(w, peer);
    write_paths(w, peer);
    return true;
}

static svr_peer *find_number(const svr_peers *peers, uint16_t number) {
    for (size_t i = 0; i < peers->n_peers; i++)
        if (number_of(&peers->peers[i]) == number) return &peers->peers[i];
    return NULL;
}

bool svr_peers_import_peer(svr_peers *peers, svr_reader *r) {
    svr_peer *peer = find_number(peers, svr_read16(r));
    if (!r->ok || !peer) return false;
    uint8_t flags = svr_read8(r);
    peer->has_life = flags & HAS_LIFE;
    peer->key_received = flags & KEY_RECEIVED;
    peer->key_acked = flags & KEY_ACKED;
    peer->timed_out = flags & TIMED_OUT;
    peer->salt_received = flags & SALT_RECEIVED;
    peer->salt_acked = flags & SALT_ACKED;
    svr_read_copy(r, peer->life, SVR_LIFE_LEN);
    svr_read_copy(r, peer->salt, SVR_SALT_LEN);
    svr_read_copy(r, peer->peer_salt, SVR_SALT_LEN);
    peer->last_number = svr_read64(r);
    peer->peer_last_number = svr_read64(r);
    if (!read_ring(r, peer)) return false;
    peer->rekey_at = svr_read_left(r, peers->rt->now);
    if (!read_sender(r, peer) || !read_receiver(r, peer)) return false;
    read_paths(r, peer);
    return r->ok;
}

void svr_peers_export_all(svr_peers *peers) {
    peers->dirty = true;
    for (size_t i = 0; i < peers->n_peers; i++)
        peers->peers[i].dirty = true;
}

bool svr_peers_node_dirty(const svr_peers *peers) {
    return peers->dirty;
}

/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include "base/alarm.h"

#include <string.h>

#define PATHS_MAX 65536

svr_kex_ends svr_peer_ends(const svr_peer *peer) {
    return (svr_kex_ends){.rt = peer->all->rt,
                          .self = peer->all->identity,
                          .self_name = svr_peer_self_name(peer),
                          .peer_name = svr_peer_remote_name(peer),
                          .self_life = svr_peer_self_life(peer),
                          .group = svr_kex_group_of(&peer->all->config->keys)};
}

/* ---- our metadata key ----------------------------------------------------------------------- */

static void metadata_event(svr_peers *peers, const char *what, uint32_t index, const char *reason) {
    svr_event *ev = svr_runtime_event(peers->rt, SVR_EVENT_METADATA_KEY);
    ev->to = what;
    ev->reason = reason;
    ev->value = index;
}

static const char no_randomness[] = "no random numbers for a metadata key";

static bool make_metadata_key(svr_peers *peers, const char *reason) {
    svr_metadata_key key;
    bool made = svr_metadata_key_make(&key, peers->rt->crypt, peers->metadata_key.index + 1);
    svr_key_changes_metadata(peers, made ? NULL : no_randomness);
    if (!made) return false;
    if (peers->metadata_key.index) {
        memmove(peers->former + 1, peers->former, sizeof peers->former - sizeof *peers->former);
        peers->former[0] = peers->metadata_key;
    }
    peers->metadata_key = key;
    peers->dirty = true;
    peers->metadata_made = peers->rt->now;
    svr_metadata_key_log(peers->rt, &key, peers->node->router->peering_common_name);
    metadata_event(peers, "computed", key.index, reason);
    svr_wipe(&key, sizeof key);
    return true;
}

static void plan_renewal(svr_peers *peers) {
    uint32_t hours = peers->config->keys.peer_key_rekey_hours; /* PD-META-INTERVAL */
    svr_timer_set(&peers->renew, &peers->rt->timers,
                  hours == SVR_REKEY_NEVER ? SVR_TIME_NEVER : peers->rt->now + hours * SVR_HOUR);
}

static bool renew(svr_peers *peers, const char *reason) {
    plan_renewal(peers);
    if (!make_metadata_key(peers, reason)) {
        svr_drop_count(peers->rt, SVR_DROP_CRYPTO_FAILED);
        return false;
    }
    for (size_t i = 0; i < peers->n_peers; i++) {
        svr_peer *peer = &peers->peers[i];
        if (!peer->has_life) continue;
        if (!svr_metadata_receiver_add(&peer->from_peer, &peers->metadata_key, svr_peer_self_name(peer),
                                       svr_peer_remote_name(peer), peer->life))
            svr_drop_count(peers->rt, SVR_DROP_NO_MEMORY);
        peer->key_acked = false;
        svr_peer_progress(peer);
    }
    return true;
}

static void renew_due(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    renew(svr_container_of(t, svr_peers, renew), "peer-key-rekey-interval");
}

void svr_peers_regenerate_metadata_key(svr_peers *peers, const char *reason) {
    if (!peers->config->enhanced_security)
        svr_key_changes_demand(peers, "enhanced-security-key-management is false");
    else
        svr_key_changes_demand(peers, renew(peers, reason) ? NULL : no_randomness);
}

/* ---- life cycle ----------------------------------------------------------------------------- */

static size_t count_own_paths(const svr_peers *peers, const svr_peer_config *config) {
    size_t n = 0;
    for (size_t i = 0; i < config->n_paths; i++)
        n += config->paths[i].local_if->node == peers->node;
    return n;
}

static bool init_paths(svr_peer *peer, size_t n) {
    svr_peers *all = peer->all;
    peer->paths = svr_alloc_zero(all->rt->alloc, n, sizeof *peer->paths);
    if (!peer->paths) return false;
    for (size_t i = 0; i < peer->config->n_paths; i++) {
        const svr_path_config *config = &peer->config->paths[i];
        if (config->local_if->node != all->node) continue;
        svr_path *path = &peer->paths[peer->n_paths++];
        if (!svr_path_init(path, peer, config)) return false;
        if (!svr_table_put(&all->by_address, path) && !config->far_nat) return false;
    }
    return true;
}

bool svr_peer_init(svr_peer *peer, svr_peers *all, const svr_peer_config *config, size_t n_paths) {
    peer->all = all;
    peer->config = config;
    peer->state = SVR_ESKM_DISABLED;
    svr_keyring_init(&peer->ring, all->rt, config->name);
    svr_metadata_sender_init(&peer->to_peer, all->rt, config->name);
    svr_metadata_receiver_init(&peer->from_peer, all->rt);
    for (size_t i = 0; i < SVR_REASSEMBLY_SLOTS; i++) {
        peer->slots[i] = svr_alloc_zero(all->rt->alloc, 1, sizeof(svr_reassembly));
        if (!peer->slots[i]) return false;
    }
    return svr_peer_timers_init(peer) && init_paths(peer, n_paths);
}

void svr_peer_fini(svr_peer *peer) {
    const svr_allocator *alloc = peer->all->rt->alloc;
    for (size_t i = 0; i < peer->n_paths; i++)
        svr_path_fini(&peer->paths[i]);
    svr_alloc_free(alloc, peer->paths);
    for (size_t i = 0; i < SVR_REASSEMBLY_SLOTS; i++)
        svr_alloc_free(alloc, peer->slots[i]);
    svr_peer_timers_fini(peer);
    svr_kex_request_drop(&peer->request);
    svr_keyring_fini(&peer->ring);
    svr_metadata_sender_fini(&peer->to_peer);
    svr_metadata_receiver_fini(&peer->from_peer);
    svr_peer_cert_del(peer->cert);
    svr_peer_cert_del(peer->candidate);
    svr_peer_cert_del(peer->refused);
}

static bool init_peers(svr_peers *peers) {
    const svr_router_config *router = peers->node->router;
    peers->peers =
        svr_alloc_zero(peers->rt->alloc, router->n_peers ? router->n_peers : 1, sizeof *peers->peers);
    if (!peers->peers) return false;
    for (size_t i = 0; i < router->n_peers; i++) {
        size_t n = count_own_paths(peers, &router->peers[i]);
        if (!n) continue;
        if (!svr_peer_init(&peers->peers[peers->n_peers++], peers, &router->peers[i], n)) return false;
    }
    return true;
}

static bool init_secrets(svr_peers *peers) {
    uint64_t seed;
    if (!svr_random(peers->rt->crypt, peers->life, sizeof peers->life) ||
        !svr_random(peers->rt->crypt, &seed, sizeof seed))
        return false;
    svr_table_init(&peers->by_address, peers->rt->alloc, offsetof(svr_path, key), sizeof(svr_path_key),
                   PATHS_MAX, seed);
    return true;
}

svr_peers *svr_peers_new(const svr_peers_params *params) {
    svr_peers *peers = svr_alloc_zero(params->rt->alloc, 1, sizeof *peers);
    if (!peers) {
        svr_identity_del(params->identity);
        svr_trust_del(params->trust);
        return NULL;
    }
    peers->rt = params->rt;
    peers->config = params->config;
    peers->node = params->node;
    peers->identity = params->identity;
    peers->trust = params->trust;
    if (init_secrets(peers) && svr_timer_init(&peers->renew, &peers->rt->timers, renew_due) &&
        svr_peers_init_certificates(peers) && svr_sibling_init(peers) && init_peers(peers))
        return peers;
    svr_peers_del(peers);
    return NULL;
}

void svr_peers_del(svr_peers *peers) {
    if (!peers) return;
    for (size_t i = 0; i < peers->n_peers; i++)
        svr_peer_fini(&peers->peers[i]);
    svr_sibling_fini(peers);
    const svr_allocator *alloc = peers->rt->alloc;
    svr_alloc_free(alloc, peers->peers);
    if (peers->by_address.alloc) svr_table_fini(&peers->by_address);
    svr_timer_fini(&peers->renew, &peers->rt->timers);
    svr_peers_fini_certificates(peers);
    svr_wipe(peers, sizeof *peers);
    svr_alloc_free(alloc, peers);
}

static void log_life(const svr_peers *peers) {
    char hex[2 * SVR_LIFE_LEN + 1];
    svr_runtime_key_line(peers->rt, "LIFE %s %s", peers->node->router->peering_common_name,
                         svr_hex(peers->life, SVR_LIFE_LEN, hex));
}

/* PD-KEX: the smallest group is there for old peers alone. */
static void warn_of_group(svr_peers *peers) {
    if (peers->config->enhanced_security && svr_kex_group_of(&peers->config->keys) == SVR_GROUP_MODP_1024)
        svr_alarm_raise(peers->rt, SVR_ALARM_WEAK_GROUP, peers->node->router->name, SVR_MINOR,
                        "Router %s exchanges keys with a 1024 bit group, which is no longer safe",
                        peers->node->router->name);
}

static void start_peer(svr_peer *peer) {
    if (peer->removed) return;
    for (size_t k = 0; k < peer->n_paths; k++)
        svr_path_start(&peer->paths[k]);
    svr_peer_progress(peer);
}

void svr_peers_begin(svr_peers *peers) {
    log_life(peers);
    if (!make_metadata_key(peers, "start")) svr_drop_count(peers->rt, SVR_DROP_CRYPTO_FAILED);
    plan_renewal(peers);
}

static void enable_peer(svr_peer *peer) {
    svr_peer_input(peer, SVR_IN_ENABLE, "enhanced-security-key-management true");
    if (!peer->all->standby) svr_peer_input(peer, SVR_IN_LINK_UP, "interface up");
}

void svr_peers_start(svr_peers *peers) {
    bool enabled = peers->config->enhanced_security; /* CFG-ENABLE */
    if (enabled && !peers->standby) svr_peers_begin(peers);
    for (size_t i = 0; enabled && i < peers->n_peers; i++)
        enable_peer(&peers->peers[i]);
    svr_peers_review_certificates(peers);
    warn_of_group(peers);
    if (peers->standby) {
        svr_peers_stand_by(peers);
        svr_sibling_start(peers);
        return;
    }
    for (size_t i = 0; i < peers->n_peers; i++)
        start_peer(&peers->peers[i]);
}

/* ---- facts ---------------------------------------------------------------------------------- */

void svr_peers_receive(svr_peers *peers, svr_packet *pkt, const svr_ip *ip) {
    uint32_t claim;
    svr_path *path = svr_peers_find_path(peers, &ip->flow.dst, &ip->flow.src);
    if (!path && svr_bfd_claims(pkt, ip, &claim)) path = svr_peers_find_claimed(peers, &ip->flow.dst, claim);
    if (!path)
        svr_drop_packet(peers->rt, pkt, SVR_DROP_UNKNOWN_PEER);
    else
        svr_path_receive(path, pkt, ip);
}

static bool any_interface_up(const svr_peer *peer) {
    for (size_t i = 0; i < peer->n_paths; i++)
        if (peer->paths[i].interface_up) return true;
    return false;
}

static void peer_interface_changed(svr_peer *peer, bool up) {
    if (peer->all->standby && !peer->sibling) return;
    if (up)
        svr_peer_input(peer, SVR_IN_LINK_UP, "interface up");
    else if (!any_interface_up(peer))
        svr_peer_input(peer, SVR_IN_LINK_DOWN, "interface down");
    svr_peer_try_now(peer);
    svr_peer_progress(peer);
}

static void interface_state(svr_peer *peer, svr_ifid ifid, bool up) {
    bool changed = false;
    for (size_t k = 0; k < peer->n_paths; k++) {
        svr_path *path = &peer->paths[k];
        if (path->config->local_if->id != ifid || path->interface_up == up) continue;
        svr_path_set_interface(path, up);
        changed = true;
    }
    if (changed) peer_interface_changed(peer, up);
}

void svr_peers_interface_state(svr_peers *peers, svr_ifid ifid, bool up) {
    if (peers->sibling) interface_state(svr_sibling_peer(peers), ifid, up);
    for (size_t i = 0; i < peers->n_peers; i++)
        interface_state(&peers->peers[i], ifid, up);
}

size_t svr_peers_count(const svr_peers *peers) {
    return peers->n_peers;
}

svr_path *svr_peers_next_change(svr_peers *peers, bool *in_service) {
    for (size_t i = 0; peers->changes && i < peers->n_peers; i++) {
        for (size_t k = 0; k < peers->peers[i].n_paths; k++) {
            svr_path *path = &peers->peers[i].paths[k];
            if (path->told == path->in_service && !path->noted) continue;
            path->noted = false;
            *in_service = path->told = path->in_service;
            return path;
        }
    }
    peers->changes = 0;
    return NULL;
}

/* ---- what forwarding asks ------------------------------------------------------------------- */

svr_path *svr_peers_find_path(const svr_peers *peers, const svr_addr *local, const svr_addr *remote) {
    svr_path_key key = {*local, *remote};
    return svr_table_get(&peers->by_address, &key);
}

svr_peer *svr_peers_find(const svr_peers *peers, const svr_peer_config *config) {
    for (size_t i = 0; i < peers->n_peers; i++)
        if (peers->peers[i].config == config) return &peers->peers[i];
    return NULL;
}

svr_path *svr_peers_next_path(const svr_peers *peers, size_t *peer, size_t *k) {
    for (; *peer < peers->n_peers; (*peer)++, *k = 0)
        if (*k < peers->peers[*peer].n_paths) return &peers->peers[*peer].paths[(*k)++];
    return NULL;
}

svr_path *svr_peer_path_in_service(const svr_peer *peer) {
    for (size_t i = 0; i < peer->n_paths; i++)
        if (peer->paths[i].in_service) return &peer->paths[i];
    return NULL;
}

size_t svr_peer_paths(const svr_peer *peer) {
    return peer->n_paths;
}
svr_path *svr_peer_path(const svr_peer *peer, size_t i) {
    return &peer->paths[i];
}

const svr_identity *svr_peers_identity(const svr_peers *peers) {
    return peers->identity;
}

uint64_t svr_peer_life_mark(const svr_peer *peer) {
    return peer->has_life ? svr_get64(peer->life) | 1 : 0;
}
const char *svr_peer_name(const svr_peer *peer) {
    return peer->config->name;
}

bool svr_peer_metadata_send_key(svr_peer *peer, const svr_crypt_key **key, uint32_t *index, uint64_t *nonce) {
    svr_metadata_sender *s = &peer->to_peer;
    if (!s->current) return false;
    *key = s->current;
    *index = s->index;
    *nonce = ++s->sent;
    return true;
}

const svr_crypt_key *svr_peer_metadata_receive_key(svr_peer *peer, uint32_t index) {
    svr_metadata_receive_key *k = svr_metadata_receiver_find(&peer->from_peer, index);
    return k ? &k->key : NULL;
}

bool svr_peer_metadata_accept(svr_peer *peer, uint32_t index, uint64_t nonce) {
    svr_metadata_receive_key *k = svr_metadata_receiver_find(&peer->from_peer, index);
    return k && svr_replay_accept(&k->seen, nonce);
}

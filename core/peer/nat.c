/* SPDX-License-Identifier: MIT
 *
 * Paths with a NAT on them (PD-NAT). Who a packet is from is never read off its address: the discriminator
 * says for whom it claims to be, and the peer's key proves it. Until then only answers go back, each to where
 * its question came from. The proof may be a replay that somebody held back, so that a path follows only what
 * is newer than all that it was told by before. */
#include "peer/peer_internal.h"

#include "base/bytes.h"

#include <string.h>

#define CONTACT_INTERVAL SVR_SEC /* between certificates to a peer whose place is not known */
#define SPARE_AGE (60 * SVR_SEC) /* a waypoint that was offered longer ago is not relied upon */
#define IDENTITY_FAMILY 1        /* of no address: never met in a packet */

static bool end_equal(const svr_nat_end *a, const svr_nat_end *b) {
    return a->port == b->port && svr_addr_equal(&a->addr, &b->addr);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The peers' names are in it, since private addresses are not unique. */
static uint32_t name_of(const svr_path_key *key, const char *sender, const char *receiver) {
    uint8_t text[sizeof *key + 2 * (SVR_NAME_MAX + 1)] = {0};
    memcpy(text, key, sizeof *key);
    svr_strcpy((char *)text + sizeof *key, SVR_NAME_MAX + 1, sender);
    svr_strcpy((char *)text + sizeof *key + SVR_NAME_MAX + 1, SVR_NAME_MAX + 1, receiver);
    uint32_t d = (uint32_t)svr_hash(text, sizeof text, 0);
    return d ? d : 1;
}

static const char *common_name(const svr_path *path, bool own) {
    const svr_peer *peer = path->peer;
    return own ? peer->all->node->router->peering_common_name : peer->config->peering_common_name;
}

uint32_t svr_nat_discriminator(const svr_path *path, bool own) {
    const svr_path_config *c = path->config;
    svr_path_key key = {own ? c->local : c->remote, own ? c->remote : c->local};
    return name_of(&key, common_name(path, own), common_name(path, !own));
}

static svr_addr identity(uint32_t discriminator) {
    svr_addr a = {.family = IDENTITY_FAMILY};
    svr_put32(a.bytes, discriminator);
    return a;
}

bool svr_nat_init(svr_path *path) {
    const svr_path_config *c = path->config;
    if (!c->near_nat && !c->far_nat) return true;
    path->nat = svr_alloc_zero(path->peer->all->rt->alloc, 1, sizeof *path->nat);
    if (!path->nat) return false;
    if (c->far_nat) path->key.remote = identity(svr_nat_discriminator(path, false));
    if (c->far_nat && c->external.family) path->nat->at = (svr_nat_end){c->external, SVR_BFD_PORT};
    return true;
}

void svr_nat_fini(svr_path *path) {
    svr_alloc_free(path->peer->all->rt->alloc, path->nat);
    path->nat = NULL;
}

/* ---- where the peer is ---------------------------------------------------------------------- */

static void tell(const svr_path *path, const char *to, const svr_nat_end *end) {
    char text[SVR_ADDR_TEXT_MAX];
    svr_event *ev = svr_runtime_event(path->peer->all->rt, SVR_EVENT_PATH_ADDRESS);
    svr_strcpy(ev->peer, sizeof ev->peer, path->peer->config->name);
    svr_path_describe(path, ev->path);
    ev->to = to;
    ev->value = end->port;
    svr_strcpy(ev->detail, sizeof ev->detail, svr_addr_format(&end->addr, text));
}

svr_nat_end svr_nat_destination(const svr_path *path) {
    if (!path->config->far_nat) return (svr_nat_end){path->config->remote, SVR_BFD_PORT};
    return path->nat->answering ? path->nat->from : path->nat->at;
}

void svr_nat_arrives(svr_path *path, const svr_ip *ip) {
    if (!path->config->far_nat) return;
    path->nat->answering = true;
    path->nat->from = (svr_nat_end){ip->flow.src, ip->flow.sport};
}

/* A peer that believes in keys that we no longer have says nothing that we could answer: our certificate
 * begins the exchange anew, at a rate that makes nobody's amplifier of us. */
static void contact(svr_path *path) {
    svr_peer *peer = path->peer;
    svr_nat *nat = path->nat;
    svr_time now = peer->all->rt->now;
    if (peer->ring.current || peer->waiting_for != SVR_WAIT_CERTIFICATE) return;
    if (nat->contacted && now - nat->contacted < CONTACT_INTERVAL) return;
    nat->contacted = now ? now : 1;
    svr_peer_send_cert(peer, path);
}

void svr_nat_done(svr_path *path) {
    if (!path->config->far_nat) return;
    contact(path);
    path->nat->answering = false;
}

/* The place of a key in the ring: the peer never goes back. 0: it is gone. */
static int place_of(const svr_keyring *ring, const uint8_t fingerprint[SVR_FINGERPRINT_LEN]) {
    const svr_peer_key *const places[] = {ring->old, ring->current, ring->next};
    for (int i = 0; i < 3; i++)
        if (places[i] && memcmp(places[i]->id.fingerprint, fingerprint, SVR_FINGERPRINT_LEN) == 0)
            return i + 1;
    return 0;
}

void svr_nat_heard(svr_path *path, const svr_peer_key *key, uint64_t nonce) {
    svr_nat *nat = path->nat;
    const svr_keyring *ring = &path->peer->ring;
    if (!path->config->far_nat) return;
    int now = place_of(ring, key->id.fingerprint), before = place_of(ring, nat->key);
    if (now < before || (now == before && nonce <= nat->nonce)) return;
    memcpy(nat->key, key->id.fingerprint, sizeof nat->key);
    nat->nonce = nonce;
    if (end_equal(&nat->at, &nat->from)) return;
    nat->at = nat->from;
    path->next_hop = svr_path_hop_to(path, &nat->at.addr);
    nat->n_spares = 0; /* they were of the mapping before */
    tell(path, "moved", &nat->at);
    svr_path_send(path, (svr_piece){0}, (svr_piece){0}, false); /* says what we see, without waiting */
}

/* ---- where the peer sees us ----------------------------------------------------------------- */

void svr_nat_write(const svr_path *path, svr_tlv_writer *w) {
    uint8_t value[2 + 16];
    if (!path->config->far_nat || !path->nat->at.addr.family) return;
    svr_put16(value, path->nat->at.port);
    size_t n = svr_addr_size(&path->nat->at.addr);
    memcpy(value + 2, path->nat->at.addr.bytes, n);
    svr_tlv_put(w, SVR_TLV_SEEN_AS, value, 2 + n);
}

void svr_nat_read(svr_path *path, const uint8_t *tlvs, size_t len) {
    svr_tlv tlv;
    svr_nat *nat = path->nat;
    if (!path->config->near_nat || !svr_tlv_find(tlvs, len, SVR_TLV_SEEN_AS, &tlv)) return;
    if (tlv.len != 2 + svr_addr_size(&path->config->local)) return;
    svr_nat_end now = {svr_addr_from_bytes(path->config->local.family, tlv.value + 2), svr_get16(tlv.value)};
    if (end_equal(&now, &nat->seen_as)) return;
    bool known = nat->seen_as.addr.family != 0;
    nat->seen_as = now;
    tell(path, "seen", &now);
    if (!known) return;
    nat->remapped = true;
    path->peer->all->remaps++;
}

svr_path *svr_peers_next_remapped(svr_peers *peers) {
    for (size_t i = 0; peers->remaps && i < peers->n_peers; i++) {
        for (size_t k = 0; k < peers->peers[i].n_paths; k++) {
            svr_path *path = &peers->peers[i].paths[k];
            if (!path->nat || !path->nat->remapped) continue;
            path->nat->remapped = false;
            peers->remaps--;
            return path;
        }
    }
    peers->remaps = 0;
    return NULL;
}

/* ---- what forwarding asks ------------------------------------------------------------------- */

svr_path *svr_peers_find_claimed(const svr_peers *peers, const svr_addr *local, uint32_t discriminator) {
    svr_addr remote = identity(discriminator);
    return svr_peers_find_path(peers, local, &remote);
}

svr_path *svr_peers_only_path_at(const svr_peers *peers, const svr_addr *local, const svr_addr *remote) {
    svr_path *only = NULL;
    for (size_t i = 0; i < peers->n_peers; i++) {
        for (size_t k = 0; k < peers->peers[i].n_paths; k++) {
            svr_path *path = &peers->peers[i].paths[k];
            if (!path->config->far_nat || !svr_addr_equal(&path->config->local, local)) continue;
            if (only && only->peer != path->peer) return NULL; /* it may be anywhere by now */
            if (!only || svr_addr_equal(&path->nat->at.addr, remote)) only = path;
        }
    }
    return only && svr_addr_equal(&only->nat->at.addr, remote) ? only : NULL;
}

const svr_addr *svr_path_identity(const svr_path *path) {
    return &path->key.remote;
}
uint32_t svr_path_claim(const svr_path *path) {
    return path->bfd.discriminator;
}
bool svr_path_near_nat(const svr_path *path) {
    return path->config->near_nat;
}
bool svr_path_far_nat(const svr_path *path) {
    return path->config->far_nat;
}

bool svr_path_translated(const svr_path *path) {
    const svr_nat_end plain = {path->config->local, SVR_BFD_PORT};
    return path->config->near_nat && path->nat->seen_as.addr.family &&
           !end_equal(&path->nat->seen_as, &plain);
}

const svr_addr *svr_path_remote(const svr_path *path) {
    return path->config->far_nat && path->nat->at.addr.family ? &path->nat->at.addr : &path->config->remote;
}

svr_spare *svr_path_spares(svr_path *path, size_t **n) {
    *n = &path->nat->n_spares;
    return path->nat->spare;
}

static bool same_spare(const svr_spare *a, const svr_spare *b) {
    return a->far_port == b->far_port && a->own_port == b->own_port && svr_addr_equal(&a->far, &b->far);
}

void svr_path_offered(svr_path *path, const svr_spare *offered) {
    svr_nat *nat = path->nat;
    size_t oldest = 0, i;
    for (i = 0; i < nat->n_spares && !same_spare(&nat->spare[i], offered); i++)
        if (nat->spare[i].when < nat->spare[oldest].when) oldest = i;
    if (i == nat->n_spares && i == SVR_SPARES_MAX)
        i = oldest;
    else if (i == nat->n_spares)
        nat->n_spares++;
    nat->spare[i] = *offered;
}

bool svr_path_take_spare(svr_path *path, svr_spare *out) {
    svr_nat *nat = path->nat;
    size_t newest = 0;
    if (!nat->n_spares) return false;
    for (size_t i = 1; i < nat->n_spares; i++)
        if (nat->spare[i].when > nat->spare[newest].when) newest = i;
    *out = nat->spare[newest];
    nat->spare[newest] = nat->spare[--nat->n_spares];
    return path->peer->all->rt->now - out->when < SPARE_AGE;
}

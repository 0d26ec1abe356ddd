/* SPDX-License-Identifier: MIT
 *
 * The other node of a router with two (PD-HA). Over the inter-node link it is a peer like any other: BFD,
 * certificates, a peer key of their own. But both have the router's peering-common-name, so that derivations
 * and signatures name them PEERING-COMMON-NAME/NODE; and they give each other no metadata key, but records of
 * what the serving node knows. */
#include "peer/peer_internal.h"

#include <stdio.h>
#include <string.h>

#define NONCE_JUMP (UINT64_C(1) << 32) /* more than any node sends before its state is replicated */

struct svr_sibling {
    svr_peer peer;
    svr_peer_config config;
    svr_path_config path;
    char self_name[SVR_NAME_MAX + 1], remote_name[SVR_NAME_MAX + 1];
    uint8_t life[SVR_LIFE_LEN]; /* of this node; the router's passes from one to the other */
    size_t number;              /* of this node: 0 is the first in the configuration */
    size_t first, n;            /* messages that wait for svr_peers_next_sync */
    struct {
        size_t len;
        uint8_t bytes[SVR_SYNC_MAX];
    } inbox[SVR_SYNC_WINDOW];
};

/* ---- names ---------------------------------------------------------------------------------- */

const char *svr_peer_self_name(const svr_peer *peer) {
    return peer->sibling ? peer->all->sibling->self_name : peer->all->node->router->peering_common_name;
}
const char *svr_peer_remote_name(const svr_peer *peer) {
    return peer->sibling ? peer->all->sibling->remote_name : peer->config->peering_common_name;
}
const uint8_t *svr_peer_self_life(const svr_peer *peer) {
    return peer->sibling ? peer->all->sibling->life : peer->all->life;
}

/* ---- life cycle ----------------------------------------------------------------------------- */

const svr_bfd_config *svr_sibling_bfd(void) {
    static const svr_bfd_config fast = {.desired_tx_ms = 100, .required_min_rx_ms = 100, .multiplier = 3};
    return &fast;
}

static const svr_interface *fabric_of(const svr_node_config *node) {
    for (size_t i = 0; i < node->n_interfaces; i++)
        if (node->interfaces[i].fabric && node->interfaces[i].n_addresses) return &node->interfaces[i];
    return NULL;
}

static const svr_node_config *other_node(const svr_node_config *node) {
    const svr_router_config *r = node->router;
    return r->n_nodes == 2 ? &r->nodes[node == &r->nodes[0]] : NULL;
}

static void name(char out[SVR_NAME_MAX + 1], const svr_node_config *node) {
    snprintf(out, SVR_NAME_MAX + 1, "%s/%s", node->router->peering_common_name, node->name);
}

static void configure(svr_sibling *s, const svr_interface *here, const svr_interface *there) {
    s->config = (svr_peer_config){.name = there->node->name,
                                  .peering_common_name = there->node->router->peering_common_name,
                                  .paths = &s->path,
                                  .n_paths = 1};
    s->path = (svr_path_config){.peer = &s->config,
                                .local_if = here,
                                .local = here->addresses[0].addr,
                                .remote = there->addresses[0].addr,
                                .remote_if = there->name};
    s->number = (size_t)(here->node - here->node->router->nodes);
    name(s->self_name, here->node);
    name(s->remote_name, there->node);
}

bool svr_sibling_init(svr_peers *peers) {
    const svr_node_config *other = other_node(peers->node);
    const svr_interface *here = fabric_of(peers->node), *there = other ? fabric_of(other) : NULL;
    if (!here || !there || !peers->config->enhanced_security) return true;
    svr_sibling *s = peers->sibling = svr_alloc_zero(peers->rt->alloc, 1, sizeof *s);
    if (!s || !svr_random(peers->rt->crypt, s->life, sizeof s->life)) return false;
    configure(s, here, there);
    s->peer.sibling = true;
    peers->standby = true;
    return svr_peer_init(&s->peer, peers, &s->config, 1);
}

void svr_sibling_fini(svr_peers *peers) {
    if (!peers->sibling) return;
    if (peers->sibling->peer.all) svr_peer_fini(&peers->sibling->peer);
    svr_wipe(peers->sibling, sizeof *peers->sibling);
    svr_alloc_free(peers->rt->alloc, peers->sibling);
}

svr_peer *svr_sibling_peer(const svr_peers *peers) {
    return &peers->sibling->peer;
}

void svr_sibling_start(svr_peers *peers) {
    svr_peer *peer = &peers->sibling->peer;
    svr_peer_input(peer, SVR_IN_ENABLE, "inter-node link");
    svr_peer_input(peer, SVR_IN_LINK_UP, "interface up");
    svr_path_start(&peer->paths[0]);
    svr_peer_progress(peer);
}

/* ---- messages ------------------------------------------------------------------------------- */

int svr_sibling_receive(svr_peers *peers, svr_piece msg) {
    svr_sibling *s = peers->sibling;
    if (msg.len < 1 || msg.len > SVR_SYNC_MAX) return SVR_DROP_KEX_MALFORMED;
    if (s->n == SVR_SYNC_WINDOW) return SVR_DROP_NO_MEMORY; /* it will come again */
    size_t at = (s->first + s->n++) % SVR_SYNC_WINDOW;
    s->inbox[at].len = msg.len;
    memcpy(s->inbox[at].bytes, msg.p, msg.len);
    return 0;
}

bool svr_peers_next_sync(svr_peers *peers, uint8_t out[SVR_SYNC_MAX], size_t *len) {
    svr_sibling *s = peers->sibling;
    if (!s || !s->n) return false;
    *len = s->inbox[s->first].len;
    memcpy(out, s->inbox[s->first].bytes, *len);
    svr_wipe(s->inbox[s->first].bytes, *len);
    s->first = (s->first + 1) % SVR_SYNC_WINDOW;
    s->n--;
    return true;
}

void svr_peers_send_sync(svr_peers *peers, const uint8_t *msg, size_t len) {
    if (svr_peers_sibling_up(peers)) svr_peer_send(&peers->sibling->peer, (svr_piece){msg, len}, true);
}

bool svr_peers_sibling_up(const svr_peers *peers) {
    return peers->sibling && peers->sibling->peer.paths[0].in_service;
}

size_t svr_peers_node_number(const svr_peers *peers) {
    return peers->sibling ? peers->sibling->number : 0;
}

/* ---- roles ---------------------------------------------------------------------------------- */

bool svr_peers_has_sibling(const svr_peers *peers) {
    return peers->sibling != NULL;
}
bool svr_peers_standby(const svr_peers *peers) {
    return peers->standby;
}

const char *svr_peers_key_manager_state(const svr_peers *peers) {
    if (!peers->config->enhanced_security) return "inactive";
    return peers->standby ? "Redundant Peer" : "Active Leader";
}

/* No nonce is used twice: what the other node sent last may not have been told. */
static void jump(svr_peer *peer, unsigned times) {
    svr_peer_key *const keys[] = {peer->ring.old, peer->ring.current, peer->ring.next};
    for (size_t i = 0; i < 3; i++)
        if (keys[i]) keys[i]->sent += times * NONCE_JUMP;
    if (peer->to_peer.current) peer->to_peer.sent += times * NONCE_JUMP;
}

void svr_peers_jump(svr_peers *peers, unsigned times) {
    for (size_t i = 0; i < peers->n_peers; i++)
        jump(&peers->peers[i], times);
}

size_t svr_peers_paths_in_service(const svr_peers *peers) {
    size_t n = 0;
    for (size_t i = 0; i < peers->n_peers; i++)
        for (size_t k = 0; k < peers->peers[i].n_paths; k++)
            n += peers->peers[i].paths[k].in_service;
    return n;
}

static void take_over(svr_peer *peer) {
    jump(peer, 1);
    svr_peer_input(peer, SVR_IN_LINK_UP, "this node serves");
    if (peer->removed) return;
    svr_timer_set(&peer->rekey, &peer->all->rt->timers, peer->rekey_at);
    for (size_t i = 0; i < peer->n_paths; i++) {
        svr_path *path = &peer->paths[i];
        if (path->resumes && path->interface_up)
            svr_path_resume(path);
        else
            svr_path_start(path);
    }
    svr_peer_progress(peer);
}

void svr_peers_activate(svr_peers *peers) {
    peers->standby = false;
    svr_peers_review_certificates(peers);
    if (peers->metadata_key.index)
        svr_timer_set(&peers->renew, &peers->rt->timers, peers->renew_at);
    else
        svr_peers_begin(peers);
    for (size_t i = 0; i < peers->n_peers; i++)
        take_over(&peers->peers[i]);
}

static void leave(svr_peer *peer) {
    svr_timer_heap *timers = &peer->all->rt->timers;
    svr_peer_input(peer, SVR_IN_OTHER_NODE, "the other node serves");
    for (size_t i = 0; i < peer->n_paths; i++)
        svr_path_leave(&peer->paths[i]);
    svr_kex_request_drop(&peer->request);
    peer->answer.len = 0;
    peer->rekey_wanted = peer->proof_due = false;
    peer->cert_received = peer->cert != NULL;
    peer->cert_acked = false;
    peer->rekey_at = SVR_TIME_NEVER;
    svr_timer_stop(&peer->rekey, timers);
    svr_peer_progress(peer);
    svr_timer_stop(&peer->rotate, timers);
}

void svr_peers_stand_by(svr_peers *peers) {
    peers->standby = true;
    svr_timer_stop(&peers->renew, &peers->rt->timers);
    for (size_t i = 0; i < peers->n_peers; i++)
        leave(&peers->peers[i]);
}

void svr_peers_forget(svr_peers *peers) {
    for (size_t i = 0; i < peers->n_peers; i++) {
        svr_peer *peer = &peers->peers[i];
        svr_keyring_fini(&peer->ring);
        svr_keyring_init(&peer->ring, peers->rt, peer->config->name);
        svr_metadata_sender_fini(&peer->to_peer);
        svr_metadata_sender_init(&peer->to_peer, peers->rt, peer->config->name);
        svr_metadata_receiver_fini(&peer->from_peer);
        svr_metadata_receiver_init(&peer->from_peer, peers->rt);
        peer->has_life = peer->key_received = peer->key_acked = false;
    }
    svr_wipe(&peers->metadata_key, sizeof peers->metadata_key);
    svr_wipe(peers->former, sizeof peers->former);
}

/* SPDX-License-Identifier: MIT */
#include "config/model.h"

#include <assert.h>
#include <string.h>

/* Peers come from the neighborhoods: routers that share one peer, over each pair of interfaces in it and each
 * pair of addresses of one family (CFG-PEERS-AUTO). A `peer` block names a peer by hand; its paths are then
 * the adjacencies that name it, if there are any. */

/* hub with all, mesh with all, spoke not with spoke. */
static bool may_peer(svr_topology a, svr_topology b) {
    return !(a == SVR_TOPOLOGY_SPOKE && b == SVR_TOPOLOGY_SPOKE);
}

/* Walks all interfaces of a router, over all its nodes. */
typedef struct if_cursor {
    const svr_router_config *router;
    size_t node, interface;
} if_cursor;

static const svr_interface *next_interface(if_cursor *c) {
    while (c->node < c->router->n_nodes) {
        const svr_node_config *node = &c->router->nodes[c->node];
        if (c->interface < node->n_interfaces) return &node->interfaces[c->interface++];
        c->node++;
        c->interface = 0;
    }
    return NULL;
}

/* The local neighborhood through which the two interfaces peer, or NULL; `*theirs` is what b has of it. */
static const svr_neighborhood *common_neighborhood(const svr_interface *a, const svr_interface *b,
                                                   const svr_neighborhood **theirs) {
    for (size_t i = 0; i < a->n_neighborhoods; i++)
        for (size_t k = 0; k < b->n_neighborhoods; k++)
            if (strcmp(a->neighborhoods[i].name, b->neighborhoods[k].name) == 0 &&
                may_peer(a->neighborhoods[i].topology, b->neighborhoods[k].topology)) {
                *theirs = &b->neighborhoods[k];
                return &a->neighborhoods[i];
            }
    return NULL;
}

/* Both nodes of a router may have the same interface (PD-HA): one path leads to both. */
static bool is_twin(const svr_interface *in) {
    const svr_router_config *r = in->node->router;
    for (const svr_node_config *node = r->nodes; node < in->node; node++)
        for (size_t i = 0; i < node->n_interfaces; i++)
            if (node->interfaces[i].n_addresses && in->n_addresses &&
                svr_addr_equal(&node->interfaces[i].addresses[0].addr, &in->addresses[0].addr))
                return true;
    return false;
}

/* A NAT with a fixed address is one for that family. */
static bool behind_nat(const svr_neighborhood *n, const svr_addr *own) {
    return n->behind_nat && (!n->external.family || n->external.family == own->family);
}

/* Lists the paths between two interfaces; with `out` NULL it only counts them. */
static size_t list_pair(const svr_interface *a, const svr_interface *b, const svr_peer_config *peer,
                        svr_path_config *out) {
    const svr_neighborhood *theirs, *n = common_neighborhood(a, b, &theirs);
    size_t count = 0;
    for (size_t i = 0; n && i < a->n_addresses; i++) {
        for (size_t k = 0; k < b->n_addresses; k++) {
            if (a->addresses[i].addr.family != b->addresses[k].addr.family) continue;
            if (out)
                out[count] = (svr_path_config){.peer = peer,
                                               .neighborhood = n,
                                               .local_if = a,
                                               .local = a->addresses[i].addr,
                                               .remote = b->addresses[k].addr,
                                               .remote_if = b->name,
                                               .near_nat = behind_nat(n, &a->addresses[i].addr),
                                               .near_any = n->behind_nat && !n->external.family,
                                               .far_nat = behind_nat(theirs, &b->addresses[k].addr),
                                               .external = theirs->external};
            count++;
        }
    }
    return count;
}

static size_t list_paths(const svr_router_config *self, const svr_router_config *other,
                         const svr_peer_config *peer, svr_path_config *out) {
    const svr_interface *a, *b;
    size_t n = 0;
    for (if_cursor ca = {.router = self}; (a = next_interface(&ca)) != NULL;)
        for (if_cursor cb = {.router = other}; (b = next_interface(&cb)) != NULL;)
            n += is_twin(b) ? 0 : list_pair(a, b, peer, out ? out + n : NULL);
    return n;
}

/* ---- by hand -------------------------------------------------------------------------------- */

/* The adjacencies in one interface's neighborhoods that name the peer. */
static size_t list_interface(const svr_interface *in, const svr_tree *t, const svr_peer_config *peer,
                             svr_path_config *out) {
    size_t count = 0, index = 0;
    for (const svr_tree *n = svr_tree_child(t, "neighborhood"); n; n = svr_tree_next(n), index++) {
        for (const svr_tree *a = svr_tree_child(n, "adjacency"); a; a = svr_tree_next(a)) {
            svr_addr remote = svr_build_address(a->keys[0]);
            if (strcmp(svr_tree_value(a, "peer", ""), peer->name) != 0) continue;
            for (size_t k = 0; k < in->n_addresses; k++) {
                if (in->addresses[k].addr.family != remote.family) continue;
                if (out)
                    out[count] = (svr_path_config){.peer = peer,
                                                   .neighborhood = &in->neighborhoods[index],
                                                   .local_if = in,
                                                   .local = in->addresses[k].addr,
                                                   .remote = remote,
                                                   .remote_if = ""};
                count++;
            }
        }
    }
    return count;
}

static const svr_tree *tree_of(const svr_interface *in) {
    const svr_tree *node = svr_tree_find(in->node->router->tree, "node", in->node->name);
    return svr_tree_find(svr_tree_find(node, "device-interface", in->device), "network-interface", in->name);
}

/* The same for all interfaces of the router. */
static size_t list_adjacencies(const svr_router_config *self, const svr_peer_config *peer,
                               svr_path_config *out) {
    const svr_interface *in;
    size_t n = 0;
    for (if_cursor c = {.router = self}; (in = next_interface(&c)) != NULL;)
        n += list_interface(in, tree_of(in), peer, out ? out + n : NULL);
    return n;
}

/* Whether the interface can have the path that the block describes. */
static bool check_adjacency(svr_builder *b, const svr_router_config *self, const svr_interface *in,
                            const svr_tree *a) {
    const svr_tree *peer = svr_tree_child(a, "peer");
    svr_addr remote = svr_build_address(a->keys[0]);
    if (!svr_check_ip_address(b, a)) return false;
    if (!peer)
        return svr_config_fail(b->err, a->place,
                               "adjacency %s needs a peer; allowed: the name of a peer block", a->keys[0]);
    if (!svr_tree_find(self->tree, "peer", peer->value))
        return svr_fail_reference(b, peer->value_place, "peer", peer->value);
    for (size_t i = 0; i < in->n_addresses; i++)
        if (in->addresses[i].addr.family == remote.family) return true;
    return svr_config_fail(b->err, a->value_place,
                           "adjacency %s: network-interface %s has no address of that family; allowed: IPv%u "
                           "with an address of its own",
                           a->keys[0], in->name, remote.family);
}

static bool check_adjacencies(svr_builder *b, const svr_router_config *self) {
    const svr_interface *in;
    for (if_cursor c = {.router = self}; (in = next_interface(&c)) != NULL;)
        for (const svr_tree *n = svr_tree_child(tree_of(in), "neighborhood"); n; n = svr_tree_next(n))
            for (const svr_tree *a = svr_tree_child(n, "adjacency"); a; a = svr_tree_next(a))
                if (!check_adjacency(b, self, in, a)) return false;
    return true;
}

/* A peering-common-name means one router (CFG-PCN-MATCH): of those in the text, and of those written by hand.
 */
static bool check_hand(svr_builder *b, const svr_router_config *self, const svr_tree *hand) {
    const svr_tree *given = svr_tree_child(hand, "peering-common-name");
    const char *taken = NULL;
    if (strcmp(hand->keys[0], self->name) == 0)
        return svr_config_fail(b->err, hand->value_place,
                               "router %s names itself as its peer; allowed: the name of another router",
                               self->name);
    for (size_t i = 0; given && i < b->config->n_routers; i++) {
        const svr_router_config *r = &b->config->routers[i];
        if (strcmp(r->name, hand->keys[0]) != 0 && strcmp(r->peering_common_name, given->value) == 0)
            taken = r->name;
    }
    for (const svr_tree *t = svr_tree_child(self->tree, "peer"); given && t != hand; t = svr_tree_next(t))
        if (strcmp(svr_tree_value(t, "peering-common-name", ""), given->value) == 0) taken = t->keys[0];
    return !taken ||
           svr_config_fail(b->err, given->value_place,
                           "peering-common-name %s is that of router %s already; allowed: one of its own",
                           given->value, taken);
}

static bool check_by_hand(svr_builder *b, const svr_router_config *self) {
    for (const svr_tree *t = svr_tree_child(self->tree, "peer"); t; t = svr_tree_next(t))
        if (!check_hand(b, self, t)) return false;
    return check_adjacencies(b, self);
}

/* ---- both ----------------------------------------------------------------------------------- */

/* What is written by hand must not contradict what the file says of that router. */
static bool set_common_name(svr_builder *b, svr_peer_config *peer, const svr_router_config *other,
                            const svr_tree *hand) {
    const svr_tree *given = svr_tree_child(hand, "peering-common-name");
    peer->peering_common_name = given ? given->value : other ? other->peering_common_name : "";
    if (given && other && other->peering_common_name[0] &&
        strcmp(given->value, other->peering_common_name) != 0)
        return svr_config_fail(b->err, given->value_place,
                               "peering-common-name: %s is not that of router %s; allowed: %s", given->value,
                               other->name, other->peering_common_name);
    if (peer->peering_common_name[0] || !b->config->enhanced_security || !peer->n_paths) return true;
    svr_place at = hand ? hand->place : ((const svr_tree *)other->tree)->place;
    return svr_config_fail(
        b->err, at,
        "router %s has no peering-common-name, which enhanced-security-key-management needs; allowed: a name",
        peer->name);
}

static bool build_peer(svr_builder *b, svr_router_config *self, const svr_router_config *other,
                       const svr_tree *hand) {
    svr_peer_config found = {.name = other ? other->name : hand->keys[0]};
    size_t by_hand = hand ? list_adjacencies(self, &found, NULL) : 0;
    found.n_paths = by_hand ? by_hand : other ? list_paths(self, other, NULL, NULL) : 0;
    found.generated = found.n_paths > by_hand;
    if (!found.n_paths && !hand) return true; /* not a peer */
    found.paths = svr_arena_get(b->arena, found.n_paths, sizeof *found.paths);
    if (!found.paths) return false;
    svr_peer_config *peer = &self->peers[self->n_peers++];
    *peer = found;
    if (by_hand)
        list_adjacencies(self, peer, peer->paths);
    else if (other)
        list_paths(self, other, peer, peer->paths);
    return set_common_name(b, peer, other, hand);
}

/* At most that many: a router of a large network has few. */
static size_t count_peers(const svr_config *c, const svr_router_config *self) {
    size_t n = svr_tree_count(self->tree, "peer");
    for (size_t i = 0; i < c->n_routers; i++)
        n += &c->routers[i] != self && list_paths(self, &c->routers[i], NULL, NULL) > 0;
    return n;
}

static bool build_router_peers(svr_builder *b, svr_router_config *self) {
    svr_config *c = b->config;
    if (!check_by_hand(b, self)) return false;
    size_t most = count_peers(c, self);
    self->peers = svr_arena_get(b->arena, most, sizeof *self->peers);
    if (!self->peers) return false;
    for (size_t i = 0; i < c->n_routers; i++) {
        const svr_router_config *other = &c->routers[i];
        if (other != self && !build_peer(b, self, other, svr_tree_find(self->tree, "peer", other->name)))
            return false;
    }
    for (const svr_tree *t = svr_tree_child(self->tree, "peer"); t; t = svr_tree_next(t))
        if (!svr_config_router(c, t->keys[0]) && !build_peer(b, self, NULL, t)) return false;
    assert(self->n_peers <= most);
    if (self->n_peers && c->enhanced_security && !self->peering_common_name[0])
        return svr_config_fail(
            b->err, ((const svr_tree *)self->tree)->place,
            "router %s has no peering-common-name, which enhanced-security-key-management needs; "
            "allowed: a name",
            self->name);
    return true;
}

bool svr_build_peers(svr_builder *b) {
    for (size_t i = 0; i < b->config->n_routers; i++)
        if (!build_router_peers(b, &b->config->routers[i])) return false;
    return true;
}

/* SPDX-License-Identifier: MIT */
#include "config/model.h"

#include <string.h>

#define MTU_DEFAULT 1500
#define FLOWS_PER_SOURCE 1000
#define FLOWS_PER_SECOND 20000
#define WAYPOINT_FIRST 16384
#define WAYPOINT_LAST 65534

/* ---- interfaces ----------------------------------------------------------------------------- */

static svr_topology topology_of(const char *v) {
    return v[0] == 'h' ? SVR_TOPOLOGY_HUB : v[0] == 's' ? SVR_TOPOLOGY_SPOKE : SVR_TOPOLOGY_MESH;
}

/* The first of several ranges serves; the others must be good all the same. */
static bool build_waypoint_ports(svr_builder *b, const svr_tree *t, svr_port_range *out) {
    svr_port_range other;
    *out = (svr_port_range){WAYPOINT_FIRST, WAYPOINT_LAST};
    for (const svr_tree *p = svr_tree_child(t, "port-range"); p; p = svr_tree_next(p), out = &other)
        if (!svr_build_port_range(b, p, WAYPOINT_LAST, 2, out)) return false;
    return true;
}

/* Peers see another address than the interface has. */
static void build_nat(const svr_tree *t, svr_neighborhood *n) {
    const char *external = svr_tree_value(t, "external-nat-address", NULL);
    n->behind_nat = external != NULL;
    if (external && strcmp(external, "any") != 0) n->external = svr_build_address(external);
}

static bool build_neighborhood(svr_builder *b, const svr_tree *t, svr_neighborhood *n) {
    n->name = t->keys[0];
    n->topology = topology_of(svr_tree_value(t, "topology", "mesh"));
    n->vector = svr_tree_value(t, "vector", NULL);
    n->pmtu_discovery = svr_tree_bool(svr_tree_child(t, "path-mtu-discovery"), "enabled", false);
    n->tcp_transport =
        strcmp(svr_tree_value(t, "tcp-transport", "udp"), "native") == 0 ? SVR_TCP_NATIVE : SVR_TCP_AS_UDP;
    build_nat(t, n);
    return build_waypoint_ports(b, t, &n->ports);
}

/* Where the node has this address already, or NULL. */
static const svr_interface *find_address(const svr_node_config *node, const svr_addr *a) {
    for (size_t i = 0; i < node->n_interfaces; i++)
        for (size_t k = 0; k < node->interfaces[i].n_addresses; k++)
            if (svr_addr_equal(&node->interfaces[i].addresses[k].addr, a)) return &node->interfaces[i];
    return NULL;
}

static bool build_if_address(svr_builder *b, const svr_tree *t, const svr_node_config *node,
                             svr_if_address *a) {
    svr_addr addr = svr_build_address(t->keys[0]);
    const svr_interface *taken = find_address(node, &addr);
    if (taken)
        return svr_config_fail(b->err, t->value_place,
                               "address %s: node %s has it on network-interface %s already; allowed: once",
                               t->keys[0], node->name, taken->name);
    if (!svr_check_ip_address(b, t)) return false;
    a->addr = addr;
    uint32_t bits = (uint32_t)svr_addr_size(&a->addr) * 8;
    const svr_tree *len = svr_tree_child(t, "prefix-length"), *gateway = svr_tree_child(t, "gateway");
    uint32_t prefix_len = svr_tree_number(t, "prefix-length", bits);
    if (prefix_len > bits)
        return svr_config_fail(b->err, len->value_place,
                               "prefix-length: %u is out of range; allowed: 0-%u bits", prefix_len, bits);
    a->prefix_len = (uint8_t)prefix_len;
    if (!gateway) return true;
    a->gateway = svr_build_address(gateway->value);
    if (a->gateway.family == a->addr.family) return true;
    return svr_config_fail(b->err, gateway->value_place,
                           "gateway: %s is of another family than the address; allowed: IPv%u",
                           gateway->value, a->addr.family);
}

static bool build_addresses(svr_builder *b, const svr_tree *t, svr_interface *in) {
    in->n_addresses = svr_tree_count(t, "address");
    in->n_neighborhoods = svr_tree_count(t, "neighborhood");
    in->addresses = svr_arena_get(b->arena, in->n_addresses, sizeof *in->addresses);
    in->neighborhoods = svr_arena_get(b->arena, in->n_neighborhoods, sizeof *in->neighborhoods);
    if (!in->addresses || !in->neighborhoods) return false;
    size_t i = 0;
    for (const svr_tree *a = svr_tree_child(t, "address"); a; a = svr_tree_next(a))
        if (!build_if_address(b, a, in->node, &in->addresses[i++])) return false;
    i = 0;
    for (const svr_tree *n = svr_tree_child(t, "neighborhood"); n; n = svr_tree_next(n))
        if (!build_neighborhood(b, n, &in->neighborhoods[i++])) return false;
    return true;
}

static size_t count_tenant_prefixes(const svr_tree *t) {
    size_t n = 0;
    for (const svr_tree *p = svr_tree_child(t, "tenant-prefixes"); p; p = svr_tree_next(p))
        n += svr_tree_count(p, "source-address");
    return n;
}

static bool build_tenant_prefixes(svr_builder *b, const svr_tree *t, svr_interface *in) {
    in->n_tenant_prefixes = count_tenant_prefixes(t);
    svr_tenant_prefix *out = in->tenant_prefixes =
        svr_arena_get(b->arena, in->n_tenant_prefixes, sizeof *in->tenant_prefixes);
    if (!out) return false;
    for (const svr_tree *p = svr_tree_child(t, "tenant-prefixes"); p; p = svr_tree_next(p)) {
        const svr_tenant *tenant;
        if (!svr_check_repeats(b, p, "tenant", 0) || !svr_build_tenant_key(b, p, &tenant)) return false;
        for (const svr_tree *a = svr_tree_child(p, "source-address"); a; a = svr_tree_next(a))
            *out++ = (svr_tenant_prefix){svr_build_prefix(a->value), tenant};
    }
    return true;
}

/* PD-HA: nothing but the other node is on that link, and there are two names in one on it. */
static bool check_fabric(svr_builder *b, const svr_tree *t, const svr_interface *in) {
    const svr_tree *hood = svr_tree_child(t, "neighborhood"), *tenant = svr_tree_child(t, "tenant");
    const svr_router_config *r = in->node->router;
    if (!in->fabric) return true;
    if (hood || tenant)
        return svr_config_fail(b->err, (hood ? hood : tenant)->place,
                               "%s: network-interface %s is of type fabric; allowed: addresses only",
                               hood ? "neighborhood" : "tenant", in->name);
    if (strlen(r->peering_common_name) + 1 + strlen(in->node->name) <= SVR_NAME_MAX) return true;
    return svr_config_fail(b->err, t->value_place,
                           "the peering-common-name %s and the node name %s are too long for a router with "
                           "two nodes; allowed: %d characters together",
                           r->peering_common_name, in->node->name, SVR_NAME_MAX - 1);
}

static svr_device_type device_type(const char *word) {
    if (strcmp(word, "tun") == 0) return SVR_DEVICE_TUN;
    return strcmp(word, "tap") == 0 ? SVR_DEVICE_TAP : SVR_DEVICE_ETHERNET;
}

static bool build_interface(svr_builder *b, const svr_tree *device, const svr_tree *t, svr_interface *in) {
    in->name = t->keys[0];
    in->device = device->keys[0];
    in->target = svr_tree_value(device, "target-interface", in->device);
    in->type = device_type(svr_tree_value(device, "type", "ethernet"));
    in->fabric = strcmp(svr_tree_value(t, "type", "external"), "fabric") == 0;
    in->mtu = svr_tree_number(t, "mtu", svr_tree_number(device, "mtu", MTU_DEFAULT));
    return svr_build_tenant_ref(b, svr_tree_child(t, "tenant"), &in->tenant) &&
           build_tenant_prefixes(b, t, in) &&
           svr_build_security_ref(b, svr_tree_child(t, "inter-router-security"), &in->security) &&
           build_addresses(b, t, in) && check_fabric(b, t, in);
}

static size_t count_interfaces(const svr_tree *node) {
    size_t n = 0;
    for (const svr_tree *d = svr_tree_child(node, "device-interface"); d; d = svr_tree_next(d))
        n += svr_tree_count(d, "network-interface");
    return n;
}

/* Routes and reports name an interface by its node and its own name, whatever its device. */
static bool check_interface_name(svr_builder *b, const svr_tree *t, const svr_interface *in) {
    for (const svr_interface *o = in->node->interfaces; o < in; o++)
        if (strcmp(o->name, t->keys[0]) == 0)
            return svr_config_fail(
                b->err, t->value_place,
                "network-interface %s stands in device-interface %s already; allowed: a name "
                "that no other of the node has",
                o->name, o->device);
    return true;
}

static bool build_node(svr_builder *b, const svr_tree *t, svr_node_config *node) {
    node->name = t->keys[0];
    node->n_interfaces = count_interfaces(t);
    if (node->n_interfaces > SVR_IFID_NONE)
        return svr_config_fail(b->err, t->value_place, "node %s has %zu network-interfaces; allowed: 0-%u",
                               node->name, node->n_interfaces, SVR_IFID_NONE);
    svr_interface *in = node->interfaces = svr_arena_get(b->arena, node->n_interfaces, sizeof *in);
    if (!in) return false;
    for (const svr_tree *d = svr_tree_child(t, "device-interface"); d; d = svr_tree_next(d)) {
        for (const svr_tree *n = svr_tree_child(d, "network-interface"); n; n = svr_tree_next(n), in++) {
            in->id = (svr_ifid)(in - node->interfaces);
            in->node = node;
            if (!check_interface_name(b, n, in) || !build_interface(b, d, n, in)) return false;
        }
    }
    return true;
}

/* ---- routers -------------------------------------------------------------------------------- */

/* Nobody needs to know how good a path is while no policy asks. */
static bool has_limits(const svr_config *c) {
    for (size_t i = 0; i < c->n_policies; i++) {
        const svr_service_policy *p = &c->policies[i];
        if (p->filter && (p->max_latency_ms != SVR_NO_LIMIT || p->max_jitter_ms != SVR_NO_LIMIT ||
                          p->max_loss_percent != SVR_NO_LIMIT))
            return true;
    }
    return false;
}

static void build_bfd(const svr_config *c, const svr_tree *t, svr_bfd_config *bfd) {
    bool wanted =
        has_limits(c) || svr_tree_child(t, "link-test-interval") || svr_tree_child(t, "link-test-length");
    bfd->link_test_seconds = wanted ? svr_tree_number(t, "link-test-interval", 10) : 0;
    bfd->link_test_length = (uint8_t)svr_tree_number(t, "link-test-length", 10);
    bfd->desired_tx_ms = svr_tree_number(t, "desired-tx-interval", 1000);
    bfd->required_min_rx_ms = svr_tree_number(t, "required-min-rx-interval", 500);
    bfd->multiplier = (uint8_t)svr_tree_number(t, "multiplier", 3);
}

/* Flows a second; `never` refuse one is 0. */
static uint32_t flow_limit(const svr_tree *t, const char *word, uint32_t otherwise) {
    return strcmp(svr_tree_value(t, word, ""), "never") == 0 ? 0 : svr_tree_number(t, word, otherwise);
}

static bool build_router(svr_builder *b, const svr_tree *t, svr_router_config *r) {
    r->name = t->keys[0];
    r->peering_common_name = svr_tree_value(t, "peering-common-name", "");
    r->tree = t;
    r->max_waypoints = svr_tree_number(t, "max-way-points", 0);
    r->flows_per_source = flow_limit(t, "new-flows-per-source", FLOWS_PER_SOURCE);
    r->flows_per_second = flow_limit(t, "new-flows", FLOWS_PER_SECOND);
    build_bfd(b->config, svr_tree_child(t, "bfd"), &r->bfd);
    r->n_nodes = svr_tree_count(t, "node");
    svr_node_config *node = r->nodes = svr_arena_get(b->arena, r->n_nodes, sizeof *node);
    if (!node) return false;
    for (const svr_tree *n = svr_tree_child(t, "node"); n; n = svr_tree_next(n), node++) {
        node->router = r;
        if (!build_node(b, n, node)) return false;
    }
    return true;
}

static bool check_names(svr_builder *b, const svr_router_config *r) {
    for (const svr_router_config *o = b->config->routers; o < r; o++) {
        if (strcmp(o->name, r->name) == 0)
            return svr_config_fail(
                b->err, ((const svr_tree *)r->tree)->place,
                "router %s stands inside the authority and outside of it; allowed: one place", r->name);
        if (r->peering_common_name[0] && strcmp(o->peering_common_name, r->peering_common_name) == 0)
            return svr_config_fail(
                b->err, svr_tree_child(r->tree, "peering-common-name")->value_place,
                "peering-common-name %s is that of router %s already; allowed: one of its own",
                r->peering_common_name, o->name);
    }
    return true;
}

bool svr_build_routers(svr_builder *b, const svr_tree *root, const svr_tree *authority) {
    svr_config *c = b->config;
    const svr_tree *places[2] = {authority, root};
    c->n_routers = svr_tree_count(authority, "router") + svr_tree_count(root, "router");
    svr_router_config *r = c->routers = svr_arena_get(b->arena, c->n_routers, sizeof *r);
    if (!r) return false;
    for (size_t i = 0; i < 2; i++)
        for (const svr_tree *t = svr_tree_child(places[i], "router"); t; t = svr_tree_next(t), r++)
            if (!build_router(b, t, r) || !check_names(b, r)) return false;
    return true;
}

/* ---- service routes ------------------------------------------------------------------------- */

static const svr_service *find_service(const svr_config *c, const char *name) {
    for (size_t i = 0; i < c->n_services; i++)
        if (strcmp(c->services[i].name, name) == 0) return &c->services[i];
    return NULL;
}

static bool build_peer_hop(svr_builder *b, const svr_router_config *r, const svr_tree *t, svr_next_hop *hop) {
    hop->kind = SVR_HOP_PEER;
    for (size_t i = 0; i < r->n_peers; i++)
        if (strcmp(r->peers[i].name, t->value) == 0) hop->peer = &r->peers[i];
    if (hop->peer) return true;
    return svr_config_fail(
        b->err, t->value_place,
        "router %s has no peer \"%s\"; allowed: a router that shares a neighborhood, or a peer block",
        r->name, t->value);
}

static bool build_interface_hop(svr_builder *b, const svr_router_config *r, const svr_tree *t,
                                svr_next_hop *hop) {
    const char *gateway = svr_tree_value(t, "gateway-ip", NULL), *name = t->keys[1];
    const svr_node_config *n = svr_config_node(r, t->keys[0]);
    if (!svr_check_repeats(b, t, "node-name", 0) || !svr_check_repeats(b, t, "interface", 1)) return false;
    hop->kind = SVR_HOP_INTERFACE;
    for (size_t i = 0; n && i < n->n_interfaces; i++)
        if (strcmp(n->interfaces[i].name, name) == 0) hop->out = &n->interfaces[i];
    if (gateway) hop->gateway = svr_build_address(gateway);
    if (hop->out) return true;
    return svr_config_fail(
        b->err, t->value_place,
        "node \"%s\" of this router has no network-interface \"%s\"; allowed: NODE INTERFACE", t->keys[0],
        name);
}

static bool build_route(svr_builder *b, const svr_router_config *r, const svr_tree *t,
                        svr_service_route *route) {
    const svr_tree *service = svr_tree_child(t, "service-name");
    route->name = t->keys[0];
    if (!service)
        return svr_config_fail(b->err, t->place,
                               "service-route %s needs a service-name; allowed: the name of a service",
                               t->keys[0]);
    route->service = find_service(b->config, service->value);
    if (!route->service) return svr_fail_reference(b, service->value_place, "service", service->value);
    route->n_hops = svr_tree_count(t, "peer") + svr_tree_count(t, "next-hop");
    svr_next_hop *hop = route->hops = svr_arena_get(b->arena, route->n_hops, sizeof *hop);
    if (!hop) return false;
    for (const svr_tree *h = t->first; h; h = h->next) {
        bool peer = strcmp(h->schema->word, "peer") == 0;
        if (!peer && strcmp(h->schema->word, "next-hop") != 0) continue;
        if (!(peer ? build_peer_hop : build_interface_hop)(b, r, h, hop++)) return false;
    }
    return true;
}

bool svr_build_routes(svr_builder *b) {
    for (size_t i = 0; i < b->config->n_routers; i++) {
        svr_router_config *r = &b->config->routers[i];
        r->n_routes = svr_tree_count(r->tree, "service-route");
        svr_service_route *route = r->routes = svr_arena_get(b->arena, r->n_routes, sizeof *route);
        if (!route) return false;
        for (const svr_tree *t = svr_tree_child(r->tree, "service-route"); t; t = svr_tree_next(t))
            if (!build_route(b, r, t, route++)) return false;
    }
    return true;
}

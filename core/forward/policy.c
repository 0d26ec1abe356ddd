/* SPDX-License-Identifier: MIT */
#include "forward/policy.h"

#include "session/session.h"

#include <string.h>

bool svr_policy_encrypts(const svr_service *service) {
    return !service->security || service->security->encrypt;
}

static bool has_port(const svr_service_transport *t, uint16_t port) {
    for (size_t i = 0; i < t->n_ports; i++)
        if (port >= t->ports[i].first && port <= t->ports[i].last) return true;
    return t->n_ports == 0;
}

static bool is_icmp(uint8_t proto) {
    return proto == SVR_PROTO_ICMP || proto == SVR_PROTO_ICMPV6;
}

/* ICMP has no ports; `icmp` in a service means either version. */
static bool admits(const svr_service_transport *t, const svr_flow *flow) {
    if (is_icmp(flow->proto)) return t->proto == 0 || is_icmp(t->proto);
    return (t->proto == 0 || t->proto == flow->proto) && has_port(t, flow->dport);
}

static bool has_transport(const svr_service *service, const svr_flow *flow) {
    for (size_t i = 0; i < service->n_transports; i++)
        if (admits(&service->transports[i], flow)) return true;
    return service->n_transports == 0;
}

/* Length of the longest prefix that holds the address, or -1. */
static int match(const svr_service *service, const svr_addr *dst) {
    int best = -1;
    for (size_t i = 0; i < service->n_prefixes; i++) {
        const svr_prefix *p = &service->prefixes[i];
        if (p->len > best && svr_prefix_contains(p, dst)) best = p->len;
    }
    return best;
}

static bool may_use(const svr_service *service, const svr_tenant *tenant) {
    for (size_t i = 0; tenant && i < service->n_access; i++)
        if (service->access[i] == tenant) return true;
    return false;
}

const svr_tenant *svr_policy_tenant(const svr_interface *in, const svr_addr *source) {
    const svr_tenant *tenant = in->tenant;
    int longest = -1;
    for (size_t i = 0; i < in->n_tenant_prefixes; i++) {
        const svr_tenant_prefix *p = &in->tenant_prefixes[i];
        if (p->prefix.len <= longest || !svr_prefix_contains(&p->prefix, source)) continue;
        tenant = p->tenant;
        longest = p->prefix.len;
    }
    return tenant;
}

svr_drop svr_policy_service(const svr_config *config, const svr_flow *flow, const svr_tenant *tenant,
                            const svr_service **out) {
    const svr_service *best = NULL;
    int best_len = -1;
    bool best_allowed = false;
    for (size_t i = 0; i < config->n_services; i++) {
        const svr_service *service = &config->services[i];
        int len = match(service, &flow->dst);
        if (len < best_len || len < 0 || !has_transport(service, flow)) continue;
        bool allowed = may_use(service, tenant);
        if (len == best_len && (best_allowed || !allowed)) continue;
        best = service;
        best_len = len;
        best_allowed = allowed;
    }
    if (!best) return SVR_DROP_NO_SERVICE;
    *out = best;
    return best_allowed ? SVR_DROP_NONE : SVR_DROP_NO_ACCESS;
}

svr_drop svr_policy_named(const svr_config *config, const char *service, const char *tenant,
                          const svr_flow *flow, const svr_service **service_out,
                          const svr_tenant **tenant_out) {
    const svr_service *s = NULL;
    const svr_tenant *t = NULL;
    for (size_t i = 0; i < config->n_services && !s; i++)
        if (strcmp(config->services[i].name, service) == 0) s = &config->services[i];
    for (size_t i = 0; i < config->n_tenants && !t; i++)
        if (strcmp(config->tenants[i].name, tenant) == 0) t = &config->tenants[i];
    if (!s || match(s, &flow->dst) < 0 || !has_transport(s, flow)) return SVR_DROP_NO_SERVICE;
    if (!may_use(s, t)) return SVR_DROP_NO_ACCESS;
    *service_out = s;
    *tenant_out = t;
    return SVR_DROP_NONE;
}

/* ---- paths ---------------------------------------------------------------------------------- */

#define UNNAMED UINT32_MAX /* priority of what no vector of the policy names */

static uint32_t priority_of(const svr_path *path, const svr_service_policy *policy) {
    const char *vector = svr_path_get_config(path)->neighborhood->vector;
    for (size_t i = 0; vector && i < policy->n_vectors; i++)
        if (strcmp(policy->vectors[i].name, vector) == 0) return policy->vectors[i].priority;
    return UNNAMED;
}

typedef struct rank {
    svr_standing standing;
    uint32_t priority;
    uint64_t weight; /* the highest wins: each flow has an order of its own among equals */
} rank;

static bool better(const rank *a, const rank *b) {
    if (a->standing != b->standing) return a->standing < b->standing;
    return a->priority != b->priority ? a->priority < b->priority : a->weight > b->weight;
}

svr_path *svr_policy_path(const svr_peer *peer, const svr_service_policy *policy, const svr_flow *flow) {
    if (!policy) return svr_peer_path_in_service(peer);
    svr_tuple tuple = svr_tuple_of(flow, SVR_IFID_NONE);
    svr_path *best = NULL;
    rank first = {0};
    for (size_t i = 0; i < svr_peer_paths(peer); i++) {
        svr_path *path = svr_peer_path(peer, i);
        if (!svr_path_in_service(path)) continue;
        rank r = {svr_path_standing(path, policy), priority_of(path, policy),
                  svr_hash(&tuple, sizeof tuple, i)};
        if (best && !better(&r, &first)) continue;
        best = path;
        first = r;
    }
    return best;
}

/* ---- routes --------------------------------------------------------------------------------- */

static bool use_hop(const svr_peers *peers, const svr_node_config *node, const svr_service *service,
                    const svr_flow *flow, const svr_next_hop *hop, const svr_peer *from,
                    svr_policy_hop *out) {
    if (hop->kind == SVR_HOP_INTERFACE) {
        if (hop->out->node != node) return false;
        *out = (svr_policy_hop){.out = hop->out, .gateway = hop->gateway};
        return true;
    }
    const svr_peer *peer = svr_peers_find(peers, hop->peer);
    svr_path *path = peer && peer != from ? svr_policy_path(peer, service->policy, flow) : NULL;
    if (!path) return false;
    *out = (svr_policy_hop){.path = path};
    return true;
}

svr_drop svr_policy_route(const svr_peers *peers, const svr_node_config *node, const svr_service *service,
                          const svr_flow *flow, const svr_peer *from, svr_policy_hop *out) {
    const svr_router_config *router = node->router;
    svr_drop reason = SVR_DROP_NO_ROUTE;
    for (size_t i = 0; i < router->n_routes; i++) {
        const svr_service_route *route = &router->routes[i];
        for (size_t k = 0; route->service == service && k < route->n_hops; k++) {
            if (use_hop(peers, node, service, flow, &route->hops[k], from, out)) return SVR_DROP_NONE;
            if (route->hops[k].kind == SVR_HOP_PEER) reason = SVR_DROP_NO_PATH;
        }
    }
    return reason;
}

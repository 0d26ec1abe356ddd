/* SPDX-License-Identifier: MIT */
#include "config/model.h"

#include <stdlib.h>
#include <string.h>

svr_addr svr_build_address(const char *text) {
    svr_addr a = {0};
    svr_addr_parse(text, &a);
    return a;
}

svr_prefix svr_build_prefix(const char *text) {
    char addr[SVR_ADDR_TEXT_MAX] = {0};
    const char *slash = strchr(text, '/');
    memcpy(addr, text, slash ? (size_t)(slash - text) : strlen(text));
    svr_addr a = svr_build_address(addr);
    return svr_prefix_make(&a,
                           slash ? (uint8_t)strtoul(slash + 1, NULL, 10) : (uint8_t)(svr_addr_size(&a) * 8));
}

bool svr_fail_reference(svr_builder *b, svr_place at, const char *what, const char *name) {
    return svr_config_fail(b->err, at, "there is no %s \"%s\"; allowed: the name of a %s block", what, name,
                           what);
}

static const svr_tenant *find_tenant(const svr_config *c, const char *name) {
    for (size_t i = 0; i < c->n_tenants; i++)
        if (strcmp(c->tenants[i].name, name) == 0) return &c->tenants[i];
    return NULL;
}

static const svr_security *find_security(const svr_config *c, const char *name) {
    for (size_t i = 0; i < c->n_securities; i++)
        if (strcmp(c->securities[i].name, name) == 0) return &c->securities[i];
    return NULL;
}

bool svr_build_tenant_ref(svr_builder *b, const svr_tree *leaf, const svr_tenant **out) {
    *out = leaf ? find_tenant(b->config, leaf->value) : NULL;
    return !leaf || *out || svr_fail_reference(b, leaf->value_place, "tenant", leaf->value);
}

bool svr_build_tenant_key(svr_builder *b, const svr_tree *block, const svr_tenant **out) {
    *out = find_tenant(b->config, block->keys[0]);
    return *out || svr_fail_reference(b, block->value_place, "tenant", block->keys[0]);
}

bool svr_build_security_ref(svr_builder *b, const svr_tree *leaf, const svr_security **out) {
    *out = leaf ? find_security(b->config, leaf->value) : NULL;
    return !leaf || *out || svr_fail_reference(b, leaf->value_place, "security", leaf->value);
}

bool svr_check_repeats(svr_builder *b, const svr_tree *block, const char *word, size_t key) {
    const svr_tree *leaf = svr_tree_child(block, word);
    if (!leaf || strcmp(leaf->value, block->keys[key]) == 0) return true;
    return svr_config_fail(b->err, leaf->value_place, "%s: %s differs from the block's; allowed: %s", word,
                           leaf->value, block->keys[key]);
}

bool svr_check_ip_address(svr_builder *b, const svr_tree *block) {
    const svr_tree *leaf = svr_tree_child(block, "ip-address");
    svr_addr key = svr_build_address(block->keys[0]);
    svr_addr own = svr_build_address(leaf ? leaf->value : block->keys[0]);
    return svr_addr_equal(&key, &own) || svr_check_repeats(b, block, "ip-address", 0);
}

bool svr_build_port_range(svr_builder *b, const svr_tree *t, uint32_t last, uint32_t least,
                          svr_port_range *out) {
    const svr_tree *end = svr_tree_child(t, "end-port");
    uint32_t first = svr_tree_number(t, "start-port", (uint32_t)strtoul(t->keys[0], NULL, 10));
    last = svr_tree_number(t, "end-port", last ? last : first);
    *out = (svr_port_range){(uint16_t)first, (uint16_t)last};
    if (last + 1 >= first + least) return true; /* always, when the end is not given */
    return svr_config_fail(b->err, end->value_place,
                           "end-port: %u is too low for a range from %u; allowed: %u-%u", last, first,
                           first + least - 1, end->schema->max);
}

/* ---- keys and files ------------------------------------------------------------------------- */

static uint32_t hours(const svr_tree *t, const char *word) {
    const char *v = svr_tree_value(t, word, NULL);
    return v && strcmp(v, "never") == 0 ? SVR_REKEY_NEVER : svr_tree_number(t, word, 24);
}

static bool build_key_exchange(svr_builder *b, const svr_tree *t) {
    svr_key_management *k = &b->config->keys;
    const svr_tree *dh = svr_tree_child(t, "diffie-hellman"), *ecdh = svr_tree_child(t, "ecdh");
    if (dh && ecdh)
        return svr_config_fail(b->err, ecdh->place, "a second key exchange; allowed: diffie-hellman or ecdh");
    k->dh_bits = svr_tree_number(dh, "dh-key-size", 4096);
    if (ecdh)
        k->kex = strcmp(svr_tree_value(ecdh, "curve", "P-521"), "X25519") == 0 ? SVR_KEX_X25519
                                                                               : SVR_KEX_ECDH_P521;
    return true;
}

static bool build_keys(svr_builder *b, const svr_tree *t) {
    svr_key_management *k = &b->config->keys;
    k->payload_key_rekey_hours = hours(t, "payload-key-rekey-interval");
    k->peer_key_rekey_hours = hours(t, "peer-key-rekey-interval");
    k->retransmit_seconds = svr_tree_number(t, "peer-key-retransmit-interval", 30);
    k->timeout_seconds = svr_tree_number(t, "peer-key-timeout", 3600);
    bool hard = strcmp(svr_tree_value(t, "invalid-certificate-behavior", "fail-soft"), "fail-hard") == 0;
    k->invalid_certificate = hard ? SVR_FAIL_HARD : SVR_FAIL_SOFT;
    return build_key_exchange(b, svr_tree_child(t, "key-exchange-algorithm"));
}

static bool build_files(svr_builder *b, const svr_tree *authority, const char *word, svr_file_ref **out,
                        size_t *n) {
    *n = svr_tree_count(authority, word);
    svr_file_ref *f = *out = svr_arena_get(b->arena, *n, sizeof *f);
    if (!f) return false;
    for (const svr_tree *t = svr_tree_child(authority, word); t; t = svr_tree_next(t))
        *f++ = (svr_file_ref){.name = t->keys[0], .file = svr_tree_value(t, "file", t->keys[0])};
    return true;
}

static bool build_securities(svr_builder *b, const svr_tree *authority) {
    svr_config *c = b->config;
    c->n_securities = svr_tree_count(authority, "security");
    svr_security *s = c->securities = svr_arena_get(b->arena, c->n_securities, sizeof *s);
    if (!s) return false;
    for (const svr_tree *t = svr_tree_child(authority, "security"); t; t = svr_tree_next(t)) {
        bool cut = strcmp(svr_tree_value(t, "hmac-cipher", "sha384"), "sha384-192") == 0;
        *s++ = (svr_security){.name = t->keys[0],
                              .encrypt = svr_tree_bool(t, "encrypt", true),
                              .hmac = cut ? SVR_HMAC_SHA384_192 : SVR_HMAC_SHA384};
    }
    return true;
}

static bool build_tenants(svr_builder *b, const svr_tree *authority) {
    svr_config *c = b->config;
    c->n_tenants = svr_tree_count(authority, "tenant");
    svr_tenant *out = c->tenants = svr_arena_get(b->arena, c->n_tenants, sizeof *out);
    if (!out) return false;
    for (const svr_tree *t = svr_tree_child(authority, "tenant"); t; t = svr_tree_next(t))
        (out++)->name = t->keys[0];
    return true;
}

/* ---- services ------------------------------------------------------------------------------- */

static bool build_ports(svr_builder *b, const svr_tree *transport, svr_service_transport *out) {
    out->n_ports = svr_tree_count(transport, "port-range");
    svr_port_range *p = out->ports = svr_arena_get(b->arena, out->n_ports, sizeof *p);
    if (!p) return false;
    for (const svr_tree *t = svr_tree_child(transport, "port-range"); t; t = svr_tree_next(t))
        if (!svr_build_port_range(b, t, 0, 1, p++)) return false;
    return true;
}

static bool build_transports(svr_builder *b, const svr_tree *service, svr_service *out) {
    out->n_transports = svr_tree_count(service, "transport");
    svr_service_transport *x = out->transports = svr_arena_get(b->arena, out->n_transports, sizeof *x);
    if (!x) return false;
    for (const svr_tree *t = svr_tree_child(service, "transport"); t; t = svr_tree_next(t), x++) {
        if (!svr_check_repeats(b, t, "protocol", 0)) return false;
        x->proto = t->keys[0][0] == 't' ? 6 : t->keys[0][0] == 'u' ? 17 : 1;
        if (!build_ports(b, t, x)) return false;
    }
    return true;
}

static bool build_access(svr_builder *b, const svr_tree *service, svr_service *out) {
    out->n_access = svr_tree_count(service, "access-policy");
    const svr_tenant **a = out->access = svr_arena_get(b->arena, out->n_access, sizeof *a);
    if (!a) return false;
    for (const svr_tree *t = svr_tree_child(service, "access-policy"); t; t = svr_tree_next(t)) {
        const svr_tree *source = svr_tree_child(t, "source");
        *a = find_tenant(b->config, source ? source->value : t->keys[0]);
        if (!*a++)
            return svr_fail_reference(b, source ? source->value_place : t->value_place, "tenant",
                                      source ? source->value : t->keys[0]);
    }
    return true;
}

static bool build_vectors(svr_builder *b, const svr_tree *policy, svr_service_policy *out) {
    out->n_vectors = svr_tree_count(policy, "vector");
    svr_policy_vector *v = out->vectors = svr_arena_get(b->arena, out->n_vectors, sizeof *v);
    if (!v) return false;
    for (const svr_tree *t = svr_tree_child(policy, "vector"); t; t = svr_tree_next(t))
        *v++ =
            (svr_policy_vector){.name = t->keys[0], .priority = (uint16_t)svr_tree_number(t, "priority", 0)};
    return true;
}

static svr_resiliency resiliency_of(const char *v) {
    return v[0] == 'n'   ? SVR_RESILIENCY_NONE
           : v[0] == 'f' ? SVR_RESILIENCY_FAILOVER
                         : SVR_RESILIENCY_REVERTIBLE;
}

static bool build_policies(svr_builder *b, const svr_tree *authority) {
    svr_config *c = b->config;
    c->n_policies = svr_tree_count(authority, "service-policy");
    svr_service_policy *p = c->policies = svr_arena_get(b->arena, c->n_policies, sizeof *p);
    if (!p) return false;
    for (const svr_tree *t = svr_tree_child(authority, "service-policy"); t; t = svr_tree_next(t), p++) {
        *p = (svr_service_policy){
            .name = t->keys[0],
            .resiliency = resiliency_of(svr_tree_value(t, "session-resiliency", "revertible-failover")),
            .filter = svr_tree_bool(t, "path-quality-filter", true),
            .max_latency_ms = svr_tree_number(t, "max-latency", SVR_NO_LIMIT),
            .max_jitter_ms = svr_tree_number(t, "max-jitter", SVR_NO_LIMIT),
            .max_loss_percent = svr_tree_number(t, "max-loss", SVR_NO_LIMIT)};
        if (!build_vectors(b, t, p)) return false;
    }
    return true;
}

static const svr_service_policy *find_policy(const svr_config *c, const char *name) {
    for (size_t i = 0; i < c->n_policies; i++)
        if (strcmp(c->policies[i].name, name) == 0) return &c->policies[i];
    return NULL;
}

static bool build_service(svr_builder *b, const svr_tree *t, svr_service *out) {
    const svr_tree *policy = svr_tree_child(t, "service-policy");
    out->name = t->keys[0];
    out->policy = policy ? find_policy(b->config, policy->value) : NULL;
    if (policy && !out->policy)
        return svr_fail_reference(b, policy->value_place, "service-policy", policy->value);
    if (!svr_build_security_ref(b, svr_tree_child(t, "security"), &out->security)) return false;
    out->n_prefixes = svr_tree_count(t, "address");
    svr_prefix *p = out->prefixes = svr_arena_get(b->arena, out->n_prefixes, sizeof *p);
    if (!p) return false;
    for (const svr_tree *a = svr_tree_child(t, "address"); a; a = svr_tree_next(a))
        *p++ = svr_build_prefix(a->value);
    return build_transports(b, t, out) && build_access(b, t, out);
}

static bool build_services(svr_builder *b, const svr_tree *authority) {
    svr_config *c = b->config;
    c->n_services = svr_tree_count(authority, "service");
    svr_service *out = c->services = svr_arena_get(b->arena, c->n_services, sizeof *out);
    if (!out) return false;
    for (const svr_tree *t = svr_tree_child(authority, "service"); t; t = svr_tree_next(t))
        if (!build_service(b, t, out++)) return false;
    return true;
}

bool svr_build_authority(svr_builder *b, const svr_tree *authority) {
    svr_config *c = b->config;
    c->name = svr_tree_value(authority, "name", "");
    c->enhanced_security = svr_tree_bool(authority, "enhanced-security-key-management", false);
    return build_keys(b, svr_tree_child(authority, "security-key-management")) &&
           build_files(b, authority, "trusted-ca-certificate", &c->trusted_ca, &c->n_trusted_ca) &&
           build_files(b, authority, "client-certificate", &c->client_certificates,
                       &c->n_client_certificates) &&
           build_securities(b, authority) && build_tenants(b, authority) && build_policies(b, authority) &&
           build_services(b, authority);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool build(svr_builder *b, const svr_tree *root) {
    const svr_tree *outer = svr_tree_child(svr_tree_child(root, "config"), "authority");
    const svr_tree *bare = svr_tree_child(root, "authority");
    if (outer && bare)
        return svr_config_fail(b->err, bare->place,
                               "a second authority; allowed: one, inside config or without it");
    const svr_tree *authority = outer ? outer : bare;
    return svr_build_authority(b, authority) && svr_build_routers(b, root, authority) && svr_build_peers(b) &&
           svr_build_routes(b);
}

int svr_config_parse(const svr_allocator *alloc, const char *text, size_t len, svr_config **out,
                     svr_config_error *err) {
    *out = NULL;
    *err = (svr_config_error){0};
    svr_config_box *box = svr_alloc_zero(alloc, 1, sizeof *box);
    if (box) {
        svr_arena_init(&box->arena, alloc);
        svr_builder b = {.arena = &box->arena, .config = &box->config, .err = err};
        svr_tree *root = svr_tree_parse(&box->arena, text, len, err);
        if (root && build(&b, root)) {
            *out = &box->config;
            return 0;
        }
    }
    if (!box || box->arena.failed) svr_strcpy(err->message, sizeof err->message, "out of memory");
    if (box) svr_config_del(&box->config);
    return -1;
}

void svr_config_del(svr_config *config) {
    if (!config) return;
    svr_config_box *box = (svr_config_box *)config;
    const svr_allocator *alloc = box->arena.alloc;
    svr_arena_fini(&box->arena);
    svr_alloc_free(alloc, box);
}

const svr_router_config *svr_config_router(const svr_config *config, const char *name) {
    for (size_t i = 0; i < config->n_routers; i++)
        if (strcmp(config->routers[i].name, name) == 0) return &config->routers[i];
    return NULL;
}

const svr_node_config *svr_config_node(const svr_router_config *router, const char *node) {
    for (size_t i = 0; i < router->n_nodes; i++)
        if (!node || strcmp(router->nodes[i].name, node) == 0) return &router->nodes[i];
    return NULL;
}

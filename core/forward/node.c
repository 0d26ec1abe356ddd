/* SPDX-License-Identifier: MIT */
#include "svr/node.h"

#include "base/runtime.h"
#include "crypto/crypt.h"
#include "forward/ha.h"
#include "ops/show.h"
#include "peer/peers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PACKETS_DEFAULT 65536

struct svr_env {
    const svr_allocator *alloc;
    svr_crypt *crypt;
    svr_pool *pool;
};

struct svr_node {
    svr_env *env;
    svr_runtime rt;
    const svr_config *config;
    const svr_node_config *part;
    svr_peers *peers;
    svr_forward *forward;
    svr_ha *ha; /* of a router with two nodes */
    svr_report_builder *report;
};

/* ---- environment ---------------------------------------------------------------------------- */

svr_env *svr_env_new(const svr_env_params *params) {
    svr_env *env = svr_alloc_zero(params->alloc, 1, sizeof *env);
    if (!env) return NULL;
    env->alloc = params->alloc;
    env->crypt = svr_crypt_new(params->alloc, params->libctx, params->engine);
    env->pool = svr_pool_new(params->alloc, params->packets_max ? params->packets_max : PACKETS_DEFAULT);
    if (env->crypt && env->pool) return env;
    svr_env_del(env);
    return NULL;
}

void svr_env_del(svr_env *env) {
    if (!env) return;
    svr_pool_del(env->pool);
    svr_crypt_del(env->crypt);
    svr_alloc_free(env->alloc, env);
}

svr_pool *svr_env_pool(svr_env *env) {
    return env->pool;
}

svr_crypt *svr_env_crypt(svr_env *env) {
    return env->crypt;
}

/* ---- life cycle ----------------------------------------------------------------------------- */

static int fail(svr_error *err, const char *what, const char *name) {
    snprintf(err->message, sizeof err->message, "%s%.80s", what, name);
    return -1;
}

static int find_part(svr_node *node, const svr_node_params *p, svr_error *err) {
    const svr_router_config *router = svr_config_router(p->config, p->router);
    if (!router) return fail(err, "the configuration has no router named ", p->router);
    node->part = svr_config_node(router, p->node);
    if (!node->part) return fail(err, "the router has no node named ", p->node ? p->node : "(any)");
    if (p->config->enhanced_security && !router->peering_common_name[0])
        return fail(err, "enhanced-security-key-management needs a peering-common-name on router ",
                    p->router);
    return 0;
}

static svr_identity *make_identity(svr_node *node, const svr_credentials *cred, svr_error *err) {
    if (cred->certificate)
        return svr_identity_new(node->env->crypt, cred->certificate, cred->private_key, err);
    const char *name = node->part->router->peering_common_name; /* CRT-SELF */
    return svr_identity_new_self_signed(node->env->crypt, name[0] ? name : node->part->router->name,
                                        svr_runtime_wall(&node->rt), err);
}

static int init_peers(svr_node *node, const svr_credentials *cred, svr_error *err) {
    svr_trust *trust = svr_trust_new(node->env->crypt, cred->trusted_ca, cred->crl, err);
    if (!trust) return -1;
    svr_identity *identity = make_identity(node, cred, err);
    if (!identity) {
        svr_trust_del(trust);
        return -1;
    }
    const svr_peers_params params = {
        .rt = &node->rt, .config = node->config, .node = node->part, .identity = identity, .trust = trust};
    node->peers = svr_peers_new(&params);
    return node->peers ? 0 : fail(err, "out of memory", "");
}

static int init_node(svr_node *node, const svr_node_params *p, svr_time now, svr_error *err) {
    uint64_t seed;
    if (find_part(node, p, err)) return -1;
    if (!svr_random(p->env->crypt, &seed, sizeof seed)) return fail(err, "no random numbers", "");
    if (!svr_runtime_init(&node->rt, p->env->alloc, p->env->crypt, p->env->pool, seed, p->keylog))
        return fail(err, "out of memory", "");
    node->rt.open_checksums = p->open_checksums;
    svr_node_set_wall(node, p->wall, now);
    if (init_peers(node, &p->credentials, err)) return -1;
    const svr_forward_params params = {
        .rt = &node->rt, .peers = node->peers, .config = p->config, .node = node->part};
    node->forward = svr_forward_new(&params);
    node->report = svr_report_builder_new(p->env->alloc);
    if (!node->forward || !node->report) return fail(err, "out of memory", "");
    if (!svr_peers_has_sibling(node->peers)) return 0;
    node->ha = svr_ha_new(&node->rt, node->peers, node->forward);
    return node->ha ? 0 : fail(err, "out of memory", "");
}

int svr_node_new(const svr_node_params *params, svr_time now, svr_node **out, svr_error *err) {
    svr_node *node = svr_alloc_zero(params->env->alloc, 1, sizeof *node);
    *out = NULL;
    if (!node) return fail(err, "out of memory", "");
    node->env = params->env;
    node->config = params->config;
    if (init_node(node, params, now, err)) {
        svr_node_del(node);
        return -1;
    }
    svr_peers_start(node->peers);
    if (node->ha) svr_ha_start(node->ha);
    *out = node;
    return 0;
}

void svr_node_del(svr_node *node) {
    if (!node) return;
    svr_ha_del(node->ha);
    svr_forward_del(node->forward);
    svr_peers_del(node->peers);
    svr_report_builder_del(node->report);
    if (node->rt.alloc) svr_runtime_fini(&node->rt);
    svr_alloc_free(node->env->alloc, node);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void set_now(svr_node *node, svr_time now) {
    assert(now >= node->rt.now);
    node->rt.now = now;
}

/* Takes what the other node has said, and tells forwarding which paths came and went. */
static void pass_on_changes(svr_node *node) {
    bool in_service;
    svr_path *path;
    if (node->ha) svr_ha_run(node->ha);
    while ((path = svr_peers_next_change(node->peers, &in_service)) != NULL)
        svr_forward_path_changed(node->forward, path, in_service);
    while ((path = svr_peers_next_remapped(node->peers)) != NULL)
        svr_forward_remapped(node->forward, path);
}

static bool has_address(const svr_interface *in, const svr_addr *a) {
    for (size_t i = 0; i < in->n_addresses; i++)
        if (svr_addr_equal(&in->addresses[i].addr, a)) return true;
    return false;
}

static bool is_bfd(const svr_ip *ip) {
    return ip->flow.proto == SVR_PROTO_UDP && ip->flow.dport == SVR_BFD_PORT;
}

static bool is_icmp(const svr_ip *ip) {
    return ip->flow.proto == SVR_PROTO_ICMP || ip->flow.proto == SVR_PROTO_ICMPV6;
}

/* Keeps the packets that are for forwarding; BFD goes to the peers, the rest is dropped. */
static void sort_wan(svr_node *node, const svr_interface *in, svr_batch *batch) {
    svr_ip infos[SVR_BATCH_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < batch->n; i++) {
        svr_packet *pkt = batch->pkt[i];
        svr_ip *ip = &infos[kept];
        if (svr_ip_decode(pkt->data, pkt->len, ip) != SVR_IP_OK)
            svr_drop_packet(&node->rt, pkt, SVR_DROP_IP_MALFORMED);
        else if (!has_address(in, &ip->flow.dst))
            svr_drop_packet(&node->rt, pkt, SVR_DROP_NOT_OURS);
        else if (ip->fragment)
            svr_drop_packet(&node->rt, pkt, SVR_DROP_IP_FRAGMENT);
        else if (is_bfd(ip))
            svr_peers_receive(node->peers, pkt, ip);
        else if (!ip->has_ports && is_icmp(ip))
            svr_forward_icmp(node->forward, pkt, ip);
        else
            batch->pkt[kept++] = pkt;
    }
    if (kept) svr_forward_wan(node->forward, in, batch->pkt, infos, kept);
}

/* The inter-node link carries BFD and what rides on it, nothing else. */
static void take_fabric(svr_node *node, const svr_interface *in, svr_batch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        svr_packet *pkt = batch->pkt[i];
        svr_ip ip;
        if (svr_ip_decode(pkt->data, pkt->len, &ip) != SVR_IP_OK)
            svr_drop_packet(&node->rt, pkt, SVR_DROP_IP_MALFORMED);
        else if (!has_address(in, &ip.flow.dst) || ip.fragment || !is_bfd(&ip))
            svr_drop_packet(&node->rt, pkt, SVR_DROP_NOT_OURS);
        else
            svr_peers_receive(node->peers, pkt, &ip);
    }
}

static void drop_all(svr_node *node, svr_batch *batch, svr_drop reason) {
    for (size_t i = 0; i < batch->n; i++)
        svr_drop_packet(&node->rt, batch->pkt[i], reason);
}

void svr_node_input(svr_node *node, svr_ifid in, svr_batch *packets, svr_time now) {
    assert(in < node->part->n_interfaces);
    set_now(node, now);
    const svr_interface *interface = &node->part->interfaces[in];
    if (interface->fabric)
        take_fabric(node, interface, packets);
    else if (svr_peers_standby(node->peers))
        drop_all(node, packets, SVR_DROP_REDUNDANT_NODE);
    else if (interface->n_neighborhoods)
        sort_wan(node, interface, packets);
    else
        svr_forward_lan(node->forward, interface, packets->pkt, packets->n);
    packets->n = 0;
    pass_on_changes(node);
}

size_t svr_node_output(svr_node *node, svr_batch *out, svr_time now) {
    svr_runtime *rt = &node->rt;
    set_now(node, now);
    assert(out->n == 0);
    for (; rt->output_n && out->n < SVR_BATCH_MAX; rt->output_n--) {
        out->pkt[out->n++] = rt->output[rt->output_head];
        rt->output_head = (rt->output_head + 1) % SVR_OUTPUT_MAX;
    }
    return out->n;
}

/* What another node has told may be overdue by the time this one serves: it is due now, not in the past. */
svr_time svr_node_deadline(const svr_node *node) {
    svr_time next = svr_timer_next(&node->rt.timers);
    return next > node->rt.now ? next : node->rt.now;
}

void svr_node_expire(svr_node *node, svr_time now) {
    set_now(node, now);
    svr_timer_run(&node->rt.timers, node, now);
    pass_on_changes(node);
}

/* ---- facts and questions -------------------------------------------------------------------- */

void svr_node_set_wall(svr_node *node, svr_wall wall, svr_time now) {
    set_now(node, now);
    node->rt.wall_then = wall;
    node->rt.wall_at = now;
    if (!node->peers) return;
    svr_peers_review_certificates(node->peers);
    pass_on_changes(node);
}

/* The identity to change to in *out; NULL when ours stays. */
static int new_identity(svr_node *node, const svr_credentials *cred, svr_identity **out, svr_error *err) {
    const svr_identity *old = svr_peers_identity(node->peers);
    *out = NULL;
    if (!cred->certificate && svr_identity_is_self_signed(old)) return 0;
    svr_identity *id = make_identity(node, cred, err);
    if (!id) return -1;
    svr_piece a = svr_identity_chain(old), b = svr_identity_chain(id);
    if (a.len == b.len && memcmp(a.p, b.p, a.len) == 0)
        svr_identity_del(id);
    else
        *out = id;
    return 0;
}

int svr_node_reload_credentials(svr_node *node, const svr_credentials *credentials, svr_time now,
                                svr_error *err) {
    svr_identity *identity;
    set_now(node, now);
    svr_trust *trust = svr_trust_new(node->env->crypt, credentials->trusted_ca, credentials->crl, err);
    if (!trust) return -1;
    if (new_identity(node, credentials, &identity, err)) {
        svr_trust_del(trust);
        return -1;
    }
    svr_peers_reload(node->peers, identity, trust);
    pass_on_changes(node);
    return 0;
}

int svr_node_regenerate_metadata_key(svr_node *node, svr_time now, svr_error *err) {
    set_now(node, now);
    if (!node->config->enhanced_security)
        return fail(err, "there is no metadata key: enhanced-security-key-management is false", "");
    svr_peers_regenerate_metadata_key(node->peers, "regenerate command");
    return 0;
}

void svr_node_interface_state(svr_node *node, svr_ifid ifid, bool up, svr_time now) {
    set_now(node, now);
    svr_peers_interface_state(node->peers, ifid, up);
    pass_on_changes(node);
}

bool svr_node_next_event(svr_node *node, svr_event *ev) {
    svr_runtime *rt = &node->rt;
    if (!rt->events_n) return false;
    *ev = rt->events[rt->events_head];
    rt->events_head = (rt->events_head + 1) % SVR_EVENTS_MAX;
    rt->events_n--;
    return true;
}

bool svr_node_next_key_line(svr_node *node, char line[SVR_KEYLOG_LINE_MAX]) {
    svr_runtime *rt = &node->rt;
    static_assert(SVR_KEY_LINE_MAX == SVR_KEYLOG_LINE_MAX, "one length of key log lines");
    if (!rt->key_lines_n) return false;
    memcpy(line, rt->key_lines[rt->key_lines_head], SVR_KEYLOG_LINE_MAX);
    svr_wipe(rt->key_lines[rt->key_lines_head], SVR_KEYLOG_LINE_MAX);
    rt->key_lines_head = (rt->key_lines_head + 1) % SVR_KEY_LINES_MAX;
    rt->key_lines_n--;
    return true;
}

bool svr_node_serves(const svr_node *node) {
    return !svr_peers_standby(node->peers);
}

const svr_node_config *svr_node_get_config(const svr_node *node) {
    return node->part;
}

int svr_node_show(svr_node *node, const char *command, svr_time now, const svr_report **out, svr_error *err) {
    set_now(node, now);
    const svr_show_context ctx = {.rt = &node->rt,
                                  .config = node->config,
                                  .peers = node->peers,
                                  .sessions = svr_forward_sessions(node->forward),
                                  .node = node->part,
                                  .report = node->report};
    return svr_show(&ctx, command, out, err);
}

uint64_t svr_node_counter(const svr_node *node, size_t index, const char **name) {
    svr_drop reason = (svr_drop)(index + 1);
    *name = index + 1 < SVR_DROP_COUNT ? svr_drop_name(reason) : NULL;
    return *name ? node->rt.drops[reason] : 0;
}

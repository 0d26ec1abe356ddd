/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include <stdio.h>

/* Both ends can compute each other's discriminator from the waypoint addresses. */
static uint32_t discriminator(const svr_path *path, bool own) {
    const svr_path_config *c = path->config;
    if (c->near_nat || c->far_nat) return svr_nat_discriminator(path, own);
    svr_path_key key = {own ? c->local : c->remote, own ? c->remote : c->local};
    uint32_t d = (uint32_t)svr_hash(&key, sizeof key, 0);
    return d ? d : 1;
}

static const svr_if_address *own_address(const svr_path_config *config) {
    for (size_t i = 0; i < config->local_if->n_addresses; i++)
        if (svr_addr_equal(&config->local_if->addresses[i].addr, &config->local))
            return &config->local_if->addresses[i];
    return NULL;
}

svr_addr svr_path_hop_to(const svr_path *path, const svr_addr *remote) {
    const svr_if_address *own = own_address(path->config);
    if (!own || !own->gateway.family) return *remote;
    svr_prefix link = svr_prefix_make(&own->addr, own->prefix_len);
    return svr_prefix_contains(&link, remote) ? *remote : own->gateway;
}

void svr_path_describe(const svr_path *path, char out[SVR_EVENT_PATH_MAX]) {
    char local[SVR_ADDR_TEXT_MAX], remote[SVR_ADDR_TEXT_MAX];
    snprintf(out, SVR_EVENT_PATH_MAX, "%.20s %s %s", path->config->local_if->name,
             svr_addr_format(&path->config->local, local), svr_addr_format(&path->config->remote, remote));
}

svr_event *svr_path_event(const svr_path *path, svr_event_kind kind) {
    svr_event *ev = svr_runtime_event(path->peer->all->rt, kind);
    svr_strcpy(ev->peer, sizeof ev->peer, path->peer->config->name);
    svr_path_describe(path, ev->path);
    return ev;
}

void svr_path_review(svr_path *path) {
    bool serves =
        path->interface_up && path->bfd.state == SVR_BFD_UP && path->peer->state == SVR_MKEY_EXCH_COMP;
    if (serves == path->in_service) return;
    path->in_service = serves;
    path->peer->all->changes++;
    svr_path_quality_service(path, serves);
    svr_path_mtu_service(path, serves);
    svr_event *ev = svr_path_event(path, SVR_EVENT_PATH_SERVICE);
    ev->from = serves ? "out-of-service" : "in-service";
    ev->to = serves ? "in-service" : "out-of-service";
    if (!serves)
        ev->reason = !path->interface_up             ? "interface down"
                     : path->bfd.state != SVR_BFD_UP ? "bfd down"
                                                     : svr_security_state_name(path->peer->state);
}

/* RFC 5880 section 6.8.7: 75 to 100 % of the interval, at most 90 % with multiplier 1. */
static void plan_tx(svr_path *path) {
    svr_runtime *rt = path->peer->all->rt;
    svr_duration interval = svr_bfd_interval(&path->bfd);
    svr_duration spread = interval * (path->bfd.multiplier == 1 ? 15 : 25) / 100;
    svr_time when = interval && path->interface_up
                        ? rt->now + interval * 75 / 100 + svr_runtime_jitter(rt, spread + 1)
                        : SVR_TIME_NEVER;
    svr_timer_set(&path->tx, &rt->timers, when);
}

static void send_now(svr_path *path, bool final) {
    svr_path_send(path, (svr_piece){0}, (svr_piece){0}, final);
    if (!final) plan_tx(path);
}

static void set_bfd_state(svr_path *path, svr_bfd_state state, svr_bfd_diag diag, const char *reason) {
    svr_bfd_state from = path->bfd.state;
    if (from == state) return;
    svr_bfd_set_state(&path->bfd, state, diag);
    svr_event *ev = svr_path_event(path, SVR_EVENT_BFD_STATE);
    ev->from = svr_bfd_state_name(from);
    ev->to = svr_bfd_state_name(state);
    ev->reason = reason;
    svr_path_review(path);
    if (path->interface_up && !(from == SVR_BFD_DOWN && state == SVR_BFD_ADMIN_DOWN)) send_now(path, false);
    if (state == SVR_BFD_UP) svr_peer_try_now(path->peer);
}

static void tx_due(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    send_now(svr_container_of(t, svr_path, tx), false);
}

static void detect_due(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    set_bfd_state(svr_container_of(t, svr_path, detect), SVR_BFD_DOWN, SVR_BFD_DIAG_TIME_EXPIRED,
                  "control detection time expired");
}

bool svr_path_init(svr_path *path, svr_peer *peer, const svr_path_config *config) {
    svr_timer_heap *timers = &peer->all->rt->timers;
    path->key = (svr_path_key){config->local, config->remote};
    path->peer = peer;
    path->config = config;
    path->next_hop = svr_path_hop_to(path, config->external.family ? &config->external : &config->remote);
    path->interface_up = true;
    svr_bfd_init(&path->bfd, peer->sibling ? svr_sibling_bfd() : &peer->all->node->router->bfd,
                 discriminator(path, true));
    return svr_timer_init(&path->tx, timers, tx_due) && svr_timer_init(&path->detect, timers, detect_due) &&
           svr_path_quality_init(path) && svr_nat_init(path) && svr_path_mtu_init(path);
}

void svr_path_fini(svr_path *path) {
    svr_nat_fini(path);
    svr_timer_fini(&path->tx, &path->peer->all->rt->timers);
    svr_timer_fini(&path->detect, &path->peer->all->rt->timers);
    svr_path_quality_fini(path);
    svr_path_mtu_fini(path);
}

void svr_path_start(svr_path *path) {
    if (path->bfd.state == SVR_BFD_ADMIN_DOWN)
        set_bfd_state(path, SVR_BFD_DOWN, SVR_BFD_DIAG_NONE, "in use again");
    else if (path->interface_up)
        send_now(path, false);
}

static void stop_timers(svr_path *path) {
    svr_timer_stop(&path->tx, &path->peer->all->rt->timers);
    svr_timer_stop(&path->detect, &path->peer->all->rt->timers);
}

void svr_path_stop(svr_path *path) {
    set_bfd_state(path, SVR_BFD_ADMIN_DOWN, SVR_BFD_DIAG_ADMIN_DOWN, "peering removed");
    stop_timers(path);
}

void svr_path_leave(svr_path *path) {
    svr_bfd_set_state(&path->bfd, SVR_BFD_ADMIN_DOWN, SVR_BFD_DIAG_ADMIN_DOWN);
    svr_path_review(path);
    stop_timers(path);
}

void svr_path_resume(svr_path *path) {
    svr_bfd *b = &path->bfd;
    path->heard = path->peer->all->rt->now;
    b->remote_state = SVR_BFD_UP;
    b->remote_discriminator = discriminator(path, false);
    b->remote_desired_tx = b->desired_tx;
    b->remote_required_rx = b->required_rx;
    b->remote_multiplier = b->multiplier;
    svr_timer_set(&path->detect, &path->peer->all->rt->timers,
                  path->peer->all->rt->now + svr_bfd_detection(b));
    set_bfd_state(path, SVR_BFD_UP, SVR_BFD_DIAG_NONE, "taken over from the other node");
}

void svr_path_set_interface(svr_path *path, bool up) {
    svr_runtime *rt = path->peer->all->rt;
    if (path->interface_up == up) return;
    path->interface_up = up;
    if (path->bfd.state == SVR_BFD_ADMIN_DOWN) return;
    if (up) {
        send_now(path, false);
        return;
    }
    svr_timer_stop(&path->tx, &rt->timers);
    svr_timer_stop(&path->detect, &rt->timers);
    set_bfd_state(path, SVR_BFD_DOWN, SVR_BFD_DIAG_PATH_DOWN, "interface down");
}

void svr_path_bfd_received(svr_path *path, const svr_bfd_packet *p) {
    svr_runtime *rt = path->peer->all->rt;
    if (p->your_discriminator && p->your_discriminator != path->bfd.discriminator) {
        svr_drop_count(rt, SVR_DROP_BFD_DISCRIMINATOR);
        return;
    }
    if (path->bfd.state == SVR_BFD_ADMIN_DOWN) return; /* RFC 5880 section 6.8.6 */
    svr_bfd_state next = svr_bfd_receive(&path->bfd, p);
    path->heard = rt->now;
    svr_path_quality_heard(path);
    svr_timer_set(&path->detect, &rt->timers, rt->now + svr_bfd_detection(&path->bfd));
    set_bfd_state(path, next, next == SVR_BFD_DOWN ? SVR_BFD_DIAG_NEIGHBOR_DOWN : SVR_BFD_DIAG_NONE,
                  next == SVR_BFD_DOWN ? "neighbor signaled down" : "control packet");
    if (p->poll) send_now(path, true);
}

bool svr_path_in_service(const svr_path *path) {
    return path->in_service;
}
svr_time svr_path_heard(const svr_path *path) {
    return path->heard;
}
svr_path_load *svr_path_get_load(svr_path *path) {
    return &path->load;
}
svr_peer *svr_path_peer(const svr_path *path) {
    return path->peer;
}
const svr_path_config *svr_path_get_config(const svr_path *path) {
    return path->config;
}
const svr_addr *svr_path_next_hop(const svr_path *path) {
    return &path->next_hop;
}

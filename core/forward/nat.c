/* SPDX-License-Identifier: MIT
 *
 * Sessions over paths with a NAT (PD-NAT).
 *
 * The router behind the NAT says in each packet with metadata what it calls itself, since its address does
 * not; it keeps the mappings of its sessions alive, and those of some pairs of waypoints besides, on which
 * the other end may begin sessions. The other end answers each session where authentic metadata came from.
 *
 * When a mapping changes, both ends notice: packets come from an unknown 5-tuple, and are answered by a
 * request for metadata; and BFD says that the peer now sees another address, whereupon metadata goes out on
 * all sessions. */
#include "forward/forward_internal.h"

#include "base/bytes.h"

#include <string.h>

#define KEEP_TICK SVR_SEC
#define KEEP_SLICES 16 /* ticks in which all sessions are looked at once */
#define KEEP_INTERVAL                                                                                        \
    (9 * SVR_SEC) /* silence after which a mapping is refreshed: with the slices below 30 s */
#define OFFER_INTERVAL (20 * SVR_SEC)

/* ---- the other end ---------------------------------------------------------------------------- */

svr_path *svr_nat_sender(svr_forward *f, const svr_work *w) {
    const uint8_t *body = w->pkt->data + w->ip.header_len + w->ip.l4_header_len;
    const svr_flow *flow = &w->ip.flow;
    svr_metadata m;
    svr_tlv claim;
    if (svr_metadata_decode(body, (size_t)w->ip.l4_len - w->ip.l4_header_len, &m) == SVR_METADATA_OK &&
        svr_tlv_find(m.header, m.header_len, SVR_TLV_CLAIM, &claim) && claim.len == 4)
        return svr_peers_find_claimed(f->peers, &flow->dst, svr_get32(claim.value));
    svr_tuple tuple = svr_tuple_of(flow, SVR_IFID_NONE);
    const svr_leg *leg = svr_sessions_find(&f->sessions, &tuple);
    if (!leg) leg = svr_sessions_find_former(&f->sessions, &tuple);
    if (leg) return leg->path && svr_path_far_nat(leg->path) ? leg->path : NULL;
    /* To be asked for metadata, when it is clear under whose key. Of several behind that address each tells
     * itself, once BFD has said that it is seen elsewhere. */
    if (f->guessed && f->rt->now - f->guessed < SVR_CONTROL_INTERVAL) return NULL;
    f->guessed = f->rt->now ? f->rt->now : 1;
    return svr_peers_only_path_at(f->peers, &flow->dst, &flow->src);
}

svr_drop svr_nat_follow(svr_forward *f, svr_work *w, svr_leg *leg) {
    svr_tuple tuple = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE);
    uint64_t nonce = f->open_ops.at[w->open_op].nonce;
    uint32_t life = (uint32_t)(svr_peer_life_mark(svr_path_peer(w->path)) >> 16);
    svr_led *led = &leg->led;
    bool newer = led->life != life || w->index > led->index || (w->index == led->index && nonce > led->nonce);
    if (newer) {
        *led = (svr_led){.life = life, .index = w->index, .nonce = nonce};
        return svr_leg_rebind(leg, w->path, &tuple) ? SVR_DROP_NONE : SVR_DROP_NO_MEMORY;
    }
    if (memcmp(&leg->arrival, &tuple, sizeof tuple) != 0) w->stale = true;
    return SVR_DROP_NONE;
}

void svr_nat_offered(svr_forward *f, const svr_work *w) {
    const svr_flow *flow = &w->ip.flow;
    const svr_port_range *range = &svr_path_get_config(w->path)->neighborhood->ports;
    if (!svr_path_far_nat(w->path) || flow->dport < range->first || flow->dport > range->last) return;
    const svr_spare s = {
        .far = flow->src, .far_port = flow->sport, .own_port = flow->dport, .when = f->rt->now};
    svr_path_offered(w->path, &s);
}

/* ---- behind the NAT --------------------------------------------------------------------------- */

/* Waypoints that somebody else has to open are of use only where nobody can send to us unasked. */
static bool opens(const svr_path *path) {
    const svr_path_config *config = svr_path_get_config(path);
    return config->near_any && !config->far_nat && svr_path_in_service(path) && svr_path_translated(path);
}

static svr_tuple tuple_of(const svr_path *path, const svr_spare *s) {
    const svr_path_config *config = svr_path_get_config(path);
    return (svr_tuple){.src = config->remote,
                       .dst = config->local,
                       .sport = s->far_port,
                       .dport = s->own_port,
                       .proto = SVR_PROTO_UDP,
                       .ifid = SVR_IFID_NONE};
}

static void offer(svr_forward *f, svr_path *path, svr_spare *s) {
    svr_crypt_op op;
    svr_packet *pkt = svr_packet_get(f->rt->pool, SVR_METADATA_SESSION_MAX);
    if (!pkt) return;
    svr_leg leg = {.path = path, .arrival = tuple_of(path, s)};
    s->when = f->rt->now;
    svr_control_send_alone(f, &leg, pkt, &op,
                           svr_metadata_create_control(path, SVR_CONTROL_KEEP_ALIVE, NULL, pkt, &op));
}

static bool choose(svr_forward *f, svr_path *path, svr_spare *s) {
    svr_tuple t;
    if (!svr_waypoint_choose(&f->sessions, path, SVR_PROTO_UDP, &t)) return false;
    *s = (svr_spare){.far_port = t.sport, .own_port = t.dport};
    return true;
}

/* Refreshes what is due; with `all` everything. */
static void open_spares(svr_forward *f, svr_path *path, bool all) {
    size_t *n;
    svr_spare *s = svr_path_spares(path, &n);
    if (!opens(path)) return;
    while (*n < SVR_SPARES_MAX && choose(f, path, &s[*n]))
        (*n)++;
    for (size_t i = 0; i < *n; i++)
        if (all || !s[i].when || f->rt->now - s[i].when >= OFFER_INTERVAL) offer(f, path, &s[i]);
}

void svr_nat_begun(svr_forward *f, svr_path *path, const svr_tuple *arrival) {
    size_t *n;
    if (!opens(path)) return;
    svr_spare *s = svr_path_spares(path, &n);
    for (size_t i = 0; i < *n; i++) {
        if (s[i].far_port != arrival->sport || s[i].own_port != arrival->dport) continue;
        if (choose(f, path, &s[i]))
            offer(f, path, &s[i]);
        else
            s[i] = s[--*n];
        return;
    }
}

static void keep_leg(svr_forward *f, svr_leg *leg) {
    svr_crypt_op op;
    svr_time now = f->rt->now;
    if (!leg->path || !opens(leg->path) || now - leg->sent < KEEP_INTERVAL ||
        !svr_moment_since(leg->kept, now, KEEP_INTERVAL))
        return;
    svr_packet *pkt = svr_packet_get(f->rt->pool, SVR_METADATA_SESSION_MAX);
    if (!pkt) return;
    leg->kept = svr_moment_of(now);
    svr_control_send_alone(f, leg, pkt, &op,
                           svr_metadata_create(leg, SVR_CONTROL_KEEP_ALIVE, false, pkt, &op));
}

/* A slice of all sessions at a time, so that no tick is long. */
static void keep_sessions(svr_forward *f) {
    const svr_table *t = &f->sessions.by_uuid;
    size_t end = f->kept_at + t->size / KEEP_SLICES + 1;
    svr_session *s = NULL;
    while (f->kept_at < end && (s = svr_table_next(t, &f->kept_at)) != NULL)
        for (int side = 0; side < 2; side++)
            keep_leg(f, &s->leg[side]);
    if (!s) f->kept_at = 0;
}

static void tick(svr_timer *t, void *ctx, svr_time now) {
    svr_forward *f = svr_container_of(t, svr_forward, keep);
    svr_path *path;
    (void)ctx;
    svr_timer_set(t, &f->rt->timers, now + KEEP_TICK);
    for (size_t peer = 0, k = 0; (path = svr_peers_next_path(f->peers, &peer, &k)) != NULL;)
        open_spares(f, path, false);
    keep_sessions(f);
}

bool svr_nat_start(svr_forward *f) {
    svr_path *path;
    bool near = false;
    if (!svr_timer_init(&f->keep, &f->rt->timers, tick)) return false;
    for (size_t peer = 0, k = 0; (path = svr_peers_next_path(f->peers, &peer, &k)) != NULL;)
        near |= svr_path_get_config(path)->near_any;
    if (near) svr_timer_set(&f->keep, &f->rt->timers, f->rt->now + KEEP_TICK);
    return true;
}

void svr_nat_serves(svr_forward *f, svr_path *path) {
    if (svr_path_near_nat(path)) open_spares(f, path, true);
}

void svr_forward_remapped(svr_forward *f, svr_path *path) {
    svr_session *s;
    size_t pos = 0;
    if (!svr_path_in_service(path)) return;
    open_spares(f, path, true);
    while ((s = svr_table_next(&f->sessions.by_uuid, &pos)) != NULL)
        for (int side = 0; side < 2; side++)
            if (s->leg[side].path == path)
                svr_control_renew(f, &s->leg[side], f->rt->output_n < SVR_OUTPUT_MAX / 2);
}

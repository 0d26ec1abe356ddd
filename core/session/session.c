/* SPDX-License-Identifier: MIT
 *
 * A session has one timer. It is set when the session begins, and again only when it fires (the session was
 * active meanwhile), when a shorter idle limit applies (RST, FIN), or when a key rotation has a date: not for
 * each packet. */
#include "session/envelope.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- all sessions --------------------------------------------------------------------------- */

bool svr_sessions_init(svr_sessions *all, svr_runtime *rt, svr_duration rekey_ns) {
    *all = (svr_sessions){.rt = rt, .rekey_ns = rekey_ns};
    static_assert(sizeof(svr_tuple) == 2 * sizeof(svr_addr) + 4 * sizeof(uint16_t), "a key has no padding");
    svr_table_init(&all->by_uuid, rt->alloc, offsetof(svr_session, uuid), SVR_UUID_LEN, SVR_SESSIONS_MAX,
                   svr_runtime_jitter(rt, UINT64_MAX));
    svr_table_init(&all->by_tuple, rt->alloc, offsetof(svr_leg, arrival), sizeof(svr_tuple),
                   2 * SVR_SESSIONS_MAX, svr_runtime_jitter(rt, UINT64_MAX));
    return svr_formers_init(&all->former, rt) && svr_key_store_init(&all->store, rt);
}

bool svr_sessions_count_services(svr_sessions *all, const svr_service *services, size_t n) {
    all->of_service = svr_alloc_zero(all->rt->alloc, n ? n : 1, sizeof *all->of_service);
    if (!all->of_service) return false;
    all->services = services;
    all->n_services = n;
    return true;
}

/* Where the service's sessions are counted, or NULL. */
static uint32_t *counter_of(const svr_sessions *all, const svr_service *service) {
    bool known = all->of_service && service >= all->services && service < all->services + all->n_services;
    return known ? &all->of_service[service - all->services] : NULL;
}

size_t svr_sessions_of_service(const svr_sessions *all, const svr_service *service) {
    const uint32_t *n = counter_of(all, service);
    return n ? *n : 0;
}

/* ---- what the other node is told (PD-HA) ---------------------------------------------------- */

void svr_session_changed(svr_session *s) {
    svr_sessions *all = s->all;
    if (!all->replicate || s->changed || s->dead) return;
    s->changed = true;
    s->newer = NULL;
    s->older = all->newest_changed;
    *(s->older ? &s->older->newer : &all->oldest_changed) = s;
    all->newest_changed = s;
}

void svr_session_told(svr_session *s) {
    svr_sessions *all = s->all;
    if (!s->changed) return;
    s->changed = false;
    s->replicated = all->rt->now;
    *(s->newer ? &s->newer->older : &all->newest_changed) = s->older;
    *(s->older ? &s->older->newer : &all->oldest_changed) = s->newer;
}

/* Without memory the other node keeps a session too long: it ends there as well, by idleness, once it serves.
 */
static void remember_gone(svr_sessions *all, const uint8_t uuid[SVR_UUID_LEN]) {
    if (!all->replicate) return;
    if (all->n_gone == all->gone_size) {
        size_t size = all->gone_size ? 2 * all->gone_size : 64;
        void *more = svr_alloc_resize(all->rt->alloc, all->gone, size, SVR_UUID_LEN);
        if (!more) return;
        all->gone = more;
        all->gone_size = size;
    }
    memcpy(all->gone[all->n_gone++], uuid, SVR_UUID_LEN);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void unbind_leg(svr_leg *leg) {
    if (!leg->bound) return;
    svr_table_remove(&svr_leg_session(leg)->all->by_tuple, leg);
    if (leg->path) svr_leg_session(leg)->all->waypoints--;
    if (leg->path) svr_path_get_load(leg->path)->sessions--;
    leg->bound = false;
}

static void enter_count(svr_session *s) {
    uint32_t *n = counter_of(s->all, s->service);
    s->counted = true;
    s->all->created++;
    if (n) ++*n;
}

static void leave_count(const svr_session *s) {
    uint32_t *n = counter_of(s->all, s->service);
    s->all->ended++;
    if (n) --*n;
}

void svr_session_unlink(svr_session *s) {
    svr_sessions *all = s->all;
    svr_session_told(s);
    remember_gone(all, s->uuid);
    svr_table_remove(&all->by_uuid, s);
    for (int side = 0; side < 2; side++)
        unbind_leg(&s->leg[side]);
    if (s->counted) leave_count(s);
    svr_timer_fini(&s->timer, &all->rt->timers);
    svr_payload_fini(s);
    s->dead = true;
    s->older = all->dead;
    all->dead = s;
}

static void free_retired(svr_sessions *all) {
    for (svr_payload_key *k = all->retired, *next; k; k = next) {
        next = k->next_retired;
        svr_key_store_put(&all->store, k);
    }
    all->retired = NULL;
}

void svr_sessions_sweep(svr_sessions *all) {
    free_retired(all);
    for (svr_session *s = all->dead, *next; s; s = next) {
        next = s->older;
        svr_alloc_free(all->rt->alloc, s->through);
        svr_alloc_free(all->rt->alloc, s);
    }
    all->dead = NULL;
    while (all->store.n > SVR_KEYS_READY_MAX && svr_key_store_trim(&all->store))
        free_retired(all);
}

void svr_sessions_fini(svr_sessions *all) {
    svr_session *s;
    size_t pos = 0;
    if (!all->rt) return;
    while (pos = 0, (s = svr_table_next(&all->by_uuid, &pos)) != NULL)
        svr_session_unlink(s);
    svr_sessions_sweep(all);
    svr_alloc_free(all->rt->alloc, all->gone);
    svr_alloc_free(all->rt->alloc, all->of_service);
    svr_table_fini(&all->by_uuid);
    svr_table_fini(&all->by_tuple);
    svr_formers_fini(&all->former);
    svr_key_store_fini(&all->store);
    *all = (svr_sessions){0};
}

svr_leg *svr_sessions_find(const svr_sessions *all, const svr_tuple *arrival) {
    return svr_table_get(&all->by_tuple, arrival);
}

svr_session *svr_sessions_find_uuid(const svr_sessions *all, const uint8_t uuid[SVR_UUID_LEN]) {
    return svr_table_get(&all->by_uuid, uuid);
}

svr_tuple svr_tuple_of(const svr_flow *flow, svr_ifid ifid) {
    return (svr_tuple){.src = flow->src,
                       .dst = flow->dst,
                       .sport = flow->sport,
                       .dport = flow->dport,
                       .proto = flow->proto,
                       .ifid = ifid};
}

static svr_flow flow_of(const svr_tuple *t) {
    return (svr_flow){
        .src = t->src, .dst = t->dst, .sport = t->sport, .dport = t->dport, .proto = (uint8_t)t->proto};
}

svr_flow svr_session_flow(const svr_session *s) {
    if (s->through) return *s->through;
    if (!s->leg[SVR_ORIGIN].path) return flow_of(&s->leg[SVR_ORIGIN].arrival);
    svr_flow reverse = flow_of(&s->leg[SVR_TARGET].arrival);
    return svr_flow_reverse(&reverse);
}

uint8_t svr_session_proto(const svr_session *s) {
    if (s->through) return s->through->proto;
    return (uint8_t)s->leg[s->leg[SVR_ORIGIN].path ? SVR_TARGET : SVR_ORIGIN].arrival.proto;
}

/* ---- one session ---------------------------------------------------------------------------- */

const char *svr_session_text(const svr_session *s, char out[SVR_SESSION_TEXT_MAX]) {
    return svr_hex(s->uuid, (SVR_SESSION_TEXT_MAX - 1) / 2, out);
}

const char *svr_session_place(const svr_session *s) {
    if (svr_session_is_originator(s)) return "ingress";
    if (!svr_session_is_endpoint(s)) return "transit";
    return s->leg[SVR_ORIGIN].path ? "egress" : "local";
}

static void tell(const svr_session *s, const char *to, const char *reason) {
    char uuid[SVR_SESSION_TEXT_MAX];
    svr_event *ev = svr_runtime_event(s->all->rt, SVR_EVENT_SESSION);
    const svr_leg *leg = &s->leg[s->leg[SVR_TARGET].path ? SVR_TARGET : SVR_ORIGIN];
    if (leg->path) svr_strcpy(ev->peer, sizeof ev->peer, svr_peer_name(svr_path_peer(leg->path)));
    ev->to = to;
    ev->reason = reason;
    snprintf(ev->detail, sizeof ev->detail, "%s %s %s", svr_session_text(s, uuid), s->service->name,
             svr_session_place(s));
}

static svr_duration tcp_idle_limit(const svr_session *s) {
    if (s->reset) return SVR_IDLE_TCP_RESET;
    if (s->fin[SVR_ORIGIN] && s->fin[SVR_TARGET]) return SVR_IDLE_TCP_FINISHED;
    return s->seen[SVR_ORIGIN] && s->seen[SVR_TARGET] ? SVR_IDLE_TCP : SVR_IDLE_TCP_HALF_OPEN;
}

static svr_duration idle_limit(const svr_session *s) {
    svr_duration margin = s->leg[SVR_ORIGIN].path ? SVR_IDLE_MARGIN : 0;
    if (svr_session_proto(s) == SVR_PROTO_TCP) return tcp_idle_limit(s) + margin;
    return (svr_session_proto(s) == SVR_PROTO_UDP ? SVR_IDLE_UDP : SVR_IDLE_ICMP) + margin;
}

void svr_session_plan(svr_session *s) {
    if (s->dead || s->all->standby) return;
    svr_time idle = s->last_seen + idle_limit(s), keys = svr_payload_deadline(s);
    svr_timer_set(&s->timer, &s->all->rt->timers, idle < keys ? idle : keys);
}

static void timer_due(svr_timer *t, void *ctx, svr_time now) {
    svr_session *s = svr_container_of(t, svr_session, timer);
    svr_sessions *all = s->all;
    (void)ctx;
    if (now - s->last_seen >= idle_limit(s)) {
        if (all->on_end) all->on_end(all->on_end_ctx, s);
        svr_session_delete(s, "idle");
    } else {
        svr_payload_run(s);
        svr_session_plan(s);
    }
    svr_sessions_sweep(all);
}

void svr_session_touch(svr_session *s, svr_side from, uint8_t tcp_flags) {
    svr_duration before = idle_limit(s);
    s->last_seen = s->all->rt->now;
    s->seen[from] = true;
    if (tcp_flags & SVR_TCP_RST) s->reset = true;
    if (tcp_flags & SVR_TCP_FIN) s->fin[from] = true;
    /* The same ports may soon serve a new connection. */
    if (tcp_flags & SVR_TCP_SYN) s->reset = s->fin[SVR_ORIGIN] = s->fin[SVR_TARGET] = false;
    if (idle_limit(s) < before) svr_session_plan(s);
    if (s->all->rt->now - s->replicated >= SVR_SEC) svr_session_changed(s);
}

/* ---- creation ------------------------------------------------------------------------------- */

/* Fills in the tuples of LAN legs: the flow as it arrives there. */
static void place_legs(svr_session *s, const svr_flow *flow) {
    svr_flow reverse = svr_flow_reverse(flow);
    for (int side = 0; side < 2; side++) {
        svr_leg *leg = &s->leg[side];
        leg->side = side != 0;
        leg->bound = false;
        if (leg->path) {
            leg->reminded = leg->kept = 0;
            leg->led = (svr_led){0};
            if (!leg->tcp_state) svr_envelope_begin(leg);
        }
        if (!leg->path) leg->arrival = svr_tuple_of(side == SVR_ORIGIN ? flow : &reverse, leg->lan->id);
        leg->handshake = (svr_handshake){.sending = leg->path && side == SVR_TARGET};
        svr_leg_begin(leg);
    }
}

/* A tuple on a LAN may pass from one session to the next of the same tenant: the other end began anew. */
static svr_drop check_conflicts(const svr_session *s) {
    for (int side = 0; side < 2; side++) {
        const svr_leg *holder = svr_sessions_find(s->all, &s->leg[side].arrival);
        if (holder && !holder->path && svr_leg_session(holder)->tenant != s->tenant)
            return SVR_DROP_SESSION_CONFLICT;
    }
    return SVR_DROP_NONE;
}

static bool bind_leg(svr_leg *leg) {
    svr_leg *holder = svr_sessions_find(svr_leg_session(leg)->all, &leg->arrival);
    if (holder) svr_session_delete(svr_leg_session(holder), "replaced");
    leg->bound = svr_table_put(&svr_leg_session(leg)->all->by_tuple, leg);
    if (leg->bound && leg->path) svr_leg_session(leg)->all->waypoints++;
    if (leg->bound && leg->path) svr_path_get_load(leg->path)->sessions++;
    return leg->bound;
}

static svr_drop enter(svr_session *s) {
    svr_sessions *all = s->all;
    svr_drop reason = check_conflicts(s);
    if (reason) return reason;
    if (all->by_uuid.n >= all->by_uuid.limit) return SVR_DROP_SESSION_LIMIT;
    if (!svr_table_put(&all->by_uuid, s)) return SVR_DROP_NO_MEMORY;
    return bind_leg(&s->leg[SVR_ORIGIN]) && bind_leg(&s->leg[SVR_TARGET]) ? SVR_DROP_NONE
                                                                          : SVR_DROP_NO_MEMORY;
}

static svr_drop prepare(svr_session *s, const svr_session_params *p) {
    svr_runtime *rt = s->all->rt;
    svr_hmac hmac = s->service->security ? s->service->security->hmac : SVR_HMAC_SHA384;
    place_legs(s, &p->flow);
    if (s->leg[SVR_ORIGIN].path && s->leg[SVR_TARGET].path) {
        s->through = svr_alloc_zero(rt->alloc, 1, sizeof *s->through);
        if (!s->through) return SVR_DROP_NO_MEMORY;
        *s->through = p->flow;
    }
    if (p->uuid)
        memcpy(s->uuid, p->uuid, SVR_UUID_LEN);
    else if (!svr_random(rt->crypt, s->uuid, SVR_UUID_LEN))
        return SVR_DROP_CRYPTO_FAILED;
    if (!svr_timer_init(&s->timer, &rt->timers, timer_due)) return SVR_DROP_NO_MEMORY;
    if (!s->leg[SVR_ORIGIN].path && !s->leg[SVR_TARGET].path) {
        s->keys.changeover = s->keys.erase = SVR_TIME_NEVER; /* plain routing has no keys */
        return SVR_DROP_NONE;
    }
    return svr_payload_start(s, p->key, hmac, svr_session_is_endpoint(s));
}

svr_drop svr_session_create(svr_sessions *all, const svr_session_params *p, svr_session **out) {
    svr_session *s = svr_alloc_zero(all->rt->alloc, 1, sizeof *s);
    if (!s) return SVR_DROP_NO_MEMORY;
    s->all = all;
    s->tenant = p->tenant;
    s->service = p->service;
    s->encrypt = p->encrypt;
    s->leg[0] = p->leg[0];
    s->leg[1] = p->leg[1];
    s->last_seen = all->rt->now;
    s->epoch = all->epoch;
    svr_drop reason = prepare(s, p);
    if (!reason) reason = enter(s);
    if (reason) {
        svr_session_unlink(s);
        return reason;
    }
    enter_count(s);
    svr_session_plan(s);
    svr_session_changed(s);
    if (!p->silent) tell(s, "created", "");
    *out = s;
    return SVR_DROP_NONE;
}

void svr_session_delete(svr_session *s, const char *reason) {
    if (s->dead) return;
    tell(s, "deleted", reason);
    svr_session_unlink(s);
}

bool svr_leg_rebind(svr_leg *leg, svr_path *path, const svr_tuple *arrival) {
    svr_table *table = &svr_leg_session(leg)->all->by_tuple;
    svr_leg *holder = svr_table_get(table, arrival);
    svr_tuple former = leg->arrival;
    if (holder == leg) return true;
    if (holder) svr_session_delete(svr_leg_session(holder), "replaced");
    svr_formers_add(&svr_leg_session(leg)->all->former, leg);
    /* The table just lost an item, so that putting one in needs no memory. */
    svr_table_remove(table, leg);
    leg->arrival = *arrival;
    leg->bound = svr_table_put(table, leg);
    svr_session_changed(svr_leg_session(leg));
    if (leg->bound) {
        svr_path_get_load(leg->path)->sessions--;
        svr_path_get_load(path)->sessions++;
        leg->path = path;
        svr_envelope_begin(leg);
        return true;
    }
    leg->arrival = former;
    leg->bound = svr_table_put(table, leg);
    return false;
}

void svr_leg_begin(svr_leg *leg) {
    if (!leg->path) return;
    leg->sent = svr_leg_session(leg)->all->rt->now;
    leg->told = svr_peer_life_mark(svr_path_peer(leg->path));
}

/* A transit router cannot see what an egress has seen of a TCP flow. */
static svr_duration silence_limit(const svr_session *s) {
    bool blind = svr_session_proto(s) == SVR_PROTO_TCP && !svr_session_is_endpoint(s);
    return blind ? SVR_IDLE_TCP_RESET : idle_limit(s);
}

bool svr_leg_in_doubt(const svr_leg *leg) {
    if (!leg->handshake.sending) return false;
    return svr_leg_session(leg)->all->rt->now - leg->sent >= silence_limit(svr_leg_session(leg)) ||
           leg->told != svr_peer_life_mark(svr_path_peer(leg->path));
}

/* ---- sizes ---------------------------------------------------------------------------------- */

size_t svr_session_stripped(uint8_t proto) {
    return proto == SVR_PROTO_UDP ? SVR_UDP_HEADER_LEN : proto == SVR_PROTO_TCP ? 4 : 0;
}

static size_t tag_len(const svr_session *s) {
    return svr_tag_len((svr_hmac)s->keys.newest.hmac);
}

size_t svr_session_body_len(const svr_session *s, size_t text_len) {
    size_t padded = s->encrypt ? (text_len / SVR_AES_BLOCK + 1) * SVR_AES_BLOCK : text_len;
    return SVR_PAYLOAD_NONCE_LEN + padded + tag_len(s);
}

size_t svr_leg_room(const svr_leg *out) {
    const svr_path_config *config = svr_path_get_config(out->path);
    size_t headers = svr_ip_header_len(config->local.family) + svr_envelope_len(&out->arrival);
    uint32_t mtu =
        svr_path_mtu(out->path) < SVR_PACKET_LEN_MAX ? svr_path_mtu(out->path) : SVR_PACKET_LEN_MAX;
    size_t room = mtu > headers ? mtu - headers : 0;
    return out->far_room && out->far_room < room ? out->far_room : room;
}

static size_t text_within(const svr_session *s, size_t room) {
    size_t fixed = SVR_PAYLOAD_NONCE_LEN + tag_len(s);
    if (room < fixed + SVR_AES_BLOCK) return 0;
    return s->encrypt ? (room - fixed) / SVR_AES_BLOCK * SVR_AES_BLOCK - 1 : room - fixed;
}

size_t svr_session_text_max(const svr_session *s, const svr_leg *out) {
    return text_within(s, svr_leg_room(out));
}

/* Nobody has said yet what the paths further on take: every path takes the least. */
static size_t sure_room(const svr_leg *out) {
    size_t room = svr_leg_room(out);
    size_t least = SVR_PATH_MTU_MIN - svr_ip_header_len(svr_path_get_config(out->path)->local.family) -
                   svr_envelope_len(&out->arrival);
    bool unknown = out->side == SVR_TARGET && out->handshake.sending;
    return unknown && least < room ? least : room;
}

size_t svr_session_text_sure(const svr_session *s, const svr_leg *out) {
    return text_within(s, sure_room(out));
}

size_t svr_session_piece_max(const svr_session *s, const svr_leg *out) {
    size_t room = sure_room(out);
    return room > SVR_PIECE_HEADER_LEN ? text_within(s, room - SVR_PIECE_HEADER_LEN) / 8 * 8 : 0;
}

size_t svr_session_mtu(const svr_session *s, const svr_leg *out) {
    return svr_ip_header_len(svr_session_flow(s).src.family) + svr_session_stripped(svr_session_proto(s)) +
           svr_session_text_max(s, out);
}

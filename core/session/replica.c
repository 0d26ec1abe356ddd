/* SPDX-License-Identifier: MIT
 *
 *   session  uuid(16) flow tenant(2) service(2) flags(1) leg leg newest key, its age(8)
 *            current, next and old key; changeover in(8), erasure in(8)
 *   gone     uuid(16)
 *
 * A leg is a path by its two addresses, with the waypoints of what arrives on it, or a LAN interface by its
 * name: both nodes have the same ones. */
#include "session/replica.h"

#include "base/instant.h"

#define COUNTER_JUMP (UINT64_C(1) << 32) /* more than is sent before the other node is told */
#define NO_TENANT UINT16_MAX

enum {
    ENCRYPTED = 1,
    SEEN_ORIGIN = 2,
    SEEN_TARGET = 4,
    FIN_ORIGIN = 8,
    FIN_TARGET = 16,
    RESET = 32,
    HEARD = 64
};

/* ---- writing -------------------------------------------------------------------------------- */

static void write_flow(svr_writer *w, const svr_flow *f) {
    svr_write_bytes(w, &f->src, sizeof f->src);
    svr_write_bytes(w, &f->dst, sizeof f->dst);
    svr_write16(w, f->sport);
    svr_write16(w, f->dport);
    svr_write8(w, f->proto);
}

static void write_leg(svr_writer *w, const svr_leg *leg) {
    svr_write8(w, leg->path != NULL);
    if (leg->path) {
        const svr_path_config *config = svr_path_get_config(leg->path);
        svr_write_bytes(w, &config->local, sizeof config->local);
        svr_write_bytes(w, svr_path_identity(leg->path), sizeof config->remote);
        svr_write_bytes(w, &leg->arrival, sizeof leg->arrival);
        svr_write8(w, leg->tcp_state);
        svr_write_bytes(w, &leg->tcp, sizeof leg->tcp);
        return;
    }
    size_t len = strlen(leg->lan->name);
    svr_write8(w, (uint8_t)len);
    svr_write_bytes(w, leg->lan->name, len);
    svr_write_bytes(w, &leg->gateway, sizeof leg->gateway);
}

static void write_key(svr_writer *w, const svr_payload_key *key) {
    svr_write8(w, key != NULL);
    if (!key) return;
    svr_write8(w, key->phase);
    svr_write_bytes(w, key->key, sizeof key->key);
    svr_write64(w, key->sent);
    svr_write64(w, key->seen.newest);
}

/* The same of one that is parked. */
static void write_parked(svr_writer *w, const svr_payload_ring *k) {
    svr_write8(w, 1);
    svr_write8(w, k->newest.phase);
    svr_write_bytes(w, k->newest.key, sizeof k->newest.key);
    svr_write64(w, k->parked_sent);
    svr_write64(w, k->parked_seen);
}

static void write_keys(svr_writer *w, const svr_payload_ring *k, svr_time now) {
    svr_write8(w, k->newest.phase);
    svr_write8(w, k->newest.hmac);
    svr_write_bytes(w, k->newest.key, sizeof k->newest.key);
    svr_write_age(w, k->made, now);
    if (k->parked)
        write_parked(w, k);
    else
        write_key(w, k->current);
    write_key(w, k->next);
    write_key(w, k->old);
    svr_write_left(w, k->parked ? SVR_TIME_NEVER : k->changeover, now);
    svr_write_left(w, k->parked ? SVR_TIME_NEVER : k->erase, now);
}

static void write_session(const svr_session *s, const svr_replica_place *place, svr_writer *w) {
    const svr_config *c = place->config;
    svr_write_bytes(w, s->uuid, SVR_UUID_LEN);
    svr_flow flow = svr_session_flow(s);
    write_flow(w, &flow);
    svr_write16(w, s->tenant ? (uint16_t)(s->tenant - c->tenants) : NO_TENANT);
    svr_write16(w, (uint16_t)(s->service - c->services));
    svr_write8(w, (uint8_t)((s->encrypt ? ENCRYPTED : 0) | (s->seen[0] ? SEEN_ORIGIN : 0) |
                            (s->seen[1] ? SEEN_TARGET : 0) | (s->fin[0] ? FIN_ORIGIN : 0) |
                            (s->fin[1] ? FIN_TARGET : 0) | (s->reset ? RESET : 0) |
                            (s->keys.heard ? HEARD : 0)));
    write_leg(w, &s->leg[SVR_ORIGIN]);
    write_leg(w, &s->leg[SVR_TARGET]);
    write_keys(w, &s->keys, s->all->rt->now);
}

svr_replica_kind svr_sessions_export(svr_sessions *all, const svr_replica_place *place, svr_writer *w) {
    if (all->n_gone) {
        svr_write_bytes(w, all->gone[--all->n_gone], SVR_UUID_LEN);
        return SVR_REPLICA_GONE;
    }
    svr_session *s = all->oldest_changed;
    if (!s) return SVR_REPLICA_NONE;
    write_session(s, place, w);
    svr_session_told(s);
    return SVR_REPLICA_SESSION;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void read_flow(svr_reader *r, svr_flow *f) {
    svr_read_copy(r, &f->src, sizeof f->src);
    svr_read_copy(r, &f->dst, sizeof f->dst);
    f->sport = svr_read16(r);
    f->dport = svr_read16(r);
    f->proto = svr_read8(r);
}

static const svr_interface *find_lan(const svr_node_config *node, const uint8_t *name, size_t len) {
    for (size_t i = 0; i < node->n_interfaces; i++)
        if (strlen(node->interfaces[i].name) == len && memcmp(node->interfaces[i].name, name, len) == 0)
            return &node->interfaces[i];
    return NULL;
}

static bool read_leg(svr_reader *r, const svr_replica_place *place, svr_leg *leg) {
    if (svr_read8(r)) {
        svr_addr local, remote;
        svr_read_copy(r, &local, sizeof local);
        svr_read_copy(r, &remote, sizeof remote);
        svr_read_copy(r, &leg->arrival, sizeof leg->arrival);
        leg->tcp_state = svr_read8(r) & SVR_ENVELOPE_CLOSING;
        svr_read_copy(r, &leg->tcp, sizeof leg->tcp);
        leg->path = r->ok ? svr_peers_find_path(place->peers, &local, &remote) : NULL;
        return leg->path != NULL;
    }
    size_t len = svr_read8(r);
    const uint8_t *name = svr_read_bytes(r, len);
    svr_read_copy(r, &leg->gateway, sizeof leg->gateway);
    leg->lan = r->ok ? find_lan(place->node, name, len) : NULL;
    return leg->lan != NULL;
}

static bool read_key(svr_reader *r, svr_session *s, svr_payload_key **slot) {
    svr_payload_key_tlv from = {.hmac = s->keys.newest.hmac};
    svr_payload_retire(s, slot);
    if (!svr_read8(r)) return r->ok;
    from.phase = svr_read8(r);
    svr_read_copy(r, from.key, sizeof from.key);
    uint64_t sent = svr_read64(r), newest = svr_read64(r);
    *slot = r->ok ? svr_payload_restore(s, &from, sent, newest) : NULL;
    svr_wipe(&from, sizeof from);
    return *slot != NULL;
}

static bool read_keys(svr_reader *r, svr_session *s, svr_time made) {
    svr_payload_ring *k = &s->keys;
    svr_time now = s->all->rt->now;
    k->made = made;
    k->parked = false;
    if (!read_key(r, s, &k->current) || !read_key(r, s, &k->next) || !read_key(r, s, &k->old)) return false;
    k->changeover = svr_read_left(r, now);
    k->erase = svr_read_left(r, now);
    return r->ok;
}

static void set_flags(svr_session *s, uint8_t flags) {
    s->seen[0] = flags & SEEN_ORIGIN;
    s->seen[1] = flags & SEEN_TARGET;
    s->fin[0] = flags & FIN_ORIGIN;
    s->fin[1] = flags & FIN_TARGET;
    s->reset = flags & RESET;
    s->keys.heard = flags & HEARD;
}

static bool import_session(svr_sessions *all, const svr_replica_place *place, svr_reader *r) {
    svr_payload_key_tlv newest;
    svr_session *s;
    const uint8_t *uuid = svr_read_bytes(r, SVR_UUID_LEN);
    svr_session_params p = {.uuid = uuid, .key = &newest, .silent = true};
    read_flow(r, &p.flow);
    uint16_t tenant = svr_read16(r), service = svr_read16(r);
    uint8_t flags = svr_read8(r);
    if (!r->ok || service >= place->config->n_services ||
        (tenant != NO_TENANT && tenant >= place->config->n_tenants))
        return false;
    p.tenant = tenant == NO_TENANT ? NULL : &place->config->tenants[tenant];
    p.service = &place->config->services[service];
    p.encrypt = flags & ENCRYPTED;
    if (!read_leg(r, place, &p.leg[SVR_ORIGIN]) || !read_leg(r, place, &p.leg[SVR_TARGET])) return false;
    newest.phase = svr_read8(r);
    newest.hmac = svr_read8(r);
    svr_read_copy(r, newest.key, sizeof newest.key);
    svr_time made = svr_read_age(r, all->rt->now);
    svr_session *former = r->ok ? svr_sessions_find_uuid(all, uuid) : NULL;
    if (former) svr_session_unlink(former);
    bool ok = r->ok && svr_session_create(all, &p, &s) == SVR_DROP_NONE;
    svr_wipe(&newest, sizeof newest);
    if (!ok) return false;
    set_flags(s, flags);
    if (read_keys(r, s, made)) return true;
    svr_session_unlink(s);
    return false;
}

bool svr_sessions_import(svr_sessions *all, const svr_replica_place *place, svr_replica_kind kind,
                         svr_reader *r) {
    bool ok = true;
    if (kind == SVR_REPLICA_SESSION) {
        ok = import_session(all, place, r);
    } else {
        const uint8_t *uuid = svr_read_bytes(r, SVR_UUID_LEN);
        svr_session *s = uuid ? svr_sessions_find_uuid(all, uuid) : NULL;
        if (s) svr_session_unlink(s);
        ok = uuid != NULL;
    }
    svr_sessions_sweep(all);
    return ok;
}

/* ---- roles ---------------------------------------------------------------------------------- */

void svr_sessions_replicate(svr_sessions *all) {
    svr_session *s;
    size_t pos = 0;
    all->replicate = true;
    all->n_gone = 0;
    while ((s = svr_table_next(&all->by_uuid, &pos)) != NULL)
        svr_session_changed(s);
}

void svr_sessions_keep_to_itself(svr_sessions *all) {
    while (all->oldest_changed)
        svr_session_told(all->oldest_changed);
    all->replicate = false;
    all->n_gone = 0;
}

void svr_sessions_stand_by(svr_sessions *all) {
    svr_session *s;
    size_t pos = 0;
    svr_sessions_keep_to_itself(all);
    all->standby = true;
    while ((s = svr_table_next(&all->by_uuid, &pos)) != NULL)
        svr_timer_stop(&s->timer, &all->rt->timers);
}

static void jump(svr_payload_key *key, unsigned times) {
    if (key) key->sent += times * COUNTER_JUMP;
}

static void jump_session(svr_session *s, unsigned times) {
    if (s->keys.parked) s->keys.parked_sent += times * COUNTER_JUMP;
    jump(s->keys.current, times);
    jump(s->keys.next, times);
    jump(s->keys.old, times);
}

void svr_sessions_jump(svr_sessions *all, unsigned times) {
    svr_session *s;
    size_t pos = 0;
    while ((s = svr_table_next(&all->by_uuid, &pos)) != NULL)
        jump_session(s, times);
}

void svr_sessions_activate(svr_sessions *all) {
    svr_session *s;
    size_t pos = 0;
    all->standby = false;
    while ((s = svr_table_next(&all->by_uuid, &pos)) != NULL) {
        jump_session(s, 1);
        s->last_seen = all->rt->now;
        s->leg[SVR_TARGET].handshake.sending = s->leg[SVR_TARGET].path != NULL;
        svr_leg_begin(&s->leg[SVR_TARGET]); /* the jump keeps nonces apart */
        svr_session_plan(s);
    }
}

void svr_sessions_forget(svr_sessions *all) {
    svr_session *s;
    size_t pos = 0;
    bool replicate = all->replicate;
    all->replicate = false;
    while (pos = 0, (s = svr_table_next(&all->by_uuid, &pos)) != NULL)
        svr_session_unlink(s);
    svr_sessions_sweep(all);
    all->replicate = replicate;
}

/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <string.h>

void svrpcap_tally_init(svrpcap_tally *t) {
    *t = (svrpcap_tally){0};
    svrpcap_table_init(&t->routers, sizeof((svrpcap_router *)NULL)->name, sizeof(svrpcap_router),
                       SVRPCAP_ROUTERS_MAX);
    svrpcap_table_init(&t->paths, sizeof((svrpcap_path *)NULL)->ends, sizeof(svrpcap_path),
                       SVRPCAP_PATHS_MAX);
    svrpcap_table_init(&t->keys, sizeof((svrpcap_key_use *)NULL)->id, sizeof(svrpcap_key_use),
                       SVRPCAP_KEY_USES_MAX);
    svrpcap_table_init(&t->sessions, SVR_SEEN_UUID_LEN, sizeof(svrpcap_session), SVRPCAP_SESSIONS_MAX);
}

void svrpcap_tally_fini(svrpcap_tally *t) {
    svrpcap_table_fini(&t->routers);
    svrpcap_table_fini(&t->paths);
    svrpcap_table_fini(&t->keys);
    svrpcap_table_fini(&t->sessions);
}

static void add(svrpcap_count *c, const svrpcap_packet *p) {
    c->packets++;
    c->bytes += p->ip_len ? p->ip_len : p->raw.orig_len;
}

static void stretch(svrpcap_moments *m, bool is_new, svr_wall at) {
    if (is_new || at < m->first) m->first = at;
    if (is_new || at > m->last) m->last = at;
}

/* ---- routers and paths ---------------------------------------------------------------------- */

static void name_router(svrpcap_tally *t, const char *name, const svr_addr *a) {
    char key[SVR_NAME_MAX + 1] = {0};
    bool is_new;
    svr_strcpy(key, sizeof key, name);
    svrpcap_router *r = svrpcap_table_add(&t->routers, key, &is_new);
    if (!r) return;
    for (size_t i = 0; i < r->n_addresses; i++)
        if (svr_addr_equal(&r->addresses[i], a)) return;
    if (r->n_addresses < SVRPCAP_ADDRESSES_SHOWN) r->addresses[r->n_addresses++] = *a;
}

static void note_state(svrpcap_path *path, int end, svr_bfd_state state, svr_wall at) {
    if (path->has_state[end] && path->state[end] == state) return;
    path->has_state[end] = true;
    path->state[end] = state;
    path->changes[path->n_changes++ % SVRPCAP_UPS_SHOWN] = (svrpcap_bfd_change){at, (uint8_t)end, state};
}

static void note_messages(svrpcap_path *path, const svrpcap_packet *p) {
    for (size_t i = 0; i < p->seen.n_messages; i++) {
        unsigned kind = p->seen.messages[i].kind;
        if (kind >= sizeof path->messages / sizeof *path->messages) continue;
        stretch(&path->message_when[kind], !path->messages[kind], p->raw.time);
        path->messages[kind]++;
    }
}

static void tally_path(svrpcap_tally *t, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    svr_addr ends[2] = {s->outer.src, s->outer.dst};
    bool is_new;
    int from = svr_addr_compare(&ends[0], &ends[1]) > 0;
    if (from) {
        ends[0] = s->outer.dst;
        ends[1] = s->outer.src;
    }
    svrpcap_path *path = svrpcap_table_add(&t->paths, ends, &is_new);
    if (!path) return;
    stretch(&path->when, is_new, p->raw.time);
    add(s->kind == SVR_SEEN_BFD ? &path->bfd : &path->sessions, p);
    if (s->has_bfd && s->metadata != SVR_AUTH_BAD) note_state(path, from, s->bfd.state, p->raw.time);
    note_messages(path, p);
    if (s->metadata != SVR_AUTH_GOOD) return;
    svr_strcpy(path->names[from], sizeof path->names[from], s->sender);
    svr_strcpy(path->names[!from], sizeof path->names[!from], s->receiver);
    name_router(t, s->sender, &s->outer.src);
    name_router(t, s->receiver, &s->outer.dst);
}

static void tally_key(svrpcap_tally *t, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    svrpcap_key_use use;
    bool is_new;
    if (s->metadata != SVR_AUTH_GOOD) return;
    memset(&use, 0, sizeof use);
    svr_strcpy(use.id.sender, sizeof use.id.sender, s->sender);
    svr_strcpy(use.id.receiver, sizeof use.id.receiver, s->receiver);
    use.id.index = s->key_index;
    use.id.peer = s->kind == SVR_SEEN_BFD;
    if (use.id.peer) memcpy(use.id.fingerprint, s->key_fingerprint, sizeof use.id.fingerprint);
    svrpcap_key_use *k = svrpcap_table_add(&t->keys, &use.id, &is_new);
    if (!k) return;
    stretch(&k->when, is_new, p->raw.time);
    if (is_new) k->nonce_first = s->nonce;
    k->nonce_last = s->nonce;
    k->packets++;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void note_waypoints(svrpcap_session *session, const svr_seen *s) {
    svr_flow f = s->forward ? s->outer : svr_flow_reverse(&s->outer);
    for (size_t i = 0; i < session->n_waypoints && i < SVRPCAP_WAYPOINTS_SHOWN; i++)
        if (svr_flow_equal(&session->waypoints[i], &f)) return;
    session->waypoints[session->n_waypoints++ % SVRPCAP_WAYPOINTS_SHOWN] = f;
}

static void note_phase(svrpcap_session *session, const svrpcap_packet *p) {
    svrpcap_phase *phase = NULL;
    for (size_t i = 0; i < session->n_phases && i < SVRPCAP_PHASES_SHOWN; i++)
        if (session->phases[i].phase == p->seen.phase) phase = &session->phases[i];
    if (!phase) {
        phase = &session->phases[session->n_phases++ % SVRPCAP_PHASES_SHOWN];
        *phase = (svrpcap_phase){p->seen.phase, {INT64_MAX, INT64_MAX}};
    }
    svr_wall *first = &phase->first[!p->seen.forward];
    if (*first == INT64_MAX) *first = p->raw.time;
}

static void tally_session(svrpcap_tally *t, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    bool is_new;
    if (!s->has_session) return;
    svrpcap_session *session = svrpcap_table_add(&t->sessions, s->uuid, &is_new);
    if (!session) return;
    if (is_new || s->has_metadata) {
        session->inner = s->inner;
        session->encrypted = s->encrypted;
        memcpy(session->service, s->service, sizeof session->service);
        memcpy(session->tenant, s->tenant, sizeof session->tenant);
    }
    stretch(&session->when, is_new, p->raw.time);
    add(&session->way[!s->forward], p);
    session->metadata += s->has_metadata;
    session->bad += s->metadata == SVR_AUTH_BAD || s->payload == SVR_AUTH_BAD;
    note_waypoints(session, s);
    if (s->payload != SVR_AUTH_GOOD) return;
    session->text[!s->forward] += s->text_len;
    note_phase(session, p);
}

void svrpcap_tally_packet(svrpcap_tally *t, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    svrpcap_count *kinds[] = {&t->other, &t->bfd, &t->session};
    add(p->ip ? kinds[s->kind] : &t->no_ip, p);
    if (s->kind == SVR_SEEN_OTHER) return;
    t->auth[0][s->metadata]++;
    t->auth[1][s->payload]++;
    t->malformed += s->malformed;
    t->clear_context += s->clear_context;
    tally_path(t, p);
    tally_key(t, p);
    if (s->kind == SVR_SEEN_SESSION) tally_session(t, p);
}

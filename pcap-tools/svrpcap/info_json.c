/* SPDX-License-Identifier: MIT
 * The same as an object. */
#include "common/json.h"

#include "info.h"
#include "packet.h"

static void set(json_t *o, const char *name, json_t *value) {
    if (value) json_object_set_new_nocheck(o, name, value);
}
static void set_number(json_t *o, const char *name, uint64_t v) {
    set(o, name, json_integer((json_int_t)v));
}

static void set_moments(json_t *o, const svrpcap_moments *m) {
    set(o, "first", svrpcap_time_json(m->first));
    set(o, "last", svrpcap_time_json(m->last));
}

static json_t *addr_json(const svr_addr *a) {
    char text[SVR_ADDR_TEXT_MAX];
    return json_string(svr_addr_format(a, text));
}

static json_t *count_json(const svrpcap_count *c) {
    json_t *o = json_object();
    set_number(o, "packets", c->packets);
    set_number(o, "bytes", c->bytes);
    return o;
}

/* An array of what `make` makes of each record. */
static json_t *list(void *const *records, size_t n, json_t *(*make)(const void *)) {
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, make(records[i]));
    return all;
}

static json_t *router_json(const void *record) {
    const svrpcap_router *r = record;
    json_t *o = json_object(), *addresses = json_array();
    set(o, "name", svr_json_text(r->name));
    for (size_t i = 0; i < r->n_addresses; i++)
        json_array_append_new(addresses, addr_json(&r->addresses[i]));
    set(o, "addresses", addresses);
    return o;
}

static json_t *changes_json(const svrpcap_path *p) {
    json_t *changes = json_array();
    for (size_t i = 0; i < svrpcap_ring_kept(p->n_changes, SVRPCAP_UPS_SHOWN); i++) {
        const svrpcap_bfd_change *c = &p->changes[svrpcap_ring_at(p->n_changes, SVRPCAP_UPS_SHOWN, i)];
        json_t *o = json_object();
        set(o, "time", svrpcap_time_json(c->at));
        set(o, "address", addr_json(&p->ends[c->end]));
        set(o, "state", json_string(svrpcap_bfd_state_name(c->state)));
        json_array_append_new(changes, o);
    }
    return changes;
}

static json_t *path_json(const void *record) {
    const svrpcap_path *p = record;
    json_t *o = json_object(), *addresses = json_array(), *names = json_array(), *messages = json_object();
    for (int i = 0; i < 2; i++) {
        json_array_append_new(addresses, addr_json(&p->ends[i]));
        json_array_append_new(names, svr_json_text(p->names[i]));
    }
    set(o, "addresses", addresses);
    set(o, "routers", names);
    set_moments(o, &p->when);
    set(o, "bfd", count_json(&p->bfd));
    set(o, "sessions", count_json(&p->sessions));
    set_number(o, "bfd_changes_count", p->n_changes);
    set(o, "bfd_changes", changes_json(p));
    for (uint8_t kind = 0; kind < sizeof p->messages / sizeof *p->messages; kind++)
        if (p->messages[kind]) set_number(messages, svr_seen_message_name(kind), p->messages[kind]);
    set(o, "messages", messages);
    return o;
}

static json_t *key_json(const void *record) {
    const svrpcap_key_use *k = record;
    json_t *o = json_object();
    set(o, "kind", json_string(k->id.peer ? "peer key" : "metadata key"));
    set(o, "sender", svr_json_text(k->id.sender));
    set(o, "receiver", svr_json_text(k->id.receiver));
    set_number(o, "index", k->id.index);
    if (k->id.peer) set(o, "fingerprint", svrpcap_hex_json(k->id.fingerprint, sizeof k->id.fingerprint));
    set_moments(o, &k->when);
    set_number(o, "packets", k->packets);
    set_number(o, "nonce_first", k->nonce_first);
    set_number(o, "nonce_last", k->nonce_last);
    return o;
}

static json_t *phases_json(const svrpcap_session *s) {
    json_t *phases = json_array();
    for (size_t i = 0; i < svrpcap_ring_kept(s->n_phases, SVRPCAP_PHASES_SHOWN); i++) {
        const svrpcap_phase *p = &s->phases[svrpcap_ring_at(s->n_phases, SVRPCAP_PHASES_SHOWN, i)];
        json_t *o = json_object();
        set_number(o, "phase", p->phase);
        if (p->first[0] != INT64_MAX) set(o, "forward", svrpcap_time_json(p->first[0]));
        if (p->first[1] != INT64_MAX) set(o, "reverse", svrpcap_time_json(p->first[1]));
        json_array_append_new(phases, o);
    }
    return phases;
}

static json_t *session_json(const void *record) {
    const svrpcap_session *s = record;
    json_t *o = json_object(), *waypoints = json_array();
    set(o, "uuid", svrpcap_hex_json(s->uuid, sizeof s->uuid));
    set(o, "inner", svrpcap_flow_json(&s->inner));
    set(o, "service", svr_json_text(s->service));
    set(o, "tenant", svr_json_text(s->tenant));
    set(o, "encrypted", json_boolean(s->encrypted));
    set_moments(o, &s->when);
    set(o, "forward", count_json(&s->way[0]));
    set(o, "reverse", count_json(&s->way[1]));
    set_number(o, "metadata", s->metadata);
    set_number(o, "bad", s->bad);
    for (size_t i = 0; i < svrpcap_ring_kept(s->n_waypoints, SVRPCAP_WAYPOINTS_SHOWN); i++)
        json_array_append_new(
            waypoints,
            svrpcap_flow_json(&s->waypoints[svrpcap_ring_at(s->n_waypoints, SVRPCAP_WAYPOINTS_SHOWN, i)]));
    set(o, "waypoints", waypoints);
    set(o, "phases", phases_json(s));
    return o;
}

static json_t *auth_json(const uint64_t auth[4]) {
    json_t *o = json_object();
    for (unsigned i = SVR_AUTH_NO_KEY; i <= SVR_AUTH_BAD; i++)
        set_number(o, svr_seen_auth_name((svr_seen_auth)i), auth[i]);
    return o;
}

bool svrpcap_info_json(const svrpcap_report *r, FILE *out) {
    const svrpcap_tally *t = r->tally;
    json_t *o = json_object();
    set(o, "file", svr_json_text(r->o->words[0]));
    set(o, "format", json_string(svr_capture_format(r->capture)));
    set_number(o, "packets", r->totals->packets);
    set_number(o, "matched", r->totals->matched);
    set_number(o, "bytes", r->totals->bytes);
    if (r->totals->has_time) set_moments(o, &(svrpcap_moments){r->totals->first, r->totals->last});
    set_number(o, "key_lines", r->totals->keys);
    set(o, "bfd", count_json(&t->bfd));
    set(o, "session", count_json(&t->session));
    set(o, "other", count_json(&t->other));
    set(o, "not_ip", count_json(&t->no_ip));
    set(o, "metadata", auth_json(t->auth[0]));
    set(o, "payload", auth_json(t->auth[1]));
    set_number(o, "malformed", t->malformed);
    set(o, "routers", list(t->routers.records, t->routers.n, router_json));
    set(o, "paths", list(t->paths.records, t->paths.n, path_json));
    set(o, "keys", list(t->keys.records, t->keys.n, key_json));
    set(o, "sessions", list((void **)r->sessions, r->n_sessions, session_json));
    return svrpcap_write_json(o, out);
}

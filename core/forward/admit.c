/* SPDX-License-Identifier: MIT
 *
 * Metadata that a peer has signed makes, moves and feeds sessions. What it says is checked completely before
 * anything changes: against the configuration (service, tenant, route) and against what is already known
 * under its UUID and its waypoints.
 *
 *   forward context   UUID new:    the session begins here, as egress or transit
 *                     UUID known:  other waypoints: the peer moved it; a newer payload key: it was rotated
 *   reverse context   acknowledges ours, when it names our newest key
 *   control message   enable: the peer has lost the session. The ingress makes a new key, since the peer
 * counts nonces from 1 again; a transit router asks the router before it. disable: acknowledges, for flows
 * that answer nothing. */
#include "forward/icmp.h"

#include <string.h>

/* Who signed metadata may speak for this session only if it is the neighbor on that leg. */
static bool speaks_for(const svr_work *w, const svr_leg *leg) {
    return leg->path && svr_path_peer(leg->path) == svr_path_peer(w->path);
}

/* Our forward metadata has arrived, and the newest key with it. */
static bool names_newest(const svr_session *s, const svr_metadata_facts *facts) {
    return facts->has_key && facts->key.phase == s->keys.newest.phase &&
           svr_equal_constant_time(facts->key.key, s->keys.newest.key, SVR_PAYLOAD_KEY_LEN);
}

static void acknowledged(svr_forward *f, svr_session *s) {
    svr_leg *origin = &s->leg[SVR_ORIGIN];
    if (svr_session_is_originator(s)) svr_payload_acknowledged(s);
    /* Now that the key has reached the far end, the router before us may be told. */
    if (origin->path) svr_control_review(f, origin);
}

/* ---- control messages ----------------------------------------------------------------------- */

static void lost_at_peer(svr_forward *f, svr_leg *leg) {
    svr_session *s = svr_leg_session(leg);
    svr_leg *origin = &s->leg[SVR_ORIGIN];
    bool fresh = f->rt->now - s->keys.made < SVR_REMIND_INTERVAL;
    if (leg->side == SVR_ORIGIN) {
        svr_control_renew(f, leg, false);
    } else if (origin->path) {
        svr_control_ask_leg(f, origin);
    } else if (!leg->handshake.sending || s->keys.next || !fresh) {
        if (svr_payload_renew(s, true)) svr_control_renew(f, leg, true);
    }
}

static svr_drop take_disable(svr_forward *f, svr_leg *leg, const svr_metadata_facts *facts) {
    svr_session *s = svr_leg_session(leg);
    if (!facts->has_uuid || memcmp(facts->uuid, s->uuid, SVR_UUID_LEN) != 0) return SVR_DROP_UNKNOWN_SESSION;
    if (leg->side == SVR_TARGET && !names_newest(s, facts)) return SVR_DROP_NONE;
    bool was_sending = leg->handshake.sending;
    leg->handshake.sending = svr_handshake_next(svr_leg_role(leg), was_sending, SVR_GOT_DISABLE);
    if (leg->side == SVR_TARGET && was_sending) acknowledged(f, s);
    return SVR_DROP_NONE;
}

/* The router before us, from which the flow comes, does not have the session any more. */
static svr_drop take_delete(svr_forward *f, svr_leg *leg, const svr_metadata_facts *facts) {
    svr_session *s = svr_leg_session(leg);
    if (leg->side != SVR_ORIGIN || !facts->has_uuid || memcmp(facts->uuid, s->uuid, SVR_UUID_LEN) != 0)
        return SVR_DROP_UNKNOWN_SESSION;
    svr_control_ended(f, s);
    svr_session_delete(s, "ended at its origin");
    return SVR_DROP_NONE;
}

/* A router behind a NAT keeps a session's mapping alive, or holds waypoints open for sessions to come. It
 * says nothing of the flow: the session does not live longer for it. */
static svr_drop take_keep_alive(svr_forward *f, svr_work *w, const svr_metadata_facts *facts) {
    svr_tuple tuple = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE);
    if (!facts->has_uuid) {
        if (!svr_sessions_find(&f->sessions, &tuple)) svr_nat_offered(f, w);
        return SVR_DROP_NONE;
    }
    svr_session *s = svr_sessions_find_uuid(&f->sessions, facts->uuid);
    svr_leg *leg = s ? &s->leg[facts->forward ? SVR_ORIGIN : SVR_TARGET] : NULL;
    if (!leg || leg->path != w->path) return SVR_DROP_UNKNOWN_SESSION;
    svr_drop reason = svr_path_far_nat(w->path) ? svr_nat_follow(f, w, leg) : SVR_DROP_NONE;
    if (!reason && !w->stale) svr_envelope_heard(leg, &w->tcp);
    return reason;
}

/* Unknown messages are let pass, as unknown TLVs are. */
static svr_drop take_control(svr_forward *f, svr_work *w, const svr_metadata_facts *facts) {
    svr_tuple tuple = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE);
    svr_leg *leg = svr_sessions_find(&f->sessions, &tuple);
    if (facts->control == SVR_CONTROL_KEEP_ALIVE) return take_keep_alive(f, w, facts);
    if (!leg || !speaks_for(w, leg)) return SVR_DROP_UNKNOWN_SESSION;
    svr_envelope_heard(leg, &w->tcp);
    if (facts->control == SVR_CONTROL_ENABLE_METADATA) lost_at_peer(f, leg);
    if (facts->control == SVR_CONTROL_DELETE_SESSION) return take_delete(f, leg, facts);
    return facts->control == SVR_CONTROL_DISABLE_METADATA ? take_disable(f, leg, facts) : SVR_DROP_NONE;
}

/* The peer passes on what has befallen a packet that we sent it. */
static svr_drop take_error(svr_forward *f, svr_work *w, const svr_metadata_facts *facts) {
    svr_leg *leg = svr_work_find(f, w);
    if (!facts->has_uuid || !facts->error.location.family) return SVR_DROP_METADATA_INCOMPLETE;
    if (!leg || !speaks_for(w, leg) || memcmp(facts->uuid, svr_leg_session(leg)->uuid, SVR_UUID_LEN) != 0)
        return SVR_DROP_UNKNOWN_SESSION;
    if (!w->stale) svr_envelope_heard(leg, &w->tcp);
    return svr_icmp_tell(f, svr_leg_opposite(leg), &facts->error);
}

/* ---- forward metadata ----------------------------------------------------------------------- */

static bool is_carried(uint8_t proto) {
    return proto == SVR_PROTO_TCP || proto == SVR_PROTO_UDP || proto == SVR_PROTO_ICMP ||
           proto == SVR_PROTO_ICMPV6;
}

static svr_drop begin(svr_forward *f, svr_work *w, const svr_metadata_facts *facts) {
    svr_session_params p = {
        .uuid = facts->uuid, .flow = facts->flow, .encrypt = w->encrypted, .key = &facts->key};
    svr_policy_hop hop;
    svr_session *s;
    svr_drop reason =
        svr_policy_named(f->config, facts->service, facts->tenant, &facts->flow, &p.service, &p.tenant);
    if (!reason && svr_policy_encrypts(p.service) && !w->encrypted) reason = SVR_DROP_SECURITY_MISMATCH;
    if (!reason)
        reason = svr_policy_route(f->peers, f->node, p.service, &facts->flow, svr_path_peer(w->path), &hop);
    if (reason) return reason;
    p.leg[SVR_ORIGIN].path = w->path;
    p.leg[SVR_ORIGIN].arrival = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE);
    p.leg[SVR_TARGET] = (svr_leg){.path = hop.path, .lan = hop.out, .gateway = hop.gateway};
    if (hop.path &&
        (!svr_limits_waypoint(f) ||
         !svr_waypoint_choose(&f->sessions, hop.path, facts->flow.proto, &p.leg[SVR_TARGET].arrival)))
        return svr_limits_note(f, SVR_DROP_NO_WAYPOINT);
    reason = svr_limits_note(f, svr_session_create(&f->sessions, &p, &s));
    if (reason) return reason;
    w->in = &s->leg[SVR_ORIGIN];
    if (svr_path_near_nat(w->path)) svr_nat_begun(f, w->path, &w->in->arrival);
    return svr_nat_follow(f, w, w->in);
}

static bool is_at(const svr_leg *leg, const svr_tuple *tuple) {
    return memcmp(&leg->arrival, tuple, sizeof *tuple) == 0;
}

static svr_drop feed(svr_forward *f, svr_work *w, svr_session *s, const svr_metadata_facts *facts) {
    svr_leg *in = &s->leg[SVR_ORIGIN], *out = &s->leg[SVR_TARGET];
    svr_tuple tuple = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE);
    bool changed;
    svr_flow known = svr_session_flow(s);
    if (!speaks_for(w, in) || !svr_flow_equal(&known, &facts->flow) || s->encrypt != w->encrypted ||
        s->keys.newest.hmac != facts->key.hmac)
        return SVR_DROP_SESSION_CONFLICT;
    /* What was sent before a move may come after it. */
    w->stale = svr_sessions_find_former(&f->sessions, &tuple) == in && !is_at(in, &tuple);
    svr_drop reason = w->stale ? SVR_DROP_NONE : svr_nat_follow(f, w, in);
    if (!reason) reason = svr_payload_learn(s, &facts->key, &changed);
    if (reason) return reason;
    if (changed && out->path) svr_control_renew(f, out, false);
    w->in = in;
    return SVR_DROP_NONE;
}

/* TCP comes as TCP, or in UDP with a TLV that says so (PD-UDP); nothing else comes in TCP. */
static bool is_enveloped(const svr_work *w, const svr_metadata_facts *facts) {
    bool tcp = facts->flow.proto == SVR_PROTO_TCP, as_tcp = w->ip.flow.proto == SVR_PROTO_TCP;
    return facts->tcp_syn == (tcp && !as_tcp) && (tcp || !as_tcp);
}

static svr_drop take_forward(svr_forward *f, svr_work *w, const svr_metadata_facts *facts, bool alone) {
    if (!facts->has_uuid || !facts->has_key || !facts->has_tenant || !facts->has_service ||
        !is_carried(facts->flow.proto) || !is_enveloped(w, facts))
        return SVR_DROP_METADATA_INCOMPLETE;
    svr_session *s = svr_sessions_find_uuid(&f->sessions, facts->uuid);
    svr_drop reason = s ? feed(f, w, s, facts) : begin(f, w, facts);
    if (reason) return reason;
    if (!w->stale) w->in->far_room = facts->room;
    if (!w->stale) svr_handshake_got_metadata(&w->in->handshake, SVR_SENDS_REVERSE, alone, false);
    return SVR_DROP_NONE;
}

/* ---- reverse metadata ----------------------------------------------------------------------- */

/* The flow began on a LAN of ours: nobody but us could know the session. A transit router says nothing, since
 * the ingress may well have it. */
static bool is_origin(const svr_forward *f, const svr_addr *host) {
    for (size_t i = 0; i < f->node->n_interfaces; i++) {
        const svr_interface *in = &f->node->interfaces[i];
        for (size_t k = 0; !in->n_neighborhoods && !in->fabric && k < in->n_addresses; k++) {
            svr_prefix link = svr_prefix_make(&in->addresses[k].addr, in->addresses[k].prefix_len);
            if (svr_prefix_contains(&link, host)) return true;
        }
    }
    return false;
}

/* The leg that answers come in on. We chose its waypoints, but a NAT at the far end may have changed them. */
static svr_leg *answered_leg(svr_forward *f, svr_work *w, const uint8_t uuid[SVR_UUID_LEN]) {
    svr_leg *leg = svr_work_find(f, w);
    svr_session *s = svr_path_far_nat(w->path) ? svr_sessions_find_uuid(&f->sessions, uuid) : NULL;
    if (!s || s->leg[SVR_TARGET].path != w->path || leg == &s->leg[SVR_TARGET]) return leg;
    w->stale = false;
    return &s->leg[SVR_TARGET];
}

static svr_drop take_reverse(svr_forward *f, svr_work *w, const svr_metadata_facts *facts, bool alone) {
    svr_leg *leg = facts->has_uuid ? answered_leg(f, w, facts->uuid) : NULL;
    if (!facts->has_uuid) return SVR_DROP_METADATA_INCOMPLETE;
    if (!leg && is_origin(f, &facts->flow.dst) && !svr_sessions_find_uuid(&f->sessions, facts->uuid))
        svr_control_disown(f, w, facts->uuid);
    if (!leg || leg->side != SVR_TARGET || !speaks_for(w, leg)) return SVR_DROP_UNKNOWN_SESSION;
    svr_session *s = svr_leg_session(leg);
    svr_flow known = svr_session_flow(s), reverse = svr_flow_reverse(&known);
    if (memcmp(facts->uuid, s->uuid, SVR_UUID_LEN) != 0 || !svr_flow_equal(&reverse, &facts->flow))
        return SVR_DROP_UNKNOWN_SESSION;
    if (svr_path_far_nat(w->path) && !w->stale && svr_nat_follow(f, w, leg)) return SVR_DROP_NO_MEMORY;
    bool was_sending = leg->handshake.sending, newest = names_newest(s, facts);
    w->in = leg;
    if (!w->stale) leg->far_room = facts->room;
    if (!w->stale) svr_handshake_got_metadata(&leg->handshake, SVR_SENDS_FORWARD, alone, newest);
    if (was_sending && newest) acknowledged(f, s);
    return SVR_DROP_NONE;
}

svr_drop svr_admit(svr_forward *f, svr_work *w, const uint8_t *text, size_t len, bool alone) {
    svr_metadata_facts facts;
    svr_drop reason = svr_metadata_consume(text, len, &facts);
    if (reason) return reason;
    w->in = NULL;
    if (facts.has_error)
        reason = alone ? take_error(f, w, &facts) : SVR_DROP_METADATA_MALFORMED;
    else if (facts.control)
        reason = alone ? take_control(f, w, &facts) : SVR_DROP_METADATA_MALFORMED;
    else if (facts.forward)
        reason = take_forward(f, w, &facts, alone);
    else if (facts.reverse)
        reason = take_reverse(f, w, &facts, alone);
    else
        reason = SVR_DROP_METADATA_INCOMPLETE;
    svr_wipe(&facts, sizeof facts);
    return reason;
}

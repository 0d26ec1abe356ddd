/* SPDX-License-Identifier: MIT
 *
 * When metadata leaves in a packet of its own:
 *
 *   - the payload fills the MTU, so that metadata does not fit with it: right before the payload;
 *   - so many packets with metadata came that nothing we sent has answered: "disable metadata";
 *   - a packet came on waypoints that nobody here knows: "enable metadata", to whoever sent it;
 *   - a leg moved, its key is new, or its receiver lost its state: without waiting for the next packet of the
 *     flow, since perhaps only the other end speaks; again every second while it does and has not understood.
 */
#include "forward/forward_internal.h"

#include "base/bytes.h"

#define CONTROL_TTL 64

bool svr_control_knows_key(const svr_leg *out) {
    const svr_leg *far = svr_leg_opposite(out);
    /* A transit router may say that it holds the key, but not that the far end does. */
    return out->side == SVR_TARGET || !far->path || !far->handshake.sending;
}

svr_packet *svr_control_packet(svr_forward *f) {
    return svr_packet_get(f->rt->pool, SVR_METADATA_SESSION_MAX);
}

static svr_drop attach_before(svr_forward *f, svr_work *w, svr_leg *out) {
    svr_crypt_op op;
    svr_packet *pkt = svr_control_packet(f);
    if (!pkt) return SVR_DROP_NO_MEMORY;
    if (!svr_metadata_create(out, 0, svr_control_knows_key(out), pkt, &op)) {
        svr_packet_put(f->rt->pool, pkt);
        return SVR_DROP_CRYPTO_FAILED;
    }
    w->before = pkt;
    w->hop_op = svr_ops_add(&f->hop_ops, op);
    return SVR_DROP_NONE;
}

/* In one packet with the payload, if the MTU allows. A nonce that was taken in vain does no harm. */
static svr_drop attach_metadata(svr_forward *f, svr_work *w, svr_leg *out) {
    svr_packet *pkt = w->pkt;
    svr_crypt_op op;
    uint8_t *data = pkt->data;
    uint32_t len = pkt->len;
    out->reminded = svr_moment_of(f->rt->now);
    bool made = svr_metadata_create(out, 0, svr_control_knows_key(out), pkt, &op);
    if (made && pkt->len <= svr_leg_room(out)) {
        w->hop_op = svr_ops_add(&f->hop_ops, op);
        return SVR_DROP_NONE;
    }
    pkt->data = data;
    pkt->len = len;
    return attach_before(f, w, out);
}

/* A nonce may happen to equal the cookie: a bare header says that no metadata follows. */
static void mark_false_positive(svr_packet *pkt) {
    if (pkt->len < SVR_COOKIE_LEN || svr_get64(pkt->data) != SVR_COOKIE) return;
    pkt->data -= SVR_METADATA_HEADER_LEN;
    pkt->len += SVR_METADATA_HEADER_LEN;
    svr_metadata_encode_header(pkt->data, 0, 0);
}

svr_drop svr_control_attach(svr_forward *f, svr_work *w, svr_leg *out) {
    svr_drop reason = SVR_DROP_NONE;
    if (!w->piece_len) mark_false_positive(w->pkt); /* a part has a header, which begins like that */
    if (w->pkt->len > svr_leg_room(out)) return SVR_DROP_TOO_BIG;
    out->sent = f->rt->now;
    if (out->handshake.sending) reason = attach_metadata(f, w, out);
    if (!reason) svr_handshake_sent(&out->handshake, svr_leg_role(out));
    return reason;
}

void svr_control_send_alone(svr_forward *f, svr_leg *out, svr_packet *pkt, svr_crypt_op *op, bool made) {
    if (made) svr_crypt_seal(f->rt->crypt, op, 1);
    if (!made || !op->ok) {
        svr_drop_packet(f->rt, pkt, SVR_DROP_CRYPTO_FAILED);
        return;
    }
    svr_emit_path(f, out, pkt, (svr_emit_fields){.ttl = CONTROL_TTL});
}

svr_drop svr_control_settle_doubt(svr_forward *f, svr_leg *out) {
    svr_session *s = svr_leg_session(out);
    svr_leg *origin = &s->leg[SVR_ORIGIN];
    if (out->side != SVR_TARGET || !svr_leg_in_doubt(out)) return SVR_DROP_NONE;
    if (!origin->path) return svr_payload_renew(s, true) ? SVR_DROP_NONE : SVR_DROP_CRYPTO_FAILED;
    svr_control_ask_leg(f, origin);
    return SVR_DROP_UNKNOWN_SESSION;
}

void svr_control_send(svr_forward *f, svr_leg *out, svr_control control) {
    svr_crypt_op op;
    if (!svr_path_in_service(out->path) || svr_control_settle_doubt(f, out)) return;
    svr_packet *pkt = svr_control_packet(f);
    if (!pkt) {
        svr_drop_count(f->rt, SVR_DROP_NO_MEMORY);
        return;
    }
    out->sent = f->rt->now;
    out->reminded = svr_moment_of(f->rt->now);
    svr_control_send_alone(f, out, pkt, &op,
                           svr_metadata_create(out, control, svr_control_knows_key(out), pkt, &op));
}

static bool may_ask(svr_forward *f, const svr_path *path) {
    const svr_path_config *config = svr_path_get_config(path);
    uint64_t slot = svr_hash(&config->remote, sizeof config->remote, 0) % SVR_CONTROL_SLOTS;
    if (f->control_at[slot] && f->rt->now - f->control_at[slot] < SVR_CONTROL_INTERVAL) return false;
    f->control_at[slot] = f->rt->now ? f->rt->now : 1;
    return true;
}

/* `leg` need not belong to a session: only path and tuple count. */
static void ask(svr_forward *f, svr_leg *leg) {
    svr_crypt_op op;
    svr_packet *pkt = may_ask(f, leg->path) ? svr_control_packet(f) : NULL;
    if (!pkt) return;
    svr_control_send_alone(
        f, leg, pkt, &op,
        svr_metadata_create_control(leg->path, SVR_CONTROL_ENABLE_METADATA, NULL, pkt, &op));
}

/* Says that the session of this UUID is no more, on waypoints of which only path and tuple count. */
static void disown(svr_forward *f, svr_leg *leg, const uint8_t uuid[SVR_UUID_LEN]) {
    svr_crypt_op op;
    svr_packet *pkt = svr_path_in_service(leg->path) ? svr_control_packet(f) : NULL;
    if (!pkt) return;
    if (leg->tcp_state == SVR_ENVELOPE_OPEN) leg->tcp_state = SVR_ENVELOPE_CLOSING;
    svr_control_send_alone(
        f, leg, pkt, &op, svr_metadata_create_control(leg->path, SVR_CONTROL_DELETE_SESSION, uuid, pkt, &op));
}

/* Where an answer goes that belongs to no session. */
static svr_leg answer_to(const svr_work *w) {
    svr_leg leg = {.path = w->path, .arrival = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE)};
    svr_envelope_answer(&leg, &w->tcp);
    return leg;
}

void svr_control_disown(svr_forward *f, const svr_work *w, const uint8_t uuid[SVR_UUID_LEN]) {
    svr_leg leg = answer_to(w);
    if (may_ask(f, w->path)) disown(f, &leg, uuid);
}

void svr_control_ended(svr_forward *f, svr_session *s) {
    svr_leg *out = &s->leg[SVR_TARGET];
    if (out->path && f->rt->output_n < SVR_OUTPUT_MAX / 2) disown(f, out, s->uuid);
}

/* Ports that a router could have chosen: an even and an odd one, both of the range. */
static bool like_waypoints(const svr_path *path, const svr_flow *flow) {
    const svr_port_range *range = &svr_path_get_config(path)->neighborhood->ports;
    if (svr_path_far_nat(path)) return flow->dport >= range->first && flow->dport <= range->last;
    return flow->sport >= range->first && flow->sport <= range->last && flow->dport >= range->first &&
           flow->dport <= range->last && (flow->sport ^ flow->dport) & 1;
}

/* The host's own programs talk to the peer's as well, with ports of the same range: whoever answers that
 * there takes our packet for a question, and both would go on for ever. */
void svr_control_ask(svr_forward *f, const svr_work *w) {
    if (!like_waypoints(w->path, &w->ip.flow) || !w->pkt->len) return;
    svr_leg leg = answer_to(w);
    ask(f, &leg);
}

void svr_control_ask_leg(svr_forward *f, svr_leg *leg) {
    if (svr_path_in_service(leg->path)) ask(f, leg);
}

void svr_control_renew(svr_forward *f, svr_leg *out, bool tell) {
    out->handshake.sending = svr_handshake_next(svr_leg_role(out), out->handshake.sending, SVR_RENEW);
    if (tell) svr_control_send(f, out, 0);
}

void svr_control_review(svr_forward *f, svr_leg *leg) {
    svr_handshake *h = &leg->handshake;
    if (leg->side == SVR_TARGET && h->sending) {
        if (svr_moment_since(leg->reminded, f->rt->now, SVR_REMIND_INTERVAL)) svr_control_send(f, leg, 0);
    } else if (svr_control_knows_key(leg) && svr_handshake_should_answer(h)) {
        svr_control_send(f, leg, SVR_CONTROL_DISABLE_METADATA);
    }
}

/* SPDX-License-Identifier: MIT */
#include "forward/fragment.h"
#include "forward/icmp.h"

#include "base/bytes.h"

#include <assert.h>

/* ---- new sessions --------------------------------------------------------------------------- */

static svr_drop begin(svr_forward *f, const svr_interface *in, const svr_flow *flow, svr_leg **leg) {
    svr_session_params p = {.flow = *flow, .tenant = svr_policy_tenant(in, &flow->src)};
    svr_policy_hop hop;
    svr_session *s;
    svr_drop reason = svr_limits_admit(f, &flow->src);
    if (!reason) reason = svr_policy_service(f->config, flow, p.tenant, &p.service);
    if (!reason) reason = svr_policy_route(f->peers, f->node, p.service, flow, NULL, &hop);
    if (reason) return reason;
    p.encrypt = svr_policy_encrypts(p.service);
    p.leg[SVR_ORIGIN].lan = in;
    p.leg[SVR_TARGET] = (svr_leg){.path = hop.path, .lan = hop.out, .gateway = hop.gateway};
    if (hop.path && (!svr_limits_waypoint(f) ||
                     !svr_waypoint_choose(&f->sessions, hop.path, flow->proto, &p.leg[SVR_TARGET].arrival)))
        return svr_limits_note(f, SVR_DROP_NO_WAYPOINT);
    reason = svr_limits_note(f, svr_session_create(&f->sessions, &p, &s));
    if (!reason) *leg = &s->leg[SVR_ORIGIN];
    return reason;
}

/* Refusals that the sender is told of. */
static void refuse(svr_forward *f, const svr_interface *in, svr_work *w, svr_drop reason) {
    if (reason == SVR_DROP_NO_SERVICE || reason == SVR_DROP_NO_ACCESS)
        svr_emit_icmp_error(f, in, w->pkt, SVR_ICMP_PROHIBITED, 0);
    else if (reason == SVR_DROP_NO_ROUTE || reason == SVR_DROP_NO_PATH)
        svr_emit_icmp_error(f, in, w->pkt, SVR_ICMP_UNREACHABLE, 0);
    else if (reason == SVR_DROP_TTL_EXCEEDED)
        svr_emit_icmp_error(f, in, w->pkt, SVR_ICMP_TTL_EXCEEDED, 0);
    svr_work_drop(f, w, reason);
}

static svr_drop look_up(svr_forward *f, const svr_interface *in, svr_work *w) {
    if (svr_ip_decode(w->pkt->data, w->pkt->len, &w->ip) != SVR_IP_OK) return SVR_DROP_IP_MALFORMED;
    svr_drop reason = w->ip.fragment ? svr_fragment_identify(f, in, w) : SVR_DROP_NONE;
    if (reason || !w->pkt) return reason;
    if (!w->ip.has_ports && !w->ip.fragment) return svr_icmp_from_lan(f, in, w);
    if (w->ip.ttl <= 1) return SVR_DROP_TTL_EXCEEDED;
    svr_tuple tuple = svr_tuple_of(&w->ip.flow, in->id);
    w->in = svr_sessions_find(&f->sessions, &tuple);
    return w->in ? SVR_DROP_NONE : begin(f, in, &w->ip.flow, &w->in);
}

/* ---- onto a path ---------------------------------------------------------------------------- */

static void clamp_mss(svr_work *w, const svr_leg *out) {
    const svr_session *s = svr_leg_session(out);
    size_t mtu = svr_session_mtu(s, out),
           headers = svr_ip_header_len(svr_session_flow(s).src.family) + SVR_TCP_HEADER_MIN;
    if (!(w->ip.tcp_flags & SVR_TCP_SYN) || mtu <= headers) return;
    svr_tcp_clamp_mss(w->pkt->data + w->ip.header_len, w->ip.l4_len, (uint16_t)(mtu - headers));
}

/* Leaves the text alone in the packet: what waypoints stand for is cut off in front, padding behind. */
static size_t cut_out_text(svr_work *w) {
    size_t front = w->ip.header_len + svr_session_stripped(w->ip.flow.proto);
    size_t len = w->ip.header_len + (size_t)w->ip.l4_len - front;
    w->pkt->data += front;
    w->pkt->len = (uint32_t)len;
    return len;
}

/* PD-DATA: nonce | text | HMAC. */
static svr_drop enclose(svr_forward *f, svr_work *w, svr_session *s) {
    svr_packet *pkt = w->pkt;
    svr_payload_key *key = svr_payload_current(s);
    size_t text_len = cut_out_text(w), tag_len = svr_tag_len((svr_hmac)s->keys.newest.hmac);
    if (svr_packet_tailroom(pkt) < SVR_AES_BLOCK + tag_len + SVR_TAG_MAX) return SVR_DROP_TOO_BIG;
    uint64_t nonce = key ? svr_payload_nonce(key) : 0;
    if (!nonce) return SVR_DROP_CRYPTO_FAILED;
    uint8_t *text = pkt->data;
    if (s->encrypt) text_len = svr_pad(text, text_len);
    pkt->data -= SVR_PAYLOAD_NONCE_LEN;
    svr_put64(pkt->data, nonce);
    w->op = svr_ops_add(&f->ops, (svr_crypt_op){.key = &key->send,
                                                .nonce = nonce,
                                                .text = s->encrypt ? text : NULL,
                                                .text_len = s->encrypt ? (uint32_t)text_len : 0,
                                                .auth = pkt->data,
                                                .auth_len = (uint32_t)(SVR_PAYLOAD_NONCE_LEN + text_len),
                                                .tag = text + text_len});
    pkt->len = (uint32_t)(SVR_PAYLOAD_NONCE_LEN + text_len + tag_len);
    return SVR_DROP_NONE;
}

static void rotate(svr_forward *f, svr_session *s) {
    svr_payload_run(s);
    if (svr_session_is_originator(s) && svr_payload_renewal_due(s) && svr_payload_renew(s, false))
        svr_control_renew(f, &s->leg[SVR_TARGET], false);
}

/* No IPv6 host takes less than the least MTU for an answer: what is shorter crosses in parts. */
static void refuse_size(svr_forward *f, const svr_interface *in, svr_work *w, size_t mtu) {
    if (w->ip.flow.src.family == 6 && mtu < SVR_IPV6_MTU_MIN) mtu = SVR_IPV6_MTU_MIN;
    svr_emit_icmp_error(f, in, w->pkt, SVR_ICMP_TOO_BIG, (uint32_t)mtu);
}

static svr_drop prepare(svr_forward *f, const svr_interface *in, svr_work *w) {
    svr_leg *out = svr_leg_opposite(w->in);
    svr_session *s = svr_leg_session(out);
    if (out->side == SVR_TARGET) svr_moves_review(f, s);
    size_t stripped = svr_session_stripped(w->ip.flow.proto), most = svr_session_text_max(s, out) + stripped,
           sure = svr_session_text_sure(s, out) + stripped;
    if (!svr_path_in_service(out->path)) return SVR_DROP_NO_PATH;
    bool may_cut = svr_fragment_may_cut(&w->ip, svr_session_mtu(s, out));
    w->cut = w->ip.fragment || w->ip.l4_len > (may_cut ? sure : most);
    if (w->cut && !may_cut) {
        refuse_size(f, in, w, svr_session_mtu(s, out));
        return SVR_DROP_TOO_BIG;
    }
    clamp_mss(w, out);
    rotate(f, s);
    svr_drop reason = svr_control_settle_doubt(f, out);
    if (reason || w->cut) return reason;
    reason = enclose(f, w, s);
    if (reason) return reason;
    reason = svr_control_attach(f, w, out);
    if (reason) f->ops.n = w->op; /* the packet goes: nothing may work on it any more */
    return reason;
}

/* From LAN to LAN nothing is changed but the age, and the size where it must. */
static svr_drop route(svr_forward *f, const svr_interface *in, svr_work *w, const svr_leg *out) {
    bool fits = w->pkt->len <= out->lan->mtu;
    w->cut = w->ip.fragment || !fits;
    if (fits || w->ip.fragment || !w->ip.dont_fragment) return SVR_DROP_NONE;
    svr_emit_icmp_error(f, in, w->pkt, SVR_ICMP_TOO_BIG, out->lan->mtu);
    return SVR_DROP_TOO_BIG;
}

static void receive(svr_forward *f, const svr_interface *in, svr_work *w) {
    svr_drop reason = look_up(f, in, w);
    if (reason) {
        refuse(f, in, w, reason);
        return;
    }
    if (!w->pkt) return; /* it waits */
    svr_leg *out = svr_leg_opposite(w->in);
    svr_session_touch(svr_leg_session(w->in), w->in->side, w->ip.tcp_flags);
    svr_session_count(svr_leg_session(w->in), w->in->side, w->ip.header_len + (size_t)w->ip.l4_len);
    reason = out->path ? prepare(f, in, w) : route(f, in, w, out);
    if (reason) refuse(f, in, w, reason);
}

static bool sealed(const svr_ops *ops, size_t op) {
    return op == SVR_NO_OP || ops->at[op].ok;
}

static void leave(svr_forward *f, svr_work *w) {
    if (!w->pkt) return;
    svr_leg *out = svr_leg_opposite(w->in);
    if (!out->path) {
        svr_emit_routed(f, out, w->pkt, &w->ip);
        return;
    }
    if (!sealed(&f->ops, w->op) || !sealed(&f->hop_ops, w->hop_op)) {
        svr_work_drop(f, w, SVR_DROP_CRYPTO_FAILED);
        return;
    }
    svr_emit_fields fields = svr_emit_inherit(&w->ip);
    if (w->before) svr_emit_path(f, out, w->before, fields);
    svr_emit_path(f, out, w->pkt, fields);
}

/* Enciphers and sends the works of a part of the batch. */
static void finish(svr_forward *f, size_t from, size_t to) {
    svr_crypt_seal(f->rt->crypt, f->ops.at, f->ops.n);
    svr_crypt_seal(f->rt->crypt, f->hop_ops.at, f->hop_ops.n); /* signs over the payload's HMAC */
    for (size_t i = from; i < to; i++)
        leave(f, &f->work[i]);
    f->ops.n = f->hop_ops.n = 0;
}

/* What crosses in parts needs a batch of its own; all before it leaves first. */
static void run_batch(svr_forward *f, const svr_interface *in, svr_packet **packets, size_t n) {
    size_t from = 0;
    f->ops.n = f->hop_ops.n = 0;
    for (size_t i = 0; i < n; i++) {
        svr_work *w = &f->work[i];
        *w = (svr_work){.pkt = packets[i], .op = SVR_NO_OP, .hop_op = SVR_NO_OP};
        receive(f, in, w);
        if (!w->pkt || !w->cut) continue;
        finish(f, from, i);
        svr_fragment_cross(f, w);
        from = i + 1;
    }
    finish(f, from, n);
    svr_sessions_sweep(&f->sessions);
}

void svr_forward_lan(svr_forward *f, const svr_interface *in, svr_packet **packets, size_t n) {
    for (size_t at = 0; at < n; at += SVR_BATCH_MAX)
        run_batch(f, in, packets + at, n - at < SVR_BATCH_MAX ? n - at : SVR_BATCH_MAX);
}

/* SPDX-License-Identifier: MIT
 *
 * A packet from a path passes up to two gates. The hop's HMAC, when it carries metadata: only then is
 * anything of the metadata believed. The end-to-end HMAC of the payload, at ingress and egress; a transit
 * router has no need of it and passes the payload on byte for byte (KEY-E2E). Replay is checked behind each
 * gate. */
#include "forward/fragment.h"
#include "forward/icmp.h"

#include "base/bytes.h"

#include <assert.h>

#define ROOM_INTERVAL (100 * SVR_MS) /* between two such tellings for one session */
#define COUNTER_MASK ((UINT64_C(1) << 56) - 1)

/* ---- before the hop's HMAC ------------------------------------------------------------------ */

static void strip_front(svr_packet *pkt, size_t n) {
    pkt->data += n;
    pkt->len -= (uint32_t)n;
}

/* What stands in front of a payload: a bare header, the header of a part, or nothing. False: something else
 * that begins like a header. */
static bool look_at_payload(svr_work *w, const svr_metadata *m) {
    if (svr_metadata_is_false_positive(m)) {
        strip_front(w->pkt, SVR_METADATA_HEADER_LEN);
        return true;
    }
    if (!svr_piece_decode(m, &w->part)) return false;
    w->piece_len = m->total;
    return true;
}

static svr_drop look_behind_l4(svr_forward *f, svr_work *w) {
    svr_packet *pkt = w->pkt;
    svr_crypt_op op;
    switch (svr_metadata_decode(pkt->data, pkt->len, &w->metadata)) {
    case SVR_METADATA_BAD: return SVR_DROP_METADATA_MALFORMED;
    case SVR_METADATA_NONE: return SVR_DROP_NONE;
    case SVR_METADATA_OK: break;
    }
    if (look_at_payload(w, &w->metadata)) return SVR_DROP_NONE;
    svr_drop reason = svr_metadata_prepare(svr_path_peer(w->path), &w->metadata, pkt->data, pkt->len, &op,
                                           &w->index, &w->encrypted);
    if (reason) return reason;
    w->has_metadata = true;
    w->open_op = svr_ops_add(&f->open_ops, op);
    return SVR_DROP_NONE;
}

static svr_drop parse(svr_forward *f, svr_work *w) {
    const svr_flow *flow = &w->ip.flow;
    bool tcp = flow->proto == SVR_PROTO_TCP;
    if ((flow->proto != SVR_PROTO_UDP && !tcp) || !w->ip.has_ports) return SVR_DROP_PROTOCOL_UNSUPPORTED;
    w->path = svr_peers_find_path(f->peers, &flow->dst, &flow->src);
    if (!w->path) w->path = svr_nat_sender(f, w);
    if (!w->path) return SVR_DROP_UNKNOWN_PEER;
    if (!svr_path_in_service(w->path)) return SVR_DROP_PATH_NOT_IN_SERVICE;
    if (tcp && svr_path_get_config(w->path)->neighborhood->tcp_transport != SVR_TCP_NATIVE)
        return SVR_DROP_PROTOCOL_UNSUPPORTED;
    if (tcp) w->tcp = svr_tcp_decode(&w->ip, w->pkt->data + w->ip.header_len);
    w->expired = w->ip.ttl <= 1; /* its sender is told by way of its session, which it may begin */
    w->pkt->len = w->ip.header_len + (uint32_t)w->ip.l4_len; /* link padding */
    strip_front(w->pkt, w->ip.header_len + (size_t)w->ip.l4_header_len);
    return look_behind_l4(f, w);
}

/* ---- behind it ------------------------------------------------------------------------------ */

static svr_drop look_behind_metadata(svr_work *w) {
    svr_metadata m;
    svr_metadata_result found = svr_metadata_decode(w->pkt->data, w->pkt->len, &m);
    if (found == SVR_METADATA_NONE) return SVR_DROP_NONE;
    return found == SVR_METADATA_OK && look_at_payload(w, &m) ? SVR_DROP_NONE : SVR_DROP_METADATA_MALFORMED;
}

static svr_drop take_metadata(svr_forward *f, svr_work *w, bool *alone) {
    const svr_crypt_op *op = &f->open_ops.at[w->open_op];
    svr_packet *pkt = w->pkt;
    if (!op->ok) return SVR_DROP_METADATA_BAD_HMAC;
    if (!svr_peer_metadata_accept(svr_path_peer(w->path), w->index, op->nonce))
        return SVR_DROP_METADATA_REPLAY;
    *alone = pkt->len == w->metadata.total + SVR_TAG_MAX;
    svr_drop reason = svr_admit(f, w, op->text, op->text_len, *alone);
    if (reason) return reason;
    pkt->len -= SVR_TAG_MAX;
    strip_front(pkt, w->metadata.total);
    return *alone ? SVR_DROP_NONE : look_behind_metadata(w);
}

svr_leg *svr_work_find(const svr_forward *f, svr_work *w) {
    svr_tuple tuple = svr_tuple_of(&w->ip.flow, SVR_IFID_NONE);
    svr_leg *leg = svr_sessions_find(&f->sessions, &tuple);
    if (leg) return leg;
    leg = svr_sessions_find_former(&f->sessions, &tuple);
    w->stale = leg != NULL;
    return leg;
}

static svr_drop find_leg(svr_forward *f, svr_work *w) {
    w->in = svr_work_find(f, w);
    if (w->in) return SVR_DROP_NONE;
    svr_control_ask(f, w);
    return SVR_DROP_UNKNOWN_SESSION;
}

/* Here the payload ends: its HMAC is to be checked. */
static svr_drop prepare_open(svr_forward *f, svr_work *w) {
    svr_session *s = svr_leg_session(w->in);
    size_t tag_len = svr_tag_len((svr_hmac)s->keys.newest.hmac), len = w->pkt->len - w->piece_len;
    uint8_t *p = w->pkt->data + w->piece_len; /* the header of a part is under the same HMAC */
    if (len < SVR_PAYLOAD_NONCE_LEN + tag_len) return SVR_DROP_PAYLOAD_MALFORMED;
    size_t text_len = len - SVR_PAYLOAD_NONCE_LEN - tag_len;
    if (s->encrypt && (text_len == 0 || text_len % SVR_AES_BLOCK)) return SVR_DROP_PAYLOAD_MALFORMED;
    w->nonce = svr_get64(p);
    w->key = svr_payload_find(s, (uint8_t)(w->nonce >> 56));
    if (!w->key) {
        /* We began anew while its rotation was under way: metadata names the next key, payload has the last.
         */
        if (w->has_metadata) svr_control_ask_leg(f, w->in);
        return SVR_DROP_PAYLOAD_UNKNOWN_KEY;
    }
    w->op = svr_ops_add(&f->ops, (svr_crypt_op){.key = &w->key->receive,
                                                .nonce = w->nonce,
                                                .text = s->encrypt ? p + SVR_PAYLOAD_NONCE_LEN : NULL,
                                                .text_len = s->encrypt ? (uint32_t)text_len : 0,
                                                .auth = w->pkt->data,
                                                .auth_len = (uint32_t)(w->pkt->len - tag_len),
                                                .tag = p + SVR_PAYLOAD_NONCE_LEN + text_len});
    strip_front(w->pkt, w->piece_len + SVR_PAYLOAD_NONCE_LEN);
    w->pkt->len = (uint32_t)text_len;
    return SVR_DROP_NONE;
}

static void count_arrival(const svr_work *w) {
    size_t bytes = w->ip.header_len + (size_t)w->ip.l4_len;
    svr_path_load *load = svr_path_get_load(w->path);
    load->received++;
    load->received_bytes += bytes;
    svr_session_count(svr_leg_session(w->in), w->in->side, bytes);
}

/* A packet passed its last gate here. */
static void note_arrival(svr_forward *f, svr_work *w, uint8_t tcp_flags) {
    svr_leg *in = w->in;
    if (svr_leg_session(in)->dead) return; /* replaced by a later packet of the batch */
    svr_session_touch(svr_leg_session(in), in->side, tcp_flags);
    if (!w->stale) svr_envelope_heard(in, &w->tcp);
    count_arrival(w);
    if (in->side == SVR_TARGET) svr_moves_review(f, svr_leg_session(in));
    if (!w->has_metadata && !w->stale) svr_handshake_got_plain(&in->handshake, svr_leg_role(in));
    if (svr_session_is_originator(svr_leg_session(in)) && svr_payload_renewal_due(svr_leg_session(in)) &&
        svr_payload_renew(svr_leg_session(in), false))
        svr_control_renew(f, in, true);
    svr_control_review(f, in);
}

/* Too old to go on. `quote`: the first bytes of its L4 header, or NULL when they cannot be read here. */
static svr_drop expire(svr_forward *f, const svr_work *w, const uint8_t *quote) {
    svr_leg *in = w->in;
    const svr_leg *out = svr_leg_opposite(in);
    const svr_addr *here =
        out->path ? &svr_path_get_config(w->path)->local
                  : svr_emit_own_address(out->lan, svr_session_flow(svr_leg_session(in)).src.family);
    svr_icmp_raise(f, in, SVR_ICMP_TTL_EXCEEDED, 0, here ? here : &svr_path_get_config(w->path)->local,
                   quote);
    return SVR_DROP_TTL_EXCEEDED;
}

/* The path behind has become narrower than whoever sends there knows: metadata tells. */
static void tell_room(svr_forward *f, svr_leg *to) {
    if (svr_moment_since(to->reminded, f->rt->now, ROOM_INTERVAL)) svr_control_send(f, to, 0);
}

static svr_drop pass_on(svr_forward *f, svr_work *w) {
    svr_leg *out = svr_leg_opposite(w->in);
    if (w->pkt->len < w->piece_len + SVR_PAYLOAD_NONCE_LEN +
                          svr_tag_len((svr_hmac)svr_leg_session(w->in)->keys.newest.hmac))
        return SVR_DROP_PAYLOAD_MALFORMED;
    note_arrival(f, w, 0);
    if (out->side == SVR_TARGET) svr_moves_review(f, svr_leg_session(out));
    if (w->expired) return expire(f, w, NULL);
    if (!svr_path_in_service(out->path)) return SVR_DROP_NO_PATH;
    svr_drop reason = svr_control_settle_doubt(f, out);
    if (!reason) reason = svr_control_attach(f, w, out);
    if (reason == SVR_DROP_TOO_BIG) tell_room(f, w->in);
    return reason;
}

/* The packet had metadata only; what it said has happened. */
static void use_up(svr_forward *f, svr_work *w) {
    svr_leg *out = w->in ? svr_leg_opposite(w->in) : NULL;
    if (w->in) note_arrival(f, w, 0);
    if (out && out->path && out->handshake.sending) svr_control_send(f, out, 0);
    svr_packet_put(f->rt->pool, w->pkt);
    w->pkt = NULL;
}

static svr_drop settle(svr_forward *f, svr_work *w) {
    bool alone = false;
    svr_drop reason = w->has_metadata ? take_metadata(f, w, &alone) : find_leg(f, w);
    if (reason) return reason;
    if (alone) {
        use_up(f, w);
        return SVR_DROP_NONE;
    }
    return svr_leg_opposite(w->in)->path ? pass_on(f, w) : prepare_open(f, w);
}

/* ---- out onto a LAN ------------------------------------------------------------------------- */

/* Puts the L4 header back in front of the text; its checksum, where it travelled, still holds. */
static bool restore_l4(svr_packet *pkt, const svr_flow *flow, uint8_t *tcp_flags) {
    size_t text_len = pkt->len, stripped = svr_session_stripped(flow->proto);
    uint8_t *l4 = pkt->data - stripped;
    pkt->data = l4;
    pkt->len = (uint32_t)(text_len + stripped);
    *tcp_flags = 0;
    if (flow->proto == SVR_PROTO_UDP) {
        svr_udp_encode(l4, &flow->src, &flow->dst, flow->sport, flow->dport, text_len);
        return true;
    }
    if (flow->proto != SVR_PROTO_TCP) return pkt->len >= 8;
    if (pkt->len < SVR_TCP_HEADER_MIN || (l4[12] >> 4) * 4u < SVR_TCP_HEADER_MIN ||
        (l4[12] >> 4) * 4u > pkt->len)
        return false;
    svr_put16(l4, flow->sport);
    svr_put16(l4 + 2, flow->dport);
    *tcp_flags = l4[13];
    return true;
}

/* Segments that answer this SYN come back by the path, and may come from the LAN's own MTU. */
static void clamp_mss(const svr_work *w, const svr_leg *out) {
    const svr_session *s = svr_leg_session(out);
    size_t headers = svr_ip_header_len(svr_session_flow(s).src.family) + SVR_TCP_HEADER_MIN,
           mtu = svr_session_mtu(s, w->in);
    if (mtu > out->lan->mtu) mtu = out->lan->mtu;
    if (mtu > headers) svr_tcp_clamp_mss(w->pkt->data, w->pkt->len, (uint16_t)(mtu - headers));
}

static svr_drop deliver_part(svr_forward *f, svr_work *w, const svr_flow *flow) {
    svr_payload_heard(svr_leg_session(w->in), w->key);
    note_arrival(f, w, 0);
    if (w->expired) return expire(f, w, NULL);
    return svr_fragment_collect(f, w, flow);
}

/* In fragments when it is longer than the LAN takes, if its sender lets us. */
static svr_drop put_on_lan(svr_forward *f, svr_work *w, const svr_leg *out, const svr_flow *flow) {
    svr_emit_fields fields = svr_emit_inherit(&w->ip);
    if (w->pkt->len + svr_ip_header_len(flow->src.family) <= out->lan->mtu) {
        svr_emit_lan(f, out, w->pkt, flow, fields);
        return SVR_DROP_NONE;
    }
    if (flow->src.family == 6 || fields.dont_fragment) {
        svr_icmp_too_big(f, w->in, out->lan, w->pkt->data);
        return SVR_DROP_TOO_BIG;
    }
    svr_drop reason = svr_fragment_split(f, out, w->pkt, flow, fields);
    if (!reason) svr_work_drop(f, w, SVR_DROP_NONE);
    return reason;
}

static svr_drop deliver(svr_forward *f, svr_work *w) {
    svr_session *s = svr_leg_session(w->in);
    const svr_leg *out = svr_leg_opposite(w->in);
    svr_flow flow = svr_session_flow(s);
    if (w->in->side == SVR_TARGET) flow = svr_flow_reverse(&flow);
    svr_packet *pkt = w->pkt;
    uint8_t tcp_flags;
    if (!f->ops.at[w->op].ok) return SVR_DROP_PAYLOAD_BAD_HMAC;
    if (!svr_replay_accept(&w->key->seen, w->nonce & COUNTER_MASK)) return SVR_DROP_PAYLOAD_REPLAY;
    int len = s->encrypt ? svr_unpad(pkt->data, pkt->len) : (int)pkt->len;
    if (len < 0) return SVR_DROP_PAYLOAD_MALFORMED;
    pkt->len = (uint32_t)len;
    if (w->piece_len) return deliver_part(f, w, &flow);
    if (!restore_l4(pkt, &flow, &tcp_flags)) return SVR_DROP_PAYLOAD_MALFORMED;
    svr_payload_heard(s, w->key);
    note_arrival(f, w, tcp_flags);
    if (w->expired) return expire(f, w, pkt->data);
    if (tcp_flags & SVR_TCP_SYN) clamp_mss(w, out);
    return put_on_lan(f, w, out, &flow);
}

static svr_drop relay(svr_forward *f, svr_work *w) {
    svr_leg *out = svr_leg_opposite(w->in);
    svr_emit_fields fields = svr_emit_inherit(&w->ip);
    if (w->hop_op != SVR_NO_OP && !f->hop_ops.at[w->hop_op].ok) return SVR_DROP_CRYPTO_FAILED;
    if (w->before) svr_emit_path(f, out, w->before, fields);
    svr_emit_path(f, out, w->pkt, fields);
    return SVR_DROP_NONE;
}

/* ---- batches -------------------------------------------------------------------------------- */

typedef svr_drop step(svr_forward *f, svr_work *w);

static svr_drop leave(svr_forward *f, svr_work *w) {
    return w->op == SVR_NO_OP ? relay(f, w) : deliver(f, w);
}

static void for_each(svr_forward *f, size_t n, step *take) {
    for (size_t i = 0; i < n; i++) {
        svr_work *w = &f->work[i];
        svr_drop reason = w->pkt ? take(f, w) : SVR_DROP_NONE;
        if (reason) svr_work_drop(f, w, reason);
    }
}

static void run_batch(svr_forward *f, svr_packet **packets, const svr_ip *infos, size_t n) {
    f->ops.n = f->hop_ops.n = f->open_ops.n = 0;
    for (size_t i = 0; i < n; i++)
        f->work[i] = (svr_work){.pkt = packets[i], .ip = infos[i], .op = SVR_NO_OP, .hop_op = SVR_NO_OP};
    for_each(f, n, parse);
    svr_crypt_open(f->rt->crypt, f->open_ops.at, f->open_ops.n);
    for_each(f, n, settle);
    svr_crypt_open(f->rt->crypt, f->ops.at, f->ops.n);
    svr_crypt_seal(f->rt->crypt, f->hop_ops.at, f->hop_ops.n);
    for_each(f, n, leave);
    svr_sessions_sweep(&f->sessions);
}

void svr_forward_wan(svr_forward *f, const svr_interface *in, svr_packet **packets, const svr_ip *infos,
                     size_t n) {
    (void)in;
    for (size_t at = 0; at < n; at += SVR_BATCH_MAX)
        run_batch(f, packets + at, infos + at, n - at < SVR_BATCH_MAX ? n - at : SVR_BATCH_MAX);
}

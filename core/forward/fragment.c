/* SPDX-License-Identifier: MIT */
#include "forward/fragment.h"
#include "forward/icmp.h"

#include "base/bytes.h"

#include <assert.h>

/* ---- pieces on a LAN ------------------------------------------------------------------------ */

/* Bytes of a datagram, part by part. */
typedef struct source {
    const svr_part *parts;
    size_t n, i;
} source;

static void copy_out(source *from, uint32_t at, uint32_t len, uint8_t *out) {
    while (len) {
        const svr_part *p = &from->parts[from->i];
        assert(from->i < from->n && at >= p->at);
        uint32_t skip = at - p->at, n = p->len - skip < len ? p->len - skip : len;
        memcpy(out, p->pkt->data + skip, n);
        out += n;
        at += n;
        len -= n;
        if (skip + n == p->len) from->i++;
    }
}

typedef struct outgoing {
    const svr_leg *out;
    const svr_flow *flow;
    svr_emit_fields fields;
    uint32_t id, total, limit; /* `limit`: longest packet */
    bool fragment;             /* of a datagram: the bytes from `base` on, and perhaps `more` */
    uint32_t base;
    bool more;
} outgoing;

/* The IP header is that of a fragment unless the piece is all of the datagram. */
static svr_drop emit_piece(svr_forward *f, const outgoing *o, source *from, uint32_t at, uint32_t len) {
    const svr_ip_part part = {
        .id = o->id, .offset = (uint16_t)(o->base + at), .more = o->more || at + len < o->total};
    svr_packet *pkt = svr_packet_get(f->rt->pool, len);
    if (!pkt) return SVR_DROP_NO_MEMORY;
    copy_out(from, at, len, pkt->data);
    pkt->len = len;
    svr_emit_lan_part(f, o->out, pkt, o->flow, o->fields, len == o->total && !o->fragment ? NULL : &part);
    return SVR_DROP_NONE;
}

static svr_drop emit_all(svr_forward *f, const outgoing *o, source *from) {
    uint8_t family = o->flow->src.family;
    uint32_t step = o->total, header = (uint32_t)svr_ip_part_header_len(family);
    if ((o->fragment ? header : svr_ip_header_len(family)) + o->total > o->limit) {
        if (o->limit < header + 8) return SVR_DROP_TOO_BIG;
        step = (o->limit - header) / 8 * 8;
    }
    svr_drop reason = SVR_DROP_NONE;
    for (uint32_t at = 0; at < o->total && !reason; at += step)
        reason = emit_piece(f, o, from, at, o->total - at < step ? o->total - at : step);
    return reason;
}

static uint32_t longest_on(const svr_leg *out) {
    return out->lan->mtu < SVR_PACKET_LEN_MAX ? out->lan->mtu : SVR_PACKET_LEN_MAX;
}

/* ---- from a LAN ----------------------------------------------------------------------------- */

/* Bytes of the datagram that a fragment holds. */
static uint32_t part_len(const svr_ip *ip) {
    return (uint32_t)(ip->header_len + ip->l4_len - ip->part_at);
}

static svr_gather_key key_on_lan(const svr_ip *ip, svr_ifid in) {
    return (svr_gather_key){.id = ip->part.id,
                            .place = in,
                            .proto = ip->flow.proto,
                            .sender = ip->flow.src,
                            .receiver = ip->flow.dst};
}

/* Two first parts that differ: which one the receiver believes cannot be known. */
static svr_drop learn_ports(svr_forward *f, svr_gathering *d, const svr_ip *ip) {
    svr_drop why = ip->part_at != ip->header_len || !ip->has_ports         ? SVR_DROP_PROTOCOL_UNSUPPORTED
                   : d->flow.proto && !svr_flow_equal(&d->flow, &ip->flow) ? SVR_DROP_FRAGMENT_OVERLAP
                                                                           : SVR_DROP_NONE;
    if (why) {
        svr_gather_spoil(&f->gather, d, why);
        return why;
    }
    if (!d->flow.proto) d->extended_id = f->datagram_id++;
    d->flow = ip->flow;
    return SVR_DROP_NONE;
}

svr_drop svr_fragment_identify(svr_forward *f, const svr_interface *in, svr_work *w) {
    svr_ip *ip = &w->ip;
    const svr_gather_key key = key_on_lan(ip, in->id);
    uint32_t at = ip->part.offset, len = part_len(ip);
    svr_gathering *d = svr_gather_open(&f->gather, &key);
    if (!d) return SVR_DROP_NO_MEMORY;
    if (d->spoiled) return d->spoiled;
    if (ip->part_at + len > d->largest) d->largest = (uint16_t)(ip->part_at + len);
    svr_drop reason = at == 0 ? learn_ports(f, d, ip) : SVR_DROP_NONE;
    if (reason) return reason;
    if (!d->flow.proto) {
        reason = svr_gather_add(&f->gather, d, w->pkt, at, len, ip->part.more);
        if (!reason) w->pkt = NULL;
        return reason;
    }
    if (!svr_gather_pass(d, at, len, ip->part.more)) return SVR_DROP_IP_FRAGMENT;
    ip->flow = d->flow;
    w->gathering = d;
    return SVR_DROP_NONE;
}

bool svr_fragment_may_cut(const svr_ip *ip, size_t mtu) {
    size_t len = (size_t)ip->header_len + ip->l4_len;
    if (ip->flow.src.family == 6) return ip->fragment || len <= SVR_IPV6_MTU_MIN;
    return !ip->dont_fragment || (ip->fragment && len <= mtu);
}

/* PD-FRAGMENT: header with the fragment TLV | nonce | text | HMAC, which covers all before it. */
static svr_drop enclose(svr_forward *f, svr_work *w, svr_session *s, const svr_fragment *part) {
    svr_packet *pkt = w->pkt;
    svr_payload_key *key = svr_payload_current(s);
    uint8_t *text = pkt->data;
    size_t len = s->encrypt ? svr_pad(text, pkt->len) : pkt->len;
    size_t front = SVR_PIECE_HEADER_LEN + SVR_PAYLOAD_NONCE_LEN;
    uint64_t nonce = key ? svr_payload_nonce(key) : 0;
    if (!nonce) return SVR_DROP_CRYPTO_FAILED;
    pkt->data -= front;
    svr_piece_encode(part, pkt->data);
    svr_put64(text - SVR_PAYLOAD_NONCE_LEN, nonce);
    w->op = svr_ops_add(&f->ops, (svr_crypt_op){.key = &key->send,
                                                .nonce = nonce,
                                                .text = s->encrypt ? text : NULL,
                                                .text_len = s->encrypt ? (uint32_t)len : 0,
                                                .auth = pkt->data,
                                                .auth_len = (uint32_t)(front + len),
                                                .tag = text + len});
    pkt->len = (uint32_t)(front + len + svr_tag_len((svr_hmac)s->keys.newest.hmac));
    w->piece_len = SVR_PIECE_HEADER_LEN;
    return SVR_DROP_NONE;
}

static svr_drop make_part(svr_forward *f, svr_work *w, svr_leg *out, const svr_fragment *part,
                          const uint8_t *data, size_t len) {
    *w = (svr_work){.op = SVR_NO_OP, .hop_op = SVR_NO_OP};
    w->pkt = svr_packet_get(f->rt->pool, len);
    if (!w->pkt) return SVR_DROP_NO_MEMORY;
    memcpy(w->pkt->data, data, len);
    w->pkt->len = (uint32_t)len;
    svr_drop reason = enclose(f, w, svr_leg_session(out), part);
    if (!reason) {
        reason = svr_control_attach(f, w, out);
        if (reason) f->ops.n = w->op; /* the packet goes: nothing may work on it any more */
    }
    if (reason) svr_work_drop(f, w, SVR_DROP_NONE);
    return reason;
}

static void send_parts(svr_forward *f, svr_leg *out, size_t n, svr_emit_fields fields) {
    svr_crypt_seal(f->rt->crypt, f->ops.at, f->ops.n);
    svr_crypt_seal(f->rt->crypt, f->hop_ops.at, f->hop_ops.n);
    for (size_t i = 0; i < n; i++) {
        svr_work *w = &f->parts[i];
        if (!f->ops.at[w->op].ok || (w->hop_op != SVR_NO_OP && !f->hop_ops.at[w->hop_op].ok)) {
            svr_work_drop(f, w, SVR_DROP_CRYPTO_FAILED);
            continue;
        }
        if (w->before) svr_emit_path(f, out, w->before, fields);
        svr_emit_path(f, out, w->pkt, fields);
    }
    f->ops.n = f->hop_ops.n = 0;
}

/* Cuts what stands at `data`, which is `whole` of its datagram, and sends it. */
static svr_drop cut(svr_forward *f, svr_leg *out, const uint8_t *data, size_t len, const svr_fragment *whole,
                    svr_emit_fields fields) {
    size_t most = svr_session_piece_max(svr_leg_session(out), out), n = 0;
    svr_fragment part = *whole;
    if (most == 0) return SVR_DROP_TOO_BIG;
    for (size_t at = 0; at < len; at += most) {
        size_t size = len - at < most ? len - at : most;
        part.offset = (uint16_t)(whole->offset + at);
        part.more = whole->more || at + size < len;
        svr_drop reason = make_part(f, &f->parts[n], out, &part, data + at, size);
        if (reason) {
            send_parts(f, out, n, fields);
            return reason;
        }
        if (++n == SVR_BATCH_MAX) {
            send_parts(f, out, n, fields);
            n = 0;
        }
    }
    send_parts(f, out, n, fields);
    return SVR_DROP_NONE;
}

/* A fragment, or a whole datagram when there is no gathering. */
static svr_drop cut_packet(svr_forward *f, svr_leg *out, const svr_packet *pkt, const svr_ip *ip,
                           const svr_gathering *d, svr_emit_fields fields) {
    bool v4 = ip->flow.src.family == 4;
    svr_fragment part = {.extended_id = d ? d->extended_id : f->datagram_id++,
                         .original_id = (uint16_t)ip->part.id,
                         .offset = d ? ip->part.offset : 0,
                         .more = d && ip->part.more,
                         .dont_fragment = v4 && ip->dont_fragment,
                         .largest = d ? d->largest : (uint16_t)(ip->header_len + ip->l4_len)};
    size_t front = d ? ip->part_at : ip->header_len;
    return cut(f, out, pkt->data + front, (size_t)ip->header_len + ip->l4_len - front, &part, fields);
}

/* From LAN to LAN a fragment stays one, and is cut where the other LAN takes less. */
static svr_drop route_packet(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_ip *ip,
                             svr_emit_fields fields) {
    uint32_t front = ip->fragment ? ip->part_at : ip->header_len;
    const outgoing o = {.out = out,
                        .flow = &ip->flow,
                        .fields = fields,
                        .id = ip->part.id,
                        .total = (uint32_t)ip->header_len + ip->l4_len - front,
                        .limit = longest_on(out),
                        .fragment = ip->fragment,
                        .base = ip->part.offset,
                        .more = ip->part.more};
    const svr_part whole = {.pkt = pkt, .at = 0, .len = o.total};
    source from = {.parts = &whole, .n = 1};
    pkt->data += front;
    svr_drop reason = emit_all(f, &o, &from);
    pkt->data -= front;
    return reason;
}

static svr_drop pass(svr_forward *f, svr_leg *out, svr_packet *pkt, const svr_ip *ip, const svr_gathering *d,
                     svr_emit_fields fields) {
    return out->path ? cut_packet(f, out, pkt, ip, d, fields) : route_packet(f, out, pkt, ip, fields);
}

static void pass_waiting(svr_forward *f, svr_leg *out, svr_gathering *d, svr_emit_fields fields) {
    svr_packet *pkt;
    while ((pkt = svr_gather_take(&f->gather, d)) != NULL) {
        svr_ip ip;
        bool ok = svr_ip_decode(pkt->data, pkt->len, &ip) == SVR_IP_OK;
        svr_drop reason = ok ? pass(f, out, pkt, &ip, d, fields) : SVR_DROP_IP_MALFORMED;
        if (reason) svr_drop_count(f->rt, reason);
        svr_packet_put(f->rt->pool, pkt);
    }
}

void svr_fragment_cross(svr_forward *f, svr_work *w) {
    svr_leg *out = svr_leg_opposite(w->in);
    svr_gathering *d = w->gathering;
    svr_emit_fields fields = svr_emit_inherit(&w->ip);
    assert(f->ops.n == 0 && f->hop_ops.n == 0);
    svr_drop reason = pass(f, out, w->pkt, &w->ip, d, fields);
    svr_work_drop(f, w, reason);
    if (!d) return;
    pass_waiting(f, out, d, fields);
    if (svr_gather_whole(d)) svr_gather_close(&f->gather, d);
}

/* ---- onto a LAN ----------------------------------------------------------------------------- */

/* What the L4 header says of ports is the session's, whatever the parts brought. */
static bool mend_l4(svr_gathering *d, const svr_flow *flow, uint8_t *tcp_flags) {
    uint8_t *l4 = d->part[0].pkt->data;
    *tcp_flags = 0;
    if (d->part[0].len < (flow->proto == SVR_PROTO_TCP ? SVR_TCP_HEADER_MIN : 8)) return false;
    if (flow->proto == SVR_PROTO_TCP) *tcp_flags = l4[13];
    if (flow->proto != SVR_PROTO_TCP && flow->proto != SVR_PROTO_UDP) return true;
    svr_put16(l4, flow->sport);
    svr_put16(l4 + 2, flow->dport);
    return true;
}

static svr_drop release(svr_forward *f, svr_work *w, svr_gathering *d, const svr_flow *flow) {
    svr_leg *in = w->in;
    const svr_leg *out = svr_leg_opposite(in);
    uint8_t tcp_flags;
    bool v6 = flow->src.family == 6,
         came_whole = svr_ip_header_len(flow->src.family) + d->total <= d->largest;
    outgoing o = {.out = out,
                  .flow = flow,
                  .fields = svr_emit_inherit(&w->ip),
                  .id = v6 ? w->part.extended_id : w->part.original_id,
                  .total = d->total,
                  .limit = longest_on(out)};
    source from = {.parts = d->part, .n = d->n};
    if (!mend_l4(d, flow, &tcp_flags)) return SVR_DROP_PAYLOAD_MALFORMED;
    if (tcp_flags && !svr_leg_session(in)->dead) svr_session_touch(svr_leg_session(in), in->side, tcp_flags);
    if (v6 && came_whole && d->largest > o.limit) {
        svr_icmp_too_big(f, in, out->lan, d->part[0].pkt->data);
        return SVR_DROP_TOO_BIG;
    }
    if (d->largest < o.limit) o.limit = d->largest;
    o.fields.dont_fragment = v6 || w->part.dont_fragment;
    return emit_all(f, &o, &from);
}

svr_drop svr_fragment_collect(svr_forward *f, svr_work *w, const svr_flow *flow) {
    const svr_session *s = svr_leg_session(w->in);
    svr_gather_key key = {.id = w->part.extended_id,
                          .place = SVR_IFID_NONE,
                          .proto = (uint16_t)w->in->side,
                          .sender = flow->src,
                          .receiver = {.family = 1}};
    memcpy(key.receiver.bytes, s->uuid, SVR_UUID_LEN);
    svr_gathering *d = svr_gather_open(&f->gather, &key);
    if (!d) return SVR_DROP_NO_MEMORY;
    if (w->part.largest > d->largest) d->largest = w->part.largest;
    svr_drop reason = svr_gather_add(&f->gather, d, w->pkt, w->part.offset, w->pkt->len, w->part.more);
    if (reason) return reason;
    w->pkt = NULL;
    if (!svr_gather_whole(d)) return SVR_DROP_NONE;
    reason = release(f, w, d, flow);
    if (reason) svr_drop_count(f->rt, reason);
    svr_gather_close(&f->gather, d);
    return SVR_DROP_NONE;
}

svr_drop svr_fragment_split(svr_forward *f, const svr_leg *out, svr_packet *pkt, const svr_flow *flow,
                            svr_emit_fields fields) {
    const svr_part whole = {.pkt = pkt, .at = 0, .len = pkt->len};
    source from = {.parts = &whole, .n = 1};
    const outgoing o = {.out = out,
                        .flow = flow,
                        .fields = fields,
                        .id = f->ip_id++,
                        .total = pkt->len,
                        .limit = longest_on(out)};
    return emit_all(f, &o, &from);
}

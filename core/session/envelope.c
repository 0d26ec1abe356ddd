/* SPDX-License-Identifier: MIT */
#include "session/envelope.h"

#define WINDOW_SCALE 14 /* RFC 7323's largest: no more than a GiB is ever on its way */
#define STRAY (UINT32_C(1) << 24)

static bool is_tcp(const svr_leg *leg) {
    return leg->arrival.proto == SVR_PROTO_TCP;
}

uint8_t svr_envelope_proto(const svr_path *path, uint8_t inner_proto) {
    const svr_path_config *config = svr_path_get_config(path);
    /* A NAT there has been opened by the other end, with UDP (PD-NAT). */
    bool reachable = !config->far_nat || config->external.family;
    bool native = config->neighborhood->tcp_transport == SVR_TCP_NATIVE;
    return native && reachable && inner_proto == SVR_PROTO_TCP ? SVR_PROTO_TCP : SVR_PROTO_UDP;
}

size_t svr_envelope_len(const svr_tuple *arrival) {
    return arrival->proto == SVR_PROTO_TCP ? SVR_ENVELOPE_TCP_LEN : SVR_UDP_HEADER_LEN;
}

void svr_envelope_begin(svr_leg *leg) {
    leg->tcp_state = SVR_ENVELOPE_FRESH;
    if (!is_tcp(leg)) return;
    svr_runtime *rt = svr_leg_session(leg)->all->rt;
    leg->tcp = (svr_envelope){.next = (uint32_t)svr_runtime_jitter(rt, UINT64_C(1) << 32)};
}

static uint16_t longest_segment(const svr_leg *leg) {
    size_t headers = svr_ip_header_len(leg->arrival.dst.family) + SVR_TCP_HEADER_MIN,
           mtu = svr_path_mtu(leg->path);
    return (uint16_t)(mtu < SVR_PACKET_LEN_MAX ? mtu - headers : SVR_PACKET_LEN_MAX - headers);
}

void svr_envelope_seal(svr_leg *leg, size_t len, svr_tcp_header *out) {
    const svr_tuple *t = &leg->arrival; /* of packets that come back */
    *out =
        (svr_tcp_header){.sport = t->dport, .dport = t->sport, .seq = leg->tcp.next, .ack = leg->tcp.heard};
    out->window = UINT16_MAX;
    switch ((svr_envelope_state)leg->tcp_state) {
    case SVR_ENVELOPE_FRESH: out->flags = SVR_TCP_SYN; break;
    case SVR_ENVELOPE_ANSWERING: out->flags = SVR_TCP_SYN | SVR_TCP_ACK; break;
    case SVR_ENVELOPE_OPEN: out->flags = SVR_TCP_PSH | SVR_TCP_ACK; break;
    case SVR_ENVELOPE_CLOSING: out->flags = SVR_TCP_FIN | SVR_TCP_PSH | SVR_TCP_ACK; break;
    }
    if (out->flags & SVR_TCP_SYN) {
        out->mss = longest_segment(leg);
        out->window_scale = WINDOW_SCALE;
    } else {
        leg->tcp.next += (uint32_t)len;
    }
}

/* One behind the segment's last octet. */
static uint32_t end_of(const svr_tcp_segment *s) {
    uint32_t flags = !!(s->flags & SVR_TCP_SYN) + !!(s->flags & SVR_TCP_FIN);
    return s->seq + (uint32_t)s->len + flags;
}

/* Nothing but what was heard last tells how far the other end is: of a step too far the next segment leads
 * back, since on the way between two transit routers nobody can tell who made it. */
static void count(svr_envelope *e, const svr_tcp_segment *seen) {
    uint32_t ahead = end_of(seen) - e->heard;
    if (ahead < STRAY || -ahead > STRAY) e->heard += ahead;
}

void svr_envelope_heard(svr_leg *leg, const svr_tcp_segment *seen) {
    bool syn = seen->flags & SVR_TCP_SYN, ack = seen->flags & SVR_TCP_ACK;
    if (!is_tcp(leg) || leg->tcp_state == SVR_ENVELOPE_CLOSING) return;
    if (leg->tcp_state == SVR_ENVELOPE_FRESH) leg->tcp.heard = end_of(seen);
    if (leg->tcp_state == SVR_ENVELOPE_OPEN && syn && !ack) return; /* it was overtaken */
    count(&leg->tcp, seen);
    if (leg->tcp_state == SVR_ENVELOPE_OPEN) return;
    if (ack) leg->tcp.next = seen->ack;
    leg->tcp_state = ack ? SVR_ENVELOPE_OPEN : SVR_ENVELOPE_ANSWERING;
}

void svr_envelope_answer(svr_leg *leg, const svr_tcp_segment *seen) {
    if (!is_tcp(leg)) return;
    leg->tcp_state = seen->flags & SVR_TCP_ACK ? SVR_ENVELOPE_OPEN : SVR_ENVELOPE_ANSWERING;
    leg->tcp = (svr_envelope){.next = seen->ack, .heard = end_of(seen)};
}

/* SPDX-License-Identifier: MIT */
#include "svr/wire.h"

#include "base/bytes.h"

#define TLV_HEADER_LEN 4
#define CONTEXT_PORTS_LEN 5 /* two ports, protocol */
#define ECHO_REQUEST 1
#define ECHO_REPLY 2
#define PAYLOAD_KEY_TLV_LEN (2 + SVR_PAYLOAD_KEY_LEN)

svr_tlv_cursor svr_tlv_first(const uint8_t *p, size_t len) {
    return (svr_tlv_cursor){.p = p, .end = p + len, .ok = true};
}

bool svr_tlv_next(svr_tlv_cursor *c, svr_tlv *out) {
    if (!c->ok || c->p == c->end) return false;
    svr_reader r = svr_reader_make(c->p, (size_t)(c->end - c->p));
    svr_tlv tlv;
    tlv.type = svr_read16(&r);
    tlv.len = svr_read16(&r);
    tlv.value = svr_read_bytes(&r, tlv.len);
    c->ok = r.ok;
    if (!r.ok) return false;
    c->p = r.p;
    *out = tlv;
    return true;
}

bool svr_tlv_well_formed(const uint8_t *p, size_t len) {
    svr_tlv_cursor c = svr_tlv_first(p, len);
    svr_tlv tlv;
    while (svr_tlv_next(&c, &tlv))
        ;
    return c.ok;
}

bool svr_tlv_find(const uint8_t *p, size_t len, uint16_t type, svr_tlv *out) {
    svr_tlv_cursor c = svr_tlv_first(p, len);
    svr_tlv tlv;
    while (svr_tlv_next(&c, &tlv)) {
        if (tlv.type != type) continue;
        *out = tlv;
        return true;
    }
    return false;
}

const char *svr_tlv_name(uint16_t type) {
    switch ((svr_tlv_type)type) {
    case SVR_TLV_FRAGMENT: return "fragment";
    case SVR_TLV_FORWARD_CONTEXT_V4: return "forward-context-v4";
    case SVR_TLV_FORWARD_CONTEXT_V6: return "forward-context-v6";
    case SVR_TLV_REVERSE_CONTEXT_V4: return "reverse-context-v4";
    case SVR_TLV_REVERSE_CONTEXT_V6: return "reverse-context-v6";
    case SVR_TLV_SESSION_UUID: return "session-uuid";
    case SVR_TLV_TENANT: return "tenant";
    case SVR_TLV_SERVICE: return "service";
    case SVR_TLV_SESSION_ENCRYPTED: return "session-encrypted";
    case SVR_TLV_TCP_SYN: return "tcp-syn";
    case SVR_TLV_SOURCE_ROUTER: return "source-router";
    case SVR_TLV_SECURITY_POLICY: return "security-policy";
    case SVR_TLV_SECURITY_ID: return "security-id";
    case SVR_TLV_DESTINATION_ROUTER: return "destination-router";
    case SVR_TLV_DISABLE_FORWARD_METADATA: return "disable-forward-metadata";
    case SVR_TLV_PEER_PATH_ID: return "peer-path-id";
    case SVR_TLV_ICMP_ERROR_V4: return "icmp-error-location-v4";
    case SVR_TLV_ICMP_ERROR_V6: return "icmp-error-location-v6";
    case SVR_TLV_CONTROL: return "control-message";
    case SVR_TLV_SOURCE_NAT: return "source-nat-address";
    case SVR_TLV_PATH_METRICS: return "path-metrics";
    case SVR_TLV_MODIFY: return "modify-request";
    case SVR_TLV_APPLICATION: return "application";
    case SVR_TLV_REMAINING_TIME: return "remaining-session-time";
    case SVR_TLV_PAYLOAD_KEY: return "payload-key";
    case SVR_TLV_MULTICAST_50: return "multicast-50";
    case SVR_TLV_MULTICAST_51: return "multicast-51";
    case SVR_TLV_NONCE: return "nonce";
    case SVR_TLV_KEX_PART: return "key-exchange-part";
    case SVR_TLV_KEX_SECRET: return "key-exchange-secret";
    case SVR_TLV_KEYS_HELD: return "keys-held";
    case SVR_TLV_TRANSPORT: return "transport";
    case SVR_TLV_ECHO: return "echo";
    case SVR_TLV_ICMP_ERROR: return "icmp-error";
    case SVR_TLV_COOKIE: return "cookie";
    case SVR_TLV_CLAIM: return "claim";
    case SVR_TLV_SEEN_AS: return "seen-as";
    case SVR_TLV_MTU_PROBE: return "mtu-probe";
    case SVR_TLV_PADDING: return "padding";
    case SVR_TLV_ROOM: return "room";
    }
    return "unknown";
}

/* ---- writing -------------------------------------------------------------------------------- */

svr_tlv_writer svr_tlv_writer_make(uint8_t *buf, size_t size) {
    return (svr_tlv_writer){.start = buf, .p = buf, .end = buf + size, .ok = true};
}

size_t svr_tlv_written(const svr_tlv_writer *w) {
    return (size_t)(w->p - w->start);
}

/* Writes type and length; returns where the value goes, or NULL. */
static uint8_t *begin(svr_tlv_writer *w, uint16_t type, size_t len) {
    if (!w->ok || len > UINT16_MAX || (size_t)(w->end - w->p) < TLV_HEADER_LEN + len) {
        w->ok = false;
        return NULL;
    }
    svr_put16(w->p, type);
    svr_put16(w->p + 2, (uint16_t)len);
    uint8_t *value = w->p + TLV_HEADER_LEN;
    w->p = value + len;
    return value;
}

void svr_tlv_put(svr_tlv_writer *w, uint16_t type, const void *value, size_t len) {
    uint8_t *p = begin(w, type, len);
    if (p && len) memcpy(p, value, len);
}

void svr_tlv_put8(svr_tlv_writer *w, uint16_t type, uint8_t v) {
    svr_tlv_put(w, type, &v, 1);
}

void svr_tlv_put32(svr_tlv_writer *w, uint16_t type, uint32_t v) {
    uint8_t *p = begin(w, type, 4);
    if (p) svr_put32(p, v);
}

void svr_tlv_put64(svr_tlv_writer *w, uint16_t type, uint64_t v) {
    uint8_t *p = begin(w, type, 8);
    if (p) svr_put64(p, v);
}

void svr_tlv_put_text(svr_tlv_writer *w, uint16_t type, const char *text) {
    svr_tlv_put(w, type, text, strlen(text));
}

void svr_tlv_put_context(svr_tlv_writer *w, bool reverse, const svr_flow *flow) {
    size_t n = svr_addr_size(&flow->src);
    uint16_t type = (uint16_t)(SVR_TLV_FORWARD_CONTEXT_V4 + (flow->src.family == 6) + (reverse ? 2 : 0));
    uint8_t *p = begin(w, type, 2 * n + CONTEXT_PORTS_LEN);
    if (!p) return;
    memcpy(p, flow->src.bytes, n);
    memcpy(p + n, flow->dst.bytes, n);
    svr_put16(p + 2 * n, flow->sport);
    svr_put16(p + 2 * n + 2, flow->dport);
    p[2 * n + 4] = flow->proto;
}

bool svr_context_decode(const svr_tlv *tlv, svr_flow *out) {
    if (tlv->type < SVR_TLV_FORWARD_CONTEXT_V4 || tlv->type > SVR_TLV_REVERSE_CONTEXT_V6) return false;
    uint8_t family = tlv->type % 2 ? 6 : 4;
    size_t n = family == 4 ? 4 : 16;
    if (tlv->len != 2 * n + CONTEXT_PORTS_LEN) return false;
    const uint8_t *ports = tlv->value + 2 * n;
    *out = (svr_flow){.src = svr_addr_from_bytes(family, tlv->value),
                      .dst = svr_addr_from_bytes(family, tlv->value + n),
                      .sport = svr_get16(ports),
                      .dport = svr_get16(ports + 2),
                      .proto = ports[4]};
    return true;
}

bool svr_text_decode(const svr_tlv *tlv, char out[SVR_NAME_MAX + 1]) {
    if (tlv->len == 0 || tlv->len > SVR_NAME_MAX || memchr(tlv->value, 0, tlv->len)) return false;
    memcpy(out, tlv->value, tlv->len);
    out[tlv->len] = 0;
    return true;
}

void svr_tlv_put_payload_key(svr_tlv_writer *w, const svr_payload_key_tlv *key) {
    uint8_t *p = begin(w, SVR_TLV_PAYLOAD_KEY, PAYLOAD_KEY_TLV_LEN);
    if (!p) return;
    p[0] = key->phase;
    p[1] = key->hmac;
    memcpy(p + 2, key->key, SVR_PAYLOAD_KEY_LEN);
}

bool svr_payload_key_decode(const svr_tlv *tlv, svr_payload_key_tlv *out) {
    if (tlv->type != SVR_TLV_PAYLOAD_KEY || tlv->len != PAYLOAD_KEY_TLV_LEN || tlv->value[1] > 1)
        return false;
    out->phase = tlv->value[0];
    out->hmac = tlv->value[1];
    memcpy(out->key, tlv->value + 2, SVR_PAYLOAD_KEY_LEN);
    return true;
}

void svr_tlv_put_echo(svr_tlv_writer *w, const svr_echo_tlv *echo) {
    uint8_t *p = begin(w, SVR_TLV_ECHO, SVR_ECHO_LEN);
    if (!p) return;
    p[0] = echo->reply ? ECHO_REPLY : ECHO_REQUEST;
    p[1] = echo->number;
    p[2] = echo->length;
    p[3] = 0;
    svr_put32(p + 4, echo->burst);
}

bool svr_echo_decode(const svr_tlv *tlv, svr_echo_tlv *out) {
    const uint8_t *p = tlv->value;
    if (tlv->type != SVR_TLV_ECHO || tlv->len != SVR_ECHO_LEN ||
        (p[0] != ECHO_REQUEST && p[0] != ECHO_REPLY) || p[2] > SVR_ECHO_BURST_MAX || p[1] >= p[2] ||
        p[3] != 0)
        return false;
    *out = (svr_echo_tlv){
        .reply = p[0] == ECHO_REPLY, .number = p[1], .length = p[2], .burst = svr_get32(p + 4)};
    return true;
}

/* ---- parts of datagrams --------------------------------------------------------------------- */

#define FRAGMENT_LEN 10
#define DONT_FRAGMENT 0x4000
#define MORE 0x2000

void svr_piece_encode(const svr_fragment *f, uint8_t out[SVR_PIECE_HEADER_LEN]) {
    svr_metadata_encode_header(out, TLV_HEADER_LEN + FRAGMENT_LEN, 0);
    svr_tlv_writer w = svr_tlv_writer_make(out + SVR_METADATA_HEADER_LEN, TLV_HEADER_LEN + FRAGMENT_LEN);
    uint8_t *p = begin(&w, SVR_TLV_FRAGMENT, FRAGMENT_LEN);
    svr_put32(p, f->extended_id);
    svr_put16(p + 4, f->original_id);
    svr_put16(p + 6,
              (uint16_t)(f->offset / 8 | (f->more ? MORE : 0) | (f->dont_fragment ? DONT_FRAGMENT : 0)));
    svr_put16(p + 8, f->largest);
}

bool svr_piece_decode(const svr_metadata *m, svr_fragment *out) {
    svr_tlv tlv, key;
    if (m->payload_len || !svr_tlv_well_formed(m->header, m->header_len) ||
        !svr_tlv_find(m->header, m->header_len, SVR_TLV_FRAGMENT, &tlv) || tlv.len != FRAGMENT_LEN ||
        svr_tlv_find(m->header, m->header_len, SVR_TLV_SECURITY_ID, &key))
        return false;
    uint16_t where = svr_get16(tlv.value + 6);
    *out = (svr_fragment){.extended_id = svr_get32(tlv.value),
                          .original_id = svr_get16(tlv.value + 4),
                          .offset = (uint16_t)((where & 0x1fff) * 8),
                          .more = where & MORE,
                          .dont_fragment = where & DONT_FRAGMENT,
                          .largest = svr_get16(tlv.value + 8)};
    return true;
}

/* ---- ICMP errors ---------------------------------------------------------------------------- */

#define REPORT_LEN (6 + SVR_ICMP_QUOTE_LEN)

void svr_tlv_put_report(svr_tlv_writer *w, const svr_icmp_report *r) {
    uint16_t where = r->location.family == 4 ? SVR_TLV_ICMP_ERROR_V4 : SVR_TLV_ICMP_ERROR_V6;
    svr_tlv_put(w, where, r->location.bytes, svr_addr_size(&r->location));
    uint8_t *p = begin(w, SVR_TLV_ICMP_ERROR, REPORT_LEN);
    if (!p) return;
    p[0] = r->type;
    p[1] = r->code;
    svr_put32(p + 2, r->value);
    memcpy(p + 6, r->quote, SVR_ICMP_QUOTE_LEN);
}

bool svr_report_decode(const svr_tlv *tlv, svr_icmp_report *out) {
    const uint8_t *p = tlv->value;
    if (tlv->type == SVR_TLV_ICMP_ERROR_V4 || tlv->type == SVR_TLV_ICMP_ERROR_V6) {
        uint8_t family = tlv->type == SVR_TLV_ICMP_ERROR_V4 ? 4 : 6;
        if (tlv->len != (family == 4 ? 4 : 16)) return false;
        out->location = svr_addr_from_bytes(family, p);
    } else if (tlv->type == SVR_TLV_ICMP_ERROR) {
        if (tlv->len != REPORT_LEN) return false;
        out->type = p[0];
        out->code = p[1];
        out->value = svr_get32(p + 2);
        memcpy(out->quote, p + 6, SVR_ICMP_QUOTE_LEN);
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
#include "session/metadata.h"

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

#define HEADER_TLVS_LEN (4 * 4 + 4 + 8 + 4) /* SECURITY_ID, NONCE, SESSION_ENCRYPTED, CLAIM */
#define HOP_TAG_LEN SVR_TAG_MAX

/* ---- made ----------------------------------------------------------------------------------- */

static void put_context(svr_tlv_writer *w, const svr_session *s, bool reverse) {
    svr_flow flow = svr_session_flow(s);
    if (reverse) flow = svr_flow_reverse(&flow);
    svr_tlv_put_context(w, reverse, &flow);
}

/* What the path on the other side takes, so that whoever cuts and refuses knows of all paths. */
static void put_room(svr_tlv_writer *w, const svr_leg *behind) {
    uint8_t value[2];
    if (!behind->path) return;
    svr_put16(value, (uint16_t)svr_leg_room(behind));
    svr_tlv_put(w, SVR_TLV_ROOM, value, sizeof value);
}

static void put_session(svr_tlv_writer *w, const svr_leg *out, bool with_key) {
    const svr_session *s = svr_leg_session(out);
    put_context(w, s, out->side == SVR_ORIGIN);
    svr_tlv_put(w, SVR_TLV_SESSION_UUID, s->uuid, SVR_UUID_LEN);
    svr_tlv_put_text(w, SVR_TLV_TENANT, s->tenant->name);
    svr_tlv_put_text(w, SVR_TLV_SERVICE, s->service->name);
    if (svr_session_proto(s) == SVR_PROTO_TCP && out->arrival.proto == SVR_PROTO_UDP)
        svr_tlv_put(w, SVR_TLV_TCP_SYN, NULL, 0); /* PD-UDP */
    if (svr_session_proto(s) != SVR_PROTO_TCP && svr_session_proto(s) != SVR_PROTO_UDP)
        svr_tlv_put8(w, SVR_TLV_TRANSPORT, svr_session_proto(s));
    if (s->service->security) svr_tlv_put_text(w, SVR_TLV_SECURITY_POLICY, s->service->security->name);
    if (with_key) svr_tlv_put_payload_key(w, &s->keys.newest);
    put_room(w, svr_leg_opposite(out));
}

/* Puts header and payload TLVs in front of the packet's data. `tlvs` holds `len` bytes and room for padding.
 */
static bool enclose(svr_path *path, bool encrypted, uint8_t *tlvs, size_t len, svr_packet *pkt,
                    svr_crypt_op *op) {
    uint8_t head[SVR_METADATA_HEADER_LEN + HEADER_TLVS_LEN];
    svr_peer *peer = svr_path_peer(path);
    const svr_crypt_key *key;
    uint32_t index;
    uint64_t nonce;
    size_t text_len = svr_pad(tlvs, len);
    if (svr_packet_headroom(pkt) < sizeof head + SVR_AES_BLOCK + text_len ||
        svr_packet_tailroom(pkt) < HOP_TAG_LEN || !svr_peer_metadata_send_key(peer, &key, &index, &nonce))
        return false;
    svr_tlv_writer w =
        svr_tlv_writer_make(head + SVR_METADATA_HEADER_LEN, sizeof head - SVR_METADATA_HEADER_LEN);
    svr_tlv_put32(&w, SVR_TLV_SECURITY_ID, index);
    svr_tlv_put64(&w, SVR_TLV_NONCE, nonce);
    if (encrypted) svr_tlv_put(&w, SVR_TLV_SESSION_ENCRYPTED, NULL, 0);
    if (svr_path_near_nat(path)) svr_tlv_put32(&w, SVR_TLV_CLAIM, svr_path_claim(path));
    assert(w.ok);
    size_t head_len = SVR_METADATA_HEADER_LEN + svr_tlv_written(&w);
    svr_metadata_encode_header(head, svr_tlv_written(&w), SVR_AES_BLOCK + text_len);
    pkt->data -= head_len + SVR_AES_BLOCK + text_len;
    pkt->len += (uint32_t)(head_len + SVR_AES_BLOCK + text_len);
    memcpy(pkt->data, head, head_len);
    *op = (svr_crypt_op){.key = key,
                         .nonce = nonce,
                         .iv_wire = pkt->data + head_len,
                         .text = pkt->data + head_len + SVR_AES_BLOCK,
                         .text_len = (uint32_t)text_len,
                         .auth = pkt->data,
                         .auth_len = pkt->len,
                         .tag = pkt->data + pkt->len};
    memcpy(op->text, tlvs, text_len);
    pkt->len += HOP_TAG_LEN;
    return true;
}

bool svr_metadata_create(const svr_leg *out, svr_control control, bool with_key, svr_packet *pkt,
                         svr_crypt_op *op) {
    uint8_t tlvs[SVR_METADATA_SESSION_MAX];
    svr_tlv_writer w = svr_tlv_writer_make(tlvs, sizeof tlvs - SVR_AES_BLOCK);
    if (control) svr_tlv_put8(&w, SVR_TLV_CONTROL, control);
    put_session(&w, out, with_key);
    assert(w.ok);
    bool ok = enclose(out->path, svr_leg_session(out)->encrypt, tlvs, svr_tlv_written(&w), pkt, op);
    svr_wipe(tlvs, sizeof tlvs);
    return ok;
}

bool svr_metadata_create_control(svr_path *path, svr_control control, const uint8_t *uuid, svr_packet *pkt,
                                 svr_crypt_op *op) {
    uint8_t tlvs[64];
    svr_tlv_writer w = svr_tlv_writer_make(tlvs, sizeof tlvs - SVR_AES_BLOCK);
    svr_tlv_put8(&w, SVR_TLV_CONTROL, control);
    if (uuid) svr_tlv_put(&w, SVR_TLV_SESSION_UUID, uuid, SVR_UUID_LEN);
    assert(w.ok);
    return enclose(path, false, tlvs, svr_tlv_written(&w), pkt, op);
}

bool svr_metadata_create_error(const svr_leg *out, const svr_icmp_report *error, svr_packet *pkt,
                               svr_crypt_op *op) {
    uint8_t tlvs[96];
    svr_tlv_writer w = svr_tlv_writer_make(tlvs, sizeof tlvs - SVR_AES_BLOCK);
    svr_tlv_put(&w, SVR_TLV_SESSION_UUID, svr_leg_session(out)->uuid, SVR_UUID_LEN);
    svr_tlv_put_report(&w, error);
    assert(w.ok);
    return enclose(out->path, false, tlvs, svr_tlv_written(&w), pkt, op);
}

/* ---- taken apart ---------------------------------------------------------------------------- */

svr_drop svr_metadata_prepare(svr_peer *peer, const svr_metadata *m, uint8_t *body, size_t len,
                              svr_crypt_op *op, uint32_t *index, bool *encrypted) {
    svr_tlv id, nonce, flag;
    if (!svr_tlv_well_formed(m->header, m->header_len) ||
        !svr_tlv_find(m->header, m->header_len, SVR_TLV_SECURITY_ID, &id) || id.len != 4 ||
        !svr_tlv_find(m->header, m->header_len, SVR_TLV_NONCE, &nonce) || nonce.len != 8 ||
        m->payload_len < 2 * SVR_AES_BLOCK || m->payload_len % SVR_AES_BLOCK || len < m->total + HOP_TAG_LEN)
        return SVR_DROP_METADATA_MALFORMED;
    const svr_crypt_key *key = svr_peer_metadata_receive_key(peer, svr_get32(id.value));
    if (!key) return SVR_DROP_METADATA_UNKNOWN_KEY;
    uint8_t *iv = body + (m->payload - body);
    *index = svr_get32(id.value);
    *encrypted = svr_tlv_find(m->header, m->header_len, SVR_TLV_SESSION_ENCRYPTED, &flag);
    *op = (svr_crypt_op){.key = key,
                         .nonce = svr_get64(nonce.value),
                         .iv_wire = iv,
                         .text = iv + SVR_AES_BLOCK,
                         .text_len = (uint32_t)(m->payload_len - SVR_AES_BLOCK),
                         .auth = body,
                         .auth_len = (uint32_t)(len - HOP_TAG_LEN),
                         .tag = body + len - HOP_TAG_LEN};
    return SVR_DROP_NONE;
}

static bool take_context(const svr_tlv *tlv, bool *which, svr_metadata_facts *f) {
    if (f->forward || f->reverse) return true;
    *which = true;
    return svr_context_decode(tlv, &f->flow);
}

static bool take_uuid(const svr_tlv *tlv, svr_metadata_facts *f) {
    if (f->has_uuid) return true;
    f->has_uuid = tlv->len == SVR_UUID_LEN;
    if (f->has_uuid) memcpy(f->uuid, tlv->value, SVR_UUID_LEN);
    return f->has_uuid;
}

static bool take_text(const svr_tlv *tlv, bool *has, char out[SVR_NAME_MAX + 1]) {
    if (!*has) *has = svr_text_decode(tlv, out);
    return *has;
}

static bool take_key(const svr_tlv *tlv, svr_metadata_facts *f) {
    if (f->has_key || tlv->len == 1) return true; /* length 1 is a health check */
    return f->has_key = svr_payload_key_decode(tlv, &f->key);
}

static bool take_control(const svr_tlv *tlv, svr_metadata_facts *f) {
    if (!f->control) f->control = tlv->len == 1 ? tlv->value[0] : 0;
    return f->control != 0;
}

static bool take_room(const svr_tlv *tlv, svr_metadata_facts *f) {
    if (tlv->len != 2) return false;
    f->room = svr_get16(tlv->value);
    return true;
}

static bool take_error(const svr_tlv *tlv, svr_metadata_facts *f) {
    if (tlv->type == SVR_TLV_ICMP_ERROR) f->has_error = true;
    return svr_report_decode(tlv, &f->error);
}

/* Of a type that stands twice the first counts; unknown types are skipped. False: malformed. */
static bool take(const svr_tlv *tlv, svr_metadata_facts *f) {
    switch (tlv->type) {
    case SVR_TLV_FORWARD_CONTEXT_V4:
    case SVR_TLV_FORWARD_CONTEXT_V6: return take_context(tlv, &f->forward, f);
    case SVR_TLV_REVERSE_CONTEXT_V4:
    case SVR_TLV_REVERSE_CONTEXT_V6: return take_context(tlv, &f->reverse, f);
    case SVR_TLV_SESSION_UUID: return take_uuid(tlv, f);
    case SVR_TLV_TENANT: return take_text(tlv, &f->has_tenant, f->tenant);
    case SVR_TLV_SERVICE: return take_text(tlv, &f->has_service, f->service);
    case SVR_TLV_PAYLOAD_KEY: return take_key(tlv, f);
    case SVR_TLV_TCP_SYN: return f->tcp_syn = true;
    case SVR_TLV_CONTROL: return take_control(tlv, f);
    case SVR_TLV_ROOM: return take_room(tlv, f);
    case SVR_TLV_ICMP_ERROR_V4:
    case SVR_TLV_ICMP_ERROR_V6:
    case SVR_TLV_ICMP_ERROR: return take_error(tlv, f);
    default: return true;
    }
}

svr_drop svr_metadata_consume(const uint8_t *text, size_t len, svr_metadata_facts *out) {
    int n = svr_unpad(text, len);
    svr_metadata_facts f = {0};
    bool ok = n >= 0;
    if (ok) {
        svr_tlv_cursor c = svr_tlv_first(text, (size_t)n);
        svr_tlv tlv;
        while (ok && svr_tlv_next(&c, &tlv))
            ok = take(&tlv, &f);
        ok = ok && c.ok;
    }
    if (ok) *out = f;
    svr_wipe(&f, sizeof f);
    if (!ok) svr_wipe(out, sizeof *out);
    return ok ? SVR_DROP_NONE : SVR_DROP_METADATA_MALFORMED;
}

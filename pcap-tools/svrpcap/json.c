/* SPDX-License-Identifier: MIT
 * Names and values are those of the events of svrd and of docs/protocol.md. */
#include "common/json.h"

#include <stdlib.h>

#include "packet.h"
#include "pcapng/link.h"

/* Takes `value` over. */
static void set(json_t *o, const char *name, json_t *value) {
    if (value) json_object_set_new_nocheck(o, name, value);
}
static void set_number(json_t *o, const char *name, uint64_t v) {
    set(o, name, json_integer((json_int_t)v));
}
static void set_text(json_t *o, const char *name, const char *text) {
    if (text[0]) set(o, name, svr_json_text(text));
}

json_t *svrpcap_time_json(svr_wall at) {
    char text[SVRPCAP_TIME_MAX];
    return json_string(svrpcap_format_time(SVRPCAP_TIME_EPOCH, at, 0, text));
}

json_t *svrpcap_hex_json(const uint8_t *p, size_t n) {
    char *text = malloc(2 * n + 1);
    if (!text) return NULL;
    svrpcap_format_hex(p, n, text);
    json_t *out = json_string_nocheck(text);
    free(text);
    return out;
}

json_t *svrpcap_flow_json(const svr_flow *f) {
    json_t *o = json_object();
    char text[SVR_ADDR_TEXT_MAX];
    set(o, "src", json_string(svr_addr_format(&f->src, text)));
    set(o, "dst", json_string(svr_addr_format(&f->dst, text)));
    set_number(o, "sport", f->sport);
    set_number(o, "dport", f->dport);
    set_number(o, "proto", f->proto);
    return o;
}

static json_t *part_json(const svr_fragment *f) {
    json_t *o = json_object();
    set_number(o, "extended_id", f->extended_id);
    set_number(o, "original_id", f->original_id);
    set_number(o, "offset", f->offset);
    set(o, "more", json_boolean(f->more));
    set_number(o, "largest", f->largest);
    return o;
}

static json_t *error_json(const svr_icmp_report *r) {
    json_t *o = json_object();
    char text[SVR_ADDR_TEXT_MAX];
    set(o, "location", json_string(svr_addr_format(&r->location, text)));
    set_number(o, "type", r->type);
    set_number(o, "code", r->code);
    set_number(o, "value", r->value);
    return o;
}

static json_t *echo_json(const svr_echo_tlv *e) {
    json_t *o = json_object();
    set(o, "reply", json_boolean(e->reply));
    set_number(o, "number", e->number);
    set_number(o, "length", e->length);
    set_number(o, "burst", e->burst);
    return o;
}

static void set_bfd(json_t *o, const svr_seen *s) {
    if (s->metadata == SVR_AUTH_GOOD)
        set(o, "fingerprint", svrpcap_hex_json(s->key_fingerprint, SVR_SEEN_FINGERPRINT_LEN));
    json_t *held = json_array(), *messages = json_array();
    for (size_t i = 0; i < s->n_held; i++) {
        json_t *k = json_object();
        set_number(k, "index", s->held[i].index);
        set(k, "fingerprint", svrpcap_hex_json(s->held[i].fingerprint, SVR_SEEN_FINGERPRINT_LEN));
        json_array_append_new(held, k);
    }
    for (size_t i = 0; i < s->n_messages; i++) {
        json_t *m = json_object();
        set_text(m, "kind", svr_seen_message_name(s->messages[i].kind));
        set(m, "secret", json_boolean(s->messages[i].secret));
        set_number(m, "length", s->messages[i].len);
        json_array_append_new(messages, m);
    }
    set(o, "held", held);
    set(o, "messages", messages);
    if (s->has_echo) set(o, "echo", echo_json(&s->echo));
    if (!s->has_bfd) return;
    set_text(o, "bfd_state", svrpcap_bfd_state_name(s->bfd.state));
    set_number(o, "bfd_diag", s->bfd.diag);
    set_number(o, "bfd_mine", s->bfd.my_discriminator);
    set_number(o, "bfd_yours", s->bfd.your_discriminator);
}

static void set_session(json_t *o, const svr_seen *s) {
    if (s->control) set_text(o, "control", svrpcap_control_name(s->control));
    if (s->has_error) set(o, "icmp_error", error_json(&s->error));
    if (s->has_payload_key) set_number(o, "payload_key_phase", s->payload_key_phase);
    if (!s->has_session) return;
    set(o, "uuid", svrpcap_hex_json(s->uuid, SVR_SEEN_UUID_LEN));
    set(o, "forward", json_boolean(s->forward));
    set(o, "encrypted", json_boolean(s->encrypted));
    set_text(o, "service", s->service);
    set_text(o, "tenant", s->tenant);
    set(o, "inner", svrpcap_flow_json(&s->inner));
    if (!s->has_payload) return;
    set_text(o, "payload", svr_seen_auth_name(s->payload));
    set_number(o, "phase", s->phase);
    set_number(o, "counter", s->counter);
    if (s->has_part) set(o, "fragment", part_json(&s->part));
    if (s->payload == SVR_AUTH_GOOD) set_number(o, "text_length", s->text_len);
}

static void add_tlvs(json_t *list, const uint8_t *p, size_t len, bool encrypted) {
    svr_tlv_cursor c = svr_tlv_first(p, len);
    svr_tlv tlv;
    while (svr_tlv_next(&c, &tlv)) {
        json_t *o = json_object();
        set_number(o, "type", tlv.type);
        set_text(o, "name", svr_tlv_name(tlv.type));
        set(o, "encrypted", json_boolean(encrypted));
        set(o, "value", svrpcap_hex_json(tlv.value, tlv.len));
        json_array_append_new(list, o);
    }
}

static void set_tlvs(json_t *o, const svr_seen *s) {
    json_t *tlvs = json_array();
    add_tlvs(tlvs, s->header_tlvs, s->header_tlvs_len, false);
    add_tlvs(tlvs, s->payload_tlvs, s->payload_tlvs_len, true);
    set(o, "tlvs", tlvs);
}

json_t *svrpcap_packet_json(const svrpcap_packet *p, bool verbose) {
    const svr_seen *s = &p->seen;
    json_t *o = json_object();
    if (!o) return NULL;
    set_number(o, "number", p->raw.number);
    if (p->raw.has_time) set(o, "time", svrpcap_time_json(p->raw.time));
    set_text(o, "interface", p->interface->name);
    set_number(o, "length", p->raw.orig_len);
    set_text(o, "kind", svr_seen_kind_name(s->kind));
    if (s->outer.src.family) set(o, "outer", svrpcap_flow_json(&s->outer));
    if (s->kind == SVR_SEEN_OTHER) return o;
    set(o, "malformed", json_boolean(s->malformed));
    set(o, "has_metadata", json_boolean(s->has_metadata));
    set_text(o, "metadata", svr_seen_auth_name(s->metadata));
    if (s->has_key) {
        set_number(o, "key_index", s->key_index);
        set_number(o, "nonce", s->nonce);
    }
    set_text(o, "sender", s->sender);
    set_text(o, "receiver", s->receiver);
    (s->kind == SVR_SEEN_BFD ? set_bfd : set_session)(o, s);
    if (verbose) set_tlvs(o, s);
    return o;
}

bool svrpcap_write_json(json_t *object, FILE *out) {
    bool good =
        object && json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 && fputc('\n', out) != EOF;
    json_decref(object);
    return good;
}

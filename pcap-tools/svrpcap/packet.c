/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <string.h>

enum { NUMBER_COLUMN = 7, VALUE_HEX_MAX = 64, UUID_SHOWN = 4 };

const char *svrpcap_bfd_state_name(svr_bfd_state s) {
    switch (s) {
    case SVR_BFD_ADMIN_DOWN: return "admin-down";
    case SVR_BFD_DOWN: return "down";
    case SVR_BFD_INIT: return "init";
    case SVR_BFD_UP: return "up";
    }
    return "unknown";
}

const char *svrpcap_control_name(uint8_t control) {
    switch ((svr_control)control) {
    case SVR_CONTROL_KEEP_ALIVE: return "keep alive";
    case SVR_CONTROL_ENABLE_METADATA: return "enable metadata";
    case SVR_CONTROL_DISABLE_METADATA: return "disable metadata";
    case SVR_CONTROL_DELETE_SESSION: return "delete session";
    case SVR_CONTROL_SESSION_EXISTS: return "session state exists";
    }
    return "unknown";
}

static void put_auth(svrpcap_line *l, const char *what, svr_seen_auth auth) {
    if (auth == SVR_AUTH_NONE) return;
    svrpcap_put(l, what);
    svrpcap_put_colour(l, auth == SVR_AUTH_GOOD  ? SVRPCAP_GREEN
                          : auth == SVR_AUTH_BAD ? SVRPCAP_RED
                                                 : SVRPCAP_YELLOW);
    svrpcap_put(l, svr_seen_auth_name(auth));
    svrpcap_put_colour(l, SVRPCAP_PLAIN);
}

static void put_field(svrpcap_line *l, const char *name, uint64_t v) {
    svrpcap_put(l, name);
    svrpcap_put_number(l, v);
}

/* ", east > hub, key 1, nonce 7, good" */
static void put_metadata(svrpcap_line *l, const svr_seen *s) {
    if (!s->has_metadata) {
        if (s->kind == SVR_SEEN_BFD) svrpcap_put(l, ", no metadata");
        return;
    }
    svrpcap_put(l, s->kind == SVR_SEEN_BFD ? "" : ", metadata");
    if (s->sender[0]) {
        svrpcap_put(l, s->kind == SVR_SEEN_BFD ? ", " : " ");
        svrpcap_put_name(l, s->sender);
        svrpcap_put(l, " > ");
        svrpcap_put_name(l, s->receiver);
    }
    if (!s->has_key) return;
    put_field(l, ", key ", s->key_index);
    put_field(l, ", nonce ", s->nonce);
    put_auth(l, ", ", s->metadata);
}

static void put_messages(svrpcap_line *l, const svr_seen *s) {
    for (size_t i = 0; i < s->n_messages; i++) {
        svrpcap_put(l, ", ");
        svrpcap_put_colour(l, SVRPCAP_BLUE);
        svrpcap_put(l, svr_seen_message_name(s->messages[i].kind));
        svrpcap_put_colour(l, SVRPCAP_PLAIN);
    }
}

static void put_echo(svrpcap_line *l, const svr_echo_tlv *e) {
    svrpcap_put(l, e->reply ? ", echo reply " : ", echo ");
    svrpcap_put_number(l, e->number + UINT64_C(1));
    put_field(l, " of ", e->length);
    put_field(l, ", burst ", e->burst);
}

static void put_part(svrpcap_line *l, const svr_fragment *f) {
    put_field(l, ", fragment ", f->extended_id);
    put_field(l, " offset ", f->offset);
    if (f->more) svrpcap_put(l, " and more");
}

static void put_bfd(svrpcap_line *l, const svr_seen *s) {
    svrpcap_put(l, "BFD ");
    svrpcap_put(l, s->has_bfd ? svrpcap_bfd_state_name(s->bfd.state) : "?");
    if (s->has_bfd && s->bfd.diag) put_field(l, " diagnostic ", s->bfd.diag);
    put_metadata(l, s);
    if (s->n_held) {
        svrpcap_put(l, ", holds");
        for (size_t i = 0; i < s->n_held; i++)
            put_field(l, i ? "," : " ", s->held[i].index);
    }
    put_messages(l, s);
    if (s->has_echo) put_echo(l, &s->echo);
}

static void put_session(svrpcap_line *l, const svr_seen *s) {
    char proto[16];
    svrpcap_put(l, "SVR");
    if (s->has_session) {
        svrpcap_put_char(l, ' ');
        svrpcap_put_hex(l, s->uuid, UUID_SHOWN);
        svrpcap_put(l, s->forward ? " forward " : " reverse ");
        svr_flow f = s->forward ? s->inner : svr_flow_reverse(&s->inner);
        svrpcap_put_colour(l, SVRPCAP_BOLD);
        svrpcap_put(l, svrpcap_protocol(f.proto, proto));
        svrpcap_put_char(l, ' ');
        svrpcap_put_flow(l, &f);
        svrpcap_put_colour(l, SVRPCAP_PLAIN);
    }
    put_metadata(l, s);
    if (s->control) {
        svrpcap_put(l, ", ");
        svrpcap_put(l, svrpcap_control_name(s->control));
    }
    if (s->has_error) {
        put_field(l, ", ICMP error type ", s->error.type);
        put_field(l, " code ", s->error.code);
        svrpcap_put(l, " from ");
        svrpcap_put_addr(l, &s->error.location);
    }
    if (s->has_session && s->has_metadata) {
        svrpcap_put(l, ", service ");
        svrpcap_put_name(l, s->service);
        svrpcap_put(l, ", tenant ");
        svrpcap_put_name(l, s->tenant);
    }
    if (s->has_payload_key) put_field(l, ", payload-key phase ", s->payload_key_phase);
    if (!s->has_payload) return;
    put_field(l, ", phase ", s->phase);
    put_field(l, ", nonce ", s->counter);
    if (s->has_part) put_part(l, &s->part);
    put_auth(l, s->encrypted ? ", payload " : ", payload in clear, ", s->payload);
    if (s->payload == SVR_AUTH_GOOD) put_field(l, ", length ", s->text_len);
}

static void put_other(svrpcap_line *l, const svrpcap_packet *p) {
    char proto[16];
    if (!p->ip) {
        svrpcap_put(l, "not IP");
    } else if (p->seen.outer.src.family == 0) {
        svrpcap_put(l, "IP, malformed or cut off");
    } else {
        svrpcap_put(l, svrpcap_protocol(p->seen.outer.proto, proto));
    }
    put_field(l, ", length ", p->raw.orig_len);
}

void svrpcap_describe(svrpcap_line *l, const svrpcap_options *o, const svrpcap_packet *p, svr_wall first) {
    const svr_seen *s = &p->seen;
    char number[24];
    svrpcap_put_colour(l, SVRPCAP_DIM);
    int n = snprintf(number, sizeof number, "%*llu", NUMBER_COLUMN - 1, (unsigned long long)p->raw.number);
    svrpcap_put_n(l, number, (size_t)n);
    svrpcap_put_char(l, ' ');
    svrpcap_put_time(l, o->time, p->raw.time, first);
    svrpcap_put_colour(l, SVRPCAP_PLAIN);
    svrpcap_put_char(l, ' ');
    if (s->outer.src.family) {
        svrpcap_put_flow(l, &s->outer);
        svrpcap_put_char(l, ' ');
    }
    if (s->malformed) {
        svrpcap_put_colour(l, SVRPCAP_RED);
        svrpcap_put(l, "malformed ");
        svrpcap_put_colour(l, SVRPCAP_PLAIN);
    }
    switch (s->kind) {
    case SVR_SEEN_BFD: put_bfd(l, s); break;
    case SVR_SEEN_SESSION: put_session(l, s); break;
    case SVR_SEEN_OTHER: put_other(l, p); break;
    }
}

/* ---- TLVs ----------------------------------------------------------------------------------- */

static void put_tlv_value(svrpcap_line *l, const svr_tlv *tlv) {
    char text[SVR_NAME_MAX + 1];
    svr_flow flow;
    if (svr_context_decode(tlv, &flow)) {
        svrpcap_put_flow(l, &flow);
        put_field(l, " protocol ", flow.proto);
    } else if ((tlv->type == SVR_TLV_TENANT || tlv->type == SVR_TLV_SERVICE ||
                tlv->type == SVR_TLV_SECURITY_POLICY) &&
               svr_text_decode(tlv, text)) {
        svrpcap_put_name(l, text);
    } else {
        svrpcap_put_hex(l, tlv->value, tlv->len < VALUE_HEX_MAX ? tlv->len : VALUE_HEX_MAX);
        if (tlv->len > VALUE_HEX_MAX) svrpcap_put(l, "...");
    }
}

/* As docs/protocol.md counts them: 16, 0x8001. */
static void put_type(svrpcap_line *l, uint16_t type) {
    uint8_t bytes[2] = {(uint8_t)(type >> 8), (uint8_t)type};
    svrpcap_put(l, type < 0x8000 ? "TLV " : "TLV 0x");
    if (type < 0x8000)
        svrpcap_put_number(l, type);
    else
        svrpcap_put_hex(l, bytes, sizeof bytes);
}

static void describe_tlvs(svrpcap_line *l, const uint8_t *p, size_t len, const char *place, FILE *out) {
    svr_tlv_cursor c = svr_tlv_first(p, len);
    svr_tlv tlv;
    while (svr_tlv_next(&c, &tlv)) {
        svrpcap_put(l, "         ");
        put_type(l, tlv.type);
        svrpcap_put_char(l, ' ');
        svrpcap_put(l, svr_tlv_name(tlv.type));
        svrpcap_put(l, place);
        put_field(l, ", length ", tlv.len);
        if (tlv.len) svrpcap_put(l, ": ");
        put_tlv_value(l, &tlv);
        svrpcap_line_end(l, out);
    }
}

void svrpcap_describe_tlvs(svrpcap_line *l, const svrpcap_packet *p, FILE *out) {
    describe_tlvs(l, p->seen.header_tlvs, p->seen.header_tlvs_len, " (clear)", out);
    describe_tlvs(l, p->seen.payload_tlvs, p->seen.payload_tlvs_len, " (encrypted)", out);
}

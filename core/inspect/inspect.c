/* SPDX-License-Identifier: MIT
 *
 * A packet is looked at in a copy, since opening deciphers in place. Two things are remembered from packet to
 * packet: parts of messages that are not yet whole, and which session the waypoints of a metadata packet
 * belong to. */
#include "svr/inspect.h"

#include "base/bytes.h"
#include "base/table.h"
#include "inspect/keys.h"
#include "session/metadata.h"

#include <string.h>

#define SLOTS 8 /* messages put together at a time */
#define PART_MAX 1024
#define SESSIONS_MAX 4000000
#define WORK_MAX 65600
#define HINTS 4096

/* Parts of one message, from one router to another. */
typedef struct slot {
    svr_addr src, dst;
    uint32_t id, total, have;
    uint64_t used; /* when it was touched last; 0: free */
    uint8_t bytes[SVR_KEX_TOTAL_MAX];
} slot;

/* One direction of a session. */
typedef struct way {
    svr_tuple tuple; /* of its packets */
    uint8_t uuid[SVR_UUID_LEN];
    svr_flow inner;
    bool forward, encrypted;
    char service[SVR_NAME_MAX + 1], tenant[SVR_NAME_MAX + 1];
    struct way *next;
} way;

/* The keys that fitted last between two addresses. */
typedef struct hint {
    const svr_logged_peer_key *peer;
    int dir;
    const svr_logged_use *use;
} hint;

struct svr_inspector {
    const svr_allocator *alloc;
    svr_logged_keys keys;
    slot *slots;
    uint64_t clock; /* counts packets */
    svr_table ways; /* by tuple */
    way *all_ways;
    hint hints[HINTS]; /* tried first: a network of many routers has many keys of one index */
    uint8_t work[WORK_MAX];
};

/* ---- life cycle ----------------------------------------------------------------------------- */

svr_inspector *svr_inspector_new(const svr_allocator *alloc) {
    svr_inspector *in = svr_alloc_zero(alloc, 1, sizeof *in);
    if (!in) return NULL;
    in->alloc = alloc;
    in->slots = svr_alloc_zero(alloc, SLOTS, sizeof *in->slots);
    svr_table_init(&in->ways, alloc, offsetof(way, tuple), sizeof(svr_tuple), SESSIONS_MAX, 0);
    if (svr_logged_keys_init(&in->keys, alloc) && in->slots) return in;
    svr_inspector_del(in);
    return NULL;
}

void svr_inspector_del(svr_inspector *in) {
    if (!in) return;
    const svr_allocator *alloc = in->alloc;
    for (way *w = in->all_ways, *next; w; w = next) {
        next = w->next;
        svr_alloc_free(alloc, w);
    }
    svr_table_fini(&in->ways);
    svr_alloc_free(alloc, in->slots);
    svr_logged_keys_fini(&in->keys);
    svr_wipe(in, sizeof *in);
    svr_alloc_free(alloc, in);
}

bool svr_inspector_add_key(svr_inspector *in, const char *line) {
    return svr_logged_keys_add(&in->keys, line);
}

/* ---- metadata ------------------------------------------------------------------------------- */

/* Where things are behind the L4 header. */
typedef struct body {
    uint8_t *p;
    size_t len;
    svr_metadata m;
} body;

/* Reads the clear part. False when it is not as the profile has it. */
static bool read_header(const body *b, svr_seen *out) {
    svr_tlv id, nonce, flag;
    out->header_tlvs = b->m.header;
    out->header_tlvs_len = b->m.header_len;
    if (!svr_tlv_well_formed(b->m.header, b->m.header_len)) return false;
    bool has_id = svr_tlv_find(b->m.header, b->m.header_len, SVR_TLV_SECURITY_ID, &id);
    bool has_nonce = svr_tlv_find(b->m.header, b->m.header_len, SVR_TLV_NONCE, &nonce);
    if (has_id != has_nonce || (has_id && (id.len != 4 || nonce.len != 8))) return false;
    out->encrypted = svr_tlv_find(b->m.header, b->m.header_len, SVR_TLV_SESSION_ENCRYPTED, &flag);
    for (uint16_t type = SVR_TLV_FORWARD_CONTEXT_V4; type <= SVR_TLV_REVERSE_CONTEXT_V6; type++)
        out->clear_context |= svr_tlv_find(b->m.header, b->m.header_len, type, &flag);
    out->has_key = has_id;
    if (!has_id) return b->m.payload_len == 0;
    out->key_index = svr_get32(id.value);
    out->nonce = svr_get64(nonce.value);
    return b->m.payload_len >= 2 * SVR_AES_BLOCK && b->m.payload_len % SVR_AES_BLOCK == 0 &&
           b->len >= b->m.total + SVR_TAG_MAX;
}

/* Checks the HMAC at the end under `key`; when it holds the TLVs are deciphered. */
static bool open_metadata(svr_inspector *in, const body *b, const svr_crypt_key *key, uint64_t nonce) {
    uint8_t *iv = b->p + (b->m.payload - b->p);
    svr_crypt_op op = {.key = key,
                       .nonce = nonce,
                       .iv_wire = iv,
                       .text = iv + SVR_AES_BLOCK,
                       .text_len = (uint32_t)(b->m.payload_len - SVR_AES_BLOCK),
                       .auth = b->p,
                       .auth_len = (uint32_t)(b->len - SVR_TAG_MAX),
                       .tag = b->p + b->len - SVR_TAG_MAX};
    svr_crypt_open(in->keys.crypt, &op, 1);
    return op.ok;
}

static svr_piece secret_of(const body *b) {
    const uint8_t *p = b->m.payload + SVR_AES_BLOCK;
    return (svr_piece){p, b->m.payload_len - SVR_AES_BLOCK};
}

static void show_secret(const svr_piece *secret, svr_seen *out) {
    int n = svr_unpad(secret->p, secret->len);
    out->payload_tlvs = secret->p;
    out->payload_tlvs_len = n > 0 ? (size_t)n : 0;
}

static hint *hint_of(svr_inspector *in, const svr_flow *outer) {
    const svr_addr ends[2] = {outer->src, outer->dst};
    return &in->hints[svr_hash(ends, sizeof ends, 0) % HINTS];
}

/* ---- BFD ------------------------------------------------------------------------------------ */

static bool fits_peer(svr_inspector *in, const body *b, const svr_logged_peer_key *k, int dir,
                      svr_seen *out) {
    out->metadata = SVR_AUTH_BAD;
    if (!open_metadata(in, b, &k->key[dir], out->nonce)) return false;
    out->metadata = SVR_AUTH_GOOD;
    out->key = &k->key[dir];
    out->sender = k->name[dir];
    out->receiver = k->name[!dir];
    memcpy(out->key_fingerprint, k->id.fingerprint, SVR_SEEN_FINGERPRINT_LEN);
    return true;
}

static void authenticate_bfd(svr_inspector *in, const body *b, svr_seen *out) {
    const svr_logged_peer_key *k;
    hint *h = hint_of(in, &out->outer);
    out->metadata = SVR_AUTH_NO_KEY;
    if (h->peer && h->peer->id.index == out->key_index && fits_peer(in, b, h->peer, h->dir, out)) return;
    for (size_t pos = 0; (k = svr_logged_next_peer(&in->keys, out->key_index, &pos)) != NULL;) {
        for (int dir = 0; dir < 2; dir++) {
            if (!fits_peer(in, b, k, dir, out)) continue;
            h->peer = k;
            h->dir = dir;
            return;
        }
    }
}

static slot *find_slot(svr_inspector *in, const svr_seen *out, uint32_t id, uint32_t total) {
    slot *oldest = in->slots;
    for (size_t i = 0; i < SLOTS; i++) {
        slot *s = &in->slots[i];
        if (s->used && s->id == id && s->total == total && svr_addr_equal(&s->src, &out->outer.src) &&
            svr_addr_equal(&s->dst, &out->outer.dst))
            return s;
        if (s->used < oldest->used) oldest = s;
    }
    oldest->src = out->outer.src;
    oldest->dst = out->outer.dst;
    oldest->id = id;
    oldest->total = total;
    oldest->have = 0;
    return oldest;
}

static void take_message(svr_seen *out, bool secret, const uint8_t *p, size_t len) {
    if (out->n_messages < SVR_SEEN_MESSAGES_MAX)
        out->messages[out->n_messages++] =
            (svr_seen_message){.kind = p[0], .secret = secret, .bytes = p, .len = len};
}

static void take_part(svr_inspector *in, const svr_tlv *tlv, bool secret, svr_seen *out) {
    svr_reader r = svr_reader_make(tlv->value, tlv->len);
    uint32_t id = svr_read32(&r), total = svr_read32(&r), offset = svr_read32(&r);
    size_t n = svr_reader_left(&r);
    if (!r.ok || n == 0 || total > SVR_KEX_TOTAL_MAX || offset >= total || n > total - offset ||
        offset % PART_MAX || (n != PART_MAX && offset + n != total)) {
        out->malformed = true;
    } else if (n == total) {
        take_message(out, secret, r.p, n);
    } else {
        slot *s = find_slot(in, out, id, total);
        uint32_t parts = (total + PART_MAX - 1) / PART_MAX;
        s->used = in->clock;
        s->have |= UINT32_C(1) << offset / PART_MAX;
        memcpy(s->bytes + offset, r.p, n);
        if (s->have == (UINT32_C(1) << parts) - 1) take_message(out, secret, s->bytes, total);
    }
}

static void take_held(const svr_tlv *tlv, svr_seen *out) {
    svr_reader r = svr_reader_make(tlv->value, tlv->len);
    while (svr_reader_left(&r) >= 4 + SVR_SEEN_FINGERPRINT_LEN && out->n_held < SVR_SEEN_KEYS_MAX) {
        svr_seen_key *k = &out->held[out->n_held++];
        k->index = svr_read32(&r);
        svr_read_copy(&r, k->fingerprint, sizeof k->fingerprint);
    }
    if (svr_reader_left(&r)) out->malformed = true;
}

static void take_echo(const svr_tlv *tlv, svr_seen *out) {
    out->has_echo = svr_echo_decode(tlv, &out->echo);
    if (!out->has_echo) out->malformed = true;
}

static void take_bfd_tlvs(svr_inspector *in, const uint8_t *p, size_t len, bool secret, svr_seen *out) {
    svr_tlv_cursor c = svr_tlv_first(p, len);
    svr_tlv tlv;
    while (svr_tlv_next(&c, &tlv)) {
        if (tlv.type == (secret ? SVR_TLV_KEX_SECRET : SVR_TLV_KEX_PART)) take_part(in, &tlv, secret, out);
        if (secret && tlv.type == SVR_TLV_KEYS_HELD) take_held(&tlv, out);
        if (secret && tlv.type == SVR_TLV_ECHO) take_echo(&tlv, out);
    }
    if (!c.ok) out->malformed = true;
}

static void inspect_bfd(svr_inspector *in, body *b, svr_seen *out) {
    out->kind = SVR_SEEN_BFD;
    size_t at = 0;
    svr_metadata_result result = svr_metadata_decode(b->p, b->len, &b->m);
    if (result == SVR_METADATA_BAD) out->malformed = true;
    if (result == SVR_METADATA_OK) {
        out->has_metadata = true;
        out->malformed = !read_header(b, out);
        at = b->m.total;
        if (out->has_key && !out->malformed) authenticate_bfd(in, b, out);
    }
    size_t rest = b->len - at - (out->has_key && !out->malformed ? SVR_TAG_MAX : 0);
    if (out->malformed) return;
    out->has_bfd = rest == SVR_BFD_LEN && svr_bfd_decode(b->p + at, SVR_BFD_LEN, &out->bfd) == SVR_BFD_OK;
    out->malformed = !out->has_bfd;
    if (!out->has_metadata) return;
    take_bfd_tlvs(in, b->m.header, b->m.header_len, false, out);
    if (out->metadata != SVR_AUTH_GOOD) return;
    svr_piece secret = secret_of(b);
    show_secret(&secret, out);
    int n = svr_unpad(secret.p, secret.len);
    if (n < 0)
        out->malformed = true;
    else
        take_bfd_tlvs(in, secret.p, (size_t)n, true, out);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static bool fits_use(svr_inspector *in, const body *b, const svr_logged_use *u, svr_seen *out) {
    out->metadata = SVR_AUTH_BAD;
    if (!open_metadata(in, b, &u->key, out->nonce)) return false;
    out->metadata = SVR_AUTH_GOOD;
    out->key = u;
    out->sender = u->by->router;
    out->receiver = u->of->owner;
    return true;
}

static void authenticate_session(svr_inspector *in, const body *b, svr_seen *out) {
    const svr_logged_use *u;
    hint *h = hint_of(in, &out->outer);
    out->metadata = SVR_AUTH_NO_KEY;
    if (h->use && h->use->of->key.index == out->key_index && fits_use(in, b, h->use, out)) return;
    for (size_t pos = 0; (u = svr_logged_next_use(&in->keys, out->key_index, &pos)) != NULL;) {
        if (!fits_use(in, b, u, out)) continue;
        h->use = u;
        return;
    }
}

static way *way_of(svr_inspector *in, const svr_tuple *tuple) {
    way *w = svr_table_get(&in->ways, tuple);
    if (w) return w;
    w = svr_alloc_zero(in->alloc, 1, sizeof *w);
    if (!w) return NULL;
    w->tuple = *tuple;
    if (!svr_table_put(&in->ways, w)) {
        svr_alloc_free(in->alloc, w);
        return NULL;
    }
    w->next = in->all_ways;
    return in->all_ways = w;
}

static void remember(svr_inspector *in, const svr_flow *outer, bool forward, const svr_seen *out) {
    svr_tuple tuple = svr_tuple_of(outer, SVR_IFID_NONE);
    way *w = way_of(in, &tuple);
    if (!w) return;
    memcpy(w->uuid, out->uuid, SVR_UUID_LEN);
    w->inner = out->inner;
    w->forward = forward;
    w->encrypted = out->encrypted;
    memcpy(w->service, out->service, sizeof w->service);
    memcpy(w->tenant, out->tenant, sizeof w->tenant);
}

static void recall(const way *w, svr_seen *out) {
    out->has_session = true;
    memcpy(out->uuid, w->uuid, SVR_UUID_LEN);
    out->inner = w->inner;
    out->forward = w->forward;
    out->encrypted = w->encrypted;
    memcpy(out->service, w->service, sizeof out->service);
    memcpy(out->tenant, w->tenant, sizeof out->tenant);
}

/* What authentic metadata says; the waypoints are the session's from here on, in both directions. */
static void take_facts(svr_inspector *in, const svr_metadata_facts *f, svr_seen *out) {
    out->control = f->control;
    out->has_error = f->has_error;
    out->error = f->error;
    out->has_payload_key = f->has_key;
    out->payload_key_phase = f->key.phase;
    if (!f->has_uuid || !(f->forward || f->reverse)) return;
    out->has_session = true;
    out->forward = f->forward;
    out->inner = f->forward ? f->flow : svr_flow_reverse(&f->flow);
    memcpy(out->uuid, f->uuid, SVR_UUID_LEN);
    svr_strcpy(out->service, sizeof out->service, f->has_service ? f->service : "");
    svr_strcpy(out->tenant, sizeof out->tenant, f->has_tenant ? f->tenant : "");
    svr_flow back = svr_flow_reverse(&out->outer);
    remember(in, &out->outer, out->forward, out);
    remember(in, &back, !out->forward, out);
}

static void inspect_metadata(svr_inspector *in, body *b, svr_seen *out) {
    svr_metadata_facts facts;
    out->kind = SVR_SEEN_SESSION;
    out->has_metadata = true;
    out->malformed = !read_header(b, out) || !out->has_key;
    if (out->malformed) return;
    authenticate_session(in, b, out);
    if (out->metadata != SVR_AUTH_GOOD) return;
    svr_piece secret = secret_of(b);
    show_secret(&secret, out);
    out->malformed = svr_metadata_consume(secret.p, secret.len, &facts) != SVR_DROP_NONE;
    if (!out->malformed) take_facts(in, &facts, out);
    svr_wipe(&facts, sizeof facts);
}

/* nonce | text | HMAC, under this key; `front` bytes before the nonce are signed with it. */
static void open_payload(svr_inspector *in, const svr_crypt_key *key, uint8_t *p, size_t len, size_t front,
                         svr_seen *out) {
    size_t tag = svr_tag_len(key->hmac), text_len = len - SVR_PAYLOAD_NONCE_LEN - tag;
    out->malformed =
        len < SVR_PAYLOAD_NONCE_LEN + tag || (out->encrypted && (!text_len || text_len % SVR_AES_BLOCK));
    if (out->malformed) return;
    svr_crypt_op op = {.key = key,
                       .nonce = svr_get64(p),
                       .text = out->encrypted ? p + SVR_PAYLOAD_NONCE_LEN : NULL,
                       .text_len = out->encrypted ? (uint32_t)text_len : 0,
                       .auth = p - front,
                       .auth_len = (uint32_t)(front + SVR_PAYLOAD_NONCE_LEN + text_len),
                       .tag = p + SVR_PAYLOAD_NONCE_LEN + text_len};
    svr_crypt_open(in->keys.crypt, &op, 1);
    out->payload = op.ok ? SVR_AUTH_GOOD : SVR_AUTH_BAD;
    int n = op.ok && out->encrypted ? svr_unpad(p + SVR_PAYLOAD_NONCE_LEN, text_len) : (int)text_len;
    if (!op.ok || n < 0) return;
    out->payload_key = key;
    out->tag = op.tag;
    out->tag_len = tag;
    out->text = p + SVR_PAYLOAD_NONCE_LEN;
    out->text_len = (size_t)n;
}

/* [header of a part] | nonce | text | HMAC; `front` is the length of that header. */
static void inspect_payload(svr_inspector *in, uint8_t *p, size_t len, size_t front, svr_seen *out) {
    out->has_payload = true;
    p += front;
    len -= front;
    if (len < SVR_PAYLOAD_NONCE_LEN) {
        out->malformed = true;
        return;
    }
    uint64_t nonce = svr_get64(p);
    out->phase = (uint8_t)(nonce >> 56);
    out->counter = nonce & SVR_PAYLOAD_COUNTER_MAX;
    const svr_logged_payload_key *k = svr_logged_payload(&in->keys, out->uuid, out->phase);
    out->payload = SVR_AUTH_NO_KEY;
    for (; k && out->payload != SVR_AUTH_GOOD && !out->malformed; k = k->older)
        open_payload(in, &k->key[!out->forward], p, len, front, out);
}

/* What stands in front of the nonce: a bare header, which is skipped, or that of a part, whose length is
 * returned. */
static size_t read_front(const uint8_t *p, size_t *at, size_t end, svr_seen *out) {
    svr_metadata m;
    if (svr_metadata_decode(p + *at, end - *at, &m) != SVR_METADATA_OK) return 0;
    if (svr_metadata_is_false_positive(&m)) {
        *at += SVR_METADATA_HEADER_LEN;
        return 0;
    }
    out->has_part = svr_piece_decode(&m, &out->part);
    return out->has_part ? m.total : 0;
}

static bool is_of_hop(const svr_metadata *m) {
    svr_fragment part;
    return !svr_metadata_is_false_positive(m) && !svr_piece_decode(m, &part);
}

static void inspect_session(svr_inspector *in, body *b, svr_seen *out) {
    svr_metadata_result result = svr_metadata_decode(b->p, b->len, &b->m);
    size_t at = 0, end = b->len;
    if (result == SVR_METADATA_OK && is_of_hop(&b->m)) {
        inspect_metadata(in, b, out);
        at = b->m.total;
        end = b->len >= at + SVR_TAG_MAX ? b->len - SVR_TAG_MAX : at;
    }
    if (!out->has_session) {
        svr_tuple tuple = svr_tuple_of(&out->outer, SVR_IFID_NONE);
        const way *w = svr_table_get(&in->ways, &tuple);
        if (w) recall(w, out);
    }
    if (!out->has_session || out->malformed || at >= end) return;
    out->kind = SVR_SEEN_SESSION;
    size_t front = read_front(b->p, &at, end, out);
    inspect_payload(in, b->p + at, end - at, front, out);
}

/* ---- packets -------------------------------------------------------------------------------- */

void svr_inspect(svr_inspector *in, const uint8_t *datagram, size_t len, svr_seen *out) {
    svr_ip ip;
    *out = (svr_seen){.sender = "", .receiver = ""};
    in->clock++;
    if (len > WORK_MAX) return;
    memcpy(in->work, datagram, len);
    if (svr_ip_decode(in->work, len, &ip) != SVR_IP_OK) return;
    out->outer = ip.flow;
    bool udp = ip.flow.proto == SVR_PROTO_UDP;
    if ((!udp && ip.flow.proto != SVR_PROTO_TCP) || !ip.has_ports || ip.fragment) return;
    body b = {.p = in->work + ip.header_len + ip.l4_header_len, .len = (size_t)ip.l4_len - ip.l4_header_len};
    if (udp && (ip.flow.dport == SVR_BFD_PORT ||
                ip.flow.sport == SVR_BFD_PORT)) /* behind a NAT the one or the other */
        inspect_bfd(in, &b, out);
    else
        inspect_session(in, &b, out);
}

const char *svr_seen_kind_name(svr_seen_kind kind) {
    switch (kind) {
    case SVR_SEEN_OTHER: return "other";
    case SVR_SEEN_BFD: return "bfd";
    case SVR_SEEN_SESSION: return "session";
    }
    return "unknown";
}

const char *svr_seen_auth_name(svr_seen_auth auth) {
    switch (auth) {
    case SVR_AUTH_NONE: return "none";
    case SVR_AUTH_NO_KEY: return "no key";
    case SVR_AUTH_GOOD: return "good";
    case SVR_AUTH_BAD: return "bad";
    }
    return "unknown";
}

const char *svr_seen_message_name(uint8_t kind) {
    switch (kind) {
    case SVR_KEX_CERT: return "CERT";
    case SVR_KEX_CERT_ACK: return "CERT_ACK";
    case SVR_KEX_REQUEST: return "KEY_REQUEST";
    case SVR_KEX_RESPONSE: return "KEY_RESPONSE";
    case SVR_KEX_CONFIRM: return "KEY_CONFIRM";
    case SVR_KEX_METADATA_KEY: return "METADATA_KEY";
    case SVR_KEX_METADATA_KEY_ACK: return "METADATA_KEY_ACK";
    case SVR_KEX_HINT: return "KEY_HINT";
    case SVR_KEX_SYNC: return "SYNC";
    case SVR_KEX_COOKIE: return "COOKIE";
    default: return "unknown";
    }
}

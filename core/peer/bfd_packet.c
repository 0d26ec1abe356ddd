/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

#define BFD_TTL 255
#define KEX_PART_HEADER 12 /* message id, total, offset */
#define BFD_TLVS_MAX (SVR_KEX_PART_MAX + 200)
#define OWN_TLVS_MAX 300         /* all of a packet but IP and UDP headers and the pieces that it carries */
#define SIGNED_TLVS_LEN (8 + 12) /* SECURITY_ID, NONCE */

/* ---- sending -------------------------------------------------------------------------------- */

static void put_keys_held(svr_tlv_writer *w, const svr_keyring *ring) {
    svr_key_list held;
    uint8_t value[SVR_KEYS_HELD_MAX * (4 + SVR_FINGERPRINT_LEN)];
    svr_keyring_list(ring, &held);
    svr_writer v = svr_writer_make(value, sizeof value);
    for (size_t i = 0; i < held.n; i++) {
        svr_write32(&v, held.at[i].index);
        svr_write_bytes(&v, held.at[i].fingerprint, SVR_FINGERPRINT_LEN);
    }
    svr_tlv_put(w, SVR_TLV_KEYS_HELD, value, (size_t)(v.p - value));
}

/* Writes metadata and BFD packet behind the UDP header and seals them. Returns the length, or 0. */
static size_t write_body(svr_path *path, uint8_t *body, svr_piece clear, svr_piece secret, bool final) {
    svr_peer_key *key = path->peer->ring.current;
    svr_crypt_op op = {0};
    svr_tlv_writer w = svr_tlv_writer_make(body + SVR_METADATA_HEADER_LEN, BFD_TLVS_MAX);
    if (key) {
        op = (svr_crypt_op){.key = &key->send, .nonce = ++key->sent, .auth = body};
        svr_tlv_put32(&w, SVR_TLV_SECURITY_ID, key->id.index);
        svr_tlv_put64(&w, SVR_TLV_NONCE, op.nonce);
    }
    if (clear.len) svr_load_write(path, &w);
    if (clear.len) memcpy(w.p, clear.p, clear.len);
    size_t header_len = svr_tlv_written(&w) + clear.len, payload_len = 0;
    uint8_t *end = body + SVR_METADATA_HEADER_LEN + header_len;
    if (key) {
        op.iv_wire = end;
        op.text = end + SVR_AES_BLOCK;
        w = svr_tlv_writer_make(op.text, BFD_TLVS_MAX);
        put_keys_held(&w, &path->peer->ring);
        svr_nat_write(path, &w);
        if (secret.len) memcpy(w.p, secret.p, secret.len);
        op.text_len = (uint32_t)svr_pad(op.text, svr_tlv_written(&w) + secret.len);
        payload_len = SVR_AES_BLOCK + op.text_len;
        end += payload_len;
    }
    svr_metadata_encode_header(body, header_len, payload_len);
    svr_bfd_packet bfd = svr_bfd_make_packet(&path->bfd, final);
    svr_bfd_encode(&bfd, end);
    end += SVR_BFD_LEN;
    if (key) {
        op.auth_len = (uint32_t)(end - body);
        op.tag = end;
        svr_crypt_seal(path->peer->all->rt->crypt, &op, 1);
        if (!op.ok) return 0;
        end += SVR_TAG_MAX;
    }
    return (size_t)(end - body);
}

static void send_bfd(svr_path *path, svr_piece clear, svr_piece secret, bool final, bool dont_fragment) {
    svr_runtime *rt = path->peer->all->rt;
    const svr_path_config *config = path->config;
    assert(!secret.len || path->peer->ring.current);
    const svr_nat_end to = svr_nat_destination(path);
    if (!to.addr.family) return; /* the peer has not come to us yet */
    size_t ip_len = svr_ip_header_len(config->local.family);
    size_t most = ip_len + SVR_UDP_HEADER_LEN + OWN_TLVS_MAX + clear.len + secret.len;
    svr_packet *pkt = svr_packet_get(rt->pool, most < SVR_PACKET_LEN_MAX ? most : SVR_PACKET_LEN_MAX);
    if (!pkt) {
        svr_drop_count(rt, SVR_DROP_NO_MEMORY);
        return;
    }
    size_t body = write_body(path, pkt->data + ip_len + SVR_UDP_HEADER_LEN, clear, secret, final);
    if (!body) {
        svr_drop_packet(rt, pkt, SVR_DROP_CRYPTO_FAILED);
        return;
    }
    const svr_ip_header ip = {.src = config->local,
                              .dst = to.addr,
                              .proto = SVR_PROTO_UDP,
                              .ttl = BFD_TTL,
                              .tos = 0xc0, /* CS6: network control */
                              .dont_fragment = dont_fragment,
                              .l4_len = (uint16_t)(SVR_UDP_HEADER_LEN + body)};
    svr_ip_encode(&ip, pkt->data);
    svr_udp_encode(pkt->data + ip_len, &ip.src, &ip.dst, SVR_BFD_PORT, to.port, body);
    pkt->len = (uint32_t)(ip_len + SVR_UDP_HEADER_LEN + body);
    const svr_addr hop = config->far_nat ? svr_path_hop_to(path, &to.addr) : path->next_hop;
    svr_runtime_send(rt, pkt, config->local_if->id, &hop);
}

void svr_path_send(svr_path *path, svr_piece clear, svr_piece secret, bool final) {
    assert(clear.len + secret.len <= SVR_KEX_PART_MAX + KEX_PART_HEADER + 4);
    send_bfd(path, clear, secret, final, false);
}

size_t svr_path_bfd_len(const svr_path *path, size_t clear_len, size_t secret_len) {
    uint8_t own[OWN_TLVS_MAX];
    svr_tlv_writer w = svr_tlv_writer_make(own, sizeof own);
    put_keys_held(&w, &path->peer->ring);
    svr_nat_write(path, &w);
    size_t held = svr_tlv_written(&w);
    size_t text = ((held + secret_len) / SVR_AES_BLOCK + 1) * SVR_AES_BLOCK;
    return svr_ip_header_len(path->config->local.family) + SVR_UDP_HEADER_LEN + SVR_METADATA_HEADER_LEN +
           SIGNED_TLVS_LEN + clear_len + SVR_AES_BLOCK + text + SVR_BFD_LEN + SVR_TAG_MAX;
}

void svr_path_send_whole(svr_path *path, svr_piece clear, svr_piece secret) {
    send_bfd(path, clear, secret, false, true);
}

void svr_path_send_message(svr_path *path, svr_piece msg, bool secret) {
    uint8_t tlv[4 + KEX_PART_HEADER + SVR_KEX_PART_MAX];
    uint32_t id = path->peer->next_message_id++;
    uint8_t kind = *(const uint8_t *)msg.p;
    bool dear = !secret && (kind == SVR_KEX_CERT || kind == SVR_KEX_REQUEST);
    if (!path->interface_up || (secret && !path->peer->ring.current)) return;
    for (size_t offset = 0; offset < msg.len; offset += SVR_KEX_PART_MAX) {
        size_t n = msg.len - offset < SVR_KEX_PART_MAX ? msg.len - offset : SVR_KEX_PART_MAX;
        svr_writer w = svr_writer_make(tlv, sizeof tlv);
        svr_write16(&w, secret ? SVR_TLV_KEX_SECRET : SVR_TLV_KEX_PART);
        svr_write16(&w, (uint16_t)(KEX_PART_HEADER + n));
        svr_write32(&w, id);
        svr_write32(&w, (uint32_t)msg.len);
        svr_write32(&w, (uint32_t)offset);
        svr_write_bytes(&w, (const uint8_t *)msg.p + offset, n);
        svr_piece piece = {tlv, (size_t)(w.p - tlv)}, none = {0};
        if (dear) svr_load_sent(path, (svr_piece){tlv + 4, piece.len - 4});
        svr_path_send(path, secret ? none : piece, secret ? piece : none, false);
    }
    svr_wipe(tlv, sizeof tlv);
}

/* ---- putting messages together -------------------------------------------------------------- */

static svr_reassembly *find_slot(svr_peer *peer, uint32_t id, uint32_t total) {
    svr_reassembly *oldest = NULL;
    for (size_t i = 0; i < SVR_REASSEMBLY_SLOTS; i++) {
        svr_reassembly *s = peer->slots[i];
        if (s->total == total && s->id == id) return s;
        if (!oldest || !s->total || (oldest->total && s->last < oldest->last)) oldest = s;
    }
    if (oldest->total) svr_load_waste(peer);
    oldest->id = id;
    oldest->total = total;
    oldest->have = 0;
    return oldest;
}

static int deliver(svr_peer *peer, svr_path *path, svr_piece msg, bool secret) {
    return secret ? svr_peer_receive_secret(peer, path, msg) : svr_peer_receive_clear(peer, path, msg);
}

static int take_part(svr_path *path, const svr_tlv *tlv, bool secret) {
    svr_peer *peer = path->peer;
    svr_reader r = svr_reader_make(tlv->value, tlv->len);
    uint32_t id = svr_read32(&r), total = svr_read32(&r), offset = svr_read32(&r);
    size_t n = svr_reader_left(&r);
    if (!r.ok || n == 0 || total > SVR_KEX_TOTAL_MAX || offset >= total || n > total - offset)
        return SVR_DROP_KEX_MALFORMED;
    if (n == total) return deliver(peer, path, (svr_piece){r.p, n}, secret);
    /* Secret messages fit into one packet; a part of one is not ours. */
    if (secret || offset % SVR_KEX_PART_MAX || (n != SVR_KEX_PART_MAX && offset + n != total))
        return SVR_DROP_KEX_MALFORMED;
    svr_reassembly *s = find_slot(peer, id, total);
    uint32_t parts = (total + SVR_KEX_PART_MAX - 1) / SVR_KEX_PART_MAX;
    s->last = peer->all->rt->now;
    s->have |= UINT32_C(1) << offset / SVR_KEX_PART_MAX;
    memcpy(s->bytes + offset, r.p, n);
    if (s->have != (UINT32_C(1) << parts) - 1) return 0;
    int result = deliver(peer, path, (svr_piece){s->bytes, total}, false);
    s->total = 0;
    return result;
}

/* `ip` of a packet that is not authentic; else NULL. */
static void take_parts(svr_path *path, const uint8_t *tlvs, size_t len, bool secret, const svr_ip *ip) {
    svr_tlv_cursor c = svr_tlv_first(tlvs, len);
    svr_tlv tlv;
    while (svr_tlv_next(&c, &tlv)) {
        if (tlv.type != (secret ? SVR_TLV_KEX_SECRET : SVR_TLV_KEX_PART)) continue;
        bool admitted = !ip || svr_load_admits(path, ip, tlvs, len, &tlv);
        int reason = admitted ? take_part(path, &tlv, secret) : SVR_DROP_KEX_NO_COOKIE;
        if (reason) svr_drop_count(path->peer->all->rt, (svr_drop)reason);
    }
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* What the metadata of a BFD packet says about itself. */
typedef struct opened {
    svr_metadata m;
    bool is_signed;    /* names a key and a nonce */
    svr_peer_key *key; /* under which it was authentic; NULL: none */
    uint32_t index;
    uint64_t nonce;
    const uint8_t *secret; /* authentic payload TLVs */
    size_t secret_len;
    svr_bfd_packet bfd;
} opened;

static bool read_header(opened *o, const uint8_t *body, size_t len) {
    svr_tlv id, nonce;
    if (svr_metadata_decode(body, len, &o->m) != SVR_METADATA_OK ||
        !svr_tlv_well_formed(o->m.header, o->m.header_len))
        return false;
    bool has_id = svr_tlv_find(o->m.header, o->m.header_len, SVR_TLV_SECURITY_ID, &id);
    bool has_nonce = svr_tlv_find(o->m.header, o->m.header_len, SVR_TLV_NONCE, &nonce);
    if (has_id != has_nonce || (has_id && (id.len != 4 || nonce.len != 8))) return false;
    o->is_signed = has_id;
    if (!has_id) return o->m.payload_len == 0 && len - o->m.total == SVR_BFD_LEN;
    o->index = svr_get32(id.value);
    o->nonce = svr_get64(nonce.value);
    return o->m.payload_len >= 2 * SVR_AES_BLOCK && o->m.payload_len % SVR_AES_BLOCK == 0 &&
           len - o->m.total == SVR_BFD_LEN + SVR_TAG_MAX;
}

/* Tries every key of that index. 0, or the reason to drop. *unknown: we hold no such key. */
static int authenticate(svr_path *path, opened *o, uint8_t *body, size_t len, bool *unknown) {
    svr_peer *peer = path->peer;
    svr_peer_key *key;
    *unknown = true;
    for (size_t nth = 0; (key = svr_keyring_find(&peer->ring, o->index, nth)) != NULL; nth++) {
        uint8_t *iv = body + (o->m.payload - body);
        svr_crypt_op op = {.key = &key->receive,
                           .nonce = o->nonce,
                           .iv_wire = iv,
                           .text = iv + SVR_AES_BLOCK,
                           .text_len = (uint32_t)(o->m.payload_len - SVR_AES_BLOCK),
                           .auth = body,
                           .auth_len = (uint32_t)(len - SVR_TAG_MAX),
                           .tag = body + len - SVR_TAG_MAX};
        *unknown = false;
        svr_crypt_open(peer->all->rt->crypt, &op, 1);
        if (!op.ok) continue;
        if (!svr_replay_accept(&key->seen, o->nonce)) return SVR_DROP_BFD_REPLAY;
        int n = svr_unpad(op.text, op.text_len);
        if (n < 0 || !svr_tlv_well_formed(op.text, (size_t)n)) return SVR_DROP_BFD_MALFORMED;
        o->key = key;
        o->secret = op.text;
        o->secret_len = (size_t)n;
        return 0;
    }
    return *unknown ? SVR_DROP_BFD_UNKNOWN_KEY : SVR_DROP_BFD_BAD_HMAC;
}

static bool read_keys_held(const opened *o, svr_key_list *out) {
    svr_tlv tlv;
    if (!svr_tlv_find(o->secret, o->secret_len, SVR_TLV_KEYS_HELD, &tlv)) return false;
    svr_reader r = svr_reader_make(tlv.value, tlv.len);
    *out = (svr_key_list){.n = tlv.len / (4u + SVR_FINGERPRINT_LEN)};
    if (out->n > SVR_KEYS_HELD_MAX || tlv.len % (4 + SVR_FINGERPRINT_LEN)) return false;
    for (size_t i = 0; i < out->n; i++) {
        out->at[i].index = svr_read32(&r);
        svr_read_copy(&r, out->at[i].fingerprint, SVR_FINGERPRINT_LEN);
    }
    return true;
}

static void take_echo(svr_path *path, const opened *o) {
    svr_tlv tlv;
    if (!svr_tlv_find(o->secret, o->secret_len, SVR_TLV_ECHO, &tlv)) return;
    svr_drop reason = svr_path_quality_take(path, &tlv);
    if (reason) svr_drop_count(path->peer->all->rt, reason);
}

static void take_probe(svr_path *path, const opened *o) {
    svr_tlv tlv;
    if (!svr_tlv_find(o->secret, o->secret_len, SVR_TLV_MTU_PROBE, &tlv)) return;
    svr_drop reason = svr_path_mtu_take(path, &tlv);
    if (reason) svr_drop_count(path->peer->all->rt, reason);
}

static void take_authentic(svr_path *path, const opened *o) {
    svr_key_list held;
    if (!o->bfd.your_discriminator || o->bfd.your_discriminator == path->bfd.discriminator) {
        svr_nat_heard(path, o->key, o->nonce);
        svr_nat_read(path, o->secret, o->secret_len);
    }
    take_echo(path, o);
    take_probe(path, o);
    svr_path_bfd_received(path, &o->bfd);
    if (read_keys_held(o, &held)) svr_peer_heard(path->peer, o->key, &held);
    take_parts(path, o->m.header, o->m.header_len, false, NULL);
    take_parts(path, o->secret, o->secret_len, true, NULL);
}

/* Nothing vouches for the packet as a whole. Messages of the exchange stand for themselves; BFD is believed
 * only while there are no keys at all (PD-UP), and never from a packet that claims a key. */
static void take_unauthentic(svr_path *path, const opened *o, const svr_ip *ip) {
    if (!o->is_signed && !path->peer->ring.current)
        svr_path_bfd_received(path, &o->bfd);
    else
        svr_drop_count(path->peer->all->rt,
                       o->is_signed ? SVR_DROP_BFD_UNKNOWN_KEY : SVR_DROP_BFD_UNAUTHENTICATED);
    take_parts(path, o->m.header, o->m.header_len, false, ip);
}

/* BFD as any router speaks it, without metadata: a peer that lacks the feature (TOP-LEGACY). */
static bool is_plain(const uint8_t *body, size_t len) {
    svr_bfd_packet bfd;
    return len == SVR_BFD_LEN && svr_bfd_decode(body, len, &bfd) == SVR_BFD_OK;
}

static int receive(svr_path *path, const svr_ip *ip, uint8_t *body, size_t len) {
    opened o = {0};
    bool unknown = true;
    if (is_plain(body, len)) {
        if (path->peer->state != SVR_ESKM_DISABLED)
            svr_peer_tell_failure(path->peer, "the peer sends plain BFD: it lacks enhanced security");
        return SVR_DROP_BFD_PLAIN;
    }
    if (!read_header(&o, body, len) || svr_bfd_decode(body + o.m.total, SVR_BFD_LEN, &o.bfd) != SVR_BFD_OK)
        return SVR_DROP_BFD_MALFORMED;
    if (o.is_signed) {
        int reason = authenticate(path, &o, body, len, &unknown);
        if (reason && !unknown) return reason;
    }
    if (o.key)
        take_authentic(path, &o);
    else
        take_unauthentic(path, &o, ip);
    return 0;
}

bool svr_bfd_claims(const svr_packet *pkt, const svr_ip *ip, uint32_t *discriminator) {
    const uint8_t *body = pkt->data + ip->header_len + SVR_UDP_HEADER_LEN;
    size_t len = (size_t)ip->l4_len - SVR_UDP_HEADER_LEN;
    svr_metadata m;
    svr_bfd_packet bfd;
    if (svr_metadata_decode(body, len, &m) != SVR_METADATA_OK || len < m.total + SVR_BFD_LEN ||
        svr_bfd_decode(body + m.total, SVR_BFD_LEN, &bfd) != SVR_BFD_OK)
        return false;
    *discriminator = bfd.my_discriminator;
    return true;
}

void svr_path_receive(svr_path *path, svr_packet *pkt, const svr_ip *ip) {
    svr_runtime *rt = path->peer->all->rt;
    int reason = SVR_DROP_PATH_NOT_IN_SERVICE;
    if (path->peer->all->barred)
        reason = SVR_DROP_NOT_PARTICIPATING;
    else if (path->interface_up) {
        svr_nat_arrives(path, ip);
        reason = receive(path, ip, pkt->data + ip->header_len + SVR_UDP_HEADER_LEN,
                         (size_t)(ip->l4_len - SVR_UDP_HEADER_LEN));
        svr_nat_done(path);
    }
    if (reason) svr_drop_count(rt, (svr_drop)reason);
    svr_packet_put(rt->pool, pkt);
}

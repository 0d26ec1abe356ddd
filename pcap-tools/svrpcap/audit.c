/* SPDX-License-Identifier: MIT
 *
 * Nonces: under one key each names one packet. The same packet may come again, bit for bit: a line that
 * duplicates, or an attacker who replays; receivers drop it. A different packet under the same nonce is the
 * sender's fault.
 *
 * Keys: each sender goes from key to key and not back. Which key is the newer one is told by which came first
 * into use, not by its index, since indexes begin anew when routers lose their state. */
#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

enum {
    NONCES_START = 1 << 16,
    GROWTH = 8,
    SETS = 4,
    PREVIOUS = 4,
    TAG_TAIL = 8,
    SECRET_LEN = 32,
    OWNER_MAX = 90
};

typedef struct svrpcap_nonce {
    uint64_t id, tag; /* id 0: free */
} svrpcap_nonce;

/* Who sends: one router to another, or one end of a session. */
typedef struct sender {
    struct {
        uint64_t kind;    /* 0 metadata key, 1 peer key, 2 payload forward, 3 payload reverse */
        uint8_t name[16]; /* hash of both names, or the session */
    } id;
    const void *current, *previous[PREVIOUS];
    svr_wall since; /* when `current` was used first */
    size_t n_previous;
} sender;

/* Whose a secret is. */
typedef struct secret {
    char hex[SECRET_LEN];
    uint64_t owner;
    char line[OWNER_MAX];
} secret;

bool svrpcap_audit_init(svrpcap_audit *a) {
    *a = (svrpcap_audit){0};
    svrpcap_faults_init(&a->faults);
    svrpcap_table_init(&a->senders, sizeof((sender *)NULL)->id, sizeof(sender), SVRPCAP_SENDERS_MAX);
    svrpcap_table_init(&a->secrets, SECRET_LEN, sizeof(secret), SVRPCAP_KEYS_MAX);
    a->n_nonces = NONCES_START;
    a->nonces = calloc(a->n_nonces, sizeof *a->nonces);
    return a->nonces != NULL;
}

void svrpcap_audit_fini(svrpcap_audit *a) {
    for (size_t i = 0; i < a->secrets.n; i++)
        svr_wipe(a->secrets.records[i], sizeof(secret));
    svrpcap_faults_fini(&a->faults);
    svrpcap_table_fini(&a->senders);
    svrpcap_table_fini(&a->secrets);
    free(a->nonces);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t len) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

#define MIX_START UINT64_C(0xcbf29ce484222325)

/* ---- secrets -------------------------------------------------------------------------------- */

/* Splits at blanks; the words, at most `max`. */
static size_t split(char *line, char *words[], size_t max) {
    size_t n = 0;
    char *state;
    for (char *w = strtok_r(line, " ", &state); w && n < max; w = strtok_r(NULL, " ", &state))
        words[n++] = w;
    return n;
}

/* The word that holds the secret, and which of the words before say whose it is. Both ends name a peer key,
 * each itself first, so there it is index and fingerprint. */
static bool secret_of(char *words[], size_t n, size_t *at, size_t *from, size_t *to) {
    static const struct {
        const char *kind;
        size_t words, secret, from, to;
    } kinds[] = {{"PEER_KEY", 6, 5, 3, 5}, {"METADATA_KEY", 6, 3, 1, 3}, {"PAYLOAD_KEY", 5, 4, 1, 3}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(words[0], kinds[i].kind) != 0 || n != kinds[i].words) continue;
        *at = kinds[i].secret;
        *from = kinds[i].from;
        *to = kinds[i].to;
        return true;
    }
    return false;
}

void svrpcap_audit_key(svrpcap_audit *a, const char *line) {
    char copy[512], *words[6], owner_text[OWNER_MAX];
    size_t n, at, from, to;
    bool is_new;
    if (!svr_strcpy(copy, sizeof copy, line)) return;
    n = split(copy, words, 6);
    if (n && secret_of(words, n, &at, &from, &to) && strlen(words[at]) >= SECRET_LEN) {
        uint64_t owner = mix(MIX_START, words[0], strlen(words[0]));
        for (size_t i = from; i < to; i++)
            owner = mix(owner, words[i], strlen(words[i]) + 1);
        snprintf(owner_text, sizeof owner_text, "%s %s %s", words[0], words[1], words[2]);
        secret *s = svrpcap_table_add(&a->secrets, words[at], &is_new);
        if (s && is_new) {
            s->owner = owner;
            memcpy(s->line, owner_text, sizeof s->line);
        } else if (s && s->owner != owner) {
            char where[SVRPCAP_FAULT_TEXT_MAX];
            snprintf(where, sizeof where, "%s, and %s", s->line, owner_text);
            svrpcap_fault_add(&a->faults, SVRPCAP_SHARED_SECRET, 0, 0, where,
                              "each key has a secret of its own");
        }
    }
    svr_wipe(copy, sizeof copy);
}

/* ---- nonces --------------------------------------------------------------------------------- */

static svrpcap_nonce *slot_of(svrpcap_audit *a, uint64_t id) {
    svrpcap_nonce *set = a->nonces + (id * SETS & (a->n_nonces - 1));
    for (int i = 0; i < SETS; i++)
        if (set[i].id == id) return &set[i];
    memmove(set + 1, set, (SETS - 1) * sizeof *set); /* the oldest goes */
    set[0] = (svrpcap_nonce){0};
    return set;
}

/* When half of the places may be taken there will be more, up to the limit. */
static void grow(svrpcap_audit *a) {
    size_t n = a->n_nonces;
    svrpcap_nonce *old = a->nonces;
    if (a->remembered < n / 2 || n == SVRPCAP_NONCES_KEPT) return;
    svrpcap_nonce *more = calloc(GROWTH * n, sizeof *more);
    if (!more) return;
    a->nonces = more;
    a->n_nonces = GROWTH * n;
    for (size_t i = n; i-- > 0;)
        if (old[i].id) *slot_of(a, old[i].id) = old[i];
    free(old);
}

typedef enum use { FIRST, AGAIN /* the same packet */, REUSED /* for another packet */ } use;

static use use_of(svrpcap_audit *a, const void *key, uint64_t nonce, const uint8_t *tag, size_t tag_len) {
    uint64_t id = mix(mix(MIX_START, &key, sizeof key), &nonce, sizeof nonce), what = 0;
    memcpy(&what, tag, tag_len < TAG_TAIL ? tag_len : TAG_TAIL);
    if (id == 0) id = 1;
    svrpcap_nonce *n = slot_of(a, id);
    bool known = n->id == id, same = known && n->tag == what;
    *n = (svrpcap_nonce){id, what};
    a->again += same;
    a->remembered += !known;
    if (!known) grow(a);
    return same ? AGAIN : known ? REUSED : FIRST;
}

/* ---- keys in use ---------------------------------------------------------------------------- */

static bool was_before(const sender *s, const void *key) {
    for (size_t i = 0; i < s->n_previous && i < PREVIOUS; i++)
        if (s->previous[i] == key) return true;
    return false;
}

/* True when the sender went back to a key that it had left. */
static bool old_key(svrpcap_audit *a, uint64_t kind, const uint8_t name[16], const void *key, svr_wall now) {
    sender id;
    bool is_new;
    memset(&id.id, 0, sizeof id.id);
    id.id.kind = kind;
    memcpy(id.id.name, name, sizeof id.id.name);
    sender *s = svrpcap_table_add(&a->senders, &id.id, &is_new);
    if (!s || s->current == key) return false;
    if (was_before(s, key)) return now > s->since && (svr_duration)(now - s->since) > SVRPCAP_STRAGGLER_NS;
    if (s->current) s->previous[s->n_previous++ % PREVIOUS] = s->current;
    s->current = key;
    s->since = now;
    return false;
}

static void pair_name(const svr_seen *s, uint8_t name[16]) {
    uint64_t h[2] = {mix(MIX_START, s->sender, strlen(s->sender)),
                     mix(~MIX_START, s->receiver, strlen(s->receiver))};
    memcpy(name, h, sizeof h);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void fault(svrpcap_audit *a, svrpcap_fault_kind kind, const svrpcap_packet *p, const char *expected) {
    static svrpcap_line where;
    where.n = 0;
    svrpcap_put_flow(&where, &p->seen.outer);
    if (p->seen.sender[0]) {
        svrpcap_put(&where, " (");
        svrpcap_put_name(&where, p->seen.sender);
        svrpcap_put(&where, " > ");
        svrpcap_put_name(&where, p->seen.receiver);
        svrpcap_put_char(&where, ')');
    }
    if (p->seen.has_session) {
        svrpcap_put(&where, " session ");
        svrpcap_put_hex(&where, p->seen.uuid, 4);
    }
    where.text[where.n] = 0;
    svrpcap_fault_add(&a->faults, kind, p->raw.number, p->raw.time, where.text, expected);
}

static void count(svrpcap_audit *a, int what, svr_seen_auth auth) {
    a->good[what] += auth == SVR_AUTH_GOOD;
    a->bad[what] += auth == SVR_AUTH_BAD;
    a->unchecked[what] += auth == SVR_AUTH_NO_KEY;
}

/* The end of the datagram, where the HMAC of the hop stands. */
static const uint8_t *hop_tag(const svrpcap_packet *p) {
    svr_ip ip;
    size_t end = svr_ip_decode(p->ip, p->ip_len, &ip) == SVR_IP_OK ? (size_t)ip.header_len + ip.l4_len : 0;
    return end >= TAG_TAIL && end <= p->ip_len ? p->ip + end - TAG_TAIL : NULL;
}

static void audit_metadata(svrpcap_audit *a, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    char text[SVRPCAP_FAULT_TEXT_MAX];
    uint8_t name[16];
    count(a, 0, s->metadata);
    if (s->metadata == SVR_AUTH_BAD) {
        snprintf(text, sizeof text, "its last 48 bytes are the HMAC-SHA-384 under %s %u",
                 s->kind == SVR_SEEN_BFD ? "peer key" : "the receiver's metadata key", s->key_index);
        fault(a, SVRPCAP_BAD_METADATA, p, text);
    }
    if (s->metadata != SVR_AUTH_GOOD) return;
    const uint8_t *tag = hop_tag(p);
    use nonce = tag ? use_of(a, s->key, s->nonce, tag, TAG_TAIL) : FIRST;
    if (nonce == AGAIN) return; /* whoever sent it once more need not have the key */
    if (nonce == REUSED) {
        snprintf(text, sizeof text, "nonce %llu of key %u is used for one packet only",
                 (unsigned long long)s->nonce, s->key_index);
        fault(a, SVRPCAP_NONCE_AGAIN, p, text);
    }
    pair_name(s, name);
    if (!old_key(a, s->kind == SVR_SEEN_BFD, name, s->key, p->raw.time)) return;
    snprintf(text, sizeof text, "key %u is not used again later than 10 s after its successor", s->key_index);
    fault(a, SVRPCAP_OLD_KEY, p, text);
}

static void audit_payload(svrpcap_audit *a, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    char text[SVRPCAP_FAULT_TEXT_MAX];
    count(a, 1, s->payload);
    if (s->payload == SVR_AUTH_BAD) {
        snprintf(text, sizeof text,
                 "nonce and text end with the HMAC under the session's payload key of phase %u", s->phase);
        fault(a, SVRPCAP_BAD_PAYLOAD, p, text);
    }
    if (s->payload != SVR_AUTH_GOOD) return;
    use nonce = use_of(a, s->payload_key, s->counter, s->tag, s->tag_len);
    if (nonce == AGAIN) return;
    if (nonce == REUSED) {
        snprintf(text, sizeof text, "nonce %llu of phase %u is used for one packet only",
                 (unsigned long long)s->counter, s->phase);
        fault(a, SVRPCAP_NONCE_AGAIN, p, text);
    }
    if (!old_key(a, s->forward ? 2 : 3, s->uuid, s->payload_key, p->raw.time)) return;
    snprintf(text, sizeof text, "phase %u is not used again later than 10 s after its successor", s->phase);
    fault(a, SVRPCAP_OLD_KEY, p, text);
}

void svrpcap_audit_packet(svrpcap_audit *a, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    if (s->kind == SVR_SEEN_OTHER) return;
    a->svr++;
    if (s->malformed)
        fault(a, SVRPCAP_MALFORMED, p,
              s->kind == SVR_SEEN_BFD
                  ? "BFD and metadata as docs/protocol.md, sections 1 to 3, has them"
                  : "metadata and payload as docs/protocol.md, sections 1, 2 and 4, has them");
    if (s->clear_context) fault(a, SVRPCAP_CLEAR_CONTEXT, p, "contexts stand among the encrypted TLVs only");
    audit_metadata(a, p);
    audit_payload(a, p);
}

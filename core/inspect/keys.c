/* SPDX-License-Identifier: MIT */
#include "inspect/keys.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 6
#define LINE_MAX_LEN 512
#define PAYLOAD_KEYS_MAX 10000000
#define USES_MAX 1000000 /* of 900 bytes: what a thousand routers make of a thousand keys */

/* ---- lists ---------------------------------------------------------------------------------- */

static bool append(svr_logged_keys *k, svr_list *list, void *item) {
    if (list->n == list->size) {
        size_t size = list->size ? 2 * list->size : 16;
        void *more = svr_alloc_resize(k->alloc, list->at, size, sizeof *list->at);
        if (!more) return false;
        list->at = more;
        list->size = size;
    }
    list->at[list->n++] = item;
    return true;
}

static void free_list(svr_logged_keys *k, svr_list *list, size_t item_size) {
    for (size_t i = 0; i < list->n; i++) {
        svr_wipe(list->at[i], item_size);
        svr_alloc_free(k->alloc, list->at[i]);
    }
    svr_alloc_free(k->alloc, list->at);
    *list = (svr_list){0};
}

bool svr_logged_keys_init(svr_logged_keys *k, const svr_allocator *alloc) {
    *k = (svr_logged_keys){.alloc = alloc, .crypt = svr_crypt_new(alloc, NULL, SVR_ENGINE_AUTO)};
    svr_table_init(&k->payload_by_name, alloc, offsetof(svr_logged_payload_key, name),
                   sizeof((svr_logged_payload_key *)NULL)->name, PAYLOAD_KEYS_MAX, 0);
    svr_table_init(&k->use_by_pair, alloc, offsetof(svr_logged_use, of), 2 * sizeof(void *), USES_MAX, 0);
    return k->crypt != NULL;
}

void svr_logged_keys_fini(svr_logged_keys *k) {
    free_list(k, &k->peer, sizeof(svr_logged_peer_key));
    free_list(k, &k->uses, sizeof(svr_logged_use));
    free_list(k, &k->metadata, sizeof(svr_logged_metadata_key));
    free_list(k, &k->lives, sizeof(svr_logged_life));
    svr_table_fini(&k->payload_by_name);
    svr_table_fini(&k->use_by_pair);
    free_list(k, &k->payload, sizeof(svr_logged_payload_key));
    svr_crypt_del(k->crypt);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static size_t split(char *line, char *words[WORDS_MAX]) {
    size_t n = 0;
    for (char *p = line; *p && n < WORDS_MAX;) {
        while (*p == ' ')
            p++;
        if (!*p) break;
        words[n++] = p;
        p += strcspn(p, " \r\n");
        if (*p) *p++ = 0;
    }
    return n;
}

static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, void *out, size_t len) {
    uint8_t *b = out;
    if (strlen(text) != 2 * len) return false;
    for (size_t i = 0; i < len; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_number(const char *text, unsigned long most, uint32_t *out) {
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*end || end == text || v > most) return false;
    *out = (uint32_t)v;
    return true;
}

/* Takes the item over: it is in the list, or gone. */
static bool keep(svr_logged_keys *k, svr_list *list, void *item, size_t size, bool good) {
    if (good && append(k, list, item)) return true;
    svr_wipe(item, size);
    svr_alloc_free(k->alloc, item);
    return false;
}

/* Key logs and comments may both say it. Items are zeroed before they are filled in, so that they compare as
 * memory. */
static bool is_known(const svr_list *list, const void *item, size_t size) {
    for (size_t i = 0; i < list->n; i++)
        if (memcmp(list->at[i], item, size) == 0) return true;
    return false;
}

/* As keep; what is known already is good, and gone. */
static bool keep_once(svr_logged_keys *k, svr_list *list, void *item, size_t size, bool good) {
    bool known = good && is_known(list, item, size);
    return keep(k, list, item, size, good && !known) || known;
}

/* LIFE router life */
static bool add_life(svr_logged_keys *k, char **w) {
    svr_logged_life *life = svr_alloc_zero(k->alloc, 1, sizeof *life);
    if (!life) return false;
    bool good =
        svr_strcpy(life->router, sizeof life->router, w[1]) && read_hex(w[2], life->life, SVR_LIFE_LEN);
    return keep_once(k, &k->lives, life, sizeof *life, good);
}

static bool has_peer_key(const svr_logged_keys *k, const svr_key_id *id) {
    for (size_t i = 0; i < k->peer.n; i++)
        if (memcmp(&((svr_logged_peer_key *)k->peer.at[i])->id, id, sizeof *id) == 0) return true;
    return false;
}

/* PEER_KEY router peer index fingerprint key. Both ends say the same. */
static bool add_peer_key(svr_logged_keys *k, char **w) {
    uint8_t secret[SVR_PEER_KEY_LEN];
    svr_key_id id;
    if (!read_number(w[3], UINT32_MAX, &id.index) || !read_hex(w[4], id.fingerprint, SVR_FINGERPRINT_LEN) ||
        !read_hex(w[5], secret, sizeof secret))
        return false;
    if (has_peer_key(k, &id)) return true;
    svr_logged_peer_key *p = svr_alloc_zero(k->alloc, 1, sizeof *p);
    if (!p) return false;
    p->id = id;
    bool good = svr_strcpy(p->name[0], sizeof p->name[0], w[1]) &&
                svr_strcpy(p->name[1], sizeof p->name[1], w[2]) &&
                svr_peer_key_derive(k->crypt, &p->key[0], secret, w[1], w[2]) &&
                svr_peer_key_derive(k->crypt, &p->key[1], secret, w[2], w[1]);
    svr_wipe(secret, sizeof secret);
    return keep(k, &k->peer, p, sizeof *p, good);
}

/* METADATA_KEY owner index key IV HMAC-key */
static bool add_metadata_key(svr_logged_keys *k, char **w) {
    svr_logged_metadata_key *m = svr_alloc_zero(k->alloc, 1, sizeof *m);
    if (!m) return false;
    bool good = svr_strcpy(m->owner, sizeof m->owner, w[1]) && read_number(w[2], UINT32_MAX, &m->key.index) &&
                read_hex(w[3], m->key.key, sizeof m->key.key) &&
                read_hex(w[4], m->key.iv, sizeof m->key.iv) &&
                read_hex(w[5], m->key.hmac_key, sizeof m->key.hmac_key);
    return keep_once(k, &k->metadata, m, sizeof *m, good);
}

/* PAYLOAD_KEY uuid phase hmac key */
static bool add_payload_key(svr_logged_keys *k, char **w) {
    svr_payload_key_tlv from = {0};
    uint32_t phase = 0;
    svr_logged_payload_key *p = svr_alloc_zero(k->alloc, 1, sizeof *p);
    if (!p) return false;
    bool good = read_hex(w[1], p->name, SVR_UUID_LEN) && read_number(w[2], UINT8_MAX, &phase) &&
                (strcmp(w[3], "sha384") == 0 || strcmp(w[3], "sha384-192") == 0) &&
                read_hex(w[4], from.key, sizeof from.key);
    from.phase = p->name[SVR_UUID_LEN] = (uint8_t)phase;
    from.hmac = strcmp(w[3], "sha384") == 0 ? SVR_HMAC_SHA384 : SVR_HMAC_SHA384_192;
    memcpy(p->secret, from.key, sizeof p->secret);
    good = good && svr_payload_key_derive(k->crypt, &p->key[0], &from, p->name, true) &&
           svr_payload_key_derive(k->crypt, &p->key[1], &from, p->name, false);
    svr_wipe(&from, sizeof from);
    p->older = svr_table_get(&k->payload_by_name, p->name);
    for (const svr_logged_payload_key *o = p->older; good && o; o = o->older) {
        if (memcmp(o->secret, p->secret, sizeof o->secret) != 0) continue;
        keep(k, &k->payload, p, sizeof *p, false); /* ingress and egress both say it */
        return true;
    }
    if (!keep(k, &k->payload, p, sizeof *p, good)) return false;
    if (p->older) svr_table_remove(&k->payload_by_name, p->older);
    return svr_table_put(&k->payload_by_name, p);
}

bool svr_logged_keys_add(svr_logged_keys *k, const char *line) {
    static const struct {
        const char *word;
        size_t words;
        bool (*add)(svr_logged_keys *k, char **words);
    } kinds[] = {{"LIFE", 3, add_life},
                 {"PEER_KEY", 6, add_peer_key},
                 {"METADATA_KEY", 6, add_metadata_key},
                 {"PAYLOAD_KEY", 5, add_payload_key}};
    char copy[LINE_MAX_LEN], *words[WORDS_MAX];
    bool good = false;
    if (!svr_strcpy(copy, sizeof copy, line)) return false;
    size_t n = split(copy, words);
    for (size_t i = 0; n && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(words[0], kinds[i].word) == 0 && n == kinds[i].words) good = kinds[i].add(k, words);
    svr_wipe(copy, sizeof copy);
    return good;
}

/* ---- questions ------------------------------------------------------------------------------ */

const svr_logged_peer_key *svr_logged_next_peer(const svr_logged_keys *k, uint32_t index, size_t *pos) {
    while (*pos < k->peer.n) {
        const svr_logged_peer_key *p = k->peer.at[(*pos)++];
        if (p->id.index == index) return p;
    }
    return NULL;
}

static const svr_logged_use *find_use(svr_logged_keys *k, const svr_logged_metadata_key *of,
                                      const svr_logged_life *by) {
    const void *pair[2] = {of, by};
    svr_logged_use *u = svr_table_get(&k->use_by_pair, pair);
    if (u) return u;
    u = k->uses.n < USES_MAX ? svr_alloc_zero(k->alloc, 1, sizeof *u) : NULL;
    if (!u) return NULL;
    u->of = of;
    u->by = by;
    bool good = svr_metadata_key_derive(k->crypt, &u->key, &of->key, of->owner, by->router, by->life);
    return keep(k, &k->uses, u, sizeof *u, good) && svr_table_put(&k->use_by_pair, u) ? u : NULL;
}

const svr_logged_use *svr_logged_next_use(svr_logged_keys *k, uint32_t index, size_t *pos) {
    size_t lives = k->lives.n;
    while (lives && *pos < k->metadata.n * lives) {
        const svr_logged_metadata_key *of = k->metadata.at[*pos / lives];
        const svr_logged_life *by = k->lives.at[*pos % lives];
        *pos += of->key.index == index ? 1 : lives;
        if (of->key.index != index || strcmp(of->owner, by->router) == 0) continue;
        return find_use(k, of, by);
    }
    return NULL;
}

const svr_logged_payload_key *svr_logged_payload(const svr_logged_keys *k, const uint8_t uuid[SVR_UUID_LEN],
                                                 uint8_t phase) {
    uint8_t name[SVR_UUID_LEN + 1];
    memcpy(name, uuid, SVR_UUID_LEN);
    name[SVR_UUID_LEN] = phase;
    return svr_table_get(&k->payload_by_name, name);
}

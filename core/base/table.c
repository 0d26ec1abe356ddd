/* SPDX-License-Identifier: MIT */
#include "base/table.h"

#include <string.h>

#define FIRST_SLOTS 16

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t svr_hash(const void *p, size_t len, uint64_t seed) {
    const uint8_t *b = p;
    uint64_t h = seed ^ 0x9e3779b97f4a7c15u, w;
    for (; len >= 8; b += 8, len -= 8) {
        memcpy(&w, b, 8);
        h = mix(h ^ w, 0xa0761d6478bd642fu ^ seed);
    }
    w = 0;
    memcpy(&w, b, len);
    h = mix(h ^ w, 0xe7037ed1a0b428dbu ^ seed);
    return mix(h ^ len, 0x8ebc6af09c88c6e3u);
}

void svr_table_init(svr_table *t, const svr_allocator *alloc, size_t key_offset, size_t key_size,
                    size_t limit, uint64_t seed) {
    *t = (svr_table){
        .alloc = alloc, .key_offset = key_offset, .key_size = key_size, .limit = limit, .seed = seed};
}

void svr_table_fini(svr_table *t) {
    svr_alloc_free(t->alloc, t->items);
    *t = (svr_table){0};
}

static const void *key_of(const svr_table *t, const void *item) {
    return (const uint8_t *)item + t->key_offset;
}

static uint32_t hash_of(const svr_table *t, const void *key) {
    return (uint32_t)svr_hash(key, t->key_size, t->seed);
}

/* Scales the hash to the slots, however many there are. */
static size_t home_of(const svr_table *t, uint32_t hash) {
    return (size_t)((uint64_t)hash * t->size >> 32);
}

static size_t after(const svr_table *t, size_t i) {
    return i + 1 == t->size ? 0 : i + 1;
}

/* How far slot `i` is behind slot `from`, around the end. */
static size_t distance(const svr_table *t, size_t from, size_t i) {
    return i >= from ? i - from : i + t->size - from;
}

/* The slot that holds `key`, or the empty one where it belongs. */
static size_t find(const svr_table *t, const void *key, uint32_t hash) {
    size_t i = home_of(t, hash);
    while (t->items[i] && (t->hashes[i] != hash || memcmp(key_of(t, t->items[i]), key, t->key_size) != 0))
        i = after(t, i);
    return i;
}

void *svr_table_get(const svr_table *t, const void *key) {
    if (!t->items) return NULL;
    return t->items[find(t, key, hash_of(t, key))];
}

/* Half as many again: twice as many would leave more than half of a large table empty. */
static bool grow(svr_table *t) {
    svr_table old = *t;
    t->size = old.size ? old.size + old.size / 2 : FIRST_SLOTS;
    t->items = svr_alloc_zero(t->alloc, t->size, sizeof *t->items + sizeof *t->hashes);
    if (!t->items) {
        *t = old;
        return false;
    }
    t->hashes = (uint32_t *)(t->items + t->size);
    for (size_t k = 0; k < old.size; k++) {
        if (!old.items[k]) continue;
        size_t i = home_of(t, old.hashes[k]);
        while (t->items[i])
            i = after(t, i);
        t->items[i] = old.items[k];
        t->hashes[i] = old.hashes[k];
    }
    svr_alloc_free(t->alloc, old.items);
    return true;
}

bool svr_table_put(svr_table *t, void *item) {
    if (t->n >= t->limit) return false;
    if ((t->n + 1) * 4 > t->size * 3 && !grow(t)) return false;
    uint32_t hash = hash_of(t, key_of(t, item));
    size_t i = find(t, key_of(t, item), hash);
    if (t->items[i]) return false;
    t->items[i] = item;
    t->hashes[i] = hash;
    t->n++;
    return true;
}

bool svr_table_remove(svr_table *t, const void *item) {
    if (!t->items) return false;
    size_t hole = find(t, key_of(t, item), hash_of(t, key_of(t, item)));
    if (t->items[hole] != item) return false;
    /* Close the gap: a later item of the run moves up unless it already sits at or behind its home. */
    for (size_t i = after(t, hole); t->items[i]; i = after(t, i)) {
        if (distance(t, home_of(t, t->hashes[i]), i) >= distance(t, hole, i)) {
            t->items[hole] = t->items[i];
            t->hashes[hole] = t->hashes[i];
            hole = i;
        }
    }
    t->items[hole] = NULL;
    t->n--;
    return true;
}

void *svr_table_next(const svr_table *t, size_t *pos) {
    while (*pos < t->size) {
        void *item = t->items[(*pos)++];
        if (item) return item;
    }
    return NULL;
}

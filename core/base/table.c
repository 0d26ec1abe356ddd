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
    svr_alloc_free(t->alloc, t->slots);
    *t = (svr_table){0};
}

static const void *key_of(const svr_table *t, const void *item) {
    return (const uint8_t *)item + t->key_offset;
}

/* The slot that holds `key`, or the empty one where it belongs. */
static size_t find(const svr_table *t, const void *key, uint64_t hash) {
    size_t i = hash & t->mask;
    while (t->slots[i].item &&
           (t->slots[i].hash != hash || memcmp(key_of(t, t->slots[i].item), key, t->key_size) != 0))
        i = (i + 1) & t->mask;
    return i;
}

void *svr_table_get(const svr_table *t, const void *key) {
    if (!t->slots) return NULL;
    return t->slots[find(t, key, svr_hash(key, t->key_size, t->seed))].item;
}

static bool grow(svr_table *t) {
    size_t old = t->slots ? t->mask + 1 : 0, size = old ? old * 2 : FIRST_SLOTS;
    svr_table_slot *from = t->slots, *to = svr_alloc_zero(t->alloc, size, sizeof *to);
    if (!to) return false;
    t->slots = to;
    t->mask = size - 1;
    for (size_t k = 0; k < old; k++) {
        if (!from[k].item) continue;
        size_t i = from[k].hash & t->mask;
        while (to[i].item)
            i = (i + 1) & t->mask;
        to[i] = from[k];
    }
    svr_alloc_free(t->alloc, from);
    return true;
}

bool svr_table_put(svr_table *t, void *item) {
    if (t->n >= t->limit) return false;
    if ((!t->slots || (t->n + 1) * 4 > (t->mask + 1) * 3) && !grow(t)) return false;
    uint64_t hash = svr_hash(key_of(t, item), t->key_size, t->seed);
    svr_table_slot *s = &t->slots[find(t, key_of(t, item), hash)];
    if (s->item) return false;
    *s = (svr_table_slot){.hash = hash, .item = item};
    t->n++;
    return true;
}

bool svr_table_remove(svr_table *t, const void *item) {
    if (!t->slots) return false;
    size_t hole = find(t, key_of(t, item), svr_hash(key_of(t, item), t->key_size, t->seed));
    if (t->slots[hole].item != item) return false;
    /* Close the gap: a later item of the run moves up unless it already sits at or behind its home. */
    for (size_t i = (hole + 1) & t->mask; t->slots[i].item; i = (i + 1) & t->mask) {
        size_t home = t->slots[i].hash & t->mask;
        if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole].item = NULL;
    t->n--;
    return true;
}

void *svr_table_next(const svr_table *t, size_t *pos) {
    if (!t->slots) return NULL;
    while (*pos <= t->mask) {
        void *item = t->slots[(*pos)++].item;
        if (item) return item;
    }
    return NULL;
}

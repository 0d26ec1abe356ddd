/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_START 64

void svrpcap_table_init(svrpcap_table *t, size_t key_len, size_t record_size, size_t max) {
    *t = (svrpcap_table){.key_len = key_len, .record_size = record_size, .max = max};
}

void svrpcap_table_fini(svrpcap_table *t) {
    for (size_t i = 0; i < t->n; i++)
        free(t->records[i]);
    free(t->records);
    free(t->slots);
    *t = (svrpcap_table){0};
}

/* FNV-1a, mixed once more since slots are powers of two. */
static size_t hash(const void *key, size_t len) {
    const uint8_t *p = key;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 29);
}

/* The slot of this key, or the free one where it would be. */
static uint32_t *find(const svrpcap_table *t, const void *key) {
    for (size_t i = hash(key, t->key_len);; i++) {
        uint32_t *slot = &t->slots[i & (t->n_slots - 1)];
        if (!*slot || memcmp(t->records[*slot - 1], key, t->key_len) == 0) return slot;
    }
}

void *svrpcap_table_get(const svrpcap_table *t, const void *key) {
    const uint32_t *slot = t->n_slots ? find(t, key) : NULL;
    return slot && *slot ? t->records[*slot - 1] : NULL;
}

/* Slots are at most half full. */
static bool grow(svrpcap_table *t) {
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : SLOTS_START / 2;
        void **records = realloc(t->records, room * sizeof *records);
        if (!records) return false;
        t->records = records;
        t->room = room;
    }
    if (2 * (t->n + 1) <= t->n_slots) return true;
    size_t n_slots = t->n_slots ? 2 * t->n_slots : SLOTS_START;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots) return false;
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    for (size_t i = 0; i < t->n; i++)
        *find(t, t->records[i]) = (uint32_t)i + 1;
    return true;
}

void *svrpcap_table_add(svrpcap_table *t, const void *key, bool *is_new) {
    void *record = svrpcap_table_get(t, key);
    *is_new = !record;
    if (record) return record;
    if (t->n < t->max && grow(t)) record = calloc(1, t->record_size);
    if (!record) {
        t->left_out++;
        return NULL;
    }
    memcpy(record, key, t->key_len);
    *find(t, key) = (uint32_t)t->n + 1;
    t->records[t->n++] = record;
    return record;
}

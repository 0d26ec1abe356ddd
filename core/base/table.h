/* SPDX-License-Identifier: MIT
 * A hash table of pointers to objects that carry their own keys (open addressing, linear probing, a
 * multiply-and-fold hash; the seed is random so that a peer cannot aim collisions). Of each hash 32 bits are
 * kept, in an array of their own: a lookup reads hashes only, until one is equal. */
#ifndef SVR_BASE_TABLE_H
#define SVR_BASE_TABLE_H

#include "svr/base.h"

typedef struct svr_table {
    const svr_allocator *alloc;
    void **items;          /* NULL: empty */
    uint32_t *hashes;      /* behind `items`, in the same memory */
    size_t n, size, limit; /* items; slots; most items allowed */
    size_t key_offset, key_size;
    uint64_t seed;
} svr_table;

/* Keys are the `key_size` bytes at `key_offset` of each item; they must not change while it is in the table
 * and must have no padding. `limit` bounds the number of items. */
void svr_table_init(svr_table *t, const svr_allocator *alloc, size_t key_offset, size_t key_size,
                    size_t limit, uint64_t seed);
/* Releases the slots; the items are the caller's. */
void svr_table_fini(svr_table *t);

void *svr_table_get(const svr_table *t, const void *key);
/* False when the table is full, memory is short, or the key is there already. */
bool svr_table_put(svr_table *t, void *item);
/* Removes exactly this item; false when it is not in the table. */
bool svr_table_remove(svr_table *t, const void *item);
/* Walks all items in slot order: start with *pos = 0; NULL at the end. Do not change the table meanwhile. */
void *svr_table_next(const svr_table *t, size_t *pos);

uint64_t svr_hash(const void *p, size_t len, uint64_t seed);

#endif

/* SPDX-License-Identifier: MIT
 * Records found by their first bytes, in the order in which they came; at most so many. */
#ifndef SVRPCAP_TABLE_H
#define SVRPCAP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct svrpcap_table {
    size_t key_len, record_size, max;
    void **records; /* in the order they were added */
    size_t n, room;
    uint32_t *slots; /* 1 + index of a record; 0: free */
    size_t n_slots;
    uint64_t left_out; /* askings for a record that found no place */
} svrpcap_table;

/* A record begins with its key, whose padding has to be zero. */
void svrpcap_table_init(svrpcap_table *t, size_t key_len, size_t record_size, size_t max);
void svrpcap_table_fini(svrpcap_table *t);
/* The record of this key or NULL. */
void *svrpcap_table_get(const svrpcap_table *t, const void *key);
/* The record of this key, made when it is new: then all behind the key is zero. NULL when the table is full
 * or memory is short; `left_out` counts that. */
void *svrpcap_table_add(svrpcap_table *t, const void *key, bool *is_new);

#endif

/* SPDX-License-Identifier: MIT
 * An arena: memory that is given back all at once. */
#ifndef SVR_BASE_ARENA_H
#define SVR_BASE_ARENA_H

#include "svr/base.h"

typedef struct svr_arena {
    const svr_allocator *alloc;
    struct svr_arena_chunk *chunks;
    bool failed; /* a request could not be met; stays set */
} svr_arena;

void svr_arena_init(svr_arena *a, const svr_allocator *alloc);
void svr_arena_fini(svr_arena *a);
/* Zeroed, aligned memory for `n` objects of `size` bytes; NULL (and `failed`) when there is none. */
void *svr_arena_get(svr_arena *a, size_t n, size_t size);
/* A NUL-terminated copy of `len` bytes. */
char *svr_arena_text(svr_arena *a, const char *p, size_t len);

#endif

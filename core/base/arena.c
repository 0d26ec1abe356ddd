/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <string.h>

#define CHUNK_SIZE 16384
#define ALIGNMENT 16

typedef struct svr_arena_chunk {
    struct svr_arena_chunk *next;
    size_t used, size;
    _Alignas(ALIGNMENT) uint8_t bytes[];
} svr_arena_chunk;

void svr_arena_init(svr_arena *a, const svr_allocator *alloc) {
    *a = (svr_arena){.alloc = alloc};
}

void svr_arena_fini(svr_arena *a) {
    for (svr_arena_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        svr_alloc_free(a->alloc, c);
    }
    a->chunks = NULL;
}

static svr_arena_chunk *add_chunk(svr_arena *a, size_t at_least) {
    size_t size = at_least > CHUNK_SIZE ? at_least : CHUNK_SIZE;
    svr_arena_chunk *c = svr_alloc_resize(a->alloc, NULL, 1, sizeof *c + size);
    if (!c) return NULL;
    *c = (svr_arena_chunk){.next = a->chunks, .size = size};
    a->chunks = c;
    return c;
}

void *svr_arena_get(svr_arena *a, size_t n, size_t size) {
    if (size && n > (SIZE_MAX - ALIGNMENT) / size) {
        a->failed = true;
        return NULL;
    }
    size_t need = (n * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    svr_arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < need) c = add_chunk(a, need);
    if (!c) {
        a->failed = true;
        return NULL;
    }
    void *p = c->bytes + c->used;
    c->used += need;
    memset(p, 0, need);
    return p;
}

char *svr_arena_text(svr_arena *a, const char *p, size_t len) {
    char *s = svr_arena_get(a, len + 1, 1);
    if (s) memcpy(s, p, len);
    return s;
}

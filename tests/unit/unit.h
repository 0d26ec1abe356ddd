/* SPDX-License-Identifier: MIT
 * What every unit test includes: cmocka with its prerequisites, and an allocator that counts and fails on
 * request. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svr/base.h"

/* fail_at: the N-th request (from 1) fails; 0: none does. `live` blocks are out. */
typedef struct test_heap {
    size_t requests, fail_at, live;
} test_heap;

static inline void *test_resize(void *ctx, void *p, size_t size) {
    test_heap *h = ctx;
    if (size == 0) {
        if (p) h->live--;
        free(p);
        return NULL;
    }
    if (++h->requests == h->fail_at) return NULL;
    if (!p) h->live++;
    return realloc(p, size);
}

static inline svr_allocator test_allocator(test_heap *h) {
    return (svr_allocator){.resize = test_resize, .ctx = h};
}

#endif

/* SPDX-License-Identifier: MIT
 * The C library's heap as the stack's allocator: what every host gives it. */
#ifndef SVR_HEAP_H
#define SVR_HEAP_H

#include <stdlib.h>

#include "svr/base.h"

static inline void *svr_heap_resize(void *ctx, void *p, size_t size) {
    (void)ctx;
    if (size) return realloc(p, size);
    free(p);
    return NULL;
}

static const svr_allocator svr_heap = {.resize = svr_heap_resize};

#endif

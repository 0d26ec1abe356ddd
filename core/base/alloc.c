/* SPDX-License-Identifier: MIT */
#include "svr/base.h"

#include <openssl/crypto.h>
#include <string.h>

void *svr_alloc_resize(const svr_allocator *a, void *p, size_t n, size_t size) {
    if (size && n > SIZE_MAX / size) return NULL;
    return a->resize(a->ctx, p, n * size);
}

void *svr_alloc_zero(const svr_allocator *a, size_t n, size_t size) {
    void *p = svr_alloc_resize(a, NULL, n, size);
    if (p) memset(p, 0, n * size);
    return p;
}

void svr_alloc_free(const svr_allocator *a, void *p) {
    if (p) a->resize(a->ctx, p, 0);
}

void svr_wipe(void *p, size_t len) {
    OPENSSL_cleanse(p, len);
}

bool svr_strcpy(char *dst, size_t size, const char *src) {
    size_t len = strlen(src), n = len < size ? len : size - 1;
    memcpy(dst, src, n);
    dst[n] = 0;
    return n == len;
}

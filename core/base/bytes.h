/* SPDX-License-Identifier: MIT
 * Bounded reading and writing of network-order bytes. A cursor that would pass its end goes bad and stays
 * bad: reads then return zeros, writes do nothing, and one test of `ok` at the end suffices. */
#ifndef SVR_BASE_BYTES_H
#define SVR_BASE_BYTES_H

#include "svr/base.h"

#include <string.h>

typedef struct svr_reader {
    const uint8_t *p, *end;
    bool ok;
} svr_reader;

typedef struct svr_writer {
    uint8_t *p, *end;
    bool ok;
} svr_writer;

static inline uint16_t svr_get16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t svr_get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t svr_get64(const uint8_t *p) {
    return (uint64_t)svr_get32(p) << 32 | svr_get32(p + 4);
}
static inline void svr_put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void svr_put32(uint8_t *p, uint32_t v) {
    svr_put16(p, (uint16_t)(v >> 16));
    svr_put16(p + 2, (uint16_t)v);
}
static inline void svr_put64(uint8_t *p, uint64_t v) {
    svr_put32(p, (uint32_t)(v >> 32));
    svr_put32(p + 4, (uint32_t)v);
}

static inline svr_reader svr_reader_make(const void *p, size_t len) {
    return (svr_reader){.p = p, .end = (const uint8_t *)p + len, .ok = true};
}
static inline size_t svr_reader_left(const svr_reader *r) {
    return (size_t)(r->end - r->p);
}

/* The next `n` bytes in place, or NULL (and a bad cursor) when fewer are left. */
static inline const uint8_t *svr_read_bytes(svr_reader *r, size_t n) {
    if (!r->ok || n > svr_reader_left(r)) {
        r->ok = false;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}
static inline uint8_t svr_read8(svr_reader *r) {
    const uint8_t *p = svr_read_bytes(r, 1);
    return p ? *p : 0;
}
static inline uint16_t svr_read16(svr_reader *r) {
    const uint8_t *p = svr_read_bytes(r, 2);
    return p ? svr_get16(p) : 0;
}
static inline uint32_t svr_read32(svr_reader *r) {
    const uint8_t *p = svr_read_bytes(r, 4);
    return p ? svr_get32(p) : 0;
}
static inline uint64_t svr_read64(svr_reader *r) {
    const uint8_t *p = svr_read_bytes(r, 8);
    return p ? svr_get64(p) : 0;
}
/* Copies `n` bytes; zeros `out` when they are not there. */
static inline void svr_read_copy(svr_reader *r, void *out, size_t n) {
    const uint8_t *p = svr_read_bytes(r, n);
    if (p)
        memcpy(out, p, n);
    else
        memset(out, 0, n);
}

static inline svr_writer svr_writer_make(void *p, size_t len) {
    return (svr_writer){.p = p, .end = (uint8_t *)p + len, .ok = true};
}
/* Reserves `n` bytes to be filled by the caller, or NULL (and a bad cursor) when they do not fit. */
static inline uint8_t *svr_write_space(svr_writer *w, size_t n) {
    if (!w->ok || n > (size_t)(w->end - w->p)) {
        w->ok = false;
        return NULL;
    }
    uint8_t *p = w->p;
    w->p += n;
    return p;
}
static inline void svr_write_bytes(svr_writer *w, const void *src, size_t n) {
    uint8_t *p = svr_write_space(w, n);
    if (p && n) memcpy(p, src, n);
}
static inline void svr_write8(svr_writer *w, uint8_t v) {
    uint8_t *p = svr_write_space(w, 1);
    if (p) *p = v;
}
/* By way of an array: gcc 12 takes a store of several bytes right behind svr_write8 for an overflow. */
static inline void svr_write16(svr_writer *w, uint16_t v) {
    uint8_t b[2];
    svr_put16(b, v);
    svr_write_bytes(w, b, sizeof b);
}
static inline void svr_write32(svr_writer *w, uint32_t v) {
    uint8_t b[4];
    svr_put32(b, v);
    svr_write_bytes(w, b, sizeof b);
}
static inline void svr_write64(svr_writer *w, uint64_t v) {
    uint8_t b[8];
    svr_put64(b, v);
    svr_write_bytes(w, b, sizeof b);
}

#endif

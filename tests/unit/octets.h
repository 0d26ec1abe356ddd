/* SPDX-License-Identifier: MIT
 * Octets for tests of decoders: hex text in, a block of exactly that size out, so that AddressSanitizer sees
 * every read past the end. */
#ifndef TESTS_OCTETS_H
#define TESTS_OCTETS_H

#include "unit.h"

#include <ctype.h>

typedef struct octets {
    uint8_t *p;
    size_t len;
} octets;

static inline octets octets_copy(const uint8_t *p, size_t len) {
    octets o = {.p = malloc(len), .len = len};
    assert_true(o.p || !len);
    if (len) memcpy(o.p, p, len);
    return o;
}

static inline uint8_t octets_digit(char c) {
    assert_true(isxdigit((unsigned char)c));
    return (uint8_t)(isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
}

/* Hex digits; blanks between bytes are skipped. */
static inline octets octets_hex(const char *hex) {
    uint8_t buf[2048];
    size_t n = 0;
    for (; *hex; hex++) {
        if (*hex == ' ') continue;
        assert_true(n < sizeof buf);
        buf[n++] = (uint8_t)(octets_digit(hex[0]) << 4 | octets_digit(hex[1]));
        hex++;
    }
    return octets_copy(buf, n);
}

static inline void octets_free(octets *o) {
    free(o->p);
    *o = (octets){0};
}

static inline void octets_assert_hex(const void *got, size_t len, const char *hex) {
    octets want = octets_hex(hex);
    assert_int_equal(len, want.len);
    assert_memory_equal(got, want.p, len);
    octets_free(&want);
}

/* Calls `look` with every truncation of a message, the empty one included, then with the whole message and
 * each of its bits flipped in turn. `bit` is the flipped one, or SIZE_MAX. */
typedef void octets_look(uint8_t *p, size_t len, size_t whole, size_t bit);

static inline void octets_mutilate(const char *hex, octets_look *look) {
    octets whole = octets_hex(hex);
    for (size_t len = 0; len < whole.len; len++) {
        octets cut = octets_copy(whole.p, len);
        look(cut.p, len, whole.len, SIZE_MAX);
        octets_free(&cut);
    }
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        octets bent = octets_copy(whole.p, whole.len);
        bent.p[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        look(bent.p, bent.len, whole.len, bit);
        octets_free(&bent);
    }
    octets_free(&whole);
}

#endif

/* SPDX-License-Identifier: MIT
 * Whoever captures at two places along a way sees a packet twice. Told apart from a packet that was sent
 * twice, which one place sees twice. */
#ifndef CONFORMANCE_COPIES_H
#define CONFORMANCE_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPIES_SLOTS 65536

/* Whom a packet belongs to: the place that saw it first. */
typedef struct conform_copy {
    uint64_t hash;
    int64_t time; /* when it was seen last, nanoseconds */
    size_t place;
} conform_copy;

/* Zeroed memory begins. */
typedef struct conform_copies {
    conform_copy slot[COPIES_SLOTS];
} conform_copies;

/* Whether another place has seen this datagram within the last seconds; else it belongs to `place` from here
 * on. Packets come in the order of their times. What routers on the way change, in the IP header, does not
 * count. */
bool conform_is_copy(conform_copies *c, const uint8_t *datagram, size_t len, size_t place, int64_t time);

#endif

/* SPDX-License-Identifier: MIT
 * Whoever captures at two places along a way sees a packet twice. Told apart from a packet that was sent
 * twice, which one place sees twice. */
#ifndef CONFORMANCE_COPIES_H
#define CONFORMANCE_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPIES_ON_THE_WAY                                                                                    \
    (INT64_C(10) * 1000000000) /* nanoseconds that a packet, or the difference of two clocks, may take */
#define COPIES_MAX (UINT32_C(1) << 20) /* packets that are remembered: 100,000 a second */
#define COPIES_CHAINS (UINT32_C(1) << 18)

/* Whom a packet belongs to: the place that saw it first. */
typedef struct conform_copy {
    uint64_t hash;
    int64_t time;    /* when that place saw it, nanoseconds */
    uint64_t before; /* the packet before it in its chain, as `newest` counts; 0: none */
    uint32_t place;
} conform_copy;

/* Zeroed memory begins. It takes 40 MB when it is full; what is never written to takes none. */
typedef struct conform_copies {
    conform_copy packet[COPIES_MAX]; /* a ring: the n-th packet is at n % COPIES_MAX */
    uint64_t chain[COPIES_CHAINS];   /* the newest packet of each, or 0 */
    uint64_t newest;                 /* packets so far */
} conform_copies;

/* Whether another place has seen this datagram within COPIES_ON_THE_WAY; else it belongs to `place` from here
 * on. Of more than COPIES_MAX datagrams in that time the oldest are forgotten. They come in the order of
 * their times. What routers on the way change, in the IP header, does not count. */
bool conform_is_copy(conform_copies *c, const uint8_t *datagram, size_t len, size_t place, int64_t time);

#endif

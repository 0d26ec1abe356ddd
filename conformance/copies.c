/* SPDX-License-Identifier: MIT */
#include "copies.h"

#define ON_THE_WAY                                                                                           \
    (INT64_C(10) * 1000000000) /* nanoseconds that a packet, or the difference of two clocks, may take */
#define V6_HEADER 40

/* FNV-1a */
static uint64_t add(uint64_t hash, const uint8_t *p, size_t len) {
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Of both addresses, and of all behind the IP header. */
static uint64_t hash_of(const uint8_t *p, size_t len) {
    bool v6 = p[0] >> 4 == 6;
    size_t header = v6 ? V6_HEADER : (p[0] & 15u) * 4, addresses = v6 ? 8 : 12;
    if (header > len) header = len;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (addresses < header) hash = add(hash, p + addresses, header - addresses);
    return add(hash, p + header, len - header);
}

bool conform_is_copy(conform_copies *c, const uint8_t *datagram, size_t len, size_t place, int64_t time) {
    if (len == 0) return false;
    uint64_t hash = hash_of(datagram, len);
    conform_copy *s = &c->slot[hash % COPIES_SLOTS];
    bool known = s->hash == hash && time - s->time < ON_THE_WAY;
    if (known && s->place != place) return true;
    *s = (conform_copy){hash, time, place};
    return false;
}

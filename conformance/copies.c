/* SPDX-License-Identifier: MIT */
#include "copies.h"

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

/* The newest packet with this hash that is neither forgotten nor too old; NULL: none. Chains go back in time.
 */
static const conform_copy *find(const conform_copies *c, uint64_t hash, int64_t time) {
    uint64_t at = c->chain[hash % COPIES_CHAINS];
    while (at && at + COPIES_MAX > c->newest) {
        const conform_copy *s = &c->packet[at % COPIES_MAX];
        if (time - s->time >= COPIES_ON_THE_WAY) return NULL;
        if (s->hash == hash) return s;
        at = s->before;
    }
    return NULL;
}

/* It takes the place of the oldest, whose chain ends before it from here on: see find. */
static void remember(conform_copies *c, uint64_t hash, size_t place, int64_t time) {
    uint64_t *chain = &c->chain[hash % COPIES_CHAINS];
    c->newest++;
    c->packet[c->newest % COPIES_MAX] = (conform_copy){hash, time, *chain, (uint32_t)place};
    *chain = c->newest;
}

bool conform_is_copy(conform_copies *c, const uint8_t *datagram, size_t len, size_t place, int64_t time) {
    if (len == 0) return false;
    uint64_t hash = hash_of(datagram, len);
    const conform_copy *s = find(c, hash, time);
    if (s && s->place != place) return true;
    remember(c, hash, place, time);
    return false;
}

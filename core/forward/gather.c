/* SPDX-License-Identifier: MIT */
#include "forward/gather.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(svr_gather_key) == 8 + 2 * sizeof(svr_addr) + 2, "a key has no padding");

static size_t *budget_of(svr_gather *g, const svr_gathering *d) {
    return &g->sender_bytes[svr_hash(&d->key.sender, sizeof d->key.sender, 0) % SVR_GATHER_SENDERS];
}

static void account(svr_gather *g, const svr_gathering *d, size_t add, size_t less) {
    size_t *mine = budget_of(g, d);
    *mine += add - less;
    g->bytes += add - less;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void empty(svr_gather *g, svr_gathering *d, svr_drop why) {
    for (size_t i = 0; i < d->n; i++) {
        svr_packet *pkt = d->part[i].pkt;
        account(g, d, 0, pkt->size);
        if (why)
            svr_drop_packet(g->rt, pkt, why);
        else
            svr_packet_put(g->rt->pool, pkt);
    }
    d->n = 0;
}

static void unlink_from(svr_gather *g, svr_gathering *d) {
    svr_gathering **at = &g->oldest, *before = NULL;
    while (*at != d) {
        before = *at;
        at = &before->younger;
    }
    *at = d->younger;
    if (g->youngest == d) g->youngest = before;
}

static void forget(svr_gather *g, svr_gathering *d, svr_drop why) {
    empty(g, d, why);
    unlink_from(g, d);
    svr_table_remove(&g->table, d);
    svr_alloc_free(g->rt->alloc, d);
}

void svr_gather_close(svr_gather *g, svr_gathering *d) {
    forget(g, d, SVR_DROP_NONE);
}

/* All live equally long, so that the oldest goes first. */
static void timer_due(svr_timer *t, void *ctx, svr_time now) {
    svr_gather *g = svr_container_of(t, svr_gather, timer);
    (void)ctx;
    while (g->oldest && g->oldest->until <= now)
        forget(g, g->oldest, SVR_DROP_FRAGMENT_TIMEOUT);
    svr_timer_set(t, &g->rt->timers, g->oldest ? g->oldest->until : SVR_TIME_NEVER);
}

bool svr_gather_init(svr_gather *g, svr_runtime *rt) {
    *g = (svr_gather){.rt = rt};
    svr_table_init(&g->table, rt->alloc, offsetof(svr_gathering, key), sizeof(svr_gather_key),
                   SVR_GATHER_DATAGRAMS, svr_runtime_jitter(rt, UINT64_MAX));
    return svr_timer_init(&g->timer, &rt->timers, timer_due);
}

void svr_gather_fini(svr_gather *g) {
    if (!g->rt) return;
    while (g->oldest)
        svr_gather_close(g, g->oldest);
    svr_timer_fini(&g->timer, &g->rt->timers);
    svr_table_fini(&g->table);
    *g = (svr_gather){0};
}

svr_gathering *svr_gather_open(svr_gather *g, const svr_gather_key *key) {
    svr_gathering *d = svr_table_get(&g->table, key);
    if (d) return d;
    if (g->table.n >= SVR_GATHER_DATAGRAMS) forget(g, g->oldest, SVR_DROP_FRAGMENT_LIMIT);
    d = svr_alloc_zero(g->rt->alloc, 1, sizeof *d);
    if (!d) return NULL;
    d->key = *key;
    d->until = g->rt->now + SVR_GATHER_LIFE;
    if (!svr_table_put(&g->table, d)) {
        svr_alloc_free(g->rt->alloc, d);
        return NULL;
    }
    *(g->youngest ? &g->youngest->younger : &g->oldest) = d;
    g->youngest = d;
    if (!svr_timer_is_set(&g->timer)) svr_timer_set(&g->timer, &g->rt->timers, d->until);
    return d;
}

/* ---- parts ---------------------------------------------------------------------------------- */

void svr_gather_spoil(svr_gather *g, svr_gathering *d, svr_drop why) {
    empty(g, d, why);
    d->spoiled = why;
}

/* Where the part goes in order, and whether it lies free of its neighbours. */
static svr_drop find_place(const svr_gathering *d, uint32_t at, uint32_t len, size_t *place) {
    size_t i = d->n;
    while (i > 0 && d->part[i - 1].at > at)
        i--;
    *place = i;
    const svr_part *before = i > 0 ? &d->part[i - 1] : NULL, *after = i < d->n ? &d->part[i] : NULL;
    if (before && before->at == at && before->len == len) return SVR_DROP_FRAGMENT_REPEATED;
    if ((before && before->at + before->len > at) || (after && at + len > after->at))
        return SVR_DROP_FRAGMENT_OVERLAP;
    return SVR_DROP_NONE;
}

/* What the part says of the end must agree with all others. */
static bool fits_end(const svr_gathering *d, uint32_t at, uint32_t len, bool more) {
    const svr_part *last = d->n ? &d->part[d->n - 1] : NULL;
    if (d->total) return more ? at + len <= d->total : at + len == d->total;
    return more || !last || last->at + last->len <= at + len;
}

static bool has_room(svr_gather *g, const svr_gathering *d, size_t size) {
    return d->n < SVR_GATHER_PARTS && g->bytes + size <= SVR_GATHER_BYTES &&
           *budget_of(g, d) + size <= SVR_GATHER_SENDER_BYTES;
}

static bool well_formed(uint32_t at, uint32_t len, bool more) {
    return len && at % 8 == 0 && at + len <= SVR_GATHER_END && !(more && len % 8);
}

svr_drop svr_gather_add(svr_gather *g, svr_gathering *d, svr_packet *pkt, uint32_t at, uint32_t len,
                        bool more) {
    size_t place;
    if (d->spoiled) return d->spoiled;
    if (!well_formed(at, len, more)) return SVR_DROP_IP_FRAGMENT;
    svr_drop reason = find_place(d, at, len, &place);
    if (reason == SVR_DROP_NONE && !fits_end(d, at, len, more)) reason = SVR_DROP_FRAGMENT_OVERLAP;
    if (reason == SVR_DROP_NONE && !has_room(g, d, pkt->size)) reason = SVR_DROP_FRAGMENT_LIMIT;
    if (reason && reason != SVR_DROP_FRAGMENT_REPEATED) svr_gather_spoil(g, d, reason);
    if (reason) return reason;
    memmove(&d->part[place + 1], &d->part[place], (d->n - place) * sizeof *d->part);
    d->part[place] = (svr_part){pkt, at, len};
    d->n++;
    d->held += len;
    if (!more) d->total = at + len;
    account(g, d, pkt->size, 0);
    return SVR_DROP_NONE;
}

bool svr_gather_pass(svr_gathering *d, uint32_t at, uint32_t len, bool more) {
    if (!well_formed(at, len, more)) return false;
    d->held += len;
    if (!more) d->total = at + len;
    return true;
}

bool svr_gather_whole(const svr_gathering *d) {
    return d->total && d->held >= d->total;
}

svr_packet *svr_gather_take(svr_gather *g, svr_gathering *d) {
    if (!d->n) return NULL;
    svr_packet *pkt = d->part[0].pkt;
    account(g, d, 0, pkt->size);
    memmove(&d->part[0], &d->part[1], --d->n * sizeof *d->part);
    return pkt;
}

/* SPDX-License-Identifier: MIT */
#include "base/timer.h"

#include <assert.h>

void svr_timer_heap_init(svr_timer_heap *h, const svr_allocator *alloc) {
    *h = (svr_timer_heap){.alloc = alloc};
}

void svr_timer_heap_fini(svr_timer_heap *h) {
    assert(h->reserved == 0);
    svr_alloc_free(h->alloc, h->at);
    *h = (svr_timer_heap){0};
}

bool svr_timer_init(svr_timer *t, svr_timer_heap *h, svr_timer_fn *fire) {
    *t = (svr_timer){0}; /* without `fire` svr_timer_fini gives no place back */
    if (h->reserved + 2 > h->size) {
        uint32_t size = h->size ? h->size * 2 : 64;
        svr_timer **at = svr_alloc_resize(h->alloc, h->at, size, sizeof *at);
        if (!at) return false;
        h->at = at;
        h->size = size;
    }
    h->reserved++;
    t->fire = fire;
    return true;
}

void svr_timer_fini(svr_timer *t, svr_timer_heap *h) {
    if (!t->fire) return;
    svr_timer_stop(t, h);
    h->reserved--;
    t->fire = NULL;
}

static bool before(const svr_timer *a, const svr_timer *b) {
    return a->when != b->when ? a->when < b->when : (int32_t)(a->order - b->order) < 0;
}

static void place(svr_timer_heap *h, svr_timer *t, uint32_t slot) {
    h->at[slot] = t;
    t->slot = slot;
}

static void sift_up(svr_timer_heap *h, svr_timer *t, uint32_t slot) {
    for (; slot > 1 && before(t, h->at[slot / 2]); slot /= 2)
        place(h, h->at[slot / 2], slot);
    place(h, t, slot);
}

static void sift_down(svr_timer_heap *h, svr_timer *t, uint32_t slot) {
    for (uint32_t child; (child = slot * 2) <= h->n; slot = child) {
        if (child < h->n && before(h->at[child + 1], h->at[child])) child++;
        if (!before(h->at[child], t)) break;
        place(h, h->at[child], slot);
    }
    place(h, t, slot);
}

void svr_timer_stop(svr_timer *t, svr_timer_heap *h) {
    if (!t->slot) return;
    uint32_t slot = t->slot;
    svr_timer *last = h->at[h->n--];
    t->slot = 0;
    if (last == t) return;
    if (slot > 1 && before(last, h->at[slot / 2]))
        sift_up(h, last, slot);
    else
        sift_down(h, last, slot);
}

void svr_timer_set(svr_timer *t, svr_timer_heap *h, svr_time when) {
    assert(t->fire);
    svr_timer_stop(t, h);
    if (when == SVR_TIME_NEVER) return;
    t->when = when;
    t->order = ++h->order;
    sift_up(h, t, ++h->n);
}

svr_time svr_timer_next(const svr_timer_heap *h) {
    return h->n ? h->at[1]->when : SVR_TIME_NEVER;
}

void svr_timer_run(svr_timer_heap *h, void *ctx, svr_time now) {
    while (h->n && h->at[1]->when <= now) {
        svr_timer *t = h->at[1];
        svr_timer_stop(t, h);
        t->fire(t, ctx, now);
    }
}

/* SPDX-License-Identifier: MIT */
#include "svr/packet.h"

#include <assert.h>

/* Two sizes: one for ordinary frames, one for the longest datagram. */
#define SMALL_LEN 2048

struct svr_pool {
    const svr_allocator *alloc;
    size_t limit, out;
    svr_packet *free[2];
};

svr_pool *svr_pool_new(const svr_allocator *alloc, size_t limit) {
    svr_pool *pool = svr_alloc_zero(alloc, 1, sizeof *pool);
    if (!pool) return NULL;
    pool->alloc = alloc;
    pool->limit = limit;
    return pool;
}

void svr_pool_del(svr_pool *pool) {
    if (!pool) return;
    assert(pool->out == 0);
    for (size_t k = 0; k < 2; k++) {
        for (svr_packet *p = pool->free[k], *next; p; p = next) {
            next = p->next_free;
            svr_alloc_free(pool->alloc, p);
        }
    }
    svr_alloc_free(pool->alloc, pool);
}

static uint32_t room_for(size_t len) {
    return (uint32_t)(SVR_PACKET_HEADROOM + len + SVR_PACKET_TAILROOM);
}

svr_packet *svr_packet_get(svr_pool *pool, size_t len) {
    if (len > SVR_PACKET_LEN_MAX || pool->out >= pool->limit) return NULL;
    int k = len > SMALL_LEN;
    svr_packet *p = pool->free[k];
    if (p) {
        pool->free[k] = p->next_free;
    } else {
        uint32_t size = room_for(k ? SVR_PACKET_LEN_MAX : SMALL_LEN);
        p = svr_alloc_resize(pool->alloc, NULL, 1, sizeof *p + size);
        if (!p) return NULL;
        p->size = size;
    }
    p->data = p->buf + SVR_PACKET_HEADROOM;
    p->len = 0;
    p->ifid = SVR_IFID_NONE;
    p->open_checksum = false;
    p->next_hop = (svr_addr){0};
    p->next_free = NULL;
    pool->out++;
    return p;
}

void svr_packet_put(svr_pool *pool, svr_packet *pkt) {
    int k = pkt->size != room_for(SMALL_LEN);
    assert(pool->out > 0);
    pool->out--;
    pkt->next_free = pool->free[k];
    pool->free[k] = pkt;
}

void svr_batch_put(svr_pool *pool, svr_batch *batch) {
    for (size_t i = 0; i < batch->n; i++)
        svr_packet_put(pool, batch->pkt[i]);
    batch->n = 0;
}

size_t svr_packet_headroom(const svr_packet *pkt) {
    return (size_t)(pkt->data - pkt->buf);
}
size_t svr_packet_tailroom(const svr_packet *pkt) {
    return pkt->size - svr_packet_headroom(pkt) - pkt->len;
}

/* SPDX-License-Identifier: MIT */
#include "session/key_store.h"

#include "session/session.h"

#include <assert.h>
#include <string.h>

#define FIRST_CHUNK 8
#define LAST_CHUNK 16384
#define LOOKS 4096           /* keys looked at in one go */
#define PAUSE (100 * SVR_MS) /* then the host has its turn */
#define TRIM_LOOKS 64        /* keys in use that are passed over for one that is not */

typedef struct svr_key_chunk {
    struct svr_key_chunk *next;
    size_t size, used, fresh; /* keys; in use; never used so far, from the end */
    svr_payload_key *free;    /* used before */
    _Alignas(16) svr_payload_key at[];
} svr_key_chunk;

/* ---- order ---------------------------------------------------------------------------------- */

static void unlink_key(svr_key_store *store, svr_payload_key *key) {
    *(key->older ? &key->older->newer : &store->oldest) = key->newer;
    *(key->newer ? &key->newer->older : &store->newest) = key->older;
}

static void link_newest(svr_key_store *store, svr_payload_key *key) {
    key->newer = NULL;
    key->older = store->newest;
    *(store->newest ? &store->newest->newer : &store->oldest) = key;
    store->newest = key;
}

/* Looks at the oldest key, which becomes the newest. True when its session gives it up: it is gone with the
 * next sweep. */
static bool review_oldest(svr_key_store *store, svr_duration idle) {
    svr_payload_key *key = store->oldest;
    unlink_key(store, key);
    link_newest(store, key);
    return store->rt->now - key->session->last_seen >= idle && svr_payload_park(key->session);
}

static void timer_due(svr_timer *t, void *ctx, svr_time now) {
    svr_key_store *store = svr_container_of(t, svr_key_store, timer);
    size_t n = store->n, looks = n < LOOKS ? n : LOOKS;
    (void)ctx;
    svr_sessions *all = store->oldest ? store->oldest->session->all : NULL;
    for (size_t i = 0; i < looks; i++)
        review_oldest(store, SVR_KEYS_IDLE);
    if (all) svr_sessions_sweep(all);
    if (store->n) svr_timer_set(t, &store->rt->timers, now + (n > LOOKS ? PAUSE : SVR_KEYS_IDLE));
}

bool svr_key_store_trim(svr_key_store *store) {
    for (size_t looks = 1; looks <= TRIM_LOOKS && store->oldest; looks++)
        if (review_oldest(store, looks < TRIM_LOOKS ? SVR_SEC : 0)) return true;
    return false;
}

/* ---- memory --------------------------------------------------------------------------------- */

bool svr_key_store_init(svr_key_store *store, svr_runtime *rt) {
    *store = (svr_key_store){.rt = rt};
    return svr_timer_init(&store->timer, &rt->timers, timer_due);
}

void svr_key_store_fini(svr_key_store *store) {
    if (!store->rt) return;
    assert(store->n == 0);
    for (svr_key_chunk *c = store->chunks, *next; c; c = next) {
        next = c->next;
        svr_alloc_free(store->rt->alloc, c);
    }
    svr_timer_fini(&store->timer, &store->rt->timers);
    *store = (svr_key_store){0};
}

/* Each chunk is twice the last: a router of few sessions has few pages. */
static svr_key_chunk *add_chunk(svr_key_store *store) {
    size_t size = store->chunks ? store->chunks->size * 2 : FIRST_CHUNK;
    if (size > LAST_CHUNK) size = LAST_CHUNK;
    svr_key_chunk *c =
        svr_alloc_resize(store->rt->alloc, NULL, 1, sizeof *c + size * sizeof(svr_payload_key));
    if (!c) return NULL;
    *c = (svr_key_chunk){.next = store->chunks, .size = size};
    return store->chunks = c;
}

static svr_key_chunk *chunk_with_room(svr_key_store *store) {
    svr_key_chunk *c = store->chunks;
    while (c && c->used == c->size)
        c = c->next;
    return c ? c : add_chunk(store);
}

svr_payload_key *svr_key_store_get(svr_key_store *store, svr_session *s) {
    svr_key_chunk *c = chunk_with_room(store);
    if (!c) return NULL;
    svr_payload_key *key = c->free ? c->free : &c->at[c->fresh++];
    if (c->free) c->free = key->newer;
    memset(key, 0, sizeof *key);
    key->session = s;
    c->used++;
    store->n++;
    link_newest(store, key);
    if (!svr_timer_is_set(&store->timer))
        svr_timer_set(&store->timer, &store->rt->timers, store->rt->now + SVR_KEYS_IDLE);
    return key;
}

static svr_key_chunk **chunk_of(svr_key_store *store, const svr_payload_key *key) {
    svr_key_chunk **c = &store->chunks;
    while (key < (*c)->at || key >= (*c)->at + (*c)->size)
        c = &(*c)->next;
    return c;
}

void svr_key_store_put(svr_key_store *store, svr_payload_key *key) {
    svr_key_chunk **at = chunk_of(store, key), *c = *at;
    unlink_key(store, key);
    svr_wipe(key, sizeof *key);
    key->newer = c->free;
    c->free = key;
    store->n--;
    if (--c->used || c->size == FIRST_CHUNK) return;
    *at = c->next;
    svr_alloc_free(store->rt->alloc, c);
}

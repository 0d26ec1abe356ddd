/* SPDX-License-Identifier: MIT */
#include "keys/keyring.h"

#include <string.h>

void svr_keyring_init(svr_keyring *ring, svr_runtime *rt, const char *peer) {
    *ring = (svr_keyring){.rt = rt,
                          .peer = peer,
                          .changeover = SVR_TIME_NEVER,
                          .heard = SVR_TIME_NEVER,
                          .heard_next = SVR_TIME_NEVER};
}

void svr_peer_key_del(const svr_allocator *alloc, svr_peer_key *key) {
    if (!key) return;
    svr_crypt_key_fini(&key->send);
    svr_crypt_key_fini(&key->receive);
    svr_wipe(key, sizeof *key);
    svr_alloc_free(alloc, key);
}

void svr_keyring_fini(svr_keyring *ring) {
    if (!ring->rt) return;
    svr_peer_key_del(ring->rt->alloc, ring->current);
    svr_peer_key_del(ring->rt->alloc, ring->old);
    svr_peer_key_del(ring->rt->alloc, ring->next);
    *ring = (svr_keyring){0};
}

static void tell(const svr_keyring *ring, const svr_peer_key *key, const char *what, const char *reason) {
    svr_event *ev = svr_runtime_event(ring->rt, SVR_EVENT_PEER_KEY);
    svr_strcpy(ev->peer, sizeof ev->peer, ring->peer);
    ev->to = what;
    ev->reason = reason;
    ev->value = key->id.index;
}

static void discard(svr_keyring *ring, svr_peer_key **slot, const char *reason) {
    if (!*slot) return;
    tell(ring, *slot, "erased", reason);
    svr_peer_key_del(ring->rt->alloc, *slot);
    *slot = NULL;
}

void svr_keyring_clear(svr_keyring *ring, const char *reason) {
    discard(ring, &ring->old, reason);
    discard(ring, &ring->current, reason);
    discard(ring, &ring->next, reason);
    ring->changeover = ring->heard = ring->heard_next = SVR_TIME_NEVER;
}

void svr_keyring_install(svr_keyring *ring, svr_peer_key *key) {
    discard(ring, &ring->next, "replaced by a later exchange");
    ring->next = key;
    ring->changeover = ring->heard_next = SVR_TIME_NEVER;
    tell(ring, key, "computed", "");
}

static void change_over(svr_keyring *ring, const char *reason) {
    discard(ring, &ring->old, "followed by two newer keys");
    ring->old = ring->current;
    ring->current = ring->next;
    ring->next = NULL;
    ring->changeover = SVR_TIME_NEVER;
    ring->heard = ring->heard_next;
    ring->heard_next = SVR_TIME_NEVER;
    ring->rotations++;
    ring->changed = ring->rt->now;
    tell(ring, ring->current, "sending", reason);
}

bool svr_keyring_peer_has_next(svr_keyring *ring, bool lacks_current) {
    if (!ring->next || ring->changeover != SVR_TIME_NEVER) return false;
    if (!ring->current)
        change_over(ring, "first key");
    else if (lacks_current)
        change_over(ring, "peer lost the former key"); /* PD-GRACE rule 4 */
    else
        ring->changeover = ring->rt->now + SVR_KEY_GRACE;
    return true;
}

/* From when the old key may go; SVR_TIME_NEVER while there is none or the new one has not been heard. */
static svr_time erasure(const svr_keyring *ring) {
    if (!ring->old || ring->heard == SVR_TIME_NEVER) return SVR_TIME_NEVER;
    return (ring->heard > ring->changed ? ring->heard : ring->changed) + SVR_KEY_GRACE;
}

void svr_keyring_heard(svr_keyring *ring, const svr_peer_key *key) {
    svr_time *first = key == ring->current ? &ring->heard : key == ring->next ? &ring->heard_next : NULL;
    if (first && *first == SVR_TIME_NEVER) *first = ring->rt->now;
}

bool svr_keyring_run(svr_keyring *ring) {
    bool changed = false;
    if (ring->changeover <= ring->rt->now) {
        change_over(ring, "grace over");
        changed = true;
    }
    if (erasure(ring) <= ring->rt->now) discard(ring, &ring->old, "grace over");
    return changed;
}

svr_time svr_keyring_deadline(const svr_keyring *ring) {
    svr_time erase = erasure(ring);
    return ring->changeover < erase ? ring->changeover : erase;
}

bool svr_keyring_unfinished(const svr_keyring *ring) {
    return ring->old || (ring->next && ring->changeover != SVR_TIME_NEVER);
}

static void append(svr_key_list *list, const svr_peer_key *key) {
    if (key) list->at[list->n++] = key->id;
}

void svr_keyring_list(const svr_keyring *ring, svr_key_list *out) {
    *out = (svr_key_list){0};
    append(out, ring->old);
    append(out, ring->current);
    append(out, ring->next);
}

bool svr_key_list_has(const svr_key_list *list, const svr_peer_key *key) {
    for (size_t i = 0; key && i < list->n; i++)
        if (list->at[i].index == key->id.index &&
            memcmp(list->at[i].fingerprint, key->id.fingerprint, SVR_FINGERPRINT_LEN) == 0)
            return true;
    return false;
}

svr_peer_key *svr_keyring_find(const svr_keyring *ring, uint32_t index, size_t nth) {
    svr_peer_key *const all[] = {ring->current, ring->next, ring->old};
    for (size_t i = 0; i < 3; i++)
        if (all[i] && all[i]->id.index == index && nth-- == 0) return all[i];
    return NULL;
}

uint32_t svr_keyring_highest(const svr_keyring *ring) {
    svr_key_list list;
    uint32_t highest = 0;
    svr_keyring_list(ring, &list);
    for (size_t i = 0; i < list.n; i++)
        if (list.at[i].index > highest) highest = list.at[i].index;
    return highest;
}

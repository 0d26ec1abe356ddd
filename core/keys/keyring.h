/* SPDX-License-Identifier: MIT
 * The peer keys that two routers share, and their rotation (PD-GRACE). Three places:
 *
 *   next      computed, accepted, not yet used for sending
 *   current   used for sending, accepted
 *   old       the one before, still accepted
 *
 * A key enters as `next`. Once the peer is known to have it too (t0), the changeover is set to t0 + 30 s:
 * next becomes current, current becomes old (KEY-OLD-IN-REKEY, KEY-GRACE-30). The old key is erased 30 s
 * after the changeover, or after the first packet under the new key if that is later: until then the peer may
 * be sending under the old one (behind an outage, KEY-OUTAGE), and its last packet under it may be 30 s on
 * its way. An answer that nobody confirmed stays in `next` without a changeover until a later exchange
 * replaces it. When the peer does not hold our current key, or there is none, the changeover is immediate. */
#ifndef SVR_KEYS_KEYRING_H
#define SVR_KEYS_KEYRING_H

#include "base/runtime.h"
#include "crypto/crypt.h"
#include "keys/replay.h"

#define SVR_KEY_GRACE (30 * SVR_SEC) /* KEY-GRACE-30 */
#define SVR_PEER_KEY_LEN 48
#define SVR_FINGERPRINT_LEN 8
#define SVR_LIFE_LEN 16
#define SVR_KEYS_HELD_MAX 3

/* How a key is named on the wire. */
typedef struct svr_key_id {
    uint32_t index;
    uint8_t fingerprint[SVR_FINGERPRINT_LEN];
} svr_key_id;

typedef struct svr_key_list {
    size_t n;
    svr_key_id at[SVR_KEYS_HELD_MAX];
} svr_key_list;

typedef struct svr_peer_key {
    svr_key_id id;
    uint8_t secret[SVR_PEER_KEY_LEN];
    svr_crypt_key send, receive; /* BFD metadata in each direction */
    uint64_t sent;               /* nonces used */
    svr_replay seen;
    svr_time computed;
    uint8_t peer_life[SVR_LIFE_LEN]; /* the peer's life that took part in the exchange */
} svr_peer_key;

typedef struct svr_keyring {
    svr_runtime *rt;
    const char *peer; /* for events */
    svr_peer_key *current, *old, *next;
    svr_time changeover; /* SVR_TIME_NEVER: the peer is not known to have `next` */
    svr_time heard;      /* first packet under `current`; SVR_TIME_NEVER: none yet */
    svr_time heard_next; /* the same for `next` */
    uint64_t rotations;  /* changeovers so far */
    svr_time changed;    /* instant of the last one */
} svr_keyring;

void svr_keyring_init(svr_keyring *ring, svr_runtime *rt, const char *peer);
void svr_keyring_fini(svr_keyring *ring);
/* Erases all keys (CRT-FAIL-HARD). */
void svr_keyring_clear(svr_keyring *ring, const char *reason);
/* Frees a key that never entered a ring; wipes it. NULL is fine. */
void svr_peer_key_del(const svr_allocator *alloc, svr_peer_key *key);

/* Takes over a freshly computed key as `next`, in place of an unconfirmed one. */
void svr_keyring_install(svr_keyring *ring, svr_peer_key *key);
/* The peer is known to have computed `next`. `lacks_current`: it does not hold what we send under. True when
 * this was news. */
bool svr_keyring_peer_has_next(svr_keyring *ring, bool lacks_current);
/* A packet authenticated under `key` came in. */
void svr_keyring_heard(svr_keyring *ring, const svr_peer_key *key);
/* Carries out what is due; true when the changeover happened. */
bool svr_keyring_run(svr_keyring *ring);
svr_time svr_keyring_deadline(const svr_keyring *ring);
/* PD-GRACE rule 1 and 3: a confirmed key waits, or the old one is still there. */
bool svr_keyring_unfinished(const svr_keyring *ring);

/* All keys accepted now, newest last. */
void svr_keyring_list(const svr_keyring *ring, svr_key_list *out);
bool svr_key_list_has(const svr_key_list *list, const svr_peer_key *key);
/* The `nth` accepted key with this index (two exchanges that crossed may have chosen the same), or NULL. */
svr_peer_key *svr_keyring_find(const svr_keyring *ring, uint32_t index, size_t nth);
/* The highest index in the ring; 0 when it is empty. */
uint32_t svr_keyring_highest(const svr_keyring *ring);

#endif

/* SPDX-License-Identifier: MIT
 * Memory of payload keys that are ready for use. Such a key holds expanded ciphers and a replay window, ten
 * times what the rest of a session takes; of a session that nobody uses the 32 bytes it came from and two
 * counters will do, and the key is made again with the next packet (svr_payload_current).
 *
 * Keys live in chunks of their own, apart from sessions, so that memory goes back when all of a chunk are
 * unused. */
#ifndef SVR_SESSION_KEY_STORE_H
#define SVR_SESSION_KEY_STORE_H

#include "base/timer.h"

#define SVR_KEYS_READY_MAX 131072    /* keys; of more the ones unused the longest go, at the end of a batch */
#define SVR_KEYS_IDLE (10 * SVR_SEC) /* a session without packets for so long gives its key up */

struct svr_payload_key;
struct svr_key_chunk;
struct svr_runtime;
struct svr_session;

typedef struct svr_key_store {
    struct svr_runtime *rt;
    struct svr_key_chunk *chunks;
    struct svr_payload_key *oldest, *newest; /* in use, in the order in which they were looked at last */
    size_t n;                                /* in use */
    svr_timer timer;
} svr_key_store;

/* False when memory is short. */
bool svr_key_store_init(svr_key_store *store, struct svr_runtime *rt);
/* All keys must be back. Also after svr_key_store_init failed, or when all is zero. */
void svr_key_store_fini(svr_key_store *store);
/* An empty key for the session; NULL when memory is short. */
struct svr_payload_key *svr_key_store_get(svr_key_store *store, struct svr_session *s);
/* Wipes it and takes it back. */
void svr_key_store_put(svr_key_store *store, struct svr_payload_key *key);
/* Has a session give up its key, of those unused the longest. False when none can. */
bool svr_key_store_trim(svr_key_store *store);

#endif

/* SPDX-License-Identifier: MIT
 * Replay windows over 64-bit counters (CRY-REPLAY), as in RFC 6479: a ring of words, so that moving forward
 * never shifts bits. */
#ifndef SVR_KEYS_REPLAY_H
#define SVR_KEYS_REPLAY_H

#include "svr/base.h"

#define SVR_REPLAY_WORDS 32
#define SVR_REPLAY_WINDOW ((SVR_REPLAY_WORDS - 1) * 64) /* how far behind the newest a packet may arrive */

typedef struct svr_replay {
    uint64_t newest; /* 0: nothing accepted yet; counters start at 1 */
    uint64_t bits[SVR_REPLAY_WORDS];
} svr_replay;

/* True when `counter` is new; then it is marked. Call after authentication only. */
bool svr_replay_accept(svr_replay *r, uint64_t counter);
/* Everything up to `newest` counts as seen. */
void svr_replay_restore(svr_replay *r, uint64_t newest);

#endif

/* SPDX-License-Identifier: MIT */
#include "keys/replay.h"

#include <string.h>

void svr_replay_restore(svr_replay *r, uint64_t newest) {
    memset(r->bits, 0xff, sizeof r->bits);
    r->newest = newest;
    uint64_t *top = &r->bits[newest / 64 % SVR_REPLAY_WORDS];
    *top = UINT64_MAX >> (63 - newest % 64);
}

bool svr_replay_accept(svr_replay *r, uint64_t counter) {
    if (counter == 0 || (counter <= r->newest && r->newest - counter >= SVR_REPLAY_WINDOW)) return false;
    uint64_t word = counter / 64, top = r->newest / 64;
    if (word > top) {
        uint64_t steps = word - top < SVR_REPLAY_WORDS ? word - top : SVR_REPLAY_WORDS;
        for (uint64_t i = 1; i <= steps; i++)
            r->bits[(top + i) % SVR_REPLAY_WORDS] = 0;
    }
    uint64_t *w = &r->bits[word % SVR_REPLAY_WORDS], bit = UINT64_C(1) << counter % 64;
    if (*w & bit) return false;
    *w |= bit;
    if (counter > r->newest) r->newest = counter;
    return true;
}

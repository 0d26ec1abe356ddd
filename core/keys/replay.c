/* SPDX-License-Identifier: MIT */
#include "keys/replay.h"

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

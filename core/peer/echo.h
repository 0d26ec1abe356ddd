/* SPDX-License-Identifier: MIT
 * Bursts that measure a path (PD-ECHO): numbers alone, without packets or timers of their own.
 *
 * A burst is `length` packets, one each SVR_ECHO_SPACING. The peer sends each back. What has not come back
 * SVR_ECHO_PATIENCE after the last one left is lost. Then the burst's result is drawn:
 *
 *   latency   the mean round trip of the burst's packets that came back
 *   jitter    RFC 3550 section 6.4.1, over round trips: J += (|D| - J) / 16, from packet to packet that came
 *             back, on from the last burst
 *   loss      of the last SVR_ECHO_WINDOW bursts together */
#ifndef SVR_PEER_ECHO_H
#define SVR_PEER_ECHO_H

#include "svr/wire.h"

#define SVR_ECHO_SPACING (20 * SVR_MS)
#define SVR_ECHO_PATIENCE (2 * SVR_SEC)
#define SVR_ECHO_WINDOW 3
#define SVR_ECHO_ANSWERS_MAX 100 /* answers on one path in a second */

/* What is known of a path. */
typedef struct svr_quality {
    bool known;                    /* a burst has ended since the path came up */
    uint64_t bursts;               /* since the start */
    svr_duration latency, fastest; /* mean and least round trip of the latest burst that had an answer */
    svr_duration jitter;
    uint32_t loss_permille;
    svr_time at; /* when the latest burst ended */
} svr_quality;

typedef struct svr_echo {
    bool running;
    uint32_t burst;                    /* number of the present or latest burst, from 1 */
    uint8_t length, sent, answered;    /* of it */
    svr_time left[SVR_ECHO_BURST_MAX]; /* when each packet went; 0: answered */
    svr_duration sum, fastest, former; /* of round trips; the one before */
    bool has_former;
    uint64_t jitter16; /* 16 times the jitter, in nanoseconds */
    struct {
        uint8_t sent, answered;
    } past[SVR_ECHO_WINDOW]; /* newest first */
    svr_quality quality;
} svr_echo;

/* Forgets what was measured: the path was down meanwhile. Burst numbers go on. */
void svr_echo_reset(svr_echo *e);
/* Begins a burst of 1 to SVR_ECHO_BURST_MAX packets. */
void svr_echo_begin(svr_echo *e, uint8_t length);
/* The next packet of the burst; there is one while e->sent < e->length. */
svr_echo_tlv svr_echo_next(svr_echo *e, svr_time now);
/* An answer came in; false when it answers nothing that we asked, or the second time. */
bool svr_echo_answered(svr_echo *e, const svr_echo_tlv *answer, svr_time now);
/* Everything sent has come back. */
bool svr_echo_complete(const svr_echo *e);
/* Ends the burst and draws its result. */
void svr_echo_end(svr_echo *e, svr_time now);

#endif

/* SPDX-License-Identifier: MIT */
#include "peer/echo.h"

#include <assert.h>
#include <string.h>

void svr_echo_reset(svr_echo *e) {
    *e = (svr_echo){.burst = e->burst, .quality = {.bursts = e->quality.bursts}};
}

void svr_echo_begin(svr_echo *e, uint8_t length) {
    assert(length > 0 && length <= SVR_ECHO_BURST_MAX);
    e->running = true;
    e->burst++;
    e->length = length;
    e->sent = e->answered = 0;
    e->sum = 0;
    e->fastest = SVR_TIME_NEVER;
    memset(e->left, 0, sizeof e->left);
}

svr_echo_tlv svr_echo_next(svr_echo *e, svr_time now) {
    assert(e->running && e->sent < e->length);
    e->left[e->sent] = now;
    return (svr_echo_tlv){.number = e->sent++, .length = e->length, .burst = e->burst};
}

/* RFC 3550, appendix A.8, keeps sixteen times the jitter for the sake of its precision. */
static void note_jitter(svr_echo *e, svr_duration trip) {
    svr_duration d = trip > e->former ? trip - e->former : e->former - trip;
    if (e->has_former) e->jitter16 = e->jitter16 + d - (e->jitter16 + 8) / 16;
    e->former = trip;
    e->has_former = true;
}

bool svr_echo_answered(svr_echo *e, const svr_echo_tlv *a, svr_time now) {
    if (!e->running || !a->reply || a->burst != e->burst || a->length != e->length || a->number >= e->sent ||
        !e->left[a->number])
        return false;
    svr_duration trip = now - e->left[a->number];
    e->left[a->number] = 0;
    e->answered++;
    e->sum += trip;
    if (trip < e->fastest) e->fastest = trip;
    note_jitter(e, trip);
    return true;
}

bool svr_echo_complete(const svr_echo *e) {
    return e->answered == e->length;
}

static uint32_t loss_permille(const svr_echo *e) {
    uint32_t sent = 0, answered = 0;
    for (size_t i = 0; i < SVR_ECHO_WINDOW; i++) {
        sent += e->past[i].sent;
        answered += e->past[i].answered;
    }
    return sent ? (sent - answered) * 1000 / sent : 0;
}

void svr_echo_end(svr_echo *e, svr_time now) {
    svr_quality *q = &e->quality;
    e->running = false;
    memmove(e->past + 1, e->past, sizeof e->past - sizeof *e->past);
    e->past[0].sent = e->sent;
    e->past[0].answered = e->answered;
    q->known = true;
    q->bursts++;
    q->at = now;
    q->loss_permille = loss_permille(e);
    q->jitter = e->jitter16 / 16;
    if (!e->answered) return;
    q->latency = e->sum / e->answered;
    q->fastest = e->fastest;
}

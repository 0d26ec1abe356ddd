/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_INTERVAL (100 * SVR_MS)
#define PLAIN_INTERVAL (10 * SVR_SEC)

uint64_t svrsim_progress_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SVR_SEC + (uint64_t)t.tv_nsec;
}

void svrsim_progress_init(svrsim_progress *p, bool quiet) {
    *p = (svrsim_progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO)};
    p->began_ns = p->last_ns = svrsim_progress_clock();
}

static void show(svrsim_progress *p, svr_time now, uint64_t events, uint64_t since_ns,
                 uint64_t since_events) {
    uint64_t clock = svrsim_progress_clock(), s = now / SVR_SEC;
    double wall = (double)(clock - p->began_ns) / 1e9, span = (double)(clock - since_ns) / 1e9;
    double rate = span > 0 ? (double)(events - since_events) / span : 0;
    fprintf(stderr, "%ssimulated %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "  wall %.1f s  %.0f events/s%s",
            p->terminal ? "\r" : "", s / 3600, s / 60 % 60, s % 60, wall, rate,
            p->terminal ? "\x1b[K" : "\n");
    p->shown = true;
}

void svrsim_progress_tick(svrsim_progress *p, svr_time now, uint64_t events) {
    uint64_t clock = svrsim_progress_clock();
    if (p->quiet || clock - p->last_ns < (p->terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL)) return;
    show(p, now, events, p->last_ns, p->last_events);
    p->last_ns = clock;
    p->last_events = events;
}

void svrsim_progress_end(svrsim_progress *p, svr_time now, uint64_t events) {
    if (p->quiet) return;
    show(p, now, events, p->began_ns, 0);
    if (p->terminal) fputc('\n', stderr);
}

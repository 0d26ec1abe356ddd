/* SPDX-License-Identifier: MIT
 * The live line on stderr. */
#ifndef SVRSIM_PROGRESS_H
#define SVRSIM_PROGRESS_H

#include "svr/base.h"

typedef struct svrsim_progress {
    bool quiet, terminal, shown;
    uint64_t began_ns, last_ns; /* of the machine's clock */
    uint64_t last_events;
} svrsim_progress;

void svrsim_progress_init(svrsim_progress *p, bool quiet);
/* Says where the simulation is, when it is time to: ten times a second on a terminal, else every ten seconds.
 */
void svrsim_progress_tick(svrsim_progress *p, svr_time now, uint64_t events);
/* Ends the line. */
void svrsim_progress_end(svrsim_progress *p, svr_time now, uint64_t events);
/* The machine's monotonic clock, in nanoseconds. It steers what is shown, never what is simulated. */
uint64_t svrsim_progress_clock(void);

#endif

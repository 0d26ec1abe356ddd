/* SPDX-License-Identifier: MIT
 * What stands around an answer on a terminal, as in the spec's samples: the date, what is being retrieved,
 * and how long it took. */
#ifndef SVR_FRAME_H
#define SVR_FRAME_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* Whether an answer to this command has a frame: show commands do. `command` is words with single blanks. */
bool svr_frame_wanted(const char *command);
/* "Tue 2025-01-28 19:17:39 UTC", "✔ Retrieving alarms...", and an empty line. `wall` is when the question was
 * asked. */
void svr_frame_begin(FILE *out, const char *command, time_t wall);
/* An empty line, "Completed in 0.02 seconds". */
void svr_frame_end(FILE *out, const struct timespec *asked, const struct timespec *answered);

#endif

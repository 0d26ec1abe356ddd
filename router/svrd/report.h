/* SPDX-License-Identifier: MIT
 * Reports as JSON, events as lines. */
#ifndef SVRD_REPORT_H
#define SVRD_REPORT_H

#include <stdio.h>

#include "svr/event.h"
#include "svr/show.h"

/* `[{"title": ..., "fields": {KEY: VALUE, ...}}, ...]` and a newline. False when memory is short. */
bool svrd_report_json(const svr_report *report, FILE *out);
/* `{"error": MESSAGE}` and a newline. */
bool svrd_error_json(const char *message, FILE *out);
/* `{"done": MESSAGE}` and a newline. */
bool svrd_done_json(const char *message, FILE *out);

#define SVRD_EVENT_LINE_MAX 640
/* One event as an operator reads it, without time and severity. Returns `out`. */
const char *svrd_event_line(const svr_event *ev, char out[SVRD_EVENT_LINE_MAX]);

#endif

/* SPDX-License-Identifier: MIT
 * Reports and events as JSON and as lines. */
#ifndef SVRD_REPORT_H
#define SVRD_REPORT_H

#include <stdio.h>

#include "svr/event.h"
#include "svr/show.h"

/* `[{"title": ..., "fields": {KEY: VALUE, ...}}, ...]` and a newline. False when memory is short. */
bool svrd_report_json(const svr_report *report, FILE *out);
/* `{"error": MESSAGE}` and a newline. */
bool svrd_error_json(const char *message, FILE *out);

/* One event as one line of JSON: `time` in nanoseconds of the router's clock, `wall` as RFC 3339, then what
 * the event has of its other fields. */
bool svrd_event_json(const svr_event *ev, FILE *out);

#define SVRD_EVENT_LINE_MAX 640
/* One event as an operator reads it, without time and severity. Returns `out`. */
const char *svrd_event_line(const svr_event *ev, char out[SVRD_EVENT_LINE_MAX]);

#endif

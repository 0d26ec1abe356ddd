/* SPDX-License-Identifier: MIT
 * Lines for people on standard error: time, severity, sentence. Where standard error is the journal of
 * systemd it gets them with fields instead (journal.h). */
#ifndef SVRD_LOG_H
#define SVRD_LOG_H

#include "svr/event.h"
#include "svrd/clock.h"

typedef struct svrd_log {
    const svrd_clock *clock;   /* NULL: lines carry no time */
    const char *router, *node; /* whose they are, for the journal */
    bool journal;
} svrd_log;

#define SVRD_TIME_TEXT_MAX 40
/* Wall time as RFC 3339 in UTC with milliseconds. */
const char *svrd_time_format(svr_wall wall, char out[SVRD_TIME_TEXT_MAX]);

/* One event as svrd_event_line says it. */
void svrd_log_event(const svrd_log *log, const svr_event *ev);
void svrd_log_write(const svrd_log *log, svr_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

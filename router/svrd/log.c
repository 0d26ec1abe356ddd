/* SPDX-License-Identifier: MIT */
#include "svrd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "svrd/journal.h"
#include "svrd/report.h"

#define LINE_MAX_BYTES 1024

const char *svrd_time_format(svr_wall wall, char out[SVRD_TIME_TEXT_MAX]) {
    time_t seconds = (time_t)(wall / (svr_wall)SVR_SEC);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, SVRD_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, SVRD_TIME_TEXT_MAX - n, ".%03uZ", (unsigned)(wall % (svr_wall)SVR_SEC / 1000000));
    return out;
}

static void write_line(const svrd_log *log, svr_severity severity, const char *line, const svr_event *ev) {
    char time[SVRD_TIME_TEXT_MAX] = "";
    if (log->journal && svrd_journal_write(log, severity, line, ev)) return;
    if (log->clock) svrd_time_format(svrd_clock_wall(log->clock, svrd_clock_now(log->clock)), time);
    fprintf(stderr, "%s%s%-8s %s\n", time, *time ? " " : "", svr_severity_name(severity), line);
}

void svrd_log_event(const svrd_log *log, const svr_event *ev) {
    char line[SVRD_EVENT_LINE_MAX];
    write_line(log, ev->severity, svrd_event_line(ev, line), ev);
}

void svrd_log_write(const svrd_log *log, svr_severity severity, const char *format, ...) {
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    write_line(log, severity, line, NULL);
}

/* SPDX-License-Identifier: MIT */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "svrd/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define FIELDS_MAX 12
#define TEXT_MAX 1200 /* a line of the log, or an event's detail, behind its name */

typedef struct fields {
    char text[FIELDS_MAX][TEXT_MAX];
    struct iovec iov[FIELDS_MAX];
    int n;
} fields;

/* systemd says so with the file that it opened; who redirects standard error elsewhere means that. */
bool svrd_journal_reads(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uintmax_t device, inode;
    return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

static void add(fields *f, const char *key, const char *value) {
    if (!value || !*value || f->n == FIELDS_MAX) return;
    int len = snprintf(f->text[f->n], TEXT_MAX, "%s=%s", key, value);
    if (len >= TEXT_MAX) len = TEXT_MAX - 1;
    f->iov[f->n] = (struct iovec){f->text[f->n], (size_t)len};
    f->n++;
}

static int priority(svr_severity severity) {
    switch (severity) {
    case SVR_INFO: return LOG_INFO;
    case SVR_MINOR: return LOG_WARNING;
    case SVR_MAJOR: return LOG_ERR;
    case SVR_CRITICAL: return LOG_CRIT;
    }
    return LOG_INFO;
}

static void add_event(fields *f, const svr_event *ev) {
    char value[24];
    add(f, "SVR_EVENT", svr_event_kind_name(ev->kind));
    add(f, "SVR_PEER", ev->peer);
    add(f, "SVR_PATH", ev->path);
    add(f, "SVR_FROM", ev->from);
    add(f, "SVR_TO", ev->to);
    add(f, "SVR_REASON", ev->reason);
    snprintf(value, sizeof value, "%" PRIu64, ev->value);
    if (ev->value) add(f, "SVR_VALUE", value);
}

bool svrd_journal_write(const svrd_log *log, svr_severity severity, const char *line, const svr_event *ev) {
    fields f;
    char level[4];
    f.n = 0;
    snprintf(level, sizeof level, "%d", priority(severity));
    add(&f, "MESSAGE", line);
    add(&f, "PRIORITY", level);
    add(&f, "SYSLOG_IDENTIFIER", "svrd");
    add(&f, "SVR_ROUTER", log->router);
    add(&f, "SVR_NODE", log->node);
    if (ev) add_event(&f, ev);
    return sd_journal_sendv(f.iov, f.n) == 0;
}

void svrd_journal_ready(const char *router) {
    sd_notifyf(0, "READY=1\nSTATUS=router %s is ready", router);
}

void svrd_journal_stopping(void) {
    sd_notify(0, "STOPPING=1");
}

void svrd_journal_alive(void) {
    sd_notify(0, "WATCHDOG=1");
}

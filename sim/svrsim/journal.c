/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

struct svrsim_journal {
    FILE *events, *keys;
    int error; /* errno of the first failure */
};

static void note(svrsim_journal *j, bool ok) {
    if (!ok && !j->error) j->error = errno ? errno : EIO;
}

static int finish(FILE *f) {
    return f ? fclose(f) : 0;
}

svrsim_journal *svrsim_journal_new(const char *events_file, const char *keylog_file) {
    svrsim_journal *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    j->events = fopen(events_file, "w");
    if (j->events) j->keys = fopen(keylog_file, "w");
    if (j->keys) return j;
    int error = errno;
    svrsim_journal_del(j);
    errno = error;
    return NULL;
}

int svrsim_journal_del(svrsim_journal *j) {
    if (!j) return 0;
    note(j, finish(j->events) == 0);
    note(j, finish(j->keys) == 0);
    int error = j->error;
    free(j);
    if (!error) return 0;
    errno = error;
    return -1;
}

static json_t *seconds(svr_time t) {
    return json_sprintf("%" PRIu64 ".%09" PRIu64, t / SVR_SEC, t % SVR_SEC);
}

static json_t *iso_time(svr_wall wall) {
    time_t s = (time_t)(wall / (svr_wall)SVR_SEC);
    char text[32];
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    return json_sprintf("%s.%09" PRId64 "Z", text, wall % (svr_wall)SVR_SEC);
}

static void set_text(json_t *o, const char *key, const char *text) {
    if (text[0]) json_object_set_new(o, key, json_string(text));
}

void svrsim_journal_event(svrsim_journal *j, const char *router, const char *node, const svr_event *ev) {
    json_t *o = json_object();
    json_object_set_new(o, "t", seconds(ev->time));
    json_object_set_new(o, "wall", iso_time(ev->wall));
    json_object_set_new(o, "router", json_string(router));
    json_object_set_new(o, "node", json_string(node));
    json_object_set_new(o, "kind", json_string(svr_event_kind_name(ev->kind)));
    json_object_set_new(o, "severity", json_string(svr_severity_name(ev->severity)));
    set_text(o, "peer", ev->peer);
    set_text(o, "path", ev->path);
    set_text(o, "from", ev->from);
    set_text(o, "to", ev->to);
    set_text(o, "reason", ev->reason);
    json_object_set_new(o, "value", json_integer((json_int_t)ev->value));
    set_text(o, "detail", ev->detail);
    note(j, json_dumpf(o, j->events, JSON_COMPACT) == 0 && fputc('\n', j->events) != EOF);
    json_decref(o);
}

void svrsim_journal_key(svrsim_journal *j, const char *line) {
    note(j, fprintf(j->keys, "%s\n", line) >= 0);
}

/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"

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

void svrsim_journal_event(svrsim_journal *j, const char *router, const char *node, const svr_event *ev) {
    note(j, svr_event_json(router, node, ev, j->events));
}

void svrsim_journal_key(svrsim_journal *j, const char *line) {
    note(j, fprintf(j->keys, "%s\n", line) >= 0);
}

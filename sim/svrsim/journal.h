/* SPDX-License-Identifier: MIT
 * What the routers say of themselves, in files: events as JSON lines, keys as the key log. */
#ifndef SVRSIM_JOURNAL_H
#define SVRSIM_JOURNAL_H

#include "svr/event.h"

typedef struct svrsim_journal svrsim_journal;

/* Creates or overwrites both files. NULL with errno. */
svrsim_journal *svrsim_journal_new(const char *events_file, const char *keylog_file);
/* 0, or -1 with errno when something could not be written. */
int svrsim_journal_del(svrsim_journal *j);

void svrsim_journal_event(svrsim_journal *j, const char *router, const char *node, const svr_event *ev);
void svrsim_journal_key(svrsim_journal *j, const char *line);

#endif

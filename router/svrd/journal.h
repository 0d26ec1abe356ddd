/* SPDX-License-Identifier: MIT
 * The service manager: lines of the log with fields for its journal, and news of this program's state.
 * Without systemd none of these does anything. */
#ifndef SVRD_JOURNAL_H
#define SVRD_JOURNAL_H

#include "svrd/log.h"

/* Standard error goes to the journal, which sets the time of a line itself. */
bool svrd_journal_reads(void);
/* Writes a line, with SVR_ROUTER and SVR_NODE; and with the fields SVR_EVENT, SVR_PEER, SVR_PATH, SVR_FROM,
 * SVR_TO, SVR_REASON and SVR_VALUE when it is about an event, as far as it has them. Events hold nothing
 * secret. False when the journal does not take it. */
bool svrd_journal_write(const svrd_log *log, svr_severity severity, const char *line, const svr_event *ev);

/* The router runs, or is about to end. */
void svrd_journal_ready(const char *router);
void svrd_journal_stopping(void);
/* Tells the watchdog, where there is one, that this program is not stuck. To be called every few seconds. */
void svrd_journal_alive(void);

#endif

/* SPDX-License-Identifier: MIT
 * `show alarms` and `show alarms id ID` (OPS-ALARMS, CRT-ALARM-TEXT). */
#ifndef SVR_OPS_SHOW_ALARMS_H
#define SVR_OPS_SHOW_ALARMS_H

#include "ops/show.h"

/* The standing alarms as a table, oldest first. NULL when memory is short. */
const svr_report *svr_show_alarms(const svr_show_context *ctx);
/* All fields of the alarm with that ID ("NODE:NUMBER"). NULL when there is none, or memory is short. */
const svr_report *svr_show_alarm(const svr_show_context *ctx, const char *id);

#endif

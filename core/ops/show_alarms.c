/* SPDX-License-Identifier: MIT
 * `show alarms` and `show alarms id ID` (OPS-ALARMS, CRT-ALARM-TEXT). */
#include "ops/show_internal.h"

#include "base/alarm.h"

#include <stdio.h>
#include <string.h>

#define ID_MAX (SVR_NAME_MAX + 16)

static const char *id_text(const svr_show_context *ctx, const svr_alarm *a, char out[ID_MAX]) {
    snprintf(out, ID_MAX, "%s:%u", ctx->node->name, a->id);
    return out;
}

static void add(const svr_show_context *ctx, const svr_alarm *a, bool full) {
    svr_report_builder *b = ctx->report;
    char text[ID_MAX], time[SVR_WALL_TEXT_MAX];
    svr_report_record(b, id_text(ctx, a, text));
    if (!full) svr_report_text_field(b, "ID", "id", text);
    svr_report_text_field(b, "Time", "time", svr_wall_format(a->wall, time));
    svr_report_text_field(b, "Severity", "severity", svr_severity_name(a->severity));
    svr_report_text_field(b, "Source", "source", a->source);
    svr_report_text_field(b, "Category", "category", svr_alarm_category(a->cause));
    if (full) svr_report_text_field(b, "Process", "process", svr_alarm_process(a->cause));
    svr_report_text_field(b, "Message", "message", a->message);
}

const svr_report *svr_show_alarms(const svr_show_context *ctx, const svr_command *command,
                                  svr_error *err) { /* OPS-ALARMS */
    size_t n;
    const svr_alarm *a = svr_alarms(ctx->rt, &n);
    (void)command;
    (void)err;
    for (size_t i = 0; i < n; i++)
        add(ctx, &a[i], false);
    return svr_report_table(ctx->report);
}

const svr_report *svr_show_alarm(const svr_show_context *ctx, const svr_command *command,
                                 svr_error *err) { /* OPS-ALARMS, CRT-ALARM-TEXT */
    size_t n;
    char text[ID_MAX];
    const svr_alarm *a = svr_alarms(ctx->rt, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(id_text(ctx, &a[i], text), command->args[0]) != 0) continue;
        add(ctx, &a[i], true);
        return svr_report_blocks(ctx->report);
    }
    snprintf(err->message, sizeof err->message, "no alarm has the ID \"%.80s\"; show alarms lists them",
             command->args[0]);
    return NULL;
}

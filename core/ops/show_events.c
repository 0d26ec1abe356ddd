/* SPDX-License-Identifier: MIT
 * The latest events. */
#include "ops/show_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define DETAIL_MAX 512

/* A line that is put together from words; what does not fit is cut. */
typedef struct line {
    char text[DETAIL_MAX];
    size_t n;
} line;

static void add(line *l, const char *before, const char *word, const char *after) {
    if (!word[0]) return;
    int n = snprintf(l->text + l->n, sizeof l->text - l->n, "%s%s%s%s", l->n ? " " : "", before, word, after);
    l->n = n > 0 && (size_t)n < sizeof l->text - l->n ? l->n + (size_t)n : sizeof l->text - 1;
}

/* "[PATH] FROM -> TO VALUE (REASON) DETAIL", as far as the event has them: the words of svrd's log. */
static const char *describe(const svr_event *ev, line *l) {
    char value[24] = "";
    *l = (line){0};
    if (ev->value) snprintf(value, sizeof value, "%llu", (unsigned long long)ev->value);
    add(l, "[", ev->path, "]");
    add(l, "", ev->from, " ->");
    add(l, "", ev->to, "");
    add(l, "", value, "");
    add(l, "(", ev->reason, ")");
    add(l, "", ev->detail, "");
    return l->text;
}

static void add_event(svr_report_builder *b, const svr_event *ev) {
    char time[SVR_WALL_TEXT_MAX];
    line detail;
    svr_report_record(b, svr_event_kind_name(ev->kind));
    svr_report_text_field(b, "Time", "time", svr_wall_format(ev->wall, time));
    svr_report_text_field(b, "Severity", "severity", svr_severity_name(ev->severity));
    svr_report_text_field(b, "Kind", "kind", svr_event_kind_name(ev->kind));
    svr_report_text_field(b, "Peer", "peer", ev->peer);
    svr_report_text_field(b, "Detail", "detail", describe(ev, &detail));
}

const svr_report *svr_show_events(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    size_t n = svr_runtime_history(ctx->rt);
    size_t wanted = command->n_args ? strtoul(command->args[0], NULL, 10) : SVR_HISTORY_MAX;
    (void)err;
    for (size_t back = n < wanted ? n : wanted; back--;)
        add_event(ctx->report, svr_runtime_past_event(ctx->rt, back));
    return svr_report_table(ctx->report);
}

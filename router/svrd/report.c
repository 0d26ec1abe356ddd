/* SPDX-License-Identifier: MIT */
#include "svrd/report.h"

#include <stdarg.h>

#include "common/json.h"

static json_t *field_value(const svr_field *f) {
    switch (f->type) {
    case SVR_FIELD_TEXT: return svr_json_text(f->text ? f->text : "");
    case SVR_FIELD_NUMBER: return json_integer((json_int_t)f->number);
    case SVR_FIELD_FLAG: return json_boolean(f->flag);
    case SVR_FIELD_SPAN:
        return f->span == SVR_TIME_NEVER ? json_null() : json_integer((json_int_t)(f->span / SVR_SEC));
    }
    return NULL;
}

static json_t *record_value(const svr_record *r) {
    json_t *fields = json_object(), *record = json_object();
    for (size_t i = 0; i < r->n; i++)
        json_object_set_new(fields, r->fields[i].key, field_value(&r->fields[i]));
    json_object_set_new(record, "title", svr_json_text(r->title ? r->title : ""));
    json_object_set_new(record, "fields", fields);
    return record;
}

/* Takes `v` over. */
static bool write_json(json_t *v, size_t flags, FILE *out) {
    bool done = v && json_dumpf(v, out, flags) == 0 && fputc('\n', out) != EOF;
    json_decref(v);
    return done;
}

bool svrd_report_json(const svr_report *report, FILE *out) {
    json_t *all = json_array();
    for (size_t i = 0; i < report->n; i++)
        json_array_append_new(all, record_value(&report->records[i]));
    return write_json(all, JSON_INDENT(2), out);
}

static bool one_text(const char *key, const char *text, FILE *out) {
    json_t *v = json_object();
    json_object_set_new(v, key, svr_json_text(text));
    return write_json(v, 0, out);
}

bool svrd_error_json(const char *message, FILE *out) {
    return one_text("error", message, out);
}
bool svrd_done_json(const char *message, FILE *out) {
    return one_text("done", message, out);
}

/* ---- lines ---------------------------------------------------------------------------------- */

typedef struct line {
    char *text;
    size_t n;
} line;

static void add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->n, SVRD_EVENT_LINE_MAX - l->n, format, args);
    va_end(args);
    if (n > 0) l->n += (size_t)n;
    if (l->n >= SVRD_EVENT_LINE_MAX) l->n = SVRD_EVENT_LINE_MAX - 1;
}

const char *svrd_event_line(const svr_event *ev, char out[SVRD_EVENT_LINE_MAX]) {
    line l = {.text = out};
    add(&l, "%s", svr_event_kind_name(ev->kind));
    if (*ev->peer) add(&l, " %s", ev->peer);
    if (*ev->path) add(&l, " [%s]", ev->path);
    add(&l, ":");
    if (ev->from && *ev->from) add(&l, " %s ->", ev->from);
    if (ev->to && *ev->to) add(&l, " %s", ev->to);
    if (ev->value) add(&l, " %llu", (unsigned long long)ev->value);
    if (ev->reason && *ev->reason) add(&l, " (%s)", ev->reason);
    if (*ev->detail) add(&l, " %s", ev->detail);
    return out;
}

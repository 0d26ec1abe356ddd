/* SPDX-License-Identifier: MIT */
#include "ops/report.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 16
#define VALUE_TEXT_MAX 48

/* Copied texts: a chain of chunks, so that pointers stay valid while the report grows. */
typedef struct chunk {
    struct chunk *next;
    size_t used, size;
    char bytes[];
} chunk;

struct svr_report_builder {
    const svr_allocator *alloc;
    bool failed;
    chunk *texts;
    svr_record *records;
    size_t n_records, records_size;
    svr_field *fields;
    size_t n_fields, fields_size;
    const char *note; /* below a table; NULL: none */
    size_t rule;      /* width of rules around titles; 0: by the title */
    char *text;
    size_t text_len, text_size;
    svr_report report;
};

svr_report_builder *svr_report_builder_new(const svr_allocator *alloc) {
    svr_report_builder *b = svr_alloc_zero(alloc, 1, sizeof *b);
    if (b) b->alloc = alloc;
    return b;
}

void svr_report_reset(svr_report_builder *b) {
    for (chunk *c = b->texts, *next; c; c = next) {
        next = c->next;
        svr_alloc_free(b->alloc, c);
    }
    b->texts = NULL;
    b->note = NULL;
    b->n_records = b->n_fields = b->text_len = b->rule = 0;
    b->failed = false;
}

void svr_report_builder_del(svr_report_builder *b) {
    if (!b) return;
    svr_report_reset(b);
    svr_alloc_free(b->alloc, b->records);
    svr_alloc_free(b->alloc, b->fields);
    svr_alloc_free(b->alloc, b->text);
    svr_alloc_free(b->alloc, b);
}

/* Makes room for one more element; the array may move. */
static bool room(svr_report_builder *b, void **array, size_t n, size_t *size, size_t each) {
    if (n < *size) return true;
    size_t more = *size ? *size * 2 : 32;
    void *p = svr_alloc_resize(b->alloc, *array, more, each);
    if (!p) {
        b->failed = true;
        return false;
    }
    *array = p;
    *size = more;
    return true;
}

static const char *copy(svr_report_builder *b, const char *text) {
    size_t n = strlen(text) + 1;
    if (!b->texts || b->texts->size - b->texts->used < n) {
        size_t size = n > 1024 ? n : 1024;
        chunk *c = svr_alloc_resize(b->alloc, NULL, 1, sizeof *c + size);
        if (!c) {
            b->failed = true;
            return "";
        }
        *c = (chunk){.next = b->texts, .size = size};
        b->texts = c;
    }
    char *p = b->texts->bytes + b->texts->used;
    memcpy(p, text, n);
    b->texts->used += n;
    return p;
}

void svr_report_record(svr_report_builder *b, const char *title) {
    if (!room(b, (void **)&b->records, b->n_records, &b->records_size, sizeof *b->records)) return;
    b->records[b->n_records++] = (svr_record){.title = copy(b, title)};
}

static void add(svr_report_builder *b, svr_field field) {
    if (!b->n_records || !room(b, (void **)&b->fields, b->n_fields, &b->fields_size, sizeof *b->fields))
        return;
    b->fields[b->n_fields++] = field;
    b->records[b->n_records - 1].n++;
}

void svr_report_text_field(svr_report_builder *b, const char *label, const char *key, const char *text) {
    add(b, (svr_field){.label = label, .key = key, .type = SVR_FIELD_TEXT, .text = copy(b, text)});
}
void svr_report_number(svr_report_builder *b, const char *label, const char *key, uint64_t number) {
    add(b, (svr_field){.label = label, .key = key, .type = SVR_FIELD_NUMBER, .number = number});
}
void svr_report_flag(svr_report_builder *b, const char *label, const char *key, bool flag) {
    add(b, (svr_field){.label = label, .key = key, .type = SVR_FIELD_FLAG, .flag = flag});
}

void svr_report_span(svr_report_builder *b, const char *label, const char *key, svr_duration span) {
    add(b, (svr_field){.label = label, .key = key, .type = SVR_FIELD_SPAN, .span = span});
}

void svr_report_place(svr_report_builder *b, svr_field_place place) {
    if (b->n_fields) b->fields[b->n_fields - 1].place = place;
}

void svr_report_note(svr_report_builder *b, const char *note) {
    b->note = copy(b, note);
}

void svr_report_rule(svr_report_builder *b, size_t width) {
    b->rule = width;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void append(svr_report_builder *b, const char *s, size_t n) {
    while (b->text_size - b->text_len < n + 1) {
        size_t more = b->text_size ? b->text_size * 2 : 1024;
        char *p = svr_alloc_resize(b->alloc, b->text, more, 1);
        if (!p) {
            b->failed = true;
            return;
        }
        b->text = p;
        b->text_size = more;
    }
    memcpy(b->text + b->text_len, s, n);
    b->text_len += n;
    b->text[b->text_len] = 0;
}

static void append_text(svr_report_builder *b, const char *s) {
    append(b, s, strlen(s));
}

static void append_fill(svr_report_builder *b, char c, size_t n) {
    for (size_t i = 0; i < n; i++)
        append(b, &c, 1);
}

static const char *span_text(svr_duration span, char text[VALUE_TEXT_MAX]) {
    unsigned long long s = span / SVR_SEC;
    if (span == SVR_TIME_NEVER) return "never";
    snprintf(text, VALUE_TEXT_MAX, "%llu hrs %llu min %llu sec", s / 3600, s / 60 % 60, s % 60);
    return text;
}

static const char *value_of(const svr_field *f, char text[VALUE_TEXT_MAX]) {
    switch (f->type) {
    case SVR_FIELD_TEXT: return f->text;
    case SVR_FIELD_FLAG: return f->flag ? "True" : "False";
    case SVR_FIELD_NUMBER: snprintf(text, VALUE_TEXT_MAX, "%llu", (unsigned long long)f->number); return text;
    case SVR_FIELD_SPAN: return span_text(f->span, text);
    }
    return "";
}

/* Fields were appended in order: each record's are the next ones. */
static void place_fields(svr_report_builder *b) {
    size_t at = 0;
    for (size_t i = 0; i < b->n_records; i++) {
        b->records[i].fields = b->fields + at;
        at += b->records[i].n;
    }
}

static const svr_report *finish(svr_report_builder *b) {
    append_text(b, "");
    if (b->failed) return NULL;
    b->report = (svr_report){.records = b->records, .n = b->n_records, .text = b->text};
    return &b->report;
}

static void append_title(svr_report_builder *b, const char *title) {
    size_t width = b->rule ? b->rule : strlen(title) + 2;
    append_fill(b, '=', width);
    append_text(b, "\n");
    append_text(b, title);
    append_text(b, "\n");
    append_fill(b, '=', width);
    append_text(b, "\n");
}

static void append_field(svr_report_builder *b, const svr_field *f) {
    char text[VALUE_TEXT_MAX];
    if (f->place == SVR_PLACE_PARENTHESIS) {
        append_text(b, " (");
        append_text(b, value_of(f, text));
        append_text(b, ")");
        return;
    }
    if (f->place == SVR_PLACE_JOINED) append_text(b, ", ");
    append_text(b, f->label);
    append_text(b, ": ");
    append_text(b, value_of(f, text));
}

static void append_fields(svr_report_builder *b, const svr_record *r) {
    for (size_t i = 0; i < r->n; i++) {
        append_field(b, &r->fields[i]);
        if (i + 1 == r->n || r->fields[i + 1].place == SVR_PLACE_LINE) append_text(b, "\n");
    }
}

const svr_report *svr_report_blocks(svr_report_builder *b) {
    place_fields(b);
    for (size_t i = 0; i < b->n_records; i++) {
        if (i) append_text(b, "\n\n");
        append_title(b, b->records[i].title);
        append_fields(b, &b->records[i]);
    }
    return finish(b);
}

const svr_report *svr_report_lines(svr_report_builder *b) {
    place_fields(b);
    for (size_t i = 0; i < b->n_records; i++) {
        if (i) append_text(b, "\n");
        append_fields(b, &b->records[i]);
    }
    return finish(b);
}

static void measure(const svr_report_builder *b, size_t columns, size_t width[COLUMNS_MAX]) {
    char number[VALUE_TEXT_MAX];
    for (size_t c = 0; c < columns; c++)
        width[c] = strlen(b->records[0].fields[c].label);
    for (size_t i = 0; i < b->n_records; i++) {
        for (size_t c = 0; c < columns && c < b->records[i].n; c++) {
            size_t n = strlen(value_of(&b->records[i].fields[c], number));
            if (n > width[c]) width[c] = n;
        }
    }
}

static void append_cell(svr_report_builder *b, const char *text, size_t width, bool last) {
    append_text(b, text);
    if (last)
        append_text(b, "\n");
    else
        append_fill(b, ' ', width - strlen(text) + 1);
}

static void append_rule(svr_report_builder *b, size_t columns, const size_t *width) {
    for (size_t c = 0; c < columns; c++) {
        append_fill(b, '=', width[c]);
        append_text(b, c + 1 == columns ? "\n" : " ");
    }
}

const svr_report *svr_report_table(svr_report_builder *b) {
    char number[VALUE_TEXT_MAX];
    size_t width[COLUMNS_MAX];
    place_fields(b);
    size_t columns = b->n_records ? b->records[0].n : 0;
    if (columns > COLUMNS_MAX) columns = COLUMNS_MAX;
    if (columns) {
        measure(b, columns, width);
        append_rule(b, columns, width);
        for (size_t c = 0; c < columns; c++)
            append_cell(b, b->records[0].fields[c].label, width[c], c + 1 == columns);
        append_rule(b, columns, width);
    }
    for (size_t i = 0; i < b->n_records; i++)
        for (size_t c = 0; c < columns && c < b->records[i].n; c++)
            append_cell(b, value_of(&b->records[i].fields[c], number), width[c], c + 1 == columns);
    if (b->note) {
        append_text(b, b->note);
        append_text(b, "\n");
    }
    return finish(b);
}

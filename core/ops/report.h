/* SPDX-License-Identifier: MIT
 * Builds svr_report: records with fields, and from them the text that an operator reads. */
#ifndef SVR_OPS_REPORT_H
#define SVR_OPS_REPORT_H

#include "svr/show.h"

typedef struct svr_report_builder svr_report_builder;

/* NULL when memory is short. A builder that runs out of memory later stays usable; its report says so by
 * being NULL. */
svr_report_builder *svr_report_builder_new(const svr_allocator *alloc);
void svr_report_builder_del(svr_report_builder *b);
/* Forgets everything, for the next report. */
void svr_report_reset(svr_report_builder *b);

/* Starts a record; `title` is copied. The fields that follow belong to it. Labels and keys must be static,
 * texts are copied. */
void svr_report_record(svr_report_builder *b, const char *title);
void svr_report_text_field(svr_report_builder *b, const char *label, const char *key, const char *text);
void svr_report_number(svr_report_builder *b, const char *label, const char *key, uint64_t number);
void svr_report_flag(svr_report_builder *b, const char *label, const char *key, bool flag);
/* "2 hrs 3 min 4 sec", as the spec's samples write a span; "never" for SVR_TIME_NEVER. */
void svr_report_span(svr_report_builder *b, const char *label, const char *key, svr_duration span);
/* Where the field added last goes in a block; without this, on a line of its own. */
void svr_report_place(svr_report_builder *b, svr_field_place place);
/* A line below a table, for people alone: records and JSON do not have it. Copied. Until the next reset. */
void svr_report_note(svr_report_builder *b, const char *note);
/* How long the rules around titles are; without this, two more than the title. Until the next reset. */
void svr_report_rule(svr_report_builder *b, size_t width);

/* The report with its text: a block a record (title between rules, then "Label: value" lines). Owned by the
 * builder, valid until the next reset. NULL when memory ran out. */
const svr_report *svr_report_blocks(svr_report_builder *b);
/* The same without titles, an empty line between records. */
const svr_report *svr_report_lines(svr_report_builder *b);
/* The same as a table: labels of the first record as heads, a row a record. */
const svr_report *svr_report_table(svr_report_builder *b);

#endif

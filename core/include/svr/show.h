/* SPDX-License-Identifier: MIT
 * Reports: what `show` commands print. The core fills records and lays out the text in the form of the spec's
 * samples; a host that wants JSON walks the records instead. */
#ifndef SVR_SHOW_H
#define SVR_SHOW_H

#include "svr/base.h"

typedef enum svr_field_type {
    SVR_FIELD_TEXT,
    SVR_FIELD_NUMBER,
    SVR_FIELD_FLAG,
    SVR_FIELD_SPAN
} svr_field_type;

/* Where the text form puts a field of a block; records and JSON have them all alike. */
typedef enum svr_field_place {
    SVR_PLACE_LINE,        /* on a line of its own */
    SVR_PLACE_JOINED,      /* on the line of the field before, after ", " */
    SVR_PLACE_PARENTHESIS, /* the same, without label: " (value)" */
} svr_field_place;

typedef struct svr_field {
    const char *label; /* as the text form shows it, e.g. "Peer Ki" */
    const char *key;   /* as JSON shows it, e.g. "peerKi" */
    svr_field_type type;
    svr_field_place place;
    const char *text; /* SVR_FIELD_TEXT */
    uint64_t number;  /* SVR_FIELD_NUMBER */
    bool flag;        /* SVR_FIELD_FLAG */
    svr_duration
        span; /* SVR_FIELD_SPAN; SVR_TIME_NEVER: never. Hours, minutes, seconds as text; seconds in JSON */
} svr_field;

typedef struct svr_record {
    const char *title;
    const svr_field *fields;
    size_t n;
} svr_record;

typedef struct svr_report {
    const svr_record *records;
    size_t n;
    const char *text; /* the whole report as an operator reads it, NUL-terminated */
} svr_report;

#endif

/* SPDX-License-Identifier: MIT
 * The words of the configuration language: which stand where, and what values they take. One table; the
 * parser, the error messages and the reference in docs/configuration.md follow it. */
#ifndef SVR_CONFIG_SCHEMA_H
#define SVR_CONFIG_SCHEMA_H

#include "svr/base.h"

#define SVR_SCHEMA_KEYS_MAX 2

typedef enum svr_schema_kind { SVR_SCHEMA_LEAF, SVR_SCHEMA_BLOCK } svr_schema_kind;

typedef enum svr_value_type {
    SVR_VALUE_NAME,   /* 1 to SVR_NAME_MAX characters without blanks */
    SVR_VALUE_TEXT,   /* anything, quoted when it has blanks */
    SVR_VALUE_BOOL,   /* true, false */
    SVR_VALUE_NUMBER, /* min..max */
    SVR_VALUE_NUMBER_OR_NEVER,
    SVR_VALUE_CHOICE, /* one of `choices` */
    SVR_VALUE_ADDRESS,
    SVR_VALUE_ADDRESS_OR_ANY,
    SVR_VALUE_PREFIX, /* address/length, or an address alone */
} svr_value_type;

typedef struct svr_schema {
    const char *word;
    svr_schema_kind kind;
    svr_value_type type; /* of a leaf's value, or of a block's keys */
    uint32_t min, max;
    const char *unit;                  /* for messages: "seconds", or NULL */
    const char *const *choices;        /* NULL-terminated */
    bool repeats;                      /* a leaf that may stand more than once */
    uint8_t keys;                      /* of a block: words that follow it; blocks of equal keys are one */
    const struct svr_schema *children; /* of a block; ends with a NULL word */
} svr_schema;

/* What may stand at the top of a text. */
extern const svr_schema svr_schema_root;

/* The child with this word, or NULL. */
const svr_schema *svr_schema_find(const svr_schema *block, const char *word, size_t len);
/* "5-3600 seconds", "true or false", ...: what a value of this type may be. */
void svr_schema_allowed(const svr_schema *leaf, char *out, size_t size);
/* Whether `text` is a value of the leaf's type. */
bool svr_schema_check(const svr_schema *leaf, const char *text);

#endif

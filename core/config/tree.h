/* SPDX-License-Identifier: MIT
 * From text to a tree of blocks and values, each checked against the schema and knowing where it stood.
 * Blocks of the same word and keys in the same place are one; a value that stands twice counts as last
 * written, and where several may stand, equal ones are one. */
#ifndef SVR_CONFIG_TREE_H
#define SVR_CONFIG_TREE_H

#include "base/arena.h"
#include "config/schema.h"
#include "svr/config.h"

typedef struct svr_place {
    uint32_t line, column;
} svr_place;

typedef struct svr_tree {
    const svr_schema *schema;
    svr_place place;       /* of the word */
    svr_place value_place; /* of the value, or of the first key */
    const char *value;     /* of a leaf */
    const char *keys[SVR_SCHEMA_KEYS_MAX];
    struct svr_tree *first, *last; /* children, in order */
    struct svr_tree *next;
    struct svr_tree *parent;
} svr_tree;

/* Reads a whole text. NULL with `err` filled, or (memory) with arena->failed. */
svr_tree *svr_tree_parse(svr_arena *arena, const char *text, size_t len, svr_config_error *err);

/* The first child with this word; the next one after `after`. NULL: none. */
const svr_tree *svr_tree_child(const svr_tree *block, const char *word);
const svr_tree *svr_tree_next(const svr_tree *after);
/* The child block with this word and first key, or NULL. */
const svr_tree *svr_tree_find(const svr_tree *block, const char *word, const char *key);
size_t svr_tree_count(const svr_tree *block, const char *word);
/* The value of a leaf; `fallback` when it is absent. */
const char *svr_tree_value(const svr_tree *block, const char *word, const char *fallback);
/* The value as a number. It was checked when it was read. */
uint32_t svr_tree_number(const svr_tree *block, const char *word, uint32_t fallback);
bool svr_tree_bool(const svr_tree *block, const char *word, bool fallback);

/* Fills `err` with a place and a message made like printf. Always false. */
bool svr_config_fail(svr_config_error *err, svr_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/* SPDX-License-Identifier: MIT */
#include "config/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8   /* on one line */
#define SUGGEST_MAX 3 /* edits between a wrong word and the suggested one */
#define WORD_LEN_MAX 64
#define SHOWN_MAX 40 /* characters of a wrong word that a message shows */
#define LIST_MAX 110 /* of a block's words */
#define ALLOWED_MAX 120

/* One word of a line. */
typedef struct token {
    const char *p;
    size_t len;
    svr_place place;
} token;

typedef struct parser {
    svr_arena *arena;
    svr_config_error *err;
    const char *p, *end;
    uint32_t line;
    const char *line_start;
    svr_tree *root, *block; /* the innermost open block */
    token words[WORDS_MAX];
    size_t n;
} parser;

bool svr_config_fail(svr_config_error *err, svr_place at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    err->line = at.line;
    err->column = at.column;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return false;
}

/* ---- words ---------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* A character that no text has, and that a terminal would obey. */
static bool is_control(char c) {
    return ((unsigned char)c < 0x20 && !is_blank(c)) || c == 0x7f;
}

static svr_place place_of(const parser *ps, const char *p) {
    return (svr_place){ps->line, (uint32_t)(p - ps->line_start) + 1};
}

/* Reads up to the closing quote, which must be on the same line. */
static bool read_quoted(parser *ps, token *w) {
    const char *open = ps->p++;
    w->p = ps->p;
    while (ps->p < ps->end && *ps->p != '"' && *ps->p != '\n')
        ps->p++;
    if (ps->p == ps->end || *ps->p != '"')
        return svr_config_fail(ps->err, place_of(ps, open),
                               "the quote is not closed on its line; expected: \"");
    w->len = (size_t)(ps->p++ - w->p);
    return true;
}

static bool read_word(parser *ps) {
    token w = {.p = ps->p, .place = place_of(ps, ps->p)};
    if (ps->n == WORDS_MAX)
        return svr_config_fail(ps->err, w.place, "more than %d words on a line", WORDS_MAX);
    if (*ps->p == '"') {
        if (!read_quoted(ps, &w)) return false;
    } else {
        while (ps->p < ps->end && !is_blank(*ps->p) && *ps->p != '\n')
            ps->p++;
        w.len = (size_t)(ps->p - w.p);
    }
    ps->words[ps->n++] = w;
    return true;
}

/* Noise is refused wherever it stands, so that a file of something else does not pass for a long comment. */
static bool check_text(parser *ps) {
    for (const char *p = ps->line_start; p < ps->end && *p != '\n'; p++)
        if (is_control(*p))
            return svr_config_fail(ps->err, place_of(ps, p), "control character 0x%02x; expected: text",
                                   (unsigned)*p);
    return true;
}

/* Reads the next line into `words`; comments run from # to its end. */
static bool read_line(parser *ps) {
    ps->n = 0;
    ps->line++;
    ps->line_start = ps->p;
    if (!check_text(ps)) return false;
    while (ps->p < ps->end && *ps->p != '\n') {
        if (is_blank(*ps->p))
            ps->p++;
        else if (*ps->p == '#')
            ps->p = memchr(ps->p, '\n', (size_t)(ps->end - ps->p));
        else if (!read_word(ps))
            return false;
        if (!ps->p) ps->p = ps->end;
    }
    if (ps->p < ps->end) ps->p++;
    return true;
}

/* ---- messages ------------------------------------------------------------------------------- */

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edits that turn one word into the other (Levenshtein). */
static size_t distance(const char *a, size_t an, const char *b) {
    size_t row[WORD_LEN_MAX + 1], bn = strlen(b);
    if (an > WORD_LEN_MAX || bn > WORD_LEN_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t up = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
            corner = up;
        }
    }
    return row[bn];
}

/* The word meant by a wrong one: the nearest within half of its length, in the innermost block or, since
 * their words may stand there too, in those around it. */
static const char *suggest(const svr_tree *innermost, const token *w) {
    const char *best = NULL;
    size_t best_distance = (w->len < 2 * SUGGEST_MAX ? w->len / 2 : SUGGEST_MAX) + 1;
    for (const svr_tree *b = innermost; b; b = b->parent) {
        for (const svr_schema *s = b->schema->children; s->word; s++) {
            size_t d = distance(w->p, w->len, s->word);
            if (d >= best_distance) continue;
            best = s->word;
            best_distance = d;
        }
    }
    return distance(w->p, w->len, "exit") < best_distance ? "exit" : best;
}

/* The words of a block; as many as fit, then dots. */
static void list_words(const svr_schema *block, char *out, size_t size) {
    size_t n = 0;
    for (const svr_schema *s = block->children; s->word; s++) {
        size_t dots = s[1].word ? sizeof ", ..." - 1 : 0;
        if (n + strlen(", ") + strlen(s->word) + dots >= size) {
            snprintf(out + n, size - n, ", ...");
            return;
        }
        n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", s->word);
    }
}

/* A word as messages show it: short. */
static const char *shown(const token *w, char out[SHOWN_MAX + 1]) {
    size_t n = w->len < SHOWN_MAX ? w->len : SHOWN_MAX;
    memcpy(out, w->p, n);
    out[n] = 0;
    return out;
}

static bool fail_unknown(parser *ps, const token *w) {
    const svr_schema *block = ps->block->schema;
    const char *meant = suggest(ps->block, w);
    char word[SHOWN_MAX + 1], list[LIST_MAX];
    list_words(block, list, sizeof list);
    return svr_config_fail(ps->err, w->place, "unknown word \"%s\" in %s; %s%s%sallowed: %s", shown(w, word),
                           block->word, meant ? "did you mean " : "", meant ? meant : "", meant ? "? " : "",
                           list);
}

static bool is_digits(const token *w) {
    for (size_t i = 0; i < w->len; i++)
        if (w->p[i] < '0' || w->p[i] > '9') return false;
    return w->len > 0;
}

static bool fail_value(parser *ps, const svr_schema *s, const token *w) {
    char allowed[ALLOWED_MAX], word[SHOWN_MAX + 1];
    svr_schema_allowed(s, allowed, sizeof allowed);
    if (!w)
        return svr_config_fail(ps->err, ps->words[0].place, "%s needs a value; allowed: %s", s->word,
                               allowed);
    bool number = s->type == SVR_VALUE_NUMBER || s->type == SVR_VALUE_NUMBER_OR_NEVER;
    const char *fault = !number ? "not a valid value" : is_digits(w) ? "out of range" : "not a number";
    return svr_config_fail(ps->err, w->place, "%s: %s is %s; allowed: %s", s->word, shown(w, word), fault,
                           allowed);
}

/* ---- the tree ------------------------------------------------------------------------------- */

static svr_tree *add_child(parser *ps, const svr_schema *schema, svr_place place) {
    svr_tree *t = svr_arena_get(ps->arena, 1, sizeof *t);
    if (!t) return NULL;
    t->schema = schema;
    t->place = place;
    t->parent = ps->block;
    if (ps->block->last)
        ps->block->last->next = t;
    else
        ps->block->first = t;
    ps->block->last = t;
    return t;
}

/* The child that a line written again means: the same leaf, of those that repeat the one with this value, or
 * the block of the same keys. */
static svr_tree *find_same(const svr_tree *block, const svr_schema *schema, const char *const *words) {
    for (svr_tree *t = block->first; t; t = t->next) {
        bool same = t->schema == schema && (!schema->repeats || strcmp(t->value, words[0]) == 0);
        for (size_t i = 0; same && i < schema->keys; i++)
            same = strcmp(t->keys[i], words[i]) == 0;
        if (same) return t;
    }
    return NULL;
}

/* The word's text, checked against the schema; NULL on failure. */
static const char *take_value(parser *ps, const svr_schema *s, size_t at) {
    if (at >= ps->n) {
        fail_value(ps, s, NULL);
        return NULL;
    }
    const char *text = svr_arena_text(ps->arena, ps->words[at].p, ps->words[at].len);
    if (!text || svr_schema_check(s, text)) return text;
    fail_value(ps, s, &ps->words[at]);
    return NULL;
}

static bool no_more_words(parser *ps, const svr_schema *s, size_t n) {
    if (ps->n == n) return true;
    return svr_config_fail(ps->err, ps->words[n].place, "%s takes %zu word%s behind it, not more", s->word,
                           n - 1, n == 2 ? "" : "s");
}

static bool take_leaf(parser *ps, const svr_schema *s) {
    const char *value = take_value(ps, s, 1);
    if (!value || !no_more_words(ps, s, 2)) return false;
    bool is_name = strcmp(s->word, "name") == 0 && ps->block->schema->keys == 1;
    if (is_name && strcmp(value, ps->block->keys[0]) != 0)
        return svr_config_fail(ps->err, ps->words[1].place,
                               "name: \"%s\" does not repeat the block's own name; allowed: %s", value,
                               ps->block->keys[0]);
    svr_tree *t = find_same(ps->block, s, &value);
    if (!t) t = add_child(ps, s, ps->words[0].place);
    if (!t) return false;
    t->value = value;
    t->value_place = ps->words[1].place;
    return true;
}

static bool take_block(parser *ps, const svr_schema *s) {
    const char *keys[SVR_SCHEMA_KEYS_MAX] = {0};
    for (size_t i = 0; i < s->keys; i++)
        if (!(keys[i] = take_value(ps, s, i + 1))) return false;
    if (!no_more_words(ps, s, s->keys + 1u)) return false;
    svr_tree *t = find_same(ps->block, s, keys);
    if (!t) {
        t = add_child(ps, s, ps->words[0].place);
        if (!t) return false;
        memcpy(t->keys, keys, sizeof keys);
        t->value_place = ps->words[s->keys ? 1 : 0].place;
    }
    ps->block = t;
    return true;
}

/* The innermost open block in which the word may stand: the blocks inside it end without `exit`, as in the
 * spec's samples. */
static const svr_schema *find_word(parser *ps, const token *w) {
    for (svr_tree *b = ps->block; b; b = b->parent) {
        const svr_schema *s = svr_schema_find(b->schema, w->p, w->len);
        if (!s) continue;
        ps->block = b;
        return s;
    }
    return NULL;
}

static bool take_exit(parser *ps) {
    if (ps->n > 1) return svr_config_fail(ps->err, ps->words[1].place, "exit takes no word behind it");
    if (!ps->block->parent)
        return svr_config_fail(ps->err, ps->words[0].place,
                               "exit without an open block; allowed: config, authority");
    ps->block = ps->block->parent;
    return true;
}

static bool take_line(parser *ps) {
    const token *w = &ps->words[0];
    if (ps->n == 0) return true;
    if (w->len == 4 && memcmp(w->p, "exit", 4) == 0) return take_exit(ps);
    const svr_schema *s = find_word(ps, w);
    if (!s) return fail_unknown(ps, w);
    return s->kind == SVR_SCHEMA_LEAF ? take_leaf(ps, s) : take_block(ps, s);
}

svr_tree *svr_tree_parse(svr_arena *arena, const char *text, size_t len, svr_config_error *err) {
    svr_tree *root = svr_arena_get(arena, 1, sizeof *root);
    if (!root) return NULL;
    root->schema = &svr_schema_root;
    parser ps = {.arena = arena, .err = err, .p = text, .end = text + len, .root = root, .block = root};
    while (ps.p < ps.end)
        if (!read_line(&ps) || !take_line(&ps)) return NULL;
    if (!root->first) {
        svr_config_fail(err, (svr_place){1, 1}, "nothing is configured here; expected: config or authority");
        return NULL;
    }
    return root;
}

/* ---- questions ------------------------------------------------------------------------------ */

const svr_tree *svr_tree_child(const svr_tree *block, const char *word) {
    for (const svr_tree *t = block ? block->first : NULL; t; t = t->next)
        if (strcmp(t->schema->word, word) == 0) return t;
    return NULL;
}

const svr_tree *svr_tree_next(const svr_tree *after) {
    for (const svr_tree *t = after->next; t; t = t->next)
        if (t->schema == after->schema) return t;
    return NULL;
}

const svr_tree *svr_tree_find(const svr_tree *block, const char *word, const char *key) {
    const svr_tree *t = svr_tree_child(block, word);
    while (t && strcmp(t->keys[0], key) != 0)
        t = svr_tree_next(t);
    return t;
}

size_t svr_tree_count(const svr_tree *block, const char *word) {
    size_t n = 0;
    for (const svr_tree *t = svr_tree_child(block, word); t; t = svr_tree_next(t))
        n++;
    return n;
}

const char *svr_tree_value(const svr_tree *block, const char *word, const char *fallback) {
    const svr_tree *t = svr_tree_child(block, word);
    return t ? t->value : fallback;
}

uint32_t svr_tree_number(const svr_tree *block, const char *word, uint32_t fallback) {
    const char *v = svr_tree_value(block, word, NULL);
    return v ? (uint32_t)strtoul(v, NULL, 10) : fallback;
}

bool svr_tree_bool(const svr_tree *block, const char *word, bool fallback) {
    const char *v = svr_tree_value(block, word, NULL);
    return v ? v[0] == 't' : fallback;
}

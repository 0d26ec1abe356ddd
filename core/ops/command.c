/* SPDX-License-Identifier: MIT */
#include "ops/command.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS_MAX 9

/* ---- words ---------------------------------------------------------------------------------- */

bool svr_command_split(svr_command *c, const char *text) {
    *c = (svr_command){0};
    if (!svr_strcpy(c->text, sizeof c->text, text)) return false;
    for (char *p = c->text; *p;) {
        if (*p == ' ') {
            *p++ = 0;
            continue;
        }
        if (c->n == SVR_COMMAND_WORDS_MAX) return false;
        c->words[c->n++] = p;
        p += strcspn(p, " ");
    }
    return true;
}

/* The word of a pattern at `*at`, which moves past it; its length is 0 at the end. */
static const char *next_word(const char **at, size_t *len) {
    const char *word = *at + strspn(*at, " ");
    *len = strcspn(word, " ");
    *at = word + *len;
    return word;
}

static bool is_place(const char *word) {
    return word[0] >= 'A' && word[0] <= 'Z';
}

static bool is_number(const char *word) {
    size_t n = strspn(word, "0123456789");
    return n && n <= NUMBER_DIGITS_MAX && !word[n];
}

static bool fits(const char *pattern, size_t len, const char *word) {
    if (!is_place(pattern)) return strlen(word) == len && memcmp(pattern, word, len) == 0;
    return (len == 1 && pattern[0] == 'N') ? is_number(word) : true;
}

/* How many leading words of the command fit the pattern. `*rest` is what the pattern goes on with. */
static size_t count_fitting(const svr_command *c, const char *pattern, const char **rest) {
    size_t k = 0, len;
    for (*rest = pattern; k < c->n; k++) {
        const char *at = *rest, *word = next_word(&at, &len);
        if (!len || !fits(word, len, c->words[k])) break;
        *rest = at;
    }
    return k;
}

/* ---- matching ------------------------------------------------------------------------------- */

static void take_args(svr_command *c, const char *pattern) {
    size_t len;
    c->n_args = 0;
    for (size_t i = 0; i < c->n; i++)
        if (is_place(next_word(&pattern, &len))) c->args[c->n_args++] = c->words[i];
}

void svr_word_list_add(svr_word_list *list, const char *word) {
    char *message = list->err->message;
    size_t used = strlen(message), left = sizeof list->err->message - used;
    const char *comma = list->n++ ? ", " : "";
    if (list->full) return;
    list->full = strlen(comma) + strlen(word) + sizeof ", ..." > left;
    snprintf(message + used, left, "%s%s", comma, list->full ? "..." : word);
}

/* Where the command left the patterns: after `k` words, in those that fit so far. */
static void list_next(const svr_command *c, const char *const *patterns, size_t n, size_t k, svr_error *err) {
    svr_word_list list = {.err = err};
    bool end = false;
    char word[SVR_NAME_MAX + 1], last[SVR_NAME_MAX + 1] = "";
    for (size_t i = 0; i < n; i++) {
        const char *rest;
        size_t len;
        if (count_fitting(c, patterns[i], &rest) != k) continue;
        const char *next = next_word(&rest, &len);
        end |= !len;
        snprintf(word, sizeof word, "%.*s", (int)len, next);
        if (len && strcmp(word, last) != 0) svr_word_list_add(&list, word);
        memcpy(last, word, sizeof last);
    }
    if (end) svr_word_list_add(&list, list.n ? "or nothing" : "nothing");
}

static void append(svr_error *err, const char *before, const char *text, const char *after) {
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, "%s%.60s%s", before, text, after);
}

static void explain(const svr_command *c, const char *const *patterns, size_t n, size_t k, svr_error *err) {
    err->message[0] = 0;
    if (k < c->n)
        append(err, "unknown word \"", c->words[k], "\"");
    else
        append(err, "the command is not complete", "", "");
    for (size_t i = 0; i < k; i++)
        append(err, i ? " " : " after \"", c->words[i], i + 1 == k ? "\"" : "");
    append(err, "; there may be: ", "", "");
    list_next(c, patterns, n, k, err);
}

int svr_command_match(svr_command *c, const char *const *patterns, size_t n, svr_error *err) {
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        const char *rest;
        size_t k = count_fitting(c, patterns[i], &rest);
        if (k > best) best = k;
        if (k < c->n || *rest) continue;
        take_args(c, patterns[i]);
        return (int)i;
    }
    explain(c, patterns, n, best, err);
    return -1;
}

/* SPDX-License-Identifier: MIT
 * Commands as words. A pattern such as "show events N" is made of words to be said as they stand and, in
 * capital letters, of places for the operator's own: N takes a number, any other name one word. */
#ifndef SVR_OPS_COMMAND_H
#define SVR_OPS_COMMAND_H

#include "svr/node.h"

#define SVR_COMMAND_TEXT_MAX 512
#define SVR_COMMAND_WORDS_MAX 8

typedef struct svr_command {
    char text[SVR_COMMAND_TEXT_MAX];          /* the words, each closed by NUL */
    const char *words[SVR_COMMAND_WORDS_MAX]; /* into `text` */
    size_t n;
    const char *args[SVR_COMMAND_WORDS_MAX]; /* what stands in the places of the pattern that matched */
    size_t n_args;
} svr_command;

/* Splits `text` at blanks. False when it has too many words or bytes for any command. */
bool svr_command_split(svr_command *c, const char *text);
/* The index of the first of the `n` patterns that fits, with the arguments set. -1 when none does: `err` then
 * says at which word the command leaves the patterns, and what may stand there. */
int svr_command_match(svr_command *c, const char *const *patterns, size_t n, svr_error *err);

/* Appends "A, B, C" piece by piece to err->message: ", " comes before all but the first. What does not fit
 * any more becomes "...". */
typedef struct svr_word_list {
    svr_error *err;
    size_t n;
    bool full;
} svr_word_list;
void svr_word_list_add(svr_word_list *list, const char *word);

#endif

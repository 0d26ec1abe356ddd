/* SPDX-License-Identifier: MIT
 * Whole files in memory. */
#ifndef SVRD_FILE_H
#define SVRD_FILE_H

#include "svr/node.h"

#define SVRD_FILE_MAX (16u << 20) /* bytes; a longer file is refused */

typedef struct svrd_text {
    char *bytes; /* closed by NUL; NULL: no text */
    size_t len;
} svrd_text;

/* Appends a file to `text`. 0, or -1 with `err` filled and `text` unchanged. */
int svrd_text_read(svrd_text *text, const char *path, svr_error *err);
/* Wipes and frees: a text may hold a private key. */
void svrd_text_fini(svrd_text *text);

/* `name` as seen from the folder of the file `beside`, plus `suffix`; heap, or NULL when memory is short. */
char *svrd_path_beside(const char *beside, const char *name, const char *suffix);

#endif

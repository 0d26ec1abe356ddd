/* SPDX-License-Identifier: MIT
 * How the parts of svrd say what went wrong: one sentence that names the thing and the way out. */
#ifndef SVRD_FAIL_H
#define SVRD_FAIL_H

#include "svr/node.h"

/* Writes the sentence into `err` and returns -1. */
int svrd_fail(svr_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a system call that set `error` (an errno): appends its text, and for a lack of rights which
 * capability `cap` would help. */
int svrd_fail_errno(svr_error *err, int error, const char *cap, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif

/* SPDX-License-Identifier: MIT */
#include "svrd/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int svrd_fail(svr_error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return -1;
}

int svrd_fail_errno(svr_error *err, int error, const char *cap, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof err->message) return -1;
    char *end = err->message + n;
    size_t room = sizeof err->message - (size_t)n;
    if (cap && (error == EPERM || error == EACCES))
        snprintf(end, room, ": %s; run svrd as root or with the capability %s", strerror(error), cap);
    else
        snprintf(end, room, ": %s", strerror(error));
    return -1;
}

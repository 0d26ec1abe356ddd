/* SPDX-License-Identifier: MIT */
#include "common/beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool svr_program_beside(const char *name, char *out, size_t size) {
    ssize_t n = readlink("/proc/self/exe", out, size);
    if (n <= 0 || (size_t)n >= size) return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    char *end = slash ? slash + 1 : out;
    size_t room = size - (size_t)(end - out);
    if ((size_t)snprintf(end, room, "%s", name) >= room) return false;
    if (access(out, X_OK) == 0) return true;
    return (size_t)snprintf(end, room, "../sbin/%s", name) < room;
}

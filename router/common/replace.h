/* SPDX-License-Identifier: MIT
 * Writes whole files: a reader sees the old one or the new one, never a piece, whatever happens meanwhile. */
#ifndef SVR_REPLACE_H
#define SVR_REPLACE_H

#include <stddef.h>
#include <sys/types.h>

/* Writes `text` into a new file with these rights, to the disk, and gives it the name `path`. 0, or an errno;
 * then the old file, if any, is as it was. */
int svr_file_replace(const char *path, const char *text, size_t len, mode_t mode);

#endif

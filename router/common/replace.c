/* SPDX-License-Identifier: MIT */
#include "common/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The new name is on the disk when the folder is. */
static int sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)len : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return error;
}

int svr_file_replace(const char *path, const char *text, size_t len, mode_t mode) {
    char other[PATH_MAX];
    if (snprintf(other, sizeof other, "%s.new", path) >= (int)sizeof other) return ENAMETOOLONG;
    unlink(other);
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    int error = write_all(fd, text, len);
    if (!error && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) error = errno;
    if (close(fd) != 0 && !error) error = errno;
    if (!error && rename(other, path) != 0) error = errno;
    if (!error) return sync_folder(path);
    unlink(other);
    return error;
}

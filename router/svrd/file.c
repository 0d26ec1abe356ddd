/* SPDX-License-Identifier: MIT */
#include "svrd/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "svrd/fail.h"

/* Reads to the end into `buf`, which has room for `room` bytes. The count, or -1 with errno. */
static ssize_t read_all(int fd, char *buf, size_t room) {
    size_t n = 0;
    while (n < room) {
        ssize_t got = read(fd, buf + n, room - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int append(svrd_text *text, int fd, const char *path, svr_error *err) {
    struct stat st;
    if (fstat(fd, &st) < 0) return svrd_fail_errno(err, errno, NULL, "%s", path);
    if (S_ISDIR(st.st_mode)) return svrd_fail_errno(err, EISDIR, NULL, "%s", path);
    if (!S_ISREG(st.st_mode)) return svrd_fail(err, "%s: not a regular file", path);
    if (st.st_size > (off_t)SVRD_FILE_MAX)
        return svrd_fail(err, "%s: longer than %u MiB", path, SVRD_FILE_MAX >> 20);
    size_t room = (size_t)st.st_size;
    char *bytes = malloc(text->len + room + 1);
    if (!bytes) return svrd_fail_errno(err, ENOMEM, NULL, "%s", path);
    ssize_t n = read_all(fd, bytes + text->len, room);
    if (n < 0) {
        int error = errno;
        free(bytes);
        return svrd_fail_errno(err, error, NULL, "%s", path);
    }
    size_t before = text->len;
    if (before) memcpy(bytes, text->bytes, before);
    svrd_text_fini(text);
    text->bytes = bytes;
    text->len = before + (size_t)n;
    bytes[text->len] = '\0';
    return 0;
}

int svrd_text_read(svrd_text *text, const char *path, svr_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return svrd_fail_errno(err, errno, NULL, "%s", path);
    int rc = append(text, fd, path, err);
    close(fd);
    return rc;
}

void svrd_text_fini(svrd_text *text) {
    if (text->bytes) svr_wipe(text->bytes, text->len);
    free(text->bytes);
    *text = (svrd_text){0};
}

char *svrd_path_beside(const char *beside, const char *name, const char *suffix) {
    const char *slash = *name == '/' ? NULL : strrchr(beside, '/');
    int folder = slash ? (int)(slash - beside + 1) : 0;
    char *out;
    return asprintf(&out, "%.*s%s%s", folder, beside, name, suffix) < 0 ? NULL : out;
}

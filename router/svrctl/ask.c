/* SPDX-License-Identifier: MIT */
#include "svrctl/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_CHUNK 65536
#define TIMEOUT_SECONDS 10

static int open_socket(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = TIMEOUT_SECONDS};
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static ssize_t read_answer(int fd, char **out) {
    size_t len = 0;
    char *text = NULL;
    for (;;) {
        char *more = realloc(text, len + ANSWER_CHUNK);
        if (!more) break;
        text = more;
        ssize_t n = read(fd, text + len, ANSWER_CHUNK);
        if (n == 0) {
            *out = text;
            return (ssize_t)len;
        }
        if (n < 0 && errno != EINTR) break;
        if (n > 0) len += (size_t)n;
    }
    free(text);
    return -2;
}

ssize_t svrctl_ask(const char *path, const char *line, size_t len, char **out) {
    int fd = open_socket(path);
    if (fd < 0) return -1;
    ssize_t n = send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len ? read_answer(fd, out) : -2;
    close(fd);
    return n;
}

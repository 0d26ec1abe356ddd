/* SPDX-License-Identifier: MIT
 * The conversation between svrctl and svrd over a local stream socket.
 *
 * svrctl sends one line, `text COMMAND` or `json COMMAND`. svrd answers one line, `ok` or `error`, then the
 * report or the message up to the end of the stream. One question per connection. */
#ifndef SVR_CONTROL_H
#define SVR_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#define SVR_CONTROL_DIR "/run/svr"
#define SVR_CONTROL_LINE_MAX 1024 /* longest question, with its newline */
#define SVR_CONTROL_PATH_MAX 104  /* longest socket path, with its NUL: fits sockaddr_un */
#define SVR_CONTROL_OK "ok\n"
#define SVR_CONTROL_ERROR "error\n"

typedef struct svr_control_request {
    bool json;
    char command[SVR_CONTROL_LINE_MAX]; /* words separated by single blanks */
} svr_control_request;

/* What has arrived so far is ... */
typedef enum svr_control_state {
    SVR_CONTROL_PARTIAL, /* not a whole line yet */
    SVR_CONTROL_WHOLE,   /* a question */
    SVR_CONTROL_BAD,     /* no question and will not become one */
} svr_control_state;

/* The socket of the router called `router`: in SVR_CONTROL_DIR, with bytes other than letters, digits, '.',
 * '-' and '_' replaced by '_'. False when it does not fit. */
bool svr_control_path(const char *router, char out[SVR_CONTROL_PATH_MAX]);

/* Writes the question for `n` words of a command, without NUL; its length, or 0 when it is empty, too
 * long, or holds a line break. */
size_t svr_control_encode(bool json, char *const *words, size_t n, char out[SVR_CONTROL_LINE_MAX]);

/* Reads what a client sent: `len` bytes, at most SVR_CONTROL_LINE_MAX. `out` is written for a whole question
 * only. Runs of blanks count as one. */
svr_control_state svr_control_decode(const char *bytes, size_t len, svr_control_request *out);

#endif

/* SPDX-License-Identifier: MIT
 * The control socket: answers svrctl (common/control.h). */
#ifndef SVRD_CONTROL_H
#define SVRD_CONTROL_H

#include <stdio.h>

#include "common/control.h"
#include "svrd/fail.h"
#include "svrd/loop.h"

#define SVRD_CONTROL_CLIENTS_MAX 8 /* beyond that the one that waits longest is dropped */

/* Writes the answer to `request` into `out`. True: a report; false: an error message. */
typedef bool svrd_answer_fn(void *ctx, const svr_control_request *request, FILE *out);

struct svrd_control;

typedef struct svrd_client {
    svrd_source source; /* fd -1: free */
    struct svrd_control *control;
    uint64_t order; /* of arrival */
    char question[SVR_CONTROL_LINE_MAX];
    size_t asked; /* bytes of it */
    char *answer; /* heap; NULL: not asked yet */
    size_t len, written;
} svrd_client;

typedef struct svrd_control {
    svrd_loop *loop;
    svrd_source listener;
    char path[SVR_CONTROL_PATH_MAX];
    uint64_t arrivals;
    svrd_answer_fn *answer;
    void *ctx;
    svrd_client clients[SVRD_CONTROL_CLIENTS_MAX];
} svrd_control;

/* Creates the socket at `path`, for its owner and group, with the folder when that is SVR_CONTROL_DIR. A
 * socket left behind by a router that is gone is replaced. 0, or -1 with `err` filled and nothing left
 * behind. */
int svrd_control_open(svrd_control *c, svrd_loop *loop, const char *path, svrd_answer_fn *answer, void *ctx,
                      svr_error *err);
/* Removes it. Also for one that was never opened but is all zero. */
void svrd_control_close(svrd_control *c);

#endif

/* SPDX-License-Identifier: MIT
 * What svrctl may ask for: show commands, which the node answers, and what this host can do itself. */
#ifndef SVRD_COMMANDS_H
#define SVRD_COMMANDS_H

#include "svrd/host.h"

/* Answers a request (svrd_answer_fn); `ctx` is the svrd_host. */
bool svrd_commands_answer(void *ctx, const svr_control_request *request, FILE *out);
/* Reads the files of certificates, keys and lists again and has the node use them (CRT-LATE). 0; or -1 with
 * `err`, and everything stays as it was. */
int svrd_commands_reload(svrd_host *h, svr_error *err);

#endif

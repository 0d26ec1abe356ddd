/* SPDX-License-Identifier: MIT
 * What this process may do, and what others may learn of it. */
#ifndef SVRD_PRIVILEGES_H
#define SVRD_PRIVILEGES_H

#include <sys/types.h>

#include "svrd/fail.h"
#include "svrd/log.h"

/* Who svrd becomes when root started it and nobody was named, and whose members may use its control socket.
 */
#define SVRD_USER "svr"
#define SVRD_GROUP "svrctl"

/* Before anything secret is in memory: no core dumps, no debuggers of other users, no page in swap. Where the
 * limit on locked memory forbids the last, a line in the log says so. */
void svrd_privileges_prepare(const svrd_log *log);

/* Who to be from now on. */
typedef struct svrd_identity {
    bool change; /* false: whoever started this process */
    uid_t uid;
    gid_t gid;
    char name[SVR_NAME_MAX + 1];
} svrd_identity;

/* Finds the user: `name`; or, when it is NULL and this process is root's, SVRD_USER where there is one. 0, or
 * -1 with `err` when there is no such user, or only root could become it. */
int svrd_privileges_find(const char *name, svrd_identity *out, svr_error *err);

/* Becomes that user for good, keeps CAP_NET_ADMIN and CAP_NET_RAW as far as they are there and nothing else,
 * and can gain nothing more by starting programs. 0, or -1 with `err`. */
int svrd_privileges_drop(const svrd_identity *id, svr_error *err);

#endif

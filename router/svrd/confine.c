/* SPDX-License-Identifier: MIT */
#include "svrd/confine.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "svrd/privileges.h"
#include "svrd/sandbox.h"

#define TUN_DEVICE "/dev/net/tun"

int svrd_confine_check(const svrd_options *options, svr_error *err) {
    svrd_identity id;
    if (options->control_group && !getgrnam(options->control_group))
        return svrd_fail(err, "--control-group: there is no group %s on this machine",
                         options->control_group);
    return svrd_privileges_find(options->user, &id, err);
}

/* Whoever of the group asks need not be able to read anything else of svrd's. */
static int give_socket(const svrd_host *h, svr_error *err) {
    const char *named = h->options->control_group, *name = named ? named : SVRD_GROUP;
    struct group *group = getgrnam(name);
    struct stat st;
    if (!group || (stat(h->control.path, &st) == 0 && st.st_gid == group->gr_gid)) return 0;
    if (chown(h->control.path, (uid_t)-1, group->gr_gid) == 0) return 0;
    if (named)
        return svrd_fail_errno(err, errno, NULL, "control socket %s to group %s", h->control.path, name);
    svrd_log_write(&h->log, SVR_MINOR, "control socket %s stays without its group %s: %s", h->control.path,
                   name, strerror(errno));
    return 0;
}

/* Where nobody said where the socket goes, the user must be able to remove it at the end. */
static void give_folder(const svrd_host *h, const svrd_identity *id) {
    if (!h->options->control && id->change && chown(SVR_CONTROL_DIR, id->uid, id->gid) < 0)
        svrd_log_write(&h->log, SVR_MINOR, "%s: %s", SVR_CONTROL_DIR, strerror(errno));
}

void svrd_confine_advise(svr_error *err) {
    size_t n = strlen(err->message);
    const char *denied = strerror(EACCES);
    if (n < strlen(denied) || strcmp(err->message + n - strlen(denied), denied) != 0) return;
    snprintf(err->message + n, sizeof err->message - n,
             " for user %u, group %u, which svrd runs as: chgrp %u and chmod g+r the file, chmod g+x its "
             "folders, or choose "
             "with --user",
             (unsigned)geteuid(), (unsigned)getegid(), (unsigned)getegid());
}

/* Better now than when the certificate is renewed, or the other node has died. */
static int look_ahead(const svrd_host *h, svr_error *err) {
    svrd_credentials files;
    if (svrd_credentials_read(&files, h->options, h->config, err)) {
        svrd_confine_advise(err);
        return -1;
    }
    svrd_credentials_fini(&files);
    if (!h->pair || access(TUN_DEVICE, R_OK | W_OK) == 0) return 0;
    return svrd_fail_errno(err, errno, NULL, TUN_DEVICE " (chmod 666, or choose with --user)");
}

static void tell(const svrd_host *h, const svrd_identity *id) {
    if (id->uid != 0)
        svrd_log_write(&h->log, SVR_INFO, "runs as user %u with CAP_NET_ADMIN and CAP_NET_RAW",
                       (unsigned)id->uid);
    else if (!h->options->user)
        svrd_log_write(&h->log, SVR_INFO,
                       "runs as root with CAP_NET_ADMIN and CAP_NET_RAW, since there is no user " SVRD_USER);
}

int svrd_confine(svrd_host *h, svr_error *err) {
    svrd_identity id;
    if (svrd_privileges_find(h->options->user, &id, err) || give_socket(h, err)) return -1;
    give_folder(h, &id);
    if (svrd_privileges_drop(&id, err) || look_ahead(h, err)) return -1;
    tell(h, &id);
    return h->options->no_sandbox ? 0 : svrd_sandbox_enter(err);
}

/* SPDX-License-Identifier: MIT */
#include "svrd/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* All of the memory, since keys are everywhere in it: each session has two. A page is locked when it is first
 * touched (MCL_ONFAULT), so what is reserved and never used costs nothing. Under a limit nothing is: memory
 * would one day not be had at all. Returns why not, or NULL. */
static const char *lock_memory(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0) {
        if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return strerror(errno);
        if (limit.rlim_max != RLIM_INFINITY) return "there is a limit on locked memory";
        limit.rlim_cur = RLIM_INFINITY;
        setrlimit(RLIMIT_MEMLOCK, &limit);
    }
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? NULL : strerror(errno);
}

static void refuse_dumps(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

void svrd_privileges_prepare(const svrd_log *log) {
    refuse_dumps();
    const char *why = lock_memory();
    if (why)
        svrd_log_write(log, SVR_MINOR,
                       "memory is not locked, so keys may come into swap space: %s (LimitMEMLOCK=infinity in "
                       "the unit, or ulimit -l unlimited)",
                       why);
}

int svrd_privileges_find(const char *name, svrd_identity *out, svr_error *err) {
    *out = (svrd_identity){.uid = geteuid(), .gid = getegid()};
    bool root = out->uid == 0;
    if (!name && !root) return 0;
    struct passwd *user = getpwnam(name ? name : SVRD_USER);
    if (!user) return name ? svrd_fail(err, "--user: there is no user %s on this machine", name) : 0;
    svr_strcpy(out->name, sizeof out->name, user->pw_name);
    if (user->pw_uid == out->uid) return 0;
    if (!root) return svrd_fail(err, "--user: only root can become %s", name);
    out->change = true;
    out->uid = user->pw_uid;
    out->gid = user->pw_gid;
    return 0;
}

/* What there is beyond the two capabilities, and what of the two there is. */
typedef struct rights {
    bool admin, raw, bounds, more;
} rights;

static rights look_at_rights(void) {
    rights r = {0};
    capng_get_caps_process();
    r.admin = capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
    r.raw = capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW);
    r.bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP); /* can limit what programs may have */
    for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (cap != CAP_NET_ADMIN && cap != CAP_NET_RAW) r.more |= capng_have_capability(CAPNG_PERMITTED, cap);
    return r;
}

/* Applies what cap-ng holds. */
static int apply(const svrd_identity *id, bool bounds) {
    if (!id->change) return capng_apply(bounds ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
    return capng_change_id((int)id->uid, (int)id->gid,
                           CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_AMBIENT | (bounds ? CAPNG_CLEAR_BOUNDING : 0));
}

/* A service manager may have left nothing to give up, nor the system calls to do it with. */
static int give_up(const svrd_identity *id, svr_error *err) {
    rights r = look_at_rights();
    if (!r.more && !id->change) return 0;
    capng_clear(CAPNG_SELECT_ALL);
    if (r.admin) capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
    if (r.raw) capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW);
    int rc = apply(id, r.bounds);
    if (rc == 0) return 0;
    return svrd_fail(err, "cannot become user %s and keep CAP_NET_ADMIN and CAP_NET_RAW (%d): %s",
                     *id->name ? id->name : "that started svrd", rc, strerror(errno));
}

int svrd_privileges_drop(const svrd_identity *id, svr_error *err) {
    if (give_up(id, err)) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return svrd_fail_errno(err, errno, NULL, "PR_SET_NO_NEW_PRIVS");
    refuse_dumps(); /* becoming another user makes a process dumpable again on some systems */
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "space.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPACES "/run/netns"
#define PREFIX "svrlab-"
#define FOLDER "/run/" PREFIX "%d"
#define WORDS_MAX 32

extern char **environ;

static char reason[512];
static int home = -1; /* the namespace that the program was started in */
static unsigned made; /* namespaces so far */
static char folder[64];

int lab_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return -1;
}

const char *lab_reason(void) {
    return reason;
}

/* ---- programs ------------------------------------------------------------------------------- */

static int run_words(char *const words[]) {
    pid_t pid;
    int status;
    int rc = posix_spawnp(&pid, words[0], NULL, NULL, words, environ);
    if (rc) return lab_fail("%s: %s", words[0], strerror(rc));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return lab_fail("%s: %s", words[0], strerror(errno));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int lab_program(const char *format, ...) {
    char line[1024], whole[1024], *words[WORDS_MAX + 1], *rest = NULL;
    size_t n = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    memcpy(whole, line, sizeof whole);
    for (char *w = strtok_r(line, " ", &rest); w && n < WORDS_MAX; w = strtok_r(NULL, " ", &rest))
        words[n++] = w;
    words[n] = NULL;
    return run_words(words) == 0 ? 0 : lab_fail("this failed: %s", whole);
}

/* ---- namespaces ----------------------------------------------------------------------------- */

int lab_space_enter(const lab_space *space) {
    if (home < 0) home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(space->fd, CLONE_NEWNET) != 0)
        return lab_fail("namespace %s: %s", space->name, strerror(errno));
    return 0;
}

/* Elsewhere all that follows would go wrong, up to the machine's own network. */
void lab_space_leave(void) {
    if (setns(home, CLONE_NEWNET) == 0) return;
    perror("svrlab: the machine's own namespace");
    abort();
}

static void set(const char *name, const char *value) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return; /* a kernel without it, e.g. without IPv6 */
    if (write(fd, value, strlen(value)) < 0) fprintf(stderr, "svrlab: %s: %s\n", path, strerror(errno));
    close(fd);
}

/* Forwards; addresses are usable at once, and nothing is said that was not asked for. */
static int prepare(const lab_space *space) {
    if (lab_space_enter(space) != 0) return -1;
    set("ipv4/ip_forward", "1");
    set("ipv4/conf/all/rp_filter", "0");
    set("ipv4/conf/default/rp_filter", "0");
    set("ipv4/conf/all/send_redirects", "0");
    set("ipv4/conf/default/send_redirects", "0");
    set("ipv4/ping_group_range", "0 2147483647");
    set("ipv6/conf/all/forwarding", "1");
    set("ipv6/conf/all/accept_dad", "0");
    set("ipv6/conf/default/accept_dad", "0");
    set("ipv6/conf/default/router_solicitations", "0");
    lab_space_leave();
    return lab_program("ip -n %s link set lo up", space->name);
}

int lab_space_make(lab_space *space, const char *name) {
    char path[LAB_SPACE_NAME_MAX + sizeof SPACES];
    if (!made) atexit(lab_space_remove_all);
    snprintf(space->name, sizeof space->name, PREFIX "%d-%u-%.64s", (int)getpid(), made, name);
    for (char *p = space->name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p)) *p = '_';
    if (lab_program("ip netns add %s", space->name) != 0) return -1;
    made++;
    snprintf(path, sizeof path, SPACES "/%s", space->name);
    space->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (space->fd < 0) return lab_fail("%s: %s", path, strerror(errno));
    return prepare(space);
}

/* ---- what remains --------------------------------------------------------------------------- */

/* The process that a name belongs to; 0: none of ours. */
static pid_t owner_of(const char *name) {
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return 0;
    return (pid_t)strtol(name + strlen(PREFIX), NULL, 10);
}

static bool is_gone(pid_t pid) {
    return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

static bool is_mine(pid_t pid) {
    return pid == getpid();
}

/* Removes the namespaces and folders of those processes; how many. */
static unsigned sweep(bool (*whose)(pid_t)) {
    unsigned n = 0;
    static const char *const places[] = {SPACES, "/run"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        DIR *dir = opendir(places[i]);
        for (struct dirent *e; dir && (e = readdir(dir));) {
            if (!whose(owner_of(e->d_name))) continue;
            int rc = i == 0 ? lab_program("ip netns del %s", e->d_name)
                            : lab_program("rm -r -- /run/%s", e->d_name);
            n += rc == 0;
        }
        if (dir) closedir(dir);
    }
    return n;
}

void lab_space_remove_all(void) {
    if (made || *folder) sweep(is_mine);
    made = 0;
    *folder = 0;
}

void lab_space_remove_leftovers(void) {
    unsigned n = sweep(is_gone);
    if (n) fprintf(stderr, "svrlab: removed %u namespaces and folders that an earlier run left behind\n", n);
}

const char *lab_run_folder(void) {
    if (*folder) return folder;
    snprintf(folder, sizeof folder, FOLDER, (int)getpid());
    if (mkdir(folder, 0700) == 0) return folder;
    lab_fail("%s: %s", folder, strerror(errno));
    *folder = 0;
    return NULL;
}

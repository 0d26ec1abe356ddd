/* SPDX-License-Identifier: MIT
 * router: what a confined process can do and what it cannot. Each attempt is made by a child of its own,
 * since some of them end it. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "svrd/privileges.h"
#include "svrd/sandbox.h"
#include "unit.h"

enum { DONE = 0, REFUSED = 3, OTHERWISE = 4 };

/* An attempt says whether it succeeded, with errno. */
typedef bool attempt(void);

/* DONE, REFUSED (EPERM), OTHERWISE; or the negative number of the signal that ended it. */
static int confined(attempt *try) {
    pid_t pid = fork();
    if (pid == 0) {
        svr_error err;
        if (svrd_sandbox_enter(&err)) _exit(OTHERWISE);
        bool done = try();
        _exit(done ? DONE : errno == EPERM ? REFUSED : OTHERWISE);
    }
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- what svrd needs ------------------------------------------------------------------------ */

static bool can_read_a_file(void) {
    char byte;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0;
}
static bool can_talk_to_itself(void) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(sa_family_t);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0) return false;
    len = sizeof at;
    return getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
           sendto(fd, "x", 1, 0, (struct sockaddr *)&at, len) == 1;
}
static bool can_open_netlink(void) {
    return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}
static bool can_use_memory(void) {
    void *p = malloc(8 << 20), *q = realloc(p, 16 << 20);
    if (!q) return false;
    free(q);
    return true;
}
static bool can_look_up_a_device(void) {
    return if_nametoindex("lo") > 0;
}

/* ---- what nobody needs ---------------------------------------------------------------------- */

static bool starts_a_program(void) {
    char *const words[] = {(char *)"true", NULL};
    return execv("/bin/true", words) == 0;
}
static bool forks(void) {
    return fork() >= 0;
}
static bool makes_a_namespace(void) {
    return unshare(CLONE_NEWUSER) == 0;
}
static bool makes_a_file(void) {
    return open("/tmp", O_TMPFILE | O_CREAT | O_WRONLY, 0600) >= 0;
}
static bool empties_a_file(void) {
    return open("/dev/null", O_WRONLY | O_TRUNC) >= 0;
}
static bool makes_code(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}
static bool turns_data_into_code(void) {
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}
static bool opens_another_family(void) {
    return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}
static bool types_into_the_terminal(void) {
    return ioctl(STDIN_FILENO, TIOCSTI, "x") == 0;
}
static bool allows_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 1) == 0;
}
static bool kills_another(void) {
    return kill(getppid(), 0) == 0;
}

static void test_sandbox_leaves_what_the_router_needs(void **state) {
    (void)state;
    assert_int_equal(confined(can_read_a_file), DONE);
    assert_int_equal(confined(can_talk_to_itself), DONE);
    assert_int_equal(confined(can_open_netlink), DONE);
    assert_int_equal(confined(can_use_memory), DONE);
    assert_int_equal(confined(can_look_up_a_device), DONE);
}

static void test_sandbox_refuses_what_it_does_not_need(void **state) {
    static attempt *const attempts[] = {makes_a_file,         empties_a_file,       makes_code,
                                        turns_data_into_code, opens_another_family, types_into_the_terminal,
                                        allows_dumps,         kills_another};
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        assert_int_equal(confined(attempts[i]), REFUSED);
}

static void test_sandbox_ends_an_intruder(void **state) {
    (void)state;
    assert_int_equal(confined(starts_a_program), -SIGSYS);
    assert_int_equal(confined(forks), -SIGSYS);
    assert_int_equal(confined(makes_a_namespace), -SIGSYS);
}

static void test_privileges_find_who_to_be(void **state) {
    (void)state;
    svrd_identity id;
    svr_error err = {0};
    bool root = geteuid() == 0;
    assert_int_equal(svrd_privileges_find("no-such-user", &id, &err), -1);
    assert_string_equal(err.message, "--user: there is no user no-such-user on this machine");
    assert_int_equal(svrd_privileges_find("nobody", &id, &err), root ? 0 : -1);
    if (root) assert_true(id.change && id.uid != 0);
    if (root) assert_int_equal(svrd_privileges_find("root", &id, &err), 0);
    if (root) assert_false(id.change);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sandbox_leaves_what_the_router_needs),
                                       cmocka_unit_test(test_sandbox_refuses_what_it_does_not_need),
                                       cmocka_unit_test(test_sandbox_ends_an_intruder),
                                       cmocka_unit_test(test_privileges_find_who_to_be)};
    return cmocka_run_group_tests_name("router_sandbox", tests, NULL, NULL);
}

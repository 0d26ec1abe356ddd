/* SPDX-License-Identifier: MIT
 *
 * svrctl: asks a running svrd. Everything behind the options is the question; the answer goes to standard
 * output, an error to standard error. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/control.h"
#include "common/frame.h"
#include "common/version.h"
#include "svrctl/ask.h"
#include "svrctl/pki.h"
#include "svrctl/top.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char help[] =
    "Usage: svrctl [--socket PATH | --router NAME] [--json] COMMAND...\n"
    "\n"
    "Asks the svrd of this machine, for example:\n"
    "\n"
    "  svrctl show peers security\n"
    "  svrctl --json show counters\n"
    "  svrctl show host\n"
    "  svrctl top                a live view: throughput, sessions, paths, ages of keys\n"
    "  svrctl pki --help         certificates for a lab: a CA in a folder, without any router\n"
    "\n"
    "  --router NAME   which router, where several run (default: the only one)\n"
    "  --socket PATH   its control socket (default: " SVR_CONTROL_DIR "/NAME.sock)\n"
    "  --json          the answer as JSON\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0, 1 when there is no answer or it is an error, 2 for wrong arguments.\n";

typedef struct options {
    const char *socket, *router;
    bool json;
} options;

static int complain(int status, const char *what, const char *name) {
    fprintf(stderr, "svrctl: %s%s\n", what, name);
    if (status == EXIT_USAGE) fprintf(stderr, "Try svrctl --help.\n");
    return status;
}

/* ---- which router --------------------------------------------------------------------------- */

static void list_routers(const glob_t *found) {
    fprintf(stderr, "svrctl: several routers run here; choose one with --router:");
    for (size_t i = 0; i < found->gl_pathc; i++) {
        const char *name = strrchr(found->gl_pathv[i], '/') + 1;
        fprintf(stderr, " %.*s", (int)(strlen(name) - strlen(".sock")), name);
    }
    fprintf(stderr, "\n");
}

static int find_only(char path[SVR_CONTROL_PATH_MAX]) {
    glob_t found = {0};
    int status = EXIT_FAILED;
    if (glob(SVR_CONTROL_DIR "/*.sock", 0, NULL, &found) != 0)
        complain(status, "no router runs here: there is no socket in ", SVR_CONTROL_DIR);
    else if (found.gl_pathc > 1)
        list_routers(&found);
    else if (strlen(found.gl_pathv[0]) < SVR_CONTROL_PATH_MAX) {
        strcpy(path, found.gl_pathv[0]);
        status = 0;
    }
    globfree(&found);
    return status;
}

static int choose_path(const options *o, char path[SVR_CONTROL_PATH_MAX]) {
    if (!o->socket && !o->router) return find_only(path);
    if (!o->socket)
        return svr_control_path(o->router, path) ? 0 : complain(EXIT_USAGE, "no such name: ", o->router);
    if (strlen(o->socket) >= SVR_CONTROL_PATH_MAX) return complain(EXIT_USAGE, "path too long: ", o->socket);
    strcpy(path, o->socket);
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* What was asked, and when. */
typedef struct question {
    char line[SVR_CONTROL_LINE_MAX];
    size_t len;
    time_t wall;
    struct timespec asked;
} question;

/* A terminal gets the answer in a frame; a program, through a pipe or as JSON, gets it bare. */
static int print_report(const question *q, const char *text, size_t len) {
    svr_control_request request;
    struct timespec now;
    bool framed = isatty(STDOUT_FILENO) &&
                  svr_control_decode(q->line, q->len, &request) == SVR_CONTROL_WHOLE && !request.json &&
                  svr_frame_wanted(request.command);
    if (framed) svr_frame_begin(stdout, request.command, q->wall);
    fwrite(text, 1, len, stdout);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (framed) svr_frame_end(stdout, &q->asked, &now);
    bool done = fflush(stdout) == 0 && !ferror(stdout);
    return done ? EXIT_SUCCESS : complain(EXIT_FAILED, "standard output: ", strerror(errno));
}

static int print_answer(const question *q, const char *text, size_t len) {
    static const char good[] = SVR_CONTROL_OK, bad[] = SVR_CONTROL_ERROR;
    size_t good_len = sizeof good - 1, bad_len = sizeof bad - 1;
    if (len >= good_len && memcmp(text, good, good_len) == 0)
        return print_report(q, text + good_len, len - good_len);
    if (len < bad_len || memcmp(text, bad, bad_len) != 0)
        return complain(EXIT_FAILED, "svrd closed the connection without an answer", "");
    fprintf(stderr, "%.*s", (int)(len - bad_len), text + bad_len);
    return EXIT_FAILED;
}

static int ask(const char *path, const question *q) {
    char *text = NULL;
    ssize_t n = svrctl_ask(path, q->line, q->len, &text);
    if (n == -1) {
        fprintf(stderr, "svrctl: %s: %s%s\n", path, strerror(errno),
                errno == ENOENT || errno == ECONNREFUSED ? "; does the router run?" : "");
        return EXIT_FAILED;
    }
    if (n < 0) return complain(EXIT_FAILED, "no answer from ", path);
    int status = print_answer(q, text, (size_t)n);
    free(text);
    return status;
}

static int top(const options *o, int words) {
    char path[SVR_CONTROL_PATH_MAX];
    if (words > 1) return complain(EXIT_USAGE, "there is nothing to say behind top", "");
    if (o->json) return complain(EXIT_USAGE, "top has no JSON; show paths and show sessions count have", "");
    int status = choose_path(o, path);
    return status ? status : svrctl_top(path);
}

/* ---- command line --------------------------------------------------------------------------- */

int main(int argc, char **argv) {
    static const struct option long_options[] = {
        {"socket", required_argument, NULL, 's'}, {"router", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {0}};
    options o = {0};
    char path[SVR_CONTROL_PATH_MAX];
    question q = {.wall = time(NULL)};
    opterr = 0;
    for (int opt; (opt = getopt_long(argc, argv, "+:", long_options, NULL)) != -1;) {
        switch (opt) {
        case 's': o.socket = optarg; break;
        case 'r': o.router = optarg; break;
        case 'j': o.json = true; break;
        case 'h': fputs(help, stdout); return EXIT_SUCCESS;
        case 'v': printf("svrctl %s\n", SVR_VERSION); return EXIT_SUCCESS;
        case ':': return complain(EXIT_USAGE, "a value is missing after ", argv[optind - 1]);
        default: return complain(EXIT_USAGE, "unknown option ", argv[optind - 1]);
        }
    }
    if (optind == argc) return complain(EXIT_USAGE, "a command is missing", "");
    if (strcmp(argv[optind], "pki") == 0) return svrctl_pki(argc - optind - 1, argv + optind + 1);
    if (strcmp(argv[optind], "top") == 0) return top(&o, argc - optind);
    clock_gettime(CLOCK_MONOTONIC, &q.asked);
    q.len = svr_control_encode(o.json, argv + optind, (size_t)(argc - optind), q.line);
    if (q.len == 0) return complain(EXIT_USAGE, "the command is too long, or holds a line break", "");
    int status = choose_path(&o, path);
    return status ? status : ask(path, &q);
}

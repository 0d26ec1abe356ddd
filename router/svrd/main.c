/* SPDX-License-Identifier: MIT
 *
 * svrd: one router of an SVR authority on Linux. The stack is libsvr, which has no sockets and no clock; this
 * program brings packets in from tun and packet sockets, carries out what the stack wants sent, and waits for
 * the stack's next deadline in between. Everything runs in one thread:
 *
 *   main       options, configuration, exit status
 *   host       one running router: starts, runs, stops the parts below
 *   loop       epoll
 *   tun, wan   the two kinds of interface; filter: what a WAN takes in; firewall: keeps the kernel silent
 *   netlink    links, addresses, routes; announce: tells a link that an address has moved here
 *   control    svrctl's socket; commands: what it may ask; show: what the host knows; report: JSON, lines
 *   plan       what the configuration means for a Linux host
 *   confine    from the start to running: privileges (user, capabilities, memory), sandbox (system calls)
 *   log        lines on standard error; journal: to systemd
 *   clock, file, credentials, fail */
#include <stdio.h>
#include <stdlib.h>

#include "common/heap.h"
#include "common/version.h"
#include "svrd/confine.h"
#include "svrd/host.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int refuse(int status, const char *message) {
    fprintf(stderr, "svrd: %s\n", message);
    return status;
}

static svr_config *read_config(const char *path) {
    svrd_text text = {0};
    svr_error err;
    svr_config_error where;
    svr_config *config;
    if (svrd_text_read(&text, path, &err)) {
        refuse(EXIT_USAGE, err.message);
        return NULL;
    }
    if (svr_config_parse(&svr_heap, text.bytes, text.len, &config, &where))
        fprintf(stderr, "%s:%u:%u: %s\n", path, where.line, where.column, where.message);
    svrd_text_fini(&text);
    return config;
}

static void list_routers(const svr_config *config) {
    fprintf(stderr, "; routers:");
    for (size_t i = 0; i < config->n_routers; i++)
        fprintf(stderr, " %s", config->routers[i].name);
    fprintf(stderr, "\n");
}

/* The names on the command line must be in the configuration, and the node one that svrd can host. */
static int check_names(const svrd_options *o, const svr_config *config) {
    svr_error err;
    const svr_router_config *router = svr_config_router(config, o->router);
    if (!router) {
        fprintf(stderr, "svrd: %s has no router %s", o->config, o->router);
        list_routers(config);
        return EXIT_USAGE;
    }
    const svr_node_config *node = svr_config_node(router, o->node);
    if (!node) {
        fprintf(stderr, "svrd: %s: router %s has no node %s\n", o->config, o->router, o->node ? o->node : "");
        return EXIT_USAGE;
    }
    if (svrd_plan_check(node, &err) == 0) return 0;
    fprintf(stderr, "svrd: %s: %s\n", o->config, err.message);
    return EXIT_USAGE;
}

static int run(const svrd_options *o, const svr_config *config) {
    static svrd_host host;
    svr_error err;
    if (svrd_confine_check(o, &err)) return refuse(EXIT_USAGE, err.message);
    if (svrd_host_open(&host, o, config, &err)) return refuse(EXIT_FAILED, err.message);
    int rc = svrd_host_run(&host, &err);
    svrd_host_close(&host);
    return rc ? refuse(EXIT_FAILED, err.message) : EXIT_SUCCESS;
}

static int check_or_run(const svrd_options *o) {
    svr_config *config = read_config(o->config);
    if (!config) return EXIT_USAGE;
    int status = o->router ? check_names(o, config) : EXIT_SUCCESS;
    if (status == EXIT_SUCCESS && o->action == SVRD_RUN)
        status = run(o, config);
    else if (status == EXIT_SUCCESS)
        printf("%s: good: authority \"%s\", %zu routers\n", o->config, config->name, config->n_routers);
    svr_config_del(config);
    return status;
}

int main(int argc, char **argv) {
    svrd_options o;
    svr_error err;
    if (svrd_options_parse(argc, argv, &o, &err)) {
        fprintf(stderr, "svrd: %s\nTry svrd --help.\n", err.message);
        return EXIT_USAGE;
    }
    switch (o.action) {
    case SVRD_HELP: fputs(svrd_options_help, stdout); return EXIT_SUCCESS;
    case SVRD_SHOW_VERSION: printf("svrd %s\n", SVR_VERSION); return EXIT_SUCCESS;
    case SVRD_RUN:
    case SVRD_CHECK: return check_or_run(&o);
    }
    return EXIT_USAGE;
}

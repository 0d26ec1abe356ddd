/* SPDX-License-Identifier: MIT */
#include "svrd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "svrd/fail.h"

const char svrd_options_help[] =
    "Usage: svrd --config FILE --router NAME [OPTION...]\n"
    "       svrd --check --config FILE [--router NAME]\n"
    "\n"
    "Runs one router of the authority that FILE describes.\n"
    "\n"
    "  --config FILE        the authority configuration\n"
    "  --router NAME        which of its routers to be\n"
    "  --node NAME          which node of the router (default: its first)\n"
    "  --check              read and check FILE, then stop\n"
    "  --control SOCKET     where svrctl finds this router (default: /run/svr/NAME.sock)\n"
    "  --events FILE        append events as JSON lines; - is standard output\n"
    "  --keylog FILE        append every key: whoever reads FILE can decrypt everything\n"
    "  --certificate FILE   certificate chain in PEM, the router's own first\n"
    "  --private-key FILE   its private key in PEM\n"
    "  --trusted-ca FILE    trusted roots in PEM\n"
    "  --crl FILE           revocation lists in PEM\n"
    "  --no-offload         give the kernel single datagrams, no super-packets\n"
    "  --user NAME          who to be after the start as root (default: svr, where there is such a user)\n"
    "  --control-group NAME whose members may use the control socket (default: svrctl, likewise)\n"
    "  --no-sandbox         leave system calls unconfined, for debuggers\n"
    "  --clock-rate N       let time pass N times as fast, 1 to 10000, for tests\n"
    "  --clock-at S=W       wall time as if it had been W when the system's was S, both in\n"
    "                       nanoseconds since 1970, for tests\n"
    "  --help, --version\n"
    "\n"
    "The four PEM files take the place of those that the configuration names. SIGHUP reads them again.\n"
    "Exit status: 0 after SIGINT or SIGTERM, 1 on failure, 2 for wrong arguments or configuration.\n";

enum {
    OPT_CONFIG = 1,
    OPT_ROUTER,
    OPT_NODE,
    OPT_CHECK,
    OPT_CONTROL,
    OPT_EVENTS,
    OPT_KEYLOG,
    OPT_CERTIFICATE,
    OPT_PRIVATE_KEY,
    OPT_TRUSTED_CA,
    OPT_CRL,
    OPT_NO_OFFLOAD,
    OPT_USER,
    OPT_CONTROL_GROUP,
    OPT_NO_SANDBOX,
    OPT_CLOCK_RATE,
    OPT_CLOCK_AT,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"router", required_argument, NULL, OPT_ROUTER},
    {"node", required_argument, NULL, OPT_NODE},
    {"check", no_argument, NULL, OPT_CHECK},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"keylog", required_argument, NULL, OPT_KEYLOG},
    {"certificate", required_argument, NULL, OPT_CERTIFICATE},
    {"private-key", required_argument, NULL, OPT_PRIVATE_KEY},
    {"trusted-ca", required_argument, NULL, OPT_TRUSTED_CA},
    {"crl", required_argument, NULL, OPT_CRL},
    {"no-offload", no_argument, NULL, OPT_NO_OFFLOAD},
    {"user", required_argument, NULL, OPT_USER},
    {"control-group", required_argument, NULL, OPT_CONTROL_GROUP},
    {"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
    {"clock-rate", required_argument, NULL, OPT_CLOCK_RATE},
    {"clock-at", required_argument, NULL, OPT_CLOCK_AT},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static int parse_rate(const char *text, uint32_t *out, svr_error *err) {
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || end == text || *end || n < 1 || n > SVRD_CLOCK_RATE_MAX)
        return svrd_fail(err, "--clock-rate takes a number from 1 to %d, not \"%s\"", SVRD_CLOCK_RATE_MAX,
                         text);
    *out = (uint32_t)n;
    return 0;
}

static int parse_at(const char *text, svrd_options *o, svr_error *err) {
    int end = 0;
    long long system, wall;
    if (sscanf(text, "%lld=%lld%n", &system, &wall, &end) != 2 || text[end] || system < 0 || wall < 0)
        return svrd_fail(
            err, "--clock-at takes two instants, as in 1700000000000000000=1735689600000000000, not \"%s\"",
            text);
    o->clock_set = true;
    o->clock_system = system;
    o->clock_wall = wall;
    return 0;
}

static int apply(int opt, const char *arg, svrd_options *o, svr_error *err) {
    switch (opt) {
    case OPT_CONFIG: o->config = arg; break;
    case OPT_ROUTER: o->router = arg; break;
    case OPT_NODE: o->node = arg; break;
    case OPT_CHECK: o->action = SVRD_CHECK; break;
    case OPT_CONTROL: o->control = arg; break;
    case OPT_EVENTS: o->events = arg; break;
    case OPT_KEYLOG: o->keylog = arg; break;
    case OPT_CERTIFICATE: o->certificate = arg; break;
    case OPT_PRIVATE_KEY: o->private_key = arg; break;
    case OPT_TRUSTED_CA: o->trusted_ca = arg; break;
    case OPT_CRL: o->crl = arg; break;
    case OPT_NO_OFFLOAD: o->offload = false; break;
    case OPT_USER: o->user = arg; break;
    case OPT_CONTROL_GROUP: o->control_group = arg; break;
    case OPT_NO_SANDBOX: o->no_sandbox = true; break;
    case OPT_CLOCK_RATE: return parse_rate(arg, &o->clock_rate, err);
    case OPT_CLOCK_AT: return parse_at(arg, o, err);
    case OPT_HELP: o->action = SVRD_HELP; break;
    case OPT_VERSION: o->action = SVRD_SHOW_VERSION; break;
    }
    return 0;
}

static int require(const svrd_options *o, svr_error *err) {
    if (o->action == SVRD_HELP || o->action == SVRD_SHOW_VERSION) return 0;
    if (!o->config) return svrd_fail(err, "--config FILE is missing");
    if (o->action == SVRD_RUN && !o->router) return svrd_fail(err, "--router NAME is missing");
    if (!o->certificate != !o->private_key)
        return svrd_fail(err, "--certificate and --private-key go together");
    return 0;
}

int svrd_options_parse(int argc, char **argv, svrd_options *out, svr_error *err) {
    svrd_options o = {.action = SVRD_RUN, .offload = true, .clock_rate = 1};
    optind = 0;
    opterr = 0;
    for (;;) {
        int here = optind ? optind : 1;
        int opt = getopt_long(argc, argv, "+:", long_options, NULL);
        if (opt == -1) break;
        if (opt == ':') return svrd_fail(err, "%s takes a value", argv[here]);
        if (opt == '?') return svrd_fail(err, "unknown option %s", argv[here]);
        if (apply(opt, optarg, &o, err)) return -1;
        if (o.action == SVRD_HELP || o.action == SVRD_SHOW_VERSION) break;
    }
    if (o.action != SVRD_HELP && o.action != SVRD_SHOW_VERSION && optind < argc)
        return svrd_fail(err, "unexpected argument %s", argv[optind]);
    if (require(&o, err)) return -1;
    *out = o;
    return 0;
}

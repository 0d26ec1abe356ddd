/* SPDX-License-Identifier: MIT
 * svrlab: runs scenarios with real routers in network namespaces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/version.h"
#include "svrlab/lab.h"
#include "svrlab/space.h"
#include "svrsim/options.h"
#include "svrsim/script.h"

#define RATE_DEFAULT 60
#define RATE_MAX 10000

enum { STATUS_WRONG = 2, STATUS_UNSUPPORTED = 3 };

static const char help[] =
    "Usage: svrlab run FILE.lua [OPTION]...\n"
    "Runs a scenario with real routers: an svrd for each, in a network namespace of its own, between hosts\n"
    "and links of ns-3. Needs root. 'svrsim emulate' is the same at the speed of real time.\n"
    "\n"
    "      --clock-rate N     let time pass N times as fast, 1 to 10000 (default 60: an hour in a minute)\n"
    "      --seed N           seed of what links lose by chance (default 1)\n"
    "      --out DIR          where the results go (default out/NAME-OF-THE-SCENARIO)\n"
    "      --set NAME=VALUE   set a parameter of the scenario; may be repeated\n"
    "      --until TIME       stop at this time of the scenario at the latest, e.g. 90s, 26h, 1.5ms\n"
    "      --pcap DIR         where the captures go (default: as --out)\n"
    "      --keylog FILE      where the key log goes (default: keys.log in --out)\n"
    "  -q, --quiet            no progress on stderr\n"
    "  -h, --help             this text\n"
    "      --version          name and version\n"
    "\n"
    "Results: LINK.pcapng for each link, keys.log, events.jsonl, story.jsonl, authority.conf, and "
    "ROUTER.log.\n"
    "Exit status: 0 all expectations were met, 1 some were not, 2 usage, configuration or script is wrong,\n"
    "3 the lab cannot do what the scenario wants: the last line says what, as \"unsupported: ...\".\n";

/* Takes our own option out of the arguments. The rest are svrsim's. False when its value is wrong. */
static bool take_rate(int *argc, char **argv, uint32_t *rate) {
    static const char name[] = "--clock-rate";
    int n = 1;
    for (int i = 1; i < *argc; i++) {
        bool joined = strncmp(argv[i], name, strlen(name)) == 0 && argv[i][strlen(name)] == '=';
        if (!joined && strcmp(argv[i], name) != 0) {
            argv[n++] = argv[i];
            continue;
        }
        const char *value = joined ? argv[i] + strlen(name) + 1 : i + 1 < *argc ? argv[++i] : "";
        char *end;
        unsigned long v = strtoul(value, &end, 10);
        if (end == value || *end || *value == '-' || v < 1 || v > RATE_MAX) {
            fprintf(stderr, "svrlab: --clock-rate %s: expected a number from 1 to %d\n", value, RATE_MAX);
            return false;
        }
        *rate = (uint32_t)v;
    }
    *argc = n;
    argv[n] = NULL;
    return true;
}

/* Answers --help and --version, in our own words. */
static bool answered(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            fputs(help, stdout);
        else if (strcmp(argv[i], "--version") == 0)
            puts("svrlab " SVR_VERSION);
        else
            continue;
        return true;
    }
    return false;
}

static int run(const svrsim_options *options, uint32_t rate) {
    static const char unsupported[] = "unsupported: ";
    if (access(options->script, R_OK) != 0) {
        perror(options->script);
        return STATUS_WRONG;
    }
    if (geteuid() != 0) {
        fputs("svrlab: needs root, to make network namespaces\n", stderr);
        return STATUS_WRONG;
    }
    svrsim *lab = lab_new(options, rate);
    if (!lab) return STATUS_WRONG;
    int status = svrsim_script_run(lab, options->script);
    if (status == STATUS_WRONG && strncmp(svrsim_reason(lab), unsupported, strlen(unsupported)) == 0) {
        fprintf(stderr, "%s\n", svrsim_reason(lab));
        status = STATUS_UNSUPPORTED;
    }
    if (svrsim_del(lab) != 0 && status == 0) status = STATUS_WRONG;
    return status;
}

int main(int argc, char **argv) {
    svrsim_options options;
    uint32_t rate = RATE_DEFAULT;
    int status = 0;
    if (answered(argc, argv)) return 0;
    if (!take_rate(&argc, argv, &rate)) return STATUS_WRONG;
    switch (svrsim_options_parse(argc, argv, &options)) {
    case SVRSIM_RUN: status = run(&options, rate); break;
    case SVRSIM_DONE: break;
    case SVRSIM_USAGE: status = STATUS_WRONG; break;
    }
    svrsim_options_fini(&options);
    return status;
}

/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"

static const char help[] =
    "Usage: svrsim run FILE.lua [OPTION]...\n"
    "       svrsim emulate FILE.lua [OPTION]...\n"
    "run: runs a scenario in the simulator. emulate: runs it in real time with real routers, between hosts "
    "and\n"
    "links of the simulator; needs root, and takes what 'svrlab --help' says.\n"
    "\n"
    "      --seed N           seed of everything random, 1 to 4294967295 (default 1)\n"
    "      --out DIR          where the results go (default out/NAME-OF-THE-SCENARIO)\n"
    "      --set NAME=VALUE   set a parameter of the scenario; may be repeated\n"
    "      --until TIME       stop at this simulated time at the latest, e.g. 90s, 26h, 1.5ms\n"
    "      --pcap DIR         where the captures go (default: as --out)\n"
    "      --keylog FILE      where the key log goes (default: keys.log in --out)\n"
    "  -q, --quiet            no progress on stderr\n"
    "  -h, --help             this text\n"
    "      --version          name and version\n"
    "\n"
    "Results: LINK.pcapng for each link, keys.log, events.jsonl, authority.conf.\n"
    "The same seed gives the same bytes.\n"
    "Exit status: 0 all expectations were met, 1 some were not, 2 usage, configuration or script is wrong.\n";

enum { OPT_SEED = 256, OPT_OUT, OPT_SET, OPT_UNTIL, OPT_PCAP, OPT_KEYLOG, OPT_VERSION };

static const struct option known[] = {
    {"seed", required_argument, NULL, OPT_SEED}, {"out", required_argument, NULL, OPT_OUT},
    {"set", required_argument, NULL, OPT_SET},   {"until", required_argument, NULL, OPT_UNTIL},
    {"pcap", required_argument, NULL, OPT_PCAP}, {"keylog", required_argument, NULL, OPT_KEYLOG},
    {"quiet", no_argument, NULL, 'q'},           {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION}, {NULL, 0, NULL, 0},
};

bool svrsim_parse_span(const char *text, svr_time *out) {
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1},     {"us", 1e3},   {"ms", 1e6},       {"s", 1e9},
                 {"min", 60e9}, {"h", 3600e9}, {"d", 24 * 3600e9}};
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    double v = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0 || v * units[i].ns > 9e18) continue;
        *out = (svr_time)(v * units[i].ns + 0.5);
        return true;
    }
    return false;
}

static bool parse_seed(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || v == 0 || v > UINT32_MAX) return false;
    *out = v;
    return true;
}

static bool bad(const char *option, const char *value, const char *wanted) {
    fprintf(stderr, "%s: %s %s: %s\n", program_invocation_short_name, option, value, wanted);
    return false;
}

static bool add_setting(svrsim_options *o, char *text) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return bad("--set", text, "expected NAME=VALUE");
    char **more = realloc(o->settings, (o->n_settings + 1) * sizeof *more);
    if (!more) return bad("--set", text, "memory is short");
    o->settings = more;
    o->settings[o->n_settings++] = text;
    return true;
}

static bool take(svrsim_options *o, int option, char *value) {
    switch (option) {
    case OPT_SEED:
        o->seed_given = true;
        return parse_seed(value, &o->seed) || bad("--seed", value, "expected a number from 1 to 4294967295");
    case OPT_UNTIL:
        return svrsim_parse_span(value, &o->until) ||
               bad("--until", value, "expected a time with unit: ns, us, ms, s, min, h or d");
    case OPT_SET: return add_setting(o, value);
    case OPT_OUT: free((char *)o->out_dir); return (o->out_dir = strdup(value)) != NULL;
    case OPT_PCAP: o->pcap_dir = value; return true;
    case OPT_KEYLOG: o->keylog = value; return true;
    case 'q': o->quiet = true; return true;
    default: fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name); return false;
    }
}

/* out/NAME for some/folder/NAME.lua. */
static char *default_out(const char *script) {
    const char *base = strrchr(script, '/');
    base = base ? base + 1 : script;
    size_t n = strlen(base);
    if (n > 4 && strcmp(base + n - 4, ".lua") == 0) n -= 4;
    char *out = malloc(n + 5);
    if (out) snprintf(out, n + 5, "out/%.*s", (int)n, base);
    return out;
}

static svrsim_command finish(int argc, char **argv, svrsim_options *o) {
    if (argc - optind != 2 || strcmp(argv[optind], "run") != 0) {
        const char *me = program_invocation_short_name;
        fprintf(stderr, "Usage: %s run FILE.lua [OPTION]...\nTry '%s --help'.\n", me, me);
        return SVRSIM_USAGE;
    }
    o->script = argv[optind + 1];
    if (!o->out_dir) o->out_dir = default_out(o->script);
    return o->out_dir ? SVRSIM_RUN : SVRSIM_USAGE;
}

svrsim_command svrsim_options_parse(int argc, char **argv, svrsim_options *o) {
    int option;
    *o = (svrsim_options){.seed = 1, .until = SVR_TIME_NEVER};
    while ((option = getopt_long(argc, argv, "hq", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return SVRSIM_DONE;
        }
        if (option == OPT_VERSION) {
            puts("svrsim " SVR_VERSION);
            return SVRSIM_DONE;
        }
        if (!take(o, option, optarg)) return SVRSIM_USAGE;
    }
    return finish(argc, argv, o);
}

void svrsim_options_fini(svrsim_options *o) {
    free(o->settings);
    free((char *)o->out_dir);
    *o = (svrsim_options){0};
}

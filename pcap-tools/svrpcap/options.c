/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/version.h"

static const svrpcap_command *const commands[] = {&svrpcap_info,   &svrpcap_dump, &svrpcap_decrypt,
                                                  &svrpcap_verify, &svrpcap_keys, &svrpcap_stats,
                                                  &svrpcap_follow, &svrpcap_live, NULL};

enum { OPT_JSON = 256, OPT_TIME, OPT_ALL, OPT_SVG, OPT_HEX, OPT_COLOUR };

static const struct option known[] = {
    {"keylog", required_argument, NULL, 'k'},
    {"json", no_argument, NULL, OPT_JSON},
    {"output", required_argument, NULL, 'o'},
    {"filter", required_argument, NULL, 'f'},
    {"time", required_argument, NULL, OPT_TIME},
    {"count", required_argument, NULL, 'c'},
    {"verbose", no_argument, NULL, 'v'},
    {"all", no_argument, NULL, OPT_ALL},
    {"svg", required_argument, NULL, OPT_SVG},
    {"hex", no_argument, NULL, OPT_HEX},
    {"colour", required_argument, NULL, OPT_COLOUR},
    {"color", required_argument, NULL, OPT_COLOUR},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Which option may stand with which command, and how --help tells it. */
static const struct {
    int option;
    unsigned bit;
    const char *help;
} options[] = {
    {'k', SVRPCAP_O_KEYLOG,
     "  -k, --keylog FILE      keys, besides those in the capture's comments; may be repeated"},
    {'f', SVRPCAP_O_FILTER,
     "  -f, --filter EXPR      only packets that libpcap's filter takes; see pcap-filter(7)"},
    {'o', SVRPCAP_O_OUTPUT, "  -o, --output FILE      where the capture goes (default: -, standard output)"},
    {'c', SVRPCAP_O_COUNT, "  -c, --count N          stop after N packets"},
    {OPT_TIME, SVRPCAP_O_TIME,
     "      --time KIND        utc (default), relative to the first packet, or epoch"},
    {OPT_JSON, SVRPCAP_O_JSON, "      --json             JSON, for programs"},
    {'v', SVRPCAP_O_VERBOSE, "  -v, --verbose          more of each packet"},
    {OPT_HEX, SVRPCAP_O_HEX, "      --hex              payloads as hex"},
    {OPT_ALL, SVRPCAP_O_ALL, "      --all              leave nothing out"},
    {OPT_SVG, SVRPCAP_O_SVG, "      --svg FILE         the plot as a drawing"},
    {OPT_COLOUR, SVRPCAP_O_COLOUR, "      --colour WHEN      auto (default: on a terminal), always or never"},
};

int svrpcap_error(const char *format, ...) {
    va_list args;
    fputs("svrpcap: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return SVRPCAP_UNUSABLE;
}

static int usage(FILE *out) {
    fputs("Usage: svrpcap COMMAND [OPTION]... CAPTURE [FILTER]\n"
          "What captures of SVR routers say: pcapng and pcap, of any size, - for standard input.\n\n",
          out);
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nsvrpcap COMMAND --help tells more, with examples; svrpcap --version the release.\n"
          "Keys are read from the capture's comments, and with --keylog from a key log of svrd, svrsim or "
          "svrlab.\n"
          "Exit status: 0 fine, 1 verify found faults, 2 the input or the arguments cannot be used.\n",
          out);
    return SVRPCAP_FINE;
}

static int command_help(const svrpcap_command *c) {
    printf("%s\n", c->help);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (c->takes & options[i].bit) puts(options[i].help);
    puts("  -h, --help             this text");
    return SVRPCAP_FINE;
}

/* ---- one command ---------------------------------------------------------------------------- */

static bool takes(const svrpcap_command *c, int option) {
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].option == option) return c->takes & options[i].bit;
    return false;
}

static bool choose(const char *option, const char *value, const char *const *from, size_t *out) {
    for (*out = 0; from[*out]; ++*out)
        if (strcmp(value, from[*out]) == 0) return true;
    fprintf(stderr, "svrpcap: %s %s: expected ", option, value);
    for (size_t i = 0; from[i]; i++)
        fprintf(stderr, "%s%s", i ? from[i + 1] ? ", " : " or " : "", from[i]);
    fputc('\n', stderr);
    return false;
}

static bool take_count(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out) return true;
    svrpcap_error("--count %s: expected a number from 1", text);
    return false;
}

static bool take(svrpcap_options *o, int option, const char *value) {
    static const char *const times[] = {"utc", "relative", "epoch", NULL}, *const when[] = {"auto", "always",
                                                                                            "never", NULL};
    size_t chosen;
    switch (option) {
    case 'k':
        if (o->n_keylogs == SVRPCAP_KEYLOGS_MAX)
            return svrpcap_error("%s: more than %d key logs", value, SVRPCAP_KEYLOGS_MAX) == SVRPCAP_FINE;
        o->keylogs[o->n_keylogs++] = value;
        return true;
    case 'o': o->output = value; return true;
    case 'f': o->filter = value; return true;
    case 'v': o->verbose = true; return true;
    case 'c': return take_count(value, &o->count);
    case OPT_JSON: o->json = true; return true;
    case OPT_ALL: o->all = true; return true;
    case OPT_SVG: o->svg = value; return true;
    case OPT_HEX: o->hex = true; return true;
    case OPT_TIME:
        if (!choose("--time", value, times, &chosen)) return false;
        o->time = (svrpcap_time)chosen;
        return true;
    case OPT_COLOUR:
        if (!choose("--colour", value, when, &chosen)) return false;
        o->colour = chosen == 1 || (chosen == 0 && o->colour);
        return true;
    default: return false;
    }
}

/* Words behind those that the command knows are a filter, as tcpdump has it. */
static bool take_filter(const svrpcap_command *c, svrpcap_options *o) {
    static char expression[4096];
    size_t n = 0;
    if (o->n_words <= c->words_max) return true;
    if (!(c->takes & SVRPCAP_O_FILTER)) {
        svrpcap_error("%s: '%s' is one word too many; svrpcap %s --help", c->name, o->words[c->words_max],
                      c->name);
        return false;
    }
    for (size_t i = c->words_max; i < o->n_words && n < sizeof expression; i++)
        n += (size_t)snprintf(expression + n, sizeof expression - n, "%s%s", n ? " " : "", o->words[i]);
    if (n >= sizeof expression || o->filter) {
        svrpcap_error("%s: %s", c->name, o->filter ? "two filters are given" : "the filter is too long");
        return false;
    }
    o->n_words = c->words_max;
    o->filter = expression;
    return true;
}

/* What was written may still be on its way. A reader that has gone is no fault: it had enough. */
static int finish(FILE *out, int status) {
    errno = 0;
    if (fflush(out) == 0 && !ferror(out)) return status;
    struct pollfd p = {.fd = fileno(out), .events = POLLOUT}; /* stdio has forgotten why it failed */
    if (errno == EPIPE || (poll(&p, 1, 0) > 0 && (p.revents & POLLERR))) return status;
    return svrpcap_error("the output cannot be written: %s",
                         errno ? strerror(errno) : "the disk may be full");
}

static int run(const svrpcap_command *c, int argc, char **argv) {
    svrpcap_options o = {
        .command = c->name, .out = stdout, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    int option;
    optind = 0;
    while ((option = getopt_long(argc, argv, "k:o:f:c:vh", known, NULL)) >= 0) {
        if (option == 'h') return command_help(c);
        if (option == '?') return svrpcap_error("svrpcap %s --help lists the options", c->name);
        if (!takes(c, option))
            return svrpcap_error("%s does not take '%s'; svrpcap %s --help", c->name, argv[optind - 1],
                                 c->name);
        if (!take(&o, option, optarg)) return SVRPCAP_UNUSABLE;
    }
    o.words = argv + optind;
    o.n_words = (size_t)(argc - optind);
    if (o.n_words < c->words_min)
        return svrpcap_error("%s: an argument is missing; svrpcap %s --help", c->name, c->name);
    if (!take_filter(c, &o)) return SVRPCAP_UNUSABLE;
    return finish(o.out, c->run(&o));
}

int svrpcap_main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* writing fails instead, and the program ends quietly */
    if (argc < 2) {
        usage(stderr);
        return SVRPCAP_UNUSABLE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return usage(stdout);
    if (strcmp(argv[1], "--version") == 0) return printf("svrpcap %s\n", SVR_VERSION) < 0;
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(argv[1], commands[i]->name) == 0) return run(commands[i], argc - 1, argv + 1);
    return svrpcap_error("there is no command '%s'; svrpcap --help lists them", argv[1]);
}

/* SPDX-License-Identifier: MIT
 * The command line. Every command has the same options as far as they apply to it. */
#ifndef SVRPCAP_OPTIONS_H
#define SVRPCAP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SVRPCAP_KEYLOGS_MAX 16 /* each router may have its own */
#define SVRPCAP_FINE 0
#define SVRPCAP_FAULTS 1   /* verify found faults */
#define SVRPCAP_UNUSABLE 2 /* arguments or input */

typedef enum svrpcap_time { SVRPCAP_TIME_UTC, SVRPCAP_TIME_RELATIVE, SVRPCAP_TIME_EPOCH } svrpcap_time;

/* Which options a command takes. */
enum {
    SVRPCAP_O_KEYLOG = 1 << 0,
    SVRPCAP_O_JSON = 1 << 1,
    SVRPCAP_O_OUTPUT = 1 << 2,
    SVRPCAP_O_FILTER = 1 << 3,
    SVRPCAP_O_TIME = 1 << 4,
    SVRPCAP_O_COUNT = 1 << 5,
    SVRPCAP_O_VERBOSE = 1 << 6,
    SVRPCAP_O_ALL = 1 << 7,
    SVRPCAP_O_SVG = 1 << 8,
    SVRPCAP_O_HEX = 1 << 9,
    SVRPCAP_O_COLOUR = 1 << 10,
};

typedef struct svrpcap_options {
    const char *command;
    const char *keylogs[SVRPCAP_KEYLOGS_MAX], *output, *filter, *svg;
    size_t n_keylogs;
    bool json, verbose, all, hex, colour;
    svrpcap_time time;
    uint64_t count; /* 0: no end */
    /* What is left: file or interface, session, and so on. */
    char **words;
    size_t n_words;
    FILE *out; /* standard output, but for tests */
} svrpcap_options;

typedef struct svrpcap_command {
    const char *name, *summary, *help;
    unsigned takes;              /* SVRPCAP_O_... */
    size_t words_min, words_max; /* apart from a filter */
    int (*run)(const svrpcap_options *o);
} svrpcap_command;

extern const svrpcap_command svrpcap_info, svrpcap_dump, svrpcap_decrypt, svrpcap_verify, svrpcap_keys,
    svrpcap_stats, svrpcap_follow, svrpcap_live;

/* Finds the command and runs it; returns the exit status. */
int svrpcap_main(int argc, char **argv);
/* Says on standard error what is wrong; returns SVRPCAP_UNUSABLE. */
__attribute__((format(printf, 1, 2))) int svrpcap_error(const char *format, ...);

#endif

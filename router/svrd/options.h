/* SPDX-License-Identifier: MIT
 * The command line of svrd. */
#ifndef SVRD_OPTIONS_H
#define SVRD_OPTIONS_H

#include "svr/node.h"

#define SVRD_CLOCK_RATE_MAX 10000

typedef enum svrd_action { SVRD_RUN, SVRD_CHECK, SVRD_HELP, SVRD_SHOW_VERSION } svrd_action;

/* All texts point into the arguments; NULL when not given. */
typedef struct svrd_options {
    svrd_action action;
    const char *config; /* always given for SVRD_RUN and SVRD_CHECK */
    const char *router; /* always given for SVRD_RUN */
    const char *node;
    const char *control; /* path of the control socket */
    const char *keylog;
    const char *events;      /* "-": standard output */
    const char *certificate; /* these four stand in for the files that the configuration names */
    const char *private_key;
    const char *trusted_ca;
    const char *crl;
    bool offload;              /* super-packets, where the kernel can */
    const char *user;          /* who to be once everything is open; NULL: see svrd_privileges_find */
    const char *control_group; /* whose the control socket is; NULL: SVRD_GROUP, where there is one */
    bool no_sandbox;
    uint32_t clock_rate; /* 1 unless given */
    bool clock_set;      /* see svrd_clock_set */
    svr_wall clock_system, clock_wall;
} svrd_options;

extern const char svrd_options_help[];

/* Reads the arguments. 0, or -1 with `err` saying what is unknown, missing or out of range. */
int svrd_options_parse(int argc, char **argv, svrd_options *out, svr_error *err);

#endif

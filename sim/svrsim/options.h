/* SPDX-License-Identifier: MIT
 * The command line of svrsim. */
#ifndef SVRSIM_OPTIONS_H
#define SVRSIM_OPTIONS_H

#include "svrsim/sim.h"

typedef enum svrsim_command { SVRSIM_RUN, SVRSIM_DONE, SVRSIM_USAGE } svrsim_command;

/* SVRSIM_DONE: --help or --version was answered. SVRSIM_USAGE: what is wrong was reported. `options` points
 * into `argv` and owns `settings` and `out_dir`; see svrsim_options_fini. */
svrsim_command svrsim_options_parse(int argc, char **argv, svrsim_options *options);
void svrsim_options_fini(svrsim_options *options);
/* Reads a span like "90s", "26h" or "1.5ms"; false when it is none. */
bool svrsim_parse_span(const char *text, svr_time *out);

#endif

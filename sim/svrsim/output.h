/* SPDX-License-Identifier: MIT
 * The files of a run: journal, captures, the configuration. Functions that can fail return NULL or -1, with
 * the reason in `reason`. */
#ifndef SVRSIM_OUTPUT_H
#define SVRSIM_OUTPUT_H

#include "svrsim/capture.h"
#include "svrsim/journal.h"
#include "svrsim/sim.h"

#define SVRSIM_FILE_NAME_MAX 4096

/* All zero before svrsim_output_open. */
typedef struct svrsim_output {
    const svrsim_options *options;
    svrsim_journal *journal;
    svrsim_capture **captures;
    size_t n_captures;
    char reason[512];
} svrsim_output;

/* What a capture shows: a link, and both its ends. */
typedef struct svrsim_subject {
    const char *name;
    const char *const *ends; /* two */
} svrsim_subject;

/* Makes the folders and the journal. The options must outlive it. */
int svrsim_output_open(svrsim_output *o, const svrsim_options *options);
/* Closes all of it, and says on stderr what could not be written: then -1. May be called more than once. */
int svrsim_output_close(svrsim_output *o);
/* The path of NAME with that suffix in the run's folder. */
int svrsim_output_path(svrsim_output *o, char out[SVRSIM_FILE_NAME_MAX], const char *name,
                       const char *suffix);
/* Writes the configuration of all routers down. */
int svrsim_output_config(svrsim_output *o, const char *text);
/* A new capture; it belongs to the output. `epoch`: wall time at instant 0. `keys`: NULL for none. */
svrsim_capture *svrsim_output_capture(svrsim_output *o, const svrsim_subject *subject, svr_wall epoch,
                                      const svrsim_window *windows, size_t n_windows,
                                      const svrsim_keylines *keys);

#endif

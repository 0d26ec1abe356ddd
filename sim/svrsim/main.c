/* SPDX-License-Identifier: MIT
 * svrsim: runs scenarios in the simulator. */
#include "svrsim/options.h"
#include "svrsim/script.h"

#include <stdio.h>
#include <unistd.h>

static int run(const svrsim_options *options) {
    if (access(options->script, R_OK) != 0) {
        perror(options->script);
        return 2;
    }
    svrsim *sim = svrsim_new(options);
    if (!sim) return 2;
    int status = svrsim_script_run(sim, options->script);
    if (svrsim_del(sim) != 0 && status == 0) status = 2;
    return status;
}

int main(int argc, char **argv) {
    svrsim_options options;
    int status = 0;
    switch (svrsim_options_parse(argc, argv, &options)) {
    case SVRSIM_RUN: status = run(&options); break;
    case SVRSIM_DONE: break;
    case SVRSIM_USAGE: status = 2; break;
    }
    svrsim_options_fini(&options);
    return status;
}

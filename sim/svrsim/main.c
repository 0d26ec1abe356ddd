/* SPDX-License-Identifier: MIT
 * svrsim: runs scenarios in the simulator. */
#include "svrsim/options.h"
#include "svrsim/script.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/beside.h"

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

/* "svrsim emulate ...": svrlab runs the scenario, as fast as real time does unless it is told otherwise. */
static int emulate(int argc, char **argv) {
    char path[PATH_MAX], run_word[] = "run", rate[] = "--clock-rate=1";
    char **words = calloc((size_t)argc + 2, sizeof *words);
    if (!words) return 2;
    words[0] = path;
    words[1] = run_word;
    words[2] = rate;
    for (int i = 2; i < argc; i++)
        words[i + 1] = argv[i];
    if (svr_program_beside("svrlab", path, sizeof path)) execv(path, words);
    perror("svrsim: svrlab");
    free(words);
    return 2;
}

int main(int argc, char **argv) {
    svrsim_options options;
    int status = 0;
    if (argc > 1 && strcmp(argv[1], "emulate") == 0) return emulate(argc, argv);
    switch (svrsim_options_parse(argc, argv, &options)) {
    case SVRSIM_RUN: status = run(&options); break;
    case SVRSIM_DONE: break;
    case SVRSIM_USAGE: status = 2; break;
    }
    svrsim_options_fini(&options);
    return status;
}

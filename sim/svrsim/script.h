/* SPDX-License-Identifier: MIT
 * Runs a scenario in Lua. */
#ifndef SVRSIM_SCRIPT_H
#define SVRSIM_SCRIPT_H

#include "svrsim/sim.h"

/* 0: passed; 1: an expectation failed; 2: the scenario itself is wrong, which was reported on stderr. */
int svrsim_script_run(svrsim *sim, const char *file);

#endif

/* SPDX-License-Identifier: MIT
 * The lab: what scenarios are run on by svrsim/sim.h, with real routers in namespaces between hosts and links
 * of ns-3, and a clock that runs `rate` times as fast as the machine's. What it cannot do fails with a reason
 * that begins with "unsupported: ". */
#ifndef SVRLAB_LAB_H
#define SVRLAB_LAB_H

#include "svrsim/sim.h"

/* As svrsim_new; NULL when something is wrong, which was reported. */
svrsim *lab_new(const svrsim_options *options, uint32_t rate);

#endif

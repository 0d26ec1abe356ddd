/* SPDX-License-Identifier: MIT
 * The step from starting a router to running it: gives up every right that only the start needed. */
#ifndef SVRD_CONFINE_H
#define SVRD_CONFINE_H

#include "svrd/host.h"

/* Whether the user and the group that the options name are there. 0, or -1 with `err`. */
int svrd_confine_check(const svrd_options *options, svr_error *err);

/* For a router that is open in full. Gives the control socket to its group, becomes the user that the options
 * name, sees whether that user can do what will be wanted later (read certificates again, take over from the
 * other node), and confines the system calls. 0, or -1 with `err`: then some of it may have happened. */
int svrd_confine(svrd_host *h, svr_error *err);

/* For a reload: when `err` tells of a lack of rights, says what would help. */
void svrd_confine_advise(svr_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * Which system calls svrd may make once it runs. */
#ifndef SVRD_SANDBOX_H
#define SVRD_SANDBOX_H

#include "svrd/fail.h"

/* From now on: reading and writing what is open; sockets of the families that svrd uses; reading files, but
 * neither making nor changing any, except that its socket can be removed; memory, but none that can be
 * executed. What else the C library may try fails with EPERM. What only an intruder would try (starting
 * programs, tracing, mounting, loading) ends the process. The kernel logs both. 0, or -1 with `err`. */
int svrd_sandbox_enter(svr_error *err);

#endif

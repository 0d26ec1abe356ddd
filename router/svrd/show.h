/* SPDX-License-Identifier: MIT
 * `show host`: what the kernel and svrd did with packets, which the node cannot know. */
#ifndef SVRD_SHOW_H
#define SVRD_SHOW_H

#include "svrd/host.h"

/* Writes the report, as text or JSON. False when memory is short. */
bool svrd_show_host(const svrd_host *h, bool json, FILE *out);

#endif

/* SPDX-License-Identifier: MIT
 * One question to a router's control socket. */
#ifndef SVRCTL_ASK_H
#define SVRCTL_ASK_H

#include <stddef.h>
#include <sys/types.h>

/* Sends a question (common/control.h) and reads the whole answer into `*out`, which the caller frees. Its
 * length; -1 when nothing takes questions there, -2 when no answer came; errno says why. */
ssize_t svrctl_ask(const char *path, const char *line, size_t len, char **out);

#endif

/* SPDX-License-Identifier: MIT
 * svrctl top: a live view of a router. */
#ifndef SVRCTL_TOP_H
#define SVRCTL_TOP_H

/* Shows what the router at this socket does, anew each second, until `q` or a signal; where standard output
 * is no terminal, one picture of a second. The exit status. */
int svrctl_top(const char *socket);

#endif

/* SPDX-License-Identifier: MIT
 * Inside the conformance suite: the parts of conform.core. Each adds to the table on top of the stack. */
#ifndef CONFORMANCE_CORE_H
#define CONFORMANCE_CORE_H

#include <lua.h>

/* Raises an error that is for the user: the text alone, without a place in our own code. */
int conform_fail(lua_State *L, const char *format, ...);

void conform_open_captures(lua_State *L);    /* trace.c */
void conform_open_host(lua_State *L);        /* host.c: files, programs */
void conform_open_crypto(lua_State *L);      /* crypto.c: ciphers, datagrams */
void conform_open_credentials(lua_State *L); /* credentials.c: certificates, good and bad */
void conform_open_probe(lua_State *L);       /* probe.c: a router on a real device */

#endif

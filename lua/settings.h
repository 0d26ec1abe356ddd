/* SPDX-License-Identifier: MIT
 * What an authority configuration says about key management, as a Lua table. */
#ifndef LUA_SETTINGS_H
#define LUA_SETTINGS_H

#include <lua.h>

#include "svr/config.h"

/* Reads a configuration and pushes a table. When it is good: `accepted` = true; enhanced; peer_rekey_hours
 * and payload_rekey_hours (0: never); retransmit, timeout (seconds); fail_hard; kex ("diffie-hellman",
 * "P-521", "X25519"); dh_bits; routers, a list of {name=, pcn=, peers = {{name=, pcn=, generated=, paths=},
 * ...}}. Else `accepted` = false with line, column (from 1) and message. */
void lua_push_settings(lua_State *L, const char *text, size_t len);

#endif

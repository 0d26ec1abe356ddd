/* SPDX-License-Identifier: MIT
 * The Lua modules that are built into the program. */
#ifndef LUA_MODULES_H
#define LUA_MODULES_H

typedef struct lua_module {
    const char *name; /* e.g. "svr.net"; NULL ends the list */
    const char *text;
} lua_module;

extern const lua_module lua_modules[];

struct lua_State;
/* A searcher for package.searchers: finds them by name. */
int lua_modules_search(struct lua_State *L);

#endif

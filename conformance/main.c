/* SPDX-License-Identifier: MIT
 *
 * svrconform: judges whether routers do what is demanded (docs/requirements.md). This program brings
 * captures, events and other programs to Lua; what is judged, and how it is told, is written in conform/:
 *
 *   cli         the command line      judge      one pass over a trace, all checks side by side
 *   catalogue   every requirement     checks     what decides it, and how a trace is bent to break it
 *   scenarios   what is run           report     TAP, JSON, a table
 *   junit, html reports; html draws with map, timeline and sequence what collect saw, in the words of markup
 * and style */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "common/version.h"
#include "core.h"
#include "modules.h"
#include "trace.h"

int conform_open_core(lua_State *L) {
    lua_newtable(L);
    conform_open_captures(L);
    conform_open_host(L);
    conform_open_crypto(L);
    conform_open_credentials(L);
    conform_open_probe(L);
    lua_pushstring(L, SVR_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}

int conform_fail(lua_State *L, const char *format, ...) {
    va_list args;
    va_start(args, format);
    lua_pushvfstring(L, format, args);
    va_end(args);
    return lua_error(L);
}

/* Our own modules and nothing else. */
static void set_search(lua_State *L) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    lua_pushcfunction(L, lua_modules_search);
    lua_rawseti(L, -2, 2);
    for (lua_Integer i = luaL_len(L, -1); i > 2; i--) {
        lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 2);
}

/* An error raised on purpose is text without a place; anything else is our own fault and gets a traceback. */
static int describe(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    if (text && text[0] != '[') return 1;
    luaL_traceback(L, L, text, 1);
    return 1;
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    if (!L) return 2;
    luaL_openlibs(L);
    luaL_requiref(L, "conform.core", conform_open_core, 0);
    lua_pop(L, 1);
    set_search(L);
    lua_pushcfunction(L, describe);
    lua_getglobal(L, "require");
    lua_pushstring(L, "conform.cli");
    lua_call(L, 1, 1);
    for (int i = 1; i < argc; i++)
        lua_pushstring(L, argv[i]);
    int status = 2;
    if (lua_pcall(L, argc - 1, 1, 1) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "svrconform: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return status;
}

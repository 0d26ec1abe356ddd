/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "bindings.h"
#include "modules.h"

static int open_core(lua_State *L) {
    lua_newtable(L);
    lua_open_net(L);
    lua_open_flow(L);
    lua_open_run(L);
    lua_open_ca(L);
    return 1;
}

/* Ours come behind package.preload and before files; files are looked for next to the scenario. */
static void set_search(lua_State *L, const char *file) {
    const char *slash = strrchr(file, '/');
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = n; i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, lua_modules_search);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 1);
    lua_pushlstring(L, file, slash ? (size_t)(slash - file) + 1 : 0);
    lua_pushstring(L, "?.lua");
    lua_concat(L, 2);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
}

void lua_host_init(lua_host *host, svrsim *sim, lua_State *L) {
    *host = (lua_host){.sim = sim, .lua = L, .on_event = LUA_NOREF, .error = LUA_NOREF};
    *(lua_host **)lua_getextraspace(L) = host;
    luaL_openlibs(L);
    luaL_requiref(L, "svr.core", open_core, 0);
    lua_pop(L, 1);
    set_search(L, svrsim_get_options(sim)->script);
}

/* After the script: whatever a module still wants to say or check. */
static int run_file(lua_State *L) {
    if (luaL_loadfilex(L, lua_tostring(L, 1), "t") != LUA_OK) return lua_error(L);
    lua_call(L, 0, 0);
    lua_getglobal(L, "require");
    lua_pushstring(L, "svr.params");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "finish");
    lua_call(L, 0, 0);
    return 0;
}

int svrsim_script_run(svrsim *sim, const char *file) {
    lua_host host;
    lua_State *L = luaL_newstate();
    if (!L) return 2;
    lua_host_init(&host, sim, L);
    lua_pushcfunction(L, lua_host_locate);
    lua_pushcfunction(L, run_file);
    lua_pushstring(L, file);
    int status = 0;
    if (lua_pcall(L, 1, 0, 1) != LUA_OK) {
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, lua_tostring(L, -1));
        status = 2;
    } else if (host.failures) {
        status = 1;
    }
    lua_host_fini(&host);
    lua_close(L);
    return status;
}

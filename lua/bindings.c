/* SPDX-License-Identifier: MIT
 *
 * Errors are named by the line of the scenario that caused them, not by the line of a module of ours: the
 * message handler looks up the stack for the nearest function that comes from a file. */
#include "bindings.h"

#include <string.h>

#include <lauxlib.h>

int lua_host_raise(lua_State *L) {
    return luaL_error(L, "%s", svrsim_reason(lua_host_get(L)->sim));
}

int lua_host_raise_shim(lua_State *L) {
    return luaL_error(L, "%s", ns3shim_error());
}

/* Behind "[svr.net]:12: ", when the message begins like that. */
static const char *without_module(const char *message) {
    if (strncmp(message, "[svr.", 5) != 0) return message;
    const char *end = strstr(message, ": ");
    return end ? end + 2 : message;
}

int lua_host_locate(lua_State *L) {
    lua_Debug at;
    const char *message = luaL_tolstring(L, 1, NULL);
    const char *text = without_module(message);
    for (int level = 1; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        if (at.source[0] != '@' || at.currentline <= 0) continue;
        size_t n = strlen(at.short_src);
        if (strncmp(text, at.short_src, n) == 0 && text[n] == ':') break; /* it says so already */
        lua_pushfstring(L, "%s:%d: %s", at.short_src, at.currentline, text);
        return 1;
    }
    lua_pushstring(L, text);
    return 1;
}

void lua_host_call(lua_host *host, int n) {
    lua_State *L = host->lua;
    int base = lua_gettop(L) - n;
    lua_pushcfunction(L, lua_host_locate);
    lua_insert(L, base);
    if (lua_pcall(L, n, 0, base) == LUA_OK) {
        lua_remove(L, base);
        return;
    }
    if (host->broken)
        lua_pop(L, 1);
    else
        host->error = luaL_ref(L, LUA_REGISTRYINDEX);
    host->broken = true;
    lua_remove(L, base);
    svrsim_halt(host->sim);
}

lua_node *lua_node_check(lua_State *L, int at) {
    return luaL_checkudata(L, at, LUA_NODE);
}

lua_Integer lua_field_integer(lua_State *L, int at, const char *name, lua_Integer otherwise) {
    int ok;
    lua_getfield(L, at, name);
    lua_Integer v = lua_isnil(L, -1) ? otherwise : lua_tointegerx(L, -1, &ok);
    if (!lua_isnil(L, -1) && !ok) luaL_error(L, "%s must be a whole number", name);
    lua_pop(L, 1);
    return v;
}

lua_Number lua_field_number(lua_State *L, int at, const char *name, lua_Number otherwise) {
    lua_getfield(L, at, name);
    if (!lua_isnil(L, -1) && !lua_isnumber(L, -1)) luaL_error(L, "%s must be a number", name);
    lua_Number v = lua_isnil(L, -1) ? otherwise : lua_tonumber(L, -1);
    lua_pop(L, 1);
    return v;
}

bool lua_field_bool(lua_State *L, int at, const char *name) {
    lua_getfield(L, at, name);
    bool v = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

const char *lua_field_text(lua_State *L, int at, const char *name) {
    lua_getfield(L, at, name);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
    const char *v = lua_tostring(L, -1);
    lua_pop(L, 1);
    return v;
}

void lua_set_integer(lua_State *L, const char *name, uint64_t value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void lua_set_text(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

void lua_set_time(lua_State *L, const char *name, uint64_t value) {
    if (value != SVR_TIME_NEVER) lua_set_integer(L, name, value);
}

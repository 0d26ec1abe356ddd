/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include <string.h>

#include <lauxlib.h>

int lua_modules_search(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    for (const lua_module *m = lua_modules; m->name; m++) {
        if (strcmp(m->name, name) != 0) continue;
        const char *chunk = lua_pushfstring(L, "=[%s]", name);
        if (luaL_loadbufferx(L, m->text, strlen(m->text), chunk, "t") != LUA_OK) return lua_error(L);
        return 1;
    }
    lua_pushfstring(L, "no module '%s' in this program", name);
    return 1;
}

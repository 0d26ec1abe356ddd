/* SPDX-License-Identifier: MIT
 * Certificate authorities of a scenario. Times are nanoseconds from the beginning of the simulation, and may
 * be negative. */
#include "bindings.h"

#include <string.h>

#include <lauxlib.h>

#include "svr/authority.h"

static svr_wall wall_of(lua_State *L, lua_Integer time) {
    return svrsim_get_epoch(lua_host_get(L)->sim) + time;
}

static svr_ca *check_ca(lua_State *L, int at) {
    return *(svr_ca **)luaL_checkudata(L, at, LUA_CA);
}

static svr_key_kind key_kind(lua_State *L, int at) {
    svr_key_kind kind = SVR_KEY_P256;
    const char *name = lua_field_text(L, at, "key");
    if (!name || !svr_key_kind_parse(name, &kind))
        luaL_error(L, "'%s' is no kind of key: use p256, p384, p521, ed25519, rsa2048, rsa3072 or rsa4096",
                   name ? name : "");
    return kind;
}

static svr_name_place name_place(lua_State *L, int at) {
    static const char *const places[] = {
        [SVR_NAME_IN_BOTH] = "both", [SVR_NAME_IN_CN] = "cn", [SVR_NAME_IN_SAN] = "san"};
    const char *text = lua_field_text(L, at, "place");
    for (svr_name_place p = SVR_NAME_IN_BOTH; text && p <= SVR_NAME_IN_SAN; p++)
        if (strcmp(places[p], text) == 0) return p;
    luaL_error(L, "place is \"both\", \"cn\" or \"san\"");
    return SVR_NAME_IN_BOTH;
}

/* core.ca({name, key, from, until_}, [above]) */
static int new_ca(lua_State *L) {
    svr_error err = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    svr_ca_params params = {
        .common_name = lua_field_text(L, 1, "name"),
        .key = key_kind(L, 1),
        .not_before = wall_of(L, lua_field_integer(L, 1, "from", 0)),
        .not_after = wall_of(L, lua_field_integer(L, 1, "until_", 0)),
    };
    svr_ca *above = lua_isnoneornil(L, 2) ? NULL : check_ca(L, 2);
    svr_ca **ca = lua_newuserdatauv(L, sizeof(svr_ca *), 0);
    *ca = above ? svr_ca_new_intermediate(above, &params, &err)
                : svr_ca_new_root(svrsim_crypt(lua_host_get(L)->sim), &params, &err);
    if (!*ca) return luaL_error(L, "%s", err.message);
    luaL_setmetatable(L, LUA_CA);
    return 1;
}

static int ca_gc(lua_State *L) {
    svr_ca_del(check_ca(L, 1));
    return 0;
}

/* ca:issue{name, key, from, until_, place, serial}: {certificate, private_key, serial} */
static int ca_issue(lua_State *L) {
    svr_error err = {0};
    svr_ca_issued issued;
    svr_ca *ca = check_ca(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    svr_ca_order order = {
        .name = lua_field_text(L, 2, "name"),
        .place = name_place(L, 2),
        .key = key_kind(L, 2),
        .not_before = wall_of(L, lua_field_integer(L, 2, "from", 0)),
        .not_after = wall_of(L, lua_field_integer(L, 2, "until_", 0)),
        .serial = (uint64_t)lua_field_integer(L, 2, "serial", 0),
    };
    if (svr_ca_issue(ca, &order, &issued, &err) != 0) return luaL_error(L, "%s", err.message);
    lua_newtable(L);
    lua_set_text(L, "certificate", issued.certificate);
    lua_set_text(L, "private_key", issued.private_key);
    lua_set_integer(L, "serial", issued.serial);
    svr_ca_issued_free(ca, &issued);
    return 1;
}

/* ca:revoke(serial, when) */
static int ca_revoke(lua_State *L) {
    svr_error err = {0};
    uint64_t serial = (uint64_t)luaL_checkinteger(L, 2);
    if (svr_ca_revoke(check_ca(L, 1), serial, wall_of(L, luaL_checkinteger(L, 3)), &err) != 0)
        return luaL_error(L, "%s", err.message);
    return 0;
}

/* ca:crl(this update, next update): PEM text */
static int ca_crl(lua_State *L) {
    svr_error err = {0};
    svr_ca *ca = check_ca(L, 1);
    svr_wall from = wall_of(L, luaL_checkinteger(L, 2)), to = wall_of(L, luaL_checkinteger(L, 3));
    char *text = svr_ca_crl(ca, from, to, &err);
    if (!text) return luaL_error(L, "%s", err.message);
    lua_pushstring(L, text);
    svr_ca_text_free(ca, text);
    return 1;
}

/* ca:root(): PEM text */
static int ca_root(lua_State *L) {
    lua_pushstring(L, svr_ca_root_pem(check_ca(L, 1)));
    return 1;
}

static int ca_serial(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)svr_ca_serial(check_ca(L, 1)));
    return 1;
}

void lua_open_ca(lua_State *L) {
    static const luaL_Reg functions[] = {{"ca", new_ca}, {NULL, NULL}};
    static const luaL_Reg ca[] = {{"issue", ca_issue}, {"revoke", ca_revoke}, {"crl", ca_crl},
                                  {"root", ca_root},   {"serial", ca_serial}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, LUA_CA);
    luaL_newlib(L, ca);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, ca_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

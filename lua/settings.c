/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <lauxlib.h>

#include "common/heap.h"

static void set_number(lua_State *L, const char *name, lua_Integer v) {
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}
static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}
static void set_flag(lua_State *L, const char *name, bool v) {
    lua_pushboolean(L, v);
    lua_setfield(L, -2, name);
}

static const char *kex_name(svr_kex_algorithm kex) {
    switch (kex) {
    case SVR_KEX_DH: return "diffie-hellman";
    case SVR_KEX_ECDH_P521: return "P-521";
    case SVR_KEX_X25519: return "X25519";
    }
    return "";
}

static void push_peers(lua_State *L, const svr_router_config *r) {
    lua_createtable(L, (int)r->n_peers, 0);
    for (size_t i = 0; i < r->n_peers; i++) {
        lua_createtable(L, 0, 4);
        set_text(L, "name", r->peers[i].name);
        set_text(L, "pcn", r->peers[i].peering_common_name);
        set_flag(L, "generated", r->peers[i].generated);
        set_number(L, "paths", (lua_Integer)r->peers[i].n_paths);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_routers(lua_State *L, const svr_config *config) {
    lua_createtable(L, (int)config->n_routers, 0);
    for (size_t i = 0; i < config->n_routers; i++) {
        const svr_router_config *r = &config->routers[i];
        lua_createtable(L, 0, 3);
        set_text(L, "name", r->name);
        set_text(L, "pcn", r->peering_common_name);
        push_peers(L, r);
        lua_setfield(L, -2, "peers");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_accepted(lua_State *L, const svr_config *config) {
    const svr_key_management *k = &config->keys;
    set_flag(L, "accepted", true);
    set_flag(L, "enhanced", config->enhanced_security);
    set_number(L, "peer_rekey_hours", k->peer_key_rekey_hours);
    set_number(L, "payload_rekey_hours", k->payload_key_rekey_hours);
    set_number(L, "retransmit", k->retransmit_seconds);
    set_number(L, "timeout", k->timeout_seconds);
    set_flag(L, "fail_hard", k->invalid_certificate == SVR_FAIL_HARD);
    set_text(L, "kex", kex_name(k->kex));
    set_number(L, "dh_bits", k->dh_bits);
    push_routers(L, config);
    lua_setfield(L, -2, "routers");
}

void lua_push_settings(lua_State *L, const char *text, size_t len) {
    svr_config *config;
    svr_config_error err;
    lua_newtable(L);
    if (svr_config_parse(&svr_heap, text, len, &config, &err) == 0) {
        push_accepted(L, config);
        svr_config_del(config);
        return;
    }
    set_flag(L, "accepted", false);
    set_number(L, "line", err.line);
    set_number(L, "column", err.column);
    set_text(L, "message", err.message);
}

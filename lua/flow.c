/* SPDX-License-Identifier: MIT
 * Traffic between hosts. */
#include "bindings.h"

#include <lauxlib.h>

#define GAPS_MAX 4096

static int serve(lua_State *L) {
    return ns3shim_serve(lua_node_check(L, 1)->node, (uint16_t)luaL_checkinteger(L, 2))
               ? lua_host_raise_shim(L)
               : 0;
}

/* core.flow(host, {kind=, to=, port=, ...}): the fields of ns3shim_flow_opts. */
static int new_flow(lua_State *L) {
    static const char *const kinds[] = {"tcp-bulk", "tcp-rate", "tcp-request", "udp-rate",
                                        "udp-echo", "ping",     NULL};
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "kind");
    ns3shim_flow_opts opts = {
        .kind = (ns3shim_flow_kind)luaL_checkoption(L, -1, NULL, kinds),
        .source = lua_field_text(L, 2, "from"),
        .destination = lua_field_text(L, 2, "to"),
        .source_port = (uint16_t)lua_field_integer(L, 2, "source_port", 0),
        .port = (uint16_t)lua_field_integer(L, 2, "port", 0),
        .count = (uint64_t)lua_field_integer(L, 2, "count", 0),
        .stop_at = (uint64_t)lua_field_integer(L, 2, "stop", 0),
        .interval_ns = (uint64_t)lua_field_integer(L, 2, "interval", 0),
        .size = (uint32_t)lua_field_integer(L, 2, "size", 0),
        .reply_size = (uint32_t)lua_field_integer(L, 2, "reply_size", 0),
        .keep = lua_field_bool(L, 2, "keep"),
        .reconnect_ns = (uint64_t)lua_field_integer(L, 2, "reconnect", 0),
        .segment = (uint32_t)lua_field_integer(L, 2, "segment", 0),
    };
    ns3shim_flow *flow = ns3shim_flow_new(lua_node_check(L, 1)->node, &opts);
    if (!flow) return lua_host_raise_shim(L);
    *(ns3shim_flow **)lua_newuserdatauv(L, sizeof flow, 0) = flow;
    luaL_setmetatable(L, LUA_FLOW);
    return 1;
}

static ns3shim_flow *check_flow(lua_State *L) {
    return *(ns3shim_flow **)luaL_checkudata(L, 1, LUA_FLOW);
}

static int flow_stop(lua_State *L) {
    ns3shim_flow_stop(check_flow(L));
    return 0;
}

/* flow:burst(count, spacing) */
static int flow_burst(lua_State *L) {
    ns3shim_flow_burst(check_flow(L), (uint64_t)luaL_checkinteger(L, 2), (uint64_t)luaL_checkinteger(L, 3));
    return 0;
}

static int flow_stats(lua_State *L) {
    ns3shim_flow_stats s;
    ns3shim_flow_get_stats(check_flow(L), &s);
    lua_newtable(L);
    lua_set_integer(L, "sent", s.sent);
    lua_set_integer(L, "sent_bytes", s.sent_bytes);
    lua_set_integer(L, "unsent", s.unsent);
    lua_set_integer(L, "received", s.received);
    lua_set_integer(L, "received_bytes", s.received_bytes);
    lua_set_integer(L, "lost", s.sent - s.received);
    lua_set_integer(L, "duplicated", s.duplicated);
    lua_set_integer(L, "reordered", s.reordered);
    lua_set_integer(L, "corrupted", s.corrupted);
    lua_set_integer(L, "replies", s.replies);
    lua_set_integer(L, "reply_bytes", s.reply_bytes);
    lua_set_integer(L, "connects", s.connects);
    lua_set_integer(L, "failures", s.failures);
    lua_set_time(L, "first_sent", s.first_sent);
    lua_set_time(L, "last_received", s.last_received);
    lua_set_time(L, "completed", s.completed);
    if (s.replies) {
        lua_set_integer(L, "rtt_min", s.rtt_min_ns);
        lua_set_integer(L, "rtt_max", s.rtt_max_ns);
        lua_set_integer(L, "rtt_mean", s.rtt_sum_ns / s.replies);
    }
    return 1;
}

/* {{first=, count=, after=, before=}, ...}: see ns3shim_gap. */
static int flow_gaps(lua_State *L) {
    ns3shim_gap *gaps = lua_newuserdatauv(L, GAPS_MAX * sizeof *gaps, 0);
    size_t n = ns3shim_flow_gaps(check_flow(L), gaps, GAPS_MAX);
    lua_newtable(L);
    for (size_t i = 0; i < n && i < GAPS_MAX; i++) {
        lua_newtable(L);
        lua_set_integer(L, "first", gaps[i].first);
        lua_set_integer(L, "count", gaps[i].count);
        lua_set_time(L, "after", gaps[i].after);
        lua_set_time(L, "before", gaps[i].before);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void lua_open_flow(lua_State *L) {
    static const luaL_Reg functions[] = {{"serve", serve}, {"flow", new_flow}, {NULL, NULL}};
    static const luaL_Reg flow[] = {
        {"stop", flow_stop}, {"burst", flow_burst}, {"stats", flow_stats}, {"gaps", flow_gaps}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, LUA_FLOW);
    luaL_newlib(L, flow);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

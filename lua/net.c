/* SPDX-License-Identifier: MIT
 * Nodes, links and captures. */
#include "bindings.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

static int push_node(lua_State *L, ns3shim_node *node, svrsim_router *router) {
    if (!node) return lua_host_raise_shim(L);
    lua_node *n = lua_newuserdatauv(L, sizeof *n, 0);
    *n = (lua_node){node, router};
    luaL_setmetatable(L, LUA_NODE);
    return 1;
}

static int new_router(lua_State *L) {
    svrsim_router *r = svrsim_router_new(lua_host_get(L)->sim, luaL_checkstring(L, 1));
    return r ? push_node(L, svrsim_router_node(r), r) : lua_host_raise(L);
}

static int new_host(lua_State *L) {
    return push_node(L, ns3shim_host_new(svrsim_world(lua_host_get(L)->sim), luaL_checkstring(L, 1)), NULL);
}

static int new_underlay(lua_State *L) {
    return push_node(L, ns3shim_underlay_new(svrsim_world(lua_host_get(L)->sim), luaL_checkstring(L, 1)),
                     NULL);
}

/* nat(name, {dependent=, timeout=, strict_tcp=, udp_port=}) */
static int new_nat(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    const ns3shim_nat_opts opts = {.dependent = lua_field_bool(L, 2, "dependent"),
                                   .timeout_ns = (uint64_t)lua_field_integer(L, 2, "timeout", 0),
                                   .strict_tcp = lua_field_bool(L, 2, "strict_tcp"),
                                   .udp_port = (uint16_t)lua_field_integer(L, 2, "udp_port", 0)};
    return push_node(L, ns3shim_nat_new(svrsim_world(lua_host_get(L)->sim), luaL_checkstring(L, 1), &opts),
                     NULL);
}

static ns3shim_link_opts link_opts(lua_State *L, int at) {
    luaL_checktype(L, at, LUA_TTABLE);
    return (ns3shim_link_opts){
        .rate_bps = (uint64_t)lua_field_integer(L, at, "rate", 0),
        .delay_ns = (uint64_t)lua_field_integer(L, at, "delay", 0),
        .jitter_ns = (uint64_t)lua_field_integer(L, at, "jitter", 0),
        .reorder = lua_field_bool(L, at, "reorder"),
        .loss = lua_field_number(L, at, "loss", 0),
        .duplicate = lua_field_number(L, at, "duplicate", 0),
        .corrupt = lua_field_number(L, at, "corrupt", 0),
        .queue = (uint32_t)lua_field_integer(L, at, "queue", 0),
        .mtu = (uint32_t)lua_field_integer(L, at, "mtu", 0),
        .apart = (uint16_t)lua_field_integer(L, at, "apart", 0),
    };
}

static int new_link(lua_State *L) {
    lua_node *a = lua_node_check(L, 1), *b = lua_node_check(L, 2);
    ns3shim_link_opts opts = link_opts(L, 3);
    ns3shim_link *link = ns3shim_link_new(svrsim_world(lua_host_get(L)->sim), a->node, b->node, &opts);
    if (!link) return lua_host_raise_shim(L);
    *(ns3shim_link **)lua_newuserdatauv(L, sizeof link, 0) = link;
    luaL_setmetatable(L, LUA_LINK);
    return 1;
}

static ns3shim_link *check_link(lua_State *L) {
    return *(ns3shim_link **)luaL_checkudata(L, 1, LUA_LINK);
}

static int link_set_up(lua_State *L) {
    ns3shim_link_set_up(check_link(L), lua_toboolean(L, 2));
    return 0;
}

/* link:block(direction, blocked) */
static int link_block(lua_State *L) {
    ns3shim_link_block(check_link(L), (unsigned)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
    return 0;
}

static int link_adjust(lua_State *L) {
    ns3shim_link_opts opts = link_opts(L, 2);
    return ns3shim_link_adjust(check_link(L), &opts) ? lua_host_raise_shim(L) : 0;
}

static int link_stats(lua_State *L) {
    ns3shim_link_stats s;
    ns3shim_link_get_stats(check_link(L), (unsigned)luaL_checkinteger(L, 2), &s);
    lua_newtable(L);
    lua_set_integer(L, "sent", s.sent);
    lua_set_integer(L, "sent_bytes", s.sent_bytes);
    lua_set_integer(L, "received", s.received);
    lua_set_integer(L, "received_bytes", s.received_bytes);
    lua_set_integer(L, "duplicated", s.duplicated);
    lua_set_integer(L, "corrupted", s.corrupted);
    lua_set_integer(L, "lost_random", s.lost_random);
    lua_set_integer(L, "lost_apart", s.lost_apart);
    lua_set_integer(L, "lost_in_flight", s.lost_in_flight);
    lua_set_integer(L, "lost_down", s.lost_down);
    lua_set_integer(L, "lost_queue", s.lost_queue);
    lua_set_integer(L, "lost_mtu", s.lost_mtu);
    return 1;
}

static int link_record(lua_State *L) {
    ns3shim_link_record(check_link(L), lua_toboolean(L, 2));
    return 0;
}

/* link:replay(direction, spacing): the number of frames */
static int link_replay(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)ns3shim_link_replay(check_link(L), (unsigned)luaL_checkinteger(L, 2),
                                                        (uint64_t)luaL_checkinteger(L, 3)));
    return 1;
}

static int link_device(lua_State *L) {
    lua_pushinteger(L, ns3shim_link_device(check_link(L), (unsigned)luaL_checkinteger(L, 2)));
    return 1;
}

/* The windows {{from, to}, ...} at `at`. The result stays on the stack, which keeps it alive. */
static svrsim_window *read_windows(lua_State *L, int at, size_t *n) {
    luaL_checktype(L, at, LUA_TTABLE);
    *n = lua_rawlen(L, at);
    svrsim_window *w = lua_newuserdatauv(L, (*n ? *n : 1) * sizeof *w, 0);
    for (size_t i = 0; i < *n; i++) {
        lua_rawgeti(L, at, (lua_Integer)i + 1);
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        w[i] = (svrsim_window){(svr_time)luaL_checkinteger(L, -2), (svr_time)luaL_checkinteger(L, -1)};
        lua_pop(L, 3);
    }
    return w;
}

/* link:capture(name, end_a, end_b, windows, with_keys) */
static int link_capture(lua_State *L) {
    size_t n;
    const char *name = luaL_checkstring(L, 2);
    const char *const ends[2] = {luaL_checkstring(L, 3), luaL_checkstring(L, 4)};
    svrsim_window *windows = read_windows(L, 5, &n);
    svrsim *sim = lua_host_get(L)->sim;
    if (svrsim_add_capture(sim, check_link(L), name, ends, windows, n, lua_toboolean(L, 6)) != 0)
        return lua_host_raise(L);
    return 0;
}

static int node_address(lua_State *L) {
    int failed = ns3shim_node_address(lua_node_check(L, 1)->node, (uint32_t)luaL_checkinteger(L, 2),
                                      luaL_checkstring(L, 3), (uint8_t)luaL_checkinteger(L, 4));
    return failed ? lua_host_raise_shim(L) : 0;
}

static int node_route(lua_State *L) {
    int failed = ns3shim_node_route(lua_node_check(L, 1)->node, (uint32_t)luaL_checkinteger(L, 2),
                                    luaL_checkstring(L, 3), (uint8_t)luaL_checkinteger(L, 4),
                                    luaL_optstring(L, 5, NULL));
    return failed ? lua_host_raise_shim(L) : 0;
}

/* nat:inside(device, prefix, length) */
static int nat_inside(lua_State *L) {
    int failed = ns3shim_nat_inside(lua_node_check(L, 1)->node, (uint32_t)luaL_checkinteger(L, 2),
                                    luaL_checkstring(L, 3), (uint8_t)luaL_checkinteger(L, 4));
    return failed ? lua_host_raise_shim(L) : 0;
}

/* nat:outside(device, address) */
static int nat_outside(lua_State *L) {
    int failed = ns3shim_nat_outside(lua_node_check(L, 1)->node, (uint32_t)luaL_checkinteger(L, 2),
                                     luaL_checkstring(L, 3));
    return failed ? lua_host_raise_shim(L) : 0;
}

/* nat:forget(other address) */
static int nat_forget(lua_State *L) {
    return ns3shim_nat_forget(lua_node_check(L, 1)->node, lua_toboolean(L, 2)) ? lua_host_raise_shim(L) : 0;
}

static int nat_stats(lua_State *L) {
    ns3shim_nat_stats s;
    if (ns3shim_nat_get_stats(lua_node_check(L, 1)->node, &s) != 0) return lua_host_raise_shim(L);
    lua_newtable(L);
    lua_set_integer(L, "outbound", s.outbound);
    lua_set_integer(L, "inbound", s.inbound);
    lua_set_integer(L, "made", s.made);
    lua_set_integer(L, "mappings", s.mappings);
    lua_set_integer(L, "unmapped", s.unmapped);
    lua_set_integer(L, "dropped", s.dropped);
    lua_set_integer(L, "refused_udp", s.refused_udp);
    lua_set_integer(L, "refused_tcp", s.refused_tcp);
    if (!s.refusal) return 1;
    lua_pushstring(L, s.refusal);
    lua_setfield(L, -2, "refusal");
    return 1;
}

static svrsim_router *check_router(lua_State *L) {
    lua_node *n = lua_node_check(L, 1);
    if (!n->router) luaL_error(L, "this is no router");
    return n->router;
}

static svrsim_router *check_live(lua_State *L) {
    svrsim_router *r = check_router(L);
    if (!svrsim_router_lives(r)) luaL_error(L, "the router does not run yet");
    return r;
}

/* router:attach(device, target, host, own address, prefix length) */
static int node_attach(lua_State *L) {
    svrsim_own own = {luaL_checkstring(L, 5), (uint8_t)luaL_checkinteger(L, 6)};
    int failed = svrsim_router_attach(check_router(L), (uint32_t)luaL_checkinteger(L, 2),
                                      luaL_checkstring(L, 3), luaL_optstring(L, 4, ""), &own);
    return failed ? lua_host_raise(L) : 0;
}

static int node_credentials(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    svr_credentials texts = {lua_field_text(L, 2, "certificate"), lua_field_text(L, 2, "private_key"),
                             lua_field_text(L, 2, "trusted_ca"), lua_field_text(L, 2, "crl")};
    return svrsim_router_set_credentials(check_router(L), &texts) ? lua_host_raise(L) : 0;
}

static svrsim *sim_of(lua_State *L) {
    return lua_host_get(L)->sim;
}

/* router:second(other, node) */
static int node_second(lua_State *L) {
    lua_node *other = lua_node_check(L, 2);
    luaL_argcheck(L, other->router, 2, "this is no router");
    return svrsim_router_set_second(check_router(L), other->router, luaL_checkstring(L, 3))
               ? lua_host_raise(L)
               : 0;
}

/* router:config(text) */
static int node_config(lua_State *L) {
    return svrsim_router_set_config(check_router(L), luaL_checkstring(L, 2)) ? lua_host_raise(L) : 0;
}

/* router:reload{...}: what is not given stays */
static int node_reload(lua_State *L) {
    check_live(L);
    node_credentials(L);
    return svrsim_router_reload(check_router(L)) ? lua_host_raise(L) : 0;
}

static int node_regenerate(lua_State *L) {
    check_live(L);
    return svrsim_router_regenerate(check_router(L)) ? lua_host_raise(L) : 0;
}

static int node_crash(lua_State *L) {
    check_live(L);
    return svrsim_crash(sim_of(L), check_router(L)) ? lua_host_raise(L) : 0;
}

static int node_restart(lua_State *L) {
    return svrsim_restart(sim_of(L), check_router(L)) ? lua_host_raise(L) : 0;
}

/* router:set_clock(nanoseconds ahead) */
static int node_set_clock(lua_State *L) {
    return svrsim_set_clock(sim_of(L), check_router(L), luaL_checkinteger(L, 2)) ? lua_host_raise(L) : 0;
}

static int node_carrier(lua_State *L) {
    svrsim_router_carrier(check_router(L), (uint32_t)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
    return 0;
}

static void push_field(lua_State *L, const svr_field *f) {
    if (f->type == SVR_FIELD_TEXT)
        lua_pushstring(L, f->text);
    else if (f->type == SVR_FIELD_FLAG)
        lua_pushboolean(L, f->flag);
    else if (f->type == SVR_FIELD_NUMBER)
        lua_pushinteger(L, (lua_Integer)f->number);
    else
        lua_pushinteger(L, f->span == SVR_TIME_NEVER ? -1 : (lua_Integer)(f->span / SVR_SEC));
}

/* {{title=, fields={{LABEL, VALUE}, ...}}, ...} */
static void push_records(lua_State *L, const svr_report *report) {
    lua_newtable(L);
    for (size_t i = 0; i < report->n; i++) {
        const svr_record *r = &report->records[i];
        lua_newtable(L);
        lua_set_text(L, "title", r->title);
        lua_newtable(L);
        for (size_t j = 0; j < r->n; j++) {
            lua_newtable(L);
            lua_pushstring(L, r->fields[j].label);
            lua_rawseti(L, -2, 1);
            push_field(L, &r->fields[j]);
            lua_rawseti(L, -2, 2);
            lua_rawseti(L, -2, (lua_Integer)j + 1);
        }
        lua_setfield(L, -2, "fields");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* router:show(command): text, records */
static int node_show(lua_State *L) {
    const svr_report *report = svrsim_router_show(check_live(L), luaL_checkstring(L, 2));
    if (!report) return lua_host_raise(L);
    lua_pushstring(L, report->text);
    push_records(L, report);
    return 2;
}

/* router:serves(): it lives, and is not the one of two nodes that stands by */
static int node_serves(lua_State *L) {
    lua_pushboolean(L, svrsim_router_serves(check_router(L)));
    return 1;
}

/* router:counters(): empty while it is down */
static int node_counters(lua_State *L) {
    const char *name;
    svrsim_router *r = check_router(L);
    lua_newtable(L);
    if (!svrsim_router_lives(r)) return 1;
    for (size_t i = 0;; i++) {
        uint64_t v = svrsim_router_counter(r, i, &name);
        if (!name) return 1;
        lua_set_integer(L, name, v);
    }
}

void lua_open_net(lua_State *L) {
    static const luaL_Reg functions[] = {{"router", new_router},     {"host", new_host},
                                         {"underlay", new_underlay}, {"nat", new_nat},
                                         {"link", new_link},         {NULL, NULL}};
    static const luaL_Reg node[] = {{"address", node_address},     {"route", node_route},
                                    {"attach", node_attach},       {"credentials", node_credentials},
                                    {"config", node_config},       {"second", node_second},
                                    {"carrier", node_carrier},     {"show", node_show},
                                    {"reload", node_reload},       {"regenerate", node_regenerate},
                                    {"crash", node_crash},         {"restart", node_restart},
                                    {"set_clock", node_set_clock}, {"counters", node_counters},
                                    {"serves", node_serves},       {"inside", nat_inside},
                                    {"outside", nat_outside},      {"forget", nat_forget},
                                    {"nat_stats", nat_stats},      {NULL, NULL}};
    static const luaL_Reg link[] = {
        {"set_up", link_set_up}, {"adjust", link_adjust},   {"stats", link_stats},
        {"device", link_device}, {"capture", link_capture}, {"record", link_record},
        {"replay", link_replay}, {"block", link_block},     {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, LUA_NODE);
    luaL_newlib(L, node);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newmetatable(L, LUA_LINK);
    luaL_newlib(L, link);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

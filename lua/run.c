/* SPDX-License-Identifier: MIT
 * Time, events and the outcome. */
#include "bindings.h"
#include "settings.h"
#include "svrsim/options.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

struct lua_alarm {
    lua_host *host;
    svrsim_alarm *alarm;
    int function; /* reference */
    lua_alarm *next;
};

static void free_alarm(lua_alarm *a) {
    svrsim_alarm_del(a->alarm);
    free(a);
}

static void ring(void *ctx) {
    lua_alarm *a = ctx;
    lua_host *host = a->host;
    for (lua_alarm **p = &host->alarms; *p; p = &(*p)->next) {
        if (*p != a) continue;
        *p = a->next;
        break;
    }
    lua_rawgeti(host->lua, LUA_REGISTRYINDEX, a->function);
    luaL_unref(host->lua, LUA_REGISTRYINDEX, a->function);
    free_alarm(a);
    lua_host_call(host, 0);
}

/* core.at(instant, f) */
static int at(lua_State *L) {
    lua_host *host = lua_host_get(L);
    lua_Integer when = luaL_checkinteger(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_alarm *a = calloc(1, sizeof *a);
    if (!a) return luaL_error(L, "memory is short");
    a->host = host;
    a->alarm = svrsim_alarm_new(host->sim, (svr_time)when, ring, a);
    if (!a->alarm) {
        free(a);
        return lua_host_raise(L);
    }
    lua_settop(L, 2);
    a->function = luaL_ref(L, LUA_REGISTRYINDEX);
    a->next = host->alarms;
    host->alarms = a;
    return 0;
}

static int now(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)ns3shim_now(svrsim_world(lua_host_get(L)->sim)));
    return 1;
}

/* core.wall(): wall time, nanoseconds since 1970. */
static int wall(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)svrsim_wall_now(lua_host_get(L)->sim));
    return 1;
}

static int event_count(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)ns3shim_event_count(svrsim_world(lua_host_get(L)->sim)));
    return 1;
}

static void deliver_event(void *ctx, const char *router, const svr_event *ev) {
    lua_host *host = ctx;
    lua_State *L = host->lua;
    if (host->on_event == LUA_NOREF || host->broken) return;
    luaL_checkstack(L, 8, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->on_event);
    lua_newtable(L);
    lua_set_integer(L, "time", ev->time);
    lua_set_integer(L, "wall", (uint64_t)ev->wall);
    lua_set_text(L, "router", router);
    lua_set_text(L, "kind", svr_event_kind_name(ev->kind));
    lua_set_text(L, "severity", svr_severity_name(ev->severity));
    lua_set_text(L, "peer", ev->peer);
    lua_set_text(L, "path", ev->path);
    lua_set_text(L, "from", ev->from);
    lua_set_text(L, "to", ev->to);
    lua_set_text(L, "reason", ev->reason);
    lua_set_integer(L, "value", ev->value);
    lua_set_text(L, "detail", ev->detail);
    lua_host_call(host, 1);
}

static int on_event(lua_State *L) {
    lua_host *host = lua_host_get(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_unref(L, LUA_REGISTRYINDEX, host->on_event);
    lua_settop(L, 1);
    host->on_event = luaL_ref(L, LUA_REGISTRYINDEX);
    svrsim_set_on_event(host->sim, deliver_event, host);
    return 0;
}

static int start(lua_State *L) {
    return svrsim_start(lua_host_get(L)->sim, luaL_checkstring(L, 1)) ? lua_host_raise(L) : 0;
}

static int run(lua_State *L) {
    lua_host *host = lua_host_get(L);
    lua_Integer until = luaL_checkinteger(L, 1);
    if (svrsim_run_until(host->sim, (svr_time)until) != 0) return lua_host_raise(L);
    if (!host->broken) return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->error);
    return lua_error(L);
}

static int stop(lua_State *L) {
    svrsim_halt(lua_host_get(L)->sim);
    return 0;
}

/* One more expectation was not met. */
static int fail(lua_State *L) {
    lua_host_get(L)->failures++;
    return 0;
}

/* core.epoch([ns]): wall time at instant 0, which can be set. */
static int epoch(lua_State *L) {
    svrsim *sim = lua_host_get(L)->sim;
    if (!lua_isnoneornil(L, 1)) svrsim_set_epoch(sim, (svr_wall)luaL_checkinteger(L, 1));
    lua_pushinteger(L, (lua_Integer)svrsim_get_epoch(sim));
    return 1;
}

/* core.seed([wish]): the seed; a wish counts unless the command line gave one. */
static int seed(lua_State *L) {
    lua_Integer wish = luaL_optinteger(L, 1, 0);
    if (!lua_isnoneornil(L, 1) && svrsim_set_seed(lua_host_get(L)->sim, (uint64_t)wish) != 0)
        return lua_host_raise(L);
    lua_pushinteger(L, (lua_Integer)svrsim_get_options(lua_host_get(L)->sim)->seed);
    return 1;
}

/* core.traits(): what a configuration must heed here, see svrsim_traits. {host_addresses=, bfd={...} or nil}
 */
static int traits(lua_State *L) {
    const svrsim_traits *t = svrsim_get_traits(lua_host_get(L)->sim);
    lua_newtable(L);
    lua_pushboolean(L, t->host_addresses);
    lua_setfield(L, -2, "host_addresses");
    if (!t->bfd_interval_ms) return 1;
    lua_newtable(L);
    lua_set_integer(L, "desired-tx-interval", t->bfd_interval_ms);
    lua_set_integer(L, "required-min-rx-interval", t->bfd_interval_ms);
    lua_set_integer(L, "multiplier", t->bfd_multiplier);
    lua_setfield(L, -2, "bfd");
    return 1;
}

static int out_dir(lua_State *L) {
    lua_pushstring(L, svrsim_get_options(lua_host_get(L)->sim)->out_dir);
    return 1;
}

/* What --set set: {name = "value"}. */
static int settings(lua_State *L) {
    const svrsim_options *o = svrsim_get_options(lua_host_get(L)->sim);
    lua_newtable(L);
    for (size_t i = 0; i < o->n_settings; i++) {
        const char *equals = strchr(o->settings[i], '=');
        lua_pushlstring(L, o->settings[i], (size_t)(equals - o->settings[i]));
        lua_pushstring(L, equals + 1);
        lua_settable(L, -3);
    }
    return 1;
}

/* core.read_config(text): see settings.h */
static int read_config(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_push_settings(L, text, len);
    return 1;
}

/* core.machine_clock(): the machine's monotonic time in nanoseconds; for benchmarks, which print it. */
static int machine_clock(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)svrsim_progress_clock());
    return 1;
}

/* core.span("26h"): nanoseconds, or nil. */
static int span(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    svr_time t;
    if (!svrsim_parse_span(text, &t)) return 0;
    lua_pushinteger(L, (lua_Integer)t);
    return 1;
}

void lua_open_run(lua_State *L) {
    static const luaL_Reg functions[] = {{"at", at},
                                         {"now", now},
                                         {"wall", wall},
                                         {"event_count", event_count},
                                         {"start", start},
                                         {"run", run},
                                         {"on_event", on_event},
                                         {"stop", stop},
                                         {"fail", fail},
                                         {"epoch", epoch},
                                         {"seed", seed},
                                         {"settings", settings},
                                         {"span", span},
                                         {"read_config", read_config},
                                         {"out_dir", out_dir},
                                         {"traits", traits},
                                         {"machine_clock", machine_clock},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

void lua_host_fini(lua_host *host) {
    while (host->alarms) {
        lua_alarm *a = host->alarms;
        host->alarms = a->next;
        free_alarm(a);
    }
    svrsim_set_on_event(host->sim, NULL, NULL);
}

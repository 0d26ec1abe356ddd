/* SPDX-License-Identifier: MIT
 * What Lua sees of the simulator: the module `svr.core`, on which lua/svr builds what scenarios use. Times
 * are integers in nanoseconds. Whatever fails raises a Lua error. */
#ifndef LUA_BINDINGS_H
#define LUA_BINDINGS_H

#include <lua.h>

#include "svrsim/sim.h"

/* A function that Lua wants to be called at some instant. */
typedef struct lua_alarm lua_alarm;

/* What the bindings of one Lua state share; found through its extra space. */
typedef struct lua_host {
    svrsim *sim;
    lua_State *lua;
    int failures;      /* of expectations */
    int on_event;      /* reference of a function, or LUA_NOREF */
    lua_alarm *alarms; /* not yet due */
    bool broken;       /* a callback failed; the error is kept under `error` */
    int error;         /* reference */
} lua_host;

static inline lua_host *lua_host_get(lua_State *L) {
    return *(lua_host **)lua_getextraspace(L);
}

/* Prepares the state: host, modules, and the message handler that names the scenario's line. */
void lua_host_init(lua_host *host, svrsim *sim, lua_State *L);
void lua_host_fini(lua_host *host);

/* The message handler for lua_pcall. */
int lua_host_locate(lua_State *L);
/* Calls the function and the `n` arguments on the stack from within a run; an error ends the run. */
void lua_host_call(lua_host *host, int n);
/* Raises the reason of the simulation, or that of the shim. */
int lua_host_raise(lua_State *L);
int lua_host_raise_shim(lua_State *L);

/* Openers of the parts of svr.core: they add to the table on top of the stack. */
void lua_open_net(lua_State *L);  /* nodes and links */
void lua_open_flow(lua_State *L); /* traffic */
void lua_open_run(lua_State *L);  /* time, events, outcome */
void lua_open_ca(lua_State *L);   /* certificate authorities */

/* Userdata: all of them just point; a CA is deleted with the last reference to it. */
#define LUA_NODE "svr.node"
#define LUA_LINK "svr.link"
#define LUA_FLOW "svr.flow"
#define LUA_CA "svr.ca"

typedef struct lua_node {
    ns3shim_node *node;
    svrsim_router *router; /* NULL: not a router of the stack */
} lua_node;

lua_node *lua_node_check(lua_State *L, int at);

/* Fields of a table of options at `at`: nil gives the default. */
lua_Integer lua_field_integer(lua_State *L, int at, const char *name, lua_Integer otherwise);
lua_Number lua_field_number(lua_State *L, int at, const char *name, lua_Number otherwise);
bool lua_field_bool(lua_State *L, int at, const char *name);
/* The text stays valid while the table is not changed. NULL: nil. */
const char *lua_field_text(lua_State *L, int at, const char *name);

/* t[name] = value, for the table on top of the stack. */
void lua_set_integer(lua_State *L, const char *name, uint64_t value);
void lua_set_text(lua_State *L, const char *name, const char *value);
/* Sets an instant, and nothing when it is SVR_TIME_NEVER. */
void lua_set_time(lua_State *L, const char *name, uint64_t value);

#endif

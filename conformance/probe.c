/* SPDX-License-Identifier: MIT
 * A router of the authority on a real device, whose every packet goes through Lua: what comes in is handed to
 * its node, and what the node wants to send goes out, only when Lua says so. The device, the raw sockets and
 * the clock are svrd's. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <lauxlib.h>

#include "common/heap.h"
#include "core.h"
#include "pcapng/pcapng.h"
#include "svr/inspect.h"
#include "svrd/clock.h"
#include "svrd/file.h"
#include "svrd/wan.h"
#include "trace.h"

#define PROBE "conform.probe"
#define PATH_LEN 4096

typedef struct probe {
    svr_config *config;
    const svr_router_config *router;
    svr_env *env;
    svr_node *node; /* NULL: the router is off */
    svrd_clock clock;
    svrd_netlink netlink;
    bool has_netlink, has_wan;
    svrd_wan wan;
    svr_inspector *inspector;
    svr_pcapng *capture;
    FILE *keylog;
    char file[PATH_LEN]; /* of the capture */
    uint64_t number;     /* of its last packet */
} probe;

/* Whoever interrupts a probe wants what it has recorded so far. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
    interrupted = signal;
}

static probe *check_probe(lua_State *L) {
    return luaL_checkudata(L, 1, PROBE);
}

static svr_time now_of(const probe *p) {
    return svrd_clock_now(&p->clock);
}

static svr_wall wall_of(const probe *p) {
    return svrd_clock_wall(&p->clock, now_of(p));
}

/* ---- opening -------------------------------------------------------------------------------- */

static const char *text_field(lua_State *L, int at, const char *name) {
    lua_getfield(L, at, name);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); /* the table keeps it */
    return text;
}

static int read_config(lua_State *L, probe *p, const char *file) {
    svrd_text text = {0};
    svr_error err;
    svr_config_error where;
    if (svrd_text_read(&text, file, &err)) return conform_fail(L, "%s", err.message);
    int rc = svr_config_parse(&svr_heap, text.bytes, text.len, &p->config, &where);
    svrd_text_fini(&text);
    /* The probe's own router goes on whatever its certificate is: that is for the other side to judge. */
    if (rc == 0) p->config->keys.invalid_certificate = SVR_FAIL_SOFT;
    if (rc) return conform_fail(L, "%s:%d:%d: %s", file, (int)where.line, (int)where.column, where.message);
    return 0;
}

/* The interface on this device; or the only one that has a neighborhood, which the device then stands in for.
 */
static svr_interface *find_interface(svr_node_config *node, const char *device) {
    svr_interface *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < node->n_interfaces; i++) {
        svr_interface *at = &node->interfaces[i];
        if (!at->n_neighborhoods) continue;
        if (device && strcmp(at->target, device) == 0) return at;
        found = at;
        n++;
    }
    return n == 1 ? found : NULL;
}

static svr_interface *choose_interface(lua_State *L, probe *p, const char *name, const char *device) {
    for (size_t i = 0; i < p->config->n_routers; i++) {
        svr_router_config *r = &p->config->routers[i];
        if (strcmp(r->name, name) != 0) continue;
        p->router = r;
        svr_interface *found = find_interface(&r->nodes[0], device);
        if (found && device) found->target = device;
        if (!found)
            conform_fail(L, "router %s has several interfaces: --device takes the target-interface of one",
                         name);
        return found;
    }
    conform_fail(L, "the configuration has no router %s", name);
    return NULL;
}

static void open_files(lua_State *L, probe *p, const char *dir) {
    char keys[PATH_LEN];
    mode_t before = umask(077); /* both tell every key */
    snprintf(p->file, sizeof p->file, "%s/probe.pcapng", dir);
    snprintf(keys, sizeof keys, "%s/keys.log", dir);
    p->capture = svr_pcapng_new(p->file, "svrconform", NULL);
    p->keylog = p->capture ? fopen(keys, "we") : NULL;
    int error = errno;
    umask(before);
    if (!p->keylog ||
        svr_pcapng_add_interface(p->capture, SVR_PCAPNG_LINK_RAW, p->wan.iface->target, NULL) < 0)
        conform_fail(L, "%s: %s", p->capture ? keys : p->file, strerror(error));
}

static void open_device(lua_State *L, probe *p, const svr_interface *iface) {
    svr_error err;
    int rc = svrd_netlink_init(&p->netlink);
    p->has_netlink = rc == 0;
    if (rc) conform_fail(L, "rtnetlink: %s", strerror(-rc));
    if (svrd_wan_open(&p->wan, p->config, iface, false, &p->netlink, &err))
        conform_fail(L, "%s", err.message);
    p->wan.checksums = true;
    p->has_wan = true;
}

/* probe{config=, router=, device=, rate=, out=} */
static int probe_open(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *router = text_field(L, 1, "router"), *out = text_field(L, 1, "out");
    probe *p = lua_newuserdatauv(L, sizeof *p, 1);
    *p = (probe){0};
    luaL_setmetatable(L, PROBE); /* from here on it is closed whatever happens */
    lua_pushvalue(L, 1);         /* whose device's name the configuration points to */
    lua_setiuservalue(L, -2, 1);
    read_config(L, p, text_field(L, 1, "config"));
    svr_interface *iface = choose_interface(L, p, router, text_field(L, 1, "device"));
    lua_getfield(L, 1, "rate");
    svrd_clock_init(&p->clock, (uint32_t)lua_tointeger(L, -1));
    lua_pop(L, 1);
    p->env = svr_env_new(&(svr_env_params){.alloc = &svr_heap});
    p->inspector = svr_inspector_new(&svr_heap);
    if (!p->env || !p->inspector) return conform_fail(L, "memory is short, or OpenSSL lacks an algorithm");
    open_device(L, p, iface);
    open_files(L, p, out);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    return 1;
}

static void stop_node(probe *p) {
    svr_node_del(p->node);
    p->node = NULL;
}

static int probe_close(lua_State *L) {
    probe *p = check_probe(L);
    if (p->node) stop_node(p);
    if (p->has_wan) svrd_wan_close(&p->wan, &p->netlink);
    if (p->has_netlink) svrd_netlink_fini(&p->netlink);
    if (p->env) svr_env_del(p->env);
    svr_inspector_del(p->inspector);
    if (p->capture) svr_pcapng_del(p->capture);
    if (p->keylog) fclose(p->keylog);
    svr_config_del(p->config);
    *p = (probe){0};
    return 0;
}

/* ---- the router ----------------------------------------------------------------------------- */

/* start{certificate=, private_key=, trusted_ca=, crl=}: switches the router on, or off and on again */
static int probe_start(lua_State *L) {
    probe *p = check_probe(L);
    svr_error err;
    luaL_checktype(L, 2, LUA_TTABLE);
    if (p->node) stop_node(p);
    svr_time now = now_of(p);
    svr_node_params params = {.env = p->env,
                              .config = p->config,
                              .router = p->router->name,
                              .credentials = {.certificate = text_field(L, 2, "certificate"),
                                              .private_key = text_field(L, 2, "private_key"),
                                              .trusted_ca = text_field(L, 2, "trusted_ca"),
                                              .crl = text_field(L, 2, "crl")},
                              .wall = svrd_clock_wall(&p->clock, now),
                              .keylog = true};
    if (svr_node_new(&params, now, &p->node, &err)) return conform_fail(L, "%s", err.message);
    const svr_node_config *config = svr_node_get_config(p->node);
    for (size_t i = 0; i < config->n_interfaces; i++)
        if (config->interfaces[i].id != p->wan.iface->id)
            svr_node_interface_state(p->node, config->interfaces[i].id, false, now);
    return 0;
}

/* stop(): switches the router off; what it knew is gone */
static int probe_stop(lua_State *L) {
    probe *p = check_probe(L);
    if (p->node) stop_node(p);
    return 0;
}

/* peers(): {{name=, pcn=, here=, there=}, ...}: the paths over the device */
static int probe_peers(lua_State *L) {
    const probe *p = check_probe(L);
    char text[SVR_ADDR_TEXT_MAX];
    lua_newtable(L);
    for (size_t i = 0; i < p->router->n_peers; i++)
        for (size_t k = 0; k < p->router->peers[i].n_paths; k++) {
            const svr_path_config *path = &p->router->peers[i].paths[k];
            if (path->local_if != p->wan.iface) continue;
            lua_createtable(L, 0, 4);
            lua_pushstring(L, path->peer->name);
            lua_setfield(L, -2, "name");
            lua_pushstring(L, path->peer->peering_common_name);
            lua_setfield(L, -2, "pcn");
            lua_pushstring(L, svr_addr_format(&path->local, text));
            lua_setfield(L, -2, "here");
            lua_pushstring(L, svr_addr_format(&path->remote, text));
            lua_setfield(L, -2, "there");
            lua_rawseti(L, -2, luaL_len(L, -2) + 1);
        }
    return 1;
}

/* pcn(): the router's own peering-common-name */
static int probe_pcn(lua_State *L) {
    lua_pushstring(L, check_probe(L)->router->peering_common_name);
    return 1;
}

/* ---- what happens --------------------------------------------------------------------------- */

static void append(lua_State *L) {
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
}

static void push_datagram(lua_State *L, probe *p, const svr_packet *pkt, const char *way) {
    svr_seen seen;
    conform_datagram d = {
        .file = p->file, .number = p->number, .time = wall_of(p), .data = pkt->data, .len = pkt->len};
    svr_inspect(p->inspector, pkt->data, pkt->len, &seen);
    conform_push_packet(L, &d, &seen);
    lua_pushstring(L, way);
    lua_setfield(L, -2, "way");
    lua_pushlstring(L, (const char *)pkt->data, pkt->len);
    lua_setfield(L, -2, "data");
    append(L);
}

static void record(probe *p, const svr_packet *pkt, svr_pcapng_direction direction) {
    svr_pcapng_packet out = {
        .time = wall_of(p), .data = pkt->data, .len = pkt->len, .orig_len = pkt->len, .direction = direction};
    svr_pcapng_write(p->capture, &out); /* a failure stays, and closing meets it */
    p->number++;
}

static void take_keys(lua_State *L, probe *p) {
    char line[SVR_KEYLOG_LINE_MAX];
    while (svr_node_next_key_line(p->node, line)) {
        svr_inspector_add_key(p->inspector, line);
        fprintf(p->keylog, "%s\n", line);
        lua_createtable(L, 0, 2);
        lua_pushstring(L, "key");
        lua_setfield(L, -2, "what");
        lua_pushstring(L, line);
        lua_setfield(L, -2, "line");
        append(L);
    }
    svr_wipe(line, sizeof line);
    fflush(p->keylog);
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text ? text : "");
    lua_setfield(L, -2, name);
}

static void take_events(lua_State *L, probe *p) {
    svr_event ev;
    while (svr_node_next_event(p->node, &ev)) {
        lua_createtable(L, 0, 8);
        set_text(L, "what", "event");
        set_text(L, "kind", svr_event_kind_name(ev.kind));
        set_text(L, "peer", ev.peer);
        set_text(L, "to", ev.to);
        set_text(L, "reason", ev.reason);
        append(L);
    }
}

static void take_output(lua_State *L, probe *p) {
    svr_batch out = {0};
    if (!p->node) return;
    svr_time now = now_of(p);
    if (svr_node_deadline(p->node) <= now) svr_node_expire(p->node, now);
    take_keys(L, p);
    while (svr_node_output(p->node, &out, now)) {
        for (size_t i = 0; i < out.n; i++)
            push_datagram(L, p, out.pkt[i], "out");
        svr_batch_put(svr_env_pool(p->env), &out);
    }
    take_events(L, p);
}

static void take_input(lua_State *L, probe *p, int fd) {
    do {
        svr_batch in = {0};
        svrd_wan_read(&p->wan, fd, svr_env_pool(p->env), &in);
        for (size_t i = 0; i < in.n; i++) {
            record(p, in.pkt[i], SVR_PCAPNG_INBOUND);
            push_datagram(L, p, in.pkt[i], "in");
        }
        svr_batch_put(svr_env_pool(p->env), &in);
    } while (svrd_wan_pending(&p->wan));
}

static void wait_for_input(lua_State *L, probe *p, svr_time until) {
    struct pollfd fds[2] = {{.fd = p->wan.packet_fd[0], .events = POLLIN},
                            {.fd = p->wan.packet_fd[1], .events = POLLIN}};
    svr_time now = now_of(p), deadline = p->node ? svr_node_deadline(p->node) : SVR_TIME_NEVER;
    if (deadline > until) deadline = until;
    uint64_t ns = deadline > now ? svrd_clock_mono(&p->clock, deadline) - svrd_clock_mono(&p->clock, now) : 0;
    struct timespec wait = {.tv_sec = (time_t)(ns / SVR_SEC), .tv_nsec = (long)(ns % SVR_SEC)};
    if (ppoll(fds, 2, &wait, NULL) < 0 && errno != EINTR) conform_fail(L, "poll: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        if (fds[i].revents) take_input(L, p, fds[i].fd);
}

/* next(UNTIL): what happened, in order, as soon as something did: packets (see captures) with `way` "in" or
 * "out" and `data`, events and lines of the key log; nothing when the instant UNTIL has come, or the router's
 * own timers ran. */
static int probe_next(lua_State *L) {
    probe *p = check_probe(L);
    lua_Integer until = luaL_checkinteger(L, 2);
    if (interrupted) return conform_fail(L, "interrupted; what came until then is in %s", p->file);
    lua_newtable(L);
    take_output(L, p);
    if (luaL_len(L, -1) == 0) wait_for_input(L, p, until < 0 ? 0 : (svr_time)until);
    return 1;
}

/* now(): the instant, in nanoseconds since the probe was opened, by its clock */
static int probe_now(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)now_of(check_probe(L)));
    return 1;
}

/* A packet of the text at `at`; NULL when nothing can hold it. */
static svr_packet *make_packet(lua_State *L, probe *p, int at) {
    size_t len;
    const char *bytes = luaL_checklstring(L, at, &len);
    svr_packet *pkt = len <= SVR_PACKET_LEN_MAX ? svr_packet_get(svr_env_pool(p->env), len) : NULL;
    if (!pkt) {
        conform_fail(L, "a packet of %d octets finds no room", (int)len);
        return NULL;
    }
    memcpy(pkt->data, bytes, len);
    pkt->len = (uint32_t)len;
    return pkt;
}

/* deliver(DATAGRAM): hands it to the router, if it is on */
static int probe_deliver(lua_State *L) {
    probe *p = check_probe(L);
    if (!p->node) return 0;
    svr_packet *pkt = make_packet(L, p, 2);
    svr_batch in = {.n = 1, .pkt = {pkt}};
    pkt->ifid = p->wan.iface->id;
    svr_node_input(p->node, p->wan.iface->id, &in, now_of(p));
    return 0;
}

/* send(DATAGRAM): its number in the capture */
static int probe_send(lua_State *L) {
    probe *p = check_probe(L);
    svr_packet *pkt = make_packet(L, p, 2);
    uint64_t unsent = p->wan.unsent;
    svrd_wan_send(&p->wan, &pkt, 1);
    record(p, pkt, SVR_PCAPNG_OUTBOUND);
    svr_packet_put(svr_env_pool(p->env), pkt);
    if (p->wan.unsent != unsent)
        return conform_fail(L, "%s: a packet could not be sent: %s", p->wan.iface->target,
                            strerror(p->wan.send_error));
    lua_pushinteger(L, (lua_Integer)p->number);
    return 1;
}

void conform_open_probe(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"start", probe_start}, {"stop", probe_stop}, {"peers", probe_peers}, {"pcn", probe_pcn},
        {"next", probe_next},   {"now", probe_now},   {"send", probe_send},   {"deliver", probe_deliver},
        {"close", probe_close}, {NULL, NULL}};
    luaL_newmetatable(L, PROBE);
    lua_pushcfunction(L, probe_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushcfunction(L, probe_open);
    lua_setfield(L, -2, "probe");
}

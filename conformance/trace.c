/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "common/heap.h"
#include "copies.h"
#include "core.h"
#include "pcapng/link.h"
#include "pcapng/reader.h"
#include "svr/inspect.h"

#define CAPTURES "conform.captures"
#define NAME_PART 256

/* One file, and the packet of it that comes next. */
typedef struct source {
    svr_capture *capture;
    char *file;
    uint64_t number; /* of the packet, from 1 */
    const uint8_t *data;
    size_t len;
    int64_t time; /* INT64_MAX: at its end */
} source;

/* Names that must not be on the wire in clear. */
typedef struct watched {
    char **names;
    size_t n;
} watched;

typedef struct captures {
    svr_inspector *inspector;
    source *sources;
    size_t n;
    watched watched;
    conform_copies *copies; /* NULL: there is one file only */
} captures;

/* ---- files ---------------------------------------------------------------------------------- */

static void advance(lua_State *L, source *s) {
    svr_capture_packet p;
    int rc = svr_capture_next(s->capture, &p);
    s->time = INT64_MAX;
    if (rc == 0) return;
    if (rc < 0) {
        conform_fail(L, "%s: packet %d: %s", s->file, (int)s->number + 1, svr_capture_error(s->capture));
        return;
    }
    s->number = p.number;
    s->time = p.time;
    s->data = p.data;
    s->len =
        svr_link_datagram(svr_capture_interface_get(s->capture, p.interface)->link_type, &s->data, p.len);
}

static void open_source(lua_State *L, source *s, const char *file) {
    char reason[SVR_CAPTURE_ERROR_MAX];
    s->file = strdup(file);
    s->capture = svr_capture_open(file, reason);
    if (!s->capture) {
        conform_fail(L, "%s: %s", file, reason);
        return;
    }
    advance(L, s);
}

static void read_keys(lua_State *L, svr_inspector *in, const char *file) {
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t n;
    FILE *f = fopen(file, "r");
    if (!f) {
        conform_fail(L, "%s: cannot be read", file);
        return;
    }
    while ((n = getline(&line, &size, f)) > 0) {
        number++;
        if (line[n - 1] == '\n') line[n - 1] = 0;
        if (!line[0] || line[0] == '#' || svr_inspector_add_key(in, line)) continue;
        free(line);
        fclose(f);
        conform_fail(L, "%s:%d: this is no line of a key log", file, (int)number);
        return;
    }
    free(line);
    fclose(f);
}

static int captures_close(lua_State *L) {
    captures *c = luaL_checkudata(L, 1, CAPTURES);
    for (size_t i = 0; i < c->n; i++) {
        svr_capture_close(c->sources[i].capture);
        free(c->sources[i].file);
    }
    for (size_t i = 0; i < c->watched.n; i++)
        free(c->watched.names[i]);
    free(c->watched.names);
    free(c->copies);
    free(c->sources);
    svr_inspector_del(c->inspector);
    *c = (captures){0};
    return 0;
}

static void read_watched(lua_State *L, int at, watched *out) {
    if (lua_isnoneornil(L, at)) return;
    luaL_checktype(L, at, LUA_TTABLE);
    size_t n = lua_rawlen(L, at);
    out->names = calloc(n ? n : 1, sizeof *out->names);
    for (size_t i = 0; out->names && i < n; i++) {
        lua_rawgeti(L, at, (lua_Integer)i + 1);
        out->names[i] = strdup(luaL_checkstring(L, -1));
        if (out->names[i]) out->n++;
        lua_pop(L, 1);
    }
    if (out->n != n) conform_fail(L, "memory is short");
}

/* captures({FILE, ...}, KEYLOG, {NAME, ...}) */
static int captures_open(lua_State *L) {
    const char *keylog = luaL_optstring(L, 2, NULL);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 3);
    size_t n = lua_rawlen(L, 1);
    captures *c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (captures){0};
    luaL_setmetatable(L, CAPTURES); /* from here on it is closed whatever happens */
    c->inspector = svr_inspector_new(&svr_heap);
    c->sources = calloc(n ? n : 1, sizeof *c->sources);
    if (n > 1) c->copies = calloc(1, sizeof *c->copies);
    if (!c->inspector || !c->sources || (n > 1 && !c->copies)) return conform_fail(L, "memory is short");
    if (keylog) read_keys(L, c->inspector, keylog);
    read_watched(L, 3, &c->watched);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        c->n++;
        open_source(L, &c->sources[i], luaL_checkstring(L, -1));
        lua_pop(L, 1);
    }
    return 1;
}

/* ---- packets as tables ---------------------------------------------------------------------- */

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}
static void set_bytes(lua_State *L, const char *name, const void *p, size_t len) {
    lua_pushlstring(L, p, len);
    lua_setfield(L, -2, name);
}
static void set_number(lua_State *L, const char *name, int64_t v) {
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}
static void set_flag(lua_State *L, const char *name, bool v) {
    lua_pushboolean(L, v);
    lua_setfield(L, -2, name);
}

static void set_hex(lua_State *L, const char *name, const uint8_t *p, size_t len) {
    char text[2 * NAME_PART + 1];
    for (size_t i = 0; i < len && i < NAME_PART; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    set_text(L, name, text);
}

static void set_flow(lua_State *L, const svr_flow *f) {
    char text[SVR_ADDR_TEXT_MAX];
    set_text(L, "src", svr_addr_format(&f->src, text));
    set_text(L, "dst", svr_addr_format(&f->dst, text));
    set_number(L, "sport", f->sport);
    set_number(L, "dport", f->dport);
    set_number(L, "proto", f->proto);
}

static void set_messages(lua_State *L, const svr_seen *s) {
    lua_createtable(L, (int)s->n_messages, 0);
    for (size_t i = 0; i < s->n_messages; i++) {
        const svr_seen_message *m = &s->messages[i];
        lua_createtable(L, 0, 3);
        set_text(L, "kind", svr_seen_message_name(m->kind));
        set_flag(L, "secret", m->secret);
        set_bytes(L, "bytes", m->bytes, m->len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "messages");
}

static void set_bfd(lua_State *L, const svr_seen *s) {
    set_messages(L, s);
    lua_createtable(L, (int)s->n_held, 0);
    for (size_t i = 0; i < s->n_held; i++) {
        lua_createtable(L, 0, 2);
        set_number(L, "index", s->held[i].index);
        set_hex(L, "fingerprint", s->held[i].fingerprint, SVR_SEEN_FINGERPRINT_LEN);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "held");
    if (s->metadata == SVR_AUTH_GOOD) set_hex(L, "fingerprint", s->key_fingerprint, SVR_SEEN_FINGERPRINT_LEN);
    if (s->has_echo) {
        set_text(L, "echo", s->echo.reply ? "reply" : "request");
        set_number(L, "echo_burst", s->echo.burst);
        set_number(L, "echo_number", s->echo.number);
    }
    if (!s->has_bfd) return;
    set_number(L, "bfd_state", s->bfd.state);
    set_number(L, "bfd_diag", s->bfd.diag);
    set_flag(L, "bfd_final", s->bfd.final);
    set_number(L, "bfd_mine", s->bfd.my_discriminator);
}

static void set_session(lua_State *L, const svr_seen *s) {
    set_number(L, "control", s->control);
    if (s->has_error) set_number(L, "icmp_type", s->error.type);
    if (s->has_payload_key) set_number(L, "payload_key_phase", s->payload_key_phase);
    if (!s->has_session) return;
    set_hex(L, "uuid", s->uuid, SVR_SEEN_UUID_LEN);
    set_flag(L, "forward", s->forward);
    set_flag(L, "encrypted", s->encrypted);
    set_text(L, "service", s->service);
    set_text(L, "tenant", s->tenant);
    lua_createtable(L, 0, 5);
    set_flow(L, &s->inner);
    lua_setfield(L, -2, "inner");
    if (!s->has_payload) return;
    if (s->payload == SVR_AUTH_GOOD) set_hex(L, "tag", s->tag, s->tag_len);
    set_text(L, "payload", svr_seen_auth_name(s->payload));
    if (s->has_part) {
        set_number(L, "part_of", s->part.extended_id);
        set_number(L, "part_offset", s->part.offset);
        set_flag(L, "part_more", s->part.more);
    }
    set_number(L, "phase", s->phase);
    set_number(L, "counter", (int64_t)s->counter);
}

/* Source and destination of the session's flow next to each other, as every header and context has them. */
static bool shows_inner(const source *s, const svr_seen *seen) {
    size_t n = seen->inner.src.family == 6 ? 16 : 4;
    uint8_t there[32], back[32];
    if (!seen->has_session) return false;
    memcpy(there, seen->inner.src.bytes, n);
    memcpy(there + n, seen->inner.dst.bytes, n);
    memcpy(back, seen->inner.dst.bytes, n);
    memcpy(back + n, seen->inner.src.bytes, n);
    return memmem(s->data, s->len, there, 2 * n) || memmem(s->data, s->len, back, 2 * n);
}

/* What everybody can read though nobody should. */
static void set_exposed(lua_State *L, const source *s, const svr_seen *seen, const watched *w) {
    set_flag(L, "shows_inner", shows_inner(s, seen) || seen->clear_context);
    for (size_t i = 0; i < w->n; i++)
        if (memmem(s->data, s->len, w->names[i], strlen(w->names[i]))) set_text(L, "exposes", w->names[i]);
}

static void push_packet(lua_State *L, const source *s, const svr_seen *seen, const watched *w) {
    lua_createtable(L, 0, 24);
    set_text(L, "what", "packet");
    set_text(L, "file", s->file);
    set_number(L, "number", (int64_t)s->number);
    set_number(L, "time", s->time);
    set_number(L, "length", (int64_t)s->len);
    set_text(L, "kind", svr_seen_kind_name(seen->kind));
    if (seen->kind == SVR_SEEN_OTHER) return;
    set_flow(L, &seen->outer);
    set_flag(L, "malformed", seen->malformed);
    set_flag(L, "has_metadata", seen->has_metadata);
    set_text(L, "metadata", svr_seen_auth_name(seen->metadata));
    if (seen->has_key) {
        set_number(L, "key_index", seen->key_index);
        set_number(L, "nonce", (int64_t)seen->nonce);
    }
    set_text(L, "sender", seen->sender);
    set_text(L, "receiver", seen->receiver);
    set_exposed(L, s, seen, w);
    (seen->kind == SVR_SEEN_BFD ? set_bfd : set_session)(L, seen);
}

void conform_push_packet(lua_State *L, const conform_datagram *d, const svr_seen *seen) {
    source s = {.file = (char *)(uintptr_t)d->file,
                .number = d->number,
                .time = d->time,
                .data = d->data,
                .len = d->len};
    push_packet(L, &s, seen, &(watched){0});
}

static source *earliest(const captures *c) {
    source *first = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (c->sources[i].time != INT64_MAX && (!first || c->sources[i].time < first->time))
            first = &c->sources[i];
    return first;
}

static bool is_copy(const captures *c, const source *s) {
    return c->copies && conform_is_copy(c->copies, s->data, s->len, (size_t)(s - c->sources), s->time);
}

static int captures_next(lua_State *L) {
    captures *c = luaL_checkudata(L, 1, CAPTURES);
    source *first;
    svr_seen seen;
    while ((first = earliest(c)) != NULL && is_copy(c, first))
        advance(L, first);
    if (!first) return 0;
    svr_inspect(c->inspector, first->data, first->len, &seen);
    push_packet(L, first, &seen, &c->watched);
    advance(L, first);
    return 1;
}

void conform_open_captures(lua_State *L) {
    static const luaL_Reg methods[] = {{"next", captures_next}, {NULL, NULL}};
    luaL_newmetatable(L, CAPTURES);
    lua_pushcfunction(L, captures_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushcfunction(L, captures_open);
    lua_setfield(L, -2, "captures");
}

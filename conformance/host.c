/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>

#include "core.h"
#include "svr/config.h"

#define ARGUMENTS_MAX 32
#define PATH_LEN 4096

extern char **environ;

/* ---- events --------------------------------------------------------------------------------- */

/* "2025-01-01T00:00:00.000000000Z" in nanoseconds since 1970; -1 when it is not that. */
static int64_t read_wall(const char *text) {
    struct tm tm = {0};
    int64_t nanoseconds = 0;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest) return -1;
    if (*rest == '.') nanoseconds = strtoll(rest + 1, NULL, 10);
    return (int64_t)timegm(&tm) * 1000000000 + nanoseconds;
}

static void push_event(lua_State *L, const json_t *event) {
    const char *key;
    json_t *value;
    lua_newtable(L);
    json_object_foreach((json_t *)(uintptr_t)event, key, value) {
        if (json_is_integer(value))
            lua_pushinteger(L, json_integer_value(value));
        else
            lua_pushstring(L, json_is_string(value) ? json_string_value(value) : "");
        lua_setfield(L, -2, key);
    }
    const char *wall = json_string_value(json_object_get(event, "wall"));
    lua_pushinteger(L, wall ? read_wall(wall) : -1);
    lua_setfield(L, -2, "time");
    lua_pushstring(L, "event");
    lua_setfield(L, -2, "what");
}

static int host_events(lua_State *L) {
    const char *file = luaL_checkstring(L, 1);
    char *line = NULL;
    size_t size = 0;
    lua_Integer n = 0;
    json_error_t error;
    FILE *f = fopen(file, "r");
    if (!f) return conform_fail(L, "%s: %s", file, strerror(errno));
    lua_newtable(L);
    while (getline(&line, &size, f) > 0) {
        json_t *event = json_loads(line, 0, &error);
        n++;
        if (!event) {
            free(line);
            fclose(f);
            return conform_fail(L, "%s:%d: %s", file, (int)n, error.text);
        }
        push_event(L, event);
        lua_rawseti(L, -2, n);
        json_decref(event);
    }
    free(line);
    fclose(f);
    return 1;
}

/* ---- configuration -------------------------------------------------------------------------- */

static void *resize(void *ctx, void *p, size_t size) {
    (void)ctx;
    if (size) return realloc(p, size);
    free(p);
    return NULL;
}

static char *read_file(const char *file, size_t *len) {
    FILE *f = fopen(file, "r");
    char *text = NULL;
    size_t size = 0;
    *len = 0;
    if (!f) return NULL;
    for (size_t n = 1; n > 0; *len += n) {
        char *more = realloc(text, size = *len + 65536);
        if (!more) break;
        text = more;
        n = fread(text + *len, 1, size - *len, f);
    }
    fclose(f);
    return text;
}

static void set_number(lua_State *L, const char *name, lua_Integer v) {
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}

static int host_settings(lua_State *L) {
    const char *file = luaL_checkstring(L, 1);
    const svr_allocator heap = {.resize = resize};
    svr_config *config;
    svr_config_error err;
    size_t len;
    char *text = read_file(file, &len);
    if (!text) return conform_fail(L, "%s: %s", file, strerror(errno));
    int rc = svr_config_parse(&heap, text, len, &config, &err);
    free(text);
    if (rc) return conform_fail(L, "%s:%d:%d: %s", file, (int)err.line, (int)err.column, err.message);
    lua_newtable(L);
    set_number(L, "peer_rekey_hours", config->keys.peer_key_rekey_hours);
    set_number(L, "payload_rekey_hours", config->keys.payload_key_rekey_hours);
    set_number(L, "retransmit", config->keys.retransmit_seconds);
    set_number(L, "timeout", config->keys.timeout_seconds);
    lua_pushboolean(L, config->keys.invalid_certificate == SVR_FAIL_HARD);
    lua_setfield(L, -2, "fail_hard");
    svr_config_del(config);
    return 1;
}

/* ---- files and programs --------------------------------------------------------------------- */

static int host_spawn(lua_State *L) {
    char *arguments[ARGUMENTS_MAX + 1];
    int n = lua_gettop(L), status;
    pid_t pid;
    if (n < 1 || n > ARGUMENTS_MAX) return conform_fail(L, "spawn takes 1 to %d words", ARGUMENTS_MAX);
    for (int i = 0; i < n; i++)
        arguments[i] = (char *)(uintptr_t)luaL_checkstring(L, i + 1);
    arguments[n] = NULL;
    int rc = posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environ);
    if (rc) return conform_fail(L, "%s: %s", arguments[0], strerror(rc));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return conform_fail(L, "%s: %s", arguments[0], strerror(errno));
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 1;
}

static int host_program(lua_State *L) {
    char path[PATH_LEN];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0) return conform_fail(L, "this program does not find itself: %s", strerror(errno));
    path[n] = 0;
    char *slash = strrchr(path, '/');
    if (slash) slash[1] = 0;
    lua_pushfstring(L, "%s%s", path, luaL_checkstring(L, 1));
    return 1;
}

static int host_folder(lua_State *L) {
    char path[PATH_LEN];
    const char *whole = luaL_checkstring(L, 1);
    if (!svr_strcpy(path, sizeof path, whole)) return conform_fail(L, "the path is too long: %s", whole);
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/') continue;
        char kept = *p;
        *p = 0;
        if (mkdir(path, 0777) < 0 && errno != EEXIST) return conform_fail(L, "%s: %s", path, strerror(errno));
        if (!kept) return 0;
        *p = kept;
    }
}

static int host_files(lua_State *L) {
    glob_t found = {0};
    lua_newtable(L);
    if (glob(luaL_checkstring(L, 1), 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            lua_pushstring(L, found.gl_pathv[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    globfree(&found);
    return 1;
}

void conform_open_host(lua_State *L) {
    static const luaL_Reg functions[] = {{"events", host_events},
                                         {"settings", host_settings},
                                         {"spawn", host_spawn},
                                         {"program", host_program},
                                         {"folder", host_folder},
                                         {"files", host_files},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

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

#include "common/beside.h"
#include "core.h"
#include "settings.h"

#define ARGUMENTS_MAX 32
#define PATH_LEN 4096
#define NESTED_MAX 20 /* values inside each other in a line of JSON */

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

static void push_json(lua_State *L, const json_t *v, int depth) {
    const char *key;
    json_t *inner;
    size_t i;
    luaL_checkstack(L, 4, "the JSON is nested too deeply");
    if (depth > NESTED_MAX) conform_fail(L, "the JSON is nested too deeply");
    switch (json_typeof(v)) {
    case JSON_STRING: lua_pushlstring(L, json_string_value(v), json_string_length(v)); return;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(v)); return;
    case JSON_REAL: lua_pushnumber(L, json_real_value(v)); return;
    case JSON_NULL: lua_pushnil(L); return;
    case JSON_TRUE:
    case JSON_FALSE: lua_pushboolean(L, json_is_true(v)); return;
    case JSON_ARRAY:
        lua_newtable(L);
        json_array_foreach(v, i, inner) {
            push_json(L, inner, depth + 1);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    case JSON_OBJECT:
        lua_newtable(L);
        json_object_foreach((json_t *)(uintptr_t)v, key, inner) {
            push_json(L, inner, depth + 1);
            lua_setfield(L, -2, key);
        }
    }
}

/* An event's `time` is its wall time; what a scenario told has it already. */
static void set_time(lua_State *L, const json_t *line) {
    const char *wall = json_string_value(json_object_get(line, "wall"));
    if (!wall) return;
    lua_pushinteger(L, read_wall(wall));
    lua_setfield(L, -2, "time");
}

/* lines(FILE, WHAT): one table for each line of JSON, with `what` and `time` */
static int host_lines(lua_State *L) {
    const char *file = luaL_checkstring(L, 1), *what = luaL_checkstring(L, 2);
    char *text = NULL;
    size_t size = 0;
    lua_Integer n = 0;
    json_error_t error;
    FILE *f = fopen(file, "r");
    if (!f) return conform_fail(L, "%s: %s", file, strerror(errno));
    lua_newtable(L);
    while (getline(&text, &size, f) > 0) {
        json_t *line = json_loads(text, 0, &error);
        n++;
        if (!json_is_object(line)) {
            json_decref(line);
            free(text);
            fclose(f);
            return conform_fail(L, "%s:%d: %s", file, (int)n, line ? "no JSON object" : error.text);
        }
        push_json(L, line, 0);
        set_time(L, line);
        lua_pushstring(L, what);
        lua_setfield(L, -2, "what");
        lua_rawseti(L, -2, n);
        json_decref(line);
    }
    free(text);
    fclose(f);
    return 1;
}

/* ---- configuration -------------------------------------------------------------------------- */

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

static int host_settings(lua_State *L) {
    const char *file = luaL_checkstring(L, 1);
    size_t len;
    char *text = read_file(file, &len);
    if (!text) return conform_fail(L, "%s: %s", file, strerror(errno));
    lua_push_settings(L, text, len);
    free(text);
    lua_getfield(L, -1, "accepted");
    if (lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        return 1;
    }
    lua_getfield(L, -2, "line");
    lua_getfield(L, -3, "column");
    lua_getfield(L, -4, "message");
    return conform_fail(L, "%s:%d:%d: %s", file, (int)lua_tointeger(L, -3), (int)lua_tointeger(L, -2),
                        lua_tostring(L, -1));
}

/* ---- files and programs --------------------------------------------------------------------- */

/* start(PROGRAM, ARGUMENT...): its process, which runs side by side with others */
static int host_start(lua_State *L) {
    char *arguments[ARGUMENTS_MAX + 1];
    int n = lua_gettop(L);
    pid_t pid;
    if (n < 1 || n > ARGUMENTS_MAX) return conform_fail(L, "start takes 1 to %d words", ARGUMENTS_MAX);
    for (int i = 0; i < n; i++)
        arguments[i] = (char *)(uintptr_t)luaL_checkstring(L, i + 1);
    arguments[n] = NULL;
    int rc = posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environ);
    if (rc) return conform_fail(L, "%s: %s", arguments[0], strerror(rc));
    lua_pushinteger(L, pid);
    return 1;
}

/* wait(): the process that ended, and its exit status */
static int host_wait(lua_State *L) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, 0)) < 0)
        if (errno != EINTR) return conform_fail(L, "nothing to wait for: %s", strerror(errno));
    lua_pushinteger(L, pid);
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 2;
}

static int host_processors(lua_State *L) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    lua_pushinteger(L, n > 0 ? n : 1);
    return 1;
}

static int host_program(lua_State *L) {
    char path[PATH_LEN];
    if (!svr_program_beside(luaL_checkstring(L, 1), path, sizeof path))
        return conform_fail(L, "the path of this program is too long, or unknown");
    lua_pushstring(L, path);
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

static int host_clock(lua_State *L) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

void conform_open_host(lua_State *L) {
    static const luaL_Reg functions[] = {{"lines", host_lines},           {"settings", host_settings},
                                         {"start", host_start},           {"wait", host_wait},
                                         {"processors", host_processors}, {"program", host_program},
                                         {"folder", host_folder},         {"files", host_files},
                                         {"clock", host_clock},           {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

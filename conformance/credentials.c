/* SPDX-License-Identifier: MIT
 * Certificates for a probe and what it probes: a root that both trust, and such that must not be accepted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>

#include "common/heap.h"
#include "core.h"
#include "svr/authority.h"

#define ISSUER "conform.issuer"
#define PATH_LEN 4096
#define DAY (INT64_C(86400) * (svr_wall)SVR_SEC)

/* Two CAs: the one that is trusted, and a stranger. */
typedef struct issuer {
    svr_env *env;
    svr_ca *ca[2];
    svr_wall now;
} issuer;

static int issuer_close(lua_State *L) {
    issuer *is = luaL_checkudata(L, 1, ISSUER);
    svr_ca_del(is->ca[0]);
    svr_ca_del(is->ca[1]);
    if (is->env) svr_env_del(is->env);
    *is = (issuer){0};
    return 0;
}

/* Nothing that is there is overwritten: it may be somebody's only key. */
static void write_text(lua_State *L, const char *dir, const char *name, const char *suffix,
                       const char *text) {
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    int error = errno;
    if (fd >= 0 && close(fd) < 0) good = false;
    if (!good) conform_fail(L, "%s: %s", path, strerror(error));
}

static issuer *open_issuer(lua_State *L) {
    static const char *const names[] = {"probe root", "stranger"};
    struct timespec now;
    svr_error err = {0};
    issuer *is = lua_newuserdatauv(L, sizeof *is, 0);
    *is = (issuer){0};
    luaL_setmetatable(L, ISSUER); /* from here on it is closed whatever happens */
    clock_gettime(CLOCK_REALTIME, &now);
    is->now = (svr_wall)now.tv_sec * (svr_wall)SVR_SEC;
    is->env = svr_env_new(&(svr_env_params){.alloc = &svr_heap});
    for (int i = 0; is->env && i < 2; i++) {
        svr_ca_params params = {.common_name = names[i],
                                .key = SVR_KEY_P384,
                                .not_before = is->now - 60 * DAY,
                                .not_after = is->now + 3650 * DAY};
        is->ca[i] = svr_ca_new_root(svr_env_crypt(is->env), &params, &err);
    }
    if (!is->ca[0] || !is->ca[1]) conform_fail(L, "no certificates can be made: %s", err.message);
    return is;
}

static bool flag(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    bool set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

static const char *text(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    const char *value = luaL_checkstring(L, -1);
    lua_pop(L, 1); /* the table keeps it */
    return value;
}

/* The order is the table on top of the stack. */
static void fill_order(lua_State *L, issuer *is, const char *dir) {
    svr_error err = {0};
    svr_ca_issued issued;
    svr_ca *ca = is->ca[flag(L, "stranger")];
    svr_ca_order order = {.name = text(L, "name"),
                          .place = SVR_NAME_IN_BOTH,
                          .key = SVR_KEY_P256,
                          .not_before = is->now - 30 * DAY,
                          .not_after = is->now + (flag(L, "expired") ? -DAY : 365 * DAY)};
    if (svr_ca_issue(ca, &order, &issued, &err)) conform_fail(L, "%s: %s", order.name, err.message);
    if (flag(L, "revoked")) svr_ca_revoke(ca, issued.serial, is->now, &err);
    write_text(L, dir, text(L, "file"), ".pem", issued.certificate);
    write_text(L, dir, text(L, "file"), ".key", issued.private_key);
    svr_ca_issued_free(ca, &issued);
}

/* issue(DIR, {{file=, name=, expired=, revoked=, stranger=}, ...}): certificates, root.pem and crl.pem in a
 * folder that has none yet. */
static int credentials_issue(lua_State *L) {
    const char *dir = luaL_checkstring(L, 1);
    svr_error err = {0};
    luaL_checktype(L, 2, LUA_TTABLE);
    issuer *is = open_issuer(L);
    write_text(L, dir, "root", ".pem", svr_ca_root_pem(is->ca[0]));
    for (lua_Integer i = 1; i <= luaL_len(L, 2); i++) {
        lua_rawgeti(L, 2, i);
        fill_order(L, is, dir);
        lua_pop(L, 1);
    }
    char *crl = svr_ca_crl(is->ca[0], is->now, is->now + 365 * DAY, &err);
    if (!crl) return conform_fail(L, "%s", err.message);
    write_text(L, dir, "crl", ".pem", crl);
    svr_ca_text_free(is->ca[0], crl);
    return 0;
}

void conform_open_credentials(lua_State *L) {
    static const luaL_Reg functions[] = {{"issue", credentials_issue}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, ISSUER);
    lua_pushcfunction(L, issuer_close);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

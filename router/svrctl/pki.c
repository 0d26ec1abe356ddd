/* SPDX-License-Identifier: MIT
 *
 *   DIR/root.pem, root.key     what all routers trust, and its private key
 *   DIR/ca.pem, ca.key         the intermediate CA that issues: its certificate and the root's; its private
 * key DIR/ca.crl                 what it revoked DIR/issued                 a line each: serial number, name,
 * last second, and "revoked" when it is DIR/NAME/peering.pem, .key, .csr a router's chain, private key and
 * request
 *
 * Private keys can be read by their owner alone. */
#include "svrctl/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/replace.h"
#include "svr/authority.h"
#include "svrd/file.h"

enum { DONE = 0, FAILED = 1, USAGE = 2 };

#define DAY (24 * SVR_HOUR)
#define ROOT_DAYS 3650
#define CA_DAYS 1825
#define ROUTER_DAYS 365
#define CRL_DAYS 30
#define DAYS_MAX 36500
#define WORDS "init, issue, request, revoke, list"
#define KINDS_TEXT "p256, p384, p521, ed25519, rsa2048, rsa3072, rsa4096"

static const char help[] =
    "Usage: svrctl pki init [--name TEXT]            a root and an intermediate CA\n"
    "       svrctl pki issue PEERING-COMMON-NAME     a router's key and certificate, or its renewal\n"
    "                  [--request FILE]              for a request that the router made: its key stays "
    "there\n"
    "       svrctl pki request PEERING-COMMON-NAME   on the router: a key, and a request for its "
    "certificate\n"
    "       svrctl pki revoke PEERING-COMMON-NAME    or a serial number: writes the revocation list anew\n"
    "       svrctl pki list                          what was issued\n"
    "\n"
    "  --dir DIR     where it all is (default: pki)\n"
    "  --days N      how long it is valid (default: the root 3650, the CA 1825, routers 365, the list 30)\n"
    "  --key KIND    " KINDS_TEXT "\n"
    "                (default: p384 for CAs, p256 for routers)\n"
    "  --help\n"
    "\n"
    "A router needs three files in the folder of its configuration: root.pem, and its own peering.pem and\n"
    "peering.key. Revoke: give all routers ca.crl (svrd --crl), then: svrctl reload local certificates.\n"
    "Exit status: 0, 1 when it could not be done, 2 for wrong arguments.\n";

typedef struct task {
    const char *dir, *name, *request;
    svr_key_kind key;
    bool key_given;
    long days; /* 0: the default */
    svr_env *env;
    svr_wall now;
} task;

static int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int complain(int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("svrctl pki: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (status == USAGE) fputs("Try svrctl pki --help.\n", stderr);
    return status;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* DIR/NAME/FILE, or DIR/FILE where `name` is NULL. False when that is too long. */
static bool make_path(char out[PATH_MAX], const task *o, const char *name, const char *file) {
    int n = snprintf(out, PATH_MAX, "%s/%s%s%s", o->dir, name ? name : "", name ? "/" : "", file);
    return n < PATH_MAX || complain(FAILED, "the path is too long: %.64s...", o->dir) == DONE;
}

static bool put(const task *o, const char *name, const char *file, const char *text, mode_t mode) {
    char path[PATH_MAX];
    if (!text) return complain(FAILED, "memory is short") == DONE;
    if (!make_path(path, o, name, file)) return false;
    int error = svr_file_replace(path, text, strlen(text), mode);
    return !error || complain(FAILED, "%s: %s", path, strerror(error)) == DONE;
}

static bool get(const task *o, const char *file, svrd_text *out) {
    char path[PATH_MAX];
    svr_error err = {0};
    if (!make_path(path, o, NULL, file)) return false;
    return svrd_text_read(out, path, &err) == 0 || complain(FAILED, "%s", err.message) == DONE;
}

static bool has(const task *o, const char *file) {
    char path[PATH_MAX];
    return make_path(path, o, NULL, file) && access(path, F_OK) == 0;
}

static bool make_folder(const task *o, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!make_path(path, o, name, "")) return false;
    return mkdir(path, mode) == 0 || errno == EEXIST ||
           complain(FAILED, "%s: %s", path, strerror(errno)) == DONE;
}

/* One at a time: what was issued is read, and written anew. Held until the program ends. */
static bool lock(const task *o) {
    char path[PATH_MAX];
    if (!make_path(path, o, NULL, "lock")) return false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return (fd >= 0 && flock(fd, LOCK_EX) == 0) || complain(FAILED, "%s: %s", path, strerror(errno)) == DONE;
}

/* ---- what was issued ------------------------------------------------------------------------ */

static void date(svr_wall wall, char out[32]) {
    time_t t = (time_t)(wall / (svr_wall)SVR_SEC);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool note(const task *o, uint64_t serial, svr_wall until) {
    char line[160], when[32];
    svrd_text text = {0};
    date(until, when);
    snprintf(line, sizeof line, "%" PRIu64 " %s %s\n", serial, o->name, when);
    if (has(o, "issued") && !get(o, "issued", &text)) return false;
    char *all;
    bool ok =
        asprintf(&all, "%s%s", text.bytes ? text.bytes : "", line) >= 0 && put(o, NULL, "issued", all, 0644);
    if (ok) free(all);
    svrd_text_fini(&text);
    return ok;
}

/* ---- the authority -------------------------------------------------------------------------- */

static svr_ca *open_ca(const task *o) {
    svrd_text chain = {0}, key = {0}, crl = {0};
    svr_error err = {0};
    svr_ca *ca = NULL;
    if (!has(o, "ca.key")) {
        complain(FAILED, "there is no CA in %s: make one with: svrctl pki init --dir %s", o->dir, o->dir);
        return NULL;
    }
    if (get(o, "ca.pem", &chain) && get(o, "ca.key", &key) && get(o, "ca.crl", &crl)) {
        ca = svr_ca_load(svr_env_crypt(o->env), chain.bytes, key.bytes, crl.bytes, &err);
        if (!ca) complain(FAILED, "the CA in %s: %s", o->dir, err.message);
    }
    svrd_text_fini(&chain);
    svrd_text_fini(&key);
    svrd_text_fini(&crl);
    return ca;
}

static bool put_crl(const task *o, svr_ca *ca) {
    svr_error err = {0};
    char *crl =
        svr_ca_crl(ca, o->now, o->now + (svr_wall)((uint64_t)(o->days ? o->days : CRL_DAYS) * DAY), &err);
    if (!crl) return complain(FAILED, "%s", err.message) == DONE;
    bool ok = put(o, NULL, "ca.crl", crl, 0644);
    svr_ca_text_free(ca, crl);
    return ok;
}

static bool put_ca(const task *o, const svr_ca *ca, const char *pem, const char *key) {
    char *chain = svr_ca_chain_pem(ca), *secret = svr_ca_key_pem(ca);
    bool ok = put(o, NULL, key, secret, 0600) && put(o, NULL, pem, chain, 0644);
    svr_ca_text_free(ca, chain);
    svr_ca_text_free(ca, secret);
    return ok;
}

static svr_ca_params params_of(const task *o, const char *name, long days) {
    return (svr_ca_params){.common_name = name,
                           .key = o->key_given ? o->key : SVR_KEY_P384,
                           .not_before = o->now,
                           .not_after = o->now + (svr_wall)((uint64_t)days * DAY)};
}

static int init(const task *o) {
    char name[SVR_NAME_MAX + 1];
    svr_error err = {0};
    if (!make_folder(o, NULL, 0755) || !lock(o)) return FAILED;
    if (has(o, "root.key")) return complain(FAILED, "there is a CA in %s already; it stays as it is", o->dir);
    snprintf(name, sizeof name, "%.50s CA", o->name ? o->name : "SVR lab");
    svr_ca_params of_root = params_of(o, o->name ? o->name : "SVR lab", o->days ? o->days : ROOT_DAYS);
    svr_ca_params of_ca = params_of(o, name, o->days ? o->days : CA_DAYS);
    svr_ca *root = svr_ca_new_root(svr_env_crypt(o->env), &of_root, &err);
    svr_ca *ca = root ? svr_ca_new_intermediate(root, &of_ca, &err) : NULL;
    if (!ca) complain(FAILED, "%s", err.message);
    task list = *o;
    list.days = 0;
    bool ok = ca && put_ca(o, ca, "ca.pem", "ca.key") && put_crl(&list, ca) &&
              put_ca(o, root, "root.pem", "root.key");
    if (ok)
        printf("%s/root.pem is what all routers trust. Keep %s/root.key where nobody else comes.\n"
               "Now, for each router: svrctl pki issue PEERING-COMMON-NAME --dir %s\n",
               o->dir, o->dir, o->dir);
    svr_ca_del(ca);
    svr_ca_del(root);
    return ok ? DONE : FAILED;
}

/* ---- routers -------------------------------------------------------------------------------- */

static void tell_issued(const task *o, const svr_ca_issued *issued, svr_wall until) {
    char when[32];
    date(until, when);
    printf("%s/%s/peering.pem: serial number %" PRIu64 ", valid until %s\n", o->dir, o->name, issued->serial,
           when);
    printf("Copy it%s, and %s/root.pem to the folder of its configuration, where the authority says:\n"
           "    trusted-ca-certificate  lab\n        file  root.pem\n    exit\n"
           "    client-certificate  peering\n        file  peering\n    exit\n",
           o->request ? "" : ", peering.key", o->dir);
}

static bool write_issued(const task *o, const svr_ca_issued *issued, svr_wall until) {
    if (!make_folder(o, o->name, 0700)) return false;
    if (issued->private_key && !put(o, o->name, "peering.key", issued->private_key, 0600)) return false;
    return put(o, o->name, "peering.pem", issued->certificate, 0644) && note(o, issued->serial, until);
}

static int issue(const task *o) {
    svr_ca_order order = {.name = o->name,
                          .key = o->key_given ? o->key : SVR_KEY_P256,
                          .not_before = o->now,
                          .not_after =
                              o->now + (svr_wall)((uint64_t)(o->days ? o->days : ROUTER_DAYS) * DAY)};
    svr_ca_issued issued = {0};
    svrd_text request = {0};
    svr_error err = {0};
    if (o->request && svrd_text_read(&request, o->request, &err) != 0)
        return complain(FAILED, "%s", err.message);
    svr_ca *ca = lock(o) ? open_ca(o) : NULL;
    if (!ca) return FAILED;
    int rc = o->request ? svr_ca_sign(ca, &order, request.bytes, &issued, &err)
                        : svr_ca_issue(ca, &order, &issued, &err);
    if (rc != 0)
        complain(FAILED, "%s%s%s", o->request ? o->request : "", o->request ? ": " : "", err.message);
    bool ok = rc == 0 && write_issued(o, &issued, order.not_after);
    if (ok) tell_issued(o, &issued, order.not_after);
    svr_ca_issued_free(ca, &issued);
    svr_ca_del(ca);
    svrd_text_fini(&request);
    return ok ? DONE : FAILED;
}

static int request(const task *o) {
    svr_ca_issued made;
    svr_error err = {0};
    struct svr_crypt *crypt = svr_env_crypt(o->env);
    if (!make_folder(o, NULL, 0755) || !make_folder(o, o->name, 0700)) return FAILED;
    if (svr_ca_request(crypt, o->name, o->key_given ? o->key : SVR_KEY_P256, &made, &err) != 0)
        return complain(FAILED, "%s", err.message);
    bool ok = put(o, o->name, "peering.key", made.private_key, 0600) &&
              put(o, o->name, "peering.csr", made.certificate, 0644);
    svr_ca_request_free(crypt, &made);
    if (ok)
        printf("Give %s/%s/peering.csr to the CA: svrctl pki issue %s --request peering.csr\n"
               "What it gives back goes beside %s/%s/peering.key, as peering.pem.\n",
               o->dir, o->name, o->name, o->dir, o->name);
    return ok ? DONE : FAILED;
}

/* ---- revoking ------------------------------------------------------------------------------- */

/* A line of `issued`. */
typedef struct entry {
    uint64_t serial;
    char name[SVR_NAME_MAX + 1], until[32];
    bool revoked;
} entry;

static bool read_entry(const char *line, entry *e) {
    char state[16] = "";
    int n = sscanf(line, "%" SCNu64 " %63s %31s %15s", &e->serial, e->name, e->until, state);
    e->revoked = strcmp(state, "revoked") == 0;
    return n >= 3;
}

static bool is_meant(const task *o, const entry *e) {
    char serial[24];
    snprintf(serial, sizeof serial, "%" PRIu64, e->serial);
    return strcmp(o->name, e->name) == 0 || strcmp(o->name, serial) == 0;
}

/* Revokes what is meant; writes the lines anew to `out`. How many, or -1. */
static int revoke_lines(const task *o, svr_ca *ca, char *text, FILE *out) {
    int n = 0;
    char *rest = NULL;
    svr_error err = {0};
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        entry e;
        bool known = read_entry(line, &e), now = known && !e.revoked && is_meant(o, &e);
        if (now && svr_ca_revoke(ca, e.serial, o->now, &err) != 0) return complain(-1, "%s", err.message);
        if (now)
            printf("revoked: serial number %" PRIu64 ", %s, which was valid until %s\n", e.serial, e.name,
                   e.until);
        fprintf(out, "%s%s\n", line, now ? " revoked" : "");
        n += now;
    }
    return n;
}

static int revoke_named(const task *o) {
    svrd_text text = {0};
    char *lines = NULL;
    size_t len = 0;
    svr_ca *ca = lock(o) ? open_ca(o) : NULL;
    bool ok = false;
    if (!ca) return FAILED;
    if (!has(o, "issued"))
        complain(FAILED, "nothing was issued yet");
    else if (get(o, "issued", &text)) {
        FILE *out = open_memstream(&lines, &len);
        int n = out ? revoke_lines(o, ca, text.bytes, out) : -1;
        if (out) fclose(out);
        if (n == 0)
            complain(FAILED, "no certificate that is not revoked is %s: see svrctl pki list", o->name);
        ok = n > 0 && put_crl(o, ca) && put(o, NULL, "issued", lines, 0644);
    }
    if (ok)
        printf("%s/ca.crl is the new list: give it to all routers (svrd --crl), then: svrctl reload local "
               "certificates\n",
               o->dir);
    free(lines);
    svrd_text_fini(&text);
    svr_ca_del(ca);
    return ok ? DONE : FAILED;
}

static int list(const task *o) {
    svrd_text text = {0};
    char *rest = NULL;
    if (!has(o, "ca.key")) return complain(FAILED, "there is no CA in %s", o->dir);
    if (has(o, "issued") && !get(o, "issued", &text)) return FAILED;
    printf("%-20s  %-24s  %-20s  %s\n", "Serial", "Name", "Valid until", "State");
    for (char *line = text.bytes ? strtok_r(text.bytes, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        entry e;
        char now[32];
        if (!read_entry(line, &e)) continue;
        date(o->now, now);
        printf("%-20" PRIu64 "  %-24s  %-20s  %s\n", e.serial, e.name, e.until,
               e.revoked                  ? "revoked"
               : strcmp(e.until, now) < 0 ? "expired"
                                          : "valid");
    }
    svrd_text_fini(&text);
    return DONE;
}

/* ---- command line --------------------------------------------------------------------------- */

static const struct command {
    const char *word;
    bool named; /* a name must follow */
    int (*run)(const task *);
} commands[] = {{"init", false, init},
                {"issue", true, issue},
                {"request", true, request},
                {"revoke", true, revoke_named},
                {"list", false, list}};

/* It becomes the name of a folder. */
static bool is_good_name(const char *name) {
    return *name && strlen(name) <= SVR_NAME_MAX && *name != '.' && !strpbrk(name, "/ \t\n");
}

static bool read_days(const char *text, long *out) {
    char *end;
    *out = strtol(text, &end, 10);
    return end != text && !*end && *out >= 1 && *out <= DAYS_MAX;
}

static int read_options(int n, char **words, task *o) {
    static const struct option known[] = {
        {"dir", required_argument, NULL, 'd'},     {"days", required_argument, NULL, 'n'},
        {"key", required_argument, NULL, 'k'},     {"name", required_argument, NULL, 't'},
        {"request", required_argument, NULL, 'r'}, {0}};
    optind = 0;
    opterr = 0;
    for (int opt; (opt = getopt_long(n, words, ":", known, NULL)) != -1;) {
        if (opt == 'd')
            o->dir = optarg;
        else if (opt == 'n' && !read_days(optarg, &o->days))
            return complain(USAGE, "--days %s: expected a number from 1 to %d", optarg, DAYS_MAX);
        else if (opt == 'k' && !(o->key_given = svr_key_kind_parse(optarg, &o->key)))
            return complain(USAGE, "--key %s: expected one of " KINDS_TEXT, optarg);
        else if (opt == 't')
            o->name = optarg;
        else if (opt == 'r')
            o->request = optarg;
        else if (opt == ':')
            return complain(USAGE, "a value is missing after %s", words[optind - 1]);
        else if (opt == '?')
            return complain(USAGE, "unknown option %s", words[optind - 1]);
    }
    return DONE;
}

static int run(const struct command *c, task *o) {
    struct timespec t;
    svr_env_params params = {.alloc = &svr_heap, .packets_max = 1};
    clock_gettime(CLOCK_REALTIME, &t);
    o->now = (svr_wall)t.tv_sec * (svr_wall)SVR_SEC;
    o->env = svr_env_new(&params);
    if (!o->env) return complain(FAILED, "memory is short, or OpenSSL lacks an algorithm");
    int status = c->run(o);
    svr_env_del(o->env);
    return status;
}

int svrctl_pki(int n, char **words) {
    task o = {.dir = "pki"};
    const struct command *c = NULL;
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], "--help") != 0) continue;
        fputs(help, stdout);
        return DONE;
    }
    /* words[-1] is `pki`: what getopt takes for the program's name. */
    int status = read_options(n + 1, words - 1, &o);
    if (status) return status;
    int left = n + 1 - optind;
    char **rest = words - 1 + optind;
    for (size_t i = 0; left && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(rest[0], commands[i].word) == 0) c = &commands[i];
    if (!c)
        return complain(USAGE, left ? "unknown word \"%s\"; there may be: " WORDS : "there may be: " WORDS,
                        left ? rest[0] : "");
    if (left != 1 + c->named)
        return complain(USAGE, c->named ? "%s wants one name" : "%s wants no name", c->word);
    if (c->named) o.name = rest[1];
    if (c->named && !is_good_name(o.name))
        return complain(USAGE,
                        "'%s' is no name: 1 to 63 characters, no blank and no '/', no '.' at its beginning",
                        o.name);
    if (o.request && c->run != issue) return complain(USAGE, "--request goes with issue alone");
    return run(c, &o);
}

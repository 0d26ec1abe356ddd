/* SPDX-License-Identifier: MIT */
#include "router.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/beside.h"

#define FILE_MAX 256
#define CHUNK 65536
#define ARGUMENTS_MAX 32

static const char *const suffixes[LAB_CREDENTIALS] = {".crt", ".key", ".ca", ".crl"};
static const char *const options[LAB_CREDENTIALS] = {"--certificate", "--private-key", "--trusted-ca",
                                                     "--crl"};

/* A file of the router in the run's folder; "" when there is no such folder. */
static const char *own_file(const svrsim_router *r, const char *suffix, char out[FILE_MAX]) {
    const char *folder = lab_run_folder();
    snprintf(out, FILE_MAX, "%s/%s%s", folder ? folder : "", r->space.name, suffix);
    return folder ? out : "";
}

static int write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    bool ok = f && fputs(text, f) >= 0;
    ok = f && fclose(f) == 0 && ok;
    return ok ? 0 : lab_fail("cannot write %s: %s", path, strerror(errno));
}

/* Of two nodes the one that serves gets it, but the link between them is each one's own. */
static void receive(void *ctx, uint32_t device, const uint8_t *data, size_t len) {
    svrsim_router *r = ctx;
    bool other = r->second && device >= r->n_own && !r->serves;
    lab_taps_receive(other ? &r->second->shared : &r->taps, device, data, len);
}

/* Its namespace, and its node in the simulated network. */
static int place(svrsim_router *r, lab_loop *loop) {
    if (lab_space_make(&r->space, r->name) != 0) return -1;
    ns3shim_node *node = ns3shim_raw_new(loop->world, r->name, receive, r);
    if (!node) return lab_fail("ns-3: %s", ns3shim_error());
    lab_taps_init(&r->taps, loop, &r->space, node);
    return 0;
}

svrsim_router *lab_router_new(svrsim *sim, lab_loop *loop, const char *name) {
    svrsim_router *r = calloc(1, sizeof *r);
    if (!r || !svr_strcpy(r->name, sizeof r->name, name)) {
        lab_fail("cannot make router '%s': the name is longer than 63 bytes, or memory is short", name);
        free(r);
        return NULL;
    }
    r->sim = sim;
    r->events.fd = -1;
    if (place(r, loop) == 0) return r;
    free(r);
    return NULL;
}

void lab_router_del(svrsim_router *r) {
    lab_router_kill(r);
    for (size_t i = 0; i < LAB_CREDENTIALS; i++) {
        if (r->credential[i]) svr_wipe(r->credential[i], strlen(r->credential[i]));
        free(r->credential[i]);
    }
    lab_taps_fini(&r->taps);
    lab_taps_fini(&r->shared);
    lab_answer_fini(&r->answer);
    free(r->config);
    free(r->line);
    free(r);
}

/* ---- events --------------------------------------------------------------------------------- */

static void take_line(svrsim_router *r, const char *line) {
    json_t *event = json_loads(line, 0, NULL);
    if (event) lab_take_event(r->sim, r, event);
}

static void take_bytes(svrsim_router *r, const char *bytes, size_t n) {
    char *more = realloc(r->line, r->line_len + n + 1), *newline, *from;
    if (!more) return;
    r->line = from = more;
    memcpy(r->line + r->line_len, bytes, n);
    r->line[r->line_len + n] = '\0';
    while ((newline = strchr(from, '\n'))) {
        *newline = '\0';
        take_line(r, from);
        from = newline + 1;
    }
    r->line_len = strlen(from);
    memmove(r->line, from, r->line_len + 1);
}

/* Takes what is there; false at the end, which comes when the process is gone. */
static bool read_events(svrsim_router *r) {
    char bytes[CHUNK];
    for (;;) {
        ssize_t n = read(r->events.fd, bytes, sizeof bytes);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        if (n == 0) return false;
        take_bytes(r, bytes, (size_t)n);
    }
}

static void on_events(void *ctx, uint32_t events) {
    svrsim_router *r = ctx;
    (void)events;
    r->taking = true;
    bool alive = read_events(r);
    r->taking = false;
    if (alive) return;
    lab_router_kill(r);
    lab_router_died(r->sim, r);
}

/* ---- the process ---------------------------------------------------------------------------- */

static int write_credentials(svrsim_router *r) {
    char path[FILE_MAX];
    for (size_t i = 0; i < LAB_CREDENTIALS; i++)
        if (r->credential[i] && write_file(own_file(r, suffixes[i], path), r->credential[i]) != 0) return -1;
    return 0;
}

typedef struct arguments {
    char text[ARGUMENTS_MAX][FILE_MAX];
    char *words[ARGUMENTS_MAX + 1];
    size_t n;
} arguments;

static void add(arguments *a, const char *name, const char *value) {
    for (int i = 0; i < 2 && a->n < ARGUMENTS_MAX; i++) {
        const char *word = i == 0 ? name : value;
        if (!word) continue;
        snprintf(a->text[a->n], FILE_MAX, "%s", word);
        a->words[a->n] = a->text[a->n];
        a->words[++a->n] = NULL;
    }
}

static int make_arguments(svrsim_router *r, const lab_start *how, arguments *a) {
    char text[FILE_MAX];
    if (!svr_program_beside("svrd", text, sizeof text)) return lab_fail("the path of svrd is too long");
    add(a, text, NULL);
    add(a, "--config", how->config);
    add(a, "--router", r->name);
    add(a, "--user", "root"); /* it reads what only this program's user may */
    if (*r->which) add(a, "--node", r->which);
    add(a, "--events", "-");
    add(a, "--control", own_file(r, ".sock", text));
    add(a, "--keylog", own_file(r, ".keys", text));
    snprintf(text, sizeof text, "%" PRIu32, how->rate);
    add(a, "--clock-rate", text);
    snprintf(text, sizeof text, "%" PRIu64 "=%" PRId64, how->machine_wall, how->epoch + r->clock);
    add(a, "--clock-at", text);
    for (size_t i = 0; i < LAB_CREDENTIALS; i++) {
        r->given[i] = r->credential[i] != NULL;
        if (r->given[i]) add(a, options[i], own_file(r, suffixes[i], text));
    }
    return 0;
}

/* In the child. It goes when this program goes, and no key of the terminal reaches it. */
static void become(const svrsim_router *r, const lab_start *how, const arguments *a, int events) {
    int in = open("/dev/null", O_RDONLY), log = open(how->log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    if (in >= 0 && log >= 0 && setns(r->space.fd, CLONE_NEWNET) == 0 && dup2(in, 0) == 0 &&
        dup2(events, 1) == 1 && dup2(log, 2) == 2)
        execv(a->words[0], a->words);
    perror(a->words[0]);
    _exit(127);
}

int lab_router_start(svrsim_router *r, const lab_start *how) {
    arguments a = {.n = 0};
    char path[FILE_MAX];
    int pipes[2];
    lab_start mine = *how;
    if (write_credentials(r) != 0) return -1;
    if (r->config) {
        mine.config = own_file(r, ".conf", path);
        if (write_file(path, r->config) != 0) return -1;
    }
    if (make_arguments(r, &mine, &a) != 0) return -1;
    unlink(own_file(r, ".sock", path));
    if (pipe2(pipes, O_CLOEXEC) != 0) return lab_fail("pipe: %s", strerror(errno));
    r->pid = fork();
    if (r->pid == 0) become(r, &mine, &a, pipes[1]);
    close(pipes[1]);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    r->events = (lab_source){pipes[0], on_events, r};
    r->line_len = 0;
    if (r->pid > 0) return lab_watch(r->taps.loop, &r->events);
    r->pid = 0;
    return lab_fail("fork: %s", strerror(errno));
}

void lab_router_kill(svrsim_router *r) {
    if (!r->pid) return;
    kill(r->pid, SIGKILL);
    while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    r->pid = 0;
    read_events(r);
    lab_unwatch(r->taps.loop, &r->events);
}

void lab_router_power(svrsim_router *r, bool on) {
    lab_taps_power(&r->taps, on);
    lab_taps_power(&r->shared, on);
}

void lab_router_keys(const svrsim_router *r, void (*take)(void *ctx, const char *line), void *ctx) {
    char path[FILE_MAX], *line = NULL;
    size_t size = 0;
    ssize_t n;
    FILE *f = fopen(own_file(r, ".keys", path), "r");
    if (!f) return; /* it was never started */
    while ((n = getline(&line, &size, f)) > 0) {
        if (line[n - 1] != '\n') break; /* it was killed in the middle */
        line[n - 1] = '\0';
        if (*line != '#') take(ctx, line);
    }
    free(line);
    fclose(f);
}

/* ---- what scenarios do to routers ----------------------------------------------------------- */

ns3shim_node *svrsim_router_node(svrsim_router *r) {
    return r->taps.node;
}
bool svrsim_router_lives(const svrsim_router *r) {
    return r->pid != 0;
}

bool svrsim_router_serves(const svrsim_router *r) {
    return svrsim_router_lives(r) && (r->serves || !(r->first || r->second));
}

int svrsim_router_set_second(svrsim_router *r, svrsim_router *second, const char *node) {
    if (!svr_strcpy(second->which, sizeof second->which, node))
        return lab_fail("the name '%s' is too long", node);
    r->second = second;
    second->first = r;
    while (ns3shim_node_mtu(r->taps.node, r->n_own))
        r->n_own++;
    lab_taps_init(&second->shared, r->taps.loop, &second->space, r->taps.node);
    return 0;
}

int svrsim_router_set_credentials(svrsim_router *r, const svr_credentials *t) {
    const char *texts[LAB_CREDENTIALS] = {t->certificate, t->private_key, t->trusted_ca, t->crl};
    for (size_t i = 0; i < LAB_CREDENTIALS; i++) {
        if (!texts[i]) continue;
        free(r->credential[i]);
        r->credential[i] = strdup(texts[i]);
        if (!r->credential[i]) return lab_fail("memory is short");
    }
    return 0;
}

int svrsim_router_set_config(svrsim_router *r, const char *text) {
    free(r->config);
    r->config = strdup(text);
    return r->config ? 0 : lab_fail("memory is short");
}

int svrsim_router_attach(svrsim_router *r, uint32_t device, const char *target, const char *host,
                         const svrsim_own *own) {
    /* The kernel routes between a LAN and svrd, whose own device has the interface's name. */
    char lan[SVR_NAME_MAX + 6];
    snprintf(lan, sizeof lan, "%.63s-wire", target);
    const char *name = *host ? lan : target;
    if (r->second && device >= r->n_own &&
        lab_taps_attach(&r->second->shared, device, name, host, own->address, own->prefix_len) != 0)
        return -1;
    return lab_taps_attach(&r->taps, device, name, host, own->address, own->prefix_len);
}

void svrsim_router_carrier(svrsim_router *r, uint32_t device, bool up) {
    lab_taps_carrier(&r->taps, device, up);
    if (r->second && device >= r->n_own) lab_taps_carrier(&r->second->shared, device, up);
}

/* Asks for something to be done. */
static int order(svrsim_router *r, const char *command) {
    char path[FILE_MAX];
    char *answer = lab_ask(own_file(r, ".sock", path), false, command);
    free(answer);
    return answer ? 0 : -1;
}

int svrsim_router_reload(svrsim_router *r) {
    for (size_t i = 0; i < LAB_CREDENTIALS; i++)
        if (r->credential[i] && !r->given[i])
            return lab_fail("unsupported: %s for a router that was started without", options[i] + 2);
    return write_credentials(r) != 0 ? -1 : order(r, "reload local certificates");
}

int svrsim_router_regenerate(svrsim_router *r) {
    return order(r, "security metadata-key regenerate");
}

const svr_report *svrsim_router_show(svrsim_router *r, const char *command) {
    char path[FILE_MAX];
    return lab_answer_get(&r->answer, own_file(r, ".sock", path), command) == 0 ? &r->answer.report : NULL;
}

/* The first one asks for all. */
uint64_t svrsim_router_counter(svrsim_router *r, size_t index, const char **name) {
    *name = NULL;
    if (index == 0 && !svrsim_router_show(r, "show counters")) return 0;
    if (index >= r->answer.report.n) return 0;
    const svr_record *record = &r->answer.report.records[index];
    *name = record->title;
    return record->n == 2 ? record->fields[1].number : 0;
}

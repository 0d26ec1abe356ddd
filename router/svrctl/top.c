/* SPDX-License-Identifier: MIT
 *
 * Each second the router is asked for its counters; what changed since the second before is the picture. On a
 * terminal that is drawn over the last one, with the sequences that every terminal knows. */
#include "svrctl/top.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "common/control.h"
#include "svrctl/ask.h"

#define PERIOD_MS 1000
#define REASONS 4 /* kinds of drops that are listed */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define REST_OF_LINE "\033[K"
#define REST_OF_SCREEN "\033[J"

/* What the router said at one moment. */
typedef struct sample {
    struct timespec at;
    json_t *count, *paths, *keys, *drops;
} sample;

static volatile sig_atomic_t ended;
static char problem[256]; /* told when the terminal is as it was */

static void on_signal(int number) {
    (void)number;
    ended = 1;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* The records of a report; NULL with a message when there are none. */
static json_t *ask(const char *socket, const char *command) {
    char line[SVR_CONTROL_LINE_MAX], *text = NULL, *word = (char *)(uintptr_t)command;
    static const char good[] = SVR_CONTROL_OK;
    size_t len = svr_control_encode(true, &word, 1, line);
    ssize_t n = svrctl_ask(socket, line, len, &text);
    json_t *records = NULL;
    if (n < 0)
        snprintf(problem, sizeof problem, "%s: %s", socket, strerror(errno));
    else if ((size_t)n < sizeof good - 1 || memcmp(text, good, sizeof good - 1) != 0)
        snprintf(problem, sizeof problem, "the router does not answer \"%s\": is it of another version?",
                 command);
    else
        records = json_loadb(text + sizeof good - 1, (size_t)n - (sizeof good - 1), 0, NULL);
    free(text);
    return records;
}

static void drop_sample(sample *s) {
    json_decref(s->count);
    json_decref(s->paths);
    json_decref(s->keys);
    json_decref(s->drops);
    *s = (sample){0};
}

static bool take_sample(const char *socket, sample *s) {
    *s = (sample){0};
    clock_gettime(CLOCK_MONOTONIC, &s->at);
    if ((s->count = ask(socket, "show sessions count")) && (s->paths = ask(socket, "show paths")) &&
        (s->keys = ask(socket, "show security key-status")) && (s->drops = ask(socket, "show counters")))
        return true;
    drop_sample(s);
    return false;
}

/* ---- reading -------------------------------------------------------------------------------- */

static json_t *field(const json_t *records, size_t i, const char *key) {
    return json_object_get(json_object_get(json_array_get(records, i), "fields"), key);
}

static double number(const json_t *records, size_t i, const char *key) {
    return (double)json_integer_value(field(records, i, key));
}

static const char *text(const json_t *records, size_t i, const char *key) {
    const char *t = json_string_value(field(records, i, key));
    return t ? t : "";
}

static double seconds_between(const sample *a, const sample *b) {
    double s = (double)(b->at.tv_sec - a->at.tv_sec) + (double)(b->at.tv_nsec - a->at.tv_nsec) / 1e9;
    return s > 0.001 ? s : 0.001;
}

/* How fast a counter went up. After a restart of the router counters begin anew. */
static double rate(const json_t *before, const json_t *now, size_t i, const char *key, double seconds) {
    double d = number(now, i, key) - number(before, i, key);
    return d > 0 ? d / seconds : 0;
}

static double sum_rates(const json_t *before, const json_t *now, const char *key, double seconds) {
    double sum = 0;
    for (size_t i = 0; i < json_array_size(now); i++)
        sum += rate(before, now, i, key, seconds);
    return sum;
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* A picture of lines; on a terminal no more of them than it has, and none longer. */
typedef struct picture {
    FILE *out;
    bool terminal;
    int lines, columns, drawn;
} picture;

static void draw(picture *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void draw(picture *p, const char *format, ...) {
    char line[512];
    va_list args;
    if (p->terminal && p->drawn + 1 >= p->lines) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (p->terminal)
        fprintf(p->out, "%.*s" REST_OF_LINE "\r\n", p->columns, line);
    else
        fprintf(p->out, "%s\n", line);
    p->drawn++;
}

/* "12.3 Mbit/s" */
static const char *bits(double bytes_per_second, char out[24]) {
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
    double v = bytes_per_second * 8;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < sizeof units / sizeof *units; u++)
        v /= 1000;
    snprintf(out, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

/* "1 h 02 min", of seconds; "never" for null. */
static const char *span(const json_t *value, char out[32]) {
    long long s = json_integer_value(value);
    if (!json_is_integer(value))
        snprintf(out, 32, "never");
    else if (s >= 3600)
        snprintf(out, 32, "%lld h %02lld min", s / 3600, s / 60 % 60);
    else
        snprintf(out, 32, "%lld min %02lld s", s / 60, s % 60);
    return out;
}

static void draw_sessions(picture *p, const sample *a, const sample *b, double seconds) {
    draw(p, "Sessions   %.0f of %.0f, %.1f/s begin, %.1f/s end", number(b->count, 0, "sessions"),
         number(b->count, 0, "most"), rate(a->count, b->count, 0, "created", seconds),
         rate(a->count, b->count, 0, "ended", seconds));
}

static void draw_throughput(picture *p, const sample *a, const sample *b, double seconds) {
    char sent[24], received[24];
    draw(p, "Paths      sent %s, %.0f packets/s; received %s, %.0f packets/s",
         bits(sum_rates(a->paths, b->paths, "sentBytes", seconds), sent),
         sum_rates(a->paths, b->paths, "sentPackets", seconds),
         bits(sum_rates(a->paths, b->paths, "receivedBytes", seconds), received),
         sum_rates(a->paths, b->paths, "receivedPackets", seconds));
}

static void draw_drops(picture *p, const sample *a, const sample *b, double seconds) {
    char list[256] = "";
    size_t n = 0, named = 0;
    for (size_t i = 0; i < json_array_size(b->drops) && named < REASONS && n < sizeof list; i++) {
        double r = rate(a->drops, b->drops, i, "packets", seconds);
        if (r <= 0) continue;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s %.1f/s", named++ ? ", " : ": ",
                              text(b->drops, i, "drop"), r);
    }
    draw(p, "Dropped    %.1f packets/s%s", sum_rates(a->drops, b->drops, "packets", seconds), list);
}

static void draw_keys(picture *p, const sample *b) {
    char age[32], next[32], own_age[32], own_next[32];
    draw(p, "Peer keys  index %.0f, age %s, next in %s", number(b->keys, 0, "rekeyIndex"),
         span(field(b->keys, 0, "lastRekeySeconds"), age), span(field(b->keys, 0, "nextRekeySeconds"), next));
    draw(p, "Metadata   index %.0f, age %s, next in %s", number(b->keys, 0, "metadataRekeyIndex"),
         span(field(b->keys, 0, "metadataLastRekeySeconds"), own_age),
         span(field(b->keys, 0, "metadataNextRekeySeconds"), own_next));
}

static void draw_paths(picture *p, const sample *a, const sample *b, double seconds) {
    char sent[24], received[24];
    draw(p, "%-16s %-10s %-24s %-5s %8s %10s %10s %7s %14s %14s", "PEER", "INTERFACE", "DESTINATION", "STATE",
         "SESSIONS", "LATENCY", "JITTER", "LOSS", "SENT", "RECEIVED");
    for (size_t i = 0; i < json_array_size(b->paths); i++)
        draw(p, "%-16.16s %-10.10s %-24.24s %-5s %8.0f %7.1f ms %7.1f ms %5.1f %% %14s %14s",
             text(b->paths, i, "peer"), text(b->paths, i, "networkInterface"),
             text(b->paths, i, "destination"), text(b->paths, i, "status"), number(b->paths, i, "sessions"),
             number(b->paths, i, "latencyMicroseconds") / 1000,
             number(b->paths, i, "jitterMicroseconds") / 1000, number(b->paths, i, "lossPerMille") / 10,
             bits(rate(a->paths, b->paths, i, "sentBytes", seconds), sent),
             bits(rate(a->paths, b->paths, i, "receivedBytes", seconds), received));
}

static void draw_all(const sample *a, const sample *b) {
    struct winsize size = {0};
    time_t wall = time(NULL);
    char clock[32];
    struct tm tm;
    picture p = {.out = stdout, .terminal = isatty(STDOUT_FILENO), .lines = 24, .columns = 80};
    double seconds = seconds_between(a, b);
    if (p.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
        p.lines = size.ws_row;
        p.columns = size.ws_col;
    }
    strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&wall, &tm));
    if (p.terminal) fputs(HOME, stdout);
    draw(&p, "%s  %s%s", json_string_value(json_object_get(json_array_get(b->count, 0), "title")), clock,
         p.terminal ? "  (q ends)" : "");
    draw_sessions(&p, a, b, seconds);
    draw_throughput(&p, a, b, seconds);
    draw_drops(&p, a, b, seconds);
    draw_keys(&p, b);
    draw(&p, "%s", "");
    draw_paths(&p, a, b, seconds);
    if (p.terminal) fputs(REST_OF_SCREEN, stdout);
    fflush(stdout);
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Lets the period pass; false when somebody wants to end. Without a terminal to read there is only the time.
 */
static bool pause_or_end(bool keys) {
    struct pollfd in = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
    struct timespec began, now;
    char key;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int left = PERIOD_MS; left > 0 && !ended;) {
        if (poll(&in, 1, left) > 0) {
            ssize_t n = read(STDIN_FILENO, &key, 1);
            if (n == 1 && (key == 'q' || key == 'Q')) return false;
            if (n == 0) in.fd = -1;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        left =
            PERIOD_MS - (int)((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000);
    }
    return !ended;
}

static bool run(const char *socket, bool keys) {
    sample before, now;
    bool once = !isatty(STDOUT_FILENO), ok = take_sample(socket, &before);
    while (ok && pause_or_end(keys) && (ok = take_sample(socket, &now))) {
        draw_all(&before, &now);
        drop_sample(&before);
        before = now;
        if (once) break;
    }
    if (ok) drop_sample(&before);
    return ok;
}

int svrctl_top(const char *socket) {
    struct sigaction act = {.sa_handler = on_signal};
    struct termios saved, raw;
    bool screen = isatty(STDOUT_FILENO), keys = screen && tcgetattr(STDIN_FILENO, &saved) == 0;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
    if (keys) {
        raw = saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    if (screen) fputs(ENTER, stdout);
    bool ok = run(socket, keys);
    if (screen) fputs(LEAVE, stdout);
    fflush(stdout);
    if (keys) tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    if (!ok) fprintf(stderr, "svrctl: %s\n", problem[0] ? problem : "an answer cannot be read");
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

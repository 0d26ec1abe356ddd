/* SPDX-License-Identifier: MIT */
#include "common/frame.h"

#include <string.h>

#define SHOW "show "

/* What a command retrieves, in the words of the spec's samples where they have it; of several that fit, the
 * first counts. */
static const struct {
    const char *command, *what;
} subjects[] = {
    {SHOW "peers certificate", "certificates"},
    {SHOW "peers", "peer paths"},
    {SHOW "security security-associations", "security associations"},
    {SHOW "security key-status", "key status"},
    {SHOW "security certificate", "the certificate"},
};

/* The words of `command` begin with those of `prefix`. */
static bool begins(const char *command, const char *prefix) {
    size_t n = strlen(prefix);
    return strncmp(command, prefix, n) == 0 && (command[n] == ' ' || !command[n]);
}

bool svr_frame_wanted(const char *command) {
    return strncmp(command, SHOW, strlen(SHOW)) == 0;
}

static void print_subject(FILE *out, const char *command) {
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        if (!begins(command, subjects[i].command)) continue;
        fprintf(out, "✔ Retrieving %s...\n", subjects[i].what);
        return;
    }
    const char *word = command + strlen(SHOW); /* "alarms id a1:4" retrieves alarms */
    fprintf(out, "✔ Retrieving %.*s...\n", (int)strcspn(word, " "), word);
}

void svr_frame_begin(FILE *out, const char *command, time_t wall) {
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    char date[32];
    struct tm tm;
    gmtime_r(&wall, &tm);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &tm);
    fprintf(out, "%s %s\n", days[tm.tm_wday], date);
    print_subject(out, command);
    fprintf(out, "\n");
}

void svr_frame_end(FILE *out, const struct timespec *asked, const struct timespec *answered) {
    double seconds =
        (double)(answered->tv_sec - asked->tv_sec) + (double)(answered->tv_nsec - asked->tv_nsec) / 1e9;
    fprintf(out, "\nCompleted in %.2f seconds\n", seconds);
}

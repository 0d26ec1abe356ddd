/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/control.h"
#include "space.h"

#define CHUNK 65536
#define TRIES 100 /* to connect, 10 ms apart */
#define TIMEOUT_SECONDS 10
#define LABEL_MAX 64

static int open_socket(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = TIMEOUT_SECONDS};
    struct timespec pause = {.tv_nsec = 10000000};
    svr_strcpy(at.sun_path, sizeof at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < TRIES; i++) {
        if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
        nanosleep(&pause, NULL);
    }
    close(fd);
    return -1;
}

/* The whole answer with a NUL behind it; NULL when it does not end in time. */
static char *read_all(int fd) {
    char *text = NULL;
    for (size_t len = 0;;) {
        char *more = realloc(text, len + CHUNK + 1);
        if (!more) break;
        text = more;
        ssize_t n = read(fd, text + len, CHUNK);
        if (n < 0) break;
        len += (size_t)n;
        text[len] = '\0';
        if (n == 0) return text;
    }
    free(text);
    return NULL;
}

char *lab_ask(const char *socket_path, bool json, const char *command) {
    char line[SVR_CONTROL_LINE_MAX];
    int len = snprintf(line, sizeof line, "%s %s\n", json ? "json" : "text", command);
    int fd = open_socket(socket_path);
    char *answer = NULL;
    if (fd >= 0 && len < (int)sizeof line && write(fd, line, (size_t)len) == len) answer = read_all(fd);
    if (fd >= 0) close(fd);
    if (!answer) {
        lab_fail("the router does not answer '%s'", command);
        return NULL;
    }
    size_t head = strlen(SVR_CONTROL_OK);
    if (strncmp(answer, SVR_CONTROL_OK, head) == 0) {
        memmove(answer, answer + head, strlen(answer + head) + 1);
        return answer;
    }
    char *newline = strchr(answer, '\n');
    lab_fail("%s", newline ? newline + 1 : answer);
    free(answer);
    return NULL;
}

/* ---- reports -------------------------------------------------------------------------------- */

/* Labels that are not their keys as words; the first that the text has is meant. tests/lab/svrlab.t compares.
 */
static const char *const odd[][2] = {
    {"bfd", "BFD"},
    {"certAcked", "Cert Ack"},
    {"certReceived", "Cert Rec"},
    {"id", "ID"},
    {"keyAcked", "Key Ack"},
    {"keyReceived", "Key Rec"},
    {"localSalt", "Local salt"},
    {"peerKeyIndex", "Peer Ki"},
    {"remoteSalt", "Remote salt"},
    {"saltAcked", "Salt Ack"},
    {"saltReceived", "Salt Rec"},
    {"securityStatus", "Security Status"},
    {"securityStatus", "Security"},
};

/* "peerName" becomes "Peer Name"; seconds are not mentioned. */
static const char *make_label(const char *key, const char *text, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (strcmp(odd[i][0], key) == 0 && strstr(text, odd[i][1])) return odd[i][1];
    for (; *key && n + 2 < LABEL_MAX; key++) {
        if (n && isupper((unsigned char)*key)) out[n++] = ' ';
        out[n] = n ? *key : (char)toupper((unsigned char)*key);
        n++;
    }
    out[n] = '\0';
    char *unit = strstr(out, " Seconds");
    if (unit) *unit = '\0';
    return out;
}

static void fill_field(svr_field *f, const char *key, const json_t *value, const char *label) {
    *f = (svr_field){.label = label, .key = key, .type = SVR_FIELD_SPAN};
    f->span = SVR_TIME_NEVER; /* null */
    if (json_is_string(value)) {
        f->type = SVR_FIELD_TEXT;
        f->text = json_string_value(value);
    } else if (json_is_boolean(value)) {
        f->type = SVR_FIELD_FLAG;
        f->flag = json_is_true(value);
    } else if (json_is_integer(value)) {
        f->type = SVR_FIELD_NUMBER;
        f->number = (uint64_t)json_integer_value(value);
    }
}

static size_t count_fields(const json_t *records) {
    size_t n = 0, i;
    json_t *r;
    json_array_foreach(records, i, r) n += json_object_size(json_object_get(r, "fields"));
    return n;
}

static int fill(lab_answer *a) {
    size_t n = json_array_size(a->json), total = count_fields(a->json), used = 0, i;
    a->records = calloc(n + 1, sizeof *a->records);
    a->fields = calloc(total + 1, sizeof *a->fields);
    a->labels = calloc(total + 1, LABEL_MAX);
    if (!a->records || !a->fields || !a->labels) return lab_fail("memory is short");
    json_t *r, *value;
    const char *key;
    json_array_foreach(a->json, i, r) {
        a->records[i].title = json_string_value(json_object_get(r, "title"));
        a->records[i].fields = a->fields + used;
        json_object_foreach(json_object_get(r, "fields"), key, value) {
            const char *label = make_label(key, a->text, a->labels + used * LABEL_MAX);
            fill_field(&a->fields[used], key, value, label);
            a->records[i].n++;
            used++;
        }
    }
    a->report = (svr_report){a->records, n, a->text};
    return 0;
}

int lab_answer_get(lab_answer *a, const char *socket_path, const char *command) {
    lab_answer_fini(a);
    a->text = lab_ask(socket_path, false, command);
    char *json = a->text ? lab_ask(socket_path, true, command) : NULL;
    if (!json) return -1;
    a->json = json_loads(json, 0, NULL);
    free(json);
    if (!json_is_array(a->json)) return lab_fail("the answer to '%s' is no list", command);
    return fill(a);
}

void lab_answer_fini(lab_answer *a) {
    free(a->text);
    free(a->labels);
    free(a->fields);
    free(a->records);
    json_decref(a->json);
    *a = (lab_answer){0};
}

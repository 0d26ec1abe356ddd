/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int fail(svrsim_output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(svrsim_output *o, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(o->reason, sizeof o->reason, format, args);
    va_end(args);
    return -1;
}

/* Makes a folder and those above it. */
static int make_folder(svrsim_output *o, const char *dir) {
    char path[SVRSIM_FILE_NAME_MAX];
    if (!svr_strcpy(path, sizeof path, dir)) return fail(o, "%s: the name is too long", dir);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        mkdir(path, 0777);
        *p = '/';
    }
    struct stat st;
    if ((mkdir(path, 0777) != 0 && errno != EEXIST) || stat(path, &st) != 0)
        return fail(o, "cannot make the folder %s: %s", dir, strerror(errno));
    return S_ISDIR(st.st_mode) ? 0 : fail(o, "%s is no folder", dir);
}

static int file_name(svrsim_output *o, char out[SVRSIM_FILE_NAME_MAX], const char *dir, const char *name,
                     const char *suffix) {
    int n = snprintf(out, SVRSIM_FILE_NAME_MAX, "%s/%s%s", dir, name, suffix);
    return n < SVRSIM_FILE_NAME_MAX ? 0 : fail(o, "%s/%s: the name is too long", dir, name);
}

int svrsim_output_path(svrsim_output *o, char out[SVRSIM_FILE_NAME_MAX], const char *name,
                       const char *suffix) {
    return file_name(o, out, o->options->out_dir, name, suffix);
}

int svrsim_output_open(svrsim_output *o, const svrsim_options *options) {
    char events[SVRSIM_FILE_NAME_MAX], keys[SVRSIM_FILE_NAME_MAX];
    const char *out = options->out_dir;
    o->options = options;
    if (make_folder(o, out) != 0 || make_folder(o, options->pcap_dir) != 0) return -1;
    if (file_name(o, events, out, "events", ".jsonl") != 0) return -1;
    if (file_name(o, keys, out, "keys", ".log") != 0) return -1;
    o->journal = svrsim_journal_new(events, options->keylog ? options->keylog : keys);
    return o->journal ? 0 : fail(o, "cannot write into %s: %s", out, strerror(errno));
}

int svrsim_output_close(svrsim_output *o) {
    int failed = 0;
    for (size_t i = 0; i < o->n_captures; i++)
        failed |= svrsim_capture_del(o->captures[i]);
    failed |= svrsim_journal_del(o->journal);
    if (failed)
        fprintf(stderr, "%s: %s is incomplete: %s\n", program_invocation_short_name, o->options->out_dir,
                strerror(errno));
    free(o->captures);
    o->captures = NULL;
    o->n_captures = 0;
    o->journal = NULL;
    return failed;
}

int svrsim_output_config(svrsim_output *o, const char *text) {
    char name[SVRSIM_FILE_NAME_MAX];
    if (svrsim_output_path(o, name, "authority", ".conf") != 0) return -1;
    FILE *f = fopen(name, "w");
    bool ok = f && fputs(text, f) >= 0;
    ok = f && fclose(f) == 0 && ok;
    return ok ? 0 : fail(o, "cannot write %s: %s", name, strerror(errno));
}

static svrsim_capture *open_capture(svrsim_output *o, const svrsim_subject *s, svrsim_capture_params params) {
    char file[SVRSIM_FILE_NAME_MAX], interface[256], description[256], comment[256];
    const char *const *ends = s->ends;
    if (file_name(o, file, o->options->pcap_dir, s->name, ".pcapng") != 0) return NULL;
    snprintf(interface, sizeof interface, "%s -- %s", ends[0], ends[1]);
    snprintf(description, sizeof description, "outbound: sent by %s; inbound: sent by %s", ends[0], ends[1]);
    snprintf(comment, sizeof comment, "link %s, seed %" PRIu64, s->name, o->options->seed);
    params.file = file;
    params.interface = interface;
    params.description = description;
    params.comment = comment;
    svrsim_capture *c = svrsim_capture_new(&params);
    if (!c) fail(o, "cannot write %s: %s", file, strerror(errno));
    return c;
}

svrsim_capture *svrsim_output_capture(svrsim_output *o, const svrsim_subject *subject, svr_wall epoch,
                                      const svrsim_window *windows, size_t n_windows,
                                      const svrsim_keylines *keys) {
    svrsim_capture **more = realloc(o->captures, (o->n_captures + 1) * sizeof *more);
    if (!more) {
        fail(o, "memory is short");
        return NULL;
    }
    o->captures = more;
    svrsim_capture_params params = {.epoch = epoch, .windows = windows, .n_windows = n_windows, .keys = keys};
    svrsim_capture *c = open_capture(o, subject, params);
    if (c) o->captures[o->n_captures++] = c;
    return c;
}

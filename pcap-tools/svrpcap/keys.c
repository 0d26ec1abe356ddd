/* SPDX-License-Identifier: MIT
 * Key logs into captures, out of them, and away. */
#include <stdlib.h>
#include <string.h>

#include "common/heap.h"
#include "output.h"
#include "svr/inspect.h"
#include "table.h"

#define LINES_PER_PACKET 16384u /* a block of pcapng has an end; 512 bytes are the longest line */

static const char help[] = "Usage: svrpcap keys embed CAPTURE --keylog FILE [-o OUT]\n"
                           "       svrpcap keys extract CAPTURE\n"
                           "       svrpcap keys strip CAPTURE [-o OUT]\n"
                           "embed writes the capture with the key log in comments on its first packets: "
                           "whoever has the file can read all of it.\n"
                           "extract prints the keys that are in a capture's comments, each once. strip "
                           "writes the capture without them, for sharing:\n"
                           "packets, interfaces and other comments stay, all else that a pcapng may hold "
                           "(names, statistics, TLS secrets) goes.\n"
                           "\n"
                           "  svrpcap keys embed wan.pcap --keylog keys.log -o wan-with-keys.pcapng\n"
                           "  svrpcap keys extract out/hops/trunk.pcapng > keys.log\n"
                           "  svrpcap keys strip trunk.pcapng -o public.pcapng\n";

/* A capture on its way from file to file. */
typedef struct rewriting {
    svr_capture *in;
    svrpcap_output *out;
    svrpcap_keylog *log; /* embed; NULL once it is at its end */
    svr_inspector *judge;
    bool strip, bad_log;
    uint64_t lines, removed;
    char *text;    /* comments, each closed by NUL */
    size_t *start; /* of each in `text`, which moves while it grows */
    const char **comments;
    size_t n_comments, room, text_len, text_room;
} rewriting;

/* ---- comments ------------------------------------------------------------------------------- */

static bool has_key(const char *text, size_t len) {
    while (len) {
        if (svrpcap_is_key_line(text, len)) return true;
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) + 1 : len;
        text += n;
        len -= n;
    }
    return false;
}

static bool make_room(rewriting *r) {
    if (r->n_comments < r->room) return true;
    size_t room = r->room ? 2 * r->room : 64;
    size_t *start = realloc(r->start, room * sizeof *start);
    if (start) r->start = start;
    const char **comments = realloc(r->comments, room * sizeof *comments);
    if (comments) r->comments = comments;
    if (start && comments) r->room = room;
    return start && comments;
}

static bool add_comment(rewriting *r, const char *text, size_t len) {
    if (!make_room(r)) return false;
    if (r->text_room - r->text_len <= len) {
        size_t room = 2 * (r->text_room + len + 64);
        char *more = realloc(r->text, room);
        if (!more) return false;
        r->text = more;
        r->text_room = room;
    }
    memcpy(r->text + r->text_len, text, len);
    r->text[r->text_len + len] = 0;
    r->start[r->n_comments++] = r->text_len;
    r->text_len += len + 1;
    return true;
}

static bool own_comments(rewriting *r, const svr_capture_packet *p) {
    svr_capture_options o = p->options;
    const char *text;
    size_t len;
    while (svr_capture_next_comment(&o, &text, &len)) {
        if (r->strip && has_key(text, len))
            r->removed++;
        else if (!add_comment(r, text, len))
            return false;
    }
    return true;
}

static bool logged_comments(rewriting *r) {
    const char *line = NULL;
    for (size_t n = 0; r->log && n < LINES_PER_PACKET; n++) {
        line = svrpcap_keylog_next(r->log);
        if (!line) break;
        if (!svr_inspector_add_key(r->judge, line)) {
            r->bad_log = true;
            svrpcap_keylog_complain(r->log);
            return false;
        }
        if (!add_comment(r, line, strlen(line))) return false;
        r->lines++;
    }
    if (!line) {
        svrpcap_keylog_close(r->log);
        r->log = NULL;
    }
    return true;
}

static bool write_packet(rewriting *r, const svr_capture_packet *p) {
    r->n_comments = r->text_len = 0;
    if (!logged_comments(r) || !own_comments(r, p)) return false;
    for (size_t i = 0; i < r->n_comments; i++)
        r->comments[i] = r->text + r->start[i];
    return svrpcap_output_write(r->out, p, p->data, p->len, p->orig_len, r->comments, r->n_comments);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The section's comment, unless it has to go. */
static char *section_comment(rewriting *r) {
    const char *text;
    size_t len;
    uint64_t section;
    if (!svr_capture_section_comment(r->in, &text, &len, &section)) return NULL;
    if (r->strip && has_key(text, len)) {
        r->removed++;
        return NULL;
    }
    return strndup(text, len);
}

static int copy(rewriting *r, const char *input, const char *file) {
    svr_capture_packet p;
    int more = svr_capture_next(r->in, &p); /* the section is known only then */
    char *comment = section_comment(r);
    r->out = svrpcap_output_open(file, input, r->in, comment, false);
    free(comment);
    if (!r->out) return SVRPCAP_UNUSABLE;
    while (more == 1 && write_packet(r, &p))
        more = svr_capture_next(r->in, &p);
    return svrpcap_output_close(r->out);
}

static int rewrite(rewriting *r, const svrpcap_options *o) {
    int status = copy(r, o->words[1], o->output);
    if (r->bad_log) return SVRPCAP_UNUSABLE;
    if (svr_capture_error(r->in)[0]) return svrpcap_error("%s: %s", o->words[1], svr_capture_error(r->in));
    if (status) return status;
    if (r->log)
        return svrpcap_error("%s has too few packets for the keys: %u fit on each", o->words[1],
                             LINES_PER_PACKET);
    if (r->strip)
        fprintf(stderr, "svrpcap: %llu comments with keys removed\n", (unsigned long long)r->removed);
    else
        fprintf(stderr, "svrpcap: %llu keys embedded\n", (unsigned long long)r->lines);
    return status;
}

static int embed_or_strip(const svrpcap_options *o, bool strip) {
    char reason[SVR_CAPTURE_ERROR_MAX];
    rewriting r = {.strip = strip};
    int status = SVRPCAP_UNUSABLE;
    if (!strip && !o->n_keylogs) return svrpcap_error("keys embed needs a key log: --keylog FILE");
    if (strip && o->n_keylogs) return svrpcap_error("keys strip takes no key log");
    r.judge = svr_inspector_new(&svr_heap);
    r.in = svr_capture_open(o->words[1], reason);
    if (!r.in)
        svrpcap_error("%s: %s", o->words[1], reason);
    else if (r.judge && (strip || (r.log = svrpcap_keylog_open(o)) != NULL))
        status = rewrite(&r, o);
    svr_capture_close(r.in);
    svr_inspector_del(r.judge);
    svrpcap_keylog_close(r.log);
    if (r.text) svr_wipe(r.text, r.text_room);
    free(r.text);
    free(r.start);
    free(r.comments);
    return status;
}

/* ---- extract -------------------------------------------------------------------------------- */

typedef struct extraction {
    FILE *out;
    svrpcap_table lines; /* by their hashes */
    uint64_t n;
} extraction;

static void print_once(void *ctx, const char *line) {
    extraction *e = ctx;
    uint64_t key[2] = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x9e3779b97f4a7c15)};
    bool is_new;
    for (const char *p = line; *p; p++)
        for (int i = 0; i < 2; i++)
            key[i] = (key[i] ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    if (!svrpcap_table_add(&e->lines, key, &is_new) || !is_new) return;
    fprintf(e->out, "%s\n", line);
    e->n++;
}

static int extract(const svrpcap_options *o) {
    extraction e = {.out = o->out};
    svrpcap_packet p;
    svrpcap_options file = *o;
    file.words++;
    if (o->n_keylogs) return svrpcap_error("keys extract takes no key log");
    if (o->output) return svrpcap_error("keys extract prints to standard output: use > FILE");
    svrpcap_table_init(&e.lines, 2 * sizeof(uint64_t), 2 * sizeof(uint64_t), SVRPCAP_KEYS_MAX);
    svrpcap_input *in = svrpcap_input_open(&file, print_once, &e);
    while (in && !ferror(o->out) && svrpcap_input_next(in, &p))
        ;
    fflush(o->out);
    int status = in ? svrpcap_input_close(in) : SVRPCAP_UNUSABLE;
    svrpcap_table_fini(&e.lines);
    if (status == SVRPCAP_FINE && !e.n)
        fprintf(stderr, "svrpcap: %s: there are no keys in its comments\n", o->words[1]);
    return status;
}

static int run(const svrpcap_options *o) {
    if (strcmp(o->words[0], "embed") == 0) return embed_or_strip(o, false);
    if (strcmp(o->words[0], "strip") == 0) return embed_or_strip(o, true);
    if (strcmp(o->words[0], "extract") == 0) return extract(o);
    return svrpcap_error("keys %s: expected embed, extract or strip", o->words[0]);
}

const svrpcap_command svrpcap_keys = {
    .name = "keys",
    .summary = "embed a key log into a capture, extract it, strip it",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_OUTPUT,
    .words_min = 2,
    .words_max = 2,
    .run = run,
};

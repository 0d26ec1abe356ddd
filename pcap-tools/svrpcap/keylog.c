/* SPDX-License-Identifier: MIT
 * Key logs as files, and as comments of packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

#define LINE_SIZE 1024 /* the longest line of a key log has half of it */

typedef struct log_file {
    FILE *file;
    const char *name;
    char line[LINE_SIZE];
    size_t n; /* of a line that is not whole yet */
    uint64_t number;
} log_file;

struct svrpcap_keylog {
    log_file files[SVRPCAP_KEYLOGS_MAX];
    size_t n, current;
};

svrpcap_keylog *svrpcap_keylog_open(const svrpcap_options *o) {
    svrpcap_keylog *k = calloc(1, sizeof *k);
    if (!k) svrpcap_error("memory is short");
    for (size_t i = 0; k && i < o->n_keylogs; i++) {
        k->files[i].name = o->keylogs[i];
        k->files[i].file = fopen(o->keylogs[i], "re");
        if (k->files[i].file) {
            k->n++;
            continue;
        }
        svrpcap_error("%s: cannot be opened: %s", o->keylogs[i], strerror(errno));
        svrpcap_keylog_close(k);
        return NULL;
    }
    return k;
}

void svrpcap_keylog_close(svrpcap_keylog *k) {
    if (!k) return;
    for (size_t i = 0; i < k->n; i++)
        fclose(k->files[i].file);
    svr_wipe(k, sizeof *k);
    free(k);
}

static const char *next_line(log_file *f) {
    clearerr(f->file);
    for (int c; (c = getc(f->file)) != EOF;) {
        if (c != '\n') {
            if (f->n < sizeof f->line - 1) f->line[f->n++] = (char)c;
            continue;
        }
        f->number++;
        while (f->n && f->line[f->n - 1] == '\r')
            f->n--;
        f->line[f->n] = 0;
        f->n = 0;
        if (f->line[0] && f->line[0] != '#') return f->line;
    }
    return NULL;
}

const char *svrpcap_keylog_next(svrpcap_keylog *k) {
    for (size_t i = 0; i < k->n; i++, k->current = (k->current + 1) % k->n) {
        const char *line = next_line(&k->files[k->current]);
        if (line) return line;
    }
    return NULL;
}

void svrpcap_keylog_complain(const svrpcap_keylog *k) {
    const log_file *f = &k->files[k->current];
    svrpcap_error("%s:%llu: this is no line of a key log (docs/protocol.md, section 6)", f->name,
                  (unsigned long long)f->number);
}

void svrpcap_comment_lines(const char *text, size_t len, svrpcap_key_seen *take, void *ctx) {
    char line[LINE_SIZE];
    while (len) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len, whole = end ? n + 1 : n;
        if (n < sizeof line) {
            memcpy(line, text, n);
            line[n] = 0;
            take(ctx, line);
        }
        text += whole;
        len -= whole;
    }
    svr_wipe(line, sizeof line);
}

/* A word of capitals that begins key lines, and a blank. */
bool svrpcap_is_key_line(const char *text, size_t len) {
    static const char *const words[] = {"LIFE ", "PEER_KEY ", "METADATA_KEY ", "PAYLOAD_KEY "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (len > n && memcmp(text, words[i], n) == 0) return true;
    }
    return false;
}

/* SPDX-License-Identifier: MIT
 * Key logs as files, and as comments of packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

#define LINE_SIZE 1024 /* the longest line of a key log has half of it */

struct svrpcap_keylog {
    FILE *file;
    const char *name;
    char line[LINE_SIZE];
    size_t n; /* of a line that is not whole yet */
    uint64_t number;
};

svrpcap_keylog *svrpcap_keylog_open(const char *file) {
    svrpcap_keylog *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->name = file;
    k->file = fopen(file, "re");
    if (k->file) return k;
    svrpcap_error("%s: cannot be opened: %s", file, strerror(errno));
    free(k);
    return NULL;
}

void svrpcap_keylog_close(svrpcap_keylog *k) {
    if (!k) return;
    fclose(k->file);
    svr_wipe(k->line, sizeof k->line);
    free(k);
}

const char *svrpcap_keylog_next(svrpcap_keylog *k) {
    clearerr(k->file);
    for (int c; (c = getc(k->file)) != EOF;) {
        if (c != '\n') {
            if (k->n < sizeof k->line - 1) k->line[k->n++] = (char)c;
            continue;
        }
        k->number++;
        while (k->n && k->line[k->n - 1] == '\r')
            k->n--;
        k->line[k->n] = 0;
        k->n = 0;
        if (k->line[0] && k->line[0] != '#') return k->line;
    }
    return NULL;
}

uint64_t svrpcap_keylog_line(const svrpcap_keylog *k) {
    return k->number;
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

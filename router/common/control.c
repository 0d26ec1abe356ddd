/* SPDX-License-Identifier: MIT */
#include "common/control.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool svr_control_path(const char *router, char out[SVR_CONTROL_PATH_MAX]) {
    int n = snprintf(out, SVR_CONTROL_PATH_MAX, SVR_CONTROL_DIR "/%s.sock", router);
    if (n < 0 || n >= SVR_CONTROL_PATH_MAX || !*router) return false;
    char *name = out + strlen(SVR_CONTROL_DIR "/");
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(".-_", *p)) *p = '_';
    return true;
}

size_t svr_control_encode(bool json, char *const *words, size_t n, char out[SVR_CONTROL_LINE_MAX]) {
    size_t len = 4;
    memcpy(out, json ? "json" : "text", len);
    for (size_t i = 0; i < n; i++) {
        size_t word = strlen(words[i]);
        if (strchr(words[i], '\n') || len + 1 + word + 1 > SVR_CONTROL_LINE_MAX) return 0;
        out[len++] = ' ';
        memcpy(out + len, words[i], word);
        len += word;
    }
    if (n == 0) return 0;
    out[len++] = '\n';
    return len;
}

/* Copies the words of [p, end) with single blanks between; false when there is none, or a byte is no text. */
static bool squeeze(const char *p, const char *end, char *out) {
    size_t n = 0;
    for (; p < end; p++) {
        if (*p == ' ' || *p == '\t') {
            if (n > 0 && out[n - 1] != ' ') out[n++] = ' ';
        } else if (!iscntrl((unsigned char)*p)) {
            out[n++] = *p;
        } else {
            return false;
        }
    }
    if (n > 0 && out[n - 1] == ' ') n--;
    out[n] = '\0';
    return n > 0;
}

svr_control_state svr_control_decode(const char *bytes, size_t len, svr_control_request *out) {
    const char *end = memchr(bytes, '\n', len);
    if (!end) return len < SVR_CONTROL_LINE_MAX ? SVR_CONTROL_PARTIAL : SVR_CONTROL_BAD;
    if (end - bytes < 5) return SVR_CONTROL_BAD;
    svr_control_request r;
    r.json = memcmp(bytes, "json ", 5) == 0;
    if (!r.json && memcmp(bytes, "text ", 5) != 0) return SVR_CONTROL_BAD;
    if (!squeeze(bytes + 5, end, r.command)) return SVR_CONTROL_BAD;
    *out = r;
    return SVR_CONTROL_WHOLE;
}

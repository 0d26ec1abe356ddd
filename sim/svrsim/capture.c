/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng/pcapng.h"

struct svrsim_capture {
    svr_pcapng *out;
    svr_wall epoch;
    svrsim_window *windows;
    size_t n_windows;
    size_t window; /* the first that is not over */
    const svrsim_keylines *keys;
    size_t keys_written;
};

int svrsim_keylines_add(svrsim_keylines *k, const char *line) {
    if (k->n == k->max) {
        size_t max = k->max ? 2 * k->max : 64;
        char **more = realloc(k->line, max * sizeof *more);
        if (!more) return -1;
        k->line = more;
        k->max = max;
    }
    k->line[k->n] = strdup(line);
    if (!k->line[k->n]) return -1;
    k->n++;
    return 0;
}

void svrsim_keylines_fini(svrsim_keylines *k) {
    for (size_t i = 0; i < k->n; i++) {
        svr_wipe(k->line[i], strlen(k->line[i]));
        free(k->line[i]);
    }
    free(k->line);
    *k = (svrsim_keylines){0};
}

static int copy_windows(svrsim_capture *c, const svrsim_window *windows, size_t n) {
    c->windows = calloc(n ? n : 1, sizeof *windows);
    if (!c->windows) return -1;
    if (n) memcpy(c->windows, windows, n * sizeof *windows);
    c->n_windows = n;
    return 0;
}

svrsim_capture *svrsim_capture_new(const svrsim_capture_params *p) {
    svrsim_capture *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->epoch = p->epoch;
    c->keys = p->keys;
    if (copy_windows(c, p->windows, p->n_windows) == 0)
        c->out = svr_pcapng_new(p->file, "svrsim", p->comment);
    if (c->out && svr_pcapng_add_interface(c->out, SVR_PCAPNG_LINK_RAW, p->interface, p->description) == 0)
        return c;
    int error = errno;
    svrsim_capture_del(c);
    errno = error;
    return NULL;
}

int svrsim_capture_del(svrsim_capture *c) {
    if (!c) return 0;
    int failed = svr_pcapng_del(c->out);
    free(c->windows);
    free(c);
    return failed;
}

static bool wanted(svrsim_capture *c, svr_time now) {
    if (c->n_windows == 0) return true;
    while (c->window < c->n_windows && c->windows[c->window].to <= now)
        c->window++;
    return c->window < c->n_windows && c->windows[c->window].from <= now;
}

void svrsim_capture_tap(void *ctx, unsigned direction, ns3shim_tap_what what, const uint8_t *data, size_t len,
                        uint64_t now) {
    svrsim_capture *c = ctx;
    (void)what;
    if (!wanted(c, now)) return;
    svr_pcapng_packet pkt = {
        .time = c->epoch + (svr_wall)now,
        .data = data,
        .len = (uint32_t)len,
        .orig_len = (uint32_t)len,
        .direction = direction == 0 ? SVR_PCAPNG_OUTBOUND : SVR_PCAPNG_INBOUND,
    };
    if (c->keys && c->keys_written < c->keys->n) {
        pkt.comments = (const char *const *)c->keys->line + c->keys_written;
        pkt.n_comments = c->keys->n - c->keys_written;
        c->keys_written = c->keys->n;
    }
    svr_pcapng_write(c->out, &pkt); /* a failure stays, and closing reports it */
}

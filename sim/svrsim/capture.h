/* SPDX-License-Identifier: MIT
 * A capture of one link, taken by the medium: each frame as it leaves its sender. */
#ifndef SVRSIM_CAPTURE_H
#define SVRSIM_CAPTURE_H

#include "libns3shim/ns3shim.h"
#include "svr/base.h"

typedef struct svrsim_window {
    svr_time from, to;
} svrsim_window;

/* Key log lines in the order in which they came. Each capture knows how far it has come. */
typedef struct svrsim_keylines {
    char **line;
    size_t n, max;
} svrsim_keylines;

int svrsim_keylines_add(svrsim_keylines *k, const char *line);
void svrsim_keylines_fini(svrsim_keylines *k);

typedef struct svrsim_capture_params {
    const char *file;
    const char *interface;        /* its name in the file */
    const char *description;      /* which end outbound frames come from */
    const char *comment;          /* of the whole file */
    svr_wall epoch;               /* wall time at instant 0 */
    const svrsim_window *windows; /* when to capture, in order; none: always */
    size_t n_windows;
    const svrsim_keylines *keys; /* comments of the packets that follow them; NULL: none */
} svrsim_capture_params;

typedef struct svrsim_capture svrsim_capture;

/* NULL with errno. The texts and windows are copied. */
svrsim_capture *svrsim_capture_new(const svrsim_capture_params *params);
/* 0, or -1 with errno when the file is incomplete. */
int svrsim_capture_del(svrsim_capture *c);
/* A ns3shim_tap; `ctx` is the capture. */
void svrsim_capture_tap(void *ctx, unsigned direction, ns3shim_tap_what what, const uint8_t *data, size_t len,
                        uint64_t now);

#endif

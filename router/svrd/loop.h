/* SPDX-License-Identifier: MIT
 * Waits for descriptors. */
#ifndef SVRD_LOOP_H
#define SVRD_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct svrd_source;
typedef void svrd_ready_fn(struct svrd_source *source, uint32_t events);

/* Something to wait for; embedded in what owns it. A source may be told that it is ready when it no longer
 * is. */
typedef struct svrd_source {
    int fd;
    svrd_ready_fn *ready;
    void *ctx;
} svrd_source;

typedef struct svrd_loop {
    int epoll_fd;
} svrd_loop;

/* These return 0, or -1 with errno. */
int svrd_loop_init(svrd_loop *loop);
void svrd_loop_fini(svrd_loop *loop);
int svrd_loop_add(svrd_loop *loop, svrd_source *source, uint32_t events);
int svrd_loop_change(svrd_loop *loop, svrd_source *source, uint32_t events);
void svrd_loop_remove(svrd_loop *loop, const svrd_source *source);

#define SVRD_LOOP_FOREVER UINT64_MAX
/* Waits for at most `timeout_ns` and calls what is ready. */
int svrd_loop_wait(svrd_loop *loop, uint64_t timeout_ns);

#endif

/* SPDX-License-Identifier: MIT
 * Waits for descriptors. */
#ifndef SVRD_LOOP_H
#define SVRD_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct svrd_source;
typedef void svrd_ready_fn(struct svrd_source *source, uint32_t events);

/* Something to wait for; embedded in what owns it. A source may be told that it is ready when it no longer
 * is, but never after it was removed. */
typedef struct svrd_source {
    int fd;
    svrd_ready_fn *ready;
    void *ctx;
} svrd_source;

#define SVRD_LOOP_READY_MAX 32

typedef struct svrd_loop {
    int epoll_fd;
    int at, n; /* of what the last wait brought: told, in all */
    struct epoll_event ready[SVRD_LOOP_READY_MAX];
} svrd_loop;

/* These return 0, or -1 with errno. */
int svrd_loop_init(svrd_loop *loop);
void svrd_loop_fini(svrd_loop *loop);
int svrd_loop_add(svrd_loop *loop, svrd_source *source, uint32_t events);
int svrd_loop_change(svrd_loop *loop, svrd_source *source, uint32_t events);
/* Also forgets what one wait brought of this source behind the one that is being told: a device that goes
 * makes its sockets ready together with the news of it. */
void svrd_loop_remove(svrd_loop *loop, const svrd_source *source);

#define SVRD_LOOP_FOREVER UINT64_MAX
/* Waits for at most `timeout_ns` and calls what is ready. */
int svrd_loop_wait(svrd_loop *loop, uint64_t timeout_ns);

#endif

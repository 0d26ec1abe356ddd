/* SPDX-License-Identifier: MIT */
#include "svrd/loop.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000u

int svrd_loop_init(svrd_loop *loop) {
    *loop = (svrd_loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll_fd < 0 ? -1 : 0;
}

void svrd_loop_fini(svrd_loop *loop) {
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

static int control(svrd_loop *loop, int op, svrd_source *source, uint32_t events) {
    struct epoll_event ev = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, op, source->fd, &ev);
}

int svrd_loop_add(svrd_loop *loop, svrd_source *source, uint32_t events) {
    return control(loop, EPOLL_CTL_ADD, source, events);
}

int svrd_loop_change(svrd_loop *loop, svrd_source *source, uint32_t events) {
    return control(loop, EPOLL_CTL_MOD, source, events);
}

void svrd_loop_remove(svrd_loop *loop, const svrd_source *source) {
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    for (int i = loop->at; i < loop->n; i++)
        if (loop->ready[i].data.ptr == source) loop->ready[i].data.ptr = NULL;
}

int svrd_loop_wait(svrd_loop *loop, uint64_t timeout_ns) {
    struct timespec ts = {.tv_sec = (time_t)(timeout_ns / NS_PER_SECOND),
                          .tv_nsec = (long)(timeout_ns % NS_PER_SECOND)};
    int n = epoll_pwait2(loop->epoll_fd, loop->ready, SVRD_LOOP_READY_MAX,
                         timeout_ns == SVRD_LOOP_FOREVER ? NULL : &ts, NULL);
    if (n < 0) return errno == EINTR ? 0 : -1;
    loop->n = n;
    for (loop->at = 0; loop->at < loop->n;) {
        const struct epoll_event *event = &loop->ready[loop->at++];
        svrd_source *source = event->data.ptr;
        if (source) source->ready(source, event->events);
    }
    return 0;
}

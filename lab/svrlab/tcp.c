/* SPDX-License-Identifier: MIT
 * The client side of TCP flows. A flow has at most one connection at a time. When it fails, the flow either
 * ends or opens another after a while; messages that were on the way then stay missing, as in life. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"

#define CHUNK 65536

static bool per_request(const ns3shim_flow *f) {
    return f->opts.kind == NS3SHIM_TCP_REQUEST && !f->opts.keep;
}

void lab_tcp_hang_up(ns3shim_flow *f) {
    lab_unwatch(f->world, &f->socket);
    f->open = false;
    f->out.n = 0;
    f->reader = (lab_reader){0};
}

static void failed(ns3shim_flow *f) {
    if (lab_flow_done(f)) return;
    f->stats.failures++;
    lab_tcp_hang_up(f);
    if (per_request(f)) return; /* the next tick opens another */
    if (f->opts.reconnect_ns && !lab_flow_all_sent(f))
        ns3shim_timer_set(f->reconnect, ns3shim_now(f->world) + f->opts.reconnect_ns);
    else
        lab_flow_complete(f);
}

/* Hands over what waits, and wants to be called again while something is left. */
static void flush(ns3shim_flow *f) {
    if (!lab_pending_send(&f->out, f->socket.fd)) {
        failed(f);
        return;
    }
    lab_rewatch(f->world, &f->socket, f->out.n ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void add_message(ns3shim_flow *f) {
    uint8_t *to = lab_pending_add(&f->out, f->opts.size);
    if (to) lab_flow_next(f, to);
}

static void pump(ns3shim_flow *f) {
    while (f->open && !lab_flow_all_sent(f) && f->out.n == 0) {
        add_message(f);
        flush(f);
    }
}

static void connected(ns3shim_flow *f) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(f->socket.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error) {
        failed(f);
        return;
    }
    f->stats.connects++;
    f->open = true;
    if (per_request(f)) add_message(f);
    flush(f);
}

static void on_message(void *ctx, const lab_message *m, bool intact) {
    ns3shim_flow *f = ctx;
    if (m->flow != f->id) return;
    f->answered = true;
    lab_flow_reply(f, m, intact);
}

/* The server never closes first, so a close that we did not begin is a failure. */
static void receive(ns3shim_flow *f) {
    static uint8_t bytes[CHUNK];
    f->answered = false;
    while (f->socket.fd >= 0) {
        ssize_t n = recv(f->socket.fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EAGAIN) break;
        if (n > 0 && lab_reader_feed(&f->reader, bytes, (size_t)n, on_message, f)) continue;
        f->stats.corrupted += n > 0;
        failed(f);
        return;
    }
    if (per_request(f) && f->answered) lab_tcp_hang_up(f);
}

static void on_socket(void *ctx, uint32_t events) {
    ns3shim_flow *f = ctx;
    if (!f->open)
        connected(f);
    else if (events & EPOLLOUT)
        flush(f);
    if (f->open && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(f);
    if (f->opts.kind == NS3SHIM_TCP_BULK) pump(f);
}

int lab_tcp_start(ns3shim_flow *f) {
    int on = 1, segment = (int)f->opts.segment;
    f->socket = (lab_source){-1, on_socket, f};
    if (lab_flow_socket(f, SOCK_STREAM, 0) != 0) return -1;
    setsockopt(f->socket.fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    setsockopt(f->socket.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (lab_watch(f->world, &f->socket, EPOLLOUT) != 0) return -1;
    if (connect(f->socket.fd, &f->to.any, lab_address_len(&f->to)) != 0 && errno != EINPROGRESS) failed(f);
    return 0;
}

void lab_tcp_tick(ns3shim_flow *f) {
    if (per_request(f)) {
        if (f->socket.fd >= 0)
            f->stats.unsent++;
        else
            lab_tcp_start(f);
    } else if (f->open && f->out.n + f->opts.size <= LAB_TCP_BUFFER) {
        add_message(f);
        flush(f);
    } else {
        f->stats.unsent++;
    }
}

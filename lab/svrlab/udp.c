/* SPDX-License-Identifier: MIT
 * Datagrams and pings. A ping is an echo request with a message as its payload; the kernel's ping socket adds
 * identifier and checksum, and gives us the answers to it. */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "flow.h"

#define ECHO_HEADER 8
#define DATAGRAM_MAX 65536

static bool is_ping(const ns3shim_flow *f) {
    return f->opts.kind == NS3SHIM_PING;
}

/* An answer proves that the request arrived. */
static void count_ping(ns3shim_flow *f) {
    f->stats.received = f->stats.replies;
    f->stats.received_bytes = f->stats.reply_bytes;
    f->stats.last_received = ns3shim_now(f->world);
}

static void on_answer(void *ctx, uint32_t events) {
    ns3shim_flow *f = ctx;
    static uint8_t bytes[DATAGRAM_MAX];
    size_t skip = is_ping(f) ? ECHO_HEADER : 0;
    lab_message m;
    bool intact;
    (void)events;
    while (f->socket.fd >= 0) {
        ssize_t n = recv(f->socket.fd, bytes, sizeof bytes, 0);
        if (n < 0) return;
        if ((size_t)n < skip || !lab_message_read(bytes + skip, (size_t)n - skip, &m, &intact)) continue;
        if (m.flow != f->id) continue;
        lab_flow_reply(f, &m, intact);
        if (is_ping(f)) count_ping(f);
    }
}

int lab_udp_start(ns3shim_flow *f) {
    bool v6 = f->from.any.sa_family == AF_INET6;
    int protocol = !is_ping(f) ? 0 : v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    f->socket = (lab_source){-1, on_answer, f};
    if (lab_flow_socket(f, SOCK_DGRAM, protocol) != 0) return -1;
    return lab_watch(f->world, &f->socket, EPOLLIN);
}

/* What cannot be sent is lost: on a line that is down, too. */
void lab_udp_tick(ns3shim_flow *f) {
    static uint8_t bytes[DATAGRAM_MAX];
    size_t skip = 0, n = f->opts.size;
    if (is_ping(f)) {
        skip = ECHO_HEADER;
        memset(bytes, 0, skip);
        bytes[0] = f->to.any.sa_family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
        bytes[6] = (uint8_t)(f->stats.sent >> 8);
        bytes[7] = (uint8_t)f->stats.sent;
    }
    lab_flow_next(f, bytes + skip);
    (void)!sendto(f->socket.fd, bytes, n + skip, 0, &f->to.any, lab_address_len(&f->to));
}

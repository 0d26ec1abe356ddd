/* SPDX-License-Identifier: MIT
 * Servers answer all flows to a port, over TCP and UDP, IPv4 and IPv6, and count what arrives. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

#define CHUNK 65536
#define BACKLOG 64

typedef struct connection {
    lab_server *server;
    lab_source source;
    lab_reader reader;
    lab_pending out;
    struct connection *next;
} connection;

struct lab_server {
    ns3shim_node *host;
    uint16_t port;
    lab_source tcp, udp;
    connection *connections;
    lab_server *next;
};

/* Counts a request for its flow, and appends the answer that it wants. */
static void take_message(lab_server *s, const lab_message *m, bool intact, lab_pending *reply) {
    ns3shim_world *w = s->host->world;
    if (m->magic != LAB_REQUEST || m->flow >= w->n_flows) return;
    lab_flow_request(w->flows[m->flow], m, intact);
    if (!intact || m->reply < LAB_HEADER) return;
    lab_message answer = {LAB_REPLY, m->flow, m->seq, m->time, m->reply, 0};
    uint8_t *out = lab_pending_add(reply, answer.size);
    if (out) lab_message_encode(&answer, out);
}

/* ---- UDP ------------------------------------------------------------------------------------ */

static void on_datagram(void *ctx, uint32_t events) {
    lab_server *s = ctx;
    static uint8_t bytes[CHUNK];
    lab_address from;
    lab_message m;
    bool intact;
    (void)events;
    for (;;) {
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(s->udp.fd, bytes, sizeof bytes, 0, &from.any, &len);
        if (n < 0) return;
        lab_pending reply = {0};
        if (lab_message_read(bytes, (size_t)n, &m, &intact)) take_message(s, &m, intact, &reply);
        if (reply.n) (void)!sendto(s->udp.fd, reply.bytes, reply.n, 0, &from.any, len);
        lab_pending_fini(&reply);
    }
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static void end_connection(connection *c) {
    for (connection **p = &c->server->connections; *p; p = &(*p)->next) {
        if (*p != c) continue;
        *p = c->next;
        break;
    }
    lab_unwatch(c->server->host->world, &c->source);
    lab_pending_fini(&c->out);
    free(c);
}

static void on_message(void *ctx, const lab_message *m, bool intact) {
    connection *c = ctx;
    take_message(c->server, m, intact, &c->out);
}

/* Reads what there is; false when the connection is over. */
static bool receive(connection *c) {
    static uint8_t bytes[CHUNK];
    for (;;) {
        ssize_t n = recv(c->source.fd, bytes, sizeof bytes, 0);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        if (n == 0 || !lab_reader_feed(&c->reader, bytes, (size_t)n, on_message, c)) return false;
    }
}

static void on_connection(void *ctx, uint32_t events) {
    connection *c = ctx;
    (void)events;
    if (!receive(c) || !lab_pending_send(&c->out, c->source.fd)) {
        end_connection(c);
        return;
    }
    lab_rewatch(c->server->host->world, &c->source, c->out.n ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void on_caller(void *ctx, uint32_t events) {
    lab_server *s = ctx;
    int on = 1, fd = accept4(s->tcp.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    connection *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    (void)events;
    if (!c) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->server = s;
    c->source = (lab_source){fd, on_connection, c};
    c->next = s->connections;
    s->connections = c;
    if (lab_watch(s->host->world, &c->source, EPOLLIN) != 0) end_connection(c);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int listen_on(lab_server *s, lab_source *source, int type) {
    int on = 1, off = 0;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(s->port)};
    int fd = source->fd = lab_space_socket(&s->host->space, AF_INET6, type, 0);
    if (fd < 0) return lab_fail("a server of '%s': %s", s->host->name, strerror(errno));
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) != 0))
        return lab_fail("port %u of '%s': %s", s->port, s->host->name, strerror(errno));
    return lab_watch(s->host->world, source, EPOLLIN);
}

int ns3shim_serve(ns3shim_node *host, uint16_t port) {
    if (host->kind != LAB_HOST) return lab_fail("'%s' is no host", host->name);
    if (port == 0) return lab_fail("a server needs a port");
    for (lab_server *s = host->servers; s; s = s->next)
        if (s->port == port) return 0;
    lab_server *s = calloc(1, sizeof *s);
    if (!s) return lab_fail("memory is short");
    s->host = host;
    s->port = port;
    s->tcp = (lab_source){-1, on_caller, s};
    s->udp = (lab_source){-1, on_datagram, s};
    s->next = host->servers;
    host->servers = s;
    return listen_on(s, &s->tcp, SOCK_STREAM) != 0 ? -1 : listen_on(s, &s->udp, SOCK_DGRAM);
}

void lab_servers_del(ns3shim_node *node) {
    while (node->servers) {
        lab_server *s = node->servers;
        node->servers = s->next;
        while (s->connections)
            end_connection(s->connections);
        lab_unwatch(node->world, &s->tcp);
        lab_unwatch(node->world, &s->udp);
        free(s);
    }
}

/* SPDX-License-Identifier: MIT */
#include "flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (10 * SVR_SEC) /* how long after the last message one still waits for arrivals */
#define TCP_SEGMENT 1340        /* leaves room for what a router adds to a 1500-byte datagram */

/* ---- pending bytes -------------------------------------------------------------------------- */

uint8_t *lab_pending_add(lab_pending *p, size_t n) {
    if (p->n + n > p->max) {
        size_t max = 2 * (p->n + n);
        uint8_t *more = realloc(p->bytes, max);
        if (!more) return NULL;
        p->bytes = more;
        p->max = max;
    }
    p->n += n;
    return p->bytes + p->n - n;
}

bool lab_pending_send(lab_pending *p, int fd) {
    while (p->n) {
        ssize_t took = send(fd, p->bytes, p->n, MSG_NOSIGNAL);
        if (took < 0) return errno == EAGAIN || errno == EINTR;
        p->n -= (size_t)took;
        memmove(p->bytes, p->bytes + took, p->n);
    }
    return true;
}

void lab_pending_fini(lab_pending *p) {
    free(p->bytes);
    *p = (lab_pending){0};
}

socklen_t lab_address_len(const lab_address *a) {
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

/* ---- counting ------------------------------------------------------------------------------- */

bool lab_flow_done(const ns3shim_flow *f) {
    return f->stats.completed != NS3SHIM_NEVER;
}
bool lab_flow_all_sent(const ns3shim_flow *f) {
    return f->opts.count && f->stats.sent >= f->opts.count;
}
bool lab_flow_is_tcp(const ns3shim_flow *f) {
    return f->opts.kind == NS3SHIM_TCP_BULK || f->opts.kind == NS3SHIM_TCP_RATE ||
           f->opts.kind == NS3SHIM_TCP_REQUEST;
}

static bool wants_reply(const ns3shim_flow *f) {
    return f->opts.kind == NS3SHIM_TCP_REQUEST || f->opts.kind == NS3SHIM_UDP_ECHO ||
           f->opts.kind == NS3SHIM_PING;
}

void lab_flow_next(ns3shim_flow *f, uint8_t *out) {
    uint64_t now = ns3shim_now(f->world);
    uint32_t reply = f->opts.kind == NS3SHIM_UDP_ECHO      ? f->opts.size
                     : f->opts.kind == NS3SHIM_TCP_REQUEST ? f->opts.reply_size
                                                           : 0;
    lab_message m = {LAB_REQUEST, f->id, f->stats.sent, now, f->opts.size, reply};
    lab_message_encode(&m, out);
    if (f->stats.first_sent == NS3SHIM_NEVER) f->stats.first_sent = now;
    f->stats.sent++;
    f->stats.sent_bytes += f->opts.size;
    if (lab_flow_all_sent(f)) ns3shim_timer_set(f->patience, now + PATIENCE);
}

void lab_flow_request(ns3shim_flow *f, const lab_message *m, bool intact) {
    ns3shim_flow_stats *s = &f->stats;
    lab_verdict v = intact ? lab_track_note(&f->requests, m->seq, m->time) : LAB_TWICE;
    if (v == LAB_TWICE) {
        *(intact ? &s->duplicated : &s->corrupted) += 1;
        return;
    }
    s->reordered += v == LAB_LATE;
    s->received++;
    s->received_bytes += m->size;
    s->last_received = ns3shim_now(f->world);
    if (!wants_reply(f) && lab_flow_all_sent(f) && s->received == s->sent) lab_flow_complete(f);
}

void lab_flow_reply(ns3shim_flow *f, const lab_message *m, bool intact) {
    ns3shim_flow_stats *s = &f->stats;
    if (!intact || lab_track_note(&f->replies, m->seq, m->time) == LAB_TWICE) {
        *(intact ? &s->duplicated : &s->corrupted) += 1;
        return;
    }
    uint64_t rtt = ns3shim_now(f->world) - m->time;
    if (!s->replies || rtt < s->rtt_min_ns) s->rtt_min_ns = rtt;
    if (rtt > s->rtt_max_ns) s->rtt_max_ns = rtt;
    s->rtt_sum_ns += rtt;
    s->replies++;
    s->reply_bytes += m->size;
    if (lab_flow_all_sent(f) && s->replies == s->sent) lab_flow_complete(f);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void send_one(ns3shim_flow *f) {
    if (lab_flow_is_tcp(f))
        lab_tcp_tick(f);
    else
        lab_udp_tick(f);
}

static void on_tick(void *ctx) {
    ns3shim_flow *f = ctx;
    if (lab_flow_done(f) || lab_flow_all_sent(f)) return;
    send_one(f);
    f->next_tick += f->opts.interval_ns;
    if (!lab_flow_done(f) && !lab_flow_all_sent(f)) ns3shim_timer_set(f->tick, f->next_tick);
}

/* TCP delivers late rather than never: its flows end by delivery or by failure. */
static void on_patience(void *ctx) {
    ns3shim_flow *f = ctx;
    if (!lab_flow_is_tcp(f)) lab_flow_complete(f);
}

static void on_burst(void *ctx) {
    ns3shim_flow *f = ctx;
    if (lab_flow_done(f) || f->burst_left == 0) return;
    send_one(f);
    if (--f->burst_left) ns3shim_timer_set(f->burst, ns3shim_now(f->world) + f->burst_spacing);
}

static void on_reconnect(void *ctx) {
    ns3shim_flow *f = ctx;
    if (!lab_flow_done(f)) lab_tcp_start(f);
}

void lab_flow_complete(ns3shim_flow *f) {
    if (lab_flow_done(f)) return;
    f->stats.completed = ns3shim_now(f->world);
    ns3shim_timer *timers[] = {f->tick, f->patience, f->burst, f->reconnect};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        ns3shim_timer_cancel(timers[i]);
    lab_tcp_hang_up(f);
    if (f->opts.done) f->opts.done(f->opts.ctx);
}

void ns3shim_flow_stop(ns3shim_flow *flow) {
    lab_flow_complete(flow);
}

void ns3shim_flow_burst(ns3shim_flow *flow, uint64_t count, uint64_t spacing_ns) {
    flow->burst_left += count;
    flow->burst_spacing = spacing_ns;
    on_burst(flow);
}

void ns3shim_flow_get_stats(const ns3shim_flow *flow, ns3shim_flow_stats *out) {
    *out = flow->stats;
}

size_t ns3shim_flow_gaps(const ns3shim_flow *flow, ns3shim_gap *out, size_t max) {
    const lab_track *t = wants_reply(flow) ? &flow->replies : &flow->requests;
    size_t n = t->n < max ? t->n : max;
    if (n) memcpy(out, t->gap, n * sizeof *out);
    return t->n;
}

/* ---- beginning ------------------------------------------------------------------------------ */

static const char *check(const ns3shim_node *host, const ns3shim_flow_opts *o) {
    bool bulk = o->kind == NS3SHIM_TCP_BULK;
    if (host->kind != LAB_HOST) return "only a host sends flows";
    if (o->size < NS3SHIM_MESSAGE_MIN || o->size > NS3SHIM_MESSAGE_MAX)
        return "a message has 32 to 65000 bytes";
    if (o->kind == NS3SHIM_TCP_REQUEST &&
        (o->reply_size < NS3SHIM_MESSAGE_MIN || o->reply_size > NS3SHIM_MESSAGE_MAX))
        return "an answer has 32 to 65000 bytes";
    if (bulk && !o->count) return "a bulk transfer needs a count of messages";
    if (!bulk && !o->interval_ns) return "the flow needs an interval";
    return NULL;
}

static bool parse(const char *text, uint16_t port, lab_address *out) {
    *out = (lab_address){0};
    if (inet_pton(AF_INET, text ? text : "", &out->v4.sin_addr) == 1) {
        out->any.sa_family = AF_INET;
        out->v4.sin_port = htons(port);
        return true;
    }
    out->any.sa_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    return inet_pton(AF_INET6, text ? text : "", &out->v6.sin6_addr) == 1;
}

static bool own_address(const ns3shim_node *n, int family, uint16_t port, lab_address *out) {
    *out = (lab_address){0};
    out->any.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        out->v4.sin_port = htons(port);
        out->v4.sin_addr = n->own4;
        return n->has4;
    }
    out->v6.sin6_port = htons(port);
    out->v6.sin6_addr = n->own6;
    return n->has6;
}

static int set_addresses(ns3shim_flow *f, const ns3shim_flow_opts *o) {
    const char *to = o->destination ? o->destination : "";
    bool ping = o->kind == NS3SHIM_PING;
    if (!parse(to, ping ? 0 : o->port, &f->to)) return lab_fail("'%s' is no address", to);
    bool found =
        o->source ? parse(o->source, o->source_port, &f->from) && f->from.any.sa_family == f->to.any.sa_family
                  : own_address(f->node, f->to.any.sa_family, o->source_port, &f->from);
    return found ? 0 : lab_fail("'%s' has no address to reach '%s' from", f->node->name, to);
}

static int set_timers(ns3shim_flow *f) {
    f->tick = ns3shim_timer_new(f->world, on_tick, f);
    f->patience = ns3shim_timer_new(f->world, on_patience, f);
    f->burst = ns3shim_timer_new(f->world, on_burst, f);
    f->reconnect = ns3shim_timer_new(f->world, on_reconnect, f);
    return f->tick && f->patience && f->burst && f->reconnect ? 0 : -1;
}

static void free_flow(ns3shim_flow *f) {
    lab_unwatch(f->world, &f->socket);
    lab_track_fini(&f->requests);
    lab_track_fini(&f->replies);
    lab_pending_fini(&f->out);
    ns3shim_timer_del(f->tick);
    ns3shim_timer_del(f->patience);
    ns3shim_timer_del(f->burst);
    ns3shim_timer_del(f->reconnect);
    free(f);
}

static int start(ns3shim_flow *f) {
    bool per_request = f->opts.kind == NS3SHIM_TCP_REQUEST && !f->opts.keep;
    if (lab_flow_is_tcp(f) ? !per_request && lab_tcp_start(f) != 0 : lab_udp_start(f) != 0) return -1;
    f->next_tick = ns3shim_now(f->world);
    if (f->opts.kind != NS3SHIM_TCP_BULK) ns3shim_timer_set(f->tick, f->next_tick);
    return 0;
}

static ns3shim_flow *add_flow(ns3shim_world *w, ns3shim_flow *f) {
    ns3shim_flow **more = realloc(w->flows, (w->n_flows + 1) * sizeof(ns3shim_flow *));
    if (!more) return NULL;
    w->flows = more;
    f->id = (uint32_t)w->n_flows;
    return w->flows[w->n_flows++] = f;
}

ns3shim_flow *ns3shim_flow_new(ns3shim_node *host, const ns3shim_flow_opts *opts) {
    const char *wrong = check(host, opts);
    ns3shim_flow *f = wrong ? NULL : calloc(1, sizeof *f);
    if (!f) {
        lab_fail("%s", wrong ? wrong : "memory is short");
        return NULL;
    }
    f->world = host->world;
    f->node = host;
    f->opts = *opts;
    f->opts.source = f->opts.destination = NULL;
    if (!f->opts.segment) f->opts.segment = TCP_SEGMENT;
    f->socket.fd = -1;
    f->requests.last_sent_at = f->replies.last_sent_at = NS3SHIM_NEVER;
    f->stats.first_sent = f->stats.last_received = f->stats.completed = NS3SHIM_NEVER;
    if (set_addresses(f, opts) == 0 && set_timers(f) == 0 && add_flow(host->world, f))
        return start(f) == 0 ? f : NULL;
    free_flow(f);
    return NULL;
}

void lab_flows_del(ns3shim_world *world) {
    for (size_t i = 0; i < world->n_flows; i++)
        free_flow(world->flows[i]);
    free(world->flows);
    world->flows = NULL;
    world->n_flows = 0;
}

int lab_flow_socket(ns3shim_flow *f, int type, int protocol) {
    int one = 1;
    f->socket.fd = lab_space_socket(&f->node->space, f->from.any.sa_family, type, protocol);
    if (f->socket.fd < 0) return lab_fail("socket: %s", strerror(errno));
    setsockopt(f->socket.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(f->socket.fd, &f->from.any, lab_address_len(&f->from)) == 0) return 0;
    int error = errno;
    close(f->socket.fd);
    f->socket.fd = -1;
    return lab_fail("a flow of '%s': %s", f->node->name, strerror(error));
}

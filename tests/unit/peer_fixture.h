/* SPDX-License-Identifier: MIT
 * Two routers' key exchange on a wire that the test holds in its hands: packets wait in a queue until the
 * test delivers, delays or loses them. */
#ifndef TESTS_PEER_FIXTURE_H
#define TESTS_PEER_FIXTURE_H

#include "peer/peer_internal.h"
#include "unit.h"

#include <stdio.h>

#define WIRE_MAX 256
#define WALL_START (INT64_C(1735689600) * (svr_wall)SVR_SEC) /* 2025-01-01 00:00:00 UTC */

typedef struct side {
    svr_runtime rt;
    svr_peers *peers;
    const char *name;
    svr_credentials credentials; /* without a certificate: self-signed */
} side;

typedef struct flight {
    svr_packet *pkt;
    int to;
    svr_time due;
} flight;

typedef struct bench {
    test_heap heap;
    svr_allocator alloc;
    svr_crypt *crypt;
    svr_pool *pool;
    svr_config *config;
    side s[2];
    svr_time now;
    svr_duration delay;
    uint64_t seed;
    bool cut[2];                                          /* the direction towards side n loses all */
    bool (*lose)(struct bench *b, svr_packet *p, int to); /* NULL: nothing is lost */
    flight wire[WIRE_MAX];
    size_t n;
    size_t sent[2]; /* packets that side n has sent */
} bench;

static const char bench_config[] = "authority\n"
                                   " enhanced-security-key-management true\n"
                                   " security-key-management\n"
                                   "  key-exchange-algorithm\n"
                                   "   ecdh\n"
                                   "    curve X25519\n"
                                   "   exit\n"
                                   "  exit\n"
                                   " exit\n"
                                   " router a\n"
                                   "  peering-common-name alias-a\n"
                                   "  node a1\n"
                                   "   device-interface w\n"
                                   "    network-interface w\n"
                                   "     neighborhood net\n"
                                   "     exit\n"
                                   "     address 192.0.2.1\n"
                                   "      prefix-length 24\n"
                                   "     exit\n"
                                   "    exit\n"
                                   "   exit\n"
                                   "  exit\n"
                                   " exit\n"
                                   " router b\n"
                                   "  peering-common-name alias-b\n"
                                   "  node b1\n"
                                   "   device-interface w\n"
                                   "    network-interface w\n"
                                   "     neighborhood net\n"
                                   "     exit\n"
                                   "     address 192.0.2.2\n"
                                   "      prefix-length 24\n"
                                   "     exit\n";

static inline svr_peer *bench_peer(bench *b, int i) {
    return &b->s[i].peers->peers[0];
}
static inline svr_path *bench_path(bench *b, int i) {
    return &bench_peer(b, i)->paths[0];
}

static inline svr_identity *bench_identity(bench *b, int i) {
    const svr_credentials *c = &b->s[i].credentials;
    svr_error err;
    svr_identity *id = c->certificate ? svr_identity_new(b->crypt, c->certificate, c->private_key, &err)
                                      : svr_identity_new_self_signed(b->crypt, i ? "alias-b" : "alias-a",
                                                                     svr_runtime_wall(&b->s[i].rt), &err);
    if (!id) fail_msg("%s", err.message);
    return id;
}

static inline svr_trust *bench_trust(bench *b, int i) {
    svr_error err;
    svr_trust *trust = svr_trust_new(b->crypt, b->s[i].credentials.trusted_ca, b->s[i].credentials.crl, &err);
    assert_non_null(trust);
    return trust;
}

/* Starts (or starts anew) one side; its clock and memory of the former life are gone. */
static inline void bench_start(bench *b, int i, svr_wall wall_offset) {
    side *s = &b->s[i];
    s->name = i ? "b" : "a";
    assert_true(svr_runtime_init(&s->rt, &b->alloc, b->crypt, b->pool, b->seed + (uint64_t)i, false));
    s->rt.now = b->now;
    s->rt.wall_then = WALL_START + (svr_wall)b->now + wall_offset;
    s->rt.wall_at = b->now;
    const svr_node_config *node = svr_config_node(svr_config_router(b->config, s->name), NULL);
    const svr_peers_params params = {.rt = &s->rt,
                                     .config = b->config,
                                     .node = node,
                                     .identity = bench_identity(b, i),
                                     .trust = bench_trust(b, i)};
    s->peers = svr_peers_new(&params);
    assert_non_null(s->peers);
    svr_peers_start(s->peers);
}

static inline void bench_stop(bench *b, int i) {
    svr_peers_del(b->s[i].peers);
    svr_runtime_fini(&b->s[i].rt);
    b->s[i].peers = NULL;
}

/* Reads the configuration; the sides are not started. */
static inline void bench_prepare(bench *b, const char *config) {
    svr_config_error err;
    b->heap = (test_heap){0};
    b->alloc = test_allocator(&b->heap);
    b->crypt = svr_crypt_new(&b->alloc, NULL, SVR_ENGINE_AUTO);
    b->pool = svr_pool_new(&b->alloc, 4096);
    assert_int_equal(svr_config_parse(&b->alloc, config, strlen(config), &b->config, &err), 0);
    b->delay = 10 * SVR_MS;
    b->now = SVR_SEC;
}

static inline void bench_init_config(bench *b, const char *config) {
    bench_prepare(b, config);
    bench_start(b, 0, 0);
    bench_start(b, 1, 0);
}

static inline void bench_init(bench *b) {
    *b = (bench){.seed = 7};
    bench_init_config(b, bench_config);
}

static inline void bench_fini(bench *b) {
    for (size_t i = 0; i < b->n; i++)
        svr_packet_put(b->pool, b->wire[i].pkt);
    bench_stop(b, 0);
    bench_stop(b, 1);
    svr_config_del(b->config);
    svr_pool_del(b->pool);
    svr_crypt_del(b->crypt);
    assert_int_equal(b->heap.live, 0);
}

/* Takes what a side wants to send onto the wire. */
static inline void bench_collect(bench *b, int i) {
    svr_runtime *rt = &b->s[i].rt;
    for (; rt->output_n; rt->output_n--, rt->output_head = (rt->output_head + 1) % SVR_OUTPUT_MAX) {
        svr_packet *pkt = rt->output[rt->output_head];
        int to = !i;
        b->sent[i]++;
        if (b->cut[to] || (b->lose && b->lose(b, pkt, to)) || b->n == WIRE_MAX)
            svr_packet_put(b->pool, pkt);
        else
            b->wire[b->n++] = (flight){pkt, to, b->now + b->delay};
    }
}

static inline void bench_deliver(bench *b, size_t k) {
    flight f = b->wire[k];
    svr_ip ip;
    memmove(&b->wire[k], &b->wire[k + 1], (--b->n - k) * sizeof *b->wire);
    b->s[f.to].rt.now = b->now;
    assert_int_equal(svr_ip_decode(f.pkt->data, f.pkt->len, &ip), SVR_IP_OK);
    svr_peers_receive(b->s[f.to].peers, f.pkt, &ip);
    bench_collect(b, f.to);
}

static inline svr_time bench_next(const bench *b) {
    svr_time next = SVR_TIME_NEVER;
    for (int i = 0; i < 2; i++)
        if (svr_timer_next(&b->s[i].rt.timers) < next) next = svr_timer_next(&b->s[i].rt.timers);
    for (size_t k = 0; k < b->n; k++)
        if (b->wire[k].due < next) next = b->wire[k].due;
    return next;
}

/* Runs timers and deliveries up to and including `until`. */
static inline void bench_run(bench *b, svr_time until) {
    for (int i = 0; i < 2; i++)
        bench_collect(b, i);
    for (svr_time next; (next = bench_next(b)) <= until;) {
        b->now = next;
        for (size_t k = 0; k < b->n;) {
            if (b->wire[k].due <= b->now) {
                bench_deliver(b, k);
                k = 0;
            } else {
                k++;
            }
        }
        for (int i = 0; i < 2; i++) {
            b->s[i].rt.now = b->now;
            svr_timer_run(&b->s[i].rt.timers, NULL, b->now);
            bench_collect(b, i);
        }
    }
    b->now = until;
}

/* The next event of a kind, skipping others; false when there is none. */
static inline bool bench_event(bench *b, int i, svr_event_kind kind, svr_event *out) {
    svr_runtime *rt = &b->s[i].rt;
    while (rt->events_n) {
        *out = rt->events[rt->events_head];
        rt->events_head = (rt->events_head + 1) % SVR_EVENTS_MAX;
        rt->events_n--;
        if (out->kind == kind) return true;
    }
    return false;
}

#endif

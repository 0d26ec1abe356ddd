/* SPDX-License-Identifier: MIT
 * Many sessions: two routers back to back in one process, packets handed from one to the other in memory.
 *
 *     flows -- ingress ====(one path)==== egress -- the void
 *
 * Prints how fast sessions begin, metadata and keys included; how much memory they hold once nothing uses
 * them; and how fast one flow and many are forwarded while there is one session, and while there are all.
 * Each router is measured by itself, since each would have a core of its own. Argument: number of sessions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "svr/node.h"
#include "svr/wire.h"

#define PAYLOAD 1000
#define PACKETS 400000 /* of one measurement of forwarding */
#define WAVE 4         /* batches that go before time does */

enum { INGRESS, EGRESS, LAN = 0 };

static svr_env *env;
static svr_node *node[2];
static svr_time now = SVR_SEC;
static double busy[2];      /* seconds that a router worked */
static uint64_t arrived[2]; /* datagrams on its LAN */

static void *resize(void *ctx, void *p, size_t size) {
    (void)ctx;
    if (size) return realloc(p, size);
    free(p);
    return NULL;
}

static double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "scale: %s\n", what);
    exit(1);
}

static double resident_mib(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1) die("no /proc/self/statm");
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* ---- the network ---------------------------------------------------------------------------- */

static const char head[] =
    "authority\n enhanced-security-key-management true\n security-key-management\n"
    "  key-exchange-algorithm\n   ecdh\n    curve X25519\n   exit\n  exit\n exit\n tenant corp\n exit\n"
    " service to-b\n  address 10.2.0.0/16\n  access-policy corp\n  exit\n exit\n";
static const char router[] =
    " router %s\n  peering-common-name alias-%s\n  new-flows never\n  new-flows-per-source never\n  node n\n "
    "  device-interface lan\n    network-interface "
    "lan\n"
    "     tenant corp\n     address 10.%d.0.1\n      prefix-length 16\n     exit\n    exit\n   exit\n"
    "   device-interface w\n    network-interface w\n     neighborhood net\n     exit\n     address "
    "192.0.2.%d\n"
    "      prefix-length 24\n     exit\n    exit\n   exit\n  exit\n  service-route r\n   service-name to-b\n "
    "  %s\n"
    "  exit\n exit\n";

static void start(const svr_allocator *alloc) {
    static char text[4096];
    svr_config_error bad;
    svr_error err;
    svr_config *config;
    size_t n = (size_t)snprintf(text, sizeof text, "%s", head);
    n += (size_t)snprintf(text + n, sizeof text - n, router, "a", "a", 1, 1, "peer b");
    n += (size_t)snprintf(text + n, sizeof text - n, router, "b", "b", 2, 2, "next-hop n lan\n   exit");
    if (svr_config_parse(alloc, text, n, &config, &bad)) die(bad.message);
    env = svr_env_new(&(svr_env_params){.alloc = alloc});
    if (!env) die("no environment");
    for (int i = 0; i < 2; i++) {
        const svr_node_params params = {.env = env, .config = config, .router = i ? "b" : "a"};
        if (svr_node_new(&params, now, &node[i], &err)) die(err.message);
    }
}

/* Takes what a router has to say: to the other one, or into the void. */
static void collect(int i, svr_batch *to_other) {
    svr_batch out = {0};
    svr_event ev;
    double began = clock_seconds();
    to_other->n = 0;
    while (to_other->n < SVR_BATCH_MAX && svr_node_output(node[i], &out, now)) {
        for (size_t k = 0; k < out.n; k++) {
            if (out.pkt[k]->ifid == LAN) {
                arrived[i]++;
                svr_packet_put(svr_env_pool(env), out.pkt[k]);
            } else if (to_other->n < SVR_BATCH_MAX) {
                to_other->pkt[to_other->n++] = out.pkt[k];
            } else {
                die("a batch became too many packets");
            }
        }
        out.n = 0;
        if (to_other->n) break;
    }
    while (svr_node_next_event(node[i], &ev)) {
    }
    busy[i] += clock_seconds() - began;
}

static void settle(void) {
    svr_batch batch;
    for (int quiet = 0, i = 0; quiet < 2; i = !i) {
        collect(i, &batch);
        quiet = batch.n ? 0 : quiet + 1;
        double began = clock_seconds();
        if (batch.n) svr_node_input(node[!i], 1, &batch, now);
        busy[!i] += clock_seconds() - began;
    }
}

static void advance(svr_duration by) {
    for (svr_time end = now + by; now < end;) {
        svr_time next = end;
        for (int i = 0; i < 2; i++)
            if (svr_node_deadline(node[i]) < next) next = svr_node_deadline(node[i]);
        if (next > now) now = next;
        for (int i = 0; i < 2; i++)
            if (svr_node_deadline(node[i]) <= now) svr_node_expire(node[i], now);
        settle();
        if (next >= end) break;
    }
}

/* ---- packets -------------------------------------------------------------------------------- */

static svr_packet *datagram(size_t flow, bool back, size_t payload) {
    svr_packet *pkt = svr_packet_get(svr_env_pool(env), 28 + payload);
    if (!pkt) die("no packet");
    char text[24];
    svr_ip_header h = {.proto = SVR_PROTO_UDP, .ttl = 64, .l4_len = (uint16_t)(8 + payload)};
    svr_addr near, far;
    uint32_t host = (uint32_t)(flow / 50000);
    snprintf(text, sizeof text, "10.1.%u.%u", host / 200 + 1, host % 200 + 2);
    svr_addr_parse(text, &near);
    svr_addr_parse("10.2.0.10", &far);
    uint16_t near_port = (uint16_t)(1024 + flow % 50000);
    h.src = back ? far : near;
    h.dst = back ? near : far;
    svr_ip_encode(&h, pkt->data);
    memset(pkt->data + 28, 0x5a, payload);
    svr_udp_encode(pkt->data + 20, &h.src, &h.dst, back ? 5001 : near_port, back ? near_port : 5001, payload);
    pkt->len = (uint32_t)(28 + payload);
    return pkt;
}

static void send_batch(int from, const size_t *flows, size_t n, size_t payload) {
    svr_batch batch = {.n = n};
    for (size_t i = 0; i < n; i++)
        batch.pkt[i] = datagram(flows[i], from == EGRESS, payload);
    double began = clock_seconds();
    svr_node_input(node[from], LAN, &batch, now);
    busy[from] += clock_seconds() - began;
    settle();
}

/* `n` packets, `from` one side, over flows first, first + step, ... of `flows`. */
static void send(int from, size_t n, size_t flows, size_t step, size_t payload) {
    size_t at[SVR_BATCH_MAX], next = 0;
    for (size_t done = 0; done < n;) {
        size_t k = 0;
        for (; k < 16 && done < n; k++, done++) {
            at[k] = next;
            next = (next + step) % flows;
        }
        send_batch(from, at, k, payload);
        if (done % 4096 == 0) advance(SVR_MS);
    }
}

/* ---- measurements --------------------------------------------------------------------------- */

static void reset(void) {
    busy[0] = busy[1] = 0;
    arrived[0] = arrived[1] = 0;
}

static double begin_sessions(size_t from, size_t n) {
    reset();
    for (size_t done = 0; done < n;) {
        size_t at[16], k = 0;
        for (; k < 16 && done < n; k++, done++)
            at[k] = from + done;
        send_batch(INGRESS, at, k, 32);
        send_batch(EGRESS, at, k, 32); /* which ends the metadata handshake */
        if (done % 64 == 0) advance(SVR_MS);
    }
    if (arrived[EGRESS] != n || arrived[INGRESS] != n) die("not every first packet arrived");
    printf("sessions begun:          %9zu   ingress %7.0f/s   egress %7.0f/s\n", n, (double)n / busy[INGRESS],
           (double)n / busy[EGRESS]);
    double slower = busy[INGRESS] > busy[EGRESS] ? busy[INGRESS] : busy[EGRESS];
    return (double)n / slower;
}

/* Packets a second of the slower router. */
static double forward(const char *what, size_t flows) {
    double best = 0;
    for (int turn = 0; turn < 3; turn++) {
        reset();
        send(INGRESS, PACKETS / 4, flows, flows > 1 ? 7919 % flows : 0, PAYLOAD);
        if (arrived[EGRESS] != PACKETS / 4) die("not every packet arrived");
        double slower = busy[INGRESS] > busy[EGRESS] ? busy[INGRESS] : busy[EGRESS];
        if ((double)(PACKETS / 4) / slower > best) best = (double)(PACKETS / 4) / slower;
    }
    printf("forwarded, %-22s%9.0f packets/s\n", what, best);
    return best;
}

static uint64_t sessions(void) {
    const svr_report *report;
    svr_error err;
    if (svr_node_show(node[INGRESS], "show sessions count", now, &report, &err)) die(err.message);
    return report->records[0].fields[0].number;
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    const svr_allocator alloc = {.resize = resize};
    if (n < 1000) die("at least 1000 sessions");
    start(&alloc);
    advance(10 * SVR_SEC);
    begin_sessions(0, 1);
    double alone = forward("1 session:", 1), before = resident_mib();
    double rate = begin_sessions(1, n - 1);
    double active = (resident_mib() - before) / 2;
    advance(40 * SVR_SEC);
    double idle = (resident_mib() - before) / 2;
    if (sessions() != n) die("sessions ended too early");
    printf("resident, each router:   %9.0f MiB at once, %.0f MiB while idle, %.0f bytes a session\n", active,
           idle, idle * (1 << 20) / (double)n);
    double one = forward("one of all:", 1), some = forward("a thousand of all:", 1000),
           all = forward("all of all:", n);
    printf("of the speed with one session: %.2f on one, %.2f on a thousand, %.2f on all\n", one / alone,
           some / alone, all / alone);
    printf("goals: 50000 sessions/s: %s; %zu sessions in 512 MiB: %s; speed within 20%%: %s on one, %s on a "
           "thousand, %s on all\n",
           rate > 50000 ? "met" : "missed", n, idle < 512 ? "met" : "missed",
           one / alone > 0.8 ? "met" : "missed", some / alone > 0.8 ? "met" : "missed",
           all / alone > 0.8 ? "met" : "missed");
    return 0;
}

/* SPDX-License-Identifier: MIT
 * router/svrd: ARP and neighbour discovery on a LAN that the router serves itself. */
#include "unit.h"

#include "svr/wire.h"
#include "svrd/neighbor.h"

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, theirs[6] = {2, 0, 0, 0, 0, 9};

typedef struct world {
    svr_if_address addresses[2];
    svr_interface iface;
    svrd_neighbors t;
    size_t n, len; /* frames sent; bytes of the last one */
    uint8_t frame[2048];
} world;

static svr_addr addr(const char *text) {
    svr_addr a;
    assert_true(svr_addr_parse(text, &a));
    return a;
}

static void sent(void *ctx, const uint8_t header[SVRD_ETHERNET_LEN], const uint8_t *data, size_t len) {
    world *w = ctx;
    assert_true(SVRD_ETHERNET_LEN + len <= sizeof w->frame);
    memcpy(w->frame, header, SVRD_ETHERNET_LEN);
    memcpy(w->frame + SVRD_ETHERNET_LEN, data, len);
    w->len = SVRD_ETHERNET_LEN + len;
    w->n++;
}

static world *begin(void) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->addresses[0] = (svr_if_address){.addr = addr("10.1.0.1"), .prefix_len = 24};
    w->addresses[1] = (svr_if_address){.addr = addr("fd01::1"), .prefix_len = 64};
    w->iface = (svr_interface){.name = "lan", .addresses = w->addresses, .n_addresses = 2};
    svrd_neighbors_init(&w->t, &w->iface, ours, sent, w);
    return w;
}

static void end(world *w) {
    svrd_neighbors_fini(&w->t);
    free(w);
}

/* An ARP packet of 10.1.0.`from` at `theirs`. */
static size_t arp(uint8_t out[60], uint8_t op, uint8_t from, uint8_t target) {
    static const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0};
    memset(out, 0, 60);
    memset(out, 0xff, 6);
    memcpy(out + 6, theirs, 6);
    out[12] = 0x08;
    out[13] = 0x06;
    memcpy(out + 14, head, sizeof head);
    out[21] = op;
    memcpy(out + 22, theirs, 6);
    memcpy(out + 28, (const uint8_t[]){10, 1, 0, from}, 4);
    memcpy(out + 38, (const uint8_t[]){10, 1, 0, target}, 4);
    return 60;
}

static size_t discovery(uint8_t *out, uint8_t type, const char *src, const char *dst, const char *target,
                        uint8_t ttl) {
    svr_addr to = addr(target);
    const svr_ip_header h = {
        .src = addr(src), .dst = addr(dst), .proto = SVR_PROTO_ICMPV6, .ttl = ttl, .l4_len = 32};
    uint8_t *icmp = out + 54;
    memset(out, 0, 86);
    memcpy(out, (const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 1}, 6);
    memcpy(out + 6, theirs, 6);
    out[12] = 0x86;
    out[13] = 0xdd;
    svr_ip_encode(&h, out + 14);
    icmp[0] = type;
    memcpy(icmp + 8, to.bytes, 16);
    icmp[24] = type == 135 ? 1 : 2;
    icmp[25] = 1;
    memcpy(icmp + 26, theirs, 6);
    svr_l4_checksum_set(icmp, 32, SVR_PROTO_ICMPV6, &h.src, &h.dst);
    return 86;
}

static void test_router_neighbor_answers_arp_for_its_own_addresses(void **state) {
    (void)state;
    world *w = begin();
    uint8_t f[60];
    assert_int_equal(svrd_neighbors_take(&w->t, f, arp(f, 1, 10, 2), 0), 0); /* somebody else's */
    assert_int_equal(w->n, 0);
    assert_int_equal(svrd_neighbors_take(&w->t, f, arp(f, 1, 10, 1), 0), 0);
    assert_int_equal(w->n, 1);
    assert_memory_equal(w->frame, theirs, 6);
    assert_memory_equal(w->frame + 6, ours, 6);
    assert_int_equal(w->frame[21], 2);
    assert_memory_equal(w->frame + 22, ours, 6);
    assert_memory_equal(w->frame + 28, w->addresses[0].addr.bytes, 4);
    /* Who asked is known from then on: nobody has to be asked. */
    svr_addr host = addr("10.1.0.10");
    svrd_neighbors_send(&w->t, &host, (const uint8_t *)"E", 1, 1);
    assert_int_equal(w->n, 2);
    assert_memory_equal(w->frame, theirs, 6);
    assert_int_equal(w->frame[12], 8);
    end(w);
}

static void test_router_neighbor_answers_solicitations(void **state) {
    (void)state;
    world *w = begin();
    uint8_t f[86];
    svr_ip ip;
    svrd_neighbors_take(&w->t, f, discovery(f, 135, "fd01::10", "ff02::1:ff00:2", "fd01::2", 255), 0);
    svrd_neighbors_take(&w->t, f, discovery(f, 135, "fd01::10", "ff02::1:ff00:1", "fd01::1", 64),
                        0); /* from afar */
    assert_int_equal(w->n, 0);
    svrd_neighbors_take(&w->t, f, discovery(f, 135, "fd01::10", "ff02::1:ff00:1", "fd01::1", 255), 0);
    assert_int_equal(w->n, 1);
    assert_memory_equal(w->frame, theirs, 6);
    assert_int_equal(svr_ip_decode(w->frame + 14, w->len - 14, &ip), SVR_IP_OK);
    assert_int_equal(ip.ttl, 255);
    assert_int_equal(w->frame[54], 136);
    assert_int_equal(w->frame[58], 0xe0);
    assert_memory_equal(w->frame + 80, ours, 6);
    assert_true(svr_l4_checksum_ok(w->frame + 54, 32, SVR_PROTO_ICMPV6, &ip.flow.src, &ip.flow.dst));
    /* Somebody wants our address: everybody hears that it is taken. */
    svrd_neighbors_take(&w->t, f, discovery(f, 135, "::", "ff02::1:ff00:1", "fd01::1", 255), 0);
    assert_int_equal(w->n, 2);
    assert_int_equal(w->frame[58], 0xa0);
    assert_int_equal(w->frame[0], 0x33);
    end(w);
}

static void run_resolution(const char *host_text, size_t (*answer)(uint8_t *out)) {
    world *w = begin();
    svr_addr host = addr(host_text);
    uint8_t f[86];
    for (uint8_t i = 0; i < 5; i++) { /* the question goes out once; the newest three wait */
        svrd_neighbors_send(&w->t, &host, &i, 1, 0);
        assert_int_equal(w->n, 1);
    }
    assert_int_equal(w->t.unreachable, 2);
    svrd_neighbors_expire(&w->t, SVRD_NEIGHBOR_RETRY - 1);
    assert_int_equal(w->n, 1);
    svrd_neighbors_expire(&w->t, SVRD_NEIGHBOR_RETRY);
    assert_int_equal(w->n, 2);
    svrd_neighbors_take(&w->t, f, answer(f), 2 * SVR_SEC - 1);
    assert_int_equal(w->n, 5);
    assert_memory_equal(w->frame, theirs, 6);
    assert_int_equal(w->frame[14], 4); /* in order: the newest last */
    svrd_neighbors_send(&w->t, &host, f, 1, 3 * SVR_SEC);
    assert_int_equal(w->n, 6);
    /* It grows old: it serves on while it is asked, and is forgotten when it is silent. */
    svr_time now = 40 * SVR_SEC;
    svrd_neighbors_send(&w->t, &host, f, 1, now);
    assert_int_equal(w->n, 8);
    for (int i = 0; i < 10; i++)
        svrd_neighbors_expire(&w->t, now += SVR_SEC);
    assert_int_equal(w->n, 10);
    svrd_neighbors_send(&w->t, &host, f, 1, now);
    assert_int_equal(w->n, 11); /* a question, no packet */
    end(w);
}

static size_t arp_answer(uint8_t *out) {
    return arp(out, 2, 10, 1);
}
static size_t discovery_answer(uint8_t *out) {
    return discovery(out, 136, "fd01::10", "fd01::1", "fd01::10", 255);
}
static void test_router_neighbor_finds_hosts(void **state) {
    (void)state;
    run_resolution("10.1.0.10", arp_answer);
    run_resolution("fd01::10", discovery_answer);
}

/* Nobody becomes a neighbour by answering what was not asked, or under a group's address, or as us. */
static void test_router_neighbor_believes_no_stranger(void **state) {
    (void)state;
    world *w = begin();
    uint8_t f[86];
    svr_addr host = addr("10.1.0.10"), other = addr("10.1.0.1");
    svrd_neighbors_take(&w->t, f, arp(f, 2, 10, 7), 0);
    svrd_neighbors_send(&w->t, &host, f, 1, 0);
    assert_int_equal(w->frame[13], 6); /* it has to be asked */
    arp(f, 2, 10, 1);
    f[22] |= 1;
    svrd_neighbors_take(&w->t, f, 60, 0);
    assert_int_equal(w->n, 1);
    svrd_neighbors_take(&w->t, f, arp(f, 2, 1, 1), 0);
    svrd_neighbors_send(&w->t, &other, f, 1, 0);
    assert_int_equal(w->frame[13], 6);
    end(w);
}

static void test_router_neighbor_takes_datagrams_for_it_and_no_others(void **state) {
    (void)state;
    world *w = begin();
    uint8_t f[100] = {0};
    const svr_ip_header h = {
        .src = addr("10.1.0.10"), .dst = addr("10.2.0.20"), .proto = 17, .ttl = 64, .l4_len = 10};
    memcpy(f, ours, 6);
    memcpy(f + 6, theirs, 6);
    f[12] = 8;
    svr_ip_encode(&h, f + 14);
    assert_int_equal(svrd_neighbors_take(&w->t, f, 60, 0), 30); /* without what pads the frame */
    for (size_t len = 0; len < 44; len++)
        assert_int_equal(svrd_neighbors_take(&w->t, f, len, 0), 0);
    f[5] ^= 1;
    assert_int_equal(svrd_neighbors_take(&w->t, f, 60, 0), 0);
    memset(f, 0xff, 6);
    assert_int_equal(svrd_neighbors_take(&w->t, f, 60, 0), 0);
    memcpy(f, ours, 6);
    memcpy(f + 6, ours, 6); /* our own frame, from a loop */
    assert_int_equal(svrd_neighbors_take(&w->t, f, 60, 0), 0);
    end(w);
}

/* Cut short anywhere and altered anywhere, a frame does no more than go unheard. Sanitizers watch. */
static void test_router_neighbor_survives_malformed_frames(void **state) {
    (void)state;
    world *w = begin();
    for (int kind = 0; kind < 3; kind++) {
        uint8_t good[86];
        size_t len = kind == 0   ? arp(good, 1, 10, 1)
                     : kind == 1 ? discovery(good, 135, "fd01::10", "ff02::1:ff00:1", "fd01::1", 255)
                                 : discovery_answer(good);
        for (size_t n = 0; n <= len; n++) {
            uint8_t *f = malloc(n ? n : 1);
            assert_non_null(f);
            memcpy(f, good, n);
            svrd_neighbors_take(&w->t, f, n, 0);
            for (size_t at = 0; at < n; at++) {
                f[at] ^= 0xff;
                svrd_neighbors_take(&w->t, f, n, 0);
                f[at] ^= 0xff;
            }
            free(f);
        }
    }
    end(w);
}

/* A scan of the LAN takes no more than the table. */
static void test_router_neighbor_is_bounded(void **state) {
    (void)state;
    world *w = begin();
    size_t used = 0, waiting = 0;
    for (unsigned i = 0; i < 65536; i++) {
        const uint8_t bytes[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};
        svr_addr a = svr_addr_from_bytes(4, bytes);
        svrd_neighbors_send(&w->t, &a, bytes, sizeof bytes, i);
    }
    for (size_t i = 0; i < SVRD_NEIGHBORS; i++) {
        used += w->t.at[i].addr.family != 0;
        waiting += w->t.at[i].n_waiting;
    }
    assert_true(used <= SVRD_NEIGHBORS && waiting <= SVRD_NEIGHBORS * SVRD_NEIGHBOR_WAITING);
    assert_int_equal(w->t.unreachable + waiting, 65536);
    for (svr_time now = SVR_SEC; now <= 10 * SVR_SEC; now += SVR_SEC)
        svrd_neighbors_expire(&w->t, now);
    assert_int_equal(w->t.unreachable, 65536);
    assert_true(w->t.next == SVR_TIME_NEVER);
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router_neighbor_answers_arp_for_its_own_addresses),
        cmocka_unit_test(test_router_neighbor_answers_solicitations),
        cmocka_unit_test(test_router_neighbor_finds_hosts),
        cmocka_unit_test(test_router_neighbor_believes_no_stranger),
        cmocka_unit_test(test_router_neighbor_takes_datagrams_for_it_and_no_others),
        cmocka_unit_test(test_router_neighbor_survives_malformed_frames),
        cmocka_unit_test(test_router_neighbor_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

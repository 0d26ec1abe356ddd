/* SPDX-License-Identifier: MIT
 * router/svrd/offload: what is joined and cut again is the same to the byte; nothing is joined that could not
 * be. */
#include "svrd/offload.h"
#include "unit.h"

#define MANY SVR_BATCH_MAX

static uint64_t state_of_chance;

static uint32_t chance(uint32_t bound) {
    state_of_chance = state_of_chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state_of_chance >> 33) % bound;
}

static void put16(uint8_t *p, size_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* One datagram of a flow, and what the next one begins with. */
typedef struct flow {
    uint8_t family, proto, flags, options;
    uint16_t id, sport;
    uint32_t seq, ack;
    bool fragmentable;
} flow;

static svr_addr address(uint8_t family, uint8_t last) {
    uint8_t bytes[16] = {family == 4 ? 10 : 0xfd, 0, 0, last, [15] = last};
    return svr_addr_from_bytes(family, bytes);
}

static void make(const flow *f, svr_packet *pkt, size_t payload) {
    size_t header = f->proto == SVR_PROTO_TCP ? 20u + f->options : 8;
    svr_ip_header ip = {.src = address(f->family, 1),
                        .dst = address(f->family, 2),
                        .proto = f->proto,
                        .tos = 4,
                        .ttl = 63,
                        .dont_fragment = !f->fragmentable,
                        .id = f->id,
                        .l4_len = (uint16_t)(header + payload)};
    uint8_t *l4 = pkt->data + svr_ip_encode(&ip, pkt->data);
    memset(l4, 0, header);
    put16(l4, f->sport);
    put16(l4 + 2, 443);
    if (f->proto == SVR_PROTO_TCP) {
        put32(l4 + 4, f->seq);
        put32(l4 + 8, f->ack);
        l4[12] = (uint8_t)(header / 4 << 4);
        l4[13] = f->flags;
        put16(l4 + 14, 500);
        memset(l4 + 20, 1, f->options);
    } else {
        put16(l4 + 4, header + payload);
    }
    for (size_t i = 0; i < payload; i++)
        l4[header + i] = (uint8_t)chance(256);
    svr_l4_checksum_set(l4, header + payload, f->proto, &ip.src, &ip.dst);
    pkt->len = (uint32_t)(svr_ip_header_len(f->family) + header + payload);
}

static void advance(flow *f, size_t payload) {
    f->seq += (uint32_t)payload;
    f->id++;
}

/* Packets, and copies of them as they were. */
typedef struct train {
    test_heap heap;
    svr_allocator alloc;
    svr_pool *pool;
    size_t n;
    svr_packet *pkt[MANY];
    uint8_t was[MANY][SVR_PACKET_LEN_MAX];
    uint32_t was_len[MANY];
} train;

static void train_init(train *t) {
    memset(t, 0, sizeof *t);
    t->alloc = test_allocator(&t->heap);
    t->pool = svr_pool_new(&t->alloc, MANY);
}

static void train_fini(train *t) {
    for (size_t i = 0; i < t->n; i++)
        svr_packet_put(t->pool, t->pkt[i]);
    svr_pool_del(t->pool);
    assert_int_equal(t->heap.live, 0);
}

static void keep(train *t, size_t i) {
    memcpy(t->was[i], t->pkt[i]->data, t->pkt[i]->len);
    t->was_len[i] = t->pkt[i]->len;
}

static void couple(train *t, const flow *f, size_t payload) {
    t->pkt[t->n] = svr_packet_get(t->pool, SVR_PACKET_LEN_MAX);
    make(f, t->pkt[t->n], payload);
    keep(t, t->n++);
}

/* The bytes of a super-packet in one piece. */
static const uint8_t *gather(const svrd_super *s) {
    static uint8_t whole[SVRD_SUPER_MAX];
    size_t at = 0;
    for (size_t i = 0; i < s->n; at += s->iov[i++].iov_len) {
        assert_true(at + s->iov[i].iov_len <= sizeof whole);
        memcpy(whole + at, s->iov[i].iov_base, s->iov[i].iov_len);
    }
    assert_int_equal(at, s->len);
    return whole;
}

/* Cutting what was joined out of packets from `from` on gives these again. */
static void expect_same(const train *t, const svrd_super *s, size_t from, size_t n) {
    static uint8_t out[SVR_PACKET_LEN_MAX];
    const uint8_t *whole = gather(s);
    svrd_segmenter cut;
    if (n == 1) {
        assert_int_equal(s->header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
        assert_int_equal(s->len, t->was_len[from]);
        assert_memory_equal(whole, t->was[from], s->len);
        return;
    }
    assert_true(svrd_segmenter_begin(&cut, &s->header, whole, s->len, true));
    for (size_t i = from; i < from + n; i++) {
        assert_int_equal(svrd_segmenter_length(&cut), t->was_len[i]);
        svrd_segmenter_cut(&cut, out);
        assert_memory_equal(out, t->was[i], t->was_len[i]);
    }
    assert_int_equal(svrd_segmenter_length(&cut), 0);
}

#define ALL (SVRD_JOIN_TCP | SVRD_JOIN_UDP)

static void check_train(train *t, unsigned what, size_t expected_supers) {
    svrd_super s;
    size_t supers = 0;
    for (size_t at = 0, k; at < t->n; at += k, supers++) {
        k = svrd_super_join(&s, t->pkt + at, t->n - at, what);
        assert_in_range(k, 1, t->n - at);
        expect_same(t, &s, at, k);
    }
    if (expected_supers) assert_int_equal(supers, expected_supers);
}

static const flow tcp4 = {.family = 4,
                          .proto = SVR_PROTO_TCP,
                          .flags = 0x10,
                          .options = 12,
                          .sport = 5,
                          .seq = -3000u},
                  tcp6 = {.family = 6, .proto = SVR_PROTO_TCP, .flags = 0x10, .sport = 6},
                  udp4 = {.family = 4, .proto = SVR_PROTO_UDP, .sport = 7, .fragmentable = true, .id = 65534},
                  udp6 = {.family = 6, .proto = SVR_PROTO_UDP, .sport = 8};

static void test_offload_joins_and_cuts_a_flow(void **state) {
    (void)state;
    static train t;
    const flow *flows[] = {&tcp4, &tcp6, &udp4, &udp6};
    for (size_t k = 0; k < 4; k++) {
        flow f = *flows[k];
        train_init(&t);
        for (int i = 0; i < 20; i++, advance(&f, 1200))
            couple(&t, &f, 1200);
        couple(&t, &f, 7); /* shorter: the last of the first super-packet */
        advance(&f, 7);
        couple(&t, &f, 1200);
        check_train(&t, ALL, 2);
        train_fini(&t);
    }
}

static void test_offload_holds_to_the_longest_datagram(void **state) {
    (void)state;
    static train t;
    flow f = tcp4;
    train_init(&t);
    for (int i = 0; i < 64; i++, advance(&f, 1400))
        couple(&t, &f, 1400);
    check_train(&t, ALL, 2); /* 46 and 18 */
    train_fini(&t);
}

static void test_offload_joins_only_what_is_asked_for(void **state) {
    (void)state;
    static train t;
    const struct {
        flow f;
        unsigned what;
    } cases[] = {{tcp4, SVRD_JOIN_UDP}, {udp4, SVRD_JOIN_TCP}, {udp6, 0}};
    for (size_t k = 0; k < 3; k++) {
        flow f = cases[k].f;
        train_init(&t);
        for (int i = 0; i < 3; i++, advance(&f, 100))
            couple(&t, &f, 100);
        check_train(&t, cases[k].what, 3);
        train_fini(&t);
    }
}

/* Changes one thing of the second of three packets. */
typedef void change(flow *f, svr_packet *pkt);
static void sum_up(svr_packet *pkt) {
    svr_ip ip;
    uint8_t *p = pkt->data;
    if (p[0] >> 4 == 4) {
        put16(p + 10, 0);
        put16(p + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, p, 20)));
    }
    assert_int_equal(svr_ip_decode(p, pkt->len, &ip), SVR_IP_OK);
    svr_l4_checksum_set(p + ip.header_len, ip.l4_len, ip.flow.proto, &ip.flow.src, &ip.flow.dst);
}
static uint8_t *l4_of(svr_packet *pkt) {
    return pkt->data + (pkt->data[0] >> 4 == 4 ? 20 : 40);
}
static void change_port(flow *f, svr_packet *pkt) {
    (void)f, l4_of(pkt)[1]++, sum_up(pkt);
}
static void change_seq(flow *f, svr_packet *pkt) {
    (void)f, l4_of(pkt)[7]++, sum_up(pkt);
}
static void change_ack(flow *f, svr_packet *pkt) {
    (void)f, l4_of(pkt)[11]++, sum_up(pkt);
}
static void change_window(flow *f, svr_packet *pkt) {
    (void)f, l4_of(pkt)[15]++, sum_up(pkt);
}
static void change_urgent(flow *f, svr_packet *pkt) {
    (void)f, l4_of(pkt)[19]++, sum_up(pkt);
}
static void change_flags(flow *f, svr_packet *pkt) {
    (void)f, l4_of(pkt)[13] |= 1, sum_up(pkt);
}
static void change_ttl(flow *f, svr_packet *pkt) {
    pkt->data[f->family == 4 ? 8 : 7]--, sum_up(pkt);
}
static void change_class(flow *f, svr_packet *pkt) {
    (void)f, pkt->data[1] ^= 0x20, sum_up(pkt);
}
static void change_source(flow *f, svr_packet *pkt) {
    pkt->data[f->family == 4 ? 15 : 23]++, sum_up(pkt);
}
static void break_text(flow *f, svr_packet *pkt) {
    (void)f, pkt->data[pkt->len - 1]++;
}
static void break_sum(flow *f, svr_packet *pkt) {
    l4_of(pkt)[f->proto == SVR_PROTO_TCP ? 16 : 6]++;
}
static void no_sum(flow *f, svr_packet *pkt) {
    (void)f, put16(l4_of(pkt) + 6, 0);
}
static void lengthen(flow *f, svr_packet *pkt) {
    (void)f, pkt->len += 2;
}

static void expect_apart(const flow *from, change *one) {
    static train t;
    for (size_t victim = 0; victim < 2; victim++) {
        flow f = *from;
        train_init(&t);
        for (int i = 0; i < 2; i++, advance(&f, 200))
            couple(&t, &f, 200);
        one(&f, t.pkt[victim]);
        keep(&t, victim);
        check_train(&t, ALL, 2);
        train_fini(&t);
    }
}

static void test_offload_keeps_apart_what_differs(void **state) {
    (void)state;
    change *tcp[] = {change_port, change_seq,   change_ack,    change_window, change_urgent, change_flags,
                     change_ttl,  change_class, change_source, break_text,    break_sum,     lengthen};
    change *udp[] = {change_port, change_ttl, change_class, change_source, break_text, break_sum, lengthen};
    for (size_t i = 0; i < sizeof tcp / sizeof *tcp; i++) {
        expect_apart(&tcp4, tcp[i]);
        expect_apart(&tcp6, tcp[i]);
    }
    for (size_t i = 0; i < sizeof udp / sizeof *udp; i++) {
        expect_apart(&udp4, udp[i]);
        expect_apart(&udp6, udp[i]);
    }
    expect_apart(&udp4, no_sum);
}

/* A push ends a super-packet, and leaves with its last segment only. */
static void test_offload_keeps_a_push_where_it_was(void **state) {
    (void)state;
    static train t;
    flow f = tcp4;
    train_init(&t);
    for (int i = 0; i < 9; i++, advance(&f, 300)) {
        f.flags = i % 3 == 2 ? 0x18 : 0x10;
        couple(&t, &f, 300);
    }
    check_train(&t, ALL, 3);
    train_fini(&t);
}

/* Flows mixed, of any sizes, with faults, in batches of any length. */
static void swarm(uint64_t seed) {
    static train t;
    flow flows[] = {tcp4, tcp6, udp4, udp6};
    change *faults[] = {change_port, change_ttl, change_class, break_text, break_sum, lengthen};
    state_of_chance = seed;
    train_init(&t);
    size_t want = 1 + chance(MANY), payload = 1 + chance(1400);
    for (flow *f = flows; t.n < want;) {
        if (chance(6) == 0) f = &flows[chance(4)];
        if (chance(8) == 0) payload = 1 + chance(1400);
        f->flags = chance(9) ? 0x10 : 0x18;
        couple(&t, f, payload);
        if (chance(10) == 0) {
            faults[chance(6)](f, t.pkt[t.n - 1]);
            keep(&t, t.n - 1);
        }
        advance(f, payload);
    }
    check_train(&t, ALL, 0);
    train_fini(&t);
}

static void test_offload_swarm_of_flows_comes_out_as_it_went_in(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++)
        swarm(seed);
}

/* What a kernel would never say: nothing is read or written outside, and no segment is too long. */
static void test_offload_survives_any_virtio_header(void **state) {
    (void)state;
    static uint8_t out[SVR_PACKET_LEN_MAX];
    static train t;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        flow flows[] = {tcp4, tcp6, udp4, udp6};
        struct virtio_net_hdr h;
        svrd_segmenter cut;
        state_of_chance = seed;
        train_init(&t);
        couple(&t, &flows[chance(4)], chance(9000));
        uint8_t *exact = malloc(t.pkt[0]->len);
        size_t len = t.pkt[0]->len - (chance(3) ? 0 : chance(t.pkt[0]->len)), total = 0;
        memcpy(exact, t.pkt[0]->data, len);
        exact = realloc(exact, len ? len : 1);
        for (size_t i = 0; i < sizeof h; i++)
            ((uint8_t *)&h)[i] = (uint8_t)(chance(2) ? chance(256) : chance(8));
        if (svrd_segmenter_begin(&cut, &h, exact, len, chance(2))) {
            for (size_t n; (n = svrd_segmenter_length(&cut)) > 0; total += n - cut.headers) {
                assert_in_range(n, 21, SVR_PACKET_LEN_MAX);
                svrd_segmenter_cut(&cut, out);
            }
            assert_int_equal(total, cut.payload);
        }
        svrd_finish_checksum(&h, exact, len);
        free(exact);
        train_fini(&t);
    }
}

static void test_offload_finishes_a_checksum(void **state) {
    (void)state;
    static train t;
    const flow *flows[] = {&tcp4, &tcp6, &udp4, &udp6};
    for (size_t k = 0; k < 4; k++) {
        svr_ip ip;
        train_init(&t);
        couple(&t, flows[k], 501);
        uint8_t *p = t.pkt[0]->data;
        assert_int_equal(svr_ip_decode(p, t.pkt[0]->len, &ip), SVR_IP_OK);
        size_t at = ip.flow.proto == SVR_PROTO_TCP ? 16 : 6;
        put16(p + ip.header_len + at,
              svr_l4_checksum_pseudo(ip.flow.proto, &ip.flow.src, &ip.flow.dst, ip.l4_len));
        struct virtio_net_hdr h = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = ip.header_len, .csum_offset = (uint16_t)at};
        assert_true(svrd_finish_checksum(&h, p, t.pkt[0]->len));
        assert_memory_equal(p, t.was[0], t.was_len[0]);
        h.csum_start = (uint16_t)t.pkt[0]->len;
        assert_false(svrd_finish_checksum(&h, p, t.pkt[0]->len));
        h.flags = 0;
        assert_true(svrd_finish_checksum(&h, p, t.pkt[0]->len));
        assert_memory_equal(p, t.was[0], t.was_len[0]);
        train_fini(&t);
    }
}

static void test_offload_finishes_packets_of_the_stack(void **state) {
    (void)state;
    static train t;
    const flow *flows[] = {&udp4, &udp6};
    for (size_t k = 0; k < 2; k++) {
        svr_ip ip;
        train_init(&t);
        couple(&t, flows[k], 333);
        uint8_t *p = t.pkt[0]->data;
        assert_int_equal(svr_ip_decode(p, t.pkt[0]->len, &ip), SVR_IP_OK);
        svr_udp_encode_open(p + ip.header_len, &ip.flow.src, &ip.flow.dst, ip.flow.sport, ip.flow.dport, 333);
        svrd_finish_packet(t.pkt[0]);
        assert_memory_not_equal(p, t.was[0], t.was_len[0]); /* it did not say that it was open */
        t.pkt[0]->open_checksum = true;
        svrd_finish_packet(t.pkt[0]);
        assert_memory_equal(p, t.was[0], t.was_len[0]);
        svrd_finish_packet(t.pkt[0]); /* once */
        assert_memory_equal(p, t.was[0], t.was_len[0]);
        train_fini(&t);
    }
}

/* A window that was reduced is told once; the end of the stream comes at the end. */
static void test_offload_puts_flags_where_they_belong(void **state) {
    (void)state;
    static train t;
    static uint8_t out[SVR_PACKET_LEN_MAX];
    flow f = tcp4;
    svrd_segmenter cut;
    f.flags = 0x80 | 0x10 | 0x08 | 0x01;
    train_init(&t);
    couple(&t, &f, 3000);
    struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
                               .gso_size = 1000};
    assert_true(svrd_segmenter_begin(&cut, &h, t.pkt[0]->data, t.pkt[0]->len, true));
    const uint8_t flags[] = {0x90, 0x10, 0x19};
    for (size_t i = 0; i < 3; i++) {
        svr_ip ip;
        size_t n = svrd_segmenter_length(&cut);
        assert_int_equal(n, 20 + 32 + 1000);
        svrd_segmenter_cut(&cut, out);
        assert_int_equal(out[20 + 13], flags[i]);
        assert_int_equal(svr_ip_decode(out, n, &ip), SVR_IP_OK);
        assert_true(svr_l4_checksum_ok(out + 20, ip.l4_len, SVR_PROTO_TCP, &ip.flow.src, &ip.flow.dst));
    }
    assert_int_equal(svrd_segmenter_length(&cut), 0);
    h.gso_size = 0;
    assert_false(svrd_segmenter_begin(&cut, &h, t.pkt[0]->data, t.pkt[0]->len, true));
    h = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 1000};
    assert_false(svrd_segmenter_begin(&cut, &h, t.pkt[0]->data, t.pkt[0]->len, true));
    train_fini(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offload_joins_and_cuts_a_flow),
        cmocka_unit_test(test_offload_holds_to_the_longest_datagram),
        cmocka_unit_test(test_offload_joins_only_what_is_asked_for),
        cmocka_unit_test(test_offload_keeps_apart_what_differs),
        cmocka_unit_test(test_offload_keeps_a_push_where_it_was),
        cmocka_unit_test(test_offload_swarm_of_flows_comes_out_as_it_went_in),
        cmocka_unit_test(test_offload_survives_any_virtio_header),
        cmocka_unit_test(test_offload_finishes_a_checksum),
        cmocka_unit_test(test_offload_finishes_packets_of_the_stack),
        cmocka_unit_test(test_offload_puts_flags_where_they_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

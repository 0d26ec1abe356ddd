/* SPDX-License-Identifier: MIT */
#define LINE_MAX_BYTES 9300
#include "forward_fixture.h"

#include "forward/fragment.h"

/* ---- hosts ---------------------------------------------------------------------------------- */

#define BODY_MAX 65600

typedef struct host { /* what a host makes of the fragments that reach it */
    uint8_t body[BODY_MAX];
    size_t len, n;  /* of the L4 segment; fragments */
    size_t longest; /* packet */
    uint32_t id;
    svr_flow flow;
} host;

/* Cuts a datagram as a host behind an MTU does; fragment k goes to out[k]. */
static size_t cut_datagram(const uint8_t *datagram, size_t len, size_t mtu, uint32_t id, line *out) {
    svr_ip ip;
    size_t n = 0;
    assert_int_equal(svr_ip_decode(datagram, len, &ip), SVR_IP_OK);
    size_t header = svr_ip_part_header_len(ip.flow.src.family), step = (mtu - header) / 8 * 8;
    for (size_t at = 0; at < ip.l4_len; at += step) {
        size_t size = ip.l4_len - at < step ? ip.l4_len - at : step;
        const svr_ip_part part = {.id = id, .offset = (uint16_t)at, .more = at + size < ip.l4_len};
        const svr_ip_header h = {.src = ip.flow.src,
                                 .dst = ip.flow.dst,
                                 .proto = ip.flow.proto,
                                 .ttl = ip.ttl,
                                 .l4_len = (uint16_t)size};
        svr_ip_encode_part(&h, &part, out[n].bytes);
        memcpy(out[n].bytes + header, datagram + ip.header_len + at, size);
        out[n++].len = header + size;
    }
    return n;
}

static void fragment_sent(net *t, int i, const line *l) {
    svr_packet *pkt = packet_of(t, l->bytes, l->len);
    svr_forward_lan(t->node[i].forward, &t->node[i].ifs[0], &pkt, 1);
    pump(t);
}

/* Puts together what left on the LAN of node i; every byte must be there exactly once. */
static void gather_on_lan(const net *t, int i, host *h) {
    static uint8_t seen[BODY_MAX];
    size_t have = 0;
    *h = (host){0};
    memset(seen, 0, sizeof seen);
    for (size_t k = 0; k < t->lan.n; k++) {
        const line *l = &t->lan.at[k];
        svr_ip ip;
        if (l->from != i) continue;
        assert_int_equal(svr_ip_decode(l->bytes, l->len, &ip), SVR_IP_OK);
        size_t at = ip.fragment ? ip.part.offset : 0, front = ip.fragment ? ip.part_at : ip.header_len;
        size_t len = ip.header_len + ip.l4_len - front;
        if (h->n) assert_int_equal(h->id, ip.part.id);
        h->id = ip.part.id;
        if (at == 0) h->flow = ip.flow;
        if (!ip.fragment || !ip.part.more) h->len = at + len;
        if (l->len > h->longest) h->longest = l->len;
        memcpy(h->body + at, l->bytes + front, len);
        for (size_t b = at; b < at + len; b++)
            have += !seen[b]++;
        h->n++;
    }
    assert_int_equal(have, h->len);
}

static void expect_segment(const host *h, const uint8_t *datagram, size_t len) {
    svr_ip ip;
    assert_int_equal(svr_ip_decode(datagram, len, &ip), SVR_IP_OK);
    assert_int_equal(h->len, ip.l4_len);
    assert_true(svr_flow_equal(&h->flow, &ip.flow));
    assert_memory_equal(h->body, datagram + ip.header_len, ip.l4_len);
}

static const spec big4 = {.proto = SVR_PROTO_UDP,
                          .src = "10.1.0.10",
                          .dst = "10.2.0.20",
                          .sport = 4000,
                          .dport = 5001,
                          .fill = 8972,
                          .fragmentable = true};

static spec big(uint8_t proto, uint8_t family) {
    spec s = big4;
    s.proto = proto;
    if (family == 6) {
        s.src = "fd01::10";
        s.dst = "fd02::20";
    }
    return s;
}

static void set_lan_mtu(net *t, uint32_t mtu) {
    for (int i = 0; i < t->n; i++)
        t->node[i].ifs[0].mtu = mtu;
}

static void set_wan_mtu(net *t, uint32_t mtu) {
    for (int i = 0; i < t->n; i++)
        for (int k = 1; k < 5; k++)
            t->node[i].ifs[k].mtu = mtu;
}

/* No packet between routers is longer than its link takes. */
static void expect_within(const net *t, size_t mtu) {
    for (size_t i = 0; i < t->tap.n; i++)
        assert_true(t->tap.at[i].len <= mtu);
}

/* ---- what crosses --------------------------------------------------------------------------- */

/* A ping or datagram of 9000 bytes, as a host with an MTU of 1500 sends it, arrives as it was sent. */
static void run_fragments(int routers, uint8_t outer, uint8_t family, uint8_t proto) {
    static uint8_t datagram[LINE_MAX_BYTES];
    static line cuts[16];
    static host h;
    net *t = net_new(routers, outer);
    spec s = big(proto, family);
    for (int round = 0; round < 3; round++) {
        for (int way = 0; way < 2; way++) {
            spec now = way ? reply_to(&s) : s;
            int from = way ? routers - 1 : 0, to = way ? 0 : routers - 1;
            size_t len = build(&now, datagram);
            size_t n = cut_datagram(datagram, len, 1500, 0x1234u + (unsigned)round, cuts);
            clear_captures(t);
            for (size_t k = 0; k < n; k++)
                fragment_sent(t, from, &cuts[k]);
            gather_on_lan(t, to, &h);
            expect_segment(&h, datagram, len);
            expect_within(t, 1500);
            assert_int_equal(h.n, n);
            assert_true(h.longest <= 1500);
            if (family == 4) assert_int_equal(h.id, 0x1234 + round);
        }
    }
    assert_int_equal(all_drops(t), 0);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(t->node[0].forward->gather.table.n, 0);
    assert_int_equal(t->node[routers - 1].forward->gather.table.n, 0);
    net_del(t);
}
static void test_fragment_carries_what_hosts_cut(void **state) {
    (void)state;
    for (uint8_t outer = 4; outer <= 6; outer += 2) {
        for (uint8_t family = 4; family <= 6; family += 2) {
            run_fragments(2, outer, family, SVR_PROTO_ICMP);
            run_fragments(2, outer, family, SVR_PROTO_UDP);
            run_fragments(3, outer, family, SVR_PROTO_TCP);
        }
    }
}

/* A LAN of jumbo frames: one packet of 9000 bytes goes in, and one comes out. */
static void run_whole(int routers, uint32_t wan_mtu, spec s, bool expect_whole) {
    static host h;
    static uint8_t datagram[LINE_MAX_BYTES];
    net *t = net_new(routers, 4);
    set_lan_mtu(t, 9000);
    set_wan_mtu(t, wan_mtu);
    size_t len = build(&s, datagram);
    for (int round = 0; round < 3; round++) {
        clear_captures(t);
        send(t, 0, &s);
        gather_on_lan(t, routers - 1, &h);
        expect_segment(&h, datagram, len);
        assert_int_equal(h.n == 1, expect_whole);
        expect_within(t, wan_mtu);
        if (expect_whole) expect_on_lan(t, routers - 1, &s);
        spec r = reply_to(&s);
        send(t, routers - 1, &r);
    }
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}
static void test_fragment_restores_whole_datagrams(void **state) {
    (void)state;
    run_whole(2, 1500, big(SVR_PROTO_UDP, 4), true);
    run_whole(3, 1280, big(SVR_PROTO_UDP, 4), true);
    run_whole(2, 1400, big(SVR_PROTO_ICMP, 4), true);
}

/* Every IPv6 link takes 1280 bytes, so the routers must, whatever is between them (RFC 8200 section 5). */
static void test_fragment_carries_the_least_mtu_of_ipv6(void **state) {
    (void)state;
    spec s = big(SVR_PROTO_UDP, 6);
    s.fill = 1280 - 48;
    run_whole(2, 1280, s, true);
    run_whole(3, 1280, s, true);
}

static void test_fragment_tells_ipv6_hosts_to_send_less(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    spec s = big(SVR_PROTO_UDP, 6);
    set_wan_mtu(t, 1280);
    s.fill = 1281 - 48;
    send(t, 0, &s);
    assert_int_equal(drops(t, 0, SVR_DROP_TOO_BIG), 1);
    assert_int_equal(t->lan.n, 1);
    assert_int_equal(t->lan.at[0].bytes[40], 2);
    assert_int_equal(svr_get32(t->lan.at[0].bytes + 44), 1280);
    net_del(t);
}

/* A datagram of the greatest size, which no packet of ours holds. */
static void test_fragment_carries_65507_bytes(void **state) {
    (void)state;
    static uint8_t segment[BODY_MAX];
    static host h;
    static line l;
    net *t = net_new(2, 4);
    svr_addr src = addr("10.1.0.10"), dst = addr("10.2.0.20");
    size_t total = 8 + 65507;
    for (size_t i = 0; i < total; i++)
        segment[i] = (uint8_t)(i >> 8 ^ i * 5);
    svr_udp_encode(segment, &src, &dst, 4000, 5001, total - 8);
    for (size_t at = 0; at < total; at += 1480) {
        size_t size = total - at < 1480 ? total - at : 1480;
        const svr_ip_part part = {.id = 9, .offset = (uint16_t)at, .more = at + size < total};
        const svr_ip_header ip = {
            .src = src, .dst = dst, .proto = SVR_PROTO_UDP, .ttl = 64, .l4_len = (uint16_t)size};
        svr_ip_encode_part(&ip, &part, l.bytes);
        memcpy(l.bytes + 20, segment + at, size);
        l.len = 20 + size;
        fragment_sent(t, 0, &l);
    }
    gather_on_lan(t, 1, &h);
    assert_int_equal(h.len, total);
    assert_memory_equal(h.body, segment, total);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

/* Later parts wait for the first, which alone knows the ports. */
static void test_fragment_in_any_order(void **state) {
    (void)state;
    static uint8_t datagram[LINE_MAX_BYTES];
    static line cuts[16];
    static host h;
    static const size_t orders[][7] = {{6, 5, 4, 3, 2, 1, 0}, {1, 0, 3, 2, 5, 4, 6}, {3, 6, 0, 1, 5, 2, 4}};
    for (size_t o = 0; o < 3; o++) {
        net *t = net_new(3, 4);
        size_t len = build(&big4, datagram);
        assert_int_equal(cut_datagram(datagram, len, 1500, 7, cuts), 7);
        for (size_t k = 0; k < 7; k++)
            fragment_sent(t, 0, &cuts[orders[o][k]]);
        gather_on_lan(t, 2, &h);
        expect_segment(&h, datagram, len);
        assert_int_equal(all_drops(t), 0);
        net_del(t);
    }
}

/* The narrow path is behind a transit router, which says so in its metadata: the ingress cuts, and tells
 * hosts, for all of the way. */
static void test_fragment_ingress_knows_of_narrow_paths_further_on(void **state) {
    (void)state;
    static uint8_t datagram[LINE_MAX_BYTES];
    static line cuts[16];
    static host h;
    net *t = net_new(3, 4);
    struct svr_path *behind = &t->node[1].peers.peer[1].path[0];
    behind->mtu = 1300;
    t->node[2].peers.peer[0].path[0].mtu = 1300;
    spec s = big4, small = udp4;
    small.dport = s.dport;
    for (int round = 0; round < 3; round++) {
        send(t, 0, &small);
        spec r = reply_to(&small);
        send(t, 2, &r);
    }
    size_t len = build(&s, datagram), n = cut_datagram(datagram, len, 1500, 7, cuts);
    for (int way = 0; way < 2; way++) {
        if (way) { /* it narrows while the flow runs: one datagram is lost, and no more */
            behind->mtu = 1280;
            advance(t, SVR_SEC);
            fragment_sent(t, 0, &cuts[0]);
            assert_int_equal(drops(t, 1, SVR_DROP_TOO_BIG), 1);
            advance(t, 31 * SVR_SEC);
        }
        clear_captures(t);
        for (size_t k = 0; k < n; k++)
            fragment_sent(t, 0, &cuts[k]);
        gather_on_lan(t, 2, &h);
        expect_segment(&h, datagram, len);
        for (size_t i = 0; i < t->tap.n; i++)
            assert_true(t->tap.at[i].len <= (t->tap.at[i].from == 1 ? behind->mtu : 1500));
    }
    clear_captures(t);
    s.fill = 1300;
    s.fragmentable = false;
    send(t, 0, &s);
    assert_int_equal(t->tap.n, 0);
    assert_int_equal(t->lan.at[0].bytes[20], 3);
    assert_int_equal(svr_get16(t->lan.at[0].bytes + 26), 1211); /* of 1280 */
    net_del(t);
}

/* Not even the first datagram of a session is lost on a path that its ingress has not heard of yet. */
static void test_fragment_first_datagram_passes_narrow_paths_further_on(void **state) {
    (void)state;
    static uint8_t datagram[LINE_MAX_BYTES];
    static host h;
    static const size_t sizes[] = {8972, 1350, 1250};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        net *t = net_new(3, 4);
        spec s = big4;
        set_lan_mtu(t, 9000);
        t->node[1].peers.peer[1].path[0].mtu = SVR_PATH_MTU_MIN;
        s.fill = sizes[i];
        size_t len = build(&s, datagram);
        send(t, 0, &s);
        gather_on_lan(t, 2, &h);
        expect_segment(&h, datagram, len);
        assert_int_equal(all_drops(t), 0);
        net_del(t);
    }
}

static void test_fragment_between_lans_of_one_router(void **state) {
    (void)state;
    static uint8_t datagram[LINE_MAX_BYTES];
    static line cuts[16];
    static host h;
    net *t = net_new(2, 4);
    spec s = big4;
    s.src = "10.1.0.10";
    s.dst = "10.1.0.99"; /* back onto the LAN that it came from: the service's route says so */
    size_t len = build(&s, datagram), n = cut_datagram(datagram, len, 1500, 7, cuts);
    t->node[0].ifs[0].mtu = 1300;
    for (size_t k = n; k-- > 0;)
        fragment_sent(t, 0, &cuts[k]);
    gather_on_lan(t, 0, &h);
    expect_segment(&h, datagram, len);
    assert_true(h.longest <= 1300);
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}

/* ---- on the wire ---------------------------------------------------------------------------- */

/* A transit router passes parts on byte for byte, the header that says so included (KEY-E2E). */
static void test_fragment_parts_pass_a_transit_router_untouched(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    set_lan_mtu(t, 9000);
    for (int round = 0; round < 2; round++) {
        clear_captures(t);
        send(t, 0, &big4);
        spec r = reply_to(&big4);
        send(t, 2, &r);
    }
    clear_captures(t);
    send(t, 0, &big4);
    assert_int_equal(t->tap.n, 14);
    for (size_t i = 0; i < t->tap.n; i++) {
        size_t len, other;
        svr_metadata m;
        svr_fragment part;
        const uint8_t *b = body_of(&t->tap.at[i], &len);
        assert_int_equal(svr_metadata_decode(b, len, &m), SVR_METADATA_OK);
        assert_true(svr_piece_decode(&m, &part));
        assert_int_equal(part.largest, 9000);
        if (t->tap.at[i].from != 0) continue;
        for (size_t k = i + 1; k < t->tap.n; k++) {
            const uint8_t *o = body_of(&t->tap.at[k], &other);
            if (t->tap.at[k].from == 1 && memcmp(o, b, 34) == 0) {
                assert_int_equal(other, len);
                assert_memory_equal(o, b, len);
            }
        }
    }
    net_del(t);
}

/* Whoever changes a bit of a part, its header included, has made it void. */
static void test_fragment_header_is_under_the_hmac(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    set_lan_mtu(t, 9000);
    for (int round = 0; round < 2; round++) {
        send(t, 0, &big4);
        spec r = reply_to(&big4);
        send(t, 1, &r);
    }
    clear_captures(t);
    host_sends(t, 0, &big4);
    collect(t);
    line l = t->wire.at[0];
    t->wire.n = 0;
    for (size_t at = 16; at < SVR_PIECE_HEADER_LEN; at++) {
        line bent = l;
        uint64_t before = drops(t, 1, SVR_DROP_PAYLOAD_BAD_HMAC);
        bent.bytes[28 + at] ^= 1;
        deliver_line(t, &bent);
        assert_int_equal(drops(t, 1, SVR_DROP_PAYLOAD_BAD_HMAC), before + 1);
    }
    assert_int_equal(t->node[1].forward->gather.table.n, 0);
    for (size_t at = 0; at < 16; at++) { /* cookie, lengths, type: no part at all */
        line bent = l;
        bent.bytes[28 + at] ^= 1;
        deliver_line(t, &bent);
    }
    pump(t);
    assert_int_equal(t->node[1].forward->gather.table.n, 0);
    assert_int_equal(t->lan.n, 0);
    net_del(t);
}

/* ---- hostile -------------------------------------------------------------------------------- */

/* One fragment of a UDP datagram: `len` bytes of payload from `at` on. */
static line piece(uint32_t id, size_t at, size_t len, bool more, uint16_t dport) {
    line l = {0};
    svr_addr src = addr("10.1.0.10"), dst = addr("10.2.0.20");
    const svr_ip_part part = {.id = id, .offset = (uint16_t)at, .more = more};
    const svr_ip_header h = {
        .src = src, .dst = dst, .proto = SVR_PROTO_UDP, .ttl = 64, .l4_len = (uint16_t)len};
    svr_ip_encode_part(&h, &part, l.bytes);
    if (at == 0) {
        svr_put16(l.bytes + 20, 4000);
        svr_put16(l.bytes + 22, dport);
        svr_put16(l.bytes + 24, (uint16_t)(at + len + 64));
    }
    l.len = 20 + len;
    return l;
}

static void fragment_at(net *t, uint32_t id, size_t at, size_t len, bool more) {
    line l = piece(id, at, len, more, 5001);
    fragment_sent(t, 0, &l);
}

static size_t memory_of(const net *t, int i) {
    return t->node[i].forward->gather.bytes;
}

/* Teardrop and its kin: what overlaps goes altogether, and so does what follows. */
static void test_fragment_overlaps_spoil_the_datagram(void **state) {
    (void)state;
    static const struct {
        size_t at[3], len[3];
        bool more[3];
    } cases[] = {
        {{0, 400, 1000}, {800, 600, 200}, {true, true, false}}, /* across a border */
        {{0, 8, 808}, {800, 800, 100}, {true, true, false}},    /* teardrop: begins inside the first */
        {{0, 400, 800}, {800, 8, 100}, {true, true, false}},    /* lies inside the first */
        {{0, 1600, 2400}, {800, 100, 8}, {true, false, true}},  /* beyond the end */
        {{0, 800, 400}, {400, 100, 408}, {true, false, false}}, /* two ends */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        net *t = net_new(2, 4);
        for (size_t k = 0; k < 3; k++)
            fragment_at(t, 5, cases[c].at[k], cases[c].len[k], cases[c].more[k]);
        fragment_at(t, 5, 400, 400, true);
        assert_int_equal(t->lan.n, 0);
        assert_true(drops(t, 1, SVR_DROP_FRAGMENT_OVERLAP) > 0);
        assert_int_equal(memory_of(t, 1), 0);
        advance(t, 31 * SVR_SEC);
        assert_int_equal(t->node[1].forward->gather.table.n, 0);
        net_del(t);
    }
}

/* A second first part with other ports would take the rest past the policy. */
static void test_fragment_two_first_parts_that_differ(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    line a = piece(5, 0, 800, true, 5001), b = piece(5, 0, 800, true, 22);
    fragment_sent(t, 0, &a);
    fragment_sent(t, 0, &b);
    fragment_at(t, 5, 800, 100, false);
    assert_int_equal(drops(t, 0, SVR_DROP_FRAGMENT_OVERLAP), 2);
    assert_int_equal(sessions(t, 0), 1);
    assert_int_equal(t->lan.n, 0);
    net_del(t);
}

static void test_fragment_repeated_parts_do_no_harm(void **state) {
    (void)state;
    static host h;
    net *t = net_new(2, 4);
    fragment_at(t, 5, 0, 800, true);
    fragment_at(t, 5, 0, 800, true);
    fragment_at(t, 5, 800, 100, false);
    assert_int_equal(drops(t, 1, SVR_DROP_FRAGMENT_REPEATED), 1);
    gather_on_lan(t, 1, &h);
    assert_int_equal(h.len, 900);
    net_del(t);
}

/* First parts without a whole L4 header, parts of odd lengths, and those that reach past the greatest size.
 */
static void test_fragment_impossible_parts(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    line tiny_tcp = piece(1, 0, 16, true, 80);
    tiny_tcp.bytes[9] = SVR_PROTO_TCP;
    svr_put16(tiny_tcp.bytes + 10, 0);
    svr_put16(tiny_tcp.bytes + 10, (uint16_t)~svr_checksum_fold(svr_checksum_add(0, tiny_tcp.bytes, 20)));
    fragment_sent(t, 0, &tiny_tcp);
    assert_int_equal(drops(t, 0, SVR_DROP_IP_MALFORMED), 1);
    fragment_at(t, 2, 0, 804, true);
    fragment_at(t, 3, 65528, 400, false);
    fragment_at(t, 4, 800, 0, true);
    assert_int_equal(drops(t, 0, SVR_DROP_IP_FRAGMENT), 3);
    assert_int_equal(memory_of(t, 0), 0);
    assert_int_equal(t->tap.n, 0);
    net_del(t);
}

/* Neither many datagrams nor many parts take more than their share. */
static void test_fragment_floods_are_bounded(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    for (uint32_t id = 0; id < 2000; id++)
        fragment_at(t, id, 800, 1000, false); /* the first part never comes */
    assert_true(t->node[0].forward->gather.table.n <= SVR_GATHER_DATAGRAMS);
    assert_true(memory_of(t, 0) <= SVR_GATHER_SENDER_BYTES);
    assert_int_equal(t->tap.n, 0);
    assert_true(drops(t, 0, SVR_DROP_FRAGMENT_LIMIT) > 0);
    for (size_t k = 1; k < 400; k++)
        fragment_at(t, 5000, 8 * k, 8, true);
    assert_true(drops(t, 0, SVR_DROP_FRAGMENT_LIMIT) > 200);
    advance(t, 31 * SVR_SEC);
    assert_int_equal(memory_of(t, 0), 0);
    assert_int_equal(t->node[0].forward->gather.table.n, 0);
    assert_true(drops(t, 0, SVR_DROP_FRAGMENT_TIMEOUT) > 0);
    net_del(t);
}

/* A part that is lost takes its datagram along after 30 s, not earlier. */
static void test_fragment_waits_thirty_seconds(void **state) {
    (void)state;
    static host h;
    for (int late = 0; late < 2; late++) {
        net *t = net_new(2, 4);
        fragment_at(t, 5, 0, 800, true);
        advance(t, late ? 30 * SVR_SEC : 29 * SVR_SEC);
        assert_int_equal(drops(t, 1, SVR_DROP_FRAGMENT_TIMEOUT), late);
        fragment_at(t, 5, 800, 100, false);
        assert_int_equal(t->lan.n > 0, !late);
        if (!late) gather_on_lan(t, 1, &h);
        net_del(t);
    }
}

/* Memory runs out at every place once: nothing breaks, nothing leaks. */
static void test_fragment_without_memory(void **state) {
    (void)state;
    static uint8_t datagram[LINE_MAX_BYTES];
    static line cuts[16];
    size_t len = build(&big4, datagram), n = cut_datagram(datagram, len, 1500, 7, cuts), needed;
    net *t = net_new(2, 4);
    size_t before = t->heap.requests;
    for (size_t k = n; k-- > 0;)
        fragment_sent(t, 0, &cuts[k]);
    needed = t->heap.requests - before;
    net_del(t);
    for (size_t fail = 1; fail <= needed; fail++) {
        t = net_new(2, 4);
        t->heap.fail_at = t->heap.requests + fail;
        for (size_t k = n; k-- > 0;) {
            svr_packet *pkt = svr_packet_get(t->pool, cuts[k].len);
            if (!pkt) continue;
            memcpy(pkt->data, cuts[k].bytes, cuts[k].len);
            pkt->len = (uint32_t)cuts[k].len;
            svr_forward_lan(t->node[0].forward, &t->node[0].ifs[0], &pkt, 1);
            collect(t);
        }
        net_del(t);
    }
}

/* ---- TLV 1 ---------------------------------------------------------------------------------- */

/* docs/protocol.md section 4.8 has these octets. */
static void test_fragment_octets(void **state) {
    (void)state;
    static const uint8_t octets[SVR_PIECE_HEADER_LEN] = {0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c, 0x10,
                                                         0x1a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x0a, 0x00, 0x00,
                                                         0x00, 0x09, 0x12, 0x34, 0x20, 0xab, 0x05, 0xdc};
    const svr_fragment f = {
        .extended_id = 9, .original_id = 0x1234, .offset = 1368, .more = true, .largest = 1500};
    uint8_t out[SVR_PIECE_HEADER_LEN];
    svr_metadata m;
    svr_fragment back;
    svr_piece_encode(&f, out);
    assert_memory_equal(out, octets, sizeof out);
    assert_int_equal(svr_metadata_decode(out, sizeof out, &m), SVR_METADATA_OK);
    assert_true(svr_piece_decode(&m, &back));
    assert_memory_equal(&back, &f, sizeof f);
    for (size_t len = 0; len < m.header_len; len++) {
        svr_metadata cut = m;
        cut.header_len = len;
        assert_false(svr_piece_decode(&cut, &back));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fragment_carries_what_hosts_cut),
        cmocka_unit_test(test_fragment_restores_whole_datagrams),
        cmocka_unit_test(test_fragment_carries_the_least_mtu_of_ipv6),
        cmocka_unit_test(test_fragment_tells_ipv6_hosts_to_send_less),
        cmocka_unit_test(test_fragment_carries_65507_bytes),
        cmocka_unit_test(test_fragment_in_any_order),
        cmocka_unit_test(test_fragment_ingress_knows_of_narrow_paths_further_on),
        cmocka_unit_test(test_fragment_first_datagram_passes_narrow_paths_further_on),
        cmocka_unit_test(test_fragment_between_lans_of_one_router),
        cmocka_unit_test(test_fragment_parts_pass_a_transit_router_untouched),
        cmocka_unit_test(test_fragment_header_is_under_the_hmac),
        cmocka_unit_test(test_fragment_overlaps_spoil_the_datagram),
        cmocka_unit_test(test_fragment_two_first_parts_that_differ),
        cmocka_unit_test(test_fragment_repeated_parts_do_no_harm),
        cmocka_unit_test(test_fragment_impossible_parts),
        cmocka_unit_test(test_fragment_floods_are_bounded),
        cmocka_unit_test(test_fragment_waits_thirty_seconds),
        cmocka_unit_test(test_fragment_without_memory),
        cmocka_unit_test(test_fragment_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

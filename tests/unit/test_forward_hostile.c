/* SPDX-License-Identifier: MIT
 * What forged, damaged, repeated and cut packets do: nothing but count. */
#include "forward_fixture.h"

/* Delivers a packet that must be dropped, and for one of these reasons. */
static void expect_drop(net *t, const line *l, const svr_drop *reasons, size_t n) {
    svr_ip ip;
    svr_packet *pkt = packet_of(t, l->bytes, l->len);
    uint64_t all = all_drops(t), these = 0;
    size_t lan = t->lan.n;
    assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
    for (size_t i = 0; i < n; i++)
        these -= drops(t, l->to, reasons[i]);
    svr_forward_wan(t->node[l->to].forward, &t->node[l->to].ifs[l->in], &pkt, &ip, 1);
    collect(t);
    for (size_t i = 0; i < n; i++)
        these += drops(t, l->to, reasons[i]);
    assert_int_equal(these, 1);
    assert_int_equal(all_drops(t), all + 1);
    assert_int_equal(t->lan.n, lan);
}

/* Takes the packet that waits on the wire. */
static line take_wire(net *t) {
    collect(t);
    assert_int_equal(t->wire.n, 1);
    t->wire.n = 0;
    return t->wire.at[0];
}

static void advance_handshake(net *t) {
    spec r = reply_to(&udp4);
    uint64_t dropped = all_drops(t);
    send(t, 0, &udp4);
    send(t, t->n - 1, &r);
    send(t, 0, &udp4);
    assert_int_equal(all_drops(t), dropped);
    clear_captures(t);
}

static size_t body_offset(const line *l) {
    size_t len;
    return (size_t)(body_of(l, &len) - l->bytes);
}

/* CRY-HMAC: every single bit behind the L4 header. */
static void flip_every_bit(net *t, line *l) {
    static const svr_drop reasons[] = {SVR_DROP_METADATA_BAD_HMAC,    SVR_DROP_METADATA_MALFORMED,
                                       SVR_DROP_METADATA_UNKNOWN_KEY, SVR_DROP_PAYLOAD_BAD_HMAC,
                                       SVR_DROP_PAYLOAD_UNKNOWN_KEY,  SVR_DROP_PAYLOAD_MALFORMED,
                                       SVR_DROP_UNKNOWN_SESSION};
    for (size_t i = body_offset(l); i < l->len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            l->bytes[i] ^= (uint8_t)(1 << bit);
            expect_drop(t, l, reasons, sizeof reasons / sizeof *reasons);
            l->bytes[i] ^= (uint8_t)(1 << bit);
        }
        t->wire.n = 0; /* requests for metadata */
    }
}

static void test_forward_flipped_bits_are_dropped_with_metadata(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    host_sends(t, 0, &udp4);
    line l = take_wire(t);
    assert_true(has_metadata(&l));
    flip_every_bit(t, &l);
    assert_int_equal(sessions(t, 1), 0);
    deliver_line(t, &l); /* the good one still counts for new */
    pump(t);
    expect_on_lan(t, 1, &udp4);
    net_del(t);
}

static void test_forward_flipped_bits_are_dropped_without_metadata(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    advance_handshake(t);
    host_sends(t, 0, &udp4);
    line l = take_wire(t);
    assert_false(has_metadata(&l));
    flip_every_bit(t, &l);
    assert_int_equal(sessions(t, 1), 1);
    deliver_line(t, &l);
    pump(t);
    expect_on_lan(t, 1, &udp4);
    net_del(t);
}

/* CRY-REPLAY: signalling and data alike. */
static void test_forward_replays_are_dropped(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    static const svr_drop metadata[] = {SVR_DROP_METADATA_REPLAY}, payload[] = {SVR_DROP_PAYLOAD_REPLAY};
    send(t, 0, &udp4);
    line first = t->tap.at[0];
    expect_drop(t, &first, metadata, 1);
    advance_handshake(t);
    send(t, 0, &udp4);
    line l = t->tap.at[0];
    expect_drop(t, &l, payload, 1);
    expect_drop(t, &first, metadata, 1);
    net_del(t);
}

/* A payload of one packet behind the metadata of another: the hop's HMAC covers both. */
static void test_forward_metadata_and_payload_cannot_be_recombined(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    static const svr_drop reasons[] = {SVR_DROP_METADATA_BAD_HMAC};
    host_sends(t, 0, &udp4);
    line one = take_wire(t);
    host_sends(t, 0, &udp4);
    line two = take_wire(t);
    memcpy(two.bytes + two.len - 200, one.bytes + one.len - 200, 152);
    expect_drop(t, &two, reasons, 1);
    net_del(t);
}

/* Cuts behind the L4 header, lengths and checksums of IP and UDP mended. */
static line cut(const line *l, size_t n) {
    line c = *l;
    svr_ip ip;
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &ip), SVR_IP_OK);
    svr_ip_header h = {.src = ip.flow.src, .dst = ip.flow.dst, .proto = SVR_PROTO_UDP, .ttl = 60};
    h.l4_len = (uint16_t)(ip.l4_len - n);
    c.len = l->len - n;
    svr_ip_encode(&h, c.bytes);
    svr_udp_encode(c.bytes + ip.header_len, &h.src, &h.dst, ip.flow.sport, ip.flow.dport, h.l4_len - 8u);
    return c;
}

static void cut_everywhere(net *t, const line *l) {
    uint64_t before = all_drops(t);
    size_t body = l->len - body_offset(l);
    for (size_t n = 1; n <= body; n++) {
        line c = cut(l, n);
        deliver_line(t, &c);
        collect(t);
        clear_captures(t);
        assert_int_equal(all_drops(t), before + n);
    }
}

static void test_forward_truncations_are_dropped(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    host_sends(t, 0, &udp4);
    line l = take_wire(t);
    cut_everywhere(t, &l);
    assert_int_equal(sessions(t, 1), 0);
    deliver_line(t, &l);
    pump(t);
    expect_on_lan(t, 2, &udp4);
    net_del(t);
    t = net_new(2, 6);
    advance_handshake(t);
    host_sends(t, 0, &udp4);
    l = take_wire(t);
    cut_everywhere(t, &l);
    net_del(t);
}

/* A nonce that looks like the cookie gets a bare header, which the receiver strips. */
static void run_false_positive(int routers) {
    net *t = net_new(routers, 4);
    advance_handshake(t);
    svr_payload_key *a = first_session(t, 0)->keys.current, *b = first_session(t, routers - 1)->keys.current;
    a->phase = b->phase = (uint8_t)(SVR_COOKIE >> 56);
    a->sent = (SVR_COOKIE & SVR_PAYLOAD_COUNTER_MAX) - 1;
    size_t len;
    send(t, 0, &udp4);
    expect_on_lan(t, routers - 1, &udp4);
    assert_int_equal(t->tap.n, routers - 1);
    for (size_t i = 0; i < t->tap.n; i++) {
        const uint8_t *body = body_of(&t->tap.at[i], &len);
        assert_int_equal(svr_get64(body), SVR_COOKIE);
        assert_int_equal(svr_get32(body + 8), 0x100c0000);
        assert_int_equal(svr_get64(body + 12), SVR_COOKIE);
    }
    assert_int_equal(all_drops(t), 0);
    net_del(t);
}
static void test_forward_false_positive(void **state) {
    (void)state;
    run_false_positive(2);
    run_false_positive(3);
}

static void test_forward_strangers_and_dark_paths_are_refused(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    static const svr_drop dark[] = {SVR_DROP_PATH_NOT_IN_SERVICE}, stranger[] = {SVR_DROP_UNKNOWN_PEER};
    host_sends(t, 0, &udp4);
    line l = take_wire(t);
    t->node[1].peers.peer[0].path[0].in_service = false;
    expect_drop(t, &l, dark, 1);
    t->node[1].peers.peer[0].present = false;
    expect_drop(t, &l, stranger, 1);
    net_del(t);
}

/* The UUID of a session belongs to the neighbor that brought it. */
static void test_forward_other_peers_cannot_take_over_a_session(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    send(t, 0, &udp4);
    svr_session *s = first_session(t, 1);
    svr_tuple before = s->leg[SVR_ORIGIN].arrival;
    /* B, which is on the far side, claims the flow for itself. */
    svr_session *b = first_session(t, 2);
    svr_packet *pkt = svr_packet_get(t->pool, 512);
    svr_flow flow = svr_session_flow(b);
    svr_session claimed = *b;
    claimed.through = &flow; /* it would have paths only */
    svr_leg *claim = &claimed.leg[SVR_TARGET];
    *claim = (svr_leg){.side = SVR_TARGET, .path = &t->node[2].peers.peer[0].path[0]};
    svr_crypt_op op;
    assert_true(svr_metadata_create(claim, 0, true, pkt, &op));
    svr_crypt_seal(t->crypt, &op, 1);
    claim->arrival = (svr_tuple){.src = claim->path->config.remote,
                                 .dst = claim->path->config.local,
                                 .sport = 20001,
                                 .dport = 20000,
                                 .proto = SVR_PROTO_UDP,
                                 .ifid = SVR_IFID_NONE};
    svr_emit_path(t->node[2].forward, claim, pkt, (svr_emit_fields){.ttl = 9});
    pump(t);
    assert_int_equal(drops(t, 1, SVR_DROP_SESSION_CONFLICT), 1);
    assert_memory_equal(&before, &s->leg[SVR_ORIGIN].arrival, sizeof before);
    net_del(t);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_forward_survives_every_failed_allocation(void **state) {
    (void)state;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        net *t = net_new(3, 4);
        spec r = reply_to(&udp4);
        t->heap.fail_at = t->heap.requests + n;
        for (int i = 0; i < 3; i++) {
            svr_packet *pkt = svr_packet_get(t->pool, 200);
            if (!pkt) continue;
            pkt->len = (uint32_t)build(i == 1 ? &r : &udp4, pkt->data);
            node *x = &t->node[i == 1 ? 2 : 0];
            svr_forward_lan(x->forward, &x->ifs[0], &pkt, 1);
            for (collect(t); t->wire.n; collect(t)) {
                line l = t->wire.at[0];
                svr_ip ip;
                memmove(t->wire.at, t->wire.at + 1, --t->wire.n * sizeof(line));
                if (!(pkt = svr_packet_get(t->pool, l.len))) continue;
                memcpy(pkt->data, l.bytes, l.len);
                pkt->len = (uint32_t)l.len;
                assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
                svr_forward_wan(t->node[l.to].forward, &t->node[l.to].ifs[l.in], &pkt, &ip, 1);
            }
        }
        failed = t->heap.requests >= t->heap.fail_at;
        t->heap.fail_at = 0;
        for (int i = 0; i < 3; i++) { /* and is whole again afterwards */
            advance(t, 2 * SVR_SEC);
            send(t, 0, &udp4);
        }
        assert_true(t->lan.n > 0);
        expect_on_lan(t, 2, &udp4);
        net_del(t);
    }
}

/* ---- batches -------------------------------------------------------------------------------- */

#define MIX 48

static spec mixed(int i) {
    static const char *const dsts[] = {"10.2.0.20", "10.3.0.20", "10.4.0.20",
                                       "10.5.0.20", "10.6.0.20", "192.168.0.1"};
    spec s = udp4;
    s.dst = dsts[i % 6];
    s.sport = (uint16_t)(5000 + i % 5);
    s.proto = i % 4 == 1 ? SVR_PROTO_TCP : i % 4 == 2 ? SVR_PROTO_ICMP : SVR_PROTO_UDP;
    s.dport = i % 2 ? 443 : 53;
    s.tcp_flags = 0x10;
    s.text = NULL;
    s.fill = (size_t)(i * 31 % 1300);
    s.ttl = i % 11 == 10 ? 1 : 64;
    return s;
}

static void run_mix(net *t, size_t at_once) {
    for (size_t i = 0; i < MIX; i += at_once) {
        svr_packet *pkts[MIX];
        svr_ip infos[MIX];
        for (size_t k = 0; k < at_once; k++) {
            spec s = mixed((int)(i + k));
            pkts[k] = svr_packet_get(t->pool, 2000);
            pkts[k]->len = (uint32_t)build(&s, pkts[k]->data);
        }
        svr_forward_lan(t->node[0].forward, &t->node[0].ifs[0], pkts, at_once);
        size_t n;
        collect(t);
        for (n = 0; n < t->wire.n; n++) {
            line *l = &t->wire.at[n];
            if (n % 13 == 12) l->bytes[l->len - 1] ^= 1;
            pkts[n] = packet_of(t, l->bytes, l->len);
            assert_int_equal(svr_ip_decode(pkts[n]->data, pkts[n]->len, &infos[n]), SVR_IP_OK);
        }
        t->wire.n = 0;
        svr_forward_wan(t->node[1].forward, &t->node[1].ifs[1], pkts, infos, n);
        collect(t);
        for (size_t k = 0; k < t->wire.n; k++)
            add_line(&t->tap, &t->wire.at[k]);
        t->wire.n = 0;
    }
}

static void test_forward_batches_do_as_single_packets_do(void **state) {
    (void)state;
    net *one = net_new(2, 4), *many = net_new(2, 4);
    /* Damage hits by position: the same packets in both runs. */
    run_mix(many, MIX);
    for (size_t i = 0; i < MIX; i++) {
        spec s = mixed((int)i);
        host_sends(one, 0, &s);
    }
    collect(one);
    for (size_t i = 0; i < one->wire.n; i++)
        if (i % 13 == 12) one->wire.at[i].bytes[one->wire.at[i].len - 1] ^= 1;
    for (size_t i = 0; i < one->wire.n; i++)
        deliver_line(one, &one->wire.at[i]);
    one->wire.n = 0;
    collect(one);
    for (int i = 0; i < 2; i++)
        for (int r = 0; r < SVR_DROP_COUNT; r++)
            assert_int_equal(drops(one, i, (svr_drop)r), drops(many, i, (svr_drop)r));
    size_t compared = 0;
    assert_int_equal(one->lan.n, many->lan.n);
    for (size_t i = 0; i < one->lan.n; i++) {
        assert_int_equal(one->lan.at[i].len, many->lan.at[i].len);
        if (one->lan.at[i].from != 1) continue;
        svr_ip a, b;
        svr_ip_decode(one->lan.at[i].bytes, one->lan.at[i].len, &a);
        svr_ip_decode(many->lan.at[i].bytes, many->lan.at[i].len, &b);
        assert_true(svr_flow_equal(&a.flow, &b.flow));
        assert_memory_equal(one->lan.at[i].bytes + 20, many->lan.at[i].bytes + 20, one->lan.at[i].len - 20);
        compared++;
    }
    assert_true(compared > 15);
    net_del(one);
    net_del(many);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_flipped_bits_are_dropped_with_metadata),
        cmocka_unit_test(test_forward_flipped_bits_are_dropped_without_metadata),
        cmocka_unit_test(test_forward_replays_are_dropped),
        cmocka_unit_test(test_forward_metadata_and_payload_cannot_be_recombined),
        cmocka_unit_test(test_forward_truncations_are_dropped),
        cmocka_unit_test(test_forward_false_positive),
        cmocka_unit_test(test_forward_strangers_and_dark_paths_are_refused),
        cmocka_unit_test(test_forward_other_peers_cannot_take_over_a_session),
        cmocka_unit_test(test_forward_survives_every_failed_allocation),
        cmocka_unit_test(test_forward_batches_do_as_single_packets_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

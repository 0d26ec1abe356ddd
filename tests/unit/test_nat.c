/* SPDX-License-Identifier: MIT
 * Peers with a NAT between them (PD-NAT): a is the hub, b stands behind a NAT that the test plays.
 *
 *   a 192.0.2.1 ---- NAT 198.51.100.N:P ---- 10.9.9.2 b */
#include "peer_fixture.h"

static const char nat_config[] = "authority\n"
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
                                 "      gateway 192.0.2.254\n"
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
                                 "      external-nat-address any\n"
                                 "     exit\n"
                                 "     address 10.9.9.2\n"
                                 "      prefix-length 24\n"
                                 "      gateway 10.9.9.1\n"
                                 "     exit\n";

static struct {
    uint8_t number; /* of the outside address, 198.51.100.N */
    uint16_t port;
    size_t stale; /* packets for a mapping that is gone */
    bool keep;    /* the next packet from b is kept instead of delivered */
    svr_packet *kept;
} nat;

static svr_addr address(const char *text) {
    svr_addr a;
    assert_true(svr_addr_parse(text, &a));
    return a;
}

static svr_addr outside(uint8_t number) {
    svr_addr a = address("198.51.100.0");
    a.bytes[3] = number;
    return a;
}

/* Writes other ends into an IPv4 UDP datagram. */
static void rewrite(svr_packet *pkt, const svr_addr *src, uint16_t sport, const svr_addr *dst,
                    uint16_t dport) {
    svr_ip ip;
    assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
    const svr_ip_header h = {.src = src ? *src : ip.flow.src,
                             .dst = dst ? *dst : ip.flow.dst,
                             .proto = ip.flow.proto,
                             .tos = ip.tos,
                             .ttl = ip.ttl,
                             .l4_len = ip.l4_len};
    svr_ip_encode(&h, pkt->data);
    svr_udp_encode(pkt->data + ip.header_len, &h.src, &h.dst, src ? sport : ip.flow.sport,
                   dst ? dport : ip.flow.dport, (size_t)ip.l4_len - SVR_UDP_HEADER_LEN);
}

static bool translate(bench *b, svr_packet *pkt, int to) {
    const svr_addr inside = address("10.9.9.2"), now = outside(nat.number);
    svr_ip ip;
    assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
    (void)b;
    if (to == 0) {
        rewrite(pkt, &now, nat.port, NULL, 0);
        if (!nat.keep) return false;
        nat.keep = false;
        nat.kept = svr_packet_get(b->pool, pkt->len);
        memcpy(nat.kept->data, pkt->data, pkt->len);
        nat.kept->len = pkt->len;
        return true;
    }
    if (!svr_addr_equal(&ip.flow.dst, &now) || ip.flow.dport != nat.port) {
        nat.stale++;
        return true;
    }
    rewrite(pkt, NULL, 0, &inside, SVR_BFD_PORT);
    return false;
}

static void begin(bench *b) {
    memset(&nat, 0, sizeof nat);
    nat.number = 7;
    nat.port = 20000;
    *b = (bench){.seed = 7, .lose = translate};
    bench_init_config(b, nat_config);
}

static void expect_service(bench *b) {
    for (int i = 0; i < 2; i++)
        assert_true(svr_path_in_service(bench_path(b, i)));
}

static void expect_at(bench *b, uint8_t number, uint16_t port) {
    const svr_addr want = outside(number);
    assert_true(svr_addr_equal(svr_path_remote(bench_path(b, 0)), &want));
    assert_int_equal(bench_path(b, 0)->nat->at.port, port);
}

static void give_hub(bench *b, svr_packet *pkt) {
    b->wire[b->n++] = (flight){pkt, 0, b->now};
    bench_deliver(b, b->n - 1);
}

static void test_nat_peer_comes_up_from_where_nobody_looked_for_it(void **state) {
    (void)state;
    bench b;
    begin(&b);
    assert_true(bench_path(&b, 0)->config->far_nat && bench_path(&b, 1)->config->near_nat);
    b.cut[0] = true;
    bench_run(&b, 10 * SVR_SEC);
    assert_int_equal(b.sent[0], 0); /* the hub cannot begin */
    b.cut[0] = false;
    bench_run(&b, 50 * SVR_SEC);
    expect_service(&b);
    expect_at(&b, 7, 20000);
    assert_true(svr_path_translated(bench_path(&b, 1)));
    assert_int_equal(nat.stale, 0);
    bench_fini(&b);
}

static void test_nat_change_is_followed_while_bfd_stays_up(void **state) {
    (void)state;
    bench b;
    svr_event ev;
    begin(&b);
    bench_run(&b, 20 * SVR_SEC);
    while (bench_event(&b, 0, SVR_EVENT_PATH_ADDRESS, &ev) || bench_event(&b, 1, SVR_EVENT_PATH_ADDRESS, &ev))
        ;
    nat.number = 8;
    nat.port = 30000;
    bench_run(&b, 21 * SVR_SEC + 100 * SVR_MS);
    expect_at(&b, 8, 30000);
    assert_ptr_equal(svr_peers_next_remapped(b.s[1].peers), bench_path(&b, 1));
    assert_null(svr_peers_next_remapped(b.s[1].peers));
    bench_run(&b, 60 * SVR_SEC);
    expect_service(&b);
    assert_true(bench_event(&b, 0, SVR_EVENT_PATH_ADDRESS, &ev));
    assert_string_equal(ev.to, "moved");
    assert_string_equal(ev.detail, "198.51.100.8");
    assert_int_equal(ev.value, 30000);
    assert_false(bench_event(&b, 0, SVR_EVENT_BFD_STATE, &ev));
    bench_fini(&b);
}

static void test_nat_only_newer_authentic_packets_move_a_path(void **state) {
    (void)state;
    bench b;
    const svr_addr attacker = outside(66);
    begin(&b);
    bench_run(&b, 20 * SVR_SEC);
    /* Kept back by an attacker while later ones arrived; then from elsewhere. */
    nat.keep = true;
    bench_run(&b, 25 * SVR_SEC);
    assert_non_null(nat.kept);
    rewrite(nat.kept, &attacker, 6666, NULL, 0);
    svr_packet *again = svr_packet_get(b.pool, nat.kept->len),
               *forged = svr_packet_get(b.pool, nat.kept->len);
    memcpy(again->data, nat.kept->data, again->len = nat.kept->len);
    memcpy(forged->data, nat.kept->data, forged->len = nat.kept->len);
    give_hub(&b, nat.kept);
    expect_at(&b, 7, 20000);
    /* The same a second time. */
    give_hub(&b, again);
    expect_at(&b, 7, 20000);
    /* A nonce of the future, for which the attacker has no key. */
    svr_tlv nonce;
    svr_metadata m;
    assert_int_equal(svr_metadata_decode(forged->data + 28, forged->len - 28, &m), SVR_METADATA_OK);
    assert_true(svr_tlv_find(m.header, m.header_len, SVR_TLV_NONCE, &nonce));
    svr_put64(forged->data + (nonce.value - forged->data), 1000000);
    rewrite(forged, &attacker, 6666, NULL, 0);
    uint64_t bad = b.s[0].rt.drops[SVR_DROP_BFD_BAD_HMAC];
    give_hub(&b, forged);
    assert_int_equal(b.s[0].rt.drops[SVR_DROP_BFD_BAD_HMAC], bad + 1);
    expect_at(&b, 7, 20000);
    bench_run(&b, 30 * SVR_SEC);
    expect_service(&b);
    bench_fini(&b);
}

static void test_nat_unauthentic_packets_get_few_answers(void **state) {
    (void)state;
    bench b;
    const svr_addr attacker = outside(66);
    begin(&b);
    nat.keep = true;
    b.cut[1] = true;
    bench_run(&b, SVR_SEC + 100 * SVR_MS); /* the first packet of b: with its certificate */
    assert_non_null(nat.kept);
    b.cut[0] = true;
    size_t before = b.sent[0], given = 0;
    for (int i = 0; i < 1000; i++, given++) {
        svr_packet *pkt = svr_packet_get(b.pool, nat.kept->len);
        memcpy(pkt->data, nat.kept->data, pkt->len = nat.kept->len);
        rewrite(pkt, &attacker, (uint16_t)(1024 + i), NULL, 0);
        give_hub(&b, pkt);
    }
    /* BFD answers and acknowledgements are no longer than what they answer. */
    assert_true(b.sent[0] - before <= 4 * given);
    assert_int_equal(bench_path(&b, 0)->nat->at.addr.family, 0);
    svr_packet_put(b.pool, nat.kept);
    bench_fini(&b);
}

static void test_nat_hub_that_began_anew_is_found_by_its_peer(void **state) {
    (void)state;
    bench b;
    begin(&b);
    bench_run(&b, 20 * SVR_SEC);
    bench_stop(&b, 0);
    bench_start(&b, 0, 0);
    bench_run(&b, 23 * SVR_SEC);
    expect_service(&b);
    expect_at(&b, 7, 20000);
    bench_fini(&b);
}

static void test_nat_peer_that_began_anew_is_let_in_from_elsewhere(void **state) {
    (void)state;
    bench b;
    begin(&b);
    bench_run(&b, 20 * SVR_SEC);
    bench_stop(&b, 1);
    nat.number = 9;
    nat.port = 40000;
    bench_start(&b, 1, 0);
    bench_run(&b, 23 * SVR_SEC);
    expect_service(&b);
    expect_at(&b, 9, 40000);
    bench_fini(&b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nat_peer_comes_up_from_where_nobody_looked_for_it),
        cmocka_unit_test(test_nat_change_is_followed_while_bfd_stays_up),
        cmocka_unit_test(test_nat_only_newer_authentic_packets_move_a_path),
        cmocka_unit_test(test_nat_unauthentic_packets_get_few_answers),
        cmocka_unit_test(test_nat_hub_that_began_anew_is_found_by_its_peer),
        cmocka_unit_test(test_nat_peer_that_began_anew_is_let_in_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#define LINE_MAX_BYTES 9300
#include "forward_fixture.h"

#include "forward/icmp.h"

/* ---- hosts ---------------------------------------------------------------------------------- */

static spec of(uint8_t proto, uint8_t family) {
    spec s = udp4;
    s.proto = proto;
    s.tcp_flags = SVR_TCP_SYN;
    if (family == 6) {
        s.src = "fd01::10";
        s.dst = "fd02::20";
    }
    return s;
}

/* A host or router at `from` on the LAN of node i complains about the last packet there. */
static size_t complain(const net *t, svr_icmp_error what, uint32_t mtu, const char *from, uint8_t *out) {
    const line *l = &t->lan.at[t->lan.n - 1];
    svr_addr src = addr(from);
    size_t n = svr_icmp_error_encode(what, mtu, &src, l->bytes, l->len, out, 1280);
    assert_true(n > 0);
    return n;
}

static void lan_sends(net *t, int i, const uint8_t *bytes, size_t len) {
    svr_packet *pkt = packet_of(t, bytes, len);
    svr_forward_lan(t->node[i].forward, &t->node[i].ifs[0], &pkt, 1);
    pump(t);
}

static void wan_says(net *t, int i, const uint8_t *bytes, size_t len) {
    svr_packet *pkt = packet_of(t, bytes, len);
    svr_ip ip;
    assert_int_equal(svr_ip_decode(pkt->data, pkt->len, &ip), SVR_IP_OK);
    svr_forward_icmp(t->node[i].forward, pkt, &ip);
    pump(t);
}

/* The last packet on the LAN of node i is an ICMP error from `from` about `s`, as its host sent it. */
static const uint8_t *expect_error(const net *t, int i, const spec *s, const char *from, int type) {
    uint8_t sent[LINE_MAX_BYTES];
    const line *l = &t->lan.at[t->lan.n - 1];
    svr_ip ip, original;
    svr_icmp_report r;
    svr_flow about;
    size_t len = build(s, sent);
    assert_true(t->lan.n > 0);
    assert_int_equal(l->from, i);
    assert_int_equal(svr_ip_decode(l->bytes, l->len, &ip), SVR_IP_OK);
    assert_true(svr_icmp_report_decode(&ip, l->bytes + ip.header_len, &r, &about));
    assert_int_equal(svr_ip_decode(sent, len, &original), SVR_IP_OK);
    svr_addr source = addr(from);
    assert_true(svr_flow_equal(&about, &original.flow));
    assert_true(svr_addr_equal(&ip.flow.dst, &original.flow.src));
    assert_true(svr_addr_equal(&r.location, &source));
    assert_int_equal(r.type, type);
    return l->bytes + ip.header_len;
}

/* ---- from the far LAN ----------------------------------------------------------------------- */

/* A closed port, a router further on whose TTL ran out, a link that takes less: the host hears it from
 * whoever found out, with the very bytes that it sent. */
static void run_far_lan(int routers, uint8_t outer, uint8_t family, uint8_t proto) {
    static const struct {
        svr_icmp_error what;
        int v4, v6;
        uint32_t mtu;
    } cases[] = {
        {SVR_ICMP_PROHIBITED, 3, 1, 0}, {SVR_ICMP_TTL_EXCEEDED, 11, 3, 0}, {SVR_ICMP_TOO_BIG, 3, 2, 1300}};
    uint8_t error[1280], sent[LINE_MAX_BYTES];
    const char *router = family == 4 ? "10.2.77.1" : "fd02::77";
    for (size_t c = 0; c < 3; c++) {
        net *t = net_new(routers, outer);
        spec s = of(proto, family);
        send(t, 0, &s);
        size_t n = complain(t, cases[c].what, cases[c].mtu, router, error);
        lan_sends(t, routers - 1, error, n);
        const uint8_t *icmp = expect_error(t, 0, &s, router, family == 4 ? cases[c].v4 : cases[c].v6);
        size_t ip_len = svr_ip_header_len(family);
        build(&s, sent);
        assert_memory_equal(icmp + 8 + ip_len, sent + ip_len, 8);
        assert_int_equal(svr_get32(icmp + 4), cases[c].mtu);
        assert_int_equal(all_drops(t), 0);

        spec r = reply_to(&s); /* and the other way round, about an answer */
        send(t, routers - 1, &r);
        n = complain(t, cases[c].what, cases[c].mtu, family == 4 ? "10.1.77.1" : "fd01::77", error);
        lan_sends(t, 0, error, n);
        expect_error(t, routers - 1, &r, family == 4 ? "10.1.77.1" : "fd01::77",
                     family == 4 ? cases[c].v4 : cases[c].v6);
        assert_int_equal(all_drops(t), 0);
        net_del(t);
    }
}
static void test_icmp_errors_of_the_far_lan_reach_the_host(void **state) {
    (void)state;
    for (uint8_t outer = 4; outer <= 6; outer += 2)
        for (uint8_t family = 4; family <= 6; family += 2)
            for (int routers = 2; routers <= 3; routers++) {
                run_far_lan(routers, outer, family, SVR_PROTO_UDP);
                run_far_lan(routers, outer, family, SVR_PROTO_TCP);
                run_far_lan(routers, outer, family, SVR_PROTO_ICMP);
            }
}

static void test_icmp_errors_about_nothing_of_ours_go_nowhere(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    uint8_t error[1280], bent[1280];
    send(t, 0, &udp4);
    size_t n = complain(t, SVR_ICMP_PROHIBITED, 0, "10.2.77.1", error);
    for (size_t at = 28; at < n && at < 28 + 28; at++) { /* the quote */
        size_t before = t->lan.n;
        memcpy(bent, error, n);
        bent[at] ^= 0x10;
        svr_addr src = addr("10.2.77.1"), dst = addr("10.1.0.10");
        svr_l4_checksum_set(bent + 20, n - 20, SVR_PROTO_ICMP, &src, &dst);
        lan_sends(t, 1, bent, n);
        bool matters =
            at < 28 + 1 || at == 28 + 9 || (at >= 28 + 12 && at < 28 + 24) || at == 28 + 6 || at == 28 + 7;
        if (matters) assert_int_equal(t->lan.n, before);
    }
    for (size_t len = 20; len < n; len++) { /* cut short, everywhere */
        size_t before = t->lan.n;
        svr_addr src = addr("10.2.77.1"), dst = addr("10.1.0.10");
        const svr_ip_header h = {
            .src = src, .dst = dst, .proto = SVR_PROTO_ICMP, .ttl = 64, .l4_len = (uint16_t)(len - 20)};
        memcpy(bent, error, len);
        svr_ip_encode(&h, bent);
        svr_l4_checksum_set(bent + 20, len - 20, SVR_PROTO_ICMP, &src, &dst);
        lan_sends(t, 1, bent, len);
        if (len < 28 + 28) assert_int_equal(t->lan.n, before);
    }
    memcpy(bent, error, n);
    bent[n - 1] ^= 1; /* its checksum does not hold */
    size_t before = t->lan.n;
    lan_sends(t, 1, bent, n);
    assert_int_equal(t->lan.n, before);
    net_del(t);
}

static void test_icmp_errors_are_limited(void **state) {
    (void)state;
    net *t = net_new(2, 4);
    uint8_t error[1280];
    send(t, 0, &udp4);
    size_t n = complain(t, SVR_ICMP_PROHIBITED, 0, "10.2.77.1", error);
    clear_captures(t);
    for (int i = 0; i < 300; i++)
        lan_sends(t, 1, error, n);
    assert_int_equal(t->lan.n, SVR_ICMP_ERRORS_PER_SECOND);
    assert_int_equal(drops(t, 1, SVR_DROP_ICMP_LIMIT), 300 - SVR_ICMP_ERRORS_PER_SECOND);
    net_del(t);
}

/* ---- from routers --------------------------------------------------------------------------- */

/* traceroute: each router is one hop, and says so with an address of its own. */
static void run_traceroute(uint8_t family, uint8_t proto) {
    net *t = net_new(3, family);
    spec s = of(proto, family);
    const char *hops[] = {family == 4 ? "10.1.0.1" : "fd01::1",
                          family == 4 ? "192.0.10.2" : "2001:db8:1:1::2",
                          family == 4 ? "10.2.0.1" : "fd02::1"};
    for (uint8_t ttl = 1; ttl <= 3; ttl++) {
        s.ttl = ttl;
        s.sport++;
        clear_captures(t);
        send(t, 0, &s);
        assert_int_equal(t->lan.n, 1);
        expect_error(t, 0, &s, hops[ttl - 1], family == 4 ? 11 : 3);
    }
    s.ttl = 4;
    clear_captures(t);
    send(t, 0, &s);
    assert_int_equal(t->lan.n, 1);
    assert_int_equal(t->lan.at[0].from, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(drops(t, i, SVR_DROP_TTL_EXCEEDED), 1);
    net_del(t);
}
static void test_icmp_errors_show_each_router_to_traceroute(void **state) {
    (void)state;
    for (uint8_t family = 4; family <= 6; family += 2) {
        run_traceroute(family, SVR_PROTO_UDP);
        run_traceroute(family, SVR_PROTO_ICMP);
        run_traceroute(family, SVR_PROTO_TCP);
    }
}

/* The far LAN takes less than the near one: the egress tells the host how much. */
static void test_icmp_errors_tell_the_mtu_of_the_far_lan(void **state) {
    (void)state;
    for (uint8_t family = 4; family <= 6; family += 2) {
        net *t = net_new(2, 4);
        spec s = of(SVR_PROTO_UDP, family);
        t->node[1].ifs[0].mtu = 1300;
        s.text = NULL;
        s.fill = 1320;
        send(t, 0, &s);
        assert_int_equal(t->lan.n, 1);
        const uint8_t *icmp =
            expect_error(t, 0, &s, family == 4 ? "10.2.0.1" : "fd02::1", family == 4 ? 3 : 2);
        assert_int_equal(svr_get32(icmp + 4), 1300);
        assert_int_equal(drops(t, 1, SVR_DROP_TOO_BIG), 1);
        net_del(t);
    }
}

/* ---- from between the routers --------------------------------------------------------------- */

/* A router of the provider complains about a packet between two waypoints. */
static size_t provider_complains(const net *t, svr_icmp_error what, const char *from, uint8_t *out) {
    const line *l = &t->tap.at[t->n - 2]; /* onto the last line */
    svr_addr src = addr(from);
    size_t n = svr_icmp_error_encode(what, 1300, &src, l->bytes, l->len, out, 1280);
    assert_true(n > 0);
    return n;
}

static void test_icmp_errors_of_the_underlay_are_hints(void **state) {
    (void)state;
    for (int routers = 2; routers <= 3; routers++) {
        net *t = net_new(routers, 4);
        uint8_t error[1280];
        spec s = udp4;
        send(t, 0, &s);
        size_t n = provider_complains(t, SVR_ICMP_TTL_EXCEEDED, "198.51.100.9", error);
        wan_says(t, routers - 2, error, n);
        expect_error(t, 0, &s, "198.51.100.9", 11);
        n = provider_complains(t, SVR_ICMP_PROHIBITED, "198.51.100.9", error);
        wan_says(t, routers - 2, error, n);
        const uint8_t *icmp = expect_error(t, 0, &s, "198.51.100.9", 3);
        assert_int_equal(icmp[1],
                         0); /* the network, whatever the code was: no host gives a connection up for that */
        assert_int_equal(all_drops(t), 0);
        assert_int_equal(sessions(t, 0), 1);

        clear_captures(t); /* what fits is not for strangers to say */
        send(t, 0, &s);
        n = provider_complains(t, SVR_ICMP_TOO_BIG, "198.51.100.9", error);
        t->lan.n = 0;
        wan_says(t, routers - 2, error, n);
        assert_int_equal(t->lan.n, 0);
        assert_int_equal(t->node[routers - 2].peers.peer[1].path[0].doubt, 1300);
        t->node[routers - 2].peers.peer[1].path[0].doubt = 0;

        error[20 + 8 + 20] ^= 1; /* ports that are not ours */
        svr_addr src = addr("198.51.100.9"), dst;
        dst = svr_addr_from_bytes(4, error + 16);
        svr_l4_checksum_set(error + 20, n - 20, SVR_PROTO_ICMP, &src, &dst);
        wan_says(t, routers - 2, error, n);
        assert_int_equal(drops(t, routers - 2, SVR_DROP_ICMP_UNRELATED), 1);
        assert_int_equal(t->node[routers - 2].peers.peer[1].path[0].doubt, 0);
        assert_int_equal(t->lan.n, 0);
        net_del(t);
    }
}

/* ---- between routers ------------------------------------------------------------------------ */

/* Only the neighbour on that very leg may report, and only about a session that it knows by its name. */
static void test_icmp_errors_from_others_are_refused(void **state) {
    (void)state;
    net *t = net_new(3, 4);
    svr_crypt_op op;
    send(t, 0, &udp4);
    svr_session *a = first_session(t, 0), *b = first_session(t, 2);
    svr_flow about = svr_session_flow(a);
    svr_addr here = addr("10.2.0.1");
    svr_icmp_report r = svr_icmp_report_make(SVR_ICMP_UNREACHABLE, 0, &here, &about, NULL);
    for (int wrong = 0; wrong < 4; wrong++) {
        clear_captures(t);
        svr_leg *leg = &b->leg[SVR_ORIGIN];
        svr_icmp_report said = r;
        b->uuid[0] ^= wrong == 1;
        if (wrong == 2) said.type = 5; /* a redirect */
        svr_packet *pkt = svr_control_packet(t->node[2].forward);
        bool made = svr_metadata_create_error(leg, &said, pkt, &op);
        assert_true(made);
        svr_control_send_alone(t->node[2].forward, leg, pkt, &op, made);
        b->uuid[0] ^= wrong == 1;
        if (wrong == 3) {
            collect(t);
            t->wire.at[0].bytes[60] ^= 1;
        }
        pump(t);
        assert_int_equal(t->lan.n, wrong == 0);
    }
    assert_int_equal(drops(t, 1, SVR_DROP_UNKNOWN_SESSION), 1);
    assert_int_equal(drops(t, 0, SVR_DROP_METADATA_MALFORMED), 1);
    assert_int_equal(drops(t, 1, SVR_DROP_METADATA_BAD_HMAC), 1);
    net_del(t);
}

/* docs/protocol.md section 4.10 has these octets. */
static void test_icmp_errors_octets(void **state) {
    (void)state;
    static const uint8_t octets[] = {0x00, 0x14, 0x00, 0x04, 0x0a, 0x02, 0x00, 0x14, 0x80,
                                     0x07, 0x00, 0x0e, 0x03, 0x03, 0x00, 0x00, 0x00, 0x00,
                                     0x0f, 0xa0, 0x00, 0x35, 0x00, 0x25, 0xbe, 0xef};
    svr_icmp_report r = {.location = addr("10.2.0.20"), .type = 3, .code = 3}, back = {0};
    uint8_t out[64];
    svr_tlv tlv;
    memcpy(r.quote, octets + 18, 8);
    svr_tlv_writer w = svr_tlv_writer_make(out, sizeof out);
    svr_tlv_put_report(&w, &r);
    assert_int_equal(svr_tlv_written(&w), sizeof octets);
    assert_memory_equal(out, octets, sizeof octets);
    svr_tlv_cursor c = svr_tlv_first(out, sizeof octets);
    while (svr_tlv_next(&c, &tlv))
        assert_true(svr_report_decode(&tlv, &back));
    assert_memory_equal(&back.location, &r.location, sizeof r.location);
    assert_memory_equal(back.quote, r.quote, 8);
    assert_int_equal(back.type, 3);
    c = svr_tlv_first(out, sizeof octets);
    while (svr_tlv_next(&c, &tlv)) {
        tlv.len--;
        assert_false(svr_report_decode(&tlv, &back));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_icmp_errors_of_the_far_lan_reach_the_host),
        cmocka_unit_test(test_icmp_errors_about_nothing_of_ours_go_nowhere),
        cmocka_unit_test(test_icmp_errors_are_limited),
        cmocka_unit_test(test_icmp_errors_show_each_router_to_traceroute),
        cmocka_unit_test(test_icmp_errors_tell_the_mtu_of_the_far_lan),
        cmocka_unit_test(test_icmp_errors_of_the_underlay_are_hints),
        cmocka_unit_test(test_icmp_errors_from_others_are_refused),
        cmocka_unit_test(test_icmp_errors_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

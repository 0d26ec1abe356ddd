/* SPDX-License-Identifier: MIT
 * Parts of sessions by themselves: metadata that is authentic but wrong, sizes, waypoints in tight ranges. */
#include "forward_fixture.h"

/* All payload TLVs of a forward packet, padded. */
static size_t sample(uint8_t out[SVR_METADATA_SESSION_MAX]) {
    svr_tlv_writer w = svr_tlv_writer_make(out, SVR_METADATA_SESSION_MAX - SVR_AES_BLOCK);
    const svr_flow flow = {
        .src = addr("fd01::1"), .dst = addr("fd02::2"), .sport = 1, .dport = 2, .proto = SVR_PROTO_TCP};
    const svr_payload_key_tlv key = {.phase = 3, .hmac = SVR_HMAC_SHA384_192, .key = {1, 2, 3}};
    svr_tlv_put_context(&w, false, &flow);
    svr_tlv_put(&w, SVR_TLV_SESSION_UUID, "0123456789abcdef", SVR_UUID_LEN);
    svr_tlv_put_text(&w, SVR_TLV_TENANT, "corp");
    svr_tlv_put_text(&w, SVR_TLV_SERVICE, "erp");
    svr_tlv_put(&w, SVR_TLV_TCP_SYN, NULL, 0);
    svr_tlv_put_payload_key(&w, &key);
    assert_true(w.ok);
    return svr_tlv_written(&w);
}

static void test_session_metadata_is_read_back(void **state) {
    (void)state;
    uint8_t bytes[SVR_METADATA_SESSION_MAX];
    svr_metadata_facts f;
    size_t len = svr_pad(bytes, sample(bytes));
    assert_int_equal(svr_metadata_consume(bytes, len, &f), SVR_DROP_NONE);
    assert_true(f.forward && !f.reverse && f.has_uuid && f.has_key && f.has_tenant && f.has_service &&
                f.tcp_syn);
    assert_string_equal(f.tenant, "corp");
    assert_string_equal(f.service, "erp");
    assert_int_equal(f.key.phase, 3);
    assert_int_equal(f.key.hmac, SVR_HMAC_SHA384_192);
    assert_int_equal(f.flow.dport, 2);
    assert_int_equal(f.control, 0);
}

/* Truncated anywhere, then padded as if it were whole: refused unless the cut is between two TLVs. */
static void test_session_metadata_truncations(void **state) {
    (void)state;
    uint8_t whole[SVR_METADATA_SESSION_MAX], bytes[SVR_METADATA_SESSION_MAX];
    size_t n = sample(whole);
    for (size_t cut = 0; cut < n; cut++) {
        svr_metadata_facts f;
        memcpy(bytes, whole, cut);
        bool between = svr_tlv_well_formed(bytes, cut);
        svr_drop reason = svr_metadata_consume(bytes, svr_pad(bytes, cut), &f);
        assert_int_equal(reason, between ? SVR_DROP_NONE : SVR_DROP_METADATA_MALFORMED);
        assert_false(f.has_key);
    }
}

static void test_session_metadata_flipped_bits(void **state) {
    (void)state;
    uint8_t bytes[SVR_METADATA_SESSION_MAX];
    size_t len = svr_pad(bytes, sample(bytes)), refused = 0;
    for (size_t i = 0; i < len * 8; i++) {
        svr_metadata_facts f;
        uint8_t *copy = malloc(len); /* for the sanitizer: exactly so many bytes */
        memcpy(copy, bytes, len);
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
        svr_drop reason = svr_metadata_consume(copy, len, &f);
        assert_true(reason == SVR_DROP_NONE || reason == SVR_DROP_METADATA_MALFORMED);
        refused += reason != SVR_DROP_NONE;
        free(copy);
    }
    assert_true(refused > 0 && refused < len * 8);
}

/* docs/protocol.md section 2: of a type that stands twice the first counts. */
static void test_session_metadata_first_of_two_counts(void **state) {
    (void)state;
    uint8_t bytes[SVR_METADATA_SESSION_MAX];
    svr_metadata_facts f;
    svr_tlv_writer w = svr_tlv_writer_make(bytes, sizeof bytes - SVR_AES_BLOCK);
    svr_tlv_put_text(&w, SVR_TLV_TENANT, "first");
    svr_tlv_put_text(&w, SVR_TLV_TENANT, "second");
    svr_tlv_put8(&w, SVR_TLV_PAYLOAD_KEY, 1); /* a health check, not a key */
    svr_tlv_put(&w, 0x9999, "unknown", 7);
    svr_tlv_put8(&w, SVR_TLV_CONTROL, SVR_CONTROL_DISABLE_METADATA);
    svr_tlv_put8(&w, SVR_TLV_CONTROL, SVR_CONTROL_ENABLE_METADATA);
    assert_int_equal(svr_metadata_consume(bytes, svr_pad(bytes, svr_tlv_written(&w)), &f), SVR_DROP_NONE);
    assert_string_equal(f.tenant, "first");
    assert_false(f.has_key);
    assert_int_equal(f.control, SVR_CONTROL_DISABLE_METADATA);
}

static void test_session_longest_metadata_fits(void **state) {
    (void)state;
    net *t = net_new(2, 6);
    char name[SVR_NAME_MAX + 1];
    memset(name, 'n', SVR_NAME_MAX);
    name[SVR_NAME_MAX] = 0;
    t->tenants[0].name = name;
    t->services[TO_B].name = name;
    t->securities[1].name = name;
    t->services[TO_B].security = &t->securities[1];
    spec s = {.proto = SVR_PROTO_ICMP, .src = "fd01::10", .dst = "fd02::20", .sport = 5, .text = "echo"};
    send(t, 0, &s);
    expect_on_lan(t, 1, &s);
    s.proto = SVR_PROTO_TCP;
    send(t, 0, &s);
    expect_on_lan(t, 1, &s);
    net_del(t);
}

static void test_session_sizes(void **state) {
    (void)state;
    static const struct {
        uint8_t outer;
        int service;
        uint32_t mtu;
        size_t text_max;
    } table[] = {
        {4, TO_B, 1500, 1407},      /* 1500 - 28 - 8 - 48 = 1416: 88 blocks, less 1 */
        {6, TO_B, 1500, 1391},      /* 1396: 87 blocks */
        {4, SHORT_TAG, 1500, 1439}, /* 1440: 90 blocks exactly */
        {4, CLEAR, 1500, 1416},     /* no padding */
        {4, TO_B, 60, 0},           {4, TO_B, 100, 15},
    };
    static const char *const dst[] = {[TO_B] = "10.2.0.1", [CLEAR] = "10.3.0.1", [SHORT_TAG] = "10.4.0.1"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        net *t = net_new(2, table[i].outer);
        spec s = udp4;
        s.dst = dst[table[i].service];
        send(t, 0, &s);
        const svr_session *x = first_session(t, 0);
        t->node[0].ifs[3].mtu = table[i].mtu;
        size_t most = svr_session_text_max(x, &x->leg[SVR_TARGET]);
        assert_int_equal(most, table[i].text_max);
        if (most) {
            assert_true(svr_session_body_len(x, most) <= svr_leg_room(&x->leg[SVR_TARGET]));
            assert_true(svr_session_body_len(x, most + 1) > svr_leg_room(&x->leg[SVR_TARGET]));
        }
        net_del(t);
    }
}

static void test_session_waypoints_need_an_even_and_an_odd_port(void **state) {
    (void)state;
    static const struct {
        svr_port_range ports;
        bool found;
    } table[] = {{{20000, 20000}, false},
                 {{20001, 20001}, false},
                 {{20000, 20001}, true},
                 {{20001, 20002}, true},
                 {{65533, 65534}, true}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        net *t = net_new(2, 4);
        svr_tuple arrival;
        t->hood.ports = table[i].ports;
        svr_path *path = &t->node[0].peers.peer[1].path[0];
        assert_int_equal(svr_waypoint_choose(&t->node[0].forward->sessions, path, SVR_PROTO_UDP, &arrival),
                         table[i].found);
        if (table[i].found) assert_true(arrival.dport % 2 == 0 && arrival.sport % 2 == 1);
        net_del(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_metadata_is_read_back),
        cmocka_unit_test(test_session_metadata_truncations),
        cmocka_unit_test(test_session_metadata_flipped_bits),
        cmocka_unit_test(test_session_metadata_first_of_two_counts),
        cmocka_unit_test(test_session_longest_metadata_fits),
        cmocka_unit_test(test_session_sizes),
        cmocka_unit_test(test_session_waypoints_need_an_even_and_an_odd_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * core/wire: IP, TCP, UDP and ICMP headers, checksums, MSS, ICMP errors. The fixed octets come from an
 * implementation of the checksum of its own, not from core/wire. */
#include "octets.h"
#include "svr/wire.h"

#define UDP_V4                                                                                               \
    "45b80021 00004000 40116e10 0a010002 c0000201"                                                           \
    "4000 4001 000d 6ffc 68656c6c6f"
#define UDP_V4_OPTIONS                                                                                       \
    "46000025 00004000 40116bc3 0a010002 c0000201 01010100"                                                  \
    "4000 4001 000d 6ffc 68656c6c6f"
#define TCP_V4                                                                                               \
    "45000030 12344000 4006 5c90 0a010002 c0000201"                                                          \
    "3039 01bb 00000001 00000000 7002 7210 140f 0000 020405b4 01030307"
#define ECHO_V4                                                                                              \
    "4500001d 00004000 40016edc 0a010002 c0000201"                                                           \
    "0800 84ca 1234 0001 61"
#define UNREACHABLE_V4                                                                                       \
    "45000030 00004000 40016ec9 0a010002 c0000201"                                                           \
    "0301 fcfe 00000000 0000000000000000000000000000000000000000"
#define FIRST_V4                                                                                             \
    "4500002c 00072000 40118eb6 0a010002 c0000201"                                                           \
    "1388 0035 0048 1f9d 00000000000000000000000000000000"
#define LATER_V4                                                                                             \
    "45000024 00070003 4011aebb 0a010002 c0000201"                                                           \
    "00000000000000000000000000000000"
#define ADDRS_V6 "20010db8000000000000000000000001 20010db8000000000000000000000002"
#define UDP_V6 "6b800000 000d1140" ADDRS_V6 "4000 4001 000d e08b 68656c6c6f"
#define TCP_V6 "60000000 00180640" ADDRS_V6 "3039 01bb 00000001 00000000 6002 7210 98c0 0000 020405a0"
#define ECHO_V6 "60000000 00093a40" ADDRS_V6 "8000 b111 1234 0001 61"
#define HOP_BY_HOP "2b00010400000000"
#define ROUTING "3c02040000000000000000000000000000000000 00000000"
#define DESTINATION "1100010400000000"
#define EXTENSIONS_V6 "60000000 00310040" ADDRS_V6 HOP_BY_HOP ROUTING DESTINATION "0001 0002 0009 2c64 78"
#define FIRST_V6                                                                                             \
    "60000000 00202c40" ADDRS_V6 "1100000100000009"                                                          \
    "1388 0035 0048 902c 00000000000000000000000000000000"
#define LATER_V6                                                                                             \
    "60000000 00182c40" ADDRS_V6 "1100001800000009"                                                          \
    "00000000000000000000000000000000"

static const char *const datagrams[] = {UDP_V4,   UDP_V4_OPTIONS, TCP_V4,       ECHO_V4, UNREACHABLE_V4,
                                        FIRST_V4, LATER_V4,       UDP_V6,       TCP_V6,  ECHO_V6,
                                        FIRST_V6, LATER_V6,       EXTENSIONS_V6};
#define DATAGRAMS (sizeof datagrams / sizeof *datagrams)

static svr_addr addr(const char *text) {
    svr_addr a = {0};
    assert_true(svr_addr_parse(text, &a));
    return a;
}

/* ---- checksums ------------------------------------------------------------------------------ */

static void test_checksum_adds_the_example_of_rfc_1071(void **state) {
    (void)state;
    octets o = octets_hex("0001 f203 f4f5 f6f7");
    assert_int_equal(svr_checksum_add(0, o.p, o.len), 0xddf2);
    assert_int_equal(svr_checksum_add(svr_checksum_add(0, o.p, 2), o.p + 2, 6), 0xddf2);
    assert_int_equal(svr_checksum_add(0xddf2, NULL, 0), 0xddf2);
    octets_free(&o);
    assert_int_equal(svr_checksum_fold(0x2ddf0), 0xddf2);
    assert_int_equal(svr_checksum_fold(UINT32_MAX), 0xffff);
}

static uint32_t slow_sum(const uint8_t *p, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void test_checksum_agrees_with_a_slow_one_at_every_length_and_alignment(void **state) {
    (void)state;
    uint8_t buf[300];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof buf; i++)
        buf[i] = i < 100 ? 0xff : (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    for (size_t from = 0; from < 120; from += 7)
        for (size_t len = 0; from + len <= sizeof buf; len++) {
            octets o = octets_copy(buf + from, len);
            assert_int_equal(svr_checksum_add(0, o.p, len), slow_sum(buf + from, len));
            assert_int_equal(svr_checksum_add(0, buf + from, len), slow_sum(buf + from, len));
            octets_free(&o);
        }
}

static void assert_l4_checksum_notices_every_bit(const char *hex) {
    octets o = octets_hex(hex);
    svr_ip ip;
    assert_int_equal(svr_ip_decode(o.p, o.len, &ip), SVR_IP_OK);
    uint8_t *l4 = o.p + ip.header_len;
    const svr_flow *f = &ip.flow;
    assert_true(svr_l4_checksum_ok(l4, ip.l4_len, f->proto, &f->src, &f->dst));
    for (size_t bit = 0; bit < ip.l4_len * 8u; bit++) {
        l4[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        assert_false(svr_l4_checksum_ok(l4, ip.l4_len, f->proto, &f->src, &f->dst));
        l4[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
    }
    octets want = octets_copy(o.p, o.len);
    size_t at = f->proto == SVR_PROTO_TCP ? 16 : f->proto == SVR_PROTO_UDP ? 6 : 2;
    memset(l4 + at, 0x5a, 2);
    svr_l4_checksum_set(l4, ip.l4_len, f->proto, &f->src, &f->dst);
    assert_memory_equal(o.p, want.p, o.len);
    octets_free(&want);
    octets_free(&o);
}

static void test_l4_checksum_sets_and_checks_each_protocol(void **state) {
    (void)state;
    static const char *const whole[] = {UDP_V4, TCP_V4, ECHO_V4, UNREACHABLE_V4,
                                        UDP_V6, TCP_V6, ECHO_V6, EXTENSIONS_V6};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        assert_l4_checksum_notices_every_bit(whole[i]);
}

static void test_l4_checksum_zero_means_none_in_ipv4_only(void **state) {
    (void)state;
    uint8_t udp[] = {0, 1, 0, 2, 0, 10, 0, 0, 0xaa, 0xbb};
    svr_addr a = addr("10.1.0.2"), b = addr("192.0.2.1"), a6 = addr("::2"), b6 = addr("::3");
    assert_true(svr_l4_checksum_ok(udp, sizeof udp, SVR_PROTO_UDP, &a, &b));
    assert_false(svr_l4_checksum_ok(udp, sizeof udp, SVR_PROTO_UDP, &a6, &b6));
}

static void test_l4_checksum_leaves_other_protocols_and_short_segments_alone(void **state) {
    (void)state;
    svr_addr a = addr("10.1.0.2"), b = addr("192.0.2.1");
    static const struct {
        uint8_t proto;
        size_t len;
    } cases[] = {{47, 32}, {50, 32}, {SVR_PROTO_TCP, 17}, {SVR_PROTO_UDP, 7}, {SVR_PROTO_ICMP, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t gone[32], as_was[32];
        memset(gone, 0x11, sizeof gone);
        memcpy(as_was, gone, sizeof gone);
        svr_l4_checksum_set(gone, cases[i].len, cases[i].proto, &a, &b);
        assert_memory_equal(gone, as_was, sizeof gone);
        assert_false(svr_l4_checksum_ok(gone, cases[i].len, cases[i].proto, &a, &b));
    }
}

static void test_udp_computed_zero_goes_out_as_ones(void **state) {
    (void)state;
    octets o = octets_hex("5555 5555 5555 5555 33d3");
    svr_addr a = addr("10.1.0.2"), b = addr("192.0.2.1");
    svr_udp_encode(o.p, &a, &b, 1, 2, 2);
    octets_assert_hex(o.p, o.len, "0001 0002 000a ffff 33d3");
    assert_true(svr_l4_checksum_ok(o.p, o.len, SVR_PROTO_UDP, &a, &b));
    octets_free(&o);
}

/* ---- encoding ------------------------------------------------------------------------------- */

static void test_ip_encodes_golden_headers(void **state) {
    (void)state;
    uint8_t out[SVR_IP_HEADER_MAX];
    svr_ip_header h = {.src = addr("192.168.0.1"),
                       .dst = addr("192.168.0.199"),
                       .proto = SVR_PROTO_UDP,
                       .ttl = 64,
                       .dont_fragment = true,
                       .l4_len = 95};
    assert_int_equal(svr_ip_encode(&h, out), 20);
    octets_assert_hex(out, 20, "4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7");
    h.src = addr("2001:db8::1");
    h.dst = addr("2001:db8::2");
    h.tos = 0xb8;
    h.l4_len = 13;
    assert_int_equal(svr_ip_encode(&h, out), 40);
    octets_assert_hex(out, 40, "6b800000 000d1140" ADDRS_V6);
    assert_int_equal(svr_ip_header_len(4), 20);
    assert_int_equal(svr_ip_header_len(6), 40);
}

/* Decodes a datagram and writes it again from what was decoded. */
static void assert_round_trip(const char *hex) {
    octets o = octets_hex(hex), again = octets_hex(hex);
    svr_ip ip;
    assert_int_equal(svr_ip_decode(o.p, o.len, &ip), SVR_IP_OK);
    const svr_ip_header h = {.src = ip.flow.src,
                             .dst = ip.flow.dst,
                             .proto = ip.flow.proto,
                             .tos = ip.tos,
                             .ttl = ip.ttl,
                             .dont_fragment = ip.dont_fragment,
                             .id = svr_addr_size(&ip.flow.src) == 4 ? (uint16_t)(o.p[4] << 8 | o.p[5]) : 0,
                             .l4_len = ip.l4_len};
    memset(again.p, 0xee, ip.header_len);
    assert_int_equal(svr_ip_encode(&h, again.p), ip.header_len);
    if (h.proto == SVR_PROTO_UDP) {
        memset(again.p + ip.header_len, 0xee, SVR_UDP_HEADER_LEN);
        svr_udp_encode(again.p + ip.header_len, &h.src, &h.dst, ip.flow.sport, ip.flow.dport,
                       ip.l4_len - (size_t)SVR_UDP_HEADER_LEN);
    }
    assert_memory_equal(again.p, o.p, o.len);
    octets_free(&o);
    octets_free(&again);
}

static void test_ip_round_trips(void **state) {
    (void)state;
    static const char *const plain[] = {UDP_V4, TCP_V4, ECHO_V4, UDP_V6, TCP_V6, ECHO_V6};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_round_trip(plain[i]);
}

/* ---- decoding ------------------------------------------------------------------------------- */

static void test_ip_decodes_what_each_datagram_says(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        uint8_t family, proto;
        bool has_ports, fragment, dont_fragment;
        uint16_t sport, dport, header_len, l4_len, l4_header_len;
        uint8_t tos, tcp_flags;
    } cases[] = {
        {UDP_V4, 4, 17, true, false, true, 16384, 16385, 20, 13, 8, 0xb8, 0},
        {UDP_V4_OPTIONS, 4, 17, true, false, true, 16384, 16385, 24, 13, 8, 0, 0},
        {TCP_V4, 4, 6, true, false, true, 12345, 443, 20, 28, 28, 0, 2},
        {ECHO_V4, 4, 1, true, false, true, 0x1234, 0x1234, 20, 9, 8, 0, 0},
        {UNREACHABLE_V4, 4, 1, false, false, true, 0, 0, 20, 28, 8, 0, 0},
        {FIRST_V4, 4, 17, true, true, false, 5000, 53, 20, 24, 8, 0, 0},
        {LATER_V4, 4, 17, false, true, false, 0, 0, 20, 16, 0, 0, 0},
        {UDP_V6, 6, 17, true, false, true, 16384, 16385, 40, 13, 8, 0xb8, 0},
        {TCP_V6, 6, 6, true, false, true, 12345, 443, 40, 24, 24, 0, 2},
        {ECHO_V6, 6, 58, true, false, true, 0x1234, 0x1234, 40, 9, 8, 0, 0},
        {EXTENSIONS_V6, 6, 17, true, false, true, 1, 2, 80, 9, 8, 0, 0},
        {FIRST_V6, 6, 17, true, true, true, 5000, 53, 48, 24, 8, 0, 0},
        {LATER_V6, 6, 17, false, true, true, 0, 0, 48, 16, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octets o = octets_hex(cases[i].hex);
        bool v4 = cases[i].family == 4;
        svr_addr src = addr(v4 ? "10.1.0.2" : "2001:db8::1"), dst = addr(v4 ? "192.0.2.1" : "2001:db8::2");
        svr_ip ip;
        assert_int_equal(svr_ip_decode(o.p, o.len, &ip), SVR_IP_OK);
        assert_true(svr_addr_equal(&ip.flow.src, &src) && svr_addr_equal(&ip.flow.dst, &dst));
        assert_int_equal(ip.flow.proto, cases[i].proto);
        assert_int_equal(ip.has_ports, cases[i].has_ports);
        assert_int_equal(ip.fragment, cases[i].fragment);
        assert_int_equal(ip.dont_fragment, cases[i].dont_fragment);
        assert_int_equal(ip.flow.sport, cases[i].sport);
        assert_int_equal(ip.flow.dport, cases[i].dport);
        assert_int_equal(ip.header_len, cases[i].header_len);
        assert_int_equal(ip.l4_len, cases[i].l4_len);
        assert_int_equal(ip.l4_header_len, cases[i].l4_header_len);
        assert_int_equal(ip.tos, cases[i].tos);
        assert_int_equal(ip.ttl, 64);
        assert_int_equal(ip.tcp_flags, cases[i].tcp_flags);
        octets_free(&o);
    }
}

/* Echo replies are echo too; other ICMP, and ICMP of the other family, have no ports. */
static void test_ip_knows_echo_by_type_and_family(void **state) {
    (void)state;
    for (unsigned type = 0; type < 256; type++)
        for (int i = 0; i < 4; i++) {
            bool v4 = i & 1, own = i & 2;
            octets o = octets_hex(v4 ? ECHO_V4 : ECHO_V6);
            svr_ip ip;
            o.p[v4 ? 20 : 40] = (uint8_t)type;
            if (!own && v4) {
                o.p[9] = SVR_PROTO_ICMPV6;
                o.p[11] = (uint8_t)(o.p[11] - (SVR_PROTO_ICMPV6 - SVR_PROTO_ICMP));
            } else if (!own)
                o.p[6] = SVR_PROTO_ICMP;
            assert_int_equal(svr_ip_decode(o.p, o.len, &ip), SVR_IP_OK);
            bool echo = v4 ? type == 0 || type == 8 : type == 128 || type == 129;
            assert_int_equal(ip.has_ports, own && echo);
            assert_int_equal(ip.l4_header_len, own ? 8 : 0);
            octets_free(&o);
        }
}

static void test_ip_cuts_link_padding(void **state) {
    (void)state;
    for (size_t i = 0; i < DATAGRAMS; i++) {
        octets o = octets_hex(datagrams[i]);
        uint8_t padded[256] = {0};
        svr_ip plain, with;
        memcpy(padded, o.p, o.len);
        assert_int_equal(svr_ip_decode(o.p, o.len, &plain), SVR_IP_OK);
        assert_int_equal(svr_ip_decode(padded, o.len + 46, &with), SVR_IP_OK);
        assert_int_equal(with.l4_len, plain.l4_len);
        octets_free(&o);
    }
}

static void test_ip_follows_the_udp_length_within_the_payload(void **state) {
    (void)state;
    for (unsigned len = 0; len < 20; len++) {
        octets o = octets_hex(UDP_V4), o6 = octets_hex(UDP_V6);
        svr_ip ip = {.l4_len = 99};
        bool good = len >= 8 && len <= 13;
        o.p[25] = o6.p[45] = (uint8_t)len;
        assert_int_equal(svr_ip_decode(o.p, o.len, &ip), good ? SVR_IP_OK : SVR_IP_BAD_L4);
        assert_int_equal(ip.l4_len, good ? len : 99);
        assert_int_equal(svr_ip_decode(o6.p, o6.len, &ip), good ? SVR_IP_OK : SVR_IP_BAD_L4);
        octets_free(&o);
        octets_free(&o6);
    }
}

static void test_ip_refuses_bad_datagrams(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        svr_ip_result want;
    } cases[] = {
        {"", SVR_IP_BAD_VERSION},
        {"55000014 00000000 40000000 0a010002 c0000201", SVR_IP_BAD_VERSION},
        {"44000014 00000000 40000000 0a010002 c0000201", SVR_IP_BAD_LENGTH}, /* header below 20 */
        {"45000013 00000000 40000000 0a010002 c0000201", SVR_IP_BAD_LENGTH}, /* total below header */
        {"45000015 00000000 40000000 0a010002 c0000201", SVR_IP_BAD_LENGTH}, /* total past the end */
        {"46000014 00000000 40000000 0a010002 c0000201", SVR_IP_BAD_LENGTH}, /* options past the end */
        {"45b80021 00004000 40116e11 0a010002 c0000201 4000 4001 000d 6ffc 68656c6c6f", SVR_IP_BAD_CHECKSUM},
        {"60000000 00013b40" ADDRS_V6, SVR_IP_BAD_LENGTH},
        {"60000000 00040040" ADDRS_V6 "3b000104", SVR_IP_BAD_LENGTH},         /* half an extension */
        {"60000000 00080040" ADDRS_V6 "3b01010400000000", SVR_IP_BAD_LENGTH}, /* extension past the end */
        {"60000000 00071140" ADDRS_V6 "00010002000700", SVR_IP_BAD_L4},       /* half a UDP header */
        {"60000000 00073a40" ADDRS_V6 "80000000123400", SVR_IP_BAD_L4},       /* half an ICMP header */
        {"60000000 00140640" ADDRS_V6 "303901bb0000000100000000 4002 7210 00000000", SVR_IP_BAD_L4},
        {"60000000 00140640" ADDRS_V6 "303901bb0000000100000000 6002 7210 00000000", SVR_IP_BAD_L4},
        {"60000000 00003b40" ADDRS_V6, SVR_IP_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octets o = octets_hex(cases[i].hex);
        svr_ip ip;
        assert_int_equal(svr_ip_decode(o.p, o.len, &ip), cases[i].want);
        octets_free(&o);
    }
}

static void test_ip_bounds_the_chain_of_extension_headers(void **state) {
    (void)state;
    static const uint8_t header[40] = {0x60, [6] = 60, [7] = 64, [23] = 1, [39] = 2};
    for (size_t n = 1; n < 12; n++) {
        octets o = {.p = calloc(1, 40 + 8 * n), .len = 40 + 8 * n};
        svr_ip ip;
        memcpy(o.p, header, sizeof header);
        o.p[5] = (uint8_t)(8 * n);
        for (size_t i = 0; i < n; i++)
            o.p[40 + 8 * i] = i + 1 < n ? 60 : 59;
        assert_int_equal(svr_ip_decode(o.p, o.len, &ip), n <= 8 ? SVR_IP_OK : SVR_IP_BAD_LENGTH);
        octets_free(&o);
    }
}

static void look_at_ip(uint8_t *p, size_t len, size_t whole, size_t bit) {
    svr_ip ip, as_was;
    memset(&ip, 0xa5, sizeof ip);
    memcpy(&as_was, &ip, sizeof ip);
    svr_ip_result got = svr_ip_decode(p, len, &ip);
    if (len < whole) assert_int_not_equal(got, SVR_IP_OK);
    if (bit < 160 && whole && p[0] >> 4 == 4) assert_int_not_equal(got, SVR_IP_OK);
    if (got != SVR_IP_OK) {
        assert_memory_equal(&ip, &as_was, sizeof ip);
        return;
    }
    assert_true((size_t)ip.header_len + ip.l4_len <= len);
    assert_true(ip.l4_header_len <= ip.l4_len);
    assert_true(!ip.has_ports || ip.l4_header_len);
}

static void test_ip_survives_mutilation(void **state) {
    (void)state;
    for (size_t i = 0; i < DATAGRAMS; i++)
        octets_mutilate(datagrams[i], look_at_ip);
}

/* ---- MSS ------------------------------------------------------------------------------------ */

#define TCP_FIXED "303901bb 00000001 00000000"

/* Clamps a segment with the given third word and options to 1300; checks the checksum behind it. */
static bool clamp(const char *hex, octets *o) {
    svr_addr a = addr("10.1.0.2"), b = addr("192.0.2.1");
    *o = octets_hex(hex);
    svr_l4_checksum_set(o->p, o->len, SVR_PROTO_TCP, &a, &b);
    octets before = octets_copy(o->p, o->len);
    bool changed = svr_tcp_clamp_mss(o->p, o->len, 1300);
    if (!changed) assert_memory_equal(o->p, before.p, o->len);
    if (o->len > 18) assert_true(svr_l4_checksum_ok(o->p, o->len, SVR_PROTO_TCP, &a, &b));
    octets_free(&before);
    return changed;
}

static void test_mss_is_lowered_wherever_the_option_stands(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        size_t at;
    } cases[] = {
        {TCP_FIXED "6002 7210 0000 0000 020405b4", 20},
        {TCP_FIXED "6012 7210 0000 0000 020405b4", 20},                    /* SYN and ACK */
        {TCP_FIXED "7002 7210 0000 0000 01020405b4 000000", 21},           /* odd offset */
        {TCP_FIXED "7002 7210 0000 0000 0101020405b4 0000", 22},           /* two NOPs */
        {TCP_FIXED "8002 7210 0000 0000 0402 030307 020405b4 010100", 25}, /* behind others */
        {TCP_FIXED "7002 7210 0000 0000 fe03aa 020405b4 00", 23},          /* behind an unknown one */
        {TCP_FIXED "6002 7210 0000 0000 0204ffff 68656c6c6f", 20},         /* with payload of odd length */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octets o;
        assert_true(clamp(cases[i].hex, &o));
        octets_assert_hex(o.p + cases[i].at, 4, "02040514");
        octets_free(&o);
    }
}

static void test_mss_is_left_alone_otherwise(void **state) {
    (void)state;
    static const char *const cases[] = {
        TCP_FIXED "6010 7210 0000 0000 020405b4",           /* no SYN */
        TCP_FIXED "6002 7210 0000 0000 02040514",           /* just right */
        TCP_FIXED "6002 7210 0000 0000 02040218",           /* smaller already */
        TCP_FIXED "5002 7210 0000 0000 020405b4",           /* payload that looks like it */
        TCP_FIXED "7002 7210 0000 0000 00 020405b4 000000", /* behind the end of options */
        TCP_FIXED "7002 7210 0000 0000 fe00 020405b4 0000", /* an option of length 0 */
        TCP_FIXED "7002 7210 0000 0000 fe01 020405b4 0000", /* of length 1 */
        TCP_FIXED "7002 7210 0000 0000 fe40 020405b4 0000", /* past the options */
        TCP_FIXED "6002 7210 0000 0000 020305b4",           /* an MSS of 3 bytes */
        TCP_FIXED "6002 7210 0000 0000 01010102",           /* cut behind its kind */
        TCP_FIXED "6002 7210 0000 0000 01010204",           /* cut behind its length */
        TCP_FIXED "7002 7210 0000 0000 020405b4",           /* header past the end */
        TCP_FIXED "4002 7210 0000 0000 020405b4",           /* header below 20 */
        TCP_FIXED "6002 7210 0000",                         /* cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octets o;
        assert_false(clamp(cases[i], &o));
        octets_free(&o);
    }
}

static void look_at_mss(uint8_t *p, size_t len, size_t whole, size_t bit) {
    svr_addr a = addr("10.1.0.2"), b = addr("192.0.2.1");
    (void)bit;
    if (len > 18) svr_l4_checksum_set(p, len, SVR_PROTO_TCP, &a, &b);
    bool changed = svr_tcp_clamp_mss(p, len, 1300);
    if (len < whole) assert_false(changed);
    if (changed) assert_true(svr_l4_checksum_ok(p, len, SVR_PROTO_TCP, &a, &b));
}

static void test_mss_survives_mutilation(void **state) {
    (void)state;
    octets_mutilate(TCP_FIXED "8002 7210 0000 0000 0402 030307 020405b4 010100", look_at_mss);
}

/* ---- ICMP errors ---------------------------------------------------------------------------- */

static size_t answer(svr_icmp_error what, uint32_t mtu, const char *orig, uint8_t out[1280]) {
    octets o = octets_hex(orig);
    svr_addr src = addr(o.len && o.p[0] >> 4 == 6 ? "2001:db8::ff" : "10.1.0.1");
    size_t n = svr_icmp_error_encode(what, mtu, &src, o.p, o.len, out, 1280);
    octets_free(&o);
    return n;
}

static void test_icmp_error_encodes_golden_octets(void **state) {
    (void)state;
    uint8_t out[1280];
    size_t n = answer(SVR_ICMP_TTL_EXCEEDED, 0, UDP_V4 "0000000000000000", out); /* padding is not quoted */
    octets_assert_hex(out, n,
                      "45c0003d 00004000 400125fc 0a010001 0a010002"
                      "0b00 c122 00000000" UDP_V4);
    n = answer(SVR_ICMP_TOO_BIG, 1280, UDP_V6, out);
    octets_assert_hex(out, n,
                      "6c000000 003d3a40 20010db80000000000000000000000ff 20010db8000000000000000000000001"
                      "0200 1f67 00000500" UDP_V6);
}

static void test_icmp_error_has_type_code_and_mtu(void **state) {
    (void)state;
    static const struct {
        svr_icmp_error what;
        const char *v4, *v6;
    } cases[] = {{SVR_ICMP_TTL_EXCEEDED, "0b00", "0300"},
                 {SVR_ICMP_PROHIBITED, "030d", "0101"},
                 {SVR_ICMP_UNREACHABLE, "0300", "0100"},
                 {SVR_ICMP_TOO_BIG, "0304", "0200"}};
    uint8_t out[1280];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool too_big = cases[i].what == SVR_ICMP_TOO_BIG;
        assert_int_not_equal(answer(cases[i].what, 1400, TCP_V4, out), 0);
        octets_assert_hex(out + 20, 2, cases[i].v4);
        octets_assert_hex(out + 24, 4, too_big ? "00000578" : "00000000");
        assert_int_not_equal(answer(cases[i].what, 1400, TCP_V6, out), 0);
        octets_assert_hex(out + 40, 2, cases[i].v6);
        octets_assert_hex(out + 44, 4, too_big ? "00000578" : "00000000");
    }
    assert_int_not_equal(answer(SVR_ICMP_TOO_BIG, 70000, TCP_V4, out), 0);
    octets_assert_hex(out + 24, 4, "0000ffff"); /* no more than IPv4 has room for */
}

static void test_icmp_error_quotes_as_much_as_is_allowed(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        uint8_t orig[1500] = {0}, out[1280];
        svr_ip_header h = {.src = addr(family == 4 ? "10.1.0.2" : "2001:db8::1"),
                           .dst = addr(family == 4 ? "192.0.2.1" : "2001:db8::2"),
                           .proto = 47,
                           .ttl = 1};
        svr_addr src = addr(family == 4 ? "10.1.0.1" : "2001:db8::ff");
        h.l4_len = (uint16_t)(sizeof orig - svr_ip_header_len(h.src.family));
        svr_ip_encode(&h, orig);
        size_t whole = family == 4 ? 576 : 1280, header = svr_ip_header_len(h.src.family);
        assert_int_equal(svr_icmp_error_encode(SVR_ICMP_UNREACHABLE, 0, &src, orig, sizeof orig, out, whole),
                         whole);
        assert_memory_equal(out + header + 8, orig, whole - header - 8);
        assert_int_equal(
            svr_icmp_error_encode(SVR_ICMP_UNREACHABLE, 0, &src, orig, sizeof orig, out, whole - 1), 0);
    }
}

/* Puts other addresses, fragment field or ICMP type into a datagram and asks for an answer. */
static size_t answer_changed(const char *hex, const char *src, const char *dst, uint16_t fragment, int type) {
    octets o = octets_hex(hex);
    bool v4 = o.p[0] >> 4 == 4;
    svr_addr s = addr(src), d = addr(dst), me = addr(v4 ? "10.1.0.1" : "2001:db8::ff");
    uint8_t out[1280];
    memcpy(o.p + (v4 ? 12 : 8), s.bytes, v4 ? 4 : 16);
    memcpy(o.p + (v4 ? 16 : 24), d.bytes, v4 ? 4 : 16);
    if (type >= 0) o.p[v4 ? 20 : 40] = (uint8_t)type;
    if (v4) {
        o.p[6] = (uint8_t)(fragment >> 8);
        o.p[7] = (uint8_t)fragment;
        o.p[10] = o.p[11] = 0;
        uint16_t sum = (uint16_t)~svr_checksum_add(0, o.p, 20);
        o.p[10] = (uint8_t)(sum >> 8);
        o.p[11] = (uint8_t)sum;
    }
    svr_ip ip;
    assert_int_equal(svr_ip_decode(o.p, o.len, &ip), SVR_IP_OK);
    size_t n = svr_icmp_error_encode(SVR_ICMP_UNREACHABLE, 0, &me, o.p, o.len, out, sizeof out);
    octets_free(&o);
    return n;
}

static void test_icmp_error_never_answers_an_icmp_error(void **state) {
    (void)state;
    static const int v4_errors[] = {3, 4, 5, 11, 12}, v6_errors[] = {1, 2, 3, 4, 127, 137};
    static const int v4_queries[] = {0, 8, 13, 14}, v6_queries[] = {128, 129, 135};
    const char *a = "10.1.0.2", *b = "192.0.2.1", *a6 = "2001:db8::1", *b6 = "2001:db8::2";
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(answer_changed(ECHO_V4, a, b, 0, v4_errors[i]), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(answer_changed(ECHO_V6, a6, b6, 0, v6_errors[i]), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_not_equal(answer_changed(ECHO_V4, a, b, 0, v4_queries[i]), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_not_equal(answer_changed(ECHO_V6, a6, b6, 0, v6_queries[i]), 0);
}

static void test_icmp_error_answers_only_first_fragments(void **state) {
    (void)state;
    uint8_t out[1280];
    assert_int_not_equal(answer_changed(UDP_V4, "10.1.0.2", "192.0.2.1", 0x2000, -1), 0);
    assert_int_equal(answer_changed(UDP_V4, "10.1.0.2", "192.0.2.1", 0x2001, -1), 0);
    assert_int_equal(answer_changed(UDP_V4, "10.1.0.2", "192.0.2.1", 0x0001, -1), 0);
    assert_int_not_equal(answer(SVR_ICMP_UNREACHABLE, 0, FIRST_V6, out), 0);
    assert_int_equal(answer(SVR_ICMP_UNREACHABLE, 0, LATER_V6, out), 0);
}

static void test_icmp_error_answers_single_hosts_about_single_hosts(void **state) {
    (void)state;
    static const char *const v4[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "239.1.2.3", "255.255.255.255"};
    static const char *const v6[] = {"::", "::1", "ff02::1", "ff0e::5"};
    for (size_t i = 0; i < sizeof v4 / sizeof *v4; i++) {
        assert_int_equal(answer_changed(UDP_V4, v4[i], "192.0.2.1", 0, -1), 0);
        assert_int_equal(answer_changed(UDP_V4, "10.1.0.2", v4[i], 0, -1), 0);
    }
    for (size_t i = 0; i < sizeof v6 / sizeof *v6; i++) {
        assert_int_equal(answer_changed(UDP_V6, v6[i], "2001:db8::2", 0, -1), 0);
        assert_int_equal(answer_changed(UDP_V6, "2001:db8::1", v6[i], 0, -1), 0);
    }
    assert_int_not_equal(answer_changed(UDP_V6, "fe80::1", "::2", 0, -1), 0);
}

static void test_icmp_error_needs_a_source_of_the_same_family(void **state) {
    (void)state;
    octets o = octets_hex(UDP_V4);
    svr_addr none = {0}, other = addr("2001:db8::ff");
    uint8_t out[1280];
    assert_int_equal(svr_icmp_error_encode(SVR_ICMP_TOO_BIG, 1, &none, o.p, o.len, out, sizeof out), 0);
    assert_int_equal(svr_icmp_error_encode(SVR_ICMP_TOO_BIG, 1, &other, o.p, o.len, out, sizeof out), 0);
    octets_free(&o);
}

/* Whatever is answered, the answer is a sound datagram. */
static void look_at_answer(uint8_t *p, size_t len, size_t whole, size_t bit) {
    uint8_t out[1280];
    svr_addr src = addr(len && p[0] >> 4 == 6 ? "2001:db8::ff" : "10.1.0.1");
    size_t n = svr_icmp_error_encode(SVR_ICMP_PROHIBITED, 0, &src, p, len, out, sizeof out);
    svr_ip ip;
    (void)bit;
    if (len < whole) assert_int_equal(n, 0);
    if (!n) return;
    assert_int_equal(svr_ip_decode(out, n, &ip), SVR_IP_OK);
    assert_int_equal((size_t)ip.header_len + ip.l4_len, n);
    assert_true(
        svr_l4_checksum_ok(out + ip.header_len, ip.l4_len, ip.flow.proto, &ip.flow.src, &ip.flow.dst));
}

static void test_icmp_error_survives_mutilation(void **state) {
    (void)state;
    for (size_t i = 0; i < DATAGRAMS; i++)
        octets_mutilate(datagrams[i], look_at_answer);
    /* ICMP of the other family without a single byte of it. */
    octets_mutilate("60000000 00000140" ADDRS_V6, look_at_answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_adds_the_example_of_rfc_1071),
        cmocka_unit_test(test_checksum_agrees_with_a_slow_one_at_every_length_and_alignment),
        cmocka_unit_test(test_l4_checksum_sets_and_checks_each_protocol),
        cmocka_unit_test(test_l4_checksum_zero_means_none_in_ipv4_only),
        cmocka_unit_test(test_l4_checksum_leaves_other_protocols_and_short_segments_alone),
        cmocka_unit_test(test_udp_computed_zero_goes_out_as_ones),
        cmocka_unit_test(test_ip_encodes_golden_headers),
        cmocka_unit_test(test_ip_round_trips),
        cmocka_unit_test(test_ip_decodes_what_each_datagram_says),
        cmocka_unit_test(test_ip_knows_echo_by_type_and_family),
        cmocka_unit_test(test_ip_cuts_link_padding),
        cmocka_unit_test(test_ip_follows_the_udp_length_within_the_payload),
        cmocka_unit_test(test_ip_refuses_bad_datagrams),
        cmocka_unit_test(test_ip_bounds_the_chain_of_extension_headers),
        cmocka_unit_test(test_ip_survives_mutilation),
        cmocka_unit_test(test_mss_is_lowered_wherever_the_option_stands),
        cmocka_unit_test(test_mss_is_left_alone_otherwise),
        cmocka_unit_test(test_mss_survives_mutilation),
        cmocka_unit_test(test_icmp_error_encodes_golden_octets),
        cmocka_unit_test(test_icmp_error_has_type_code_and_mtu),
        cmocka_unit_test(test_icmp_error_quotes_as_much_as_is_allowed),
        cmocka_unit_test(test_icmp_error_never_answers_an_icmp_error),
        cmocka_unit_test(test_icmp_error_answers_only_first_fragments),
        cmocka_unit_test(test_icmp_error_answers_single_hosts_about_single_hosts),
        cmocka_unit_test(test_icmp_error_needs_a_source_of_the_same_family),
        cmocka_unit_test(test_icmp_error_survives_mutilation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

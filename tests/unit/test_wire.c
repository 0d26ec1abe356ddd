/* SPDX-License-Identifier: MIT
 * core/wire: metadata, TLVs, BFD. The fixed octets are the examples of docs/protocol.md. */
#include "octets.h"
#include "svr/wire.h"

#define SIGNED_METADATA                                                                                      \
    "4c48dbc6ddf6670c 1020 0020"                                                                             \
    "0010 0004 00000005 8001 0008 0000000000000007"                                                          \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define CONTEXT_V4 "0002 000d 0a010002 c0000201 3039 01bb 06"
#define CONTEXT_V6 "0005 0025 20010db8000000000000000000000001 20010db8000000000000000000000002 3039 01bb 11"
#define PAYLOAD_KEY "002e 0022 07 01 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BFD_UP "20c00318 11223344 55667788 000f4240 0007a120 00000000"
#define BFD_DOWN_POLL "21600318 11223344 00000000 000f4240 0007a120 00000000"

/* ---- metadata ------------------------------------------------------------------------------- */

static svr_metadata_result decode_hex(const char *hex, octets *o, svr_metadata *m) {
    *o = octets_hex(hex);
    return svr_metadata_decode(o->p, o->len, m);
}

static void test_metadata_finds_its_parts(void **state) {
    (void)state;
    octets o;
    svr_metadata m;
    svr_tlv tlv;
    assert_int_equal(decode_hex(SIGNED_METADATA "68656c6c6f", &o, &m), SVR_METADATA_OK);
    assert_ptr_equal(m.start, o.p);
    assert_ptr_equal(m.header, o.p + 12);
    assert_int_equal(m.header_len, 20);
    assert_ptr_equal(m.payload, o.p + 32);
    assert_int_equal(m.payload_len, 32);
    assert_int_equal(m.total, o.len - 5);
    assert_false(svr_metadata_is_false_positive(&m));
    assert_true(svr_tlv_find(m.header, m.header_len, SVR_TLV_NONCE, &tlv));
    octets_assert_hex(tlv.value, tlv.len, "0000000000000007");
    octets_free(&o);
}

static void test_metadata_encodes_the_golden_octets(void **state) {
    (void)state;
    uint8_t buf[64];
    svr_metadata_encode_header(buf, 20, 32);
    svr_tlv_writer w = svr_tlv_writer_make(buf + SVR_METADATA_HEADER_LEN, 20);
    svr_tlv_put32(&w, SVR_TLV_SECURITY_ID, 5);
    svr_tlv_put64(&w, SVR_TLV_NONCE, 7);
    assert_true(w.ok);
    for (uint8_t i = 0; i < 32; i++)
        buf[32 + i] = (uint8_t)(0xa0 + i);
    octets_assert_hex(buf, sizeof buf, SIGNED_METADATA);
}

static void test_metadata_header_length_goes_up_to_12_bits(void **state) {
    (void)state;
    uint8_t out[SVR_METADATA_HEADER_LEN];
    svr_metadata_encode_header(out, 0xfff - SVR_METADATA_HEADER_LEN, 0xffff);
    octets_assert_hex(out, sizeof out, "4c48dbc6ddf6670c 1fff ffff");
}

static void test_metadata_false_positive_is_a_bare_header(void **state) {
    (void)state;
    octets o;
    svr_metadata m;
    assert_int_equal(decode_hex("4c48dbc6ddf6670c 100c 0000 4c48dbc6ddf6670c", &o, &m), SVR_METADATA_OK);
    assert_true(svr_metadata_is_false_positive(&m));
    assert_int_equal(m.total, 12);
    octets_free(&o);
    assert_int_equal(decode_hex("4c48dbc6ddf6670c 1010 0000 000b0000", &o, &m), SVR_METADATA_OK);
    assert_false(svr_metadata_is_false_positive(&m));
    octets_free(&o);
    assert_int_equal(decode_hex("4c48dbc6ddf6670c 100c 0004 000b0000", &o, &m), SVR_METADATA_OK);
    assert_false(svr_metadata_is_false_positive(&m));
    octets_free(&o);
}

static void test_metadata_refuses_bad_headers(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        svr_metadata_result want;
    } cases[] = {
        {"4c48dbc6ddf6670d 100c 0000", SVR_METADATA_NONE},         /* not the cookie */
        {"4c48dbc6ddf667", SVR_METADATA_NONE},                     /* part of the cookie */
        {"4c48dbc6ddf6670c", SVR_METADATA_BAD},                    /* nothing behind the cookie */
        {"4c48dbc6ddf6670c 000c 0000", SVR_METADATA_BAD},          /* version 0 */
        {"4c48dbc6ddf6670c 200c 0000", SVR_METADATA_BAD},          /* version 2 */
        {"4c48dbc6ddf6670c 1000 0000", SVR_METADATA_BAD},          /* header length 0 */
        {"4c48dbc6ddf6670c 100b 0000", SVR_METADATA_BAD},          /* header length below 12 */
        {"4c48dbc6ddf6670c 1010 0000 000b00", SVR_METADATA_BAD},   /* header past the end */
        {"4c48dbc6ddf6670c 100c 0005 000b0000", SVR_METADATA_BAD}, /* payload past the end */
        {"4c48dbc6ddf6670c 1fff ffff 000b0000", SVR_METADATA_BAD}, /* both */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octets o;
        svr_metadata m = {.total = 99};
        assert_int_equal(decode_hex(cases[i].hex, &o, &m), cases[i].want);
        assert_int_equal(m.total, 99);
        octets_free(&o);
    }
}

static void look_at_metadata(uint8_t *p, size_t len, size_t whole, size_t bit) {
    svr_metadata m = {.total = SIZE_MAX};
    svr_metadata_result got = svr_metadata_decode(p, len, &m);
    if (len < SVR_COOKIE_LEN || bit < SVR_COOKIE_LEN * 8)
        assert_int_equal(got, SVR_METADATA_NONE);
    else if (len < whole || bit < (SVR_COOKIE_LEN * 8 + 4))
        assert_int_equal(got, SVR_METADATA_BAD);
    if (got != SVR_METADATA_OK) {
        assert_int_equal(m.total, SIZE_MAX);
        return;
    }
    assert_true(m.total <= len);
    assert_ptr_equal(m.header, p + SVR_METADATA_HEADER_LEN);
    assert_ptr_equal(m.payload, m.header + m.header_len);
    assert_ptr_equal(p + m.total, m.payload + m.payload_len);
    svr_tlv_well_formed(m.header, m.header_len);
    svr_tlv_well_formed(m.payload, m.payload_len);
}

static void test_metadata_survives_mutilation(void **state) {
    (void)state;
    octets_mutilate(SIGNED_METADATA, look_at_metadata);
    octets_mutilate("4c48dbc6ddf6670c 100c 0000", look_at_metadata);
}

/* ---- TLVs ----------------------------------------------------------------------------------- */

static const svr_flow flow_v4 = {.src = {4, {10, 1, 0, 2}},
                                 .dst = {4, {192, 0, 2, 1}},
                                 .sport = 12345,
                                 .dport = 443,
                                 .proto = SVR_PROTO_TCP};
static const svr_flow flow_v6 = {.src = {6, {0x20, 1, 0x0d, 0xb8, [15] = 1}},
                                 .dst = {6, {0x20, 1, 0x0d, 0xb8, [15] = 2}},
                                 .sport = 12345,
                                 .dport = 443,
                                 .proto = SVR_PROTO_UDP};

static svr_payload_key_tlv make_payload_key(void) {
    svr_payload_key_tlv k = {.phase = 7, .hmac = 1};
    for (uint8_t i = 0; i < SVR_PAYLOAD_KEY_LEN; i++)
        k.key[i] = i;
    return k;
}

static void test_tlv_encodes_every_shape_to_golden_octets(void **state) {
    (void)state;
    static const uint8_t fragment[] = {0, 0, 0, 9, 0x12, 0x34, 0x20, 0, 5, 0xdc};
    const svr_payload_key_tlv key = make_payload_key();
    uint8_t buf[512];
    svr_tlv_writer w = svr_tlv_writer_make(buf, sizeof buf);
    svr_tlv_put(&w, SVR_TLV_FRAGMENT, fragment, sizeof fragment);
    svr_tlv_put(&w, SVR_TLV_SESSION_ENCRYPTED, NULL, 0);
    svr_tlv_put8(&w, SVR_TLV_TRANSPORT, SVR_PROTO_TCP);
    svr_tlv_put_echo(&w, &(svr_echo_tlv){.number = 3, .length = 10, .burst = 7});
    svr_tlv_put8(&w, SVR_TLV_PAYLOAD_KEY, 0);
    svr_tlv_put32(&w, SVR_TLV_SECURITY_ID, 5);
    svr_tlv_put64(&w, SVR_TLV_NONCE, UINT64_C(0x0100000000000007));
    svr_tlv_put_text(&w, SVR_TLV_TENANT, "red");
    svr_tlv_put_context(&w, false, &flow_v4);
    svr_tlv_put_context(&w, true, &flow_v4);
    svr_tlv_put_context(&w, false, &flow_v6);
    svr_tlv_put_context(&w, true, &flow_v6);
    svr_tlv_put_payload_key(&w, &key);
    assert_true(w.ok);
    octets_assert_hex(
        buf, svr_tlv_written(&w),
        "0001 000a 00000009 1234 2000 05dc"
        "000b 0000"
        "8005 0001 06"
        "8006 0008 01030a00 00000007"
        "002e 0001 00"
        "0010 0004 00000005"
        "8001 0008 0100000000000007"
        "0007 0003 726564" CONTEXT_V4 "0004 000d 0a010002 c0000201 3039 01bb 06"
        "0003 0025 20010db8000000000000000000000001 20010db8000000000000000000000002 3039 01bb 11" CONTEXT_V6
            PAYLOAD_KEY);
    assert_true(svr_tlv_well_formed(buf, svr_tlv_written(&w)));
}

static void test_tlv_cursor_walks_to_the_end(void **state) {
    (void)state;
    octets o = octets_hex("000b 0000 7777 0002 abcd 0007 0003 726564");
    static const uint16_t types[] = {11, 0x7777, 7}, lens[] = {0, 2, 3};
    svr_tlv_cursor c = svr_tlv_first(o.p, o.len);
    svr_tlv tlv;
    for (size_t i = 0; i < 3; i++) {
        assert_true(svr_tlv_next(&c, &tlv));
        assert_int_equal(tlv.type, types[i]);
        assert_int_equal(tlv.len, lens[i]);
    }
    octets_assert_hex(tlv.value, tlv.len, "726564");
    assert_false(svr_tlv_next(&c, &tlv));
    assert_true(c.ok);
    octets_free(&o);
    assert_true(svr_tlv_well_formed(NULL, 0));
}

static void test_tlv_cursor_goes_bad_on_a_cut_tlv(void **state) {
    (void)state;
    static const char *const cut[] = {"00", "0007", "000700", "0007 0001", "0007 0003 7265", "0007 ffff 72"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        octets o = octets_hex(cut[i]);
        svr_tlv_cursor c = svr_tlv_first(o.p, o.len);
        svr_tlv tlv = {.type = 99};
        assert_false(svr_tlv_next(&c, &tlv));
        assert_false(c.ok);
        assert_false(svr_tlv_next(&c, &tlv));
        assert_int_equal(tlv.type, 99);
        assert_false(svr_tlv_well_formed(o.p, o.len));
        octets_free(&o);
    }
}

static void test_tlv_find_takes_the_first_and_skips_unknown_types(void **state) {
    (void)state;
    octets o = octets_hex("7777 0001 00 0007 0003 726564 0007 0004 626c7565");
    svr_tlv tlv = {.type = 99};
    assert_false(svr_tlv_find(o.p, o.len, SVR_TLV_SERVICE, &tlv));
    assert_int_equal(tlv.type, 99);
    assert_true(svr_tlv_find(o.p, o.len, SVR_TLV_TENANT, &tlv));
    octets_assert_hex(tlv.value, tlv.len, "726564");
    octets_free(&o);
}

static void test_tlv_writer_stays_bad_and_within_bounds(void **state) {
    (void)state;
    for (size_t size = 0; size < 24; size++) {
        octets o = {.p = malloc(size ? size : 1), .len = size};
        svr_tlv_writer w = svr_tlv_writer_make(o.p, size);
        svr_tlv_put64(&w, SVR_TLV_NONCE, 1);
        svr_tlv_put64(&w, SVR_TLV_NONCE, 2);
        svr_tlv_put(&w, SVR_TLV_TCP_SYN, NULL, 0);
        assert_false(w.ok);
        assert_int_equal(svr_tlv_written(&w), size < 12 ? 0 : 12);
        octets_free(&o);
    }
    uint8_t small[8];
    svr_tlv_writer w = svr_tlv_writer_make(small, sizeof small);
    svr_tlv_put(&w, SVR_TLV_KEX_PART, small, UINT16_MAX + 1);
    assert_false(w.ok);
    assert_int_equal(svr_tlv_written(&w), 0);
}

static bool first_tlv(const octets *o, svr_tlv *tlv) {
    svr_tlv_cursor c = svr_tlv_first(o->p, o->len);
    return svr_tlv_next(&c, tlv);
}

static void test_context_decodes_both_families(void **state) {
    (void)state;
    octets v4 = octets_hex(CONTEXT_V4), v6 = octets_hex(CONTEXT_V6);
    svr_tlv tlv;
    svr_flow got;
    assert_true(first_tlv(&v4, &tlv) && svr_context_decode(&tlv, &got));
    assert_true(svr_flow_equal(&got, &flow_v4));
    assert_true(first_tlv(&v6, &tlv) && svr_context_decode(&tlv, &got));
    assert_true(svr_flow_equal(&got, &flow_v6));
    octets_free(&v4);
    octets_free(&v6);
}

static void test_context_refuses_other_types_and_lengths(void **state) {
    (void)state;
    static const uint8_t zero[64];
    for (uint16_t type = 0; type < 8; type++)
        for (uint16_t len = 0; len < sizeof zero; len++) {
            const svr_tlv tlv = {.type = type, .len = len, .value = zero};
            bool v4 = type == 2 || type == 4, v6 = type == 3 || type == 5;
            svr_flow got;
            assert_int_equal(svr_context_decode(&tlv, &got), (v4 && len == 13) || (v6 && len == 37));
        }
}

/* A changed context is another context or none, never a read past the end. */
static void look_at_context(uint8_t *p, size_t len, size_t whole, size_t bit) {
    uint8_t again[64];
    svr_tlv tlv;
    svr_flow flow;
    const octets o = {p, len};
    bool got = first_tlv(&o, &tlv) && svr_context_decode(&tlv, &flow);
    if (len < whole) assert_false(got);
    if (bit != SIZE_MAX && bit >= 32) assert_true(got);
    if (!got) return;
    svr_tlv_writer w = svr_tlv_writer_make(again, sizeof again);
    svr_tlv_put_context(&w, tlv.type >= SVR_TLV_REVERSE_CONTEXT_V4, &flow);
    assert_int_equal(svr_tlv_written(&w), len);
    assert_memory_equal(again, p, len);
}

static void test_context_survives_mutilation(void **state) {
    (void)state;
    octets_mutilate(CONTEXT_V4, look_at_context);
    octets_mutilate(CONTEXT_V6, look_at_context);
}

static void test_text_takes_names_only(void **state) {
    (void)state;
    uint8_t long_name[SVR_NAME_MAX + 1];
    char out[SVR_NAME_MAX + 1] = "as it was";
    memset(long_name, 'x', sizeof long_name);
    svr_tlv tlv = {.type = SVR_TLV_TENANT, .len = 0, .value = long_name};
    assert_false(svr_text_decode(&tlv, out));
    tlv.len = SVR_NAME_MAX + 1;
    assert_false(svr_text_decode(&tlv, out));
    long_name[5] = 0;
    tlv.len = 6;
    assert_false(svr_text_decode(&tlv, out));
    assert_string_equal(out, "as it was");
    tlv.len = 5;
    assert_true(svr_text_decode(&tlv, out));
    assert_string_equal(out, "xxxxx");
    long_name[5] = 'x';
    tlv.len = SVR_NAME_MAX;
    assert_true(svr_text_decode(&tlv, out));
    assert_int_equal(strlen(out), SVR_NAME_MAX);
}

static void look_at_payload_key(uint8_t *p, size_t len, size_t whole, size_t bit) {
    uint8_t again[64];
    svr_tlv tlv;
    svr_payload_key_tlv key;
    const octets o = {p, len};
    bool got = first_tlv(&o, &tlv) && svr_payload_key_decode(&tlv, &key);
    /* Type, length, and all but the last bit of the HMAC's kind must be right. */
    assert_int_equal(got, len == whole && bit >= 32 && !(bit >= 40 && bit < 47));
    if (!got) return;
    svr_tlv_writer w = svr_tlv_writer_make(again, sizeof again);
    svr_tlv_put_payload_key(&w, &key);
    assert_memory_equal(again, p, len);
}

static void test_payload_key_round_trips_and_survives_mutilation(void **state) {
    (void)state;
    octets o = octets_hex(PAYLOAD_KEY), health = octets_hex("002e 0001 00");
    const svr_payload_key_tlv want = make_payload_key();
    svr_payload_key_tlv got;
    svr_tlv tlv;
    assert_true(first_tlv(&o, &tlv) && svr_payload_key_decode(&tlv, &got));
    assert_memory_equal(&got, &want, sizeof want);
    assert_true(first_tlv(&health, &tlv));
    assert_false(svr_payload_key_decode(&tlv, &got));
    octets_free(&o);
    octets_free(&health);
    octets_mutilate(PAYLOAD_KEY, look_at_payload_key);
}

static void test_tlv_names_are_all_different(void **state) {
    (void)state;
    const char *seen[64];
    size_t n = 0;
    for (uint32_t type = 0; type <= UINT16_MAX; type++) {
        const char *name = svr_tlv_name((uint16_t)type);
        if (strcmp(name, "unknown") == 0) continue;
        for (size_t i = 0; i < n; i++)
            assert_string_not_equal(seen[i], name);
        assert_true(n < 64);
        seen[n++] = name;
    }
    assert_int_equal(n, 40);
    assert_string_equal(svr_tlv_name(SVR_TLV_SECURITY_ID), "security-id");
    assert_string_equal(svr_tlv_name(SVR_TLV_NONCE), "nonce");
}

/* ---- BFD ------------------------------------------------------------------------------------ */

static const svr_bfd_packet bfd_up = {.state = SVR_BFD_UP,
                                      .multiplier = 3,
                                      .my_discriminator = 0x11223344,
                                      .your_discriminator = 0x55667788,
                                      .desired_tx_us = 1000000,
                                      .required_rx_us = 500000};

static void assert_bfd_equal(const svr_bfd_packet *a, const svr_bfd_packet *b) {
    assert_int_equal(a->diag, b->diag);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->poll, b->poll);
    assert_int_equal(a->final, b->final);
    assert_int_equal(a->multiplier, b->multiplier);
    assert_int_equal(a->my_discriminator, b->my_discriminator);
    assert_int_equal(a->your_discriminator, b->your_discriminator);
    assert_int_equal(a->desired_tx_us, b->desired_tx_us);
    assert_int_equal(a->required_rx_us, b->required_rx_us);
    assert_int_equal(a->required_echo_rx_us, b->required_echo_rx_us);
}

static void test_bfd_encodes_the_golden_octets(void **state) {
    (void)state;
    uint8_t out[SVR_BFD_LEN];
    svr_bfd_packet down = bfd_up;
    svr_bfd_encode(&bfd_up, out);
    octets_assert_hex(out, sizeof out, BFD_UP);
    down.diag = 1;
    down.state = SVR_BFD_DOWN;
    down.poll = true;
    down.your_discriminator = 0;
    svr_bfd_encode(&down, out);
    octets_assert_hex(out, sizeof out, BFD_DOWN_POLL);
}

static void test_bfd_round_trips_every_state_and_flag(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4 * 32 * 4; i++) {
        uint8_t out[SVR_BFD_LEN];
        svr_bfd_packet b = bfd_up, got;
        b.state = (svr_bfd_state)(i & 3);
        b.diag = i >> 2 & 31;
        b.poll = i >> 7 & 1;
        b.final = i >> 8 & 1;
        b.required_echo_rx_us = i * 7919;
        svr_bfd_encode(&b, out);
        assert_int_equal(svr_bfd_decode(out, sizeof out, &got), SVR_BFD_OK);
        assert_bfd_equal(&got, &b);
    }
}

static void test_bfd_refuses_what_rfc_5880_refuses(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        svr_bfd_result want;
    } cases[] = {
        {"00c00318 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_VERSION},
        {"40c00318 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_VERSION},
        {"20c00317 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_LENGTH},
        {"20c00319 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_LENGTH},
        {"20c00018 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_MULTIPLIER},
        {"20c10318 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_FLAGS},
        {"20c40318 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_FLAGS},
        {"20c00318 00000000 55667788 000f4240 0007a120 00000000", SVR_BFD_BAD_DISCRIMINATOR},
        {"20c00318 11223344 00000000 000f4240 0007a120 00000000", SVR_BFD_BAD_DISCRIMINATOR},
        {"20800318 11223344 00000000 000f4240 0007a120 00000000", SVR_BFD_BAD_DISCRIMINATOR},
        {"20400318 11223344 00000000 000f4240 0007a120 00000000", SVR_BFD_OK},
        {"20000318 11223344 00000000 000f4240 0007a120 00000000", SVR_BFD_OK},
        {"20ca0318 11223344 55667788 000f4240 0007a120 00000000", SVR_BFD_OK}, /* C and D say nothing to us */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octets o = octets_hex(cases[i].hex);
        svr_bfd_packet b = {.multiplier = 99};
        assert_int_equal(svr_bfd_decode(o.p, o.len, &b), cases[i].want);
        assert_int_equal(b.multiplier, cases[i].want == SVR_BFD_OK ? 3 : 99);
        octets_free(&o);
    }
}

static void look_at_bfd(uint8_t *p, size_t len, size_t whole, size_t bit) {
    uint8_t again[SVR_BFD_LEN];
    svr_bfd_packet b;
    svr_bfd_result got = svr_bfd_decode(p, len, &b);
    if (len < whole) assert_int_equal(got, SVR_BFD_BAD_LENGTH);
    if (bit < 3) assert_int_equal(got, SVR_BFD_BAD_VERSION);
    if (bit >= 24 && bit < 32) assert_int_equal(got, SVR_BFD_BAD_LENGTH);
    if (bit != SIZE_MAX && bit >= 32) assert_int_equal(got, SVR_BFD_OK);
    if (got != SVR_BFD_OK) return;
    svr_bfd_encode(&b, again);
    p[1] &= (uint8_t)~0x0a; /* C and D are not kept */
    assert_memory_equal(again, p, SVR_BFD_LEN);
}

static void test_bfd_survives_mutilation(void **state) {
    (void)state;
    octets_mutilate(BFD_UP, look_at_bfd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_finds_its_parts),
        cmocka_unit_test(test_metadata_encodes_the_golden_octets),
        cmocka_unit_test(test_metadata_header_length_goes_up_to_12_bits),
        cmocka_unit_test(test_metadata_false_positive_is_a_bare_header),
        cmocka_unit_test(test_metadata_refuses_bad_headers),
        cmocka_unit_test(test_metadata_survives_mutilation),
        cmocka_unit_test(test_tlv_encodes_every_shape_to_golden_octets),
        cmocka_unit_test(test_tlv_cursor_walks_to_the_end),
        cmocka_unit_test(test_tlv_cursor_goes_bad_on_a_cut_tlv),
        cmocka_unit_test(test_tlv_find_takes_the_first_and_skips_unknown_types),
        cmocka_unit_test(test_tlv_writer_stays_bad_and_within_bounds),
        cmocka_unit_test(test_context_decodes_both_families),
        cmocka_unit_test(test_context_refuses_other_types_and_lengths),
        cmocka_unit_test(test_context_survives_mutilation),
        cmocka_unit_test(test_text_takes_names_only),
        cmocka_unit_test(test_payload_key_round_trips_and_survives_mutilation),
        cmocka_unit_test(test_tlv_names_are_all_different),
        cmocka_unit_test(test_bfd_encodes_the_golden_octets),
        cmocka_unit_test(test_bfd_round_trips_every_state_and_flag),
        cmocka_unit_test(test_bfd_refuses_what_rfc_5880_refuses),
        cmocka_unit_test(test_bfd_survives_mutilation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * What svrpcap makes of a capture between routers, against what was captured in the LAN behind one of them at
 * the same time. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "pcapng/link.h"
#include "pcapng/reader.h"
#include "svr/wire.h"
#include "svrpcap/inner.h"
#include "svrpcap/overhead.h"

#define WIRE "tests/unit/samples/two-routers.pcapng"
#define LAN "tests/unit/samples/two-routers-lan.pcapng"

static char path[] = "/tmp/test_svrpcap_decrypt.XXXXXX";

static int make_path(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

typedef struct datagram {
    svr_flow flow;
    svr_wall time;
    size_t len; /* L4 header and payload */
    uint8_t l4[1500];
} datagram;

typedef struct trace {
    datagram at[64];
    size_t n, comments;
} trace;

static void read_trace(const char *file, trace *out) {
    char error[SVR_CAPTURE_ERROR_MAX];
    svr_capture_packet p;
    svr_ip ip;
    const char *text;
    size_t len;
    *out = (trace){0};
    svr_capture *c = svr_capture_open(file, error);
    assert_non_null(c);
    while (svr_capture_next(c, &p) == 1) {
        datagram *d = &out->at[out->n++];
        assert_in_range(out->n, 1, 63);
        assert_int_equal(svr_capture_interface_get(c, p.interface)->link_type, 101);
        assert_int_equal(svr_ip_decode(p.data, p.len, &ip), SVR_IP_OK);
        assert_true(
            svr_l4_checksum_ok(p.data + ip.header_len, ip.l4_len, ip.flow.proto, &ip.flow.src, &ip.flow.dst));
        assert_int_equal(p.len, ip.header_len + ip.l4_len);
        d->flow = ip.flow;
        d->time = p.time;
        d->len = ip.l4_len;
        memcpy(d->l4, p.data + ip.header_len, d->len);
        while (svr_capture_next_comment(&p.options, &text, &len))
            out->comments++;
    }
    assert_string_equal(svr_capture_error(c), "");
    svr_capture_close(c);
}

static int quietly(const svrpcap_command *c, const svrpcap_options *o) {
    int told = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    int status = c->run(o);
    dup2(told, STDERR_FILENO);
    close(told);
    close(nowhere);
    return status;
}

static void decrypt(const char *file, trace *out) {
    svrpcap_options o = {
        .words = (char *[]){(char *)(uintptr_t)file}, .n_words = 1, .output = path, .out = stdout};
    assert_int_equal(quietly(&svrpcap_decrypt, &o), SVRPCAP_FINE);
    read_trace(path, out);
}

/* UDP checksums are made anew: 0 in the LAN, where ns-3 leaves them out. */
static bool equal(const datagram *a, const datagram *b) {
    if (!svr_flow_equal(&a->flow, &b->flow) || a->len != b->len) return false;
    if (a->flow.proto != SVR_PROTO_UDP) return memcmp(a->l4, b->l4, a->len) == 0;
    return memcmp(a->l4, b->l4, 6) == 0 && memcmp(a->l4 + 8, b->l4 + 8, a->len - 8) == 0;
}

static void test_svrpcap_decrypt_gives_what_the_lan_had(void **state) {
    static trace inner, lan;
    bool taken[64] = {0};
    (void)state;
    decrypt(WIRE, &inner);
    read_trace(LAN, &lan);
    assert_int_equal(inner.n, lan.n);
    assert_int_equal(inner.comments, 3); /* three sessions */
    for (size_t i = 0; i < inner.n; i++) {
        size_t k = 0;
        while (k < lan.n && (taken[k] || !equal(&inner.at[i], &lan.at[k])))
            k++;
        if (k == lan.n) fail_msg("packet %zu was not in the LAN", i + 1);
        taken[k] = true;
        int64_t apart = inner.at[i].time - lan.at[k].time;
        assert_true(apart > -20000000 && apart < 20000000); /* the line has 5 ms */
    }
}

static void test_svrpcap_decrypt_needs_keys(void **state) {
    svrpcap_options o = {.words = (char *[]){(char *)(uintptr_t) "strip", (char *)(uintptr_t)WIRE},
                         .output = path};
    char bare[] = "/tmp/test_svrpcap_bare.XXXXXX";
    (void)state;
    int fd = mkstemp(bare);
    assert_true(fd >= 0);
    close(fd);
    o.output = bare;
    assert_int_equal(quietly(&svrpcap_keys, &o), SVRPCAP_FINE);
    o = (svrpcap_options){.words = (char *[]){bare}, .output = path, .out = stdout};
    assert_int_equal(quietly(&svrpcap_decrypt, &o), SVRPCAP_UNUSABLE);
    unlink(bare);
}

/* A part of a datagram brings its L4 header with it, and becomes an IP fragment (docs/protocol.md,
 * section 4.8). */
static void test_svrpcap_decrypt_parts_become_fragments(void **state) {
    static uint8_t out[SVRPCAP_INNER_MAX], outer[28], text[1368];
    svr_ip ip;
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        svrpcap_packet p = {.ip = outer, .ip_len = sizeof outer};
        svr_ip_header h = {.proto = SVR_PROTO_UDP, .ttl = 9, .l4_len = 8};
        assert_true(svr_addr_parse("192.0.2.1", &h.src) && svr_addr_parse("192.0.2.2", &h.dst));
        svr_udp_encode(outer + svr_ip_encode(&h, outer), &h.src, &h.dst, 20000, 20001, 0);
        svr_seen *s = &p.seen;
        s->has_payload = s->has_session = s->forward = s->has_part = true;
        s->payload = SVR_AUTH_GOOD;
        s->inner.proto = SVR_PROTO_UDP;
        assert_true(svr_addr_parse(family == 4 ? "10.0.0.1" : "fd00::1", &s->inner.src));
        assert_true(svr_addr_parse(family == 4 ? "10.0.0.2" : "fd00::2", &s->inner.dst));
        s->text = text;
        s->text_len = sizeof text;
        s->part = (svr_fragment){.extended_id = 0x10009, .original_id = 0x1234, .offset = 1368, .more = true};
        size_t n = svrpcap_inner_write(&p, out);
        assert_int_equal(n, (family == 4 ? 20 : 48) + sizeof text);
        assert_int_equal(n, svrpcap_inner_len(s));
        assert_int_equal(svr_ip_decode(out, n, &ip), SVR_IP_OK);
        assert_true(ip.fragment && ip.part.more);
        assert_int_equal(ip.part.offset, 1368);
        assert_int_equal(ip.part.id, family == 4 ? 0x1234 : 0x10009);
        assert_int_equal(ip.ttl, 9);
        s->part = (svr_fragment){.extended_id = 9, .original_id = 7}; /* the whole, cut by nobody */
        text[4] = 0x05, text[5] = 0x58;                               /* UDP length 1368 */
        n = svrpcap_inner_write(&p, out);
        assert_int_equal(svr_ip_decode(out, n, &ip), SVR_IP_OK);
        assert_false(ip.fragment);
        const uint8_t *data;
        assert_int_equal(svrpcap_inner_payload(s, &data), sizeof text - 8);
        assert_ptr_equal(data, text + 8);
    }
}

/* What a closed port's host answers comes out as an ICMP message to the sender (docs/protocol.md,
 * section 4.10). */
static void test_svrpcap_decrypt_errors_become_icmp(void **state) {
    static uint8_t out[SVRPCAP_INNER_MAX];
    static const uint8_t quote[8] = {0x0f, 0xa0, 0, 53, 0, 37, 0xbe, 0xef};
    svrpcap_packet p = {0};
    svr_icmp_report back;
    svr_flow about;
    svr_ip ip;
    (void)state;
    svr_seen *s = &p.seen;
    s->has_session = s->has_error = true; /* on its way in reverse direction */
    s->inner = (svr_flow){.sport = 4000, .dport = 53, .proto = SVR_PROTO_UDP};
    assert_true(svr_addr_parse("10.1.0.2", &s->inner.src) && svr_addr_parse("10.2.0.20", &s->inner.dst));
    s->error = (svr_icmp_report){.location = s->inner.dst, .type = 3, .code = 3};
    memcpy(s->error.quote, quote, sizeof quote);
    size_t n = svrpcap_inner_error(&p, out);
    assert_true(n > 28);
    assert_int_equal(svr_ip_decode(out, n, &ip), SVR_IP_OK);
    assert_true(svr_addr_equal(&ip.flow.dst, &s->inner.src) && svr_addr_equal(&ip.flow.src, &s->inner.dst));
    assert_true(svr_icmp_report_decode(&ip, out + ip.header_len, &back, &about));
    assert_true(svr_flow_equal(&about, &s->inner));
    assert_int_equal(back.type, 3);
    s->forward = true; /* about a packet of the other direction */
    s->error.location = s->inner.src;
    n = svrpcap_inner_error(&p, out);
    assert_int_equal(svr_ip_decode(out, n, &ip), SVR_IP_OK);
    assert_true(svr_addr_equal(&ip.flow.dst, &s->inner.dst));
    s->has_error = false;
    assert_int_equal(svrpcap_inner_error(&p, out), 0);
}

static void test_svrpcap_decrypt_overhead_byte_by_byte(void **state) {
    static const struct {
        size_t inner, esp4, wireguard4;
    } cases[] = {
        /* 20 + SPI and sequence number 8 + IV 16 + padding + 2 + ICV 24; 20 + 8 + 16 + padding + 16 */
        {46, 70, 62}, {47, 85, 61}, {48, 84, 60}, {49, 83, 75},
        {62, 70, 62}, {63, 85, 61}, {64, 84, 60}, {1500, 72, 64},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned family = 4; family <= 6; family += 2) {
            size_t more = family == 6 ? 20 : 0;
            assert_int_equal(svrpcap_overhead(SVRPCAP_GRE, cases[i].inner, (uint8_t)family), 24 + more);
            assert_int_equal(svrpcap_overhead(SVRPCAP_ESP, cases[i].inner, (uint8_t)family),
                             cases[i].esp4 + more);
            assert_int_equal(svrpcap_overhead(SVRPCAP_WIREGUARD, cases[i].inner, (uint8_t)family),
                             cases[i].wireguard4 + more);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svrpcap_decrypt_gives_what_the_lan_had),
        cmocka_unit_test(test_svrpcap_decrypt_needs_keys),
        cmocka_unit_test(test_svrpcap_decrypt_parts_become_fragments),
        cmocka_unit_test(test_svrpcap_decrypt_errors_become_icmp),
        cmocka_unit_test(test_svrpcap_decrypt_overhead_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}

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
#include "svrpcap/options.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svrpcap_decrypt_gives_what_the_lan_had),
        cmocka_unit_test(test_svrpcap_decrypt_needs_keys),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}

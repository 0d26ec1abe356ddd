/* SPDX-License-Identifier: MIT
 * What the writer writes, libpcap reads back. */
#include "unit.h"

#include "pcapng/pcapng.h"

#include <errno.h>
#include <unistd.h>

#include <pcap/pcap.h>

#define WALL INT64_C(1735689600123456789)

static char path[] = "/tmp/test_pcapng.XXXXXX";

static int make_path(void **state) {
    (void)state;
    strcpy(path, "/tmp/test_pcapng.XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static const uint8_t datagram[41] = {0x45, 0, 0, 41};

static void write_file(uint32_t interfaces, size_t packets) {
    const char *comments[] = {"a key", "another key"};
    svr_pcapng *w = svr_pcapng_new(path, "test", "seed 7");
    assert_non_null(w);
    assert_int_equal(svr_pcapng_add_interface(w, SVR_PCAPNG_LINK_RAW, "east:wan", NULL), 0);
    if (interfaces > 1)
        assert_int_equal(svr_pcapng_add_interface(w, SVR_PCAPNG_LINK_RAW, "hub:wan", "the other end"), 1);
    for (size_t i = 0; i < packets; i++) {
        svr_pcapng_packet p = {.interface = (uint32_t)i % interfaces,
                               .time = WALL + (svr_wall)i,
                               .data = datagram,
                               .len = 20 + (uint32_t)i % 21,
                               .orig_len = 41,
                               .comments = comments,
                               .n_comments = i % 3,
                               .direction = (svr_pcapng_direction)(i % 3)};
        assert_int_equal(svr_pcapng_write(w, &p), 0);
    }
    assert_int_equal(svr_pcapng_del(w), 0);
}

static void test_pcapng_libpcap_reads_it_back(void **state) {
    char err[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *h;
    const u_char *data;
    (void)state;
    write_file(1, 100);
    pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, err);
    assert_non_null(p);
    assert_int_equal(pcap_datalink(p), DLT_RAW);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(pcap_next_ex(p, &h, &data), 1);
        assert_int_equal(h->ts.tv_sec * INT64_C(1000000000) + h->ts.tv_usec, WALL + (svr_wall)i);
        assert_int_equal(h->caplen, 20 + i % 21);
        assert_int_equal(h->len, 41);
        assert_memory_equal(data, datagram, h->caplen);
    }
    assert_int_equal(pcap_next_ex(p, &h, &data), PCAP_ERROR_BREAK);
    pcap_close(p);
}

static size_t slurp(uint8_t *out, size_t size) {
    FILE *f = fopen(path, "rb");
    size_t n = fread(out, 1, size, f);
    fclose(f);
    return n;
}

static void test_pcapng_same_calls_same_bytes(void **state) {
    static uint8_t a[16384], b[16384];
    (void)state;
    write_file(2, 50);
    size_t n = slurp(a, sizeof a);
    write_file(2, 50);
    assert_int_equal(slurp(b, sizeof b), n);
    assert_memory_equal(a, b, n);
}

static void test_pcapng_names_and_comments_are_in_the_file(void **state) {
    static uint8_t a[16384];
    const char *const texts[] = {"seed 7", "east:wan", "hub:wan", "the other end", "a key", "another key"};
    (void)state;
    write_file(2, 3);
    size_t n = slurp(a, sizeof a);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_non_null(memmem(a, n, texts[i], strlen(texts[i])));
}

static void test_pcapng_reports_a_full_disk(void **state) {
    static uint8_t big[65536] = {0x45};
    (void)state;
    svr_pcapng *w = svr_pcapng_new("/dev/full", NULL, NULL);
    assert_non_null(w);
    svr_pcapng_add_interface(w, SVR_PCAPNG_LINK_RAW, "a", NULL);
    svr_pcapng_packet p = {.data = big, .len = sizeof big, .orig_len = sizeof big};
    int failed = 0;
    for (int i = 0; i < 64; i++)
        failed += svr_pcapng_write(w, &p) != 0;
    assert_true(failed > 0);
    assert_int_equal(svr_pcapng_del(w), -1);
    assert_int_equal(errno, ENOSPC);
    assert_null(svr_pcapng_new("/nowhere/at/all", NULL, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcapng_libpcap_reads_it_back),
        cmocka_unit_test(test_pcapng_same_calls_same_bytes),
        cmocka_unit_test(test_pcapng_names_and_comments_are_in_the_file),
        cmocka_unit_test(test_pcapng_reports_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}

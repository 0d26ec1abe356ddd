/* SPDX-License-Identifier: MIT
 * The reader of captures against libpcap, with files of every kind it reads; and what it says about files
 * that it cannot. */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "pcapng/link.h"
#include "pcapng/reader.h"

static char path[] = "/tmp/test_svrpcap_reader.XXXXXX";

static int make_path(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

/* A file made by hand, in either byte order. */
typedef struct image {
    uint8_t bytes[8192];
    size_t n;
    bool big;
} image;

static void put(image *f, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        f->bytes[f->n++] = (uint8_t)(v >> 8 * (f->big ? n - 1 - i : i));
}

static void put_data(image *f, size_t n) {
    for (size_t i = 0; i < n; i++)
        f->bytes[f->n++] = (uint8_t)(0x45 + i);
}

static void save(const image *f, size_t n) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(f->bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

/* A block of pcapng: begin, body, end. */
static size_t begin(image *f, uint32_t type) {
    put(f, type, 4);
    put(f, 0, 4);
    return f->n - 8;
}

static void end(image *f, size_t start) {
    image length = {.n = start + 4, .big = f->big};
    while (f->n % 4)
        f->bytes[f->n++] = 0;
    size_t total = f->n + 4 - start;
    put(f, total, 4);
    put(&length, total, 4);
    memcpy(f->bytes + start + 4, length.bytes + start + 4, 4);
}

static void option(image *f, unsigned code, const void *value, size_t n) {
    put(f, code, 2);
    put(f, n, 2);
    memcpy(f->bytes + f->n, value, n);
    f->n += n;
    while (f->n % 4)
        f->bytes[f->n++] = 0;
}

static void section(image *f, const char *comment) {
    size_t start = begin(f, 0x0a0d0d0a);
    put(f, 0x1a2b3c4d, 4);
    put(f, 1, 2);
    put(f, 0, 2);
    put(f, UINT64_MAX, 8);
    if (comment) option(f, 1, comment, strlen(comment));
    end(f, start);
}

static void interface(image *f, unsigned link_type, uint8_t resolution, int64_t offset) {
    image value = {.big = f->big};
    size_t start = begin(f, 1);
    put(f, link_type, 2);
    put(f, 0, 2);
    put(f, 65535, 4);
    option(f, 2, "wan\033", 4);
    option(f, 9, &resolution, 1);
    put(&value, (uint64_t)offset, 8);
    option(f, 14, value.bytes, 8);
    option(f, 0, "", 0);
    end(f, start);
}

static void packet(image *f, unsigned id, uint64_t stamp, size_t n, const char *comment) {
    size_t start = begin(f, 6);
    put(f, id, 4);
    put(f, stamp >> 32, 4);
    put(f, stamp & 0xffffffff, 4);
    put(f, n, 4);
    put(f, n + 3, 4);
    put_data(f, n);
    while (f->n % 4)
        f->bytes[f->n++] = 0;
    if (comment) {
        option(f, 4, "abcdefgh", 8);
        option(f, 1, comment, strlen(comment));
        option(f, 0, "", 0);
    }
    end(f, start);
}

/* ---- against libpcap ------------------------------------------------------------------------ */

static void assert_as_libpcap(size_t packets) {
    char reason[PCAP_ERRBUF_SIZE], error[SVR_CAPTURE_ERROR_MAX];
    svr_capture *c = svr_capture_open(path, error);
    pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
    struct pcap_pkthdr *h;
    const u_char *data;
    svr_capture_packet got;
    size_t n = 0;
    assert_non_null(c);
    assert_non_null(p);
    for (; svr_capture_next(c, &got) == 1; n++) {
        assert_int_equal(pcap_next_ex(p, &h, &data), 1);
        assert_int_equal(got.number, n + 1);
        assert_int_equal(got.time, h->ts.tv_sec * INT64_C(1000000000) + h->ts.tv_usec);
        assert_int_equal(got.len, h->caplen);
        assert_int_equal(got.orig_len, h->len);
        assert_memory_equal(got.data, data, h->caplen);
        assert_int_equal(svr_link_to_dlt(svr_capture_interface_get(c, got.interface)->link_type),
                         pcap_datalink(p));
    }
    assert_string_equal(svr_capture_error(c), "");
    assert_int_equal(n, packets);
    assert_int_equal(pcap_next_ex(p, &h, &data), PCAP_ERROR_BREAK);
    svr_capture_close(c);
    pcap_close(p);
}

static void test_svrpcap_reader_classic_files(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        image f = {.big = kind & 1};
        put(&f, kind & 2 ? 0xa1b23c4d : 0xa1b2c3d4, 4);
        put(&f, 2, 2);
        put(&f, 4, 2);
        put(&f, 0, 8);
        put(&f, 65535, 4);
        put(&f, kind & 2 ? 1 : 101, 4);
        for (unsigned i = 0; i < 20; i++) {
            put(&f, 1735689600 + i, 4);
            put(&f, 999999 - i, 4);
            put(&f, 40 + i, 4);
            put(&f, 60 + i, 4);
            put_data(&f, 40 + i);
        }
        save(&f, f.n);
        assert_as_libpcap(20);
    }
}

static void test_svrpcap_reader_pcapng_files(void **state) {
    static const uint8_t resolutions[] = {6, 9, 3, 0x80 | 20, 0x80 | 30};
    (void)state;
    for (int kind = 0; kind < 10; kind++) {
        image f = {.big = kind & 1};
        uint8_t resolution = resolutions[kind / 2];
        uint64_t second = resolution & 0x80 ? UINT64_C(1) << (resolution & 0x7f) : 1;
        for (unsigned i = 0; !(resolution & 0x80) && i < resolution; i++)
            second *= 10;
        section(&f, "seed 7");
        interface(&f, 101, resolution, kind < 6 ? 0 : 1000000000);
        size_t other = begin(&f, 0x0bad);
        put(&f, 0, 8);
        end(&f, other);
        for (unsigned i = 0; i < 20; i++)
            packet(&f, 0, 735689600 * second + second / 2 + i, 40 + i, i % 3 ? "a comment" : NULL);
        save(&f, f.n);
        assert_as_libpcap(20);
    }
}

/* ---- what libpcap does not tell ------------------------------------------------------------- */

static void test_svrpcap_reader_comments_and_sections(void **state) {
    image f = {.big = true};
    char error[SVR_CAPTURE_ERROR_MAX];
    svr_capture_packet p;
    const char *text;
    size_t n;
    uint64_t number;
    (void)state;
    section(&f, "first");
    interface(&f, 101, 9, 0);
    packet(&f, 0, 5, 41, "LIFE a 00");
    f.big = false; /* files that were joined may change their byte order */
    section(&f, NULL);
    interface(&f, 1, 9, 0);
    interface(&f, 276, 9, 0);
    packet(&f, 1, 7, 20, NULL);
    save(&f, f.n);
    svr_capture *c = svr_capture_open(path, error);
    assert_non_null(c);
    assert_int_equal(svr_capture_next(c, &p), 1);
    assert_true(svr_capture_section_comment(c, &text, &n, &number));
    assert_int_equal(n, 5);
    assert_memory_equal(text, "first", 5);
    assert_int_equal(number, 1);
    assert_true(svr_capture_next_comment(&p.options, &text, &n));
    assert_int_equal(n, 9);
    assert_memory_equal(text, "LIFE a 00", 9);
    assert_false(svr_capture_next_comment(&p.options, &text, &n));
    assert_string_equal(svr_capture_interface_get(c, 0)->name, "wan?");
    assert_int_equal(svr_capture_next(c, &p), 1);
    assert_int_equal(p.interface, 2);
    assert_int_equal(p.time, 7);
    assert_int_equal(svr_capture_interface_get(c, p.interface)->link_type, 276);
    assert_false(svr_capture_section_comment(c, &text, &n, &number));
    assert_int_equal(number, 2);
    assert_int_equal(svr_capture_next(c, &p), 0);
    svr_capture_close(c);
}

static void test_svrpcap_reader_simple_packets(void **state) {
    image f = {0};
    char error[SVR_CAPTURE_ERROR_MAX];
    svr_capture_packet p;
    (void)state;
    section(&f, NULL);
    interface(&f, 101, 9, 0);
    size_t start = begin(&f, 3);
    put(&f, 30, 4);
    put_data(&f, 30);
    end(&f, start);
    save(&f, f.n);
    svr_capture *c = svr_capture_open(path, error);
    assert_int_equal(svr_capture_next(c, &p), 1);
    assert_false(p.has_time);
    assert_int_equal(p.len, 30);
    assert_int_equal(p.data[29], 0x45 + 29);
    svr_capture_close(c);
}

/* Reads all; the packets that came. */
static size_t count(char error[SVR_CAPTURE_ERROR_MAX]) {
    svr_capture_packet p;
    svr_capture *c = svr_capture_open(path, error);
    size_t n = 0;
    if (!c) return 0;
    while (svr_capture_next(c, &p) == 1)
        n++;
    assert_int_equal(svr_capture_next(c, &p), svr_capture_error(c)[0] ? -1 : 0);
    strcpy(error, svr_capture_error(c));
    svr_capture_close(c);
    return n;
}

/* Where a file may end, in order: behind a header, or behind so many packets. */
typedef struct seam {
    size_t at, packets;
} seam;

/* Every truncation: the packets before it come, and the place is told. */
static void assert_truncations(const image *f, const seam *seams, size_t n_seams) {
    char error[SVR_CAPTURE_ERROR_MAX], wanted[64];
    for (size_t n = 1; n < f->n; n++) {
        seam last = {0};
        for (size_t i = 0; i < n_seams && seams[i].at <= n; i++)
            last = seams[i];
        save(f, n);
        assert_int_equal(count(error), last.packets);
        snprintf(wanted, sizeof wanted, "offset %zu: ", last.at);
        if (n == last.at)
            assert_string_equal(error, "");
        else if (memcmp(error, wanted, strlen(wanted)) != 0 || !strstr(error, "is cut off after"))
            fail_msg("%zu bytes: '%s', not '%s'", n, error, wanted);
    }
    save(f, 0);
    assert_int_equal(count(error), 0);
    assert_string_equal(error, "offset 0: the file is empty");
}

static void test_svrpcap_reader_every_truncation(void **state) {
    image ng = {0}, classic = {0};
    seam seams[8];
    size_t n = 0;
    (void)state;
    put(&classic, 0xa1b2c3d4, 4);
    put(&classic, 0, 8);
    put(&classic, 0, 8);
    put(&classic, 101, 4);
    seams[n++] = (seam){classic.n, 0};
    for (unsigned i = 0; i < 4; i++) {
        put(&classic, i, 8);
        put(&classic, 30 + i, 4);
        put(&classic, 30 + i, 4);
        put_data(&classic, 30 + i);
        seams[n++] = (seam){classic.n, i + 1};
    }
    assert_truncations(&classic, seams, n);
    section(&ng, "x");
    seams[0] = (seam){ng.n, 0};
    interface(&ng, 101, 9, 0);
    seams[1] = (seam){ng.n, 0};
    for (n = 2; n < 6; n++) {
        packet(&ng, 0, n, 30 + n, "comment");
        seams[n] = (seam){ng.n, n - 1};
    }
    assert_truncations(&ng, seams, n);
}

static void test_svrpcap_reader_says_what_is_wrong(void **state) {
    static const struct {
        size_t at;
        uint32_t value;
        const char *error;
    } faults[] = {
        {0, 0x04034b50, "offset 0: this is no capture, it begins with 50 4b 03 04; pcapng and pcap are read"},
        {0, 0x00088b1f,
         "offset 0: this is no capture, it begins with 1f 8b 08 00; it is compressed: zcat FILE | svrpcap "
         "... -"},
        {8, 0x12345678, "offset 8: the byte order of the section is not told: 12345678"},
        {12, 2, "offset 12: pcapng version 2; version 1 is known"},
        {4, 27, "offset 4: a block says to have 27 bytes: 12 to 16777216 are possible, in fours"},
        {24, 32, "offset 24: a block of 28 bytes ends with length 32"},
        {28 + 52 + 8, 1, "offset 88: the packet names interface 1 of a section that has 1"},
        {28 + 52 + 20, 900, "offset 80: a packet of 900 bytes in a block that has room for 32"},
        {28 + 52 + 20, 0xffffffff, "offset 80: a packet of 4294967295 bytes in a block that has room for 32"},
        {28 + 52 + 12, 0xf0000000, "offset 92: a time before 1970 or after 2262"},
    };
    char error[SVR_CAPTURE_ERROR_MAX];
    image good = {0};
    (void)state;
    section(&good, NULL);
    interface(&good, 101, 9, 0);
    packet(&good, 0, 5, 32, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        image bad = good;
        bad.n = faults[i].at;
        put(&bad, faults[i].value, 4);
        save(&bad, good.n);
        assert_int_equal(count(error), 0);
        assert_string_equal(error, faults[i].error);
    }
}

/* ---- link types ----------------------------------------------------------------------------- */

static void test_svrpcap_reader_finds_the_datagram(void **state) {
    static const struct {
        uint32_t link_type;
        const char *bytes;
        size_t n, at; /* 0: there is none */
    } frames[] = {
        {101, "\x45x", 2, 0},
        {1, "aaaaaabbbbbb\x08\x00\x45", 15, 14},
        {1, "aaaaaabbbbbb\x86\xdd\x60", 15, 14},
        {1, "aaaaaabbbbbb\x81\x00\x00\x05\x08\x00\x45", 19, 18},
        {1, "aaaaaabbbbbb\x88\xa8\x00\x05\x81\x00\x00\x07\x86\xdd\x60", 23, 22},
        {113, "\0\0\0\1\0\6macmac\0\0\x08\x00\x45", 17, 16},
        {276, "\x08\x00\0\0\0\0\0\2\0\1\0\6macmacxx\x45", 21, 20},
        {0, "\2\0\0\0\x45", 5, 4},
        {108, "\0\0\0\x1e\x60", 5, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        const uint8_t *start = (const uint8_t *)frames[i].bytes, *p = start;
        assert_int_equal(svr_link_datagram(frames[i].link_type, &p, frames[i].n), frames[i].n - frames[i].at);
        assert_ptr_equal(p, start + frames[i].at);
        assert_non_null(svr_link_name(frames[i].link_type));
        for (size_t n = 0; n <= frames[i].at; n++) {
            p = start;
            assert_int_equal(svr_link_datagram(frames[i].link_type, &p, n), 0);
        }
    }
    const uint8_t *arp = (const uint8_t *)"aaaaaabbbbbb\x08\x06\x45";
    assert_int_equal(svr_link_datagram(1, &arp, 15), 0);
    const uint8_t *unknown = (const uint8_t *)"\x45xxxx";
    assert_int_equal(svr_link_datagram(147, &unknown, 5), 0);
    assert_null(svr_link_name(147));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svrpcap_reader_classic_files),
        cmocka_unit_test(test_svrpcap_reader_pcapng_files),
        cmocka_unit_test(test_svrpcap_reader_comments_and_sections),
        cmocka_unit_test(test_svrpcap_reader_simple_packets),
        cmocka_unit_test(test_svrpcap_reader_every_truncation),
        cmocka_unit_test(test_svrpcap_reader_says_what_is_wrong),
        cmocka_unit_test(test_svrpcap_reader_finds_the_datagram),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}

/* SPDX-License-Identifier: MIT
 * Every command over captures that are cut off anywhere, and that have bits flipped anywhere: what is
 * readable is read, the rest is refused, and nothing else happens. The sanitizers look on.
 *
 * samples/two-routers.pcapng is six seconds between two routers, by svrsim: the exchange of keys, then UDP,
 * TCP and ping, with the keys as comments. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "svrpcap/options.h"

#define SAMPLE "tests/unit/samples/two-routers.pcapng"
#define SAMPLE_MAX 32768

static const struct {
    const svrpcap_command *command;
    const char *word; /* in front of the file's name; NULL: none */
} calls[] = {{&svrpcap_info, NULL},   {&svrpcap_dump, NULL},      {&svrpcap_decrypt, NULL},
             {&svrpcap_verify, NULL}, {&svrpcap_keys, "extract"}, {&svrpcap_keys, "strip"},
             {&svrpcap_stats, NULL},  {&svrpcap_follow, NULL}};
#define N_CALLS (sizeof calls / sizeof *calls)

static char path[] = "/tmp/test_svrpcap_hostile.XXXXXX";
static uint8_t sample[SAMPLE_MAX];
static size_t sample_len;
static FILE *nowhere;

static int setup(void **state) {
    (void)state;
    FILE *f = fopen(SAMPLE, "rb");
    if (!f) return -1;
    sample_len = fread(sample, 1, sizeof sample, f);
    fclose(f);
    nowhere = fopen("/dev/null", "w");
    int fd = mkstemp(path);
    return fd < 0 || !nowhere || sample_len == sizeof sample ? -1 : close(fd);
}

static int teardown(void **state) {
    (void)state;
    fclose(nowhere);
    return unlink(path);
}

static void save(const uint8_t *bytes, size_t n) {
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

/* Runs a command as the program would. What it has to say goes nowhere: it says it thousands of times. */
static int run(size_t call, bool json, FILE *out) {
    const svrpcap_command *c = calls[call].command;
    bool extract = calls[call].word && strcmp(calls[call].word, "extract") == 0;
    char *words[2] = {path, (char *)(uintptr_t) "10.1.0.10"};
    if (calls[call].word) {
        words[0] = (char *)(uintptr_t)calls[call].word;
        words[1] = path;
    }
    svrpcap_options o = {.command = c->name,
                         .words = words,
                         .n_words = c->words_min,
                         .out = out,
                         .json = json,
                         .verbose = json,
                         .all = json};
    if (!extract) o.output = "/dev/null";
    int told = dup(STDERR_FILENO);
    assert_true(told >= 0);
    dup2(fileno(nowhere), STDERR_FILENO);
    int status = c->run(&o);
    fflush(stderr);
    dup2(told, STDERR_FILENO);
    close(told);
    return status;
}

static size_t lines_of_dump(void) {
    char *text = NULL;
    size_t len = 0, n = 0;
    FILE *out = open_memstream(&text, &len);
    run(1, false, out);
    fclose(out);
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    free(text);
    return n;
}

static void test_svrpcap_hostile_the_sample_is_fine(void **state) {
    (void)state;
    save(sample, sample_len);
    for (size_t i = 0; i < N_CALLS; i++)
        for (int json = 0; json < 2; json++)
            assert_int_equal(run(i, json, nowhere), SVRPCAP_FINE);
    assert_int_equal(lines_of_dump(), 62);
}

/* Where packets end: a cut there leaves a whole file. */
static bool is_seam(size_t n) {
    size_t at = 0;
    while (at < n && at + 8 <= sample_len)
        at += (size_t)sample[at + 4] | (size_t)sample[at + 5] << 8;
    return at == n && n > 0;
}

static void test_svrpcap_hostile_every_truncation(void **state) {
    size_t before = 0;
    (void)state;
    for (size_t n = 0; n < sample_len; n += 1 + n % 17) {
        save(sample, n);
        if (!is_seam(n)) assert_int_equal(run(n % N_CALLS, n & 1, nowhere), SVRPCAP_UNUSABLE);
        if (n % 5) continue;
        size_t lines = lines_of_dump();
        assert_true(lines >= before && lines <= 62);
        before = lines;
    }
    assert_true(before > 55);
}

/* Bits are flipped in a copy: some anywhere, some at the beginning, where most can go wrong. */
static void test_svrpcap_hostile_flipped_bits(void **state) {
    static uint8_t bad[SAMPLE_MAX];
    uint32_t dice = 7;
    unsigned refused = 0, taken = 0;
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        memcpy(bad, sample, sample_len);
        for (size_t flips = 1 + i % 3; flips; flips--) {
            dice = dice * 1664525 + 1013904223;
            bad[(dice >> 8) % (i % 4 ? sample_len : 400)] ^= (uint8_t)(1u << (dice >> 4 & 7));
        }
        save(bad, sample_len);
        int status = run(i % N_CALLS, i & 1, nowhere);
        assert_in_range(status, SVRPCAP_FINE, SVRPCAP_UNUSABLE);
        refused += status == SVRPCAP_UNUSABLE;
        taken += status != SVRPCAP_UNUSABLE;
    }
    assert_true(refused > 100 && taken > 100); /* else it would show nothing */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svrpcap_hostile_the_sample_is_fine),
        cmocka_unit_test(test_svrpcap_hostile_every_truncation),
        cmocka_unit_test(test_svrpcap_hostile_flipped_bits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * Blocks as in draft-ietf-opsawg-pcapng, little-endian whatever the machine: a block is type, total length,
 * body, total length; an option is code, length, value, padding to 32 bits. */
#include "pcapng.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

enum {
    TSRESOL_NANOSECONDS = 9,
    BUFFER_SIZE = 1 << 20,
};

struct svr_pcapng {
    FILE *out;
    uint32_t interfaces;
    int error; /* errno of the first failure, or 0 */
};

static void put_bytes(svr_pcapng *w, const void *p, size_t n) {
    if (w->error || n == 0) return;
    if (fwrite(p, 1, n, w->out) != n) w->error = errno ? errno : EIO;
}

static void put16(svr_pcapng *w, uint32_t v) {
    uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    put_bytes(w, b, sizeof b);
}

static void put32(svr_pcapng *w, uint32_t v) {
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    put_bytes(w, b, sizeof b);
}

static uint32_t padded(uint32_t n) {
    return (n + 3) & ~UINT32_C(3);
}

static void put_padded(svr_pcapng *w, const void *p, uint32_t n) {
    static const uint8_t zero[3];
    put_bytes(w, p, n);
    put_bytes(w, zero, padded(n) - n);
}

static uint32_t text_len(const char *text) {
    size_t n = strlen(text);
    return n > SVR_PCAPNG_TEXT_MAX ? SVR_PCAPNG_TEXT_MAX : (uint32_t)n;
}

/* Bytes of a text option; 0 for NULL, which is left out. */
static uint32_t text_size(const char *text) {
    return text ? 4 + padded(text_len(text)) : 0;
}

static void put_option(svr_pcapng *w, uint32_t code, const void *value, uint32_t n) {
    put16(w, code);
    put16(w, n);
    put_padded(w, value, n);
}

static void put_text(svr_pcapng *w, uint32_t code, const char *text) {
    if (text) put_option(w, code, text, text_len(text));
}

static void begin(svr_pcapng *w, uint32_t type, uint32_t total) {
    put32(w, type);
    put32(w, total);
}

static int finish(svr_pcapng *w, uint32_t total) {
    put32(w, total);
    if (!w->error) return 0;
    errno = w->error;
    return -1;
}

static int write_section(svr_pcapng *w, const char *application, const char *comment) {
    uint32_t total = 28 + text_size(application) + text_size(comment) + 4;
    begin(w, BLOCK_SECTION, total);
    put32(w, BYTE_ORDER_MAGIC);
    put16(w, 1); /* version 1.0 */
    put16(w, 0);
    put32(w, UINT32_MAX); /* length of the section: not told */
    put32(w, UINT32_MAX);
    put_text(w, OPT_COMMENT, comment);
    put_text(w, SHB_USERAPPL, application);
    put_option(w, OPT_END, "", 0);
    return finish(w, total);
}

svr_pcapng *svr_pcapng_new(const char *file, const char *application, const char *comment) {
    svr_pcapng *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->out = strcmp(file, "-") == 0 ? stdout : fopen(file, "wb");
    if (!w->out) {
        free(w);
        return NULL;
    }
    setvbuf(w->out, NULL, _IOFBF, BUFFER_SIZE);
    if (write_section(w, application, comment) == 0) return w;
    int error = w->error;
    if (w->out != stdout) fclose(w->out);
    free(w);
    errno = error;
    return NULL;
}

int svr_pcapng_del(svr_pcapng *w) {
    if (!w) return 0;
    int error = w->error;
    if ((w->out == stdout ? fflush(stdout) : fclose(w->out)) != 0 && !error) error = errno;
    free(w);
    if (!error) return 0;
    errno = error;
    return -1;
}

int svr_pcapng_flush(svr_pcapng *w) {
    if (!w->error && fflush(w->out) != 0) w->error = errno;
    if (!w->error) return 0;
    errno = w->error;
    return -1;
}

int svr_pcapng_add_interface(svr_pcapng *w, uint32_t link_type, const char *name, const char *description) {
    static const uint8_t tsresol = TSRESOL_NANOSECONDS;
    uint32_t total = 20 + text_size(name) + text_size(description) + 8 + 4;
    begin(w, BLOCK_INTERFACE, total);
    put16(w, link_type);
    put16(w, 0);
    put32(w, 0); /* no limit on the length */
    put_text(w, IF_NAME, name);
    put_text(w, IF_DESCRIPTION, description);
    put_option(w, IF_TSRESOL, &tsresol, 1);
    put_option(w, OPT_END, "", 0);
    return finish(w, total) == 0 ? (int)w->interfaces++ : -1;
}

static uint32_t packet_options_size(const svr_pcapng_packet *pkt) {
    uint32_t size = pkt->direction == SVR_PCAPNG_UNKNOWN ? 0 : 8;
    for (size_t i = 0; i < pkt->n_comments; i++)
        size += text_size(pkt->comments[i]);
    return size ? size + 4 : 0;
}

static void put_packet_options(svr_pcapng *w, const svr_pcapng_packet *pkt) {
    for (size_t i = 0; i < pkt->n_comments; i++)
        put_text(w, OPT_COMMENT, pkt->comments[i]);
    if (pkt->direction != SVR_PCAPNG_UNKNOWN) {
        uint8_t flags[4] = {pkt->direction == SVR_PCAPNG_INBOUND ? 1 : 2};
        put_option(w, EPB_FLAGS, flags, sizeof flags);
    }
    put_option(w, OPT_END, "", 0);
}

int svr_pcapng_write(svr_pcapng *w, const svr_pcapng_packet *pkt) {
    assert(pkt->interface < w->interfaces);
    assert(pkt->time >= 0);
    assert(pkt->len <= pkt->orig_len);
    uint32_t options = packet_options_size(pkt);
    uint32_t total = 28 + padded(pkt->len) + options + 4;
    begin(w, BLOCK_PACKET, total);
    put32(w, pkt->interface);
    put32(w, (uint32_t)((uint64_t)pkt->time >> 32));
    put32(w, (uint32_t)pkt->time);
    put32(w, pkt->len);
    put32(w, pkt->orig_len);
    put_padded(w, pkt->data, pkt->len);
    if (options) put_packet_options(w, pkt);
    return finish(w, total);
}

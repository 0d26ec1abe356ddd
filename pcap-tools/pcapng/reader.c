/* SPDX-License-Identifier: MIT
 *
 * Bytes come through a window that slides over the file and grows to the longest block. A block is looked at
 * only when all of it is in the window. */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"

enum {
    WINDOW_START = 1 << 20,
    HEADER_LEN = 12, /* type, length, and length again at the end */
    CLASSIC_HEADER_LEN = 24,
    CLASSIC_RECORD_LEN = 16,
};

#define CLASSIC_MICROSECONDS 0xa1b2c3d4u
#define CLASSIC_NANOSECONDS 0xa1b23c4du

/* What a time stamp of an interface means. */
typedef struct resolution {
    bool binary; /* negative power of 2, else of 10 */
    unsigned power;
    int64_t offset_s; /* seconds to be added */
} resolution;

struct svr_capture {
    int fd;
    uint8_t *window;
    size_t size, from, to; /* of the window; what has not been looked at lies between */
    uint64_t offset;       /* in the file, of `from` */
    bool at_end, classic, big;
    svr_capture_interface *interfaces;
    resolution *resolutions;
    size_t n_interfaces, section_interfaces; /* of all sections; the first one of this section */
    char *comment;                           /* of the section */
    size_t comment_len;
    uint64_t sections, packets;
    svr_wall last;
    char error[SVR_CAPTURE_ERROR_MAX];
};

/* ---- bytes ---------------------------------------------------------------------------------- */

static uint32_t get16(const uint8_t *p, bool big) {
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}
static uint32_t get32(const uint8_t *p, bool big) {
    return big ? get16(p, big) << 16 | get16(p + 2, big) : get16(p + 2, big) << 16 | get16(p, big);
}

__attribute__((format(printf, 3, 4))) static int fail(svr_capture *c, uint64_t offset, const char *format,
                                                      ...) {
    va_list args;
    int n = snprintf(c->error, sizeof c->error, "offset %llu: ", (unsigned long long)offset);
    va_start(args, format);
    vsnprintf(c->error + n, sizeof c->error - (size_t)n, format, args);
    va_end(args);
    return -1;
}

/* The window, with room for `need` bytes from `from` on. */
static bool make_room(svr_capture *c, size_t need) {
    if (c->size - c->from >= need) return true;
    if (c->to > c->from) memmove(c->window, c->window + c->from, c->to - c->from);
    c->to -= c->from;
    c->from = 0;
    if (c->size >= need) return true;
    uint8_t *more = realloc(c->window, need);
    if (!more) return false;
    c->window = more;
    c->size = need;
    return true;
}

/* Whether `need` bytes are there: 1, 0 at the end of the file, -1 when reading fails. */
static int fill(svr_capture *c, size_t need) {
    while (c->to - c->from < need) {
        if (c->at_end) return 0;
        if (!make_room(c, need)) return fail(c, c->offset, "memory is short for a block of %zu bytes", need);
        ssize_t n = read(c->fd, c->window + c->to, c->size - c->to);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(c, c->offset + (c->to - c->from), "cannot be read: %s", strerror(errno));
        c->at_end = n == 0;
        c->to += (size_t)n;
    }
    return 1;
}

static void consume(svr_capture *c, size_t n) {
    c->from += n;
    c->offset += n;
}

static size_t left(const svr_capture *c) {
    return c->to - c->from;
}

/* ---- options -------------------------------------------------------------------------------- */

/* The next option: 1, 0 at the end, -1 when it does not fit. */
static int next_option(svr_capture_options *o, uint32_t *code, const uint8_t **value, size_t *len) {
    size_t room = (size_t)(o->end - o->p);
    if (room == 0) return 0;
    if (room < 4) return -1;
    *code = get16(o->p, o->big);
    *len = get16(o->p + 2, o->big);
    if (*code == OPT_END) return 0;
    size_t whole = 4 + (*len + 3) / 4 * 4;
    if (whole > room) return -1;
    *value = o->p + 4;
    o->p += whole;
    return 1;
}

bool svr_capture_next_comment(svr_capture_options *o, const char **text, size_t *len) {
    uint32_t code;
    const uint8_t *value;
    while (next_option(o, &code, &value, len) > 0) {
        if (code != OPT_COMMENT) continue;
        *text = (const char *)value;
        return true;
    }
    return false;
}

static void copy_name(char out[SVR_CAPTURE_NAME_MAX + 1], const uint8_t *value, size_t len) {
    if (len > SVR_CAPTURE_NAME_MAX) len = SVR_CAPTURE_NAME_MAX;
    for (size_t i = 0; i < len; i++)
        out[i] = value[i] < ' ' || value[i] == 127 ? '?' : (char)value[i];
    out[len] = 0;
}

/* ---- pcapng blocks -------------------------------------------------------------------------- */

static int section_comment(svr_capture *c, const uint8_t *value, size_t len) {
    if (c->comment_len || len == 0) return 0;
    c->comment = malloc(len);
    if (!c->comment) return fail(c, c->offset, "memory is short");
    memcpy(c->comment, value, len);
    c->comment_len = len;
    return 0;
}

static int read_section(svr_capture *c, const uint8_t *block, size_t len) {
    svr_capture_options o = {block + 24, block + len - 4, c->big};
    uint32_t code;
    const uint8_t *value;
    size_t n;
    int rc;
    if (len < 28) return fail(c, c->offset, "a section header of %zu bytes; it has at least 28", len);
    if (get16(block + 12, c->big) != 1)
        return fail(c, c->offset + 12, "pcapng version %u; version 1 is known", get16(block + 12, c->big));
    free(c->comment);
    c->comment = NULL;
    c->comment_len = 0;
    c->section_interfaces = c->n_interfaces;
    c->sections++;
    while ((rc = next_option(&o, &code, &value, &n)) > 0)
        if (code == OPT_COMMENT && section_comment(c, value, n) < 0) return -1;
    return rc < 0 ? fail(c, c->offset, "an option of the section header does not fit into it") : 0;
}

static int add_interface(svr_capture *c, svr_capture_interface **out, resolution **res) {
    if (c->n_interfaces == SVR_CAPTURE_INTERFACES_MAX)
        return fail(c, c->offset, "more than %u interfaces", SVR_CAPTURE_INTERFACES_MAX);
    size_t n = c->n_interfaces + 1;
    svr_capture_interface *more = realloc(c->interfaces, n * sizeof *more);
    if (more) c->interfaces = more;
    resolution *more_res = realloc(c->resolutions, n * sizeof *more_res);
    if (more_res) c->resolutions = more_res;
    if (!more || !more_res) return fail(c, c->offset, "memory is short");
    *out = &c->interfaces[c->n_interfaces];
    *res = &c->resolutions[c->n_interfaces];
    c->n_interfaces = n;
    **out = (svr_capture_interface){0};
    **res = (resolution){.power = 6};
    return 0;
}

static int read_interface(svr_capture *c, const uint8_t *block, size_t len) {
    svr_capture_interface *i;
    resolution *res;
    svr_capture_options o = {block + 16, block + len - 4, c->big};
    uint32_t code;
    const uint8_t *v;
    size_t n;
    int rc;
    if (len < 20) return fail(c, c->offset, "an interface description of %zu bytes; it has at least 20", len);
    if (add_interface(c, &i, &res) < 0) return -1;
    i->link_type = get16(block + 8, c->big);
    while ((rc = next_option(&o, &code, &v, &n)) > 0) {
        if (code == IF_NAME) copy_name(i->name, v, n);
        if (code == IF_DESCRIPTION) copy_name(i->description, v, n);
        if (code == IF_TSRESOL && n == 1) {
            res->binary = v[0] & 0x80;
            res->power = v[0] & 0x7f;
        }
        if (code == IF_TSOFFSET && n == 8) {
            uint64_t low = get32(v + (c->big ? 4 : 0), c->big), high = get32(v + (c->big ? 0 : 4), c->big);
            res->offset_s = (int64_t)(high << 32 | low);
        }
    }
    return rc < 0 ? fail(c, c->offset, "an option of the interface does not fit into its block") : 0;
}

/* A time stamp as nanoseconds since 1970; false when svr_wall cannot hold it, or it lies before. */
static bool to_wall(const resolution *res, uint64_t stamp, svr_wall *out) {
    __int128 ns = (__int128)stamp * 1000000000;
    if (res->binary) {
        ns = res->power < 127 ? ns >> res->power : 0;
    } else {
        for (unsigned i = 0; i < res->power && ns; i++)
            ns /= 10;
    }
    ns += (__int128)res->offset_s * 1000000000;
    *out = (svr_wall)ns;
    return ns >= 0 && ns <= INT64_MAX;
}

/* The common end of all packet blocks: `data` lies at `at` of the block. */
static int take_packet(svr_capture *c, const uint8_t *block, size_t len, size_t at, svr_capture_packet *out) {
    size_t room = len - at - 4, whole = ((size_t)out->len + 3) / 4 * 4;
    if (out->len > room || whole > room)
        return fail(c, c->offset, "a packet of %u bytes in a block that has room for %zu", out->len, room);
    if (out->orig_len < out->len) out->orig_len = out->len;
    out->number = ++c->packets;
    out->offset = c->offset;
    out->data = block + at;
    out->options = (svr_capture_options){block + at + whole, block + len - 4, c->big};
    c->last = out->time;
    return 1;
}

static int read_flags(svr_capture *c, svr_capture_packet *out) {
    svr_capture_options o = out->options;
    uint32_t code;
    const uint8_t *v;
    size_t n;
    int rc;
    while ((rc = next_option(&o, &code, &v, &n)) > 0)
        if (code == EPB_FLAGS && n == 4) out->direction = (svr_pcapng_direction)(get32(v, c->big) % 4 % 3);
    return rc < 0 ? fail(c, c->offset, "an option of packet %llu does not fit into its block",
                         (unsigned long long)out->number)
                  : 1;
}

/* Enhanced and obsolete packet blocks differ in one field only. */
static int read_packet(svr_capture *c, const uint8_t *block, size_t len, bool enhanced,
                       svr_capture_packet *out) {
    if (len < 32) return fail(c, c->offset, "a packet block of %zu bytes; it has at least 32", len);
    size_t id = enhanced ? get32(block + 8, c->big) : get16(block + 8, c->big);
    if (id >= c->n_interfaces - c->section_interfaces)
        return fail(c, c->offset + 8, "the packet names interface %zu of a section that has %zu", id,
                    c->n_interfaces - c->section_interfaces);
    *out = (svr_capture_packet){.interface = (uint32_t)(c->section_interfaces + id),
                                .has_time = true,
                                .len = get32(block + 20, c->big),
                                .orig_len = get32(block + 24, c->big)};
    uint64_t stamp = (uint64_t)get32(block + 12, c->big) << 32 | get32(block + 16, c->big);
    if (!to_wall(&c->resolutions[out->interface], stamp, &out->time))
        return fail(c, c->offset + 12, "a time before 1970 or after 2262");
    return take_packet(c, block, len, 28, out) < 0 ? -1 : read_flags(c, out);
}

static int read_simple(svr_capture *c, const uint8_t *block, size_t len, svr_capture_packet *out) {
    if (len < 16) return fail(c, c->offset, "a packet block of %zu bytes; it has at least 16", len);
    if (c->n_interfaces == c->section_interfaces)
        return fail(c, c->offset, "a packet in a section without interface");
    uint32_t orig = get32(block + 8, c->big), room = (uint32_t)len - 16;
    *out = (svr_capture_packet){.interface = (uint32_t)c->section_interfaces,
                                .time = c->last,
                                .len = orig < room ? orig : room,
                                .orig_len = orig};
    return take_packet(c, block, len, 12, out);
}

/* 1: a packet, 0: something else, -1: a fault. */
static int read_block(svr_capture *c, const uint8_t *block, size_t len, svr_capture_packet *out) {
    switch (get32(block, c->big)) {
    case BLOCK_SECTION: return read_section(c, block, len);
    case BLOCK_INTERFACE: return read_interface(c, block, len);
    case BLOCK_PACKET: return read_packet(c, block, len, true, out);
    case BLOCK_PACKET_OLD: return read_packet(c, block, len, false, out);
    case BLOCK_PACKET_SIMPLE: return read_simple(c, block, len, out);
    default: return 0; /* names, statistics, and what others have added: nothing that is of use here */
    }
}

static int cut_off(svr_capture *c, const char *what, size_t need) {
    return fail(c, c->offset, "%s of %zu bytes is cut off after %zu", what, need, left(c));
}

/* A section says in which byte order it is. */
static int take_byte_order(svr_capture *c) {
    const uint8_t *p = c->window + c->from;
    if (get32(p, false) != BLOCK_SECTION) return 0;
    uint32_t magic = get32(p + 8, false);
    if (magic != BYTE_ORDER_MAGIC && get32(p + 8, true) != BYTE_ORDER_MAGIC)
        return fail(c, c->offset + 8, "the byte order of the section is not told: %08x", magic);
    c->big = magic != BYTE_ORDER_MAGIC;
    return 0;
}

static int next_pcapng(svr_capture *c, svr_capture_packet *out) {
    for (int rc = 0; rc == 0;) {
        int have = fill(c, HEADER_LEN);
        if (have < 0) return -1;
        if (!have) return left(c) ? cut_off(c, "a block's header", HEADER_LEN) : 0;
        if (take_byte_order(c) < 0) return -1;
        uint32_t len = get32(c->window + c->from + 4, c->big);
        if (len < HEADER_LEN || len % 4 || len > SVR_CAPTURE_BLOCK_MAX)
            return fail(c, c->offset + 4, "a block says to have %u bytes: 12 to %u are possible, in fours",
                        len, SVR_CAPTURE_BLOCK_MAX);
        have = fill(c, len);
        if (have < 0) return -1;
        if (!have) return cut_off(c, "a block", len);
        const uint8_t *block = c->window + c->from;
        if (get32(block + len - 4, c->big) != len)
            return fail(c, c->offset + len - 4, "a block of %u bytes ends with length %u", len,
                        get32(block + len - 4, c->big));
        rc = read_block(c, block, len, out);
        if (rc >= 0) consume(c, len);
        if (rc) return rc;
    }
    return 0;
}

/* ---- classic pcap --------------------------------------------------------------------------- */

static int next_classic(svr_capture *c, svr_capture_packet *out) {
    int have = fill(c, CLASSIC_RECORD_LEN);
    if (have < 0) return -1;
    if (!have) return left(c) ? cut_off(c, "a packet's header", CLASSIC_RECORD_LEN) : 0;
    const uint8_t *p = c->window + c->from;
    *out = (svr_capture_packet){
        .has_time = true, .len = get32(p + 8, c->big), .orig_len = get32(p + 12, c->big)};
    if (out->len > SVR_CAPTURE_PACKET_MAX)
        return fail(c, c->offset + 8, "a packet of %u bytes; %u are possible", out->len,
                    SVR_CAPTURE_PACKET_MAX);
    size_t whole = CLASSIC_RECORD_LEN + (size_t)out->len;
    have = fill(c, whole);
    if (have < 0) return -1;
    if (!have) return cut_off(c, "a packet", whole);
    p = c->window + c->from; /* it may have moved */
    uint64_t part = get32(p + 4, c->big);
    out->time = (svr_wall)(get32(p, c->big) * UINT64_C(1000000000) +
                           part * (c->resolutions[0].power == 9 ? 1 : 1000));
    if (out->orig_len < out->len) out->orig_len = out->len;
    out->number = ++c->packets;
    out->offset = c->offset;
    out->data = p + CLASSIC_RECORD_LEN;
    consume(c, whole);
    return 1;
}

static int begin_classic(svr_capture *c, uint32_t magic) {
    svr_capture_interface *i;
    resolution *res;
    int have = fill(c, CLASSIC_HEADER_LEN);
    if (have < 0) return -1;
    if (!have) return cut_off(c, "a file header", CLASSIC_HEADER_LEN);
    if (add_interface(c, &i, &res) < 0) return -1;
    c->classic = true;
    i->link_type = get32(c->window + c->from + 20, c->big) & 0xffff;
    res->power = magic == CLASSIC_NANOSECONDS ? 9 : 6;
    consume(c, CLASSIC_HEADER_LEN);
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int foreign(svr_capture *c) {
    const uint8_t *p = c->window + c->from;
    const char *hint = "pcapng and pcap are read";
    if (p[0] == 0x1f && p[1] == 0x8b) hint = "it is compressed: zcat FILE | svrpcap ... -";
    if (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0) hint = "it is compressed: zstdcat FILE | svrpcap ... -";
    return fail(c, 0, "this is no capture, it begins with %02x %02x %02x %02x; %s", p[0], p[1], p[2], p[3],
                hint);
}

static int begin(svr_capture *c) {
    int have = fill(c, 4);
    if (have < 0) return -1;
    if (!have) return left(c) ? cut_off(c, "a file's mark", 4) : fail(c, 0, "the file is empty");
    uint32_t magic = get32(c->window + c->from, false), other = get32(c->window + c->from, true);
    if (magic == BLOCK_SECTION) return 0;
    c->big = other == CLASSIC_MICROSECONDS || other == CLASSIC_NANOSECONDS;
    if (c->big) return begin_classic(c, other);
    if (magic == CLASSIC_MICROSECONDS || magic == CLASSIC_NANOSECONDS) return begin_classic(c, magic);
    return foreign(c);
}

svr_capture *svr_capture_open(const char *file, char error[SVR_CAPTURE_ERROR_MAX]) {
    svr_capture *c = calloc(1, sizeof *c);
    snprintf(error, SVR_CAPTURE_ERROR_MAX, "memory is short");
    if (!c) return NULL;
    c->size = WINDOW_START;
    c->window = malloc(c->size);
    c->fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0)
        snprintf(error, SVR_CAPTURE_ERROR_MAX, "cannot be opened: %s", strerror(errno));
    else if (c->window && begin(c) == 0)
        return c;
    else if (c->window)
        snprintf(error, SVR_CAPTURE_ERROR_MAX, "%s", c->error);
    svr_capture_close(c);
    return NULL;
}

void svr_capture_close(svr_capture *c) {
    if (!c) return;
    if (c->fd > STDIN_FILENO) close(c->fd);
    free(c->window);
    free(c->interfaces);
    free(c->resolutions);
    free(c->comment);
    free(c);
}

int svr_capture_next(svr_capture *c, svr_capture_packet *out) {
    if (c->error[0]) return -1;
    return c->classic ? next_classic(c, out) : next_pcapng(c, out);
}

bool svr_capture_may_wait(const svr_capture *c) {
    const uint8_t *p = c->window + c->from;
    if (c->classic)
        return left(c) < CLASSIC_RECORD_LEN || left(c) - CLASSIC_RECORD_LEN < get32(p + 8, c->big);
    return left(c) < HEADER_LEN || left(c) < get32(p + 4, c->big);
}

const char *svr_capture_error(const svr_capture *c) {
    return c->error;
}
const char *svr_capture_format(const svr_capture *c) {
    return c->classic ? "pcap" : "pcapng";
}
uint64_t svr_capture_bytes(const svr_capture *c) {
    return c->offset;
}
size_t svr_capture_interfaces(const svr_capture *c) {
    return c->n_interfaces;
}
const svr_capture_interface *svr_capture_interface_get(const svr_capture *c, size_t i) {
    return i < c->n_interfaces ? &c->interfaces[i] : NULL;
}

bool svr_capture_section_comment(const svr_capture *c, const char **text, size_t *len, uint64_t *section) {
    *text = c->comment;
    *len = c->comment_len;
    *section = c->sections;
    return c->comment_len > 0;
}

/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"
#include "packet.h"

enum { ID_MAX = 2 * SVR_SEEN_UUID_LEN, ID_MIN = 4, COLUMNS = 96, HEX_COLUMNS = 16, SHOWN = 512 };

static const char help[] =
    "Usage: svrpcap follow [OPTION]... CAPTURE SESSION [FILTER]\n"
    "What two hosts said to each other in a session: its packets in order, both directions, with what they "
    "carry. SESSION is an\n"
    "identifier or how it begins (4 digits or more), as info and dump show it, or one end: ADDRESS:PORT, "
    "[ADDRESS]:PORT, ADDRESS.\n"
    "\n"
    "  svrpcap follow wan.pcapng efb6a057\n"
    "  svrpcap follow --keylog keys.log wan.pcap 10.1.0.10:49153\n"
    "  svrpcap follow --hex --all wan.pcapng '[fd00::10]:443'\n"
    "\n"
    "> is the forward direction. Of each packet 512 bytes are shown; --all shows them all. Packets without a "
    "known key show their\n"
    "sizes only. Segments of TCP are shown as they came: those that were sent twice are there twice.\n";

/* Which sessions are wanted. */
typedef struct wanted {
    char id[ID_MAX + 1]; /* "" : an end is wanted */
    svr_addr addr;
    int port; /* -1: any */
} wanted;

/* ---- the session's name --------------------------------------------------------------------- */

static bool is_id(const char *text, char out[ID_MAX + 1]) {
    size_t n = strlen(text);
    if (n < ID_MIN || n > ID_MAX) return false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && !isxdigit((unsigned char)text[i])) return false;
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    return true;
}

static bool split_port(char *text, int *port) {
    char *colon = strrchr(text, ':'), *end;
    *port = -1;
    if (!colon || (text[0] != '[' && strchr(text, ':') != colon)) return true; /* none, or plain IPv6 */
    if (text[0] == '[' && colon[-1] != ']') return true;
    unsigned long v = strtoul(colon + 1, &end, 10);
    if (!isdigit((unsigned char)colon[1]) || *end || v > UINT16_MAX) return false;
    *port = (int)v;
    *colon = 0;
    return true;
}

static bool parse(const char *text, wanted *out) {
    char copy[SVR_ADDR_TEXT_MAX + 16], *addr = copy;
    memset(out, 0, sizeof *out);
    if (is_id(text, out->id)) return true;
    out->id[0] = 0;
    if (!svr_strcpy(copy, sizeof copy, text) || !split_port(copy, &out->port)) return false;
    size_t n = strlen(addr);
    if (n > 2 && addr[0] == '[' && addr[n - 1] == ']') {
        addr[n - 1] = 0;
        addr++;
    }
    return svr_addr_parse(addr, &out->addr);
}

static bool is_end(const wanted *w, const svr_addr *a, uint16_t port) {
    return svr_addr_equal(&w->addr, a) && (w->port < 0 || w->port == port);
}

static bool is_wanted(const wanted *w, const svr_seen *s) {
    char id[ID_MAX + 1];
    if (!s->has_session) return false;
    if (!w->id[0])
        return is_end(w, &s->inner.src, s->inner.sport) || is_end(w, &s->inner.dst, s->inner.dport);
    svrpcap_format_hex(s->uuid, sizeof s->uuid, id);
    return strncmp(id, w->id, strlen(w->id)) == 0;
}

/* ---- what was said -------------------------------------------------------------------------- */

static void show_text(svrpcap_line *l, const uint8_t *p, size_t n, FILE *out) {
    while (n) {
        size_t k = 0;
        svrpcap_put(l, "    ");
        while (k < n && k < COLUMNS && p[k] != '\n') {
            svrpcap_put_char(l, p[k] >= ' ' && p[k] < 127 ? (char)p[k] : p[k] == '\r' ? ' ' : '.');
            k++;
        }
        if (k < n && p[k] == '\n') k++;
        svrpcap_line_end(l, out);
        p += k;
        n -= k;
    }
}

static void show_hex(svrpcap_line *l, const uint8_t *p, size_t n, FILE *out) {
    for (size_t at = 0; at < n; at += HEX_COLUMNS) {
        uint8_t offset[2] = {(uint8_t)(at >> 8), (uint8_t)at};
        size_t start = l->n;
        svrpcap_put(l, "    ");
        svrpcap_put_hex(l, offset, 2);
        svrpcap_put_char(l, ' ');
        for (size_t i = at; i < n && i < at + HEX_COLUMNS; i++) {
            svrpcap_put_char(l, ' ');
            svrpcap_put_hex(l, p + i, 1);
        }
        svrpcap_put_column(l, start + 10 + 3 * HEX_COLUMNS);
        for (size_t i = at; i < n && i < at + HEX_COLUMNS; i++)
            svrpcap_put_char(l, p[i] >= ' ' && p[i] < 127 ? (char)p[i] : '.');
        svrpcap_line_end(l, out);
    }
}

/* "SYN ACK"; the text of a TCP packet begins with the sequence number, and its flags are 9 bytes behind that.
 */
static void put_tcp_flags(svrpcap_line *l, const svr_seen *s) {
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
    if (s->inner.proto != SVR_PROTO_TCP || s->has_part || s->text_len < 10) return;
    for (int i = 0; i < 6; i++) {
        if (!(s->text[9] >> i & 1)) continue;
        svrpcap_put_char(l, ' ');
        svrpcap_put(l, names[i]);
    }
}

static void put_head(svrpcap_line *l, const svrpcap_options *o, const svrpcap_packet *p, svr_wall first) {
    const svr_seen *s = &p->seen;
    char proto[16];
    svr_flow f = s->forward ? s->inner : svr_flow_reverse(&s->inner);
    svrpcap_put_colour(l, s->forward ? SVRPCAP_BLUE : SVRPCAP_GREEN);
    svrpcap_put(l, s->forward ? "> " : "< ");
    svrpcap_put_number(l, p->raw.number);
    svrpcap_put_char(l, ' ');
    svrpcap_put_time(l, o->time, p->raw.time, first);
    svrpcap_put_char(l, ' ');
    svrpcap_put(l, svrpcap_protocol(f.proto, proto));
    svrpcap_put_char(l, ' ');
    svrpcap_put_flow(l, &f);
}

static void show(svrpcap_line *l, const svrpcap_options *o, const svrpcap_packet *p, svr_wall first) {
    const svr_seen *s = &p->seen;
    const uint8_t *data = NULL;
    size_t n = svrpcap_inner_payload(s, &data);
    put_head(l, o, p, first);
    if (s->payload == SVR_AUTH_GOOD) {
        put_tcp_flags(l, s);
        svrpcap_put(l, ", ");
        svrpcap_put_number(l, n);
        svrpcap_put(l, " bytes");
    } else {
        svrpcap_put(l, s->has_payload ? ", payload " : ", metadata only");
        if (s->has_payload) svrpcap_put(l, svr_seen_auth_name(s->payload));
    }
    if (s->has_metadata) svrpcap_put(l, ", with metadata");
    svrpcap_put_colour(l, SVRPCAP_PLAIN);
    svrpcap_line_end(l, o->out);
    size_t shown = o->all || n < SHOWN ? n : SHOWN;
    if (n) (o->hex ? show_hex : show_text)(l, data, shown, o->out);
    if (shown == n) return;
    svrpcap_put(l, "    and ");
    svrpcap_put_number(l, n - shown);
    svrpcap_put(l, " bytes more");
    svrpcap_line_end(l, o->out);
}

static int run(const svrpcap_options *o) {
    static svrpcap_line line;
    svrpcap_packet p;
    wanted w;
    uint64_t shown = 0;
    if (!parse(o->words[1], &w))
        return svrpcap_error(
            "session '%s': expected the beginning of an identifier (4 to 32 hex digits), ADDRESS:PORT, "
            "[ADDRESS]:PORT or ADDRESS",
            o->words[1]);
    svrpcap_input *in = svrpcap_input_open(o, NULL, NULL);
    if (!in) return SVRPCAP_UNUSABLE;
    line.colour = o->colour;
    while ((!o->count || shown < o->count) && !ferror(o->out) && svrpcap_input_next(in, &p)) {
        if (!p.matches || !is_wanted(&w, &p.seen)) continue;
        shown++;
        show(&line, o, &p, svrpcap_input_totals(in)->first);
        if (svr_capture_may_wait(svrpcap_input_capture(in))) fflush(o->out);
    }
    fflush(o->out);
    int status = svrpcap_input_close(in);
    if (shown || status) return status;
    return svrpcap_error("%s: no session '%s' could be read; svrpcap info lists those that can", o->words[0],
                         o->words[1]);
}

const svrpcap_command svrpcap_follow = {
    .name = "follow",
    .summary = "what two hosts said to each other in a session",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_TIME | SVRPCAP_O_COUNT | SVRPCAP_O_HEX |
             SVRPCAP_O_ALL | SVRPCAP_O_COLOUR,
    .words_min = 2,
    .words_max = 2,
    .run = run,
};

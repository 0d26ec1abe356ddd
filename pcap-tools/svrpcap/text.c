/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <arpa/inet.h>
#include <string.h>

void svrpcap_put_n(svrpcap_line *l, const char *text, size_t n) {
    size_t room = sizeof l->text - 8 - l->n; /* for dots, a colour's end and the line's */
    if (n > room) {
        n = room;
        l->cut = true;
    }
    memcpy(l->text + l->n, text, n);
    l->n += n;
}

void svrpcap_put(svrpcap_line *l, const char *text) {
    svrpcap_put_n(l, text, strlen(text));
}

void svrpcap_put_name(svrpcap_line *l, const char *text) {
    for (; *text; text++)
        svrpcap_put_char(l, (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

void svrpcap_put_char(svrpcap_line *l, char c) {
    svrpcap_put_n(l, &c, 1);
}

void svrpcap_put_number(svrpcap_line *l, uint64_t v) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    svrpcap_put_n(l, digits + at, sizeof digits - at);
}

void svrpcap_format_hex(const uint8_t *p, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = 0;
}

void svrpcap_put_hex(svrpcap_line *l, const uint8_t *p, size_t n) {
    char two[3];
    for (size_t i = 0; i < n; i++) {
        svrpcap_format_hex(p + i, 1, two);
        svrpcap_put_n(l, two, 2);
    }
}

void svrpcap_put_addr(svrpcap_line *l, const svr_addr *a) {
    char text[SVR_ADDR_TEXT_MAX];
    if (a->family != 4) {
        svrpcap_put(l, svr_addr_format(a, text));
        return;
    }
    for (int i = 0; i < 4; i++) {
        if (i) svrpcap_put_char(l, '.');
        svrpcap_put_number(l, a->bytes[i]);
    }
}

static void put_end(svrpcap_line *l, const svr_addr *a, uint16_t port) {
    bool bracket = port && a->family == 6;
    if (bracket) svrpcap_put_char(l, '[');
    svrpcap_put_addr(l, a);
    if (bracket) svrpcap_put_char(l, ']');
    if (!port) return;
    svrpcap_put_char(l, ':');
    svrpcap_put_number(l, port);
}

void svrpcap_put_flow(svrpcap_line *l, const svr_flow *f) {
    put_end(l, &f->src, f->sport);
    svrpcap_put(l, " > ");
    put_end(l, &f->dst, f->dport);
}

void svrpcap_put_column(svrpcap_line *l, size_t column) {
    static const char blanks[65] = "                                                                ";
    size_t n = l->n < column ? column - l->n : 1;
    svrpcap_put_n(l, blanks, n < 64 ? n : 64);
}

void svrpcap_put_colour(svrpcap_line *l, svrpcap_colour c) {
    static const char *const codes[] = {"\033[0m",  "\033[1m",  "\033[2m", "\033[31m",
                                        "\033[32m", "\033[33m", "\033[34m"};
    if (l->colour) svrpcap_put(l, codes[c]);
}

void svrpcap_line_end(svrpcap_line *l, FILE *out) {
    if (l->cut) {
        memcpy(l->text + l->n, "...", 3);
        l->n += 3;
    }
    l->text[l->n++] = '\n';
    fwrite(l->text, 1, l->n, out);
    l->n = 0;
    l->cut = false;
}

/* Digits with leading zeros. */
static void digits(char *out, uint64_t v, int n) {
    while (n-- > 0) {
        out[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* Seconds and nanoseconds, with a sign. */
static char *signed_seconds(char *out, int64_t ns) {
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    int n = sprintf(out, "%s%llu.", ns < 0 ? "-" : "", (unsigned long long)(size / SVR_SEC));
    digits(out + n, size % SVR_SEC, 9);
    out[n + 9] = 0;
    return out;
}

const char *svrpcap_format_time(svrpcap_time kind, svr_wall at, svr_wall first, char out[SVRPCAP_TIME_MAX]) {
    if (kind == SVRPCAP_TIME_RELATIVE) return signed_seconds(out, (int64_t)((uint64_t)at - (uint64_t)first));
    if (kind == SVRPCAP_TIME_EPOCH) return signed_seconds(out, at);
    char day[SVR_WALL_TEXT_MAX];
    svr_wall_format(at, day);
    size_t n = strlen(day);
    memcpy(out, day, n);
    out[n] = '.';
    digits(out + n + 1, (uint64_t)at % SVR_SEC, 9);
    out[n + 10] = 0;
    return out;
}

void svrpcap_put_time(svrpcap_line *l, svrpcap_time kind, svr_wall at, svr_wall first) {
    char text[SVRPCAP_TIME_MAX];
    svrpcap_put(l, svrpcap_format_time(kind, at, first, text));
}

const char *svrpcap_protocol(uint8_t proto, char out[16]) {
    switch (proto) {
    case 1: return "ICMP";
    case 6: return "TCP";
    case 17: return "UDP";
    case 47: return "GRE";
    case 50: return "ESP";
    case 58: return "ICMPv6";
    default: snprintf(out, 16, "protocol %u", proto); return out;
    }
}

const char *svrpcap_format_span(svr_duration span, char out[SVRPCAP_TIME_MAX]) {
    unsigned long long s = span / SVR_SEC, min = s / 60, h = min / 60;
    if (s < 60)
        snprintf(out, SVRPCAP_TIME_MAX, "%.3f s", (double)span / 1e9);
    else if (min < 60)
        snprintf(out, SVRPCAP_TIME_MAX, "%llu min %llu s", min, s % 60);
    else if (h < 48)
        snprintf(out, SVRPCAP_TIME_MAX, "%llu h %llu min", h, min % 60);
    else
        snprintf(out, SVRPCAP_TIME_MAX, "%llu d %llu h", h / 24, h % 24);
    return out;
}

const char *svrpcap_format_bytes(uint64_t n, char out[SVRPCAP_TIME_MAX]) {
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)n / 1000;
    size_t i = 0;
    for (; v >= 1000 && i < 5; i++)
        v /= 1000;
    if (n < 1000)
        snprintf(out, SVRPCAP_TIME_MAX, "%u bytes", (unsigned)n);
    else
        snprintf(out, SVRPCAP_TIME_MAX, "%.1f %s", v, units[i]);
    return out;
}

const char *svrpcap_format_end(const svr_addr *a, uint16_t port, char out[SVRPCAP_END_MAX]) {
    svrpcap_line l = {0};
    put_end(&l, a, port);
    memcpy(out, l.text, l.n);
    out[l.n] = 0;
    return out;
}

/* SPDX-License-Identifier: MIT
 * Lines of text, made quickly: one for each packet of a large capture. */
#ifndef SVRPCAP_TEXT_H
#define SVRPCAP_TEXT_H

#include <stdio.h>

#include "options.h"
#include "svr/base.h"

#define SVRPCAP_LINE_MAX 4096 /* what is longer is cut, and ends with "..." */

typedef struct svrpcap_line {
    char text[SVRPCAP_LINE_MAX];
    size_t n;
    bool colour, cut;
} svrpcap_line;

typedef enum svrpcap_colour {
    SVRPCAP_PLAIN,
    SVRPCAP_BOLD,
    SVRPCAP_DIM,
    SVRPCAP_RED,
    SVRPCAP_GREEN,
    SVRPCAP_YELLOW,
    SVRPCAP_BLUE,
} svrpcap_colour;

void svrpcap_put(svrpcap_line *l, const char *text);
void svrpcap_put_n(svrpcap_line *l, const char *text, size_t n);
/* Text from elsewhere: what a terminal would take for a command becomes '?'. */
void svrpcap_put_name(svrpcap_line *l, const char *text);
void svrpcap_put_char(svrpcap_line *l, char c);
void svrpcap_put_number(svrpcap_line *l, uint64_t v);
void svrpcap_put_hex(svrpcap_line *l, const uint8_t *p, size_t n);
void svrpcap_put_addr(svrpcap_line *l, const svr_addr *a);
/* "10.0.0.1:53 > 10.0.0.2:4000", "[fd00::1]:53 > ...". */
void svrpcap_put_flow(svrpcap_line *l, const svr_flow *f);
/* Blanks up to this column; one when it is passed already. */
void svrpcap_put_column(svrpcap_line *l, size_t column);
/* Nothing unless the output is a terminal. */
void svrpcap_put_colour(svrpcap_line *l, svrpcap_colour c);
/* Writes the line with its end, and empties it. */
void svrpcap_line_end(svrpcap_line *l, FILE *out);

/* A moment, as --time asks; `first` is when the capture begins. */
void svrpcap_put_time(svrpcap_line *l, svrpcap_time kind, svr_wall at, svr_wall first);
#define SVRPCAP_TIME_MAX 48
const char *svrpcap_format_time(svrpcap_time kind, svr_wall at, svr_wall first, char out[SVRPCAP_TIME_MAX]);
/* "TCP", "UDP", "ICMP", ...; "protocol 89". */
const char *svrpcap_protocol(uint8_t proto, char out[16]);
/* "1.2 s", "19 min 59 s", "2 d 1 h". */
const char *svrpcap_format_span(svr_duration span, char out[SVRPCAP_TIME_MAX]);
/* "1.5 GB". */
const char *svrpcap_format_bytes(uint64_t n, char out[SVRPCAP_TIME_MAX]);
/* "10.0.0.1:53", without port when `port` is 0. */
#define SVRPCAP_END_MAX (SVR_ADDR_TEXT_MAX + 10)
const char *svrpcap_format_end(const svr_addr *a, uint16_t port, char out[SVRPCAP_END_MAX]);
void svrpcap_format_hex(const uint8_t *p, size_t n, char *out); /* 2 n + 1 bytes */
#endif

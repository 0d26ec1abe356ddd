/* SPDX-License-Identifier: MIT
 * A capture as all commands read it: packet by packet, with what the inspector makes of each, under the keys
 * of a key log and of the capture's own comments. */
#ifndef SVRPCAP_INPUT_H
#define SVRPCAP_INPUT_H

#include "options.h"
#include "pcapng/reader.h"
#include "svr/inspect.h"

/* Key lines that are taken from one capture and its key log. A payload key takes 2 kB of memory. */
#define SVRPCAP_KEYS_MAX 500000u

typedef struct svrpcap_input svrpcap_input;

typedef struct svrpcap_packet {
    svr_capture_packet raw;
    const svr_capture_interface *interface;
    const uint8_t *ip; /* the datagram; NULL when there is none */
    size_t ip_len;
    bool matches; /* the filter */
    svr_seen seen;
} svrpcap_packet;

typedef struct svrpcap_totals {
    uint64_t packets, matched, bytes; /* bytes as they were on the wire */
    uint64_t keys, keys_left_out;     /* lines taken; lines over SVRPCAP_KEYS_MAX */
    bool has_time;
    svr_wall first, last;
} svrpcap_totals;

/* Told of each key line, before the packet that carries it. */
typedef void svrpcap_key_seen(void *ctx, const char *line);

/* Opens the capture that is the first of the words, its key log and its filter. NULL after saying what is
 * wrong. */
svrpcap_input *svrpcap_input_open(const svrpcap_options *o, svrpcap_key_seen *seen, void *ctx);
/* The next packet; false at the end, also when the rest cannot be read. Packets that the filter leaves out
 * come too, since later ones can be understood through them. */
bool svrpcap_input_next(svrpcap_input *in, svrpcap_packet *out);
/* Closes; says on standard error where the capture ended too early. The exit status: SVRPCAP_FINE or
 * SVRPCAP_UNUSABLE. */
int svrpcap_input_close(svrpcap_input *in);

const svrpcap_totals *svrpcap_input_totals(const svrpcap_input *in);
const svr_capture *svrpcap_input_capture(const svrpcap_input *in);

/* Whether this is a line of a key log, without taking it. */
bool svrpcap_is_key_line(const char *text, size_t len);
/* Feeds each line of a comment to `take`, closed by NUL. */
void svrpcap_comment_lines(const char *text, size_t len, svrpcap_key_seen *take, void *ctx);

/* Filters, for any link type; also for captures that are taken now. */
typedef struct svrpcap_filter svrpcap_filter;
/* NULL after saying what is wrong with the expression. */
svrpcap_filter *svrpcap_filter_new(const char *expression);
void svrpcap_filter_del(svrpcap_filter *f);
bool svrpcap_filter_match(svrpcap_filter *f, uint32_t link_type, const uint8_t *data, uint32_t len,
                          uint32_t orig_len);

/* Key logs that may still grow. */
typedef struct svrpcap_keylog svrpcap_keylog;
/* NULL after saying what is wrong. */
svrpcap_keylog *svrpcap_keylog_open(const svrpcap_options *o);
void svrpcap_keylog_close(svrpcap_keylog *k);
/* The next whole line, or NULL when there is none now. */
const char *svrpcap_keylog_next(svrpcap_keylog *k);
/* Says that this line is none of a key log. */
void svrpcap_keylog_complain(const svrpcap_keylog *k);

#endif

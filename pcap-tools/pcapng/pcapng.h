/* SPDX-License-Identifier: MIT
 * A writer of pcapng files: packets at nanoseconds, with comments.
 *
 * The file depends on nothing but what is passed in here: the same calls write the same bytes. Functions that
 * return int give 0, or -1 when the stream failed; errno tells why. After a failure all further calls fail.
 */
#ifndef SVR_PCAPNG_H
#define SVR_PCAPNG_H

#include "svr/base.h"

#include <stdio.h>

#define SVR_PCAPNG_LINK_RAW 101   /* LINKTYPE_RAW: bare IP datagrams */
#define SVR_PCAPNG_TEXT_MAX 65535 /* longest comment or name; what is longer is cut */

typedef enum svr_pcapng_direction {
    SVR_PCAPNG_UNKNOWN,
    SVR_PCAPNG_INBOUND,
    SVR_PCAPNG_OUTBOUND,
} svr_pcapng_direction;

typedef struct svr_pcapng svr_pcapng;

typedef struct svr_pcapng_packet {
    uint32_t interface; /* from svr_pcapng_add_interface */
    svr_wall time;      /* not before 1970 */
    const uint8_t *data;
    uint32_t len;      /* bytes captured */
    uint32_t orig_len; /* bytes of the datagram; at least `len` */
    svr_pcapng_direction direction;
    const char *const *comments;
    size_t n_comments;
} svr_pcapng_packet;

/* Creates or overwrites the file, standard output for "-", and writes its section header. `application` and
 * `comment` may be NULL. NULL with errno set when the file cannot be made. */
svr_pcapng *svr_pcapng_new(const char *file, const char *application, const char *comment);
/* Hands on what was written so far: for somebody who reads along. */
int svr_pcapng_flush(svr_pcapng *w);
/* Flushes and closes, but for standard output. The writer is gone afterwards, also on failure. */
int svr_pcapng_del(svr_pcapng *w);

/* Describes an interface; packets may name it from then on. `link_type` is a LINKTYPE_... number of 16 bits;
 * `name` and `description` may be NULL. Its index, from 0, or -1. */
int svr_pcapng_add_interface(svr_pcapng *w, uint32_t link_type, const char *name, const char *description);
int svr_pcapng_write(svr_pcapng *w, const svr_pcapng_packet *pkt);

#endif

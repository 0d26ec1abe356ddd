/* SPDX-License-Identifier: MIT
 * A capture that is made of another one: its interfaces, its times, other packets or other comments. */
#ifndef SVRPCAP_OUTPUT_H
#define SVRPCAP_OUTPUT_H

#include "input.h"

typedef struct svrpcap_output svrpcap_output;

/* `file` NULL or "-": standard output, which must not be a terminal. It must not be `input`, which is read
 * meanwhile. NULL after saying what is wrong. `comment` may be NULL; `raw`: the packets will be bare IP
 * datagrams, whatever the link types were. */
svrpcap_output *svrpcap_output_open(const char *file, const char *input, const svr_capture *from,
                                    const char *comment, bool raw);
/* Writes a packet with the number, time, interface and direction of `like`. False when no more can be
 * written. */
bool svrpcap_output_write(svrpcap_output *out, const svr_capture_packet *like, const uint8_t *data,
                          uint32_t len, uint32_t orig_len, const char *const *comments, size_t n_comments);
/* Closes. The exit status: a reader that has gone is fine. */
int svrpcap_output_close(svrpcap_output *out);

#endif

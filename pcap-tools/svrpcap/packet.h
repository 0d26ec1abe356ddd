/* SPDX-License-Identifier: MIT
 * One packet as a line, and as JSON. */
#ifndef SVRPCAP_PACKET_H
#define SVRPCAP_PACKET_H

#include <jansson.h>

#include "input.h"
#include "text.h"

/* Appends what the packet is, without its end of line. `first` is when the capture begins. */
void svrpcap_describe(svrpcap_line *l, const svrpcap_options *o, const svrpcap_packet *p, svr_wall first);
/* With --verbose: a line for each TLV, written to `out`. */
void svrpcap_describe_tlvs(svrpcap_line *l, const svrpcap_packet *p, FILE *out);

/* NULL when memory is short. */
json_t *svrpcap_packet_json(const svrpcap_packet *p, bool verbose);
json_t *svrpcap_flow_json(const svr_flow *f);
/* A time as a JSON string, "1735689600.000000001": a number would lose nanoseconds. */
json_t *svrpcap_time_json(svr_wall at);
json_t *svrpcap_hex_json(const uint8_t *p, size_t n);
/* One object and an end of line; takes `object` over. False when memory is short, or `out` fails. */
bool svrpcap_write_json(json_t *object, FILE *out);

const char *svrpcap_bfd_state_name(svr_bfd_state s);
const char *svrpcap_control_name(uint8_t control);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef SVRPCAP_INFO_H
#define SVRPCAP_INFO_H

#include "tally.h"

/* What svrpcap info tells. Sessions are the largest first; `sessions` of them are told. */
typedef struct svrpcap_report {
    const svrpcap_options *o;
    const svr_capture *capture;
    const svrpcap_totals *totals;
    const svrpcap_tally *tally;
    svrpcap_session **sessions;
    size_t n_sessions;
} svrpcap_report;

void svrpcap_info_text(const svrpcap_report *r, FILE *out);
bool svrpcap_info_json(const svrpcap_report *r, FILE *out);

/* The kept ones of `n` things that went round a ring of `size`: the i-th of svrpcap_ring_kept() is at
 * svrpcap_ring_at(). */
size_t svrpcap_ring_kept(uint64_t n, size_t size);
size_t svrpcap_ring_at(uint64_t n, size_t size, size_t i);

#endif

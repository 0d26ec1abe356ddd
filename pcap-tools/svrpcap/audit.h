/* SPDX-License-Identifier: MIT
 * Looks for faults, packet by packet. */
#ifndef SVRPCAP_AUDIT_H
#define SVRPCAP_AUDIT_H

#include "faults.h"

/* Nonces that are remembered: as many as millions of packets have; older ones may be forgotten. 16 bytes
 * each. */
#define SVRPCAP_NONCES_KEPT (1u << 22)
/* Stragglers under an old key: what was on its way when the sender changed over, and what a key confirms
 * late. */
#define SVRPCAP_STRAGGLER_NS (10 * SVR_SEC)
#define SVRPCAP_SENDERS_MAX                                                                                  \
    400000u /* directions of sessions, and pairs of routers, whose keys are followed */

typedef struct svrpcap_audit {
    svrpcap_faults faults;
    uint64_t good[2], bad[2], unchecked[2]; /* metadata with BFD, payloads */
    uint64_t svr, again;                    /* packets of SVR; those that came a second time, bit for bit */
    svrpcap_table senders, secrets;
    struct svrpcap_nonce *nonces;
    size_t n_nonces;     /* places, a power of two */
    uint64_t remembered; /* nonces that were new */
} svrpcap_audit;

/* False when memory is short. */
bool svrpcap_audit_init(svrpcap_audit *a);
void svrpcap_audit_fini(svrpcap_audit *a);
/* A line of the key log. */
void svrpcap_audit_key(svrpcap_audit *a, const char *line);
void svrpcap_audit_packet(svrpcap_audit *a, const svrpcap_packet *p);

#endif

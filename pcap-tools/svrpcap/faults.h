/* SPDX-License-Identifier: MIT
 * What svrpcap verify finds: faults of one kind, by one sender, are one entry. */
#ifndef SVRPCAP_FAULTS_H
#define SVRPCAP_FAULTS_H

#include "input.h"
#include "table.h"

#define SVRPCAP_FAULTS_MAX 10000u /* entries; what is over it is counted */
#define SVRPCAP_FAULT_PACKETS 4   /* named in each */
#define SVRPCAP_FAULT_TEXT_MAX 192

typedef enum svrpcap_fault_kind {
    SVRPCAP_BAD_METADATA,  /* HMAC of metadata or BFD */
    SVRPCAP_BAD_PAYLOAD,   /* HMAC of a payload */
    SVRPCAP_MALFORMED,     /* not as docs/protocol.md has it */
    SVRPCAP_CLEAR_CONTEXT, /* original addresses among the clear TLVs */
    SVRPCAP_NONCE_AGAIN,   /* one nonce, one key, two packets */
    SVRPCAP_OLD_KEY,       /* used long after its successor */
    SVRPCAP_SHARED_SECRET, /* one secret for two purposes */
    SVRPCAP_FAULT_KINDS,
} svrpcap_fault_kind;

typedef struct svrpcap_fault {
    struct {
        uint32_t kind;
        char where[SVRPCAP_FAULT_TEXT_MAX];
    } id;
    char expected[SVRPCAP_FAULT_TEXT_MAX]; /* of the first one */
    uint64_t count;
    uint64_t number[SVRPCAP_FAULT_PACKETS]; /* 0: not in a packet */
    svr_wall time[SVRPCAP_FAULT_PACKETS];
    uint64_t last_number;
    svr_wall last_time;
} svrpcap_fault;

typedef struct svrpcap_faults {
    svrpcap_table table;
    uint64_t count; /* all of them */
} svrpcap_faults;

void svrpcap_faults_init(svrpcap_faults *f);
void svrpcap_faults_fini(svrpcap_faults *f);
/* `number` 0: it is of the key log. */
void svrpcap_fault_add(svrpcap_faults *f, svrpcap_fault_kind kind, uint64_t number, svr_wall time,
                       const char *where, const char *expected);
const char *svrpcap_fault_name(svrpcap_fault_kind kind);

#endif

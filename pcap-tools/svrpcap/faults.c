/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <string.h>

void svrpcap_faults_init(svrpcap_faults *f) {
    *f = (svrpcap_faults){0};
    svrpcap_table_init(&f->table, sizeof((svrpcap_fault *)NULL)->id, sizeof(svrpcap_fault),
                       SVRPCAP_FAULTS_MAX);
}

void svrpcap_faults_fini(svrpcap_faults *f) {
    svrpcap_table_fini(&f->table);
}

void svrpcap_fault_add(svrpcap_faults *f, svrpcap_fault_kind kind, uint64_t number, svr_wall time,
                       const char *where, const char *expected) {
    svrpcap_fault key;
    bool is_new;
    f->count++;
    memset(&key.id, 0, sizeof key.id);
    key.id.kind = kind;
    svr_strcpy(key.id.where, sizeof key.id.where, where);
    svrpcap_fault *fault = svrpcap_table_add(&f->table, &key.id, &is_new);
    if (!fault) return;
    if (is_new) svr_strcpy(fault->expected, sizeof fault->expected, expected);
    if (fault->count < SVRPCAP_FAULT_PACKETS) {
        fault->number[fault->count] = number;
        fault->time[fault->count] = time;
    }
    fault->count++;
    fault->last_number = number;
    fault->last_time = time;
}

const char *svrpcap_fault_name(svrpcap_fault_kind kind) {
    switch (kind) {
    case SVRPCAP_BAD_METADATA: return "bad HMAC of metadata";
    case SVRPCAP_BAD_PAYLOAD: return "bad HMAC of a payload";
    case SVRPCAP_MALFORMED: return "malformed";
    case SVRPCAP_CLEAR_CONTEXT: return "addresses in clear";
    case SVRPCAP_NONCE_AGAIN: return "nonce used again";
    case SVRPCAP_OLD_KEY: return "old key used on";
    case SVRPCAP_SHARED_SECRET: return "secret used twice";
    case SVRPCAP_FAULT_KINDS: break;
    }
    return "unknown";
}

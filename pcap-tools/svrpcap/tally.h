/* SPDX-License-Identifier: MIT
 * What is known about a capture when it has been read: routers, paths, keys and sessions. All tables are
 * bounded; what does not fit is counted. */
#ifndef SVRPCAP_TALLY_H
#define SVRPCAP_TALLY_H

#include "input.h"
#include "table.h"

#define SVRPCAP_ROUTERS_MAX 10000u
#define SVRPCAP_PATHS_MAX 50000u
#define SVRPCAP_KEY_USES_MAX 100000u
#define SVRPCAP_SESSIONS_MAX 200000u
/* Of these the last ones are kept, and all are counted. */
#define SVRPCAP_ADDRESSES_SHOWN 8 /* of one router */
#define SVRPCAP_WAYPOINTS_SHOWN 6 /* of one session */
#define SVRPCAP_PHASES_SHOWN 12   /* payload keys of one session */
#define SVRPCAP_UPS_SHOWN 8       /* times at which a path came up or went down */

typedef struct svrpcap_count {
    uint64_t packets, bytes; /* IP datagrams as captured on the wire, with their headers */
} svrpcap_count;

typedef struct svrpcap_moments {
    svr_wall first, last;
} svrpcap_moments;

typedef struct svrpcap_router {
    char name[SVR_NAME_MAX + 1];
    svr_addr addresses[SVRPCAP_ADDRESSES_SHOWN];
    size_t n_addresses;
} svrpcap_router;

/* A change of the state that one end of a path tells. */
typedef struct svrpcap_bfd_change {
    svr_wall at;
    uint8_t end; /* 0 or 1 of the path's */
    svr_bfd_state state;
} svrpcap_bfd_change;

typedef struct svrpcap_path {
    svr_addr ends[2]; /* in order */
    char names[2][SVR_NAME_MAX + 1];
    svrpcap_moments when;
    svrpcap_count bfd, sessions;
    bool has_state[2];
    svr_bfd_state state[2];
    svrpcap_bfd_change changes[SVRPCAP_UPS_SHOWN];
    uint64_t n_changes;
    uint64_t messages[16]; /* of the key exchange, by their kind */
    svrpcap_moments message_when[16];
} svrpcap_path;

/* One key in the hands of one sender. */
typedef struct svrpcap_key_use {
    struct {
        char sender[SVR_NAME_MAX + 1], receiver[SVR_NAME_MAX + 1];
        uint8_t fingerprint[SVR_SEEN_FINGERPRINT_LEN]; /* peer keys */
        uint32_t index;
        uint32_t peer; /* 1: a peer key, under which BFD goes; 0: the receiver's metadata key */
    } id;
    svrpcap_moments when;
    uint64_t packets, nonce_first, nonce_last;
} svrpcap_key_use;

typedef struct svrpcap_phase {
    uint8_t phase;
    svr_wall first[2]; /* forward, reverse; INT64_MAX: not seen */
} svrpcap_phase;

typedef struct svrpcap_session {
    uint8_t uuid[SVR_SEEN_UUID_LEN];
    svr_flow inner;
    char service[SVR_NAME_MAX + 1], tenant[SVR_NAME_MAX + 1];
    bool encrypted;
    svrpcap_moments when;
    svrpcap_count way[2]; /* forward, reverse */
    uint64_t text[2];     /* deciphered bytes */
    uint64_t metadata, bad;
    svr_flow waypoints[SVRPCAP_WAYPOINTS_SHOWN]; /* as forward packets have them */
    uint64_t n_waypoints;
    svrpcap_phase phases[SVRPCAP_PHASES_SHOWN];
    uint64_t n_phases;
} svrpcap_session;

typedef struct svrpcap_tally {
    svrpcap_table routers, paths, keys, sessions;
    svrpcap_count bfd, session, other, no_ip;
    uint64_t auth[2][4]; /* metadata, payload: by svr_seen_auth */
    uint64_t malformed, clear_context;
} svrpcap_tally;

void svrpcap_tally_init(svrpcap_tally *t);
void svrpcap_tally_fini(svrpcap_tally *t);
void svrpcap_tally_packet(svrpcap_tally *t, const svrpcap_packet *p);

#endif

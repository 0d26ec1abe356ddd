/* SPDX-License-Identifier: MIT
 * Reads what routers say to each other: with a key log, everything that the profile puts on the wire. It is
 * no party to anything: whoever judges, decrypts or shows captures feeds it packets in the order they were
 * taken. */
#ifndef SVR_INSPECT_H
#define SVR_INSPECT_H

#include "svr/wire.h"

#define SVR_SEEN_KEYS_MAX 3     /* keys that a BFD packet says its sender holds */
#define SVR_SEEN_MESSAGES_MAX 4 /* messages of the exchange that one packet completes */
#define SVR_SEEN_UUID_LEN 16
#define SVR_SEEN_FINGERPRINT_LEN 8

typedef struct svr_inspector svr_inspector;

/* NULL when memory is short or an algorithm is missing. `alloc` must outlive it. */
svr_inspector *svr_inspector_new(const svr_allocator *alloc);
void svr_inspector_del(svr_inspector *in);
/* Takes a line of a key log (docs/protocol.md section 6). False when it is not one, or memory is short. A key
 * may come at any time; packets that were seen before it stay as they were seen. */
bool svr_inspector_add_key(svr_inspector *in, const char *line);

typedef enum svr_seen_kind {
    SVR_SEEN_OTHER,   /* nothing of SVR */
    SVR_SEEN_BFD,     /* UDP port 1280 */
    SVR_SEEN_SESSION, /* metadata or payload between waypoints */
} svr_seen_kind;

typedef enum svr_seen_auth {
    SVR_AUTH_NONE,   /* there is nothing to check */
    SVR_AUTH_NO_KEY, /* the key log has no such key */
    SVR_AUTH_GOOD,
    SVR_AUTH_BAD, /* the HMAC does not hold under any key that it may be of */
} svr_seen_auth;

/* A message of the key exchange, whole. */
typedef struct svr_seen_message {
    uint8_t kind; /* 1 CERT, 2 CERT_ACK, 3 KEY_REQUEST, ... (docs/protocol.md section 5.2) */
    bool secret;  /* it was enciphered */
    const uint8_t *bytes;
    size_t len;
} svr_seen_message;

typedef struct svr_seen_key {
    uint32_t index;
    uint8_t fingerprint[SVR_SEEN_FINGERPRINT_LEN];
} svr_seen_key;

/* What one packet says. Pointers hold until the next packet or key; texts are "" when they are not known. */
typedef struct svr_seen {
    svr_seen_kind kind;
    bool malformed; /* of SVR, but not as the profile has it; what follows is what could be read */
    svr_flow outer;

    bool has_metadata;
    svr_seen_auth metadata; /* under which its metadata was checked */
    bool has_key;           /* it names a key */
    uint32_t key_index;     /* peer key (BFD) or rekey index of the receiver's metadata key */
    uint8_t key_fingerprint[SVR_SEEN_FINGERPRINT_LEN]; /* BFD with SVR_AUTH_GOOD */
    const void *key; /* with SVR_AUTH_GOOD: stands for the key of this direction and life, to compare only */
    uint64_t nonce;
    bool clear_context;            /* a context stands among the header TLVs, for everybody to read */
    const char *sender, *receiver; /* peering-common-names, with SVR_AUTH_GOOD */
    const uint8_t *header_tlvs;    /* in clear */
    size_t header_tlvs_len;
    const uint8_t *payload_tlvs; /* deciphered, with SVR_AUTH_GOOD; they may hold keys */
    size_t payload_tlvs_len;

    /* SVR_SEEN_BFD */
    svr_bfd_packet bfd;
    bool has_bfd;
    bool has_echo; /* it measures the path (PD-ECHO) */
    svr_echo_tlv echo;
    svr_seen_key held[SVR_SEEN_KEYS_MAX];
    size_t n_held;
    svr_seen_message messages[SVR_SEEN_MESSAGES_MAX];
    size_t n_messages;

    /* SVR_SEEN_SESSION: of the metadata, or of the session that the waypoints belong to */
    bool has_session;
    uint8_t uuid[SVR_SEEN_UUID_LEN];
    svr_flow inner; /* of the session's forward direction */
    bool forward;   /* this packet's direction */
    char service[SVR_NAME_MAX + 1], tenant[SVR_NAME_MAX + 1];
    bool encrypted;
    bool has_payload_key; /* the metadata carries one */
    uint8_t payload_key_phase;
    uint8_t control; /* svr_control; 0: none */
    bool has_error;  /* an ICMP error crosses in the metadata */
    svr_icmp_report error;
    bool has_part;     /* the payload is part of a datagram (PD-FRAGMENT); its text is IP payload */
    svr_fragment part; /* checked by the payload's HMAC */
    bool has_payload;
    uint8_t phase;
    uint64_t counter;
    svr_seen_auth payload;
    const void *payload_key; /* with SVR_AUTH_GOOD: as `key` */
    const uint8_t
        *tag; /* with SVR_AUTH_GOOD: its HMAC, which is over all that leaves a transit router as it came */
    size_t tag_len;
    const uint8_t
        *text; /* with SVR_AUTH_GOOD: what docs/protocol.md section 4.2 calls the text, deciphered */
    size_t text_len;
} svr_seen;

/* Looks at an IP datagram. */
void svr_inspect(svr_inspector *in, const uint8_t *datagram, size_t len, svr_seen *out);

/* The names: "bfd", "good", "KEY_REQUEST", ... */
const char *svr_seen_kind_name(svr_seen_kind kind);
const char *svr_seen_auth_name(svr_seen_auth auth);
const char *svr_seen_message_name(uint8_t kind);

#endif

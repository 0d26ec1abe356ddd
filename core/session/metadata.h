/* SPDX-License-Identifier: MIT
 * SVR metadata: made for one packet, and taken apart.
 *
 *   12-byte header | SECURITY_ID(index) NONCE [SESSION_ENCRYPTED] | IV | AES-256-CBC(payload TLVs)
 *   | nonce | payload | HMAC, end to end        (absent in a packet that has metadata only)
 *   | HMAC of the hop, over everything from the cookie on
 *
 * Keys: those of the peer that the packet goes to (KEY-META-PEERS, PD-BLOCK). Router names never appear. */
#ifndef SVR_SESSION_METADATA_H
#define SVR_SESSION_METADATA_H

#include "session/session.h"

/* Metadata of a packet, at its longest: the header and its TLVs, IV, all payload TLVs with full names,
 * padding. It fits into SVR_PACKET_HEADROOM with IP and UDP headers in front. */
#define SVR_METADATA_SESSION_MAX 432

/* What metadata says. Texts are names of the authority's configuration. */
typedef struct svr_metadata_facts {
    bool encrypted;
    bool forward, reverse; /* which context is there; at most one is */
    svr_flow flow;         /* as the context has it */
    bool has_uuid, has_key, has_tenant, has_service, tcp_syn;
    uint8_t uuid[SVR_UUID_LEN];
    svr_payload_key_tlv key;
    char tenant[SVR_NAME_MAX + 1], service[SVR_NAME_MAX + 1];
    uint8_t control; /* svr_control; 0: none */
    uint32_t room;   /* behind the sender; 0: it does not say */
    bool has_error;  /* an ICMP error crosses in it */
    svr_icmp_report error;
} svr_metadata_facts;

/* Puts metadata in front of `pkt`, whose data is the body behind the outer L4 header (perhaps empty), and
 * room for the hop's HMAC behind it; fills `op` to be sealed once the body is final. `control` 0: none.
 * `with_key`: the newest payload key goes along, and in the reverse direction acknowledges it. False when the
 * peer's key is not known or the packet has no room; the packet is then as before. */
bool svr_metadata_create(const svr_leg *out, svr_control control, bool with_key, svr_packet *pkt,
                         svr_crypt_op *op);
/* The same for a path: a control message, and the UUID of the session that it is about (NULL: of none, or of
 * any that the waypoints may have). */
bool svr_metadata_create_control(svr_path *path, svr_control control, const uint8_t *uuid, svr_packet *pkt,
                                 svr_crypt_op *op);

/* An ICMP error about a packet of the leg's session, for the other end of the leg (PD-ICMP). */
bool svr_metadata_create_error(const svr_leg *out, const svr_icmp_report *error, svr_packet *pkt,
                               svr_crypt_op *op);

/* Reads the header TLVs of a packet of `len` bytes behind the L4 header and fills `op` to be opened under the
 * peer's key. 0, METADATA_MALFORMED or METADATA_UNKNOWN_KEY. `*index` names the key. */
svr_drop svr_metadata_prepare(svr_peer *peer, const svr_metadata *m, uint8_t *body, size_t len,
                              svr_crypt_op *op, uint32_t *index, bool *encrypted);
/* Reads the deciphered payload TLVs, padding included. 0 or METADATA_MALFORMED; `out` is wiped then. The
 * caller wipes it after use, since it may hold a key. */
svr_drop svr_metadata_consume(const uint8_t *text, size_t len, svr_metadata_facts *out);

#endif

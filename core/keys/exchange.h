/* SPDX-License-Identifier: MIT
 * The messages of the key exchange between two routers (PD-KEX): made and taken apart here, decided upon in
 * peer/exchange_flow.c. "create" writes a message, "consume" checks one; a message that does not hold changes
 * nothing.
 *
 *   CERT           kind(1) hash of the receiver's chain as known(48) chain
 *   CERT_ACK       kind(1) SHA-384 of the chain(48)
 *   KEY_REQUEST    kind(1) number(8) life(16) group(1) salt(16) highest index(4) n(1) n x key id(12)
 *                  length(2) public value   length(2) signature
 *   KEY_RESPONSE   kind(1) number(8) hash of the request(48) life(16) group(1) salt(16) index(4) n(1) n x key
 * id(12) length(2) public value   length(2) signature KEY_CONFIRM    kind(1) flags(1) index(4) n(1) n x key
 * id(12) HMAC(48) KEY_HINT       kind(1) number last seen(8) hash of the request(48) length(2) signature
 *   METADATA_KEY, METADATA_KEY_ACK: keys/metadata_key.h
 *
 * Signatures cover: label, 0, sender's name, 0, receiver's name, 0, SHA-384 of the sender's chain, the
 * message up to the signature's length. Names are peering-common-names. */
#ifndef SVR_KEYS_EXCHANGE_H
#define SVR_KEYS_EXCHANGE_H

#include "crypto/kex.h"
#include "keys/keyring.h"
#include "pki/pki.h"

#define SVR_SALT_LEN 16
#define SVR_KEX_MESSAGE_MAX 2048                             /* all but CERT */
#define SVR_KEX_TOTAL_MAX (1 + SVR_HASH_LEN + SVR_CHAIN_MAX) /* the longest: CERT */

typedef enum svr_kex_kind {
    SVR_KEX_CERT = 1,
    SVR_KEX_CERT_ACK = 2,
    SVR_KEX_REQUEST = 3,
    SVR_KEX_RESPONSE = 4,
    SVR_KEX_CONFIRM = 5,
    SVR_KEX_METADATA_KEY = 6,
    SVR_KEX_METADATA_KEY_ACK = 7,
    SVR_KEX_HINT = 8,
    SVR_KEX_COOKIE = 10, /* under load: whoever asks has to show that he hears us (PD-COOKIE) */
    SVR_KEX_SYNC = 9,    /* between the two nodes of a router (PD-HA) */
} svr_kex_kind;

/* Both ends of an exchange, as one of them sees it. Everything is borrowed. */
typedef struct svr_kex_ends {
    svr_runtime *rt;
    const svr_identity *self;
    const char *self_name, *peer_name; /* peering-common-names */
    const uint8_t *self_life;          /* SVR_LIFE_LEN */
    svr_kex_group group;
} svr_kex_ends;

/* Our request, kept until it is answered or dropped. Sent again it is the very same bytes. */
typedef struct svr_kex_request {
    bool pending;
    uint64_t number;
    svr_kex *kex;
    uint8_t salt[SVR_SALT_LEN];
    uint8_t hash[SVR_HASH_LEN];
    size_t len;
    uint8_t bytes[SVR_KEX_MESSAGE_MAX];
} svr_kex_request;

/* Our last answer: an equal request gets it again. */
typedef struct svr_kex_answer {
    uint64_t number;
    uint8_t request_hash[SVR_HASH_LEN];
    uint8_t salt[SVR_SALT_LEN];
    size_t len; /* 0: none */
    uint8_t bytes[SVR_KEX_MESSAGE_MAX];
} svr_kex_answer;

/* The fields of a request or response; pointers go into the message. */
typedef struct svr_kex_fields {
    uint64_t number;
    const uint8_t *request_hash; /* response only */
    const uint8_t *life;
    uint8_t group;
    const uint8_t *salt;
    uint32_t index; /* request: the highest that its sender knows; response: the new key's */
    svr_key_list held;
    svr_piece public_value;
    size_t signed_len; /* bytes that the signature covers */
    svr_piece signature;
    uint8_t hash[SVR_HASH_LEN]; /* of the whole message */
} svr_kex_fields;

/* What follows from a peer key (PD-KDF): its fingerprint; the keys of BFD metadata from `sender` to
 * `receiver`. False when OpenSSL fails. */
bool svr_peer_key_fingerprint(svr_crypt *c, const uint8_t secret[SVR_PEER_KEY_LEN],
                              uint8_t out[SVR_FINGERPRINT_LEN]);
bool svr_peer_key_derive(svr_crypt *c, svr_crypt_key *out, const uint8_t secret[SVR_PEER_KEY_LEN],
                         const char *sender, const char *receiver);
/* A key from elsewhere: derives again what follows from `secret`. NULL when memory is short, or the
 * fingerprint is another (PD-HA). */
svr_peer_key *svr_kex_key_restore(const svr_kex_ends *ends, const svr_key_id *id,
                                  const uint8_t secret[SVR_PEER_KEY_LEN]);

/* Makes a request with a fresh key pair and salt. False when OpenSSL fails: nothing is pending then. */
bool svr_kex_request_create(svr_kex_request *req, const svr_kex_ends *ends, uint64_t number,
                            const svr_keyring *ring);
/* Forgets the request and its private value. */
void svr_kex_request_drop(svr_kex_request *req);

/* Takes a request or response apart. 0, or the reason to drop it. */
int svr_kex_fields_decode(svr_kex_fields *out, svr_crypt *c, svr_kex_kind kind, svr_piece msg);
/* Checks the signature on a request, response or hint against a peer's certificate (CRT-PUBKEY). */
bool svr_kex_verify(const svr_kex_ends *ends, const svr_peer_cert *cert, svr_piece msg, size_t signed_len,
                    svr_piece signature);

/* Answers a verified request: computes the key, writes the response into `answer`. 0 and *key (the caller's),
 * or the reason to drop the request. */
int svr_kex_answer_create(svr_kex_answer *answer, const svr_kex_ends *ends, const svr_kex_fields *request,
                          svr_piece request_msg, uint32_t index, const svr_keyring *ring, svr_peer_key **key);
/* Computes the key that a verified response to our pending request makes. 0 and *key, or the reason. */
int svr_kex_response_consume(const svr_kex_request *req, const svr_kex_ends *ends,
                             const svr_kex_fields *response, svr_piece response_msg, svr_peer_key **key);

/* KEY_CONFIRM, under `key`. `reply`: this one answers the other side's. Returns its length; 0 on failure. */
size_t svr_kex_confirm_create(uint8_t out[SVR_KEX_MESSAGE_MAX], const svr_kex_ends *ends,
                              const svr_peer_key *key, const svr_keyring *ring, bool reply);
/* Finds the key that the message confirms. 0 with *key, *held and *reply, or the reason to drop it. */
int svr_kex_confirm_consume(const svr_kex_ends *ends, const svr_keyring *ring, svr_piece msg,
                            svr_peer_key **key, svr_key_list *held, bool *reply);

/* KEY_HINT: tells the sender of the request with this hash what number was last seen from him. */
size_t svr_kex_hint_create(uint8_t out[SVR_KEX_MESSAGE_MAX], const svr_kex_ends *ends, uint64_t last_seen,
                           const uint8_t request_hash[SVR_HASH_LEN]);
/* 0 with *last_seen when the hint is about our pending request and its signature holds; or the reason. */
int svr_kex_hint_consume(const svr_kex_request *req, const svr_kex_ends *ends, const svr_peer_cert *cert,
                         svr_piece msg, uint64_t *last_seen);

#endif

/* SPDX-License-Identifier: MIT
 * Metadata keys. Each router makes its own and gives it to all its peers (KEY-META-SAME); who sends SVR
 * metadata to it enciphers with that key (KEY-META-PEERS). What a sender uses is derived from the key, the
 * sender's name and the sender's life (PD-KDF), so that two senders, or two lives of one, never share a
 * cipher key or a nonce.
 *
 *   METADATA_KEY      kind(1) rekey index(4) cipher(1) key(32) IV(16) HMAC cipher(1) HMAC key(48)
 *   METADATA_KEY_ACK  kind(1) rekey index(4)
 *
 * Both travel in encrypted BFD metadata only. */
#ifndef SVR_KEYS_METADATA_KEY_H
#define SVR_KEYS_METADATA_KEY_H

#include "keys/keyring.h"

#define SVR_METADATA_KEY_MESSAGE_LEN 103
#define SVR_METADATA_KEY_ACK_LEN 5
#define SVR_METADATA_HOLD_MAX 3 /* receiving keys kept for one peer */

typedef struct svr_metadata_key {
    uint32_t index; /* rekey index; 0: none */
    uint8_t key[SVR_CIPHER_KEY_LEN];
    uint8_t iv[SVR_AES_BLOCK];
    uint8_t hmac_key[SVR_HMAC_KEY_LEN];
} svr_metadata_key;

/* A fresh key with this rekey index. False when there is no randomness. */
bool svr_metadata_key_make(svr_metadata_key *key, svr_crypt *c, uint32_t index);
void svr_metadata_key_log(svr_runtime *rt, const svr_metadata_key *key, const char *owner);
size_t svr_metadata_key_encode(const svr_metadata_key *key, uint8_t out[SVR_METADATA_KEY_MESSAGE_LEN]);
/* False when it is not a METADATA_KEY message of this profile. */
bool svr_metadata_key_decode(svr_metadata_key *out, const uint8_t *p, size_t len);
/* What `sender`, in this life, enciphers with for the owner of `key` (PD-KDF). False when OpenSSL fails. */
bool svr_metadata_key_derive(svr_crypt *c, svr_crypt_key *out, const svr_metadata_key *key, const char *owner,
                             const char *sender, const uint8_t life[SVR_LIFE_LEN]);
size_t svr_metadata_ack_encode(uint32_t index, uint8_t out[SVR_METADATA_KEY_ACK_LEN]);
bool svr_metadata_ack_decode(uint32_t *index, const uint8_t *p, size_t len);

/* The keys for sending SVR metadata to one peer. The peer's new key is used 30 s after its receipt
 * (PD-GRACE). */
typedef struct svr_metadata_sender {
    svr_runtime *rt;
    const char *peer; /* for events */
    svr_crypt_key *current, *next;
    svr_metadata_key made_from[2]; /* current, next: what the other node of this router needs (PD-HA) */
    uint32_t index, next_index;    /* 0: none */
    uint64_t sent;                 /* nonces used under `current` */
    svr_time changeover;           /* SVR_TIME_NEVER: none is set */
} svr_metadata_sender;

void svr_metadata_sender_init(svr_metadata_sender *s, svr_runtime *rt, const char *peer);
void svr_metadata_sender_fini(svr_metadata_sender *s);
/* A key of the peer was received (KEY-STORE). `at_once`: the peer lost its former ones. False only for want
 * of memory. */
bool svr_metadata_sender_accept(svr_metadata_sender *s, const svr_metadata_key *key, const char *owner,
                                const char *sender, const uint8_t life[SVR_LIFE_LEN], bool at_once);
void svr_metadata_sender_run(svr_metadata_sender *s);
/* Takes over the keys of another sender that is in the same life. `current` and `next` may have index 0:
 * there is none. False only for want of memory. */
bool svr_metadata_sender_restore(svr_metadata_sender *s, const svr_metadata_key *current,
                                 const svr_metadata_key *next, svr_time changeover, uint64_t sent,
                                 const char *owner, const char *sender, const uint8_t life[SVR_LIFE_LEN]);

/* The keys under which one peer may send SVR metadata to us: derived from our own keys of late. */
typedef struct svr_metadata_receive_key {
    uint32_t index; /* 0: unused */
    svr_time until; /* when it may be erased; SVR_TIME_NEVER: while its successor is not acknowledged */
    svr_crypt_key key;
    svr_replay seen;
} svr_metadata_receive_key;

typedef struct svr_metadata_receiver {
    svr_runtime *rt;
    svr_metadata_receive_key *held[SVR_METADATA_HOLD_MAX]; /* oldest first, then NULL */
    uint32_t acked;                                        /* the newest index that the peer acknowledged */
} svr_metadata_receiver;

void svr_metadata_receiver_init(svr_metadata_receiver *r, svr_runtime *rt);
void svr_metadata_receiver_fini(svr_metadata_receiver *r);
/* Adds one of our keys for this peer. When the place is full the oldest but the acknowledged one goes. */
bool svr_metadata_receiver_add(svr_metadata_receiver *r, const svr_metadata_key *key, const char *owner,
                               const char *sender, const uint8_t life[SVR_LIFE_LEN]);
/* The peer acknowledged `index`: older ones go when both graces are over (changeover, then late packets).
 * True when that was news. */
bool svr_metadata_receiver_acked(svr_metadata_receiver *r, uint32_t index);
svr_metadata_receive_key *svr_metadata_receiver_find(const svr_metadata_receiver *r, uint32_t index);
void svr_metadata_receiver_run(svr_metadata_receiver *r);
svr_time svr_metadata_receiver_deadline(const svr_metadata_receiver *r);

#endif

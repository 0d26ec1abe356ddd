/* SPDX-License-Identifier: MIT
 * Payload keys of a session (CRY-PER-SESSION, KEY-PAYLOAD-TLV, PD-PAYLOAD-KEY): made by the ingress, carried
 * in metadata, used by ingress and egress only. From each key, one for either direction is derived (PD-KDF,
 * labels "payload forward" and "payload reverse", context: the session's UUID). */
#ifndef SVR_SESSION_PAYLOAD_KEY_H
#define SVR_SESSION_PAYLOAD_KEY_H

#include "base/runtime.h"
#include "crypto/crypt.h"
#include "keys/replay.h"
#include "svr/wire.h"

#define SVR_UUID_LEN 16
#define SVR_PAYLOAD_GRACE (30 * SVR_SEC)                  /* PD-GRACE */
#define SVR_PAYLOAD_COUNTER_MAX ((UINT64_C(1) << 56) - 1) /* low part of the nonce (PD-DATA) */

struct svr_session;

typedef struct svr_payload_key {
    uint8_t phase;
    uint8_t key[SVR_PAYLOAD_KEY_LEN]; /* what both directions are derived from */
    svr_crypt_key send, receive;
    uint64_t sent;   /* counters used */
    svr_replay seen; /* counters received (CRY-REPLAY) */
    struct svr_payload_key *next_retired;
    struct svr_session *session;
    struct svr_payload_key *newer, *older; /* of svr_key_store */
} svr_payload_key;

/* The keys of one session. `newest` is what its metadata carries; a transit router has nothing else. */
typedef struct svr_payload_ring {
    svr_payload_key_tlv newest;
    svr_time made;            /* when `newest` came up here */
    svr_payload_key *current; /* for sending; NULL while it is parked, see svr_payload_current */
    svr_payload_key *next;    /* newest, not yet used for sending */
    svr_payload_key *old;     /* accepted until `erase` */
    union {
        struct {
            svr_time changeover, erase; /* SVR_TIME_NEVER: not set */
        };
        struct { /* while it is parked: `current` is made again from `newest` and these */
            uint64_t parked_sent, parked_seen; /* counters used, and the highest received */
        };
    };
    bool heard;  /* a packet under `current` has come in */
    bool parked; /* `current` is not ready, and no rotation is under way */
} svr_payload_ring;

/* The keys of one direction (PD-KDF): forward is that of the flow's first packet. False when OpenSSL fails.
 */
bool svr_payload_key_derive(svr_crypt *c, svr_crypt_key *out, const svr_payload_key_tlv *from,
                            const uint8_t uuid[SVR_UUID_LEN], bool forward);

/* First key of a session: `given`, or a fresh one. With `use`, keys are derived for sending and receiving. 0,
 * NO_MEMORY or CRYPTO_FAILED. */
svr_drop svr_payload_start(struct svr_session *s, const svr_payload_key_tlv *given, svr_hmac hmac, bool use);
void svr_payload_fini(struct svr_session *s);

/* Originator: makes the next key. With `at_once` it is used from here on: the peer has lost its state, or may
 * have, and would count nonces from 1 again. Otherwise it waits for svr_payload_acknowledged. False when
 * memory or randomness is short. */
bool svr_payload_renew(struct svr_session *s, bool at_once);
/* Originator: `newest` is known at the far end (t0 of PD-GRACE). */
void svr_payload_acknowledged(struct svr_session *s);
/* Originator: a new key is due (KEY-REKEY-PAYLOAD) and the last rotation is finished. */
bool svr_payload_renewal_due(const struct svr_session *s);
/* The others: a key came in metadata. Older phases and known ones change nothing. `*changed` when it is
 * new. 0, NO_MEMORY, CRYPTO_FAILED, or METADATA_MALFORMED for another key under a known phase. */
svr_drop svr_payload_learn(struct svr_session *s, const svr_payload_key_tlv *key, bool *changed);

/* A key from elsewhere, with what was used of it; NULL when memory is short (PD-HA). */
svr_payload_key *svr_payload_restore(struct svr_session *s, const svr_payload_key_tlv *from, uint64_t sent,
                                     uint64_t newest);
/* Ends the use of a key; packets of the current batch may still point to it. */
void svr_payload_retire(struct svr_session *s, svr_payload_key **key);

/* The key for sending, made ready if it is parked. NULL when there is none, or memory or OpenSSL fails. */
svr_payload_key *svr_payload_current(struct svr_session *s);
/* Gives up the key of a session that has but one. What comes in later than it was sent by a window is taken
 * for a replay then. False when the session has to keep its keys: a rotation is under way. */
bool svr_payload_park(struct svr_session *s);
/* The key of a phase, made ready if it is parked; or NULL. */
svr_payload_key *svr_payload_find(struct svr_session *s, uint8_t phase);
/* A packet under `key` has been authenticated: who sends under a new key holds it, and the old one may go. */
void svr_payload_heard(struct svr_session *s, const svr_payload_key *key);
/* Carries out the changeover and the erasure that are due. */
void svr_payload_run(struct svr_session *s);
svr_time svr_payload_deadline(const struct svr_session *s);

/* The next nonce under `key`: phase and counter. 0 when the counter is used up. */
uint64_t svr_payload_nonce(svr_payload_key *key);

#endif

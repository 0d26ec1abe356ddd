/* SPDX-License-Identifier: MIT
 * The metadata handshake of one leg (design: "Metadata handshake"). Forward packets carry metadata until a
 * reverse packet with metadata arrives; reverse packets carry it until a forward packet without it arrives. A
 * flow that answers nothing is acknowledged by a packet that has metadata only and says so (SVR_CONTROL_
 * DISABLE_METADATA). */
#ifndef SVR_SESSION_HANDSHAKE_H
#define SVR_SESSION_HANDSHAKE_H

#include "svr/base.h"

#define SVR_UNANSWERED_MAX 3 /* packets with metadata before their receiver asks to leave it off */

typedef enum svr_handshake_role {
    SVR_SENDS_FORWARD, /* the leg on which forward packets leave */
    SVR_SENDS_REVERSE, /* the leg on which reverse packets leave */
} svr_handshake_role;

typedef enum svr_handshake_input {
    SVR_GOT_METADATA, /* a packet with metadata arrived. Forward sender: one that knows the newest key */
    SVR_GOT_PLAIN,    /* a packet without metadata arrived */
    SVR_GOT_DISABLE,  /* the receiver asks to leave it off */
    SVR_RENEW,        /* receiver's state lost, path or session changed */
} svr_handshake_input;

typedef struct svr_handshake {
    bool sending;       /* packets that leave carry metadata */
    bool expect_plain;  /* metadata came in a packet of its own: the next packet without it says nothing */
    uint8_t unanswered; /* packets with metadata that arrived since we last answered one */
} svr_handshake;

/* Whether packets that leave carry metadata from here on. */
bool svr_handshake_next(svr_handshake_role role, bool sending, svr_handshake_input input);

/* A packet arrived; `alone`: it had metadata and no payload. `acknowledges` (forward sender): its metadata
 * names our newest key. */
void svr_handshake_got_metadata(svr_handshake *h, svr_handshake_role role, bool alone, bool acknowledges);
void svr_handshake_got_plain(svr_handshake *h, svr_handshake_role role);
/* A packet left. */
void svr_handshake_sent(svr_handshake *h, svr_handshake_role role);
/* So much metadata came in a row that its sender should be told; then counting starts anew. */
bool svr_handshake_should_answer(svr_handshake *h);

#endif

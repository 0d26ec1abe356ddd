/* SPDX-License-Identifier: MIT */
#include "session/handshake.h"

bool svr_handshake_next(svr_handshake_role role, bool sending, svr_handshake_input input) {
    switch (input) {
    case SVR_GOT_METADATA: return role == SVR_SENDS_REVERSE;
    case SVR_GOT_PLAIN: return role == SVR_SENDS_FORWARD && sending;
    case SVR_GOT_DISABLE: return false;
    case SVR_RENEW: return true;
    }
    return sending;
}

void svr_handshake_got_metadata(svr_handshake *h, svr_handshake_role role, bool alone, bool acknowledges) {
    h->expect_plain = alone;
    if (h->unanswered < SVR_UNANSWERED_MAX) h->unanswered++;
    if (role == SVR_SENDS_REVERSE || acknowledges)
        h->sending = svr_handshake_next(role, h->sending, SVR_GOT_METADATA);
}

void svr_handshake_got_plain(svr_handshake *h, svr_handshake_role role) {
    if (!h->expect_plain) {
        h->sending = svr_handshake_next(role, h->sending, SVR_GOT_PLAIN);
        h->unanswered = 0;
    }
    h->expect_plain = false;
}

void svr_handshake_sent(svr_handshake *h, svr_handshake_role role) {
    /* What answers metadata: absence in the forward direction, presence in the reverse one. */
    if (h->sending == (role == SVR_SENDS_REVERSE)) h->unanswered = 0;
}

bool svr_handshake_should_answer(svr_handshake *h) {
    if (h->unanswered < SVR_UNANSWERED_MAX) return false;
    h->unanswered = 0;
    return true;
}

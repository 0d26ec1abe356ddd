/* SPDX-License-Identifier: MIT
 * BFD, asynchronous mode (RFC 5880 section 6.8): the session's variables and rules, without packets or timers
 * of its own. A path embeds one session, feeds it control packets and the two expiries, and reads from it
 * what to send and when. */
#ifndef SVR_PEER_BFD_H
#define SVR_PEER_BFD_H

#include "svr/config.h"
#include "svr/wire.h"

typedef enum svr_bfd_diag { /* RFC 5880 section 4.1 */
                            SVR_BFD_DIAG_NONE = 0,
                            SVR_BFD_DIAG_TIME_EXPIRED = 1,
                            SVR_BFD_DIAG_NEIGHBOR_DOWN = 3,
                            SVR_BFD_DIAG_PATH_DOWN = 5,
                            SVR_BFD_DIAG_ADMIN_DOWN = 7,
} svr_bfd_diag;

typedef struct svr_bfd {
    svr_bfd_state state, remote_state;
    uint32_t discriminator, remote_discriminator;
    svr_duration desired_tx, required_rx; /* ours */
    svr_duration remote_desired_tx, remote_required_rx;
    svr_duration remote_echo_rx; /* between echo packets that the peer answers; 0: it answers none */
    uint8_t multiplier, remote_multiplier;
    svr_bfd_diag diag;
} svr_bfd;

/* `discriminator` must not be 0. */
void svr_bfd_init(svr_bfd *b, const svr_bfd_config *config, uint32_t discriminator);

/* The state that a control packet with the remote state `remote` leads to (RFC 5880 section 6.8.6). */
svr_bfd_state svr_bfd_next_state(svr_bfd_state state, svr_bfd_state remote);
/* Takes a decoded control packet; the new state is the return value, and for the caller to set. */
svr_bfd_state svr_bfd_receive(svr_bfd *b, const svr_bfd_packet *p);
/* The only writer of `state`. */
void svr_bfd_set_state(svr_bfd *b, svr_bfd_state state, svr_bfd_diag diag);

/* Silence for this long means down; 0 while nothing is known of the peer. */
svr_duration svr_bfd_detection(const svr_bfd *b);
/* Between two packets, before jitter; 0: the peer wants none. */
svr_duration svr_bfd_interval(const svr_bfd *b);
/* The control packet to send now. `final` answers a poll. */
svr_bfd_packet svr_bfd_make_packet(const svr_bfd *b, bool final);
const char *svr_bfd_state_name(svr_bfd_state state); /* "admin-down", "down", "init", "up" */

#endif

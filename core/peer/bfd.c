/* SPDX-License-Identifier: MIT */
#include "peer/bfd.h"

#include "peer/echo.h"

void svr_bfd_init(svr_bfd *b, const svr_bfd_config *config, uint32_t discriminator) {
    *b = (svr_bfd){.state = SVR_BFD_DOWN,
                   .remote_state = SVR_BFD_DOWN,
                   .discriminator = discriminator,
                   .desired_tx = config->desired_tx_ms * SVR_MS,
                   .required_rx = config->required_min_rx_ms * SVR_MS,
                   .remote_required_rx =
                       1, /* RFC 5880 section 6.8.1: one microsecond until the peer says more */
                   .multiplier = config->multiplier};
}

svr_bfd_state svr_bfd_next_state(svr_bfd_state state, svr_bfd_state remote) {
    switch (state) {
    case SVR_BFD_ADMIN_DOWN: return SVR_BFD_ADMIN_DOWN;
    case SVR_BFD_DOWN:
        if (remote == SVR_BFD_DOWN) return SVR_BFD_INIT;
        if (remote == SVR_BFD_INIT) return SVR_BFD_UP;
        return SVR_BFD_DOWN;
    case SVR_BFD_INIT:
        if (remote == SVR_BFD_INIT || remote == SVR_BFD_UP) return SVR_BFD_UP;
        if (remote == SVR_BFD_ADMIN_DOWN) return SVR_BFD_DOWN;
        return SVR_BFD_INIT;
    case SVR_BFD_UP:
        if (remote == SVR_BFD_DOWN || remote == SVR_BFD_ADMIN_DOWN) return SVR_BFD_DOWN;
        return SVR_BFD_UP;
    }
    return state;
}

svr_bfd_state svr_bfd_receive(svr_bfd *b, const svr_bfd_packet *p) {
    b->remote_state = p->state;
    b->remote_discriminator = p->my_discriminator;
    b->remote_desired_tx = p->desired_tx_us * SVR_US;
    b->remote_required_rx = p->required_rx_us * SVR_US;
    b->remote_multiplier = p->multiplier;
    b->remote_echo_rx = p->required_echo_rx_us * SVR_US;
    return svr_bfd_next_state(b->state, p->state);
}

void svr_bfd_set_state(svr_bfd *b, svr_bfd_state state, svr_bfd_diag diag) {
    b->state = state;
    b->diag = diag;
    if (diag == SVR_BFD_DIAG_TIME_EXPIRED || diag == SVR_BFD_DIAG_PATH_DOWN) b->remote_discriminator = 0;
}

/* The wire's unit is the microsecond, and 32 bits of them are 71 minutes: no product here overflows. */
svr_duration svr_bfd_detection(const svr_bfd *b) {
    svr_duration each = b->required_rx > b->remote_desired_tx ? b->required_rx : b->remote_desired_tx;
    return each * b->remote_multiplier;
}

svr_duration svr_bfd_interval(const svr_bfd *b) {
    if (b->remote_required_rx == 0) return 0;
    svr_duration wanted = b->state != SVR_BFD_UP && b->desired_tx < SVR_SEC ? SVR_SEC : b->desired_tx;
    return wanted > b->remote_required_rx ? wanted : b->remote_required_rx;
}

svr_bfd_packet svr_bfd_make_packet(const svr_bfd *b, bool final) {
    svr_duration wanted = b->state != SVR_BFD_UP && b->desired_tx < SVR_SEC ? SVR_SEC : b->desired_tx;
    return (svr_bfd_packet){.diag = (uint8_t)b->diag,
                            .state = b->state,
                            .final = final,
                            .multiplier = b->multiplier,
                            .my_discriminator = b->discriminator,
                            .your_discriminator = b->remote_discriminator,
                            .desired_tx_us = (uint32_t)(wanted / SVR_US),
                            .required_rx_us = (uint32_t)(b->required_rx / SVR_US),
                            .required_echo_rx_us = (uint32_t)(SVR_ECHO_SPACING / SVR_US)};
}

const char *svr_bfd_state_name(svr_bfd_state state) {
    switch (state) {
    case SVR_BFD_ADMIN_DOWN: return "admin-down";
    case SVR_BFD_DOWN: return "down";
    case SVR_BFD_INIT: return "init";
    case SVR_BFD_UP: return "up";
    }
    return "unknown";
}

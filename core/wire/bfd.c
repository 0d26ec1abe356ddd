/* SPDX-License-Identifier: MIT */
#include "svr/wire.h"

#include "base/bytes.h"

#define VERSION 1
#define FLAG_POLL 0x20
#define FLAG_FINAL 0x10
#define FLAG_AUTH 0x04
#define FLAG_MULTIPOINT 0x01

void svr_bfd_encode(const svr_bfd_packet *b, uint8_t out[SVR_BFD_LEN]) {
    out[0] = (uint8_t)(VERSION << 5 | b->diag);
    out[1] = (uint8_t)(b->state << 6 | (b->poll ? FLAG_POLL : 0) | (b->final ? FLAG_FINAL : 0));
    out[2] = b->multiplier;
    out[3] = SVR_BFD_LEN;
    svr_put32(out + 4, b->my_discriminator);
    svr_put32(out + 8, b->your_discriminator);
    svr_put32(out + 12, b->desired_tx_us);
    svr_put32(out + 16, b->required_rx_us);
    svr_put32(out + 20, b->required_echo_rx_us);
}

svr_bfd_result svr_bfd_decode(const uint8_t *p, size_t len, svr_bfd_packet *out) {
    if (len < SVR_BFD_LEN || p[3] != SVR_BFD_LEN) return SVR_BFD_BAD_LENGTH;
    if (p[0] >> 5 != VERSION) return SVR_BFD_BAD_VERSION;
    if (p[1] & (FLAG_AUTH | FLAG_MULTIPOINT)) return SVR_BFD_BAD_FLAGS;
    if (p[2] == 0) return SVR_BFD_BAD_MULTIPLIER;
    svr_bfd_packet b = {.diag = p[0] & 31,
                        .state = (svr_bfd_state)(p[1] >> 6),
                        .poll = p[1] & FLAG_POLL,
                        .final = p[1] & FLAG_FINAL,
                        .multiplier = p[2],
                        .my_discriminator = svr_get32(p + 4),
                        .your_discriminator = svr_get32(p + 8),
                        .desired_tx_us = svr_get32(p + 12),
                        .required_rx_us = svr_get32(p + 16),
                        .required_echo_rx_us = svr_get32(p + 20)};
    if (!b.my_discriminator || (!b.your_discriminator && b.state >= SVR_BFD_INIT))
        return SVR_BFD_BAD_DISCRIMINATOR;
    *out = b;
    return SVR_BFD_OK;
}

/* SPDX-License-Identifier: MIT */
#include "svr/wire.h"

#include "base/bytes.h"

#include <assert.h>

#define HEADER_LEN_MAX 0xfff

svr_metadata_result svr_metadata_decode(const uint8_t *p, size_t len, svr_metadata *out) {
    if (len < SVR_COOKIE_LEN || svr_get64(p) != SVR_COOKIE) return SVR_METADATA_NONE;
    if (len < SVR_METADATA_HEADER_LEN) return SVR_METADATA_BAD;
    unsigned version = p[8] >> 4, header = (unsigned)(p[8] & 15) << 8 | p[9];
    size_t payload = svr_get16(p + 10);
    if (version != SVR_METADATA_VERSION || header < SVR_METADATA_HEADER_LEN || header + payload > len)
        return SVR_METADATA_BAD;
    *out = (svr_metadata){.start = p,
                          .header = p + SVR_METADATA_HEADER_LEN,
                          .header_len = header - SVR_METADATA_HEADER_LEN,
                          .payload = p + header,
                          .payload_len = payload,
                          .total = header + payload};
    return SVR_METADATA_OK;
}

bool svr_metadata_is_false_positive(const svr_metadata *m) {
    return m->total == SVR_METADATA_HEADER_LEN;
}

void svr_metadata_encode_header(uint8_t out[SVR_METADATA_HEADER_LEN], size_t header_tlv_len,
                                size_t payload_tlv_len) {
    assert(header_tlv_len <= HEADER_LEN_MAX - SVR_METADATA_HEADER_LEN);
    assert(payload_tlv_len <= UINT16_MAX);
    svr_put64(out, SVR_COOKIE);
    svr_put16(out + 8, (uint16_t)(SVR_METADATA_VERSION << 12 | (SVR_METADATA_HEADER_LEN + header_tlv_len)));
    svr_put16(out + 10, (uint16_t)payload_tlv_len);
}

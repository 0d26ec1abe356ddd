/* SPDX-License-Identifier: MIT */
#include "message.hh"

#include "ns3shim.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace shim {

/* The body repeats this pattern, from a phase that differs by flow and message. */
static const std::array<uint8_t, 512> pattern = [] {
    std::array<uint8_t, 512> p = {};
    for (size_t i = 0; i < p.size(); i++)
        p[i] = static_cast<uint8_t>(i * 167 + 13);
    return p;
}();

static size_t phase(const Message &m, size_t offset) {
    return (m.flow * 31 + m.seq + offset) & 255;
}

static void put(uint8_t *out, uint64_t v, size_t bytes) {
    for (size_t i = bytes; i-- > 0; v >>= 8)
        out[i] = static_cast<uint8_t>(v);
}

static uint64_t get(const uint8_t *in, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | in[i];
    return v;
}

void message_encode(const Message &m, uint8_t *out) {
    put(out, m.magic, 4);
    put(out + 4, m.flow, 4);
    put(out + 8, m.seq, 8);
    put(out + 16, m.time, 8);
    put(out + 24, m.size, 4);
    put(out + 28, m.reply, 4);
    for (size_t at = MESSAGE_HEADER; at < m.size;) {
        size_t n = std::min<size_t>(256, m.size - at);
        memcpy(out + at, &pattern[phase(m, at)], n);
        at += n;
    }
}

bool message_decode(const uint8_t *in, Message *out) {
    Message m = {static_cast<uint32_t>(get(in, 4)),
                 static_cast<uint32_t>(get(in + 4, 4)),
                 get(in + 8, 8),
                 get(in + 16, 8),
                 static_cast<uint32_t>(get(in + 24, 4)),
                 static_cast<uint32_t>(get(in + 28, 4))};
    if (m.magic != MAGIC_REQUEST && m.magic != MAGIC_REPLY) return false;
    if (m.size < MESSAGE_HEADER || m.size > NS3SHIM_MESSAGE_MAX || m.reply > NS3SHIM_MESSAGE_MAX)
        return false;
    *out = m;
    return true;
}

bool message_intact(const Message &m, size_t offset, const uint8_t *in, size_t n) {
    while (n) {
        size_t part = std::min<size_t>(256, n);
        if (memcmp(in, &pattern[phase(m, offset)], part) != 0) return false;
        in += part;
        offset += part;
        n -= part;
    }
    return true;
}

size_t MessageReader::take(const uint8_t *in, size_t n) {
    if (m_have < MESSAGE_HEADER) {
        n = std::min(n, MESSAGE_HEADER - m_have);
        memcpy(m_header + m_have, in, n);
        m_have += n;
        m_intact = true;
        return m_have == MESSAGE_HEADER && !message_decode(m_header, &m_now) ? 0 : n;
    }
    n = std::min(n, m_now.size - m_have);
    m_intact = m_intact && message_intact(m_now, m_have, in, n);
    m_have += n;
    return n;
}

} // namespace shim

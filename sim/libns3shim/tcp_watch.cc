/* SPDX-License-Identifier: MIT */
#include "tcp_watch.hh"

namespace shim {

constexpr uint8_t FIN = 1, SYN = 2, RST = 4, ACK = 16;
constexpr uint32_t WINDOW_MAX = 65535u << 14;

static uint32_t get(const uint8_t *p, int n) {
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* a is behind b, on the circle of sequence numbers. */
static bool after(uint32_t a, uint32_t b) {
    return static_cast<int32_t>(a - b) > 0;
}

struct TcpWatch::Segment {
    uint32_t seq, ack, window, end;
    uint8_t flags, scale;
    bool has(uint8_t flag) const { return flags & flag; }
    bool read(const uint8_t *tcp, size_t len);
};

static bool read_scale(const uint8_t *option, const uint8_t *stop, uint8_t *scale) {
    while (option < stop && *option != 0) {
        if (*option == 1) {
            option++;
            continue;
        }
        if (stop - option < 2 || option[1] < 2 || stop - option < option[1]) return false;
        if (*option == 3 && option[1] == 3) *scale = option[2] > 14 ? 14 : option[2];
        option += option[1];
    }
    return true;
}

bool TcpWatch::Segment::read(const uint8_t *tcp, size_t len) {
    if (len < 20) return false;
    size_t header = static_cast<size_t>(tcp[12] >> 4) * 4;
    if (header < 20 || header > len) return false;
    seq = get(tcp + 4, 4);
    ack = get(tcp + 8, 4);
    flags = tcp[13];
    window = get(tcp + 14, 2);
    end = seq + static_cast<uint32_t>(len - header) + (has(SYN) ? 1 : 0) + (has(FIN) ? 1 : 0);
    scale = 0;
    return read_scale(tcp + 20, tcp + header, &scale);
}

const char *TcpWatch::judge_syn(const Segment &s, const End &from, const End &to, bool from_inside) const {
    if (s.has(RST) || s.has(FIN)) return "flags that do not go together";
    if (from_inside == s.has(ACK)) return "a connection may be opened from inside only";
    if (!from_inside && !to.opened) return "an answer to nothing";
    if (from.opened && s.seq != from.first) return "another beginning";
    if (s.has(ACK) && (!after(s.ack, to.first) || after(s.ack, to.sent)))
        return "an answer to what was not sent";
    return nullptr;
}

const char *TcpWatch::judge(const Segment &s, const End &from, const End &to) const {
    if (!from.opened || !to.opened) return "data before the handshake";
    if (!s.has(ACK)) return "a segment without acknowledgement";
    if (after(s.ack, to.sent)) return "acknowledges what was not sent";
    if (after(to.sent, s.ack + WINDOW_MAX)) return "acknowledges what is long past";
    if (after(s.end, from.may)) return "more than the window";
    if (after(from.sent, s.seq + WINDOW_MAX)) return "far behind";
    if (from.finished && after(s.end, from.sent)) return "data behind the end";
    return nullptr;
}

void TcpWatch::note(const Segment &s, End &from, End &to) {
    uint32_t window = s.has(SYN) ? s.window : s.window << from.scale;
    if (s.has(SYN)) {
        if (!from.opened) from.sent = s.end;
        from.opened = true;
        from.first = s.seq;
        from.scale = s.scale;
    }
    if (after(s.end, from.sent)) from.sent = s.end;
    if (s.has(FIN)) from.finished = true;
    if (s.has(ACK) && (!m_established || after(s.ack + window, to.may))) to.may = s.ack + window;
}

const char *TcpWatch::take(const uint8_t *tcp, size_t len, bool from_inside) {
    Segment s;
    End &from = from_inside ? m_inside : m_outside, &to = from_inside ? m_outside : m_inside;
    if (!s.read(tcp, len)) return "no TCP";
    const char *why = s.has(SYN) ? judge_syn(s, from, to, from_inside) : judge(s, from, to);
    if (why) return why;
    note(s, from, to);
    m_established |= from_inside && !s.has(SYN);
    return nullptr;
}

} // namespace shim

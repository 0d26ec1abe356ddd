/* SPDX-License-Identifier: MIT
 * What a firewall knows of one TCP connection, and lets pass of it: as strict as RFC 9293 permits, and RFC
 * 7323 where it comes to windows. */
#ifndef NS3SHIM_TCP_WATCH_HH
#define NS3SHIM_TCP_WATCH_HH

#include <cstddef>
#include <cstdint>

namespace shim {

class TcpWatch {
  public:
    /* Takes the next segment (`tcp`: header and data, as long as the datagram says), from inside or not. NULL
     * when it may pass; else why not, and nothing has changed. */
    const char *take(const uint8_t *tcp, size_t len, bool from_inside);

  private:
    struct Segment;
    struct End {
        bool opened = false, finished = false;
        uint32_t first = 0; /* sequence number of its SYN */
        uint32_t sent = 0;  /* behind all that it has sent */
        uint32_t may = 0;   /* how far the other end lets it send */
        uint8_t scale = 0;
    };

    const char *judge_syn(const Segment &s, const End &from, const End &to, bool from_inside) const;
    const char *judge(const Segment &s, const End &from, const End &to) const;
    void note(const Segment &s, End &from, End &to);

    End m_inside, m_outside;
    bool m_established = false;
};

} // namespace shim

#endif

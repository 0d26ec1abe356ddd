/* SPDX-License-Identifier: MIT
 * Messages of the traffic generators. A message is a header and a body whose bytes follow from the header, so
 * that the receiver can tell to which flow it belongs and whether it is intact. */
#ifndef NS3SHIM_MESSAGE_HH
#define NS3SHIM_MESSAGE_HH

#include <cstddef>
#include <cstdint>

namespace shim {

constexpr uint32_t MAGIC_REQUEST = 0x6e733371, MAGIC_REPLY = 0x6e733372;
constexpr size_t MESSAGE_HEADER = 32;

struct Message {
    uint32_t magic;
    uint32_t flow;  /* index of the flow */
    uint64_t seq;   /* from 0 */
    uint64_t time;  /* when the request was sent */
    uint32_t size;  /* of the message, header included */
    uint32_t reply; /* size of the wanted answer; 0: none */
};

/* Writes the `size` bytes of the message to `out`. */
void message_encode(const Message &m, uint8_t *out);
/* Reads a header; false when it is none. */
bool message_decode(const uint8_t *in, Message *out);
/* Whether `n` bytes of the body, from `offset` in the message, are as they were sent. */
bool message_intact(const Message &m, size_t offset, const uint8_t *in, size_t n);

/* Takes a TCP stream apart. */
class MessageReader {
  public:
    /* Calls `got(message, intact)` for each message that `in` completes. False when the stream makes no
     * sense. */
    template <typename F> bool feed(const uint8_t *in, size_t n, F got) {
        while (n) {
            size_t took = take(in, n);
            if (!took) return false;
            in += took;
            n -= took;
            if (m_have >= MESSAGE_HEADER && m_have == m_now.size) {
                m_have = 0;
                got(m_now, m_intact);
            }
        }
        return true;
    }

  private:
    size_t take(const uint8_t *in, size_t n);

    uint8_t m_header[MESSAGE_HEADER];
    size_t m_have = 0; /* bytes of the present message */
    Message m_now = {};
    bool m_intact = true;
};

} // namespace shim

#endif

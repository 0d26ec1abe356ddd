/* SPDX-License-Identifier: MIT
 * Flows: what every kind of traffic has in common. */
#ifndef NS3SHIM_FLOW_HH
#define NS3SHIM_FLOW_HH

#include "internal.hh"
#include "message.hh"

namespace shim {

constexpr uint32_t TCP_SEGMENT = 1340; /* leaves room for what a router adds to a 1500-byte datagram */
constexpr uint32_t TCP_BUFFER = 1 << 20;
constexpr uint64_t PATIENCE_NS =
    10000000000;                     /* how long after the last message one still waits for arrivals */
constexpr size_t GAPS_MAX = 1 << 20; /* what comes late is told from what comes twice by these */

/* Which numbers of a sequence have come. */
class SeqTracker {
  public:
    enum Verdict { FRESH, LATE, DUPLICATE };

    Verdict note(uint64_t seq, uint64_t sent_at);
    const std::map<uint64_t, ns3shim_gap> &gaps() const { return m_gaps; }

  private:
    Verdict fill(uint64_t seq, uint64_t sent_at);

    uint64_t m_next = 0;                     /* one above the highest that came */
    uint64_t m_last_sent_at = NS3SHIM_NEVER; /* of the highest that came */
    std::map<uint64_t, ns3shim_gap> m_gaps;  /* by first missing number */
};

} // namespace shim

struct ns3shim_flow {
    ns3shim_world *world = nullptr;
    ns3shim_node *node = nullptr;
    uint32_t id = 0;
    ns3shim_flow_opts opts = {}; /* the texts are not kept: see `from` and `to` */
    shim::Address from, to;
    ns3shim_flow_stats stats = {};
    shim::SeqTracker requests, replies;

    virtual ~ns3shim_flow() = default;
    /* Begins; called once. */
    virtual void start() = 0;

    void stop();
    void burst(uint64_t count, uint64_t spacing_ns);
    bool wants_reply() const;
    /* A message of the flow came to a server, or an answer came back. */
    void request_arrived(const shim::Message &m, bool intact);
    void reply_arrived(const shim::Message &m, bool intact);

  protected:
    /* One interval has passed: send, unless that is impossible now. */
    virtual void tick() {}
    /* No more is to be sent. */
    virtual void finish() {}

    bool done() const { return stats.completed != NS3SHIM_NEVER; }
    bool all_sent() const { return opts.count && stats.sent >= opts.count; }
    /* Ticks now, then each interval until all is sent. */
    void begin_ticks();
    /* The next message, counted as sent. The pointer holds until the next call. */
    const uint8_t *next_message(shim::Message *m);
    void complete();

  private:
    void on_tick();
    void check_complete();

    std::vector<uint8_t> m_buffer;
    ns3::EventId m_tick, m_patience;
};

namespace shim {

std::unique_ptr<ns3shim_flow> make_tcp_flow();
std::unique_ptr<ns3shim_flow> make_udp_flow();
std::unique_ptr<ns3shim_flow> make_ping_flow();

} // namespace shim

#endif

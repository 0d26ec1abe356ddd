/* SPDX-License-Identifier: MIT
 *
 * A frame costs one event when the link is idle: its arrival. Only a frame that meets a busy link waits in
 * the queue, and then a second event sends it when its turn comes. */
#include "link.hh"

#include "fastpath.hh"
#include "nat.hh"

using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;

namespace shim {

/* Streams of random numbers from here up are ours, one per direction, so that a further link leaves the
 * losses of the others as they were. */
constexpr int64_t FIRST_STREAM = 1000000;

class Arrival final : public ns3::EventImpl {
  public:
    Arrival(ns3shim_link &link, unsigned direction, uint32_t epoch, const Frame &frame)
        : m_link(link), m_direction(direction), m_epoch(epoch), m_frame(frame) {}

  protected:
    void Notify() override { m_link.arrive(m_direction, m_epoch, m_frame); }

  private:
    ns3shim_link &m_link;
    unsigned m_direction;
    uint32_t m_epoch;
    Frame m_frame;
};

LinkDevice::LinkDevice(ns3shim_link &link, unsigned direction, ns3shim_node &owner)
    : m_link(link), m_direction(direction), m_owner(owner),
      m_device(static_cast<uint32_t>(owner.devices.size())), m_address(ns3::Mac48Address::Allocate()) {}

bool LinkDevice::SetMtu(const uint16_t mtu) {
    m_link.opts.mtu = mtu;
    return true;
}

uint16_t LinkDevice::GetMtu() const {
    return static_cast<uint16_t>(m_link.opts.mtu);
}

bool LinkDevice::Send(Ptr<Packet> packet, const ns3::Address &, uint16_t protocol) {
    m_link.offer(m_direction, packet, protocol);
    return true;
}

bool LinkDevice::SendFrom(Ptr<Packet>, const ns3::Address &, const ns3::Address &, uint16_t) {
    return false;
}

void LinkDevice::deliver(const Ptr<Packet> &packet, uint16_t protocol) {
    if (m_owner.kind == ns3shim_node::UNDERLAY && fast_forward(m_owner, packet, protocol)) return;
    if (m_owner.kind != ns3shim_node::RAW && m_owner.kind != ns3shim_node::NAT) {
        m_receive(this, packet, protocol, m_address);
        return;
    }
    std::vector<uint8_t> &bytes = m_owner.world->scratch;
    uint32_t len = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
    if (m_owner.kind == ns3shim_node::NAT)
        m_owner.nat->receive(m_device, bytes.data(), len);
    else
        m_owner.rx(m_owner.rx_ctx, m_device, bytes.data(), len);
}

static uint64_t wire_time(uint64_t rate_bps, uint32_t bytes) {
    if (rate_bps == 0) return 0;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(bytes) * 8 * 1000000000 / rate_bps);
}

} // namespace shim

using shim::Direction;
using shim::Frame;

void ns3shim_link::show(unsigned direction, ns3shim_tap_what what, const Packet &packet) {
    if (!(tap_mask & what)) return;
    std::vector<uint8_t> &bytes = world->tapped;
    uint32_t len = packet.CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
    tap(tap_ctx, direction, what, bytes.data(), len, shim::now_ns());
}

void ns3shim_link::offer(unsigned direction, const Ptr<Packet> &packet, uint16_t protocol) {
    Direction &w = way[direction];
    if (packet->GetSize() > opts.mtu) {
        w.stats.lost_mtu++;
    } else if (!up || w.blocked) {
        w.stats.lost_down++;
    } else if (w.queue.empty() && w.busy_until <= shim::now_ns()) {
        transmit(direction, {packet, protocol});
    } else if (w.queue.size() >= opts.queue) {
        w.stats.lost_queue++;
    } else {
        w.queue.push_back({packet, protocol});
        if (w.queue.size() == 1) schedule_drain(direction);
    }
}

void ns3shim_link::schedule_drain(unsigned direction) {
    Direction &w = way[direction];
    uint64_t wait = w.busy_until - std::min(w.busy_until, shim::now_ns());
    Simulator::Schedule(shim::span(wait), &ns3shim_link::drain, this, direction, w.epoch);
}

void ns3shim_link::drain(unsigned direction, uint32_t epoch) {
    Direction &w = way[direction];
    if (epoch != w.epoch || w.queue.empty()) return;
    Frame frame = w.queue.front();
    w.queue.pop_front();
    transmit(direction, frame);
    if (!w.queue.empty()) schedule_drain(direction);
}

uint64_t ns3shim_link::arrival_time(Direction &w) {
    uint64_t at = w.busy_until + opts.delay_ns;
    if (opts.jitter_ns)
        at += static_cast<uint64_t>(w.random->GetValue() * static_cast<double>(opts.jitter_ns));
    if (!opts.reorder) at = std::max(at, w.last_arrival);
    w.last_arrival = at;
    return at;
}

/* Where the UDP header of IPv4 or IPv6 without options or extensions begins, as routers send it; 0: none. */
static uint32_t udp_header(const uint8_t *b, uint32_t len) {
    bool v6 = len > 0 && b[0] >> 4 == 6;
    uint32_t l4 = v6 ? 40 : 20;
    return len >= l4 + 8 && b[v6 ? 6 : 9] == 17 ? l4 : 0;
}

static bool goes_to_port(const Packet &packet, uint16_t port) {
    uint8_t b[48];
    uint32_t n = packet.CopyData(b, sizeof b), l4 = udp_header(b, n);
    return l4 && (b[l4 + 2] << 8 | b[l4 + 3]) == port;
}

/* Flips one bit behind the UDP header. The checksum is what it should be then (RFC 1624), or nobody would
 * look further. */
Frame ns3shim_link::damage(Direction &w, const Frame &frame) {
    std::vector<uint8_t> b(frame.packet->GetSize());
    frame.packet->CopyData(b.data(), static_cast<uint32_t>(b.size()));
    uint32_t l4 = udp_header(b.data(), static_cast<uint32_t>(b.size()));
    size_t from = l4 + 8, bits = (b.size() - from) * 8;
    if (!l4 || bits == 0) return frame;
    size_t bit = static_cast<size_t>(w.random->GetValue() * static_cast<double>(bits));
    size_t at = from + bit / 8;
    uint8_t mask = static_cast<uint8_t>(1u << bit % 8);
    uint32_t was = b[at], is = b[at] ^ mask;
    unsigned shift = (at - l4) % 2 ? 0 : 8;
    b[at] = static_cast<uint8_t>(is);
    uint32_t sum = static_cast<uint32_t>(b[l4 + 6] << 8 | b[l4 + 7]);
    if (sum) {
        sum = (~sum & 0xffff) + (~(was << shift) & 0xffff) + (is << shift);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
        if (sum == 0) sum = 0xffff;
        b[l4 + 6] = static_cast<uint8_t>(sum >> 8);
        b[l4 + 7] = static_cast<uint8_t>(sum);
    }
    w.stats.corrupted++;
    return {ns3::Create<Packet>(b.data(), static_cast<uint32_t>(b.size())), frame.protocol};
}

void ns3shim_link::transmit(unsigned direction, const Frame &frame) {
    Direction &w = way[direction];
    if (recording) w.recorded.push_back({frame.packet->Copy(), frame.protocol});
    w.busy_until = shim::now_ns() + shim::wire_time(opts.rate_bps, frame.packet->GetSize());
    bool damaged = opts.corrupt > 0 && w.random->GetValue() < opts.corrupt;
    Frame sent = damaged ? damage(w, frame) : frame;
    put(direction, sent);
    if (opts.duplicate <= 0 || w.random->GetValue() >= opts.duplicate) return;
    w.stats.duplicated++;
    put(direction, {sent.packet->Copy(), sent.protocol});
}

/* The frame is on the medium, and arrives or not. */
void ns3shim_link::put(unsigned direction, const Frame &frame) {
    Direction &w = way[direction];
    uint32_t len = frame.packet->GetSize();
    uint64_t now = shim::now_ns();
    w.stats.sent++;
    w.stats.sent_bytes += len;
    show(direction, NS3SHIM_TAP_SENT, *frame.packet);
    if (opts.loss > 0 && w.random->GetValue() < opts.loss) {
        w.stats.lost_random++;
        if (opts.apart && goes_to_port(*frame.packet, opts.apart)) w.stats.lost_apart++;
        return;
    }
    uint64_t wait = arrival_time(w) - now;
    w.in_flight++;
    Simulator::ScheduleWithContext(w.to_node, shim::span(wait),
                                   new shim::Arrival(*this, direction, w.epoch, frame));
}

void ns3shim_link::arrive(unsigned direction, uint32_t epoch, const Frame &frame) {
    Direction &w = way[direction];
    if (epoch != w.epoch) return; /* counted when the link went down */
    w.in_flight--;
    w.stats.received++;
    w.stats.received_bytes += frame.packet->GetSize();
    show(direction, NS3SHIM_TAP_RECEIVED, *frame.packet);
    w.to->deliver(frame.packet, frame.protocol);
}

void ns3shim_link::set_up(bool want) {
    if (up == want) return;
    up = want;
    if (up) return;
    for (Direction &w : way) {
        w.stats.lost_in_flight += w.in_flight + w.queue.size();
        w.in_flight = 0;
        w.queue.clear();
        w.busy_until = 0;
        w.last_arrival = 0;
        w.epoch++;
    }
}

size_t ns3shim_link::replay(unsigned direction, uint64_t spacing_ns) {
    uint64_t wait = 0;
    for (const Frame &frame : way[direction].recorded) {
        Simulator::Schedule(shim::span(wait), &ns3shim_link::offer, this, direction, frame.packet->Copy(),
                            frame.protocol);
        wait += spacing_ns;
    }
    return way[direction].recorded.size();
}

/* What is wrong with the options, or NULL. */
static const char *check(const ns3shim_link_opts &o) {
    if (!(o.loss >= 0 && o.loss <= 1)) return "loss must lie between 0 and 1";
    if (!(o.duplicate >= 0 && o.duplicate <= 1)) return "duplicate must lie between 0 and 1";
    if (!(o.corrupt >= 0 && o.corrupt <= 1)) return "corrupt must lie between 0 and 1";
    if (o.mtu > UINT16_MAX) return "the longest datagram has 65535 bytes";
    if (o.delay_ns > INT64_MAX / 4 || o.jitter_ns > INT64_MAX / 4) return "the delay is too long";
    return nullptr;
}

static void apply(ns3shim_link_opts &to, const ns3shim_link_opts &from) {
    to = from;
    if (to.queue == 0) to.queue = 1000;
    if (to.mtu == 0) to.mtu = 1500;
}

static void attach(ns3shim_link &link, unsigned end, ns3shim_node &owner) {
    Ptr<shim::LinkDevice> device = ns3::Create<shim::LinkDevice>(link, end, owner);
    link.device[end] = static_cast<uint32_t>(owner.devices.size());
    owner.devices.push_back(device);
    owner.node->AddDevice(device);
    link.way[!end].to = device;
    link.way[!end].to_node = owner.node->GetId();
    if (owner.kind == ns3shim_node::RAW || owner.kind == ns3shim_node::NAT) return;
    auto v4 = owner.node->GetObject<ns3::Ipv4>();
    auto v6 = owner.node->GetObject<ns3::Ipv6>();
    uint32_t i4 = v4->AddInterface(device), i6 = v6->AddInterface(device);
    /* An interface that may forward solicits no routers. A host still forwards nothing: its IpForward is off.
     */
    v6->SetForwarding(i6, true);
    v4->SetUp(i4);
    v6->SetUp(i6);
}

extern "C" ns3shim_link *ns3shim_link_new(ns3shim_world *world, ns3shim_node *a, ns3shim_node *b,
                                          const ns3shim_link_opts *opts) {
    return shim::guard(
        [&]() -> ns3shim_link * {
            if (a == b) return shim::fail("a link needs two nodes: '%s' is both", a->name.c_str()), nullptr;
            if (const char *wrong = check(*opts)) return shim::fail("%s", wrong), nullptr;
            auto link = std::make_unique<ns3shim_link>();
            link->world = world;
            apply(link->opts, *opts);
            int64_t stream = shim::FIRST_STREAM + 2 * static_cast<int64_t>(world->links.size());
            for (Direction &w : link->way) {
                w.random = ns3::CreateObject<ns3::UniformRandomVariable>();
                w.random->SetStream(stream++);
            }
            attach(*link, 0, *a);
            attach(*link, 1, *b);
            world->links.push_back(std::move(link));
            return world->links.back().get();
        },
        static_cast<ns3shim_link *>(nullptr));
}

extern "C" void ns3shim_link_set_up(ns3shim_link *link, bool up) {
    link->set_up(up);
}

extern "C" void ns3shim_link_block(ns3shim_link *link, unsigned direction, bool blocked) {
    link->way[direction & 1].blocked = blocked;
}

extern "C" bool ns3shim_link_is_up(const ns3shim_link *link) {
    return link->up;
}

extern "C" int ns3shim_link_adjust(ns3shim_link *link, const ns3shim_link_opts *opts) {
    if (const char *wrong = check(*opts)) return shim::fail("%s", wrong);
    link->opts.rate_bps = opts->rate_bps;
    link->opts.delay_ns = opts->delay_ns;
    link->opts.jitter_ns = opts->jitter_ns;
    link->opts.reorder = opts->reorder;
    link->opts.loss = opts->loss;
    link->opts.duplicate = opts->duplicate;
    link->opts.corrupt = opts->corrupt;
    return 0;
}

extern "C" void ns3shim_link_record(ns3shim_link *link, bool on) {
    link->recording = on;
}

extern "C" size_t ns3shim_link_replay(ns3shim_link *link, unsigned direction, uint64_t spacing_ns) {
    return link->replay(direction & 1, spacing_ns);
}

extern "C" void ns3shim_link_get_stats(const ns3shim_link *link, unsigned direction,
                                       ns3shim_link_stats *out) {
    *out = link->way[direction & 1].stats;
}

extern "C" uint32_t ns3shim_link_device(const ns3shim_link *link, unsigned end) {
    return link->device[end & 1];
}

extern "C" void ns3shim_link_set_tap(ns3shim_link *link, unsigned mask, ns3shim_tap tap, void *ctx) {
    link->tap_mask = tap ? mask : 0;
    link->tap = tap;
    link->tap_ctx = ctx;
}

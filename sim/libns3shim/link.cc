/* SPDX-License-Identifier: MIT
 *
 * A frame costs one event when the link is idle: its arrival. Only a frame that meets a busy link waits in
 * the queue, and then a second event sends it when its turn comes. */
#include "link.hh"

#include "fastpath.hh"

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
    if (m_owner.kind != ns3shim_node::RAW) {
        m_receive(this, packet, protocol, m_address);
        return;
    }
    std::vector<uint8_t> &bytes = m_owner.world->scratch;
    uint32_t len = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
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
    } else if (!up) {
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

/* UDP over IPv4 or IPv6 without options or extensions, as routers send it. */
static bool goes_to_port(const Packet &packet, uint16_t port) {
    uint8_t b[44];
    uint32_t n = packet.CopyData(b, sizeof b);
    bool v6 = n > 0 && b[0] >> 4 == 6;
    uint32_t l4 = v6 ? 40 : 20;
    return n >= l4 + 4 && b[v6 ? 6 : 9] == 17 && (b[l4 + 2] << 8 | b[l4 + 3]) == port;
}

void ns3shim_link::transmit(unsigned direction, const Frame &frame) {
    Direction &w = way[direction];
    uint32_t len = frame.packet->GetSize();
    uint64_t now = shim::now_ns();
    w.busy_until = now + shim::wire_time(opts.rate_bps, len);
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

/* What is wrong with the options, or NULL. */
static const char *check(const ns3shim_link_opts &o) {
    if (!(o.loss >= 0 && o.loss <= 1)) return "loss must lie between 0 and 1";
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
    if (owner.kind == ns3shim_node::RAW) return;
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
    return 0;
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

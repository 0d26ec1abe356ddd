/* SPDX-License-Identifier: MIT
 * Point-to-point links. */
#ifndef NS3SHIM_LINK_HH
#define NS3SHIM_LINK_HH

#include "internal.hh"

namespace shim {

/* The ns-3 face of one end of a link. It has no link header, no queue of its own and needs no ARP. */
class LinkDevice : public ns3::NetDevice {
  public:
    LinkDevice(ns3shim_link &link, unsigned direction, ns3shim_node &owner);

    /* Hands a frame that arrived to the node. */
    void deliver(const ns3::Ptr<ns3::Packet> &packet, uint16_t protocol);

    void SetIfIndex(const uint32_t index) override { m_index = index; }
    uint32_t GetIfIndex() const override { return m_index; }
    ns3::Ptr<ns3::Channel> GetChannel() const override { return nullptr; }
    void SetAddress(ns3::Address address) override { m_address = ns3::Mac48Address::ConvertFrom(address); }
    ns3::Address GetAddress() const override { return m_address; }
    bool SetMtu(const uint16_t mtu) override;
    uint16_t GetMtu() const override;
    /* Always: whether the link carries anything is for the nodes to find out. */
    bool IsLinkUp() const override { return true; }
    void AddLinkChangeCallback(ns3::Callback<void>) override {}
    bool IsBroadcast() const override { return true; }
    ns3::Address GetBroadcast() const override { return ns3::Mac48Address::GetBroadcast(); }
    bool IsMulticast() const override { return true; }
    ns3::Address GetMulticast(ns3::Ipv4Address) const override { return ns3::Mac48Address::GetBroadcast(); }
    ns3::Address GetMulticast(ns3::Ipv6Address) const override { return ns3::Mac48Address::GetBroadcast(); }
    bool IsBridge() const override { return false; }
    bool IsPointToPoint() const override { return true; }
    bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address &dest, uint16_t protocol) override;
    bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address &source, const ns3::Address &dest,
                  uint16_t protocol) override;
    ns3::Ptr<ns3::Node> GetNode() const override { return m_node; }
    void SetNode(ns3::Ptr<ns3::Node> node) override { m_node = node; }
    bool NeedsArp() const override { return false; }
    void SetReceiveCallback(ReceiveCallback cb) override { m_receive = cb; }
    void SetPromiscReceiveCallback(PromiscReceiveCallback) override {}
    bool SupportsSendFrom() const override { return false; }

  private:
    ns3shim_link &m_link;
    unsigned m_direction; /* that frames sent here take */
    ns3shim_node &m_owner;
    uint32_t m_device; /* the index among the owner's links */
    uint32_t m_index = 0;
    ns3::Mac48Address m_address;
    ns3::Ptr<ns3::Node> m_node;
    ReceiveCallback m_receive;
};

struct Frame {
    ns3::Ptr<ns3::Packet> packet;
    uint16_t protocol;
};

/* One way of a link. */
struct Direction {
    ns3::Ptr<LinkDevice> to;
    uint32_t to_node = 0;      /* ns-3's number of the receiving node */
    uint64_t busy_until = 0;   /* when the frame now being sent has left */
    uint64_t last_arrival = 0; /* of frames so far, to keep their order */
    uint32_t epoch = 0;        /* counts link-downs: frames of a former epoch are lost */
    uint64_t in_flight = 0;
    bool blocked = false;
    std::deque<Frame> queue;
    ns3::Ptr<ns3::UniformRandomVariable> random;
    ns3shim_link_stats stats = {};
    std::vector<Frame> recorded;
};

} // namespace shim

struct ns3shim_link {
    ns3shim_world *world = nullptr;
    ns3shim_link_opts opts = {};
    bool up = true;
    shim::Direction way[2];
    uint32_t device[2] = {0, 0};
    bool recording = false;
    unsigned tap_mask = 0;
    ns3shim_tap tap = nullptr;
    void *tap_ctx = nullptr;

    /* A frame from a node onto the link. */
    void offer(unsigned direction, const ns3::Ptr<ns3::Packet> &packet, uint16_t protocol);
    /* Continues with what waits, when the frame before has left. */
    void drain(unsigned direction, uint32_t epoch);
    void arrive(unsigned direction, uint32_t epoch, const shim::Frame &frame);
    void set_up(bool want);
    size_t replay(unsigned direction, uint64_t spacing_ns);

  private:
    void transmit(unsigned direction, const shim::Frame &frame);
    shim::Frame damage(shim::Direction &way, const shim::Frame &frame);
    void put(unsigned direction, const shim::Frame &frame);
    void schedule_drain(unsigned direction);
    uint64_t arrival_time(shim::Direction &way);
    void show(unsigned direction, ns3shim_tap_what what, const ns3::Packet &packet);
};

#endif

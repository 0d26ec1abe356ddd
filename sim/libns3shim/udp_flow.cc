/* SPDX-License-Identifier: MIT
 * Flows without connections: UDP, and ICMP echo. */
#include "flow.hh"

using ns3::Packet;
using ns3::Ptr;
using ns3::Socket;

namespace shim {

class UdpFlow final : public ns3shim_flow {
  public:
    void start() override {
        m_socket = Socket::CreateSocket(node->node, ns3::UdpSocketFactory::GetTypeId());
        m_socket->Bind(socket_address(from, opts.source_port));
        m_socket->SetRecvCallback(MakeCallback(&UdpFlow::receive, this));
        begin_ticks();
    }

  protected:
    void tick() override {
        Message m;
        const uint8_t *bytes = next_message(&m);
        m_socket->SendTo(ns3::Create<Packet>(bytes, m.size), 0, socket_address(to, opts.port));
    }

    void finish() override { m_socket->Close(); }

  private:
    void receive(Ptr<Socket> socket) {
        std::vector<uint8_t> &bytes = world->scratch;
        while (Ptr<Packet> packet = socket->Recv(static_cast<uint32_t>(bytes.size()), 0)) {
            Message m;
            uint32_t n = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
            if (n < MESSAGE_HEADER || !message_decode(bytes.data(), &m) || m.flow != id) continue;
            bool intact =
                n == m.size && message_intact(m, MESSAGE_HEADER, &bytes[MESSAGE_HEADER], n - MESSAGE_HEADER);
            reply_arrived(m, intact);
        }
    }

    Ptr<Socket> m_socket;
};

/* Echo requests carry a message of the flow as their payload, and the flow's number as their identifier. */
class PingFlow final : public ns3shim_flow {
  public:
    void start() override {
        auto factory =
            to.v6 ? ns3::Ipv6RawSocketFactory::GetTypeId() : ns3::Ipv4RawSocketFactory::GetTypeId();
        uint8_t protocol = to.v6 ? ns3::Icmpv6L4Protocol::PROT_NUMBER : ns3::Icmpv4L4Protocol::PROT_NUMBER;
        m_socket = Socket::CreateSocket(node->node, factory);
        m_socket->SetAttribute("Protocol", ns3::UintegerValue(protocol));
        m_socket->Bind(socket_address(from, 0));
        m_socket->SetRecvCallback(MakeCallback(&PingFlow::receive, this));
        begin_ticks();
    }

  protected:
    void tick() override {
        Message m;
        const uint8_t *bytes = next_message(&m);
        Ptr<Packet> packet = ns3::Create<Packet>(bytes, m.size);
        if (to.v6)
            add_v6_header(packet, m);
        else
            add_v4_header(packet, m);
        m_socket->SendTo(packet, 0, socket_address(to, 0));
    }

    /* Not at once: ns-3 may be walking its list of raw sockets, to hand us this very packet. */
    void finish() override { ns3::Simulator::ScheduleNow(&Socket::Close, m_socket); }

  private:
    void add_v4_header(const Ptr<Packet> &packet, const Message &m) {
        ns3::Icmpv4Echo echo;
        echo.SetIdentifier(static_cast<uint16_t>(id));
        echo.SetSequenceNumber(static_cast<uint16_t>(m.seq));
        echo.SetData(packet);
        packet->RemoveAtEnd(packet->GetSize());
        packet->AddHeader(echo);
        ns3::Icmpv4Header icmp;
        icmp.SetType(ns3::Icmpv4Header::ICMPV4_ECHO);
        icmp.SetCode(0);
        icmp.EnableChecksum();
        packet->AddHeader(icmp);
    }

    void add_v6_header(const Ptr<Packet> &packet, const Message &m) {
        ns3::Icmpv6Echo echo(true);
        echo.SetId(static_cast<uint16_t>(id));
        echo.SetSeq(static_cast<uint16_t>(m.seq));
        echo.CalculatePseudoHeaderChecksum(
            from.a6, to.a6, static_cast<uint16_t>(packet->GetSize() + echo.GetSerializedSize()),
            ns3::Icmpv6L4Protocol::PROT_NUMBER);
        packet->AddHeader(echo);
    }

    /* Behind the ICMP and echo headers, if this is an answer to us. */
    bool strip(const Ptr<Packet> &packet) {
        if (to.v6) {
            ns3::Ipv6Header ip;
            ns3::Icmpv6Echo echo(false);
            uint8_t type;
            packet->RemoveHeader(ip);
            if (packet->CopyData(&type, 1) != 1 || type != ns3::Icmpv6Header::ICMPV6_ECHO_REPLY) return false;
            packet->RemoveHeader(echo);
            return echo.GetId() == static_cast<uint16_t>(id);
        }
        ns3::Ipv4Header ip;
        ns3::Icmpv4Header icmp;
        packet->RemoveHeader(ip);
        if (packet->GetSize() < icmp.GetSerializedSize()) return false;
        packet->RemoveHeader(icmp);
        if (icmp.GetType() != ns3::Icmpv4Header::ICMPV4_ECHO_REPLY || packet->GetSize() < ECHO_HEADER)
            return false;
        packet->RemoveAtStart(ECHO_HEADER); /* the message names its flow */
        return true;
    }

    void receive(Ptr<Socket> socket) {
        std::vector<uint8_t> &bytes = world->scratch;
        while (Ptr<Packet> packet = socket->Recv(static_cast<uint32_t>(bytes.size()), 0)) {
            Message m;
            if (!strip(packet)) continue;
            uint32_t n = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
            if (n < MESSAGE_HEADER || !message_decode(bytes.data(), &m) || m.flow != id) continue;
            bool intact =
                n == m.size && message_intact(m, MESSAGE_HEADER, &bytes[MESSAGE_HEADER], n - MESSAGE_HEADER);
            reply_arrived(m, intact);
            stats.received = stats.replies; /* an answer proves that the request arrived */
            stats.received_bytes = stats.reply_bytes;
            stats.last_received = now_ns();
        }
    }

    static constexpr uint32_t ECHO_HEADER = 4; /* identifier and sequence number */

    Ptr<Socket> m_socket;
};

std::unique_ptr<ns3shim_flow> make_udp_flow() {
    return std::make_unique<UdpFlow>();
}
std::unique_ptr<ns3shim_flow> make_ping_flow() {
    return std::make_unique<PingFlow>();
}

} // namespace shim

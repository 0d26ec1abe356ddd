/* SPDX-License-Identifier: MIT
 *
 * The client side of TCP flows. A flow has at most one connection at a time. When it fails, the flow either
 * ends or opens another after a while; messages that were on the way then stay missing, as in life. */
#include "flow.hh"

using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using ns3::Socket;

namespace shim {

class TcpFlow final : public ns3shim_flow {
  public:
    void start() override {
        if (!per_request()) connect();
        if (opts.kind != NS3SHIM_TCP_BULK) begin_ticks();
    }

  protected:
    void tick() override {
        if (per_request()) {
            if (m_socket)
                stats.unsent++;
            else
                connect();
        } else if (m_open && room()) {
            send();
        } else {
            stats.unsent++;
        }
    }

    void finish() override {
        Simulator::Cancel(m_reconnect);
        hang_up();
    }

  private:
    bool per_request() const { return opts.kind == NS3SHIM_TCP_REQUEST && !opts.keep; }
    bool room() const { return m_socket->GetTxAvailable() >= opts.size; }

    void connect() {
        m_reader = MessageReader();
        m_socket = Socket::CreateSocket(node->node, ns3::TcpSocketFactory::GetTypeId());
        m_socket->SetAttribute("SegmentSize", ns3::UintegerValue(opts.segment));
        m_socket->Bind(socket_address(from, opts.source_port));
        m_socket->SetConnectCallback(MakeCallback(&TcpFlow::connected, this),
                                     MakeCallback(&TcpFlow::failed, this));
        m_socket->SetCloseCallbacks(MakeCallback(&TcpFlow::closed, this),
                                    MakeCallback(&TcpFlow::failed, this));
        m_socket->SetRecvCallback(MakeCallback(&TcpFlow::receive, this));
        m_socket->SetSendCallback(MakeCallback(&TcpFlow::writable, this));
        m_socket->Connect(socket_address(to, opts.port));
    }

    /* The socket lives on inside ns-3 until it has said goodbye, but no longer talks to us. */
    void hang_up() {
        if (!m_socket) return;
        Ptr<Socket> socket = m_socket;
        m_socket = nullptr;
        m_open = false;
        auto none = ns3::MakeNullCallback<void, Ptr<Socket>>();
        socket->SetConnectCallback(none, none);
        socket->SetCloseCallbacks(none, none);
        socket->SetRecvCallback(none);
        socket->SetSendCallback(ns3::MakeNullCallback<void, Ptr<Socket>, uint32_t>());
        socket->Close();
    }

    void send() {
        Message m;
        const uint8_t *bytes = next_message(&m);
        m_socket->Send(ns3::Create<Packet>(bytes, m.size));
    }

    void pump() {
        while (m_open && !all_sent() && room())
            send();
    }

    void connected(Ptr<Socket> socket) {
        if (socket != m_socket) return;
        stats.connects++;
        m_open = true;
        if (per_request()) send();
        if (opts.kind == NS3SHIM_TCP_BULK) pump();
    }

    void writable(Ptr<Socket> socket, uint32_t) {
        if (socket == m_socket && opts.kind == NS3SHIM_TCP_BULK) pump();
    }

    void failed(Ptr<Socket> socket) {
        if (socket != m_socket || done()) return;
        stats.failures++;
        hang_up();
        if (per_request()) return; /* the next tick opens another */
        if (opts.reconnect_ns && !all_sent())
            m_reconnect = Simulator::Schedule(span(opts.reconnect_ns), &TcpFlow::connect, this);
        else
            complete();
    }

    /* The server never closes first, so a close that we did not begin is a failure. */
    void closed(Ptr<Socket> socket) { failed(socket); }

    void receive(Ptr<Socket> socket) {
        std::vector<uint8_t> &bytes = world->scratch;
        bool answered = false;
        while (Ptr<Packet> packet = socket->Recv(static_cast<uint32_t>(bytes.size()), 0)) {
            uint32_t n = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
            if (n == 0) break;
            bool sane = m_reader.feed(bytes.data(), n, [&](const Message &m, bool intact) {
                if (m.flow != id) return;
                reply_arrived(m, intact);
                answered = true;
            });
            if (!sane) stats.corrupted++;
            if (!sane) return failed(socket);
        }
        if (per_request() && answered) hang_up();
    }

    Ptr<Socket> m_socket;
    bool m_open = false;
    MessageReader m_reader;
    ns3::EventId m_reconnect;
};

std::unique_ptr<ns3shim_flow> make_tcp_flow() {
    return std::make_unique<TcpFlow>();
}

} // namespace shim

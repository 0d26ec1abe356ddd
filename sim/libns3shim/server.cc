/* SPDX-License-Identifier: MIT */
#include "server.hh"

#include "flow.hh"

using ns3::Packet;
using ns3::Ptr;
using ns3::Socket;

namespace shim {

Server::Server(ns3shim_node &host, uint16_t port) : m_host(host), m_port(port) {
    ns3::Address any4 = ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), port);
    ns3::Address any6 = ns3::Inet6SocketAddress(ns3::Ipv6Address::GetAny(), port);
    for (const ns3::Address &any : {any4, any6}) {
        m_sockets.push_back(open(true, any));
        m_sockets.push_back(open(false, any));
    }
}

Server::~Server() = default;

Ptr<Socket> Server::open(bool tcp, const ns3::Address &any) {
    auto factory = tcp ? ns3::TcpSocketFactory::GetTypeId() : ns3::UdpSocketFactory::GetTypeId();
    Ptr<Socket> socket = Socket::CreateSocket(m_host.node, factory);
    if (socket->Bind(any) != 0) throw std::runtime_error("port " + std::to_string(m_port) + " is in use");
    if (tcp) {
        socket->Listen();
        socket->SetAcceptCallback(ns3::MakeNullCallback<bool, Ptr<Socket>, const ns3::Address &>(),
                                  MakeCallback(&Server::accepted, this));
    } else {
        socket->SetRecvCallback(MakeCallback(&Server::receive_udp, this));
    }
    return socket;
}

/* Counts a request for its flow, and appends the answer that it wants. */
void Server::message(const Message &m, bool intact, std::vector<uint8_t> *reply) {
    auto &flows = m_host.world->flows;
    if (m.magic != MAGIC_REQUEST || m.flow >= flows.size()) return;
    flows[m.flow]->request_arrived(m, intact);
    if (!intact || m.reply < MESSAGE_HEADER) return;
    Message answer = {MAGIC_REPLY, m.flow, m.seq, m.time, m.reply, 0};
    size_t at = reply->size();
    reply->resize(at + answer.size);
    message_encode(answer, reply->data() + at);
}

void Server::receive_udp(Ptr<Socket> socket) {
    std::vector<uint8_t> &bytes = m_host.world->scratch;
    ns3::Address from;
    while (Ptr<Packet> packet = socket->RecvFrom(from)) {
        Message m;
        std::vector<uint8_t> reply;
        uint32_t n = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
        if (n < MESSAGE_HEADER || !message_decode(bytes.data(), &m)) continue;
        bool intact =
            n == m.size && message_intact(m, MESSAGE_HEADER, &bytes[MESSAGE_HEADER], n - MESSAGE_HEADER);
        message(m, intact, &reply);
        if (!reply.empty())
            socket->SendTo(ns3::Create<Packet>(reply.data(), static_cast<uint32_t>(reply.size())), 0, from);
    }
}

void Server::accepted(Ptr<Socket> socket, const ns3::Address &) {
    m_connections[ns3::PeekPointer(socket)];
    socket->SetRecvCallback(MakeCallback(&Server::receive_tcp, this));
    socket->SetSendCallback(MakeCallback(&Server::writable, this));
    socket->SetCloseCallbacks(MakeCallback(&Server::ended, this), MakeCallback(&Server::ended, this));
}

void Server::receive_tcp(Ptr<Socket> socket) {
    auto it = m_connections.find(ns3::PeekPointer(socket));
    if (it == m_connections.end()) return;
    Connection &c = it->second;
    std::vector<uint8_t> &bytes = m_host.world->scratch;
    while (Ptr<Packet> packet = socket->Recv(static_cast<uint32_t>(bytes.size()), 0)) {
        uint32_t n = packet->CopyData(bytes.data(), static_cast<uint32_t>(bytes.size()));
        if (n == 0) break;
        bool sane = c.reader.feed(bytes.data(), n,
                                  [&](const Message &m, bool intact) { message(m, intact, &c.out); });
        if (!sane) return ended(socket);
    }
    flush(socket, c);
}

void Server::writable(Ptr<Socket> socket, uint32_t) {
    auto it = m_connections.find(ns3::PeekPointer(socket));
    if (it != m_connections.end()) flush(socket, it->second);
}

void Server::flush(const Ptr<Socket> &socket, Connection &c) {
    uint32_t n = std::min(static_cast<uint32_t>(c.out.size()), socket->GetTxAvailable());
    if (n == 0) return;
    if (socket->Send(ns3::Create<Packet>(c.out.data(), n)) < 0) return;
    c.out.erase(c.out.begin(), c.out.begin() + n);
}

void Server::ended(Ptr<Socket> socket) {
    if (!m_connections.erase(ns3::PeekPointer(socket))) return;
    auto none = ns3::MakeNullCallback<void, Ptr<Socket>>();
    socket->SetRecvCallback(none);
    socket->SetCloseCallbacks(none, none);
    socket->SetSendCallback(ns3::MakeNullCallback<void, Ptr<Socket>, uint32_t>());
    socket->Close();
}

} // namespace shim

extern "C" int ns3shim_serve(ns3shim_node *host, uint16_t port) {
    return shim::guard(
        [&] {
            if (host->kind != ns3shim_node::HOST) return shim::fail("'%s' is no host", host->name.c_str());
            if (port == 0) return shim::fail("a server needs a port");
            std::unique_ptr<shim::Server> &server = host->servers[port];
            if (!server) server = std::make_unique<shim::Server>(*host, port);
            return 0;
        },
        -1);
}

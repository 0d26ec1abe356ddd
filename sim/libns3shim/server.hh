/* SPDX-License-Identifier: MIT
 * The other end of all flows to one port. */
#ifndef NS3SHIM_SERVER_HH
#define NS3SHIM_SERVER_HH

#include "internal.hh"
#include "message.hh"

#include <unordered_map>

namespace shim {

class Server {
  public:
    Server(ns3shim_node &host, uint16_t port);
    ~Server();

  private:
    /* A TCP connection that was accepted. */
    struct Connection {
        MessageReader reader;
        std::vector<uint8_t> out; /* of answers, still to be written */
    };

    ns3::Ptr<ns3::Socket> open(bool tcp, const ns3::Address &any);
    void accepted(ns3::Ptr<ns3::Socket> socket, const ns3::Address &);
    void receive_tcp(ns3::Ptr<ns3::Socket> socket);
    void receive_udp(ns3::Ptr<ns3::Socket> socket);
    void writable(ns3::Ptr<ns3::Socket> socket, uint32_t);
    void flush(const ns3::Ptr<ns3::Socket> &socket, Connection &c);
    void ended(ns3::Ptr<ns3::Socket> socket);
    void message(const Message &m, bool intact, std::vector<uint8_t> *reply);

    ns3shim_node &m_host;
    uint16_t m_port;
    std::vector<ns3::Ptr<ns3::Socket>> m_sockets;
    std::unordered_map<ns3::Socket *, Connection> m_connections;
};

} // namespace shim

#endif

/* SPDX-License-Identifier: MIT
 * A NAT box: what stands between private networks and an underlay, and lends its own address to those behind
 * it (RFC 4787, RFC 5382, RFC 5508). IPv4 alone. */
#ifndef NS3SHIM_NAT_HH
#define NS3SHIM_NAT_HH

#include "internal.hh"
#include "tcp_watch.hh"

#include <array>
#include <list>
#include <tuple>

namespace shim {

class Nat {
  public:
    Nat(ns3shim_node &node, const ns3shim_nat_opts &opts) : m_node(node), m_opts(opts) {}

    /* A frame that arrived on a device of the node; `data` may be changed. */
    void receive(uint32_t device, uint8_t *data, size_t len);
    /* The device leads inside, to this prefix, or (len 0) outside. */
    int add_inside(uint32_t device, uint32_t prefix, uint8_t len);
    int add_outside(uint32_t device, uint32_t address);
    void forget(bool other_address);
    const ns3shim_nat_stats &stats() const { return m_stats; }

  private:
    /* An address and a port of a protocol; ICMP echo: the identifier. */
    struct Endpoint {
        uint8_t proto = 0;
        uint32_t address = 0;
        uint16_t port = 0;
        bool operator<(const Endpoint &o) const {
            return std::tie(proto, address, port) < std::tie(o.proto, o.address, o.port);
        }
        bool operator==(const Endpoint &o) const {
            return proto == o.proto && address == o.address && port == o.port;
        }
    };
    using Pair = std::pair<Endpoint, Endpoint>; /* own end, far end */

    /* One inside endpoint and one outside endpoint that talk. */
    struct Flow {
        Endpoint inside, lent, far;
        uint64_t used;
        TcpWatch watch = {};
    };
    struct Lent {
        Endpoint as;
        uint64_t used;
    };
    struct Inside {
        uint32_t device, prefix, mask;
    };
    struct View;

    bool passes(const View &v, Flow &flow, bool from_inside);
    void outbound(View &v);
    void inbound(View &v);
    void inbound_error(View &v);
    Flow *find_outbound(const Endpoint &inside, const Endpoint &far);
    Flow *find_inbound(const Endpoint &lent, const Endpoint &far);
    bool lend(const Endpoint &inside, const Endpoint &far, Endpoint *out);
    Endpoint fresh(uint8_t proto, const Endpoint &far, bool *found);
    bool alive(uint64_t used) const { return m_opts.timeout_ns == 0 || now_ns() - used < m_opts.timeout_ns; }
    void drop_flow(std::list<Flow>::iterator at);
    void sweep();
    const Inside *inside_of(uint32_t address) const;
    void send(uint32_t device, const View &v);

    ns3shim_node &m_node;
    ns3shim_nat_opts m_opts;
    std::vector<Inside> m_inside;
    bool m_has_outside = false;
    uint32_t m_outside = 0;            /* device */
    std::vector<uint32_t> m_addresses; /* of the outside; the first is lent */
    std::list<Flow> m_flows;
    std::map<Pair, std::list<Flow>::iterator> m_by_inside, m_by_lent;
    std::map<Endpoint, Lent> m_lent; /* with a mapping that does not depend on the far end: by inside end */
    uint16_t m_next_port = 0;
    uint64_t m_swept = 0;
    ns3shim_nat_stats m_stats = {};
};

} // namespace shim

#endif

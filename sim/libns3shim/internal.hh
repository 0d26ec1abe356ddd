/* SPDX-License-Identifier: MIT
 * What the parts of the shim share: the world and its nodes, and the device that a link puts on each end. */
#ifndef NS3SHIM_INTERNAL_HH
#define NS3SHIM_INTERNAL_HH

#include "ns3shim.h"

#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ns3/core-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>

namespace shim {

/* Keeps the reason for ns3shim_error; returns -1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs `body`, and turns what it throws into `failed`: nothing is thrown into C. */
template <typename F, typename R> R guard(F body, R failed) noexcept {
    try {
        return body();
    } catch (const std::exception &e) {
        fail("%s", e.what());
    } catch (...) {
        fail("an unknown C++ exception");
    }
    return failed;
}

inline uint64_t now_ns() {
    return static_cast<uint64_t>(ns3::Simulator::Now().GetNanoSeconds());
}
inline ns3::Time span(uint64_t ns) {
    return ns3::NanoSeconds(static_cast<int64_t>(ns));
}

/* An address of either family. */
struct Address {
    bool v6 = false;
    ns3::Ipv4Address a4;
    ns3::Ipv6Address a6;
};

/* False when `text` is no address. */
bool parse_address(const char *text, Address *out);
ns3::Address socket_address(const Address &a, uint16_t port);

class LinkDevice;
class Nat;
class Server;

/* A route as the quick way sees it. No device: an address of the node's own. */
struct FastRoute {
    bool v6;
    uint8_t len;
    uint8_t prefix[16];
    LinkDevice *device;
};

} // namespace shim

struct ns3shim_node {
    enum Kind { RAW, HOST, UNDERLAY, NAT };

    ns3shim_world *world = nullptr;
    Kind kind = RAW;
    std::string name;
    ns3::Ptr<ns3::Node> node;
    ns3shim_rx rx = nullptr;
    void *rx_ctx = nullptr;
    std::vector<ns3::Ptr<shim::LinkDevice>> devices;
    std::vector<shim::Address> addresses;
    std::vector<shim::FastRoute> fast_routes; /* of a router of the underlay; longest prefix first */
    std::map<uint16_t, std::unique_ptr<shim::Server>> servers;
    std::unique_ptr<shim::Nat> nat; /* of a NAT box */

    ns3shim_node();
    ~ns3shim_node();
    /* The host's first address of a family; false when it has none. */
    bool own_address(bool v6, shim::Address *out) const;
};

struct ns3shim_world {
    std::vector<std::unique_ptr<ns3shim_node>> nodes;
    std::vector<std::unique_ptr<ns3shim_link>> links;
    std::vector<std::unique_ptr<ns3shim_flow>> flows;
    std::vector<uint8_t> scratch; /* of bytes handed to a receiver */
    std::vector<uint8_t> tapped;  /* of bytes handed to a tap */

    ns3shim_world();
    ~ns3shim_world();
};

#endif

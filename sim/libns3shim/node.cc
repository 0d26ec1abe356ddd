/* SPDX-License-Identifier: MIT */
#include "internal.hh"
#include "link.hh"
#include "nat.hh"
#include "server.hh"

#include <arpa/inet.h>

using ns3::Ipv4;
using ns3::Ipv6;
using ns3::Ptr;

namespace shim {

constexpr uint16_t ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd;

bool parse_address(const char *text, Address *out) {
    uint8_t bytes[16];
    if (text && inet_pton(AF_INET, text, bytes) == 1) {
        out->v6 = false;
        out->a4 = ns3::Ipv4Address::Deserialize(bytes);
        return true;
    }
    if (text && inet_pton(AF_INET6, text, bytes) == 1) {
        out->v6 = true;
        out->a6 = ns3::Ipv6Address::Deserialize(bytes);
        return true;
    }
    return false;
}

ns3::Address socket_address(const Address &a, uint16_t port) {
    if (a.v6) return ns3::Inet6SocketAddress(a.a6, port);
    return ns3::InetSocketAddress(a.a4, port);
}

/* Static routing alone: nothing floods, nothing is recomputed. */
static void install_stack(const Ptr<ns3::Node> &node, bool forward) {
    ns3::InternetStackHelper stack;
    stack.SetRoutingHelper(ns3::Ipv4StaticRoutingHelper());
    stack.SetRoutingHelper(ns3::Ipv6StaticRoutingHelper());
    stack.Install(node);
    node->GetObject<Ipv4>()->SetAttribute("IpForward", ns3::BooleanValue(forward));
    node->GetObject<Ipv6>()->SetAttribute("IpForward", ns3::BooleanValue(forward));
    ns3::NodeContainer one(node);
    stack.AssignStreams(one, static_cast<int64_t>(node->GetId()) * 100);
}

static ns3shim_node *make(ns3shim_world *world, const char *name, ns3shim_node::Kind kind, ns3shim_rx rx,
                          void *ctx) {
    return guard(
        [&] {
            auto node = std::make_unique<ns3shim_node>();
            node->world = world;
            node->kind = kind;
            node->name = name;
            node->rx = rx;
            node->rx_ctx = ctx;
            node->node = ns3::CreateObject<ns3::Node>();
            if (kind == ns3shim_node::HOST || kind == ns3shim_node::UNDERLAY)
                install_stack(node->node, kind == ns3shim_node::UNDERLAY);
            world->nodes.push_back(std::move(node));
            return world->nodes.back().get();
        },
        static_cast<ns3shim_node *>(nullptr));
}

/* The device of an IP node, or NULL with the error kept. */
static Ptr<LinkDevice> ip_device(const ns3shim_node *node, uint32_t device) {
    if (node->kind != ns3shim_node::HOST && node->kind != ns3shim_node::UNDERLAY) {
        fail("'%s' has no IP stack of ns-3's", node->name.c_str());
        return nullptr;
    }
    if (device >= node->devices.size()) {
        fail("'%s' has no link %u", node->name.c_str(), device);
        return nullptr;
    }
    return node->devices[device];
}

/* Keeps a route for the quick way, too. Among equals the first that was given wins, as in ns-3. */
static void keep_fast(ns3shim_node *node, LinkDevice *device, const Address &prefix, uint8_t len) {
    FastRoute r = {prefix.v6, len, {}, device};
    if (node->kind != ns3shim_node::UNDERLAY) return;
    if (prefix.v6)
        prefix.a6.GetBytes(r.prefix);
    else
        prefix.a4.Serialize(r.prefix);
    auto at = node->fast_routes.begin();
    while (at != node->fast_routes.end() && at->len >= len)
        ++at;
    node->fast_routes.insert(at, r);
}

static int add_address(ns3shim_node *node, const Ptr<LinkDevice> &dev, const Address &a, uint8_t len) {
    if (len > (a.v6 ? 128 : 32)) return fail("a prefix of %u bits", len);
    if (a.v6) {
        auto v6 = node->node->GetObject<Ipv6>();
        v6->AddAddress(static_cast<uint32_t>(v6->GetInterfaceForDevice(dev)),
                       ns3::Ipv6InterfaceAddress(a.a6, ns3::Ipv6Prefix(len)));
    } else {
        auto v4 = node->node->GetObject<Ipv4>();
        uint32_t mask = len ? ~UINT32_C(0) << (32 - len) : 0;
        v4->AddAddress(static_cast<uint32_t>(v4->GetInterfaceForDevice(dev)),
                       ns3::Ipv4InterfaceAddress(a.a4, ns3::Ipv4Mask(mask)));
    }
    node->addresses.push_back(a);
    keep_fast(node, nullptr, a, a.v6 ? 128 : 32);
    keep_fast(node, ns3::PeekPointer(dev), a, len);
    return 0;
}

static int add_route(ns3shim_node *node, const Ptr<LinkDevice> &dev, const Address &prefix, uint8_t len,
                     const Address &gateway) {
    if (len > (prefix.v6 ? 128 : 32)) return fail("a prefix of %u bits", len);
    if (prefix.v6) {
        auto v6 = node->node->GetObject<Ipv6>();
        auto table = ns3::Ipv6StaticRoutingHelper().GetStaticRouting(v6);
        table->AddNetworkRouteTo(prefix.a6, ns3::Ipv6Prefix(len), gateway.a6,
                                 static_cast<uint32_t>(v6->GetInterfaceForDevice(dev)));
    } else {
        auto v4 = node->node->GetObject<Ipv4>();
        auto table = ns3::Ipv4StaticRoutingHelper().GetStaticRouting(v4);
        uint32_t mask = len ? ~UINT32_C(0) << (32 - len) : 0;
        table->AddNetworkRouteTo(prefix.a4, ns3::Ipv4Mask(mask), gateway.a4,
                                 static_cast<uint32_t>(v4->GetInterfaceForDevice(dev)));
    }
    keep_fast(node, ns3::PeekPointer(dev), prefix, len);
    return 0;
}

static int send_raw(ns3shim_node *node, uint32_t device, const uint8_t *data, size_t len) {
    if (node->kind != ns3shim_node::RAW || device >= node->devices.size())
        return fail("'%s' has no raw device %u", node->name.c_str(), device);
    if (len == 0 || len > UINT16_MAX || (data[0] >> 4 != 4 && data[0] >> 4 != 6))
        return fail("'%s' sends no IP datagram", node->name.c_str());
    uint16_t protocol = data[0] >> 4 == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    auto packet = ns3::Create<ns3::Packet>(data, static_cast<uint32_t>(len));
    node->devices[device]->Send(packet, ns3::Address(), protocol);
    return 0;
}

} // namespace shim

ns3shim_node::ns3shim_node() = default;
ns3shim_node::~ns3shim_node() = default;

bool ns3shim_node::own_address(bool v6, shim::Address *out) const {
    for (const shim::Address &a : addresses) {
        if (a.v6 != v6) continue;
        *out = a;
        return true;
    }
    return false;
}

extern "C" ns3shim_node *ns3shim_raw_new(ns3shim_world *world, const char *name, ns3shim_rx rx, void *ctx) {
    return shim::make(world, name, ns3shim_node::RAW, rx, ctx);
}

extern "C" ns3shim_node *ns3shim_host_new(ns3shim_world *world, const char *name) {
    return shim::make(world, name, ns3shim_node::HOST, nullptr, nullptr);
}

extern "C" ns3shim_node *ns3shim_underlay_new(ns3shim_world *world, const char *name) {
    return shim::make(world, name, ns3shim_node::UNDERLAY, nullptr, nullptr);
}

extern "C" ns3shim_node *ns3shim_nat_new(ns3shim_world *world, const char *name,
                                         const ns3shim_nat_opts *opts) {
    ns3shim_node *node = shim::make(world, name, ns3shim_node::NAT, nullptr, nullptr);
    if (node) node->nat = std::make_unique<shim::Nat>(*node, *opts);
    return node;
}

extern "C" int ns3shim_raw_send(ns3shim_node *node, uint32_t device, const uint8_t *data, size_t len) {
    return shim::guard([&] { return shim::send_raw(node, device, data, len); }, -1);
}

extern "C" uint32_t ns3shim_node_mtu(const ns3shim_node *node, uint32_t device) {
    return device < node->devices.size() ? node->devices[device]->GetMtu() : 0;
}

extern "C" int ns3shim_node_address(ns3shim_node *node, uint32_t device, const char *address,
                                    uint8_t prefix_len) {
    return shim::guard(
        [&] {
            shim::Address a;
            auto dev = shim::ip_device(node, device);
            if (!dev) return -1;
            if (!shim::parse_address(address, &a)) return shim::fail("'%s' is no address", address);
            return shim::add_address(node, dev, a, prefix_len);
        },
        -1);
}

extern "C" int ns3shim_node_route(ns3shim_node *node, uint32_t device, const char *prefix, uint8_t prefix_len,
                                  const char *gateway) {
    return shim::guard(
        [&] {
            shim::Address to, via;
            auto dev = shim::ip_device(node, device);
            if (!dev) return -1;
            if (!shim::parse_address(prefix, &to)) return shim::fail("'%s' is no address", prefix);
            via.v6 = to.v6;
            via.a4 = ns3::Ipv4Address::GetZero();
            via.a6 = ns3::Ipv6Address::GetZero();
            bool given = gateway && *gateway;
            if (given && (!shim::parse_address(gateway, &via) || via.v6 != to.v6))
                return shim::fail("'%s' is no gateway to '%s'", gateway, prefix);
            return shim::add_route(node, dev, to, prefix_len, via);
        },
        -1);
}

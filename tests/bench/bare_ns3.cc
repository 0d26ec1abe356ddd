/* SPDX-License-Identifier: MIT
 * The comparison for the simulator: plain ns-3 pushes UDP datagrams over links equal to those of forward.lua,
 * with two plain routers where that has two of ours.
 *
 *     client -- router -- router -- server
 *
 * Prints datagrams that arrived and wall seconds. Arguments: number of datagrams, bytes of each. */
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <ns3/core-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>
#include <ns3/point-to-point-module.h>

using namespace ns3;

static const Time interval = MicroSeconds(100);
static uint64_t sent, received, count;
static uint32_t size;

static void tick(Ptr<Socket> socket, InetSocketAddress to) {
    socket->SendTo(Create<Packet>(size), 0, to);
    if (++sent < count) Simulator::Schedule(interval, &tick, socket, to);
}

static void receive(Ptr<Socket> socket) {
    while (socket->Recv())
        received++;
}

static void build(NodeContainer &nodes) {
    static const char *const networks[] = {"10.1.0.0", "172.16.0.0", "10.0.0.0"};
    nodes.Create(4);
    InternetStackHelper().Install(nodes);
    PointToPointHelper link;
    Ipv4AddressHelper address;
    for (uint32_t i = 0; i < 3; i++) {
        link.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
        link.SetChannelAttribute("Delay", StringValue("1ms"));
        address.SetBase(networks[i], "255.255.255.0");
        address.Assign(link.Install(nodes.Get(i), nodes.Get(i + 1)));
    }
    Ipv4GlobalRoutingHelper::PopulateRoutingTables();
}

int main(int argc, char **argv) {
    count = argc > 1 ? strtoull(argv[1], nullptr, 10) : 100000;
    size = argc > 2 ? static_cast<uint32_t>(strtoul(argv[2], nullptr, 10)) : 200;
    NodeContainer nodes;
    GlobalValue::Bind("ChecksumEnabled", BooleanValue(true));
    Simulator::SetScheduler(ObjectFactory("ns3::PriorityQueueScheduler")); // the same as svrsim has
    build(nodes);
    Ptr<Socket> server = Socket::CreateSocket(nodes.Get(3), UdpSocketFactory::GetTypeId());
    server->Bind(InetSocketAddress(Ipv4Address::GetAny(), 5001));
    server->SetRecvCallback(MakeCallback(&receive));
    Ptr<Socket> client = Socket::CreateSocket(nodes.Get(0), UdpSocketFactory::GetTypeId());
    Simulator::Schedule(Seconds(10), &tick, client, InetSocketAddress("10.0.0.2", 5001));
    auto began = std::chrono::steady_clock::now();
    Simulator::Run();
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    printf("%lu %.3f\n", static_cast<unsigned long>(received), took.count());
    Simulator::Destroy();
    return received == count ? 0 : 1;
}

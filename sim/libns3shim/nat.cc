/* SPDX-License-Identifier: MIT
 *
 * Every pair of an inside and an outside endpoint that talk is a flow, which dies when nothing has left for
 * the timeout; only what leaves keeps it alive. Who may answer is always the endpoint that was spoken to
 * (address- and port-dependent filtering), since that is what a router behind a NAT has to live with. What
 * differs is the port that is lent: one for each inside endpoint, or one for each flow. */
#include "nat.hh"

#include "link.hh"

#include <cstring>

namespace shim {

constexpr uint16_t ETHERTYPE_IPV4 = 0x0800, FIRST_PORT = 20000, LAST_PORT = 65000;
constexpr uint8_t ICMP = 1, TCP = 6, UDP = 17;
constexpr uint8_t ECHO_REPLY = 0, UNREACHABLE = 3, ECHO = 8, TIME_EXCEEDED = 11;
constexpr uint64_t SWEEP_INTERVAL = 1000000000;
constexpr size_t FLOWS_MAX = 1000000;

static uint16_t get16(const uint8_t *p) {
    return static_cast<uint16_t>(p[0] << 8 | p[1]);
}
static uint32_t get32(const uint8_t *p) {
    return static_cast<uint32_t>(get16(p)) << 16 | get16(p + 2);
}
static void put16(uint8_t *p, uint16_t v) {
    p[0] = static_cast<uint8_t>(v >> 8);
    p[1] = static_cast<uint8_t>(v);
}
static void put32(uint8_t *p, uint32_t v) {
    put16(p, static_cast<uint16_t>(v >> 16));
    put16(p + 2, static_cast<uint16_t>(v));
}

/* RFC 1624: a word under the checksum changes. */
static void mend(uint8_t *sum, uint16_t from, uint16_t to) {
    uint32_t s = static_cast<uint16_t>(~get16(sum)) + static_cast<uint16_t>(~from) + to;
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    put16(sum, static_cast<uint16_t>(~s));
}

/* An IPv4 datagram, and where its ports are. */
struct Nat::View {
    uint8_t *ip, *l4;
    size_t len, l4_len;
    uint8_t proto;
    uint8_t *sum; /* of the L4 header; NULL: none, or not within the packet */

    uint8_t *source_port() const { return proto == ICMP ? l4 + 4 : l4; }
    uint8_t *destination_port() const { return proto == ICMP ? l4 + 4 : l4 + 2; }
    Endpoint source() const { return {proto, get32(ip + 12), get16(source_port())}; }
    Endpoint destination() const { return {proto, get32(ip + 16), get16(destination_port())}; }
    /* The same of an end that is spoken to: an echo has one identifier, which is that of the inside. */
    static Endpoint far(Endpoint e) { return {e.proto, e.address, e.proto == ICMP ? uint16_t{0} : e.port}; }
    bool is_echo() const { return proto == ICMP && (l4[0] == ECHO || l4[0] == ECHO_REPLY); }
    bool is_error() const { return proto == ICMP && (l4[0] == UNREACHABLE || l4[0] == TIME_EXCEEDED); }

    /* False when it is nothing that a NAT translates. `quoted`: in an ICMP error, perhaps cut off. */
    bool read(uint8_t *data, size_t n, bool quoted);
    void set(uint8_t *address, uint8_t *port, const Endpoint &e);
};

bool Nat::View::read(uint8_t *data, size_t n, bool quoted) {
    if (n < 20 || data[0] >> 4 != 4) return false;
    size_t header = (data[0] & 15u) * 4;
    if (header < 20 || n < header + 8 || get16(data + 6) & 0x3fff) return false;
    ip = data;
    len = n;
    l4 = data + header;
    l4_len = n - header;
    proto = data[9];
    sum = nullptr;
    if (proto == UDP && get16(l4 + 6)) sum = l4 + 6;
    if (proto == TCP && l4_len >= 18) sum = l4 + 16;
    if (proto == ICMP) sum = l4 + 2;
    if (proto == TCP && l4_len < 20 && !quoted) return false;
    return proto == UDP || proto == TCP || is_echo() || (is_error() && !quoted);
}

void Nat::View::set(uint8_t *address, uint8_t *port, const Endpoint &e) {
    uint16_t old_port = get16(port), high = get16(address), low = get16(address + 2);
    put32(address, e.address);
    put16(port, e.port);
    mend(ip + 10, high, get16(address));
    mend(ip + 10, low, get16(address + 2));
    if (!sum) return;
    mend(sum, old_port, e.port);
    if (proto == ICMP) return; /* no pseudo-header */
    mend(sum, high, get16(address));
    mend(sum, low, get16(address + 2));
    if (proto == UDP && get16(sum) == 0) put16(sum, 0xffff);
}

/* ---- flows ------------------------------------------------------------------------------------ */

void Nat::drop_flow(std::list<Flow>::iterator at) {
    m_by_inside.erase({at->inside, at->far});
    m_by_lent.erase({at->lent, at->far});
    m_flows.erase(at);
}

void Nat::sweep() {
    if (now_ns() - m_swept < SWEEP_INTERVAL) return;
    m_swept = now_ns();
    for (auto at = m_flows.begin(); at != m_flows.end();) {
        auto flow = at++;
        if (!alive(flow->used)) drop_flow(flow);
    }
    for (auto at = m_lent.begin(); at != m_lent.end();)
        at = alive(at->second.used) ? std::next(at) : m_lent.erase(at);
    m_stats.mappings = m_flows.size();
}

/* A port that is not in use towards that end. */
Nat::Endpoint Nat::fresh(uint8_t proto, const Endpoint &far, bool *found) {
    Endpoint e = {proto, m_addresses.front(), 0};
    for (int i = 0; i <= LAST_PORT - FIRST_PORT; i++) {
        e.port = static_cast<uint16_t>(FIRST_PORT + m_next_port);
        m_next_port = static_cast<uint16_t>((m_next_port + 1) % (LAST_PORT - FIRST_PORT + 1));
        *found = m_by_lent.find({e, far}) == m_by_lent.end();
        if (*found) break;
    }
    return e;
}

bool Nat::lend(const Endpoint &inside, const Endpoint &far, Endpoint *out) {
    bool found = true;
    auto known = m_lent.find(inside);
    if (m_opts.dependent) {
        *out = fresh(inside.proto, far, &found);
        return found;
    }
    if (known != m_lent.end() && alive(known->second.used)) {
        known->second.used = now_ns();
        *out = known->second.as;
        return true;
    }
    *out = fresh(inside.proto, far, &found);
    m_lent[inside] = {*out, now_ns()};
    return found;
}

Nat::Flow *Nat::find_outbound(const Endpoint &inside, const Endpoint &far) {
    auto known = m_by_inside.find({inside, far});
    if (known != m_by_inside.end() && alive(known->second->used)) return &*known->second;
    if (known != m_by_inside.end()) drop_flow(known->second);
    Endpoint lent;
    if (m_flows.size() >= FLOWS_MAX || !lend(inside, far, &lent)) return nullptr;
    auto at = m_flows.insert(m_flows.end(), {inside, lent, far, now_ns(), {}});
    m_by_inside[{inside, far}] = at;
    m_by_lent[{lent, far}] = at;
    m_stats.made++;
    return &*at;
}

Nat::Flow *Nat::find_inbound(const Endpoint &lent, const Endpoint &far) {
    auto known = m_by_lent.find({lent, far});
    return known != m_by_lent.end() && alive(known->second->used) ? &*known->second : nullptr;
}

/* ---- packets ---------------------------------------------------------------------------------- */

const Nat::Inside *Nat::inside_of(uint32_t address) const {
    for (const Inside &in : m_inside)
        if ((address & in.mask) == in.prefix) return &in;
    return nullptr;
}

void Nat::send(uint32_t device, const View &v) {
    if (v.ip[8] <= 1) {
        m_stats.dropped++;
        return;
    }
    uint16_t age = get16(v.ip + 8);
    v.ip[8]--;
    mend(v.ip + 10, age, get16(v.ip + 8));
    auto packet = ns3::Create<ns3::Packet>(v.ip, static_cast<uint32_t>(v.len));
    m_node.devices[device]->Send(packet, ns3::Address(), ETHERTYPE_IPV4);
}

/* What it is configured to look at besides. */
bool Nat::passes(const View &v, Flow &flow, bool from_inside) {
    if (v.proto == UDP && m_opts.udp_port && flow.far.port != m_opts.udp_port) {
        m_stats.refused_udp++;
        return false;
    }
    if (v.proto != TCP || !m_opts.strict_tcp) return true;
    size_t said = get16(v.ip + 2) - static_cast<size_t>(v.l4 - v.ip);
    const char *why = said > v.l4_len ? "cut off" : flow.watch.take(v.l4, said, from_inside);
    if (!why) return true;
    m_stats.refused_tcp++;
    m_stats.refusal = why;
    return false;
}

void Nat::outbound(View &v) {
    Flow *flow = v.is_error() ? nullptr : find_outbound(v.source(), View::far(v.destination()));
    if (!flow || inside_of(flow->far.address)) {
        m_stats.dropped++;
        return;
    }
    if (!passes(v, *flow, true)) return;
    flow->used = now_ns();
    if (auto known = m_lent.find(flow->inside); known != m_lent.end()) known->second.used = now_ns();
    v.set(v.ip + 12, v.source_port(), flow->lent);
    m_stats.outbound++;
    send(m_outside, v);
}

/* An error about something that we sent: both headers are put back. */
void Nat::inbound_error(View &v) {
    View about;
    if (v.l4_len < 8 + 28 || !about.read(v.l4 + 8, v.l4_len - 8, true)) {
        m_stats.dropped++;
        return;
    }
    Flow *flow = find_inbound(about.source(), View::far(about.destination()));
    const Inside *in = flow ? inside_of(flow->inside.address) : nullptr;
    if (!in) {
        m_stats.unmapped++;
        return;
    }
    about.sum = about.proto == UDP ? about.sum : nullptr; /* the quote may be cut off anywhere */
    about.set(about.ip + 12, about.source_port(), flow->inside);
    uint16_t high = get16(v.ip + 16), low = get16(v.ip + 18);
    put32(v.ip + 16, flow->inside.address);
    mend(v.ip + 10, high, get16(v.ip + 16));
    mend(v.ip + 10, low, get16(v.ip + 18));
    put16(v.sum, 0);
    uint32_t sum = 0;
    for (size_t i = 0; i < v.l4_len; i++)
        sum += i % 2 ? v.l4[i] : static_cast<uint32_t>(v.l4[i]) << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    put16(v.sum, static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16))));
    m_stats.inbound++;
    send(in->device, v);
}

void Nat::inbound(View &v) {
    if (v.is_error()) {
        inbound_error(v);
        return;
    }
    Flow *flow = find_inbound(v.destination(), View::far(v.source()));
    const Inside *in = flow ? inside_of(flow->inside.address) : nullptr;
    if (!in) {
        m_stats.unmapped++;
        return;
    }
    if (!passes(v, *flow, false)) return;
    v.set(v.ip + 16, v.destination_port(), flow->inside);
    m_stats.inbound++;
    send(in->device, v);
}

void Nat::receive(uint32_t device, uint8_t *data, size_t len) {
    View v;
    sweep();
    if (!m_has_outside || !v.read(data, len, false))
        m_stats.dropped++;
    else if (device == m_outside)
        inbound(v);
    else
        outbound(v);
    m_stats.mappings = m_flows.size();
}

/* ---- what the scenario says ------------------------------------------------------------------- */

int Nat::add_inside(uint32_t device, uint32_t prefix, uint8_t len) {
    uint32_t mask = len ? ~UINT32_C(0) << (32 - len) : 0;
    m_inside.push_back({device, prefix & mask, mask});
    return 0;
}

int Nat::add_outside(uint32_t device, uint32_t address) {
    if (m_has_outside && m_outside != device)
        return fail("the NAT '%s' has an outside already", m_node.name.c_str());
    m_has_outside = true;
    m_outside = device;
    m_addresses.push_back(address);
    return 0;
}

void Nat::forget(bool other_address) {
    m_flows.clear();
    m_by_inside.clear();
    m_by_lent.clear();
    m_lent.clear();
    m_stats.mappings = 0;
    if (!other_address || m_addresses.empty()) return;
    m_addresses.push_back(m_addresses.front());
    m_addresses.erase(m_addresses.begin());
}

static Nat *nat_of(ns3shim_node *node) {
    if (!node->nat) fail("'%s' is no NAT", node->name.c_str());
    return node->nat.get();
}

static int add_address(ns3shim_node *node, uint32_t device, const char *text, uint8_t len, bool outside) {
    Address a;
    Nat *nat = nat_of(node);
    if (!nat) return -1;
    if (device >= node->devices.size()) return fail("'%s' has no link %u", node->name.c_str(), device);
    if (!parse_address(text, &a) || a.v6 || len > 32) return fail("'%s' is no address of a NAT", text);
    return outside ? nat->add_outside(device, a.a4.Get()) : nat->add_inside(device, a.a4.Get(), len);
}

} // namespace shim

extern "C" int ns3shim_nat_inside(ns3shim_node *node, uint32_t device, const char *prefix, uint8_t len) {
    return shim::guard([&] { return shim::add_address(node, device, prefix, len, false); }, -1);
}

extern "C" int ns3shim_nat_outside(ns3shim_node *node, uint32_t device, const char *address) {
    return shim::guard([&] { return shim::add_address(node, device, address, 32, true); }, -1);
}

extern "C" int ns3shim_nat_forget(ns3shim_node *node, bool other_address) {
    return shim::guard(
        [&] {
            shim::Nat *nat = shim::nat_of(node);
            if (!nat) return -1;
            nat->forget(other_address);
            return 0;
        },
        -1);
}

extern "C" int ns3shim_nat_get_stats(ns3shim_node *node, ns3shim_nat_stats *out) {
    return shim::guard(
        [&] {
            shim::Nat *nat = shim::nat_of(node);
            if (!nat) return -1;
            *out = nat->stats();
            return 0;
        },
        -1);
}

/* SPDX-License-Identifier: MIT
 *
 * Most packets of a long simulation cross routers of the underlay, where ns-3's full stack takes microseconds
 * for each. What it would do with an ordinary datagram is little: look up the route, count down the time to
 * live, mend the checksum. That is done here, by the same routes; everything else stays with ns-3. */
#include "fastpath.hh"

#include "link.hh"

#include <cstring>

namespace shim {

constexpr uint32_t V4_HEADER = 20, V6_HEADER = 40, V4_TTL = 8, V4_SUM = 10, V6_HOPS = 7;
constexpr uint16_t ETHERTYPE_IPV4 = 0x0800;

/* The bytes that change, put back in front of a packet. */
class Front final : public ns3::Header {
  public:
    Front(const uint8_t *bytes, uint32_t n) : m_bytes(bytes), m_n(n) {}
    ns3::TypeId GetInstanceTypeId() const override { return ns3::Header::GetTypeId(); }
    void Print(std::ostream &) const override {}
    uint32_t GetSerializedSize() const override { return m_n; }
    void Serialize(ns3::Buffer::Iterator at) const override { at.Write(m_bytes, m_n); }
    uint32_t Deserialize(ns3::Buffer::Iterator) override { return m_n; }

  private:
    const uint8_t *m_bytes;
    uint32_t m_n;
};

static bool matches(const uint8_t *a, const uint8_t *b, uint8_t bits) {
    if (memcmp(a, b, bits / 8) != 0) return false;
    return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* The device of the longest prefix; the node keeps them longest first. NULL: no route, or an own address. */
static LinkDevice *look_up(const ns3shim_node &node, bool v6, const uint8_t *dst) {
    for (const FastRoute &r : node.fast_routes)
        if (r.v6 == v6 && matches(r.prefix, dst, r.len)) return r.device;
    return nullptr;
}

/* Multicast, broadcast and link-local destinations. */
static bool is_special(bool v6, const uint8_t *dst) {
    return v6 ? dst[0] >= 0xfe : dst[0] >= 224 || dst[0] == 127;
}

/* RFC 1624: one off the time to live, in the high byte of its word, is 0x100 more on the checksum. */
static void count_down_v4(uint8_t *h) {
    h[V4_TTL]--;
    uint32_t sum = (static_cast<uint32_t>(h[V4_SUM]) << 8 | h[V4_SUM + 1]) + 0x100;
    sum = (sum & 0xffff) + (sum >> 16);
    h[V4_SUM] = static_cast<uint8_t>(sum >> 8);
    h[V4_SUM + 1] = static_cast<uint8_t>(sum);
}

bool fast_forward(const ns3shim_node &node, const ns3::Ptr<ns3::Packet> &packet, uint16_t protocol) {
    uint8_t h[V6_HEADER];
    bool v6 = protocol != ETHERTYPE_IPV4;
    uint32_t need = v6 ? V6_HEADER : V4_HEADER, front = v6 ? V6_HOPS + 1 : V4_SUM + 2;
    if (packet->CopyData(h, need) != need || (!v6 && h[0] != 0x45)) return false;
    if (h[v6 ? V6_HOPS : V4_TTL] <= 1) return false;
    const uint8_t *dst = h + (v6 ? 24 : 16);
    LinkDevice *out = is_special(v6, dst) ? nullptr : look_up(node, v6, dst);
    if (!out || packet->GetSize() > out->GetMtu()) return false;
    if (v6)
        h[V6_HOPS]--;
    else
        count_down_v4(h);
    /* Somebody may still hold what a host sent. */
    ns3::Ptr<ns3::Packet> own = packet->GetReferenceCount() > 1 ? packet->Copy() : packet;
    own->RemoveAtStart(front);
    own->AddHeader(Front(h, front));
    out->Send(own, ns3::Address(), protocol);
    return true;
}

} // namespace shim

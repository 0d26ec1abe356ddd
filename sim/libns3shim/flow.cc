/* SPDX-License-Identifier: MIT */
#include "flow.hh"

#include "server.hh"

#include <algorithm>

using ns3::Simulator;

namespace shim {

SeqTracker::Verdict SeqTracker::note(uint64_t seq, uint64_t sent_at) {
    if (seq < m_next) return fill(seq, sent_at);
    if (seq > m_next && m_gaps.size() < GAPS_MAX)
        m_gaps[m_next] = {m_next, seq - m_next, m_last_sent_at, sent_at};
    m_next = seq + 1;
    m_last_sent_at = sent_at;
    return FRESH;
}

SeqTracker::Verdict SeqTracker::fill(uint64_t seq, uint64_t sent_at) {
    auto it = m_gaps.upper_bound(seq);
    if (it == m_gaps.begin()) return DUPLICATE;
    --it;
    ns3shim_gap gap = it->second;
    if (seq >= gap.first + gap.count) return DUPLICATE;
    m_gaps.erase(it);
    uint64_t before = seq - gap.first, behind = gap.count - before - 1;
    if (before) m_gaps[gap.first] = {gap.first, before, gap.after, sent_at};
    if (behind) m_gaps[seq + 1] = {seq + 1, behind, sent_at, gap.before};
    return LATE;
}

} // namespace shim

using shim::Message;
using shim::SeqTracker;

bool ns3shim_flow::wants_reply() const {
    return opts.kind == NS3SHIM_TCP_REQUEST || opts.kind == NS3SHIM_UDP_ECHO || opts.kind == NS3SHIM_PING;
}

void ns3shim_flow::begin_ticks() {
    m_tick = Simulator::ScheduleNow(&ns3shim_flow::on_tick, this);
}

void ns3shim_flow::on_tick() {
    if (done() || all_sent()) return;
    tick();
    if (!all_sent()) m_tick = Simulator::Schedule(shim::span(opts.interval_ns), &ns3shim_flow::on_tick, this);
}

const uint8_t *ns3shim_flow::next_message(Message *m) {
    uint64_t now = shim::now_ns();
    uint32_t reply = opts.kind == NS3SHIM_UDP_ECHO      ? opts.size
                     : opts.kind == NS3SHIM_TCP_REQUEST ? opts.reply_size
                                                        : 0;
    *m = {shim::MAGIC_REQUEST, id, stats.sent, now, opts.size, reply};
    m_buffer.resize(opts.size);
    shim::message_encode(*m, m_buffer.data());
    if (stats.first_sent == NS3SHIM_NEVER) stats.first_sent = now;
    stats.sent++;
    stats.sent_bytes += opts.size;
    if (all_sent())
        m_patience = Simulator::Schedule(shim::span(shim::PATIENCE_NS), &ns3shim_flow::check_complete, this);
    return m_buffer.data();
}

void ns3shim_flow::request_arrived(const Message &m, bool intact) {
    if (!intact) {
        stats.corrupted++;
        return;
    }
    SeqTracker::Verdict v = requests.note(m.seq, m.time);
    if (v == SeqTracker::DUPLICATE) {
        stats.duplicated++;
        return;
    }
    if (v == SeqTracker::LATE) stats.reordered++;
    stats.received++;
    stats.received_bytes += m.size;
    stats.last_received = shim::now_ns();
    if (!wants_reply() && all_sent() && stats.received == stats.sent) complete();
}

void ns3shim_flow::reply_arrived(const Message &m, bool intact) {
    if (!intact) {
        stats.corrupted++;
        return;
    }
    if (replies.note(m.seq, m.time) == SeqTracker::DUPLICATE) {
        stats.duplicated++;
        return;
    }
    uint64_t rtt = shim::now_ns() - m.time;
    stats.rtt_min_ns = stats.replies ? std::min(stats.rtt_min_ns, rtt) : rtt;
    stats.rtt_max_ns = std::max(stats.rtt_max_ns, rtt);
    stats.rtt_sum_ns += rtt;
    stats.replies++;
    stats.reply_bytes += m.size;
    if (all_sent() && stats.replies == stats.sent) complete();
}

/* TCP delivers late rather than never: its flows end by delivery or by failure. */
void ns3shim_flow::check_complete() {
    if (opts.kind != NS3SHIM_TCP_BULK && opts.kind != NS3SHIM_TCP_RATE && opts.kind != NS3SHIM_TCP_REQUEST)
        complete();
}

void ns3shim_flow::complete() {
    if (done()) return;
    stats.completed = shim::now_ns();
    Simulator::Cancel(m_tick);
    Simulator::Cancel(m_patience);
    finish();
    if (opts.done) opts.done(opts.ctx);
}

void ns3shim_flow::burst(uint64_t count, uint64_t spacing_ns) {
    if (done() || count == 0) return;
    tick();
    Simulator::Schedule(shim::span(spacing_ns), &ns3shim_flow::burst, this, count - 1, spacing_ns);
}

void ns3shim_flow::stop() {
    complete();
}

static const char *check(const ns3shim_node *host, const ns3shim_flow_opts *o) {
    bool bulk = o->kind == NS3SHIM_TCP_BULK;
    if (host->kind != ns3shim_node::HOST) return "only a host sends flows";
    if (o->size < NS3SHIM_MESSAGE_MIN || o->size > NS3SHIM_MESSAGE_MAX)
        return "a message has 32 to 65000 bytes";
    if (o->kind == NS3SHIM_TCP_REQUEST &&
        (o->reply_size < NS3SHIM_MESSAGE_MIN || o->reply_size > NS3SHIM_MESSAGE_MAX))
        return "an answer has 32 to 65000 bytes";
    if (bulk && !o->count) return "a bulk transfer needs a count of messages";
    if (!bulk && !o->interval_ns) return "the flow needs an interval";
    return nullptr;
}

static std::unique_ptr<ns3shim_flow> make(ns3shim_flow_kind kind) {
    switch (kind) {
    case NS3SHIM_TCP_BULK:
    case NS3SHIM_TCP_RATE:
    case NS3SHIM_TCP_REQUEST: return shim::make_tcp_flow();
    case NS3SHIM_UDP_RATE:
    case NS3SHIM_UDP_ECHO: return shim::make_udp_flow();
    case NS3SHIM_PING: return shim::make_ping_flow();
    }
    return nullptr;
}

static ns3shim_flow *new_flow(ns3shim_node *host, const ns3shim_flow_opts *opts) {
    const char *wrong = check(host, opts);
    shim::Address from, to;
    if (wrong) return shim::fail("%s", wrong), nullptr;
    if (!shim::parse_address(opts->destination, &to))
        return shim::fail("'%s' is no address", opts->destination ? opts->destination : ""), nullptr;
    bool found = opts->source ? shim::parse_address(opts->source, &from) && from.v6 == to.v6
                              : host->own_address(to.v6, &from);
    if (!found)
        return shim::fail("'%s' has no address to reach '%s' from", host->name.c_str(), opts->destination),
               nullptr;
    std::unique_ptr<ns3shim_flow> flow = make(opts->kind);
    if (!flow) return shim::fail("there is no such kind of flow"), nullptr;
    flow->world = host->world;
    flow->node = host;
    flow->id = static_cast<uint32_t>(host->world->flows.size());
    flow->opts = *opts;
    flow->opts.source = flow->opts.destination = nullptr;
    if (!flow->opts.segment) flow->opts.segment = shim::TCP_SEGMENT;
    flow->from = from;
    flow->to = to;
    flow->stats.first_sent = flow->stats.last_received = flow->stats.completed = NS3SHIM_NEVER;
    host->world->flows.push_back(std::move(flow));
    ns3shim_flow *f = host->world->flows.back().get();
    f->start();
    if (opts->stop_at) {
        uint64_t now = shim::now_ns();
        Simulator::Schedule(shim::span(opts->stop_at > now ? opts->stop_at - now : 0), &ns3shim_flow::stop,
                            f);
    }
    return f;
}

extern "C" ns3shim_flow *ns3shim_flow_new(ns3shim_node *host, const ns3shim_flow_opts *opts) {
    return shim::guard([&] { return new_flow(host, opts); }, static_cast<ns3shim_flow *>(nullptr));
}

extern "C" void ns3shim_flow_stop(ns3shim_flow *flow) {
    shim::guard([&] { return flow->stop(), 0; }, -1);
}

extern "C" void ns3shim_flow_burst(ns3shim_flow *flow, uint64_t count, uint64_t spacing_ns) {
    shim::guard([&] { return flow->burst(count, spacing_ns), 0; }, -1);
}

extern "C" void ns3shim_flow_get_stats(const ns3shim_flow *flow, ns3shim_flow_stats *out) {
    *out = flow->stats;
}

extern "C" size_t ns3shim_flow_gaps(const ns3shim_flow *flow, ns3shim_gap *out, size_t max) {
    const auto &gaps = (flow->wants_reply() ? flow->replies : flow->requests).gaps();
    size_t n = 0;
    for (const auto &gap : gaps) {
        if (n == max) break;
        out[n++] = gap.second;
    }
    return gaps.size();
}

/* SPDX-License-Identifier: MIT */
#include "flow.hh"
#include "internal.hh"
#include "link.hh"
#include "server.hh"

#include <cstdarg>
#include <cstdio>

using ns3::Simulator;
using ns3::Config::SetDefault;

namespace shim {

static char last_error[256];
static ns3shim_world *only_world;

int fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    return -1;
}

/* The scheduler, which tells when its next event is due: ns-3 keeps that to itself. */
class Agenda final : public ns3::PriorityQueueScheduler {
  public:
    static ns3::TypeId GetTypeId() {
        static ns3::TypeId id =
            ns3::TypeId("shim::Agenda").SetParent<ns3::PriorityQueueScheduler>().AddConstructor<Agenda>();
        return id;
    }
    Agenda() { current = this; }
    ~Agenda() override {
        if (current == this) current = nullptr;
    }
    static uint64_t next() {
        if (!current || current->IsEmpty()) return NS3SHIM_NEVER;
        return static_cast<uint64_t>(ns3::TimeStep(current->PeekNext().key.m_ts).GetNanoSeconds());
    }

  private:
    static Agenda *current;
};
Agenda *Agenda::current;

/* Real checksums, since the routers under test check them; no chatter of idle hosts; a first-come order of
 * equal instants, which every ns-3 scheduler keeps. */
static void set_defaults() {
    ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(true));
    SetDefault("ns3::Icmpv6L4Protocol::DAD", ns3::BooleanValue(false));
    SetDefault("ns3::TcpSocket::SegmentSize", ns3::UintegerValue(TCP_SEGMENT));
    SetDefault("ns3::TcpSocket::SndBufSize", ns3::UintegerValue(TCP_BUFFER));
    SetDefault("ns3::TcpSocket::RcvBufSize", ns3::UintegerValue(TCP_BUFFER));
    SetDefault("ns3::UdpSocket::RcvBufSize", ns3::UintegerValue(TCP_BUFFER));
    ns3::Mac48Address::ResetAllocationIndex();
    ns3::ObjectFactory agenda;
    agenda.SetTypeId(Agenda::GetTypeId());
    Simulator::SetScheduler(agenda);
}

class TimerEvent final : public ns3::EventImpl {
  public:
    explicit TimerEvent(ns3shim_timer *timer) : m_timer(timer) {}

  protected:
    void Notify() override;

  private:
    ns3shim_timer *m_timer;
};

} // namespace shim

struct ns3shim_timer {
    void (*fire)(void *);
    void *ctx;
    ns3::Ptr<shim::TimerEvent> armed; /* the event that will fire, if any */

    void disarm() {
        if (armed) armed->Cancel();
        armed = nullptr;
    }
};

void shim::TimerEvent::Notify() {
    m_timer->armed = nullptr;
    m_timer->fire(m_timer->ctx);
}

ns3shim_world::ns3shim_world() : scratch(65536), tapped(65536) {}
ns3shim_world::~ns3shim_world() = default;

extern "C" ns3shim_world *ns3shim_world_new(uint32_t seed, uint64_t run) {
    return shim::guard(
        [&]() -> ns3shim_world * {
            if (shim::only_world) return shim::fail("a world exists already"), nullptr;
            if (seed == 0) return shim::fail("the seed must not be 0"), nullptr;
            ns3::RngSeedManager::SetSeed(seed);
            ns3::RngSeedManager::SetRun(run);
            shim::set_defaults();
            return shim::only_world = new ns3shim_world;
        },
        static_cast<ns3shim_world *>(nullptr));
}

extern "C" void ns3shim_world_del(ns3shim_world *world) {
    if (!world) return;
    shim::guard(
        [&] {
            Simulator::Destroy();
            delete world;
            shim::only_world = nullptr;
            return 0;
        },
        -1);
}

extern "C" const char *ns3shim_error(void) {
    return shim::last_error;
}

extern "C" uint64_t ns3shim_now(const ns3shim_world *) {
    return shim::now_ns();
}

extern "C" int ns3shim_run_until(ns3shim_world *, uint64_t until) {
    return shim::guard(
        [&] {
            uint64_t now = shim::now_ns();
            if (until <= now) return 0;
            ns3::EventId end = Simulator::Schedule(shim::span(until - now), [] { Simulator::Stop(); });
            Simulator::Run();
            Simulator::Cancel(end);
            return 0;
        },
        -1);
}

extern "C" void ns3shim_stop(ns3shim_world *) {
    Simulator::Stop();
}

extern "C" uint64_t ns3shim_next_event(const ns3shim_world *) {
    return shim::Agenda::next();
}

extern "C" uint64_t ns3shim_event_count(const ns3shim_world *) {
    return Simulator::GetEventCount();
}

extern "C" ns3shim_timer *ns3shim_timer_new(ns3shim_world *, void (*fire)(void *ctx), void *ctx) {
    return shim::guard(
        [&] {
            return new ns3shim_timer{fire, ctx, nullptr};
        },
        static_cast<ns3shim_timer *>(nullptr));
}

extern "C" void ns3shim_timer_del(ns3shim_timer *timer) {
    if (!timer) return;
    timer->disarm();
    delete timer;
}

extern "C" void ns3shim_timer_set(ns3shim_timer *timer, uint64_t at) {
    timer->disarm();
    uint64_t now = shim::now_ns();
    timer->armed = ns3::Create<shim::TimerEvent>(timer);
    ns3::Ptr<ns3::EventImpl> event = timer->armed;
    Simulator::Schedule(shim::span(at > now ? at - now : 0), event);
}

extern "C" void ns3shim_timer_cancel(ns3shim_timer *timer) {
    timer->disarm();
}

-- SPDX-License-Identifier: MIT
-- The certificate of a spoke runs out, and is renewed later.
--
--     pc -- spoke -- isp -- hub -- server
--
-- Both routers have certificates of an intermediate CA, which they trust through its root. The spoke's is valid until
-- ten minutes after the beginning, that second included. With behavior=fail-soft, the default, there is an alarm and nothing
-- else. With behavior=fail-hard the path goes out of service at that very second, on both sides. Ten minutes later the
-- spoke gets another certificate, and peering comes back by itself.
local p = require "svr.params" { behavior = "fail-soft", key = "p256", place = "both" }
local net = require "svr.net" { seed = 3, name = "certificates", dh_bits = 2048,
    key_management = { ["invalid-certificate-behavior"] = p.behavior } }
local s = 1000000000
local expiry, renewal, finish = 601 * s, 1201 * s, 1800 * s

local hub, spoke = net:router("hub", { topology = "hub" }), net:router("spoke", { topology = "spoke" })
local isp = net:underlay "isp"
net:link(hub, isp, { name = "hub-line", rate = "1Gbps", delay = "5ms" })
net:capture { links = { net:link(spoke, isp, { name = "spoke-line", rate = "100Mbps", delay = "5ms" }) } }
local server, pc = net:host(hub, "10.0.0.10"), net:host(spoke, "10.1.0.10")

local lab = net:ca("lab root", { key = "p384" })
local issuing = net:ca("lab issuing", { under = lab })
net:trust(lab)
hub:certificate { ca = issuing, key = p.key, place = p.place, until_ = "40d" }
local first = spoke:certificate { ca = issuing, key = p.key, place = p.place, until_ = "10min" }

net:end_traffic(finish - 10 * s)
local flow = pc:udp_send { name = "spoke > hub", to = server, interval = "1s", start = "60500ms" }

local events = {}
net:on_event(function(ev) events[#events + 1] = ev end)
-- The first event from an instant on, of that router and kind, that became `to`.
local function find(from, router, kind, to)
    for _, ev in ipairs(events) do
        if ev.time >= from and ev.router == router and ev.kind == kind and ev.to == to then return ev end
    end
end
local function at(instant, ev, text)
    local was = ev and ev.time
    net:check(was == instant, was == instant and text or ("%s (expected %d, was %s)"):format(text, instant, was))
end

-- ---- in order --------------------------------------------------------------------------------------------------

net:run(expiry - 1)
local at_expiry = flow:stats()
net:check(find(0, "hub", "path-service", "in-service") and find(0, "spoke", "path-service", "in-service"),
    "CRT-CA: with certificates of one root the routers are peers")
net:check(not find(0, "hub", "path-service", "out-of-service") and at_expiry.received == at_expiry.sent,
    "to the last nanosecond of its certificate's validity the spoke is a peer")

-- ---- expired ---------------------------------------------------------------------------------------------------

net:run(renewal)
local at_renewal = flow:stats()
local received = at_renewal.received - at_expiry.received
for _, router in ipairs { "hub", "spoke" } do
    local alarm = find(expiry, router, "alarm", "raised")
    at(expiry, alarm, ("CRT-ALARM: %s raises an alarm at that second"):format(router))
    local gone = find(0, router, "path-service", "out-of-service")
    if p.behavior == "fail-hard" then
        at(expiry, gone, ("CRT-FAIL-HARD: the path of %s goes out of service at that second"):format(router))
    else
        net:check(not gone, ("CRT-FAIL-SOFT: the path of %s stays in service"):format(router))
    end
end
if p.behavior == "fail-hard" then
    net:check(received == 0, "CRT-FAIL-HARD: no traffic passes")
else
    net:check(received == 600, ("CRT-FAIL-SOFT: traffic goes on (%d of 600 arrived)"):format(received))
end

-- ---- renewed ---------------------------------------------------------------------------------------------------

local second = spoke:certificate { ca = issuing, key = p.key, place = p.place, until_ = "40d" }
net:run(finish)
local back = flow:stats().received - at_renewal.received
net:check(first.serial ~= second.serial, "the spoke's new certificate is another one")
if p.behavior == "fail-hard" then
    local service = find(renewal, "hub", "path-service", "in-service")
    net:check(service and service.time < renewal + 10 * s, ("CRT-LATE: peering comes back by itself, after %.3f s"):format(
        ((service and service.time or finish) - renewal) / s))
end
net:check(back >= 570, ("CRT-LATE: traffic flows with the renewed certificate (%d arrived)"):format(back))
for _, router in ipairs { "hub", "spoke" } do
    net:check(find(renewal, router, "alarm", "cleared"), ("CRT-ALARM: %s clears its alarm"):format(router))
end
print(("1..%d"):format(net.checks))

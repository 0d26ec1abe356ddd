-- SPDX-License-Identifier: MIT
-- Two routers and one line, for a bit over an hour: one rotation, an outage, one metadata key on command.
--
--     pc -- a ===(line)=== b -- server
--
-- Short enough for real routers: svrlab run scenarios/lab-pair.lua --clock-rate 240.
local p = require "svr.params" { hours = 1.3 }
local net = require "svr.net" { seed = 7, name = "lab-pair", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local account = require "svr.account"
local a, b = net:router "a", net:router "b"
local line = net:link(a, b, { name = "line", delay = "10ms" })
local pc, server = net:host(a, { "10.1.0.10", "fd00:1::10" }), net:host(b, { "10.2.0.10", "fd00:2::10" })
local hour = 3600 * 1000000000

net:end_traffic(math.floor(p.hours * hour) - 60000000000)
local flows = {
    pc:udp_echo { name = "pc > server, UDP echo", to = server, interval = "10s", start = "5min" },
    pc:ping { name = "pc > server, ping over IPv6", to = server, family = 6, interval = "20s", start = "5min" },
    server:tcp_request { name = "server > pc, TCP", to = pc, interval = "60s", start = "5min" },
    pc:tcp_send { name = "pc > server, TCP stream", to = server, port = 80, interval = "10s", start = "40min" },
}

net:at("15min", function() line:down() end)
net:at("20min", function() line:up() end)
net:at("30min", function() a:regenerate() end)
net:run(math.floor(p.hours * hour))

account.print(net)
print ""
local function count(kind, to)
    local n = 0
    for _, ev in ipairs(net.events) do
        if ev.router == "a" and ev.kind == kind and ev.to == to then n = n + 1 end
    end
    return n
end
net:check(count("peer-key", "sending") == 2, ("a used %d peer keys"):format(count("peer-key", "sending")))
for _, f in ipairs(flows) do
    local s = f:stats()
    net:check(s.received > 0 and s.corrupted == 0 and account.unexplained(net, f) == 0,
        ("%s: %d of %d delivered, nothing lost but to the outage"):format(f.name, s.received, s.sent))
end
for _, what in ipairs { "peers", "peers security", "peers certificate", "security key-status", "security certificate", "alarms",
    "security security-associations b detail", "events 3" } do
    net:check(#a:show("show " .. what) > 0, "a answers show " .. what)
end

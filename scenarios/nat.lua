-- SPDX-License-Identifier: MIT
-- Spokes behind a NAT, whose hub knows neither its address nor its ports:
--
--     pc -- east --+                       10.1.0.10
--                  box ---- isp ---- hub -- server
--     tv -- west --+                       10.2.0.10
--
-- Everybody talks to everybody, in each direction, also in flows that rest longer than the NAT remembers. The NAT stays as it is
-- for five minutes; then it forgets its ports, later it takes another address as well; then the hub begins anew, and then a
-- spoke. After an hour all keys are renewed. What is lost is counted against what the design permits: until the next BFD packet has come from the new place.
local p = require "svr.params" { mapping = "independent", timeout = 40 }
local net = require "svr.net" { seed = 29, name = "nat", key_exchange = "ecdh",
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }

local S = 1000000000
local hub = net:router("hub", { topology = "hub" })
local east, west = net:router("east", { topology = "spoke" }), net:router("west", { topology = "spoke" })
local isp = net:underlay "isp"
local box = net:nat("box", { mapping = p.mapping, timeout = p.timeout .. "s", addresses = 2 })
net:link(hub, isp, { name = "hub-line", rate = "1Gbps", delay = "5ms" })
net:link(box, isp, { name = "box-line", rate = "1Gbps", delay = "10ms" })
local inside = { net:link(east, box, { name = "east-line", rate = "100Mbps", delay = "1ms" }),
    net:link(west, box, { name = "west-line", rate = "100Mbps", delay = "1ms" }) }
-- The far side of the NAT shows nothing else, under another address.
net:capture { links = inside }

local server = net:host(hub, "10.0.0.10")
local pc, tv = net:host(east, "10.1.0.10"), net:host(west, "10.2.0.10")

net:end_traffic "85min"
local calls = {
    pc:udp_echo { name = "pc > server", to = server, interval = "200ms", start = "10s" },
    server:udp_echo { name = "server > pc", to = pc, interval = "200ms", start = "11s" },
    server:udp_send { name = "server > tv, one way", to = tv, interval = "200ms", start = "12s" },
    tv:udp_send { name = "tv > server, one way", to = server, port = 5010, interval = "200ms", start = "13s" },
    pc:udp_echo { name = "pc > tv", to = tv, port = 5011, interval = "200ms", start = "14s" },
}
-- So seldom that only keep-alives hold the mapping.
local seldom = {
    pc:udp_echo { name = "pc > server, seldom", to = server, port = 5020, interval = "100s", start = "20s" },
    server:udp_send { name = "server > tv, seldom", to = tv, port = 5021, interval = "100s", start = "21s" },
}
-- A new session for each: waypoints that the spokes hold open.
local web = server:tcp_request { name = "server > pc, TCP", to = pc, port = 443, interval = "5s", reply_size = 5000,
    start = "15s", stop = "4min" }

-- What a flow lost since the last question.
local lost_before = {}
local function lost(f)
    local now, before = 0, lost_before[f] or 0
    for _, gap in ipairs(f:gaps()) do now = now + gap.count end
    lost_before[f] = now
    return now - before
end

-- `most`: seconds that a flow may have been without news since then.
local function expect_loss(at, what, most)
    net:at(at, function()
        for _, f in ipairs(calls) do
            local n = lost(f)
            net:check(n * 0.2 <= most, ("%s: %s lost %d messages, %.1f s"):format(what, f.name, n, n * 0.2))
        end
    end)
end

local BFD = 1 -- desired-tx-interval, which is also the longest time between two packets
expect_loss("5min", "the NAT stays", 0)
net:at("5min", function() box:change() end)
expect_loss("10min", "the NAT forgot its ports", BFD + 0.4)
net:at("10min", function() box:change "address" end)
expect_loss("15min", "the NAT has another address", BFD + 0.4)
net:at("15min", function() hub:crash() end)
net:at("15min+2s", function() hub:restart() end)
expect_loss("20min", "the hub was away for 2 s", 2 + 2 * BFD + 0.4)
net:at("20min", function() east:crash() end)
net:at("20min+2s", function() east:restart() end)
expect_loss("25min", "a spoke was away for 2 s", 2 + 2 * BFD + 0.4)
expect_loss("84min", "all keys are renewed", 0)

local moves = {}
net:on_event(function(ev)
    if ev.kind == "path-address" and ev.router == "hub" then moves[#moves + 1] = ev.peer end
end)
net:run "86min"

for _, f in ipairs(seldom) do
    net:check(f:missing() <= 2, ("%s: %d sent, %d missing"):format(f.name, f:stats().sent, f:missing()))
end
net:check(web:missing() == 0 and web:stats().failures == 0, ("%s: %d sent, %d missing"):format(web.name, web:stats().sent, web:missing()))
net:check(lost(calls[1]) == 0, "nothing is lost once all is as before")
net:check(#moves >= 8, ("the hub followed its spokes %d times"):format(#moves))
print(("1..%d"):format(net.checks))

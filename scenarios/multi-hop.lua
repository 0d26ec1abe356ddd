-- SPDX-License-Identifier: MIT
-- Over three hops, from spoke to spoke through two hubs:
--
--     pc -- west -- hub-west ====== hub-east -- east -- server
--                      |                |
--                   clerk            archive
--
-- Routers are known to each other by site numbers; their names stay at home. Traffic of the customer goes from end to end,
-- and from hub to hub. The hubs encipher metadata anew; what is inside leaves them as it came. After ten minutes everybody's
-- metadata key is made anew.
local p = require "svr.params" { minutes = 20 }
local net = require "svr.net" { seed = 11, name = "multi-hop", dh_bits = 2048 }

local west = net:router("west", { peering_common_name = "site-100.example.net" })
local hub_west = net:router("hub-west", { peering_common_name = "site-101.example.net" })
local hub_east = net:router("hub-east", { peering_common_name = "site-102.example.net" })
local east = net:router("east", { peering_common_name = "site-103.example.net" })
local first = net:link(west, hub_west, { name = "west-line", rate = "100Mbps", delay = "5ms" })
local trunk = net:link(hub_west, hub_east, { name = "trunk", rate = "1Gbps", delay = "20ms" })
local last = net:link(hub_east, east, { name = "east-line", rate = "100Mbps", delay = "5ms" })
net:capture { links = { first, trunk, last } }

local pc, server = net:host(west, "10.1.0.10"), net:host(east, "10.4.0.10")
local clerk, archive = net:host(hub_west, "10.2.0.10"), net:host(hub_east, "10.3.0.10")

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
pc:udp_echo { name = "pc > server, UDP", to = server, interval = "1s", start = "60s" }
pc:tcp_request { name = "pc > server, TCP", to = server, port = 443, interval = "5s", reply_size = 5000, start = "61s" }
server:ping { name = "server > pc, ping", to = pc, interval = "5s", start = "62s" }
clerk:udp_echo { name = "clerk > archive, UDP", to = archive, interval = "1s", start = "63s" }
clerk:udp_echo { name = "clerk > archive, UDP again", to = archive, interval = "1s", start = "64s" }
for _, r in ipairs(net.routers) do
    net:at("10min", function() r:regenerate() end)
end
net:run(p.minutes * minute)

for _, f in ipairs(net.flows) do
    net:check(f:missing() == 0 and f:stats().sent > 0, ("TOP-MULTIHOP: %s: %d sent, %d missing"):format(f.name, f:stats().sent, f:missing()))
end
print(("1..%d"):format(net.checks))

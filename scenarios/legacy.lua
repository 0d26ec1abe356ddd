-- SPDX-License-Identifier: MIT
-- A hub, a spoke, and a spoke of the last generation that knows no key exchange:
--
--     pc -- modern -- isp -- hub -- server
--                      |
--          old-pc -- old
--
-- The old one sends plain BFD. Nothing goes to it or comes from it, and the hub says why; the modern one is not disturbed.
local p = require "svr.params" { minutes = 10 }
local net = require "svr.net" { seed = 51, name = "legacy", dh_bits = 2048 }
local hub, isp = net:router("hub", { topology = "hub" }), net:underlay "isp"
local modern = net:router("modern", { topology = "spoke" })
local old = net:router("old", { topology = "spoke", enhanced_security = false })
net:capture { links = { net:link(hub, isp, { name = "hub-line", delay = "5ms" }) } }
net:link(modern, isp, { name = "modern-line", delay = "5ms" })
net:link(old, isp, { name = "old-line", delay = "5ms" })
local server = net:host(hub, "10.0.0.10")
local pc, old_pc = net:host(modern, "10.1.0.10"), net:host(old, "10.2.0.10")

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
local good = pc:udp_echo { name = "pc > server", to = server, interval = "2s", start = "60s" }
local bad = old_pc:udp_echo { name = "old pc > server", to = server, interval = "2s", start = "61s" }
local back = server:udp_send { name = "server > old pc", to = old_pc, interval = "2s", start = "62s", port = 5002 }
net:run(p.minutes * minute)
hub:show "show security key-status"
old:show "show security key-status"

net:check(good:missing() == 0, ("TOP-LEGACY: the modern spoke works: %d of %d answered"):format(good:stats().replies, good:stats().sent))
net:check(bad:stats().received == 0 and back:stats().received == 0, "TOP-LEGACY: nothing passes to or from the old one")
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- The line between two routers is dead for twenty seconds:  pc -- a --- b -- server
-- No key is exchanged anew when it is back.
local net = require "svr.net" { seed = 4, name = "outage", dh_bits = 2048 }
local a, b = net:router "a", net:router "b"
local wire = net:link(a, b, { name = "wire", rate = "100Mbps", delay = "5ms" })
net:capture { links = { wire }, windows = { { "6s", "33s" } } }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
pc:udp_echo { to = server, port = 7, interval = "1s", size = 64, start = "7s" }
net:at("10s", function() wire:down() end)
net:at("30s", function() wire:up() end)
net:run "33s"

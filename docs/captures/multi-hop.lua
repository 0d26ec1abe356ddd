-- SPDX-License-Identifier: MIT
-- A flow crosses a router in the middle:  pc -- left ---(left-wire)--- middle ---(right-wire)--- right -- server
-- Captured are both links, once the routers know each other.
local net = require "svr.net" { seed = 3, name = "multi-hop", dh_bits = 2048 }
local left = net:router("left", { topology = "spoke" })
local middle = net:router("middle", { topology = "hub" })
local right = net:router("right", { topology = "spoke" })
net:capture { links = { net:link(left, middle, { name = "left-wire", rate = "100Mbps", delay = "5ms", neighborhood = "west" }),
    net:link(middle, right, { name = "right-wire", rate = "100Mbps", delay = "5ms", neighborhood = "east" }) },
    windows = { { "9900ms", "12500ms" } } }
local pc, server = net:host(left, "10.1.0.10"), net:host(right, "10.3.0.10")
pc:udp_echo { to = server, port = 7, interval = "1s", count = 3, size = 64, start = "10s" }
net:run "13s"

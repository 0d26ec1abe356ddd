-- SPDX-License-Identifier: MIT
-- Two routers meet, and a host behind one pings a host behind the other:  pc -- a --- b -- server
local net = require "svr.net" { seed = 1, name = "exchange", dh_bits = 2048 }
local a, b = net:router "a", net:router "b"
net:capture { links = { net:link(a, b, { name = "wire", rate = "100Mbps", delay = "5ms" }) } }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
pc:ping { to = server, interval = "1s", count = 3, start = "2s" }
net:run "4500ms"

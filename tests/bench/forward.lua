-- SPDX-License-Identifier: MIT
-- The simulator's part of the comparison with bare_ns3.cc: two routers of the stack between two hosts.
local core = require "svr.core"
local p = require "svr.params" { count = 100000, size = 200 }
local net = require "svr.net" {}
local a, b = net:router "a", net:router "b"
net:link(a, b, { rate = "1Gbps", delay = "1ms" })
local client = net:host(a, "10.1.0.10", { rate = "1Gbps", delay = "1ms", name = "client" })
local server = net:host(b, "10.0.0.10", { rate = "1Gbps", delay = "1ms", name = "server" })
net:capture { links = {} }
client:udp_send { to = server, count = math.floor(p.count), size = math.floor(p.size), interval = "100us", start = "10s" }
net:run "9s"
local began = core.machine_clock()
net:run(10000000000 + math.floor(p.count) * 100000 + 1000000000)
print(("%d %.3f"):format(net.flows[1]:stats().received, (core.machine_clock() - began) / 1e9))
net:check(net.flows[1]:stats().received == p.count, "all arrived")

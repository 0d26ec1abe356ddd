-- SPDX-License-Identifier: MIT
-- Two routers find out what the path between them takes:  pc -- a ===(1500)=== isp ===(1400)=== b -- server
-- Then a host sends datagrams that it does not take whole.
local net = require "svr.net" { seed = 6, name = "pmtu", dh_bits = 2048 }
local a, b, isp = net:router "a", net:router "b", net:underlay "isp"
local wire = net:link(a, isp, { name = "wire", rate = "100Mbps", delay = "2ms", path_mtu_discovery = true })
net:link(isp, b, { rate = "100Mbps", delay = "3ms", mtu = 1400, path_mtu_discovery = true })
net:capture { links = { wire }, windows = { { "0s", "1s" }, { "60s", "61s" } } }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
pc:udp_echo { to = server, port = 7, interval = "1s", size = 2000, start = "58s" }
net:run "61s"

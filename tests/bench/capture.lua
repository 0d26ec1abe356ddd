-- SPDX-License-Identifier: MIT
-- A large capture: four flows of datagrams of several sizes between two routers, and short sessions of TCP beside them.
local p = require "svr.params" { count = 75000 }
local net = require "svr.net" {}
local a, b = net:router "a", net:router "b"
local wire = net:link(a, b, { rate = "10Gbps", delay = "1ms", name = "wire" })
local client = net:host(a, "10.1.0.10", { rate = "10Gbps", name = "client" })
local server = net:host(b, "10.0.0.10", { rate = "10Gbps", name = "server" })
net:capture { links = { wire } }
for i, size in ipairs { 60, 400, 900, 1200 } do
    client:udp_send { to = server, port = 6000 + i, count = math.floor(p.count), size = size, interval = "1ms", start = "10s" }
end
client:tcp_request { to = server, interval = "100ms", start = "10s", stop = (10 + p.count // 1000) .. "s" }
net:run((11 + p.count // 1000) .. "s")

-- SPDX-License-Identifier: MIT
-- The certificate of a router runs out, and both have been told to be strict (fail-hard):  pc -- a --- b -- server
-- Later it gets another.
local net = require "svr.net" { seed = 5, name = "expired", dh_bits = 2048,
    key_management = { ["invalid-certificate-behavior"] = "fail-hard" } }
local a, b = net:router "a", net:router "b"
net:capture { links = { net:link(a, b, { name = "wire", rate = "100Mbps", delay = "5ms" }) },
    windows = { { "0s", "200ms" }, { "54900ms", "57500ms" }, { "60s", "61500ms" }, { "120s", "122500ms" } } }
local ca = net:ca "lab"
net:trust(ca)
a:certificate { ca = ca, key = "p256", until_ = "60s" }
b:certificate { ca = ca, key = "p256", until_ = "40d" }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
pc:udp_echo { to = server, port = 7, interval = "1s", size = 64, start = "55s" }
net:at("120s", function() a:certificate { ca = ca, key = "p256" } end)
net:run "122500ms"

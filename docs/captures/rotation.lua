-- SPDX-License-Identifier: MIT
-- After an hour peer key, metadata keys and payload key are renewed under a flow that goes on:  pc -- a --- b -- server
-- Captured are the beginning, and what is around the rotation.
local net = require "svr.net" { seed = 2, name = "rotation", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local bfd = { ["desired-tx-interval"] = 10000, ["required-min-rx-interval"] = 10000 }
local a, b = net:router("a", { bfd = bfd }), net:router("b", { bfd = bfd })
net:capture { links = { net:link(a, b, { name = "wire", rate = "100Mbps", delay = "5ms" }) },
    windows = { { "0s", "35s" }, { "1h-5s", "1h+110s" } } }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
pc:udp_echo { to = server, port = 7, interval = "10s", size = 64, start = "31s" }
net:run "3720s"

-- SPDX-License-Identifier: MIT
-- What the dissector is to show beyond tests/sim/families.lua: datagrams that cross in parts, over two routers and over three;
-- echo packets; a rotation of keys.
--
--     one-pc -- one == two == three -- three-pc
--                       |
--                     two-pc
local net = require "svr.net" { seed = 5, dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local bfd = { ["link-test-interval"] = 60, ["link-test-length"] = 3, ["desired-tx-interval"] = 10000 }
local one = net:router("one", { topology = "spoke", bfd = bfd })
local two = net:router("two", { topology = "hub", bfd = bfd })
local three = net:router("three", { topology = "spoke", bfd = bfd })
net:link(one, two, { rate = "100Mbps", delay = "3ms" })
net:link(two, three, { rate = "100Mbps", delay = "3ms" })
local hosts = {}
for i, router in ipairs { one, two, three } do
    hosts[i] = net:host(router, { ("10.%d.0.10"):format(i), ("fd00:%d::10"):format(i) })
end
for _, family in ipairs { 4, 6 } do
    hosts[1]:udp_echo { name = "near " .. family, to = hosts[2], family = family, port = 7, interval = "100s", size = 4000, start = "20s" }
    hosts[1]:udp_echo { name = "far " .. family, to = hosts[3], family = family, port = 7, interval = "100s", size = 4000, start = "20s" }
end
net:end_traffic "4000s"
net:run "4010s"
for _, f in ipairs(net.flows) do
    local s = f:stats()
    net:check(s.sent > 0 and f:missing() == 0, ("%s: %d of %d"):format(f.name, s.sent - f:missing(), s.sent))
end
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- IPv4 and IPv6, inside and outside:
--
--     left -- a ===(IPv4)=== b ===(IPv6)=== c -- right
--                            |
--                          middle
--
-- Every host has an address of each family, and talks to every other in both.
local p = require "svr.params" { minutes = 10 }
local net = require "svr.net" { seed = 4, name = "families", dh_bits = 2048 }

local a, b, c = net:router "a", net:router "b", net:router "c"
local four = net:link(a, b, { name = "over-ipv4", delay = "5ms", family = 4 })
local six = net:link(b, c, { name = "over-ipv6", delay = "5ms", family = 6 })
net:capture { links = { four, six } }
local hosts = {
    net:host(a, { "10.1.0.10", "fd00:1::10" }, { name = "left" }),
    net:host(b, { "10.2.0.10", "fd00:2::10" }, { name = "middle" }),
    net:host(c, { "10.3.0.10", "fd00:3::10" }, { name = "right" }),
}

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
for i, from in ipairs(hosts) do
    for j, to in ipairs(hosts) do
        for _, family in ipairs { 4, 6 } do
            local between = ("%s > %s, IPv%d"):format(from.name, to.name, family)
            if i ~= j then
                from:udp_echo { name = between .. ", UDP", to = to, family = family, interval = "2s", start = 60 + i .. "s" }
                from:ping { name = between .. ", ping", to = to, family = family, interval = "10s", start = 63 + i .. "s" }
                from:tcp_request { name = between .. ", TCP", to = to, family = family, port = 443, interval = "20s", start = 66 + i .. "s" }
            end
        end
    end
end
net:run(p.minutes * minute)

for _, f in ipairs(net.flows) do
    net:check(f:missing() == 0 and f:stats().sent > 0, ("CRY-FAMILIES: %s: %d sent, %d missing"):format(f.name, f:stats().sent, f:missing()))
end
print(("1..%d"):format(net.checks))

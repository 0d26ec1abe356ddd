-- SPDX-License-Identifier: MIT
-- Nothing is lost for its size:
--
--     left -- a ===(1500)=== isp ===(1400)=== b ===(1320)=== c -- right
--
-- Hosts send datagrams that no line takes whole, in both families, and connections whose segments have to find out what
-- fits. Routers a and b share the provider's network and try what it takes; between b and c the line itself says it.
local p = require "svr.params" { minutes = 12 }
local net = require "svr.net" { seed = 11, name = "sizes", dh_bits = 2048 }
local account = require "svr.account"

local a, b, c = net:router "a", net:router "b", net:router "c"
local isp = net:underlay "isp"
local wide = net:link(a, isp, { name = "wide", delay = "5ms", path_mtu_discovery = true })
local narrow = net:link(b, isp, { name = "narrow", delay = "5ms", mtu = 1400, path_mtu_discovery = true })
local line = net:link(b, c, { name = "line", delay = "5ms", mtu = 1320 })
net:capture { links = { wide, line } }
local left = net:host(a, { "10.1.0.10", "fd00:1::10" }, { name = "left" })
local right = net:host(c, { "10.3.0.10", "fd00:3::10" }, { name = "right" })

-- The search of a begins with what it believes: three probes are lost before the next size is tried.
local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
for _, way in ipairs { { left, right }, { right, left } } do
    local from, to = way[1], way[2]
    for _, family in ipairs { 4, 6 } do
        for i, size in ipairs { 100, 1240, 1400, 4000, 8972 } do
            from:udp_echo { name = ("%s > %s, IPv%d, UDP of %d"):format(from.name, to.name, family, size), to = to, family = family,
                port = 5000 + i, size = size, interval = "7s", start = 90 + i .. "s" }
        end
        from:ping { name = ("%s > %s, IPv%d, ping of 1232"):format(from.name, to.name, family), to = to, family = family, size = 1232,
            interval = "11s", start = "97s" }
        from:tcp_send { name = ("%s > %s, IPv%d, TCP"):format(from.name, to.name, family), to = to, family = family, port = 8000 + family,
            bytes = 300000, start = "100s" }
    end
end

-- What a path takes, as its router tells.
local found = {}
net:on_event(function(ev)
    if ev.kind == "path-mtu" then found[ev.router] = ev.value end
end)
net:run(p.minutes * minute)

account.print(net)
print ""
net:check(found.a and found.a <= 1400 and found.a > 1392, ("a has found out that its path takes %s bytes; it is 1400"):format(found.a))
net:check(found.b == 1400, ("b has found out that its path takes %s bytes; it is 1400"):format(found.b))
-- No router cuts what an IPv6 host sends, and the host forgets what it was told after ten minutes: it loses a few that are too long.
for _, f in ipairs(net.flows) do
    local s, few = f:stats(), f.name:find "IPv6" and 4 or 0
    net:check(s.sent > 0 and s.corrupted == 0 and f:missing() <= few, ("%s: %d sent, %d missing"):format(f.name, s.sent, f:missing()))
end
for _, l in ipairs { narrow, line } do
    net:check(l:stats().lost_mtu == 0, ("nothing that routers sent was too long for %s"):format(l.name))
end
print(("1..%d"):format(net.checks))

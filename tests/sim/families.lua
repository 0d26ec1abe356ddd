-- SPDX-License-Identifier: MIT
-- IPv4 and IPv6, inside and outside in every combination, over a hub in the middle:
--
--     left-pc -- left ==(IPv4)== hub ==(IPv6)== right -- right-pc
--                                 |
--                               hub-pc
local net = require "svr.net" { seed = 3, dh_bits = 2048 }
local hub = net:router("hub", { topology = "hub" })
local hosts = { hub = net:host(hub, { "10.0.0.10", "fd00:10::10" }) }
for i, name in ipairs { "left", "right" } do
    local isp = net:underlay("isp-" .. name)
    local router = net:router(name, { topology = "spoke" })
    local opts = { rate = "100Mbps", delay = "3ms", family = i == 1 and 4 or 6, neighborhood = "via-" .. name }
    net:link(hub, isp, opts)
    net:link(router, isp, opts)
    hosts[name] = net:host(router, { ("10.%d.0.10"):format(i), ("fd00:%d::10"):format(i) })
end

for _, pair in ipairs { { "left", "hub" }, { "right", "hub" }, { "left", "right" } } do
    for _, family in ipairs { 4, 6 } do
        local from, to = hosts[pair[1]], hosts[pair[2]]
        local name = ("%s > %s, IPv%d, "):format(pair[1], pair[2], family)
        local function o(t)
            t.to, t.family, t.name, t.start = to, family, name .. t.name, "10s"
            return t
        end
        from:tcp_send(o { name = "bulk", bytes = 500000, port = 80 })
        from:udp_echo(o { name = "UDP echo", interval = "100ms", count = 100, size = 400, port = 7 })
        from:ping(o { name = "ping", interval = "1s", count = 10 })
    end
end
net:run "60s"

for _, f in ipairs(net.flows) do
    local s = f:stats()
    net:check(s.sent > 0 and f:missing() == 0 and s.duplicated == 0 and s.corrupted == 0 and s.failures == 0,
        ("%s: %d of %d"):format(f.name, s.sent - f:missing(), s.sent))
end
print(("1..%d"):format(net.checks))

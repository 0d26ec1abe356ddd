-- SPDX-License-Identifier: MIT
-- Six routers, with two ways between two of them:
--
--     host-1 -- r1 -- r2 ====(upper)==== r3 -- r4 -- host-5
--                      \\====(lower)===// |
--                               host-6 -- r6 -- r5 -- host-7
--
-- Flows cross three hops and four. The upper line fails, comes back, and the lower one fails: flows that need to move do, and no end is
-- without the other for longer than BFD takes to notice.
local p = require "svr.params" { minutes = 30 }
local net = require "svr.net" { seed = 121, name = "six-routers", dh_bits = 2048 }
local r = {}
for i = 1, 6 do r[i] = net:router("r" .. i, { peering_common_name = "node-" .. i }) end
local links = {
    net:link(r[1], r[2], { name = "r1-r2", delay = "2ms" }),
    net:link(r[2], r[3], { name = "upper", delay = "5ms" }),
    net:link(r[2], r[3], { name = "lower", delay = "25ms" }),
    net:link(r[3], r[4], { name = "r3-r4", delay = "2ms" }),
    net:link(r[3], r[6], { name = "r3-r6", delay = "2ms" }),
    net:link(r[6], r[5], { name = "r6-r5", delay = "2ms" }),
}
local upper, lower = links[2], links[3]
net:capture { links = links }
local one, five, six = net:host(r[1], "10.1.0.10", { name = "host-1" }), net:host(r[4], "10.5.0.10", { name = "host-5" }),
    net:host(r[6], "10.6.0.10", { name = "host-6" })
local far = net:host(r[5], "10.7.0.10", { name = "host-7" })

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
local flows = {
    one:udp_echo { name = "host 1 > host 5, UDP", to = five, interval = "200ms", start = "60s" },
    one:udp_echo { name = "host 1 > host 5, UDP again", to = five, interval = "1s", start = "61s" },
    one:tcp_send { name = "host 1 > host 6, TCP", to = six, port = 80, interval = "500ms", start = "62s" },
    five:udp_send { name = "host 5 > host 1, UDP", to = one, interval = "500ms", start = "63s" },
    far:ping { name = "host 7 > host 1, ping", to = one, interval = "500ms", start = "64s" },
}
net:at("5min", function() upper:down() end)
net:at("10min", function() upper:up() end)
net:at("15min", function() lower:down() end)
net:at("20min", function() lower:up() end)
net:run(p.minutes * minute)

for _, f in ipairs(flows) do
    local elsewhere = 0
    for _, gap in ipairs(f:gaps()) do
        if gap.before - gap.after > 5 * 1000000000 then elsewhere = elsewhere + gap.count end
    end
    net:check(f:stats().received > 0 and elsewhere == 0, ("TOP-PATHS: %s: never away for longer than 5 s (%d of %d missing)"):format(f.name,
        f:missing(), f:stats().sent))
end
print(("1..%d"):format(net.checks))

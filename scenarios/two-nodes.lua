-- SPDX-License-Identifier: MIT
-- A hub with two nodes:
--
--                            +-- hub-1 --+
--     pc -- spoke -- isp ====+     |     +==== server        one address to the outside
--                            +-- hub-2 --+
--
-- The first node leads, and tells the second all that it knows. It loses power after twenty minutes, while packets are on their way;
-- it comes back, and stands by; after the next rotation the second one fails in its turn. Metadata keys are made anew in between. The
-- spoke has no part in any of it: it sees no exchange, and no other key.
local p = require "svr.params" { minutes = 100 }
local net = require "svr.net" { seed = 131, name = "two-nodes", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local hub, spoke, isp = net:router("hub", { topology = "hub", nodes = 2 }), net:router("spoke", { topology = "spoke" }), net:underlay "isp"
net:capture { links = { net:link(hub, isp, { name = "hub-line", delay = "5ms" }) } }
net:link(spoke, isp, { name = "spoke-line", delay = "5ms" })
local server, pc = net:host(hub, "10.0.0.10"), net:host(spoke, "10.1.0.10")

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
local flows = {
    pc:udp_echo { name = "pc > server", to = server, interval = "100ms", start = "60s" },
    server:udp_echo { name = "server > pc", to = pc, interval = "1s", start = "61s", port = 5002 },
}
net:at("10min", function() hub:regenerate() end)
net:at("20min", function() hub:crash(1) end)
net:at("25min", function() hub:regenerate() end)
net:at("30min", function() hub:restart(1) end)
net:at("80min", function() hub:crash(2) end)
net:at("90min", function() hub:restart(2) end)
net:run(p.minutes * minute)

for _, f in ipairs(flows) do
    local longest = 0
    for _, gap in ipairs(f:gaps()) do longest = math.max(longest, gap.before - gap.after) end
    net:check(f:stats().received > 0 and longest < 2500000000, ("KEY-HA-PUSH: %s: the longest silence is %.1f s (%d of %d missing)"):format(f.name,
        longest / 1e9, f:missing(), f:stats().sent))
end
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- A hub and two spokes: the hub's metadata key is one and the same towards both (KEY-META-SAME), who encipher with it
-- what they send to the hub (KEY-META-PEERS), also from spoke to spoke (TOP-MULTIHOP).
local net = require "svr.net" { seed = 17, dh_bits = 2048 }
local hub = net:router("hub", { topology = "hub" })
local isp = net:underlay "isp"
net:link(hub, isp, { delay = "1ms" })
local pcs = {}
for i, name in ipairs { "east", "west" } do
    local spoke = net:router(name, { topology = "spoke" })
    net:link(spoke, isp, { delay = 3 * i .. "ms" })
    pcs[name] = net:host(spoke, ("10.%d.0.10"):format(i))
end
local server = net:host(hub, "10.0.0.10")
net:capture { links = {} }

local received = {} -- by index: the spokes that have it
net:on_event(function(ev)
    if ev.kind == "metadata-key" and ev.to == "received" and ev.peer == "hub" then
        received[ev.value] = received[ev.value] or {}
        received[ev.value][ev.router] = (received[ev.value][ev.router] or 0) + 1
    end
end)
net:run "60s"
for n = 2, 4 do
    net:at(n .. "min", function() hub:regenerate() end)
end
-- New sessions in each life of the key, from both spokes.
local flows = {}
for n = 1, 4 do
    for _, name in ipairs { "east", "west" } do
        local pc = pcs[name]
        local start, stop = ("%dmin+40s"):format(n), ("%dmin+55s"):format(n)
        flows[#flows + 1] = pc:udp_echo { name = name .. " > hub", to = server, interval = "1s", start = start, stop = stop }
        local other = pcs[name == "east" and "west" or "east"]
        flows[#flows + 1] = pc:udp_echo { name = name .. " > hub > spoke", to = other, interval = "1s", start = start, stop = stop }
    end
end
net:run "6min"

for index = 1, 4 do
    local r = received[index] or {}
    net:check(r.east == 1 and r.west == 1, ("KEY-META-SAME: both spokes have the hub's metadata key %d, once"):format(index))
end
local missing = 0
for _, f in ipairs(flows) do missing = missing + f:missing() end
net:check(missing == 0, ("KEY-META-PEERS, TOP-MULTIHOP: %d sessions under four metadata keys lost nothing"):format(#flows))
local counters = hub:counters()
net:check(counters["metadata-unknown-key"] == 0 and counters["metadata-bad-hmac"] == 0,
    "KEY-META-SAME: the hub opened all metadata of both with that key")
print(("1..%d"):format(net.checks))

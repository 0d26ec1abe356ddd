-- SPDX-License-Identifier: MIT
-- What an operator is shown, and when:
--
--     pc -- spoke-a -- isp -- hub -- server         spoke-b has two lines to the ISP; spokes do not peer with each other
--                       ||
--                     spoke-b
--
-- Before anything is up, in service, after a rotation, while a peer is away, and on a router that has been asked to make another
-- metadata key.
local p = require "svr.params" { hours = 2.2 }
local net = require "svr.net" { seed = 101, name = "operators", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local isp = net:underlay "isp"
local hub = net:router("hub", { topology = "hub", peering_common_name = "site-1" })
local a = net:router("spoke-a", { topology = "spoke", peering_common_name = "site-2" })
local b = net:router("spoke-b", { topology = "spoke", peering_common_name = "site-3" })
net:capture { links = { net:link(hub, isp, { name = "hub-line", delay = "5ms" }) } }
net:link(a, isp, { name = "a-line", delay = "5ms" })
net:link(b, isp, { name = "b-line", delay = "5ms" })
net:link(b, isp, { name = "b-line-2", delay = "9ms" })
local server, pc = net:host(hub, "10.0.0.10"), net:host(a, "10.1.0.10")

local span = math.floor(p.hours * 3600 * 1000000000)
net:end_traffic(span - 15 * 1000000000)
local flow = pc:udp_echo { name = "pc > server", to = server, interval = "5s", start = "60s" }
local function look()
    for _, r in ipairs(net.routers) do
        if not r.down then
            r:show "show security key-status"
            r:show "show peers security"
            r:show "show security security-associations"
            for _, peer in ipairs(net.routers) do
                if peer ~= r and (r == hub or peer == hub) then r:show(("show security security-associations %s detail"):format(peer.name)) end
            end
            r:show "show alarms"
        end
    end
end
for _, at in ipairs { "1ms", "5min", "1h+20s", "1h+5min", "2h+5min" } do net:at(at, look) end
net:at("1h+30min", function() hub:regenerate() end)
net:at("1h+31min", look)
net:at("2h+4min", function() b:crash() end)
net:run(span)
net:check(flow:missing() == 0, ("OPS-KEY-STATUS: nobody is disturbed by questions (%d of %d answered)"):format(flow:stats().replies, flow:stats().sent))
print(("1..%d"):format(net.checks))

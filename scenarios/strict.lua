-- SPDX-License-Identifier: MIT
-- A guest network whose firewall lets out connections only, and looks at each segment:
--
--     pc -- east --(guest-line)-- box ---- isp ---- hub ===(line)=== north -- server
--                                                    +-- desk
--
-- Of UDP it lets pass BFD alone. The path from east to the hub has tcp-transport native; that from the hub to north has not.
-- Connections work, to the hub and beyond, though the provider loses some packets; the firewall finds nothing wrong in 80 minutes, with a
-- rotation of all keys and a restart of the hub. What is UDP inside does not get through. With `--set transport=udp` nothing does.
local p = require "svr.params" { transport = "native" }
local net = require "svr.net" { seed = 43, name = "strict", key_exchange = "ecdh",
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local account = require "svr.account"

local hub, east, north = net:router "hub", net:router "east", net:router "north"
local isp = net:underlay "isp"
local box = net:nat("box", { mapping = "dependent", timeout = "10min", strict_tcp = true, udp_port = 1280 })
net:link(hub, isp, { name = "hub-line", rate = "100Mbps", delay = "5ms", loss = 0.002, tcp_transport = p.transport })
net:link(box, isp, { name = "box-line", rate = "50Mbps", delay = "10ms" })
local guest = net:link(east, box, { name = "guest-line", rate = "50Mbps", delay = "1ms", tcp_transport = p.transport })
local line = net:link(hub, north, { name = "line", rate = "1Gbps", delay = "3ms" })
net:capture { links = { guest, line } }

local pc, desk, server = net:host(east, "10.1.0.10"), net:host(hub, "10.0.0.10"), net:host(north, "10.2.0.10")
local S = 1000000000
net:end_traffic "78min"
local flows = {
    pc:tcp_send { name = "pc > desk, bulk", to = desk, port = 8001, bytes = 4000000, start = "10s" },
    pc:tcp_send { name = "pc > server, bulk", to = server, port = 8002, bytes = 4000000, start = "20s" },
    pc:tcp_request { name = "pc > server, web", to = server, port = 8004, interval = "7s", reply_size = 40000, start = "30s" },
    -- One connection for all the time: over the rotation and the restart.
    pc:tcp_send { name = "pc > server, all the time", to = server, port = 8003, rate = "20kbps", start = "40s" },
}
local call = pc:udp_echo { name = "pc > desk, UDP", to = desk, interval = "1s", start = "50s" }

net:at("70min", function() hub:crash() end)
net:at("70min+1s", function() hub:restart() end)
net:run "80min"

account.print(net)
print ""
local native = p.transport == "native"
for i, f in ipairs(flows) do
    local s = f:stats()
    -- Requests that are under way when the hub loses power take as long as their hosts' patience.
    local few = i == 3 and 2 or 0
    net:check((s.sent > 0 and f:missing() <= few) == native and s.corrupted == 0, ("%s: %d sent, %d missing"):format(f.name, s.sent, f:missing()))
end
net:check(call:stats().replies == 0, ("%s: %d sent, %d answered"):format(call.name, call:stats().sent, call:stats().replies))
local stats = box:stats()
net:check(stats.refused_udp > 0 and stats.refused_tcp == 0 and (stats.inbound > 10000) == native,
    ("the firewall let pass %d packets in and %d out, refused %d of UDP, and %d of TCP: %s"):format(stats.inbound, stats.outbound,
        stats.refused_udp, stats.refused_tcp, stats.refusal or "nothing wrong"))
print(("1..%d"):format(net.checks))

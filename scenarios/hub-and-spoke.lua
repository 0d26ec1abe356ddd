-- SPDX-License-Identifier: MIT
-- Two days in the life of a hub and three spokes.
--
--                                conductor  server
--                                        \  /
--                                        hub
--                                         |
--      east-pc -- east -- isp-east -- isp-core -- isp-west -- west -- west-pc
--                                         |
--                                    isp-south -- south -- south-pc
--
-- The conductor behind the hub manages the spokes over TCP 930, 4505 and 4506. Customers talk from spoke to hub, and
-- from spoke over the hub to spoke. Keys rotate after 24 and 48 hours. From 26 h to 27 h the line of spoke east is down.
-- Whatever is lost, is lost to that: rotation loses nothing.
local p = require "svr.params" { hours = 49, rekey = 24, outage = true, capture = "windows" }
local net = require "svr.net" { seed = 7, name = "hub-and-spoke",
    key_management = { ["peer-key-rekey-interval"] = p.rekey, ["payload-key-rekey-interval"] = p.rekey } }
local account = require "svr.account"

local hour = 3600 * 1000000000

-- ---- topology ----------------------------------------------------------------------------------------------

local hub = net:router("hub", { topology = "hub" })
local core = net:underlay "isp-core"
local hub_line = net:link(hub, core, { name = "hub-line", rate = "1Gbps", delay = "2ms" })

local conductor = net:host(hub, "10.0.0.10", { name = "conductor" })
local server = net:host(hub, "10.0.0.20", { name = "server" })

local spokes = {}
for i, name in ipairs { "east", "west", "south" } do
    local isp = net:underlay("isp-" .. name)
    local router = net:router(name, { topology = "spoke" })
    net:link(core, isp, { name = "core-" .. name, rate = "1Gbps", delay = 5 * i .. "ms" })
    spokes[i] = {
        name = name,
        line = net:link(router, isp, { name = name .. "-line", rate = "100Mbps", delay = "10ms" }),
        pc = net:host(router, ("10.%d.0.10"):format(i), { name = name .. "-pc" }),
    }
end
local east, west, south = spokes[1], spokes[2], spokes[3]

-- ---- traffic -----------------------------------------------------------------------------------------------
-- It ends a little early, so that nothing is on its way when the run ends.

net:end_traffic(math.floor(p.hours * hour) - 10500000000)

for _, s in ipairs(spokes) do
    s.pc:tcp_request { name = s.name .. " management 930", to = conductor, port = 930, interval = "30s", keep = true,
        reconnect = "30s", start = "60s" }
    s.pc:tcp_request { name = s.name .. " management 4505", to = conductor, port = 4505, interval = "60s", keep = true,
        reconnect = "30s", start = "61s" }
    s.pc:tcp_request { name = s.name .. " management 4506", to = conductor, port = 4506, interval = "5min",
        reply_size = 2000, start = "62s" }
    s.pc:udp_echo { name = s.name .. " > hub, UDP echo", to = server, port = 7, interval = "2s", start = "63s" }
end
west.pc:tcp_send { name = "west > hub, TCP stream", to = server, port = 80, interval = "1s", size = 1000, start = "64s",
    reconnect = "30s" }
east.pc:udp_send { name = "east > hub > west, UDP", to = west.pc, port = 5060, interval = "1s", start = "65s" }
south.pc:udp_send { name = "south > hub > west, UDP", to = west.pc, port = 5060, interval = "1s", start = "66s" }
west.pc:ping { name = "west > hub > south, ping", to = south.pc, interval = "10s", start = "67s" }

-- ---- events ------------------------------------------------------------------------------------------------

if p.outage then
    net:at("26h", function() east.line:down() end)
    net:at("27h", function() east.line:up() end)
end

-- Two days of frames would fill gigabytes: the interesting minutes are enough.
if p.capture == "windows" then
    net:capture { windows = { { "0s", "3min" }, { "24h-30s", "24h+3min" }, { "26h-5s", "26h+30s" }, { "27h-5s", "27h+2min" },
        { "48h-30s", "48h+3min" } } }
elseif p.capture == "none" then
    net:capture { links = {} }
elseif p.capture == "hub" then
    net:capture { links = { hub_line } } -- every packet between routers passes there, once
end

net:run(math.floor(p.hours * hour))

-- ---- account -----------------------------------------------------------------------------------------------

account.print(net)

print ""
local rotations = math.max(0, math.ceil(p.hours / p.rekey) - 1)
for _, s in ipairs(spokes) do
    local n = 0
    for _, k in ipairs(account.keys(net, "peer-key")) do
        if k.router == s.name and k.peer == "hub" and k.sending then n = n + 1 end
    end
    net:check(n >= 1 + rotations, ("%s used %d peer keys: the keys rotated"):format(s.name, n))
end
for _, f in ipairs(net.flows) do
    local s = f:stats()
    local id = f.name:find "management" and "TOP-HUB-SPOKE: " or f.name:find "> hub >" and "TOP-MULTIHOP: " or ""
    net:check(s.received > 0 and account.unexplained(net, f) == 0,
        (id .. "%s: %d of %d delivered, nothing lost but to outages"):format(f.name, s.received, s.sent))
end
if not p.outage then
    for _, f in ipairs(net.flows) do net:check(f:stats().failures == 0, f.name .. ": no connection failed") end
end

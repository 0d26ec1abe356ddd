-- SPDX-License-Identifier: MIT
-- Floods, while two people talk:
--
--     phone --+                              server 10.0.0.10
--             east ---- isp ---- hub --------+
--     noisy --+          |
--                     attacker
--
-- One host on east's LAN opens new connections as fast as it can, beyond its share. From the internet come garbage to the
-- ports of BFD and of sessions, and everything that was ever sent on the line, again and many times as fast. The call, and
-- BFD, lose nothing.
local net = require "svr.net" { seed = 31, name = "floods", key_exchange = "ecdh" }

local hub = net:router("hub", { topology = "hub" })
local east = net:router("east", { topology = "spoke", words = { ["new-flows-per-source"] = 20 } })
local isp = net:underlay "isp"
net:link(hub, isp, { name = "hub-line", rate = "1Gbps", delay = "5ms", queue = 10000 })
local line = net:link(east, isp, { name = "east-line", rate = "1Gbps", delay = "5ms", queue = 10000 })
net:capture { links = { line }, windows = { { "0s", "35s" } } }

local server = net:host(hub, "10.0.0.10")
local phone, noisy = net:host(east, "10.1.0.10"), net:host(east, "10.1.0.66")
local attacker = net:host(isp, "203.0.113.66")
local call = phone:udp_echo { name = "the call", to = server, interval = "20ms", size = 160, start = "10s", stop = "85s" }

-- From a LAN: new connections, many more than the 20 a second that are permitted.
local knocks = {}
for i = 1, 20 do
    knocks[i] = noisy:tcp_request { name = "noisy " .. i, to = server, port = 5100 + i, interval = "20ms", start = "40s", stop = "48s" }
end
-- From the internet: garbage, 10,000 datagrams a second each.
local hub_address = hub.ends[1].address[4]
for i, port in ipairs { 1280, 20000, 1281 } do
    attacker:udp_send { name = "garbage " .. port, to = hub_address, port = port, interval = "100us", size = 200,
        start = (30 + 5 * i) .. "s", stop = (60 + 5 * i) .. "s" }
end
line:record()
-- ... and what a good router sent before: keys being exchanged, BFD, the call.
net:at("30s", function() line:replay "20us" end)
net:at("65s", function() line:replay "20us" end)

local quiet = true
net:on_event(function(ev)
    if (ev.kind == "bfd-state" or ev.kind == "path-service" or ev.kind == "security-state") and net:now() > 10e9 then quiet = false end
end)
local alarmed
net:at("46s", function() alarmed = east:show "show alarms" end)
net:run "90s"

local counters, at_hub = east:counters(), hub:counters()
net:check(#call:gaps() == 0 and call:missing() <= 1, ("the call: %d sent, none missing but one that was on its way at the end"):format(call:stats().sent))
net:check(quiet, "BFD and keys stay as they are")
net:check(counters["new-flow-limit"] > 50, ("the noisy host is turned away %d times"):format(counters["new-flow-limit"]))
net:check(alarmed:find("new flows away", 1, true) ~= nil, "an alarm tells of it")
net:check(not east:show("show alarms"):find("new flows away", 1, true), "and is cleared when it is over")
net:check(at_hub["unknown-peer"] > 100000, ("garbage of strangers is dropped: %d"):format(at_hub["unknown-peer"]))
net:check(at_hub["bfd-replay"] > 0 and at_hub["payload-replay"] + at_hub["metadata-replay"] > 0,
    ("and what was seen before: BFD %d, sessions %d"):format(at_hub["bfd-replay"], at_hub["payload-replay"] + at_hub["metadata-replay"]))
print(("1..%d"):format(net.checks))

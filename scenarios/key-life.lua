-- SPDX-License-Identifier: MIT
-- The life of keys between two routers with two lines:
--
--     pc -- a ===(one)=== b -- server
--             ===(two)===
--
-- Keys rotate every hour. After half an hour both lines are down for ten minutes; metadata keys are made anew on command;
-- after three hours b loses power, just before the next exchange, and is back an hour later.
local p = require "svr.params" { hours = 4.6 }
local net = require "svr.net" { seed = 7, name = "key-life", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1, ["peer-key-timeout"] = 900 } }
local a, b = net:router "a", net:router "b"
local one = net:link(a, b, { name = "one", delay = "10ms" })
local two = net:link(a, b, { name = "two", delay = "15ms" })
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
local hour = 3600 * 1000000000

net:end_traffic(math.floor(p.hours * hour) - 10000000000)
pc:udp_echo { name = "pc > server", to = server, interval = "10s", start = "60s" }
server:udp_echo { name = "server > pc", to = pc, interval = "15s", start = "70s", port = 5002 }
net:capture { links = { one, two } }

net:at("30min", function() one:down() two:down() end)
net:at("40min", function() one:up() two:up() end)
net:at("50min", function() a:regenerate() end)
net:at("52min", function() b:regenerate() end)
net:at("3h", function() b:crash() end)
net:at("4h+5min", function() b:restart() end)
net:run(math.floor(p.hours * hour))

local rotations = 0
for _, ev in ipairs(net.events) do
    if ev.router == "a" and ev.kind == "peer-key" and ev.to == "sending" then rotations = rotations + 1 end
end
net:check(rotations >= 4, ("a used %d peer keys"):format(rotations))

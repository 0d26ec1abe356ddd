-- SPDX-License-Identifier: MIT
-- Everything that lines do, to two routers with two of them:
--
--     pc -- a ===(one)=== b -- server
--             ===(two)===      line two tells its routers when it goes down
--
--      5 min  line one fails for three minutes: traffic goes over line two
--     15 min  both fail for ten minutes, a failure at a time
--     30 min  line two fails, and line one hears nothing of a for a minute; then nothing of b
--     35 min  line one flaps for two minutes
--     50 min  both fail for half an hour, in which an exchange is due: it goes unanswered, longer than peer-key-timeout
--     75 min  the plug of line two at a is pulled and put in again, while nothing answers
local p = require "svr.params" { minutes = 100 }
local net = require "svr.net" { seed = 21, name = "outages", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1, ["peer-key-timeout"] = 600 } }
local a, b = net:router "a", net:router "b"
local one = net:link(a, b, { name = "one", delay = "10ms" })
local two = net:link(a, b, { name = "two", delay = "15ms", carrier = true })
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
net:capture { links = { one, two } }

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
local steady = pc:udp_echo { name = "pc > server", to = server, interval = "1s", start = "60s" }
server:udp_send { name = "server > pc", to = pc, interval = "1s", start = "61s", port = 5002 }

net:at("5min", function() one:down() end)
net:at("8min", function() one:up() end)
net:at("15min", function() one:down() end)
net:at("15min+20s", function() two:down() end)
net:at("25min", function() one:up() two:up() end)
net:at("30min", function() two:down() end)
net:at("31min", function() one:block(a, true) end)
net:at("32min", function() one:block(a, false) end)
net:at("33min", function() one:block(b, true) end)
net:at("34min", function() one:block(b, false) two:up() end)
for i = 0, 11 do
    net:at(35 * minute + i * 10000000000, function() one:down() end)
    net:at(35 * minute + i * 10000000000 + 5000000000, function() one:up() end)
end
net:at("50min", function() one:down() two:down() end)
net:at("75min", function()
    two:block(a, true) -- the plug is in again, and still nobody answers
    two:up()
end)
net:at("80min", function() two:block(a, false) one:up() end)

net:run(40 * minute)
local before = steady:stats()
net:check(before.received > 0 and before.duplicated == 0, ("KEY-OUTAGE: %d of %d came through"):format(before.received, before.sent))
net:run(p.minutes * minute)
local tail = 0
for _, gap in ipairs(steady:gaps()) do
    if gap.before > 81 * minute then tail = tail + gap.count end
end
net:check(tail == 0, "KEY-OUTAGE: from a minute after the last failure on nothing is missing")
print(("1..%d"):format(net.checks))

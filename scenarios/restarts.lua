-- SPDX-License-Identifier: MIT
-- A router that begins anew at every stage of what it does with its peer:
--
--     pc -- a ---(line)--- b -- server
--
-- b loses power again and again, each time a little later after its start: while BFD comes up, between certificates and
-- requests, between request and answer, before and after the first packet of the session, just before, during and after a
-- rotation. a does so as well. Each time the other side takes it back without being told.
local p = require "svr.params" { hours = 3.5 }
local net = require "svr.net" { seed = 81, name = "restarts", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1, ["peer-key-retransmit-interval"] = 5 } }
local a, b = net:router "a", net:router "b"
local line = net:link(a, b, { name = "line", delay = "40ms" })
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
net:capture { links = { line } }

local ms, minute = 1000000, 60 * 1000000000
local span = math.floor(p.hours * 60) * minute
net:end_traffic(span - 15 * 1000000000)
local flow = pc:udp_echo { name = "pc > server", to = server, interval = "1s", start = "30s" }

local function fall(router, at)
    net:at(at, function() router:crash() end)
    net:at(at + 200 * ms, function() router:restart() end)
end
-- Up for 0.3 s, 0.4 s, ... after each start: the first exchange is over after about three seconds.
local at = minute
for up = 300, 4200, 100 do
    fall(up % 200 == 0 and a or b, at)
    at = at + (up + 200) * ms
end
-- Around the first rotation, which both sides are then in the midst of.
local calm = at + 30 * 1000000000
for i, after in ipairs { 3600000 - 400, 3600000 + 30, 3600000 + 100, 3600000 + 29000, 3600000 + 31000 } do
    fall(i % 2 == 0 and a or b, at + after * ms)
end
net:run(span)

local late = 0
for _, gap in ipairs(flow:gaps()) do
    if gap.after and gap.after > calm and gap.after < at + 3590000 * ms then late = late + gap.count end
    if gap.before > at + 3800000 * ms then late = late + gap.count end
end
net:check(late == 0, ("KEY-STORE: nothing is missing but around the restarts (%d of %d)"):format(flow:missing(), flow:stats().sent))
print(("1..%d"):format(net.checks))

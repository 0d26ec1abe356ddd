-- SPDX-License-Identifier: MIT
-- Wall clocks that are set while keys rotate:
--
--     pc -- a ---(line)--- b -- server
--
-- a's clock falls back by two days, then b's jumps ahead by three hours, and both are put right at last. Request numbers start
-- from wall time; intervals do not depend on it. Nothing is lost, and no exchange is early or late.
local p = require "svr.params" { hours = 6.2 }
local net = require "svr.net" { seed = 91, name = "clocks", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local a, b = net:router "a", net:router "b"
net:capture { links = { net:link(a, b, { name = "line", delay = "10ms" }) } }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")

local span = math.floor(p.hours * 3600 * 1000000000)
net:end_traffic(span - 15 * 1000000000)
local flow = pc:udp_echo { name = "pc > server", to = server, interval = "2s", start = "60s" }
net:at("1h+30min", function() a:set_clock "-2d" end)
net:at("2h+30min", function() b:set_clock "3h" end)
net:at("3h+30min", function() a:crash() end)
net:at("3h+31min", function() a:restart() end) -- with a clock that is two days behind
net:at("4h+45min", function() a:set_clock "0s" b:set_clock "0s" end)
net:run(span)

local missing = 0
for _, gap in ipairs(flow:gaps()) do
    if gap.after < 3 * 3600 * 1000000000 or gap.after > 4 * 3600 * 1000000000 then missing = missing + gap.count end
end
net:check(missing == 0, ("KEY-NO-LOSS: nothing is missing but while a was down (%d of %d)"):format(flow:missing(), flow:stats().sent))
print(("1..%d"):format(net.checks))

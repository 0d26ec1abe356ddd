-- SPDX-License-Identifier: MIT
-- Keys rotate on lines that lose, delay, reorder and duplicate:
--
--     pc -- a ~~~~(rough)~~~~ b -- server      5 % lost, 5 % twice, 50 to 250 ms, overtaking each other
--     pc -- c ----(slow)----- d -- server      75 seconds there, and 75 back
--
-- Across the slow line requests cross, and answers come when three copies of the question are on their way. What is missing
-- is what the rough line itself has lost.
local p = require "svr.params" { hours = 4.3 }
local net = require "svr.net" { seed = 71, name = "rough-lines", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local bfd = { ["desired-tx-interval"] = 2000, ["required-min-rx-interval"] = 2000, ["multiplier"] = 20 }
local a, b = net:router("a", { bfd = bfd }), net:router("b", { bfd = bfd })
local c, d = net:router("c", { bfd = bfd }), net:router("d", { bfd = bfd })
local rough = net:link(a, b, { name = "rough", delay = "50ms", jitter = "200ms", reorder = true, loss = 0.05, duplicate = 0.05, apart = 1280 })
local slow = net:link(c, d, { name = "slow", delay = "75s" })
net:capture { links = { rough, slow } }

local span = math.floor(p.hours * 3600 * 1000000000)
net:end_traffic(span - 200 * 1000000000)
local flows = {}
for _, ends in ipairs { { a, b, 1 }, { c, d, 3 } } do
    local left = net:host(ends[1], ("10.%d.0.10"):format(ends[3]))
    local right = net:host(ends[2], ("10.%d.0.10"):format(ends[3] + 1))
    flows[#flows + 1] = left:udp_send { name = ends[1].name .. " > " .. ends[2].name, to = right, interval = "500ms", start = "15min" }
    flows[#flows + 1] = right:udp_send { name = ends[2].name .. " > " .. ends[1].name, to = left, interval = "500ms", start = "15min" }
end
net:run(span)

local there, back = rough:stats()
local lost = { there.lost_random - there.lost_apart, back.lost_random - back.lost_apart, 0, 0 }
for i, f in ipairs(flows) do
    local s = f:stats()
    net:check(s.sent > 1000 and s.sent - s.received <= lost[i] and s.duplicated == 0,
        ("KEY-NO-LOSS: %s: %d sent, %d missing, the line lost %d"):format(f.name, s.sent, s.sent - s.received, lost[i]))
end
print(("1..%d"):format(net.checks))

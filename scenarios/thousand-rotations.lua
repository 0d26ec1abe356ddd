-- SPDX-License-Identifier: MIT
-- A thousand rotations on a bad line: 5 % of all frames are lost, the others take 50 to 250 ms and overtake each other.
--
--     left -- a ~~~~~~~~~~ b -- right
--
-- Peer keys, metadata keys and payload keys rotate every hour. Datagrams cross each way, in two sessions
-- that live as long as the run, and bursts of forty in one second around each changeover, so that packets under the
-- old key and the new overtake each other. What left one host and did not reach the other must be what the line itself lost: the
-- line counts its losses, apart for BFD, and the routers count every packet that they drop.
local p = require "svr.params" { rotations = 1000, interval = "4s" }
local net = require "svr.net" { seed = 5, name = "thousand-rotations", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1 } }
local hour = 3600 * 1000000000

-- BFD with long patience: a path that flaps would hide what is to be seen.
local bfd = { ["desired-tx-interval"] = 10000, ["required-min-rx-interval"] = 10000, ["multiplier"] = 20 }
local a, b = net:router("a", { bfd = bfd }), net:router("b", { bfd = bfd })
local line = net:link(a, b, { name = "line", delay = "50ms", jitter = "200ms", reorder = true, loss = 0.05, apart = 1280 })
local left, right = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
net:capture { links = {} }

-- An exchange takes a moment, so that an hour and two minutes are enough for each rotation.
local span = (p.rotations + 1) * (hour + 120 * 1000000000)
net:end_traffic(span - 10 * 1000000000)
local there = left:udp_send { name = "left > right", to = right, interval = p.interval, start = "120s" }
local back = right:udp_send { name = "right > left", to = left, interval = p.interval, start = "120s" }

local count, out_of_service = {}, 0
local function burst()
    there:burst(40, "25ms")
    back:burst(40, "25ms")
end
net:on_event(function(ev)
    -- The changeover is 30 s after a key came to be known at both ends.
    if ev.to == "computed" or ev.to == "received" then net:at(net:now() + 29500000000, burst) end
    if ev.to == "sending" then
        local key = ev.router .. " " .. ev.kind
        count[key] = (count[key] or 0) + 1
    elseif ev.kind == "path-service" and ev.to == "out-of-service" then
        out_of_service = out_of_service + 1
    end
end)
net:run(span)

for _, r in ipairs { a, b } do
    for _, kind in ipairs { "peer-key", "metadata-key", "payload-key" } do
        local n = (count[r.name .. " " .. kind] or 0) - (kind == "payload-key" and 0 or 1)
        net:check(n >= p.rotations, ("KEY-GRACE-30: router %s changed over to %d new %ss"):format(r.name, n, kind))
    end
end
net:check(out_of_service == 0, "the path was in service all the time")

local forth, back_line = line:stats()
for _, f in ipairs { { there, forth }, { back, back_line } } do
    local flow, way = f[1], f[2]
    local s = flow:stats()
    local lost, by_line = s.sent - s.received, way.lost_random - way.lost_apart
    net:check(lost <= by_line and s.duplicated == 0, ("KEY-NO-LOSS: %s: %d sent, %d received: %d lost, and the line lost %d"):format(
        flow.name, s.sent, s.received, lost, by_line))
    net:check(lost > s.sent / 25, ("%s: the line is as bad as it should be"):format(flow.name))
end
for _, r in ipairs { a, b } do
    local dropped = {}
    for reason, n in pairs(r:counters()) do
        if n > 0 and not reason:find "^bfd%-" and not reason:find "^key%-exchange%-" then
            dropped[#dropped + 1] = ("%s %d"):format(reason, n)
        end
    end
    net:check(#dropped == 0, ("KEY-NO-LOSS: router %s dropped no packet of a session %s"):format(r.name, table.concat(dropped, ", ")))
end
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- Somebody sits on the line:
--
--     pc -- a ---(line)--- b -- server
--
-- From the first minute on every frame goes on record. After ten minutes all of them are put on the line again, fifteen minutes'
-- worth in one. Later one frame in three has a bit flipped, and the routers begin anew in the midst of it, so that the messages of
-- the first exchange, which no key protects yet, are hit as well. When it is over everything works as before.
local p = require "svr.params" { minutes = 45 }
local net = require "svr.net" { seed = 61, name = "attacker", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 1, ["payload-key-rekey-interval"] = 1, ["peer-key-retransmit-interval"] = 5 } }
local a, b = net:router "a", net:router "b"
local line = net:link(a, b, { name = "line", delay = "10ms" })
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
net:capture { links = { line } }

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
local flow = pc:udp_echo { name = "pc > server", to = server, interval = "1s", start = "60s" }
local back = server:udp_send { name = "server > pc", to = pc, interval = "1s", start = "61s", port = 5002 }
local frames = 0
net:at(1, function() line:record() end)
net:at("10min", function() frames = line:replay "5ms" end)
net:at("20min", function() line:change { corrupt = 0.3 } end)
for i = 0, 19 do
    net:at(22 * minute + i * 30000000000, function() b:crash() end)
    net:at(22 * minute + i * 30000000000 + 1000000000, function() b:restart() end)
end
net:at("35min", function() line:change { corrupt = 0 } end)
net:run(20 * minute)
local calm = flow:stats()
net:check(frames > 1000 and calm.received == calm.sent and calm.duplicated == 0,
    ("CRY-REPLAY: %d frames were put on the line again, and nothing came of it (%d sent, %d received)"):format(frames, calm.sent, calm.received))
net:run(p.minutes * minute)
for _, f in ipairs { flow, back } do
    local late = 0
    for _, gap in ipairs(f:gaps()) do
        if gap.before > 36 * minute then late = late + gap.count end
    end
    net:check(late == 0 and f:stats().corrupted == 0 and f:stats().duplicated == 0, ("CRY-HMAC: %s: works again, and nothing wrong arrived"):format(f.name))
end
print(("1..%d"):format(net.checks))

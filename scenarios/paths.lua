-- SPDX-License-Identifier: MIT
-- Two lines on each of two hops, and a service-policy that prefers the first and tolerates 100 ms there and back and 5 % of loss:
--
--     pc -- a ===(broadband-1)=== m ===(broadband-2)=== b -- server
--             ======(lte-1)======   ======(lte-2)======
--
--      3 min  broadband-1 gets slow: 150 ms each way. Sessions leave it, and nothing is lost of what is still on its way there
--      6 min  it is fast again; sessions come back after a hold-down of 5 s
--      9 min  broadband-2 is slow, behind the router in the middle, which moves sessions as well
--     12 min  and fast again
--     15 min  broadband-1 loses a tenth; 18 min: it is whole again
--     21 min  broadband-1 fails; 24 min: it comes back
--     27 min  it flaps for a minute: up for 3 s, down for 5 s
local p = require "svr.params" { minutes = 32 }
local net = require "svr.net" { seed = 88, name = "paths", dh_bits = 2048,
    service_policy = { vectors = { "broadband", "lte" }, ["max-latency"] = 100, ["max-loss"] = 5 } }
local a, m, b = net:router "a", net:router "m", net:router "b"
local first = net:link(a, m, { name = "broadband-1", delay = "5ms", vector = "broadband" })
local links = {
    first, net:link(a, m, { name = "lte-1", delay = "20ms", vector = "lte" }),
    net:link(m, b, { name = "broadband-2", delay = "5ms", vector = "broadband" }),
    net:link(m, b, { name = "lte-2", delay = "20ms", vector = "lte" }),
}
net:capture { links = links }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")

local second, minute = 1000000000, 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * second)
local flows = {
    pc:udp_echo { name = "pc > server, UDP", to = server, interval = "50ms", start = "60s" },
    pc:udp_send { name = "pc > server, one way", to = server, interval = "100ms", start = "61s", port = 5002 },
    server:udp_send { name = "server > pc, one way", to = pc, interval = "100ms", start = "62s", port = 5003 },
    pc:tcp_send { name = "pc > server, TCP", to = server, port = 80, interval = "200ms", start = "63s" },
}

local moved = {}
net:on_event(function(e)
    if e.kind ~= "session-path-moved" then return end
    local key = ("%s %s %d"):format(e.router, e.reason, net:now() // minute)
    moved[key] = (moved[key] or 0) + e.value
end)

net:at("3min", function() first:change { delay = "150ms" } end)
net:at("6min", function() first:change { delay = "5ms" } end)
net:at("9min", function() links[3]:change { delay = "150ms" } end)
net:at("12min", function() links[3]:change { delay = "5ms" } end)
net:at("15min", function() first:change { loss = 0.1 } end)
net:at("18min", function() first:change { loss = 0 } end)
net:at("21min", function() first:down() end)
net:at("24min", function() first:up() end)
for i = 0, 7 do
    net:at(27 * minute + i * 8 * second, function() first:down() end)
    net:at(27 * minute + i * 8 * second + 5 * second, function() first:up() end)
end
net:run(p.minutes * minute)

-- What the three minutes from `from` on have lost of all flows; in the last second the next trouble may begin.
local function lost(from)
    local n = 0
    for _, f in ipairs(flows) do
        for _, gap in ipairs(f:gaps()) do
            if gap.after >= from * minute and gap.after < (from + 3) * minute - second then n = n + gap.count end
        end
    end
    return n
end

local function count(reason, from, to)
    local n = 0
    for key, sessions in pairs(moved) do
        local why, at = key:match "^%S+ (.*) (%d+)$"
        if why == reason and tonumber(at) >= from and tonumber(at) < to then n = n + sessions end
    end
    return n
end

for _, t in ipairs {
    { 3, "path degraded", "a line gets slow" }, { 6, "preferred path", "it is fast again" },
    { 9, "path degraded", "a line gets slow behind the router in the middle" }, { 12, "preferred path", "and fast again" },
} do
    net:check(count(t[2], t[1], t[1] + 3) >= 3, ("TOP-PATHS: %s, and sessions move: %s"):format(t[3], t[2]))
    net:check(lost(t[1]) == 0, ("TOP-PATHS: %s, and nothing is lost"):format(t[3]))
end
net:check(count("path degraded", 15, 18) >= 3, "TOP-PATHS: sessions leave a line that loses")
net:check(count("preferred path", 18, 21) >= 3 and lost(18) == 0, "TOP-PATHS: and come back when it is whole, without loss")
net:check(count("path failed", 21, 24) >= 3, "TOP-PATHS: sessions leave a line that fails")
net:check(count("preferred path", 24, 27) >= 3 and lost(24) == 0, "TOP-PATHS: and come back without loss")
net:check(count("preferred path", 27, 28) == 0, "TOP-PATHS: not while it flaps")
for _, f in ipairs(flows) do
    net:check(f:stats().received > 0 and f:stats().duplicated == 0, ("TOP-PATHS: %s: nothing comes twice"):format(f.name))
end
print(("1..%d"):format(net.checks))

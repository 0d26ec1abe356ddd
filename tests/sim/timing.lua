-- SPDX-License-Identifier: MIT
-- The life cycle of keys, to the nanosecond, on two routers with two paths between them:
--
--     pc -- a ===(one)=== b -- server
--             ===(two)===
--
-- All instants below are simulated time: what the spec gives in seconds is exact. Delays are 10 ms a way.
local net = require "svr.net" { seed = 11, dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 2, ["payload-key-rekey-interval"] = 3 } }
local a, b = net:router "a", net:router "b"
local one = net:link(a, b, { name = "one", delay = "10ms", carrier = true })
local two = net:link(a, b, { name = "two", delay = "10ms", carrier = true })
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
local flow = pc:udp_send { name = "flow", to = server, interval = "1s", start = "60s", stop = "20h" }
net:capture { links = {} }

local s, h = 1000000000, 3600 * 1000000000
local events = {} -- by router, kind, and what became of it

net:on_event(function(ev)
    local key = ev.router .. " " .. ev.kind .. " " .. (ev.to or "")
    events[key] = events[key] or {}
    table.insert(events[key], ev)
end)
-- Events of that kind from an instant on.
local function since(from, key)
    local found = {}
    for _, ev in ipairs(events[key] or {}) do
        if ev.time >= from then found[#found + 1] = ev end
    end
    return found
end
local function first(from, key) return since(from, key)[1] end
local function exactly(id, instant, ev, text)
    local at = ev and ev.time
    if at ~= instant then text = ("%s (expected %s, was %s)"):format(text, instant, at) end
    net:check(at == instant, id .. ": " .. text)
end

-- ---- the first key ---------------------------------------------------------------------------------------------

net:run "60s"
local computed, sending = first(0, "a peer-key computed"), first(0, "a peer-key sending")
exactly("PD-GRACE", computed.time, sending, "the first key serves at once")
net:check(#since(0, "a path-service in-service") == 2 and #since(0, "a key-request ") == 1,
    "KEY-ONE-PER-PEER: one exchange brings both paths into service")

-- ---- rotation --------------------------------------------------------------------------------------------------

local t0 = sending.time
net:run(t0 + 7 * h)
for n = 1, 3 do
    local request = first(t0 + s, "a key-request ")
    exactly("KEY-REKEY-PEER", t0 + 2 * h, request, ("rotation %d begins two hours after the last exchange"):format(n))
    local response = first(request.time, "a peer-key computed")
    exactly("KEY-REKEY-PEER", request.time + 20000000, response, "the answer is back after 20 ms")
    local use = first(request.time, "a peer-key sending")
    exactly("KEY-GRACE-30", response.time + 30 * s, use, "sending changes over 30 s after the key was computed")
    local gone = first(use.time, "a peer-key erased")
    net:check(gone.time >= use.time + 30 * s and gone.time < use.time + 32 * s and gone.value == use.value - 1,
        "KEY-OLD-IN-REKEY: the old key is accepted until 30 s after the changeover, then it goes")
    local theirs = first(request.time, "b peer-key sending")
    net:check(theirs.time > use.time - 1 * s and theirs.time < use.time + 1 * s and theirs.value == use.value,
        "KEY-GRACE-30: the other side uses the same key")
    t0 = response.time
end
local payload = since(0, "a payload-key sending")
local new = since(0, "a payload-key computed")
net:check(#payload >= 2, "KEY-REKEY-PAYLOAD: payload keys of the living session rotate every three hours")
exactly("KEY-REKEY-PAYLOAD", new[1].time + 3 * h, new[2], "three hours after the first")

-- ---- regenerate ------------------------------------------------------------------------------------------------

local before = first(0, "b metadata-key received")
local now = net:now()
local index = since(0, "a metadata-key computed")
index = index[#index].value
a:regenerate()
net:run(now + 40 * s)
local made, got, use = first(now, "a metadata-key computed"), first(now, "b metadata-key received"), first(now, "b metadata-key sending")
exactly("KEY-REGENERATE", now, made, "the metadata key is made at once")
net:check(made.value == index + 1, "KEY-REGENERATE: its rekey index is one higher")
exactly("KEY-REGENERATE", now + 10000000, got, "the peer has it one delay later")
exactly("KEY-STORE", now + 10000000 + 30 * s, use, "the peer keeps the one before for 30 s")
net:check(before ~= nil and flow:stats().sent - flow:missing() > 0, "traffic goes on")

-- ---- outage ----------------------------------------------------------------------------------------------------

-- Both lines fail for half an hour, between two rotations.
now = net:now()
net:at(now + 10 * s, function() one:down() two:down() end)
net:at(now + 1810 * s, function() one:up() two:up() end)
net:run(now + 1830 * s)
local back = first(now + 1810 * s, "a path-service in-service")
net:check(back and back.time < now + 1815 * s, "KEY-OUTAGE: a path that returns carries traffic within seconds")
net:check(#since(now + 10 * s, "a key-request ") + #since(now + 10 * s, "b key-request ") == 0,
    "KEY-OUTAGE: without a new exchange")

-- ---- no answer -------------------------------------------------------------------------------------------------

-- b loses power just before the next rotation.
local due = t0 + 2 * h
net:run(due - 5 * s)
b:crash()
net:run(due + 3 * h + s)
local requests = since(due - s, "a key-request ")
for n = 0, 119 do
    if requests[n + 1].time ~= due + n * 30 * s then
        exactly("KEY-RETRANSMIT", due + n * 30 * s, requests[n + 1], ("request %d"):format(n + 1))
        break
    end
end
net:check(requests[120].value == 120, "KEY-RETRANSMIT: 120 requests, 30 s apart")
exactly("KEY-TIMEOUT", due + 3600 * s, first(due, "a key-timeout "), "patience ends after peer-key-timeout")
local state = first(due, "a security-state KEY_TIMEOUT")
exactly("KEY-TIMEOUT", due + 3600 * s, state, "and the peer is in KEY_TIMEOUT")
local retries = since(due + 3600 * s, "a key-request ")
exactly("KEY-RETRY", due + 2 * 3600 * s, retries[1], "attempts go on at intervals of peer-key-timeout")
exactly("KEY-RETRY", due + 3 * 3600 * s, retries[2], "and go on")

now = due + 3 * h + 600 * s
net:run(now)
one:down()
one:up()
net:run(now + s)
net:check(#since(now, "a key-request ") >= 1 and first(now, "a key-request ").time == now,
    "KEY-RETRY-IFCHANGE: a change of the interface is a reason to try at once")

-- Silence so far; then b is back, with nothing in its memory.
local received = flow:stats().received
now = net:now()
b:restart()
net:run(now + 120 * s)
net:check(flow:stats().received > received, "KEY-NO-ANSWER: one valid answer, and traffic flows")
net:check(first(now, "a path-service in-service") ~= nil, "KEY-NO-ANSWER: the path is in service again")
net:check(first(now, "a security-state MKEY_EXCH_COMP") ~= nil, "KEY-TIMEOUT ends with the answer")
print(("1..%d"):format(net.checks))

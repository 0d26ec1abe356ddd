-- SPDX-License-Identifier: MIT
-- One pass over a trace, all checks side by side. A trace is a sequence of items in the order of time, tables whose
-- `what` is "key" (a line of the key log, in front of all), "packet", "event" (see the core's captures and lines) or "story"
-- (what was done to the network, and what its hosts saw: svr.story).
--
-- A check is a table:
--   id         the requirement
--   expects    what is right, in one sentence
--   key, packet, event, story   called with (c, item); each may be missing
--   finish     called with (c) at the end
--   broken     a list of {name, bend}: bend(items) breaks a good trace so that the check must fail
-- c.slack is what a real clock may add or take (0 in a simulation), c.tolerance that, or at least what a capture in the middle of
-- the way may.
-- and tells through `c`: c.state is its own; c.world is what the story told so far (conform.world); c:saw() counts what it could
-- judge; c:fail(text, item, ...) is a finding.
local world = require "conform.world"

local judge = {}

local TOLERANCE = 1000000 -- nanoseconds that a capture in the middle of the way may add or take

local Case = {}
Case.__index = Case

function Case:saw() self.evidence = self.evidence + 1 end

function Case:fail(text, ...)
    if #self.findings >= 20 then
        self.more = (self.more or 0) + 1
        return
    end
    local where, at = {}, {}
    for _, item in ipairs { ... } do
        at[#at + 1] = item.time
        where[#where + 1] = item.what == "packet" and ("%s packet %d"):format(item.file, item.number) or
            ("%s %s of %s"):format(item.what, item.kind, item.router or item.link or item.flow or item.about or "all")
    end
    self.findings[#self.findings + 1] = { text = text, where = where, at = at }
end

-- "PAYLOAD_KEY uuid ..." as items.
function judge.keys(file)
    local items = {}
    for line in io.lines(file) do
        local words = {}
        for w in line:gmatch "%S+" do words[#words + 1] = w end
        items[#items + 1] = { what = "key", kind = words[1], words = words }
    end
    return items
end

-- Events by the clock of captures. Wall clocks may be set; where the topology says so, `t` counts from the beginning instead.
function judge.events(events, story)
    local topology
    for _, t in ipairs(story) do topology = topology or (t.kind == "topology" and t.event_clock == "t" and t) end
    if not topology then return events end
    for _, e in ipairs(events) do
        local s, ns = e.t:match "^(%d+)%.(%d+)$"
        e.time = topology.time + tonumber(s) * 1000000000 + tonumber(ns)
    end
    return events
end

-- Packets of an iterator, and events and the story of lists, by time. What was done comes before what follows from it.
function judge.merge(next_packet, events, story)
    local packet, i, j = next_packet(), 1, 1
    return function()
        local event, told = events[i], story[j]
        if told and (not event or told.time <= event.time) and (not packet or told.time <= packet.time) then
            j = j + 1
            return told
        end
        if event and (not packet or event.time <= packet.time) then
            i = i + 1
            return event
        end
        local p = packet
        if p then packet = next_packet() end
        return p
    end
end

function judge.iterate(list)
    local i = 0
    return function()
        i = i + 1
        return list[i]
    end
end

local function verdict(check, case)
    local result = #case.findings > 0 and "fail" or case.evidence > 0 and "pass" or "inconclusive"
    return { id = check.id, result = result, expected = check.expects, findings = case.findings, more = case.more,
        evidence = case.evidence }
end

-- What a scenario is there to show must be decided in it.
function judge.demand(result, shows)
    if result.result ~= "inconclusive" then return end
    for _, id in ipairs(shows) do
        if id == result.id then
            result.result = "fail"
            result.findings = { { text = "the scenario is there to show it, and its trace shows nothing of it", where = {} } }
        end
    end
end

-- Rides along in every run, and must fail: at the end it is shown a packet that no router would send. If it does not, no result of
-- that run is worth anything.
local canary = {
    id = "canary",
    packet = function(c, p)
        c:saw()
        if p.canary then c:fail("a packet that nobody sent", p) end
    end,
}

local function give(case, check, item)
    local f = check[item.what]
    if f then f(case, item) end
end

local function new_case(settings, known)
    return setmetatable({ state = {}, findings = {}, evidence = 0, settings = settings, world = known,
        slack = settings.slack or 0, tolerance = math.max(settings.slack or 0, TOLERANCE) }, Case)
end

-- Judges a trace. `settings`: see the core; absent ones are the defaults.
function judge.run(checks, next_item, settings)
    local cases, known = {}, world.new()
    for i, check in ipairs(checks) do
        cases[i] = new_case(settings, known)
    end
    local bird, packets = new_case(settings, known), 0
    for item in next_item do
        known:learn(item)
        for i, check in ipairs(checks) do give(cases[i], check, item) end
        give(bird, canary, item)
        packets = packets + (item.what == "packet" and 1 or 0)
    end
    give(bird, canary, { what = "packet", file = "canary", number = 0, time = 0, canary = true })
    if #bird.findings ~= 1 or bird.evidence ~= packets + 1 then error("the canary did not sing: what this run says is worth nothing", 0) end
    local results = {}
    for i, check in ipairs(checks) do
        if check.finish then check.finish(cases[i]) end
        results[i] = verdict(check, cases[i])
    end
    return results
end

return judge

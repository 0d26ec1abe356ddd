-- SPDX-License-Identifier: MIT
-- What a scenario did, and what its hosts saw, beside what routers say of themselves: story.jsonl, one JSON object a line.
-- `time` is wall time in nanoseconds, that of captures and events; `kind` is one of
--
--     topology     routers {name, pcn, enhanced, addresses, trusts, interfaces}, hosts {name, at, addresses}, underlays, links
--     link         a link went "down" or "up" (state), or "changed" (its options); `carrier`: its routers were told
--     nat          a NAT lost its mappings ("forget"), or took another address as well ("address") (did)
--     replay       frames that went over a link before were put there once more
--     router       a router "crash"ed, "restart"ed, was made to "regenerate" or "reload", or its "clock" was set (did)
--     certificate  a router was given one: name, key, place, from, until, issuer, serial
--     revoked      a certificate was: issuer, serial
--     show         what a router answered: command, text, records {title, fields {{LABEL, VALUE}, ...}}
--     config       whether a configuration was accepted: about, value, and what it says, or the error
--     flow, counters, link-stats     at the end of a run: what hosts sent and received, what routers dropped, what links lost
local core = require "svr.core"
local json = require "svr.json"

local Story, story = {}, {}
Story.__index = Story

-- Writes a line. Before the network runs the time is that of its beginning.
function Story:tell(kind, fields)
    if not self.file then
        local why
        self.file, why = io.open(core.out_dir() .. "/story.jsonl", "w")
        if not self.file then error(why, 0) end
    end
    local line = { kind = kind, time = core.wall() }
    for k, v in pairs(fields) do line[k] = v end
    self.file:write(json.line(line), "\n")
end

local function list_of(t)
    local list = {}
    for _, family in ipairs { 4, 6 } do list[#list + 1] = t[family] end
    return list
end

local function interfaces(r)
    local list = {}
    for _, i in ipairs(r.interfaces) do
        if i.neighborhood then
            list[#list + 1] = { name = i.name, neighborhood = i.neighborhood, topology = i.topology, address = i.addresses[1].address }
        end
    end
    return list
end

local function routers(net)
    local list = {}
    for i, r in ipairs(net.routers) do
        local addresses = {}
        for _, e in ipairs(r.ends) do
            if not e.link.lan then
                for _, a in ipairs(list_of(e.address)) do addresses[#addresses + 1] = a end
            end
        end
        local enhanced = r.opts.enhanced_security
        if enhanced == nil then enhanced = net.opts.enhanced_security ~= false end
        list[i] = { name = r.name, pcn = r.opts.peering_common_name or r.name, enhanced = enhanced, addresses = addresses,
            trusts = r.trusts or net.trusts or {}, interfaces = interfaces(r) }
    end
    return list
end

function Story:topology(net)
    local hosts, underlays, links = {}, {}, {}
    for i, h in ipairs(net.hosts) do
        hosts[i] = { name = h.name, at = h.ends[1].far.node.name, addresses = list_of(h.addresses) }
    end
    for i, u in ipairs(net.underlays) do underlays[i] = u.name end
    for i, n in ipairs(net.nats) do underlays[#net.underlays + i] = n.name end
    for i, l in ipairs(net.links) do
        links[i] = { name = l.name, ends = { l.ends[1].node.name, l.ends[2].node.name }, lan = l.lan or false,
            duplicate = l.opts.duplicate, loss = l.opts.loss }
    end
    -- Events have the time of their router's wall clock, and `t`, which counts from the beginning and which nobody sets.
    self:tell("topology", { event_clock = "t", routers = routers(net), hosts = hosts, underlays = underlays, links = links })
end

local function wall_at(instant) return instant and core.epoch() + instant end

local function flow_line(f)
    local s, gaps = f:stats(), {}
    for i, g in ipairs(f:gaps()) do
        if i > 50 then break end -- enough to tell when
        gaps[i] = { count = g.count, after = wall_at(g.after), before = wall_at(g.before) }
    end
    return { flow = f.name, sort = f.kind, from = f.from.name, to = type(f.opts.to) == "table" and f.opts.to.name or f.opts.to,
        port = f.opts.port, sent = s.sent, received = s.received, replies = s.replies, missing = f:missing(),
        duplicated = s.duplicated, corrupted = s.corrupted, failures = s.failures, gaps = gaps }
end

-- What stands in the books at the end of a run.
function Story:books(net)
    for _, f in ipairs(net.flows) do self:tell("flow", flow_line(f)) end
    for _, r in ipairs(net.routers) do
        local counters = r:counters()
        local some = {}
        for reason, n in pairs(counters) do
            if n > 0 then some[reason] = n end
        end
        self:tell("counters", { router = r.name, down = r.down or false, dropped = some })
    end
    for _, l in ipairs(net.links) do
        local there, back = l:stats()
        self:tell("link-stats", { link = l.name, there = there, back = back })
    end
    self.file:flush()
end

function story.new() return setmetatable({}, Story) end

return story

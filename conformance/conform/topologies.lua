-- SPDX-License-Identifier: MIT
-- Checks of topologies and peers (see conform.judge).
local trace = require "conform.trace"
local S = trace.S
local seconds, copy, change, path_of = trace.seconds, trace.copy, trace.change, trace.path_of
local list, check = trace.list()

local management = { [930] = true, [4505] = true, [4506] = true }

check "TOP-HUB-SPOKE" {
    expects = "management (TCP 930, 4505, 4506) rides enciphered from spokes to the hub, which hands it to the conductor on its LAN",
    packet = function(c, p)
        if not p.inner or p.inner.proto ~= 6 or not management[p.inner.dport] or p.payload ~= "good" then return end
        if not p.encrypted then c:fail("management in clear", p) end
        c.state.ports = c.state.ports or {}
        c.state.ports[p.inner.dport] = c.state.ports[p.inner.dport] or p
    end,
    story = function(c, t)
        if t.kind ~= "flow" or not management[t.port] then return end
        c.state.flows = c.state.flows or {}
        table.insert(c.state.flows, t)
    end,
    finish = function(c)
        for _, t in ipairs(c.state.flows or {}) do
            c:saw()
            if not (c.state.ports or {})[t.port] then c:fail(("nothing to port %d was in a session"):format(t.port), t) end
            if t.received == 0 or (not c.world.disturbed and t.missing > 0) then
                c:fail(("%d of %d requests were not answered"):format(t.missing, t.sent), t)
            end
        end
    end,
    broken = {
        { "the conductor hears nothing", change(function(t) return t.kind == "flow" and t.port == 4505 end, 1, function(t) t.received = 0 end) },
        { "port 4506 is not in any session", change(function(p) return p.inner and p.inner.dport == 4506 end, nil, function() return false end) },
    },
}

check "TOP-MULTIHOP" {
    expects = "customer traffic crosses several routers in one session, inside SVR on every hop",
    packet = function(c, p)
        if not p.uuid or p.payload ~= "good" then return end
        local s = c.state[p.uuid] or { hops = {}, n = 0, item = p }
        c.state[p.uuid] = s
        local hop = path_of(p)
        if not s.hops[hop] then s.hops[hop], s.n = true, s.n + 1 end
        if not p.encrypted then c:fail("a payload in clear", p) end
    end,
    story = function(c, t)
        if t.kind ~= "flow" then return end
        c.state[0] = c.state[0] or {}
        table.insert(c.state[0], t)
    end,
    finish = function(c)
        local at, flows = {}, c.state[0] or {}
        c.state[0] = nil
        for _, h in ipairs(c.world.hosts) do at[h.name] = h end
        local by_hosts = {}
        for _, s in pairs(c.state) do
            local i = s.item.inner
            local id = i.src < i.dst and i.src .. " " .. i.dst or i.dst .. " " .. i.src
            by_hosts[id] = math.max(by_hosts[id] or 0, s.n)
        end
        for _, t in ipairs(flows) do
            local a, b = at[t.from], at[t.to]
            for _, from in ipairs(a and b and a.addresses or {}) do
                for _, to in ipairs(b.addresses) do
                    local n = by_hosts[from < to and from .. " " .. to or to .. " " .. from] or 0
                    if n > 1 then c:saw() end
                    if n > 1 and t.received == 0 and t.replies == 0 then c:fail(("nothing of %d messages arrived"):format(t.sent), t) end
                end
            end
        end
    end,
    broken = { { "the far end hears nothing", change(function(t) return t.kind == "flow" end, nil, function(t) t.received, t.replies = 0, 0 end) } },
}

local MOVE = 10 * S -- a session moves within that, counted from when it could

-- Both directions of a path, as quality is told of.
local function ways(path)
    local a, b = path:match "^(%S+) (%S+)$"
    return { a .. " " .. b, b .. " " .. a }
end

-- The router at `from` says that its path to `to` violates the policy, or meets it again.
local function note_quality(c, e)
    local from, to = e.path:match "^%S+ (%S+) (%S+)$"
    if not from then return end
    c.state.poor, c.state.met = c.state.poor or {}, c.state.met or {}
    c.state.poor[from .. " " .. to] = e.to == "violates" and { time = e.time, item = e } or nil
    c.state.met[from .. " " .. to] = e.time
end

-- Since when another path than this one between two peers has been in service; nil: there is none. `free`: one that violates nothing.
local function other_since(c, peers, path, free)
    local first
    for other, since in pairs((c.state.service or {})[peers] or {}) do
        local violates = other == path
        for _, way in ipairs(free and ways(other) or {}) do
            violates = violates or ((c.state.poor or {})[way] ~= nil)
            since = math.max(since, (c.state.met or {})[way] or since)
        end
        if not violates and (not first or since < first) then first = since end
    end
    return first
end

-- Who sends forward packets moves the session in time, if it has a path in service that violates nothing.
local function judge_poor(c, p, s, peers)
    local poor = c.state.poor or {}
    local was = s and poor[s.item.src .. " " .. s.item.dst]
    if was and s.path ~= path_of(p) and p.time - was.time < MOVE then c:saw() end
    local is = poor[p.src .. " " .. p.dst]
    local since = is and other_since(c, peers, path_of(p), true)
    if since and p.time - math.max(is.time, since) >= MOVE + c.slack then
        c:fail("its session stays on a path that violates the policy", is.item, p)
    end
end

-- A session whose path has failed is seen again: on another path, in time, or where it was, though there is another.
local function judge_failed(c, p, s, peers)
    local since = other_since(c, peers, s.path)
    if s.path ~= path_of(p) and p.time - s.failed < 60 * S then
        local took = p.time - math.max(s.time, since or s.time)
        c:saw()
        if took > MOVE + c.slack then c:fail(("its session moved after %s"):format(seconds(took)), s.item, p) end
    elseif s.path == path_of(p) and since and p.time - math.max(s.failed, since) > MOVE + c.slack then
        c:fail("its session stays on a path that has failed", s.item, p)
    end
end

check "TOP-PATHS" {
    expects = "when a path fails, or violates the policy, its sessions go on over another to the same peer, if there is one",
    packet = function(c, p)
        if not c.world.known then return end
        local paths, sessions = c.state.paths or {}, c.state.sessions or {}
        c.state.paths, c.state.sessions = paths, sessions
        if p.kind == "bfd" and p.metadata == "good" then
            paths[path_of(p)] = { up = p.bfd_state == 3, peers = p.sender < p.receiver and p.sender .. p.receiver or p.receiver .. p.sender,
                time = p.time }
        elseif p.uuid and p.payload == "good" and p.forward then
            local way = paths[path_of(p)]
            if not way then return end
            local id = p.uuid .. way.peers
            local s = sessions[id]
            if s and s.failed then judge_failed(c, p, s, way.peers) end
            judge_poor(c, p, s, way.peers)
            sessions[id] = { path = path_of(p), time = p.time, item = p, failed = s and s.path == path_of(p) and s.failed or nil }
        end
    end,
    event = function(c, e)
        if e.kind == "path-quality" then note_quality(c, e) end
        if e.kind ~= "path-service" then return end
        local from, to = e.path:match "^%S+ (%S+) (%S+)$"
        if not from then return end
        local path, up = path_of { src = from, dst = to }, e.to == "in-service"
        local a, b = c.world.by_address[from], c.world.by_address[to]
        local peers = a and b and (a.pcn < b.pcn and a.pcn .. b.pcn or b.pcn .. a.pcn)
        if not peers then return end
        c.state.service = c.state.service or {}
        c.state.service[peers] = c.state.service[peers] or {}
        c.state.service[peers][path] = up and e.time or nil
        for _, s in pairs(c.state.sessions or {}) do
            if s.path == path and up then s.failed = nil end
            if s.path == path and not up and e.time - s.time < 30 * S then s.failed = e.time end
        end
        if not up and c.state.poor then c.state.poor[from .. " " .. to] = nil end
    end,
    broken = {
        { "sessions stay where they are", function(items)
            local first, out, router = {}, {}, {}
            for i, p in ipairs(items) do
                for _, r in ipairs(p.kind == "topology" and p.routers or {}) do
                    for _, a in ipairs(r.addresses) do router[a] = r.name end
                end
                if p.uuid and p.payload == "good" and p.forward then
                    local id = p.uuid .. router[p.src] .. router[p.dst]
                    first[id] = first[id] or p
                    p = copy(p)
                    p.src, p.dst = first[id].src, first[id].dst
                end
                out[i] = p
            end
            return out
        end },
        { "sessions are silent for 11 s when a path fails", function(items)
            local out, failed = {}, nil
            for _, item in ipairs(items) do
                if item.kind == "path-service" and item.to == "out-of-service" then failed = item.time end
                if not (item.uuid and failed and item.time < failed + 11 * S) then out[#out + 1] = item end
            end
            return out
        end },
    },
}

check "TOP-LEGACY" {
    expects = "with a peer that knows no key exchange no session begins, and an event says that peering failed",
    event = function(c, e)
        if e.kind == "peering" and e.to == "failed" then
            c.state.told = c.state.told or {}
            c.state.told[e.peer] = e
        end
    end,
    packet = function(c, p)
        local from, to = c.world.by_address[p.src], c.world.by_address[p.dst]
        if not from or not to then return end
        if p.kind == "bfd" and not from.enhanced and to.enhanced then
            c.state.met = c.state.met or {}
            c.state.met[from.name] = p
        elseif p.kind == "session" and (not from.enhanced or not to.enhanced) then
            c:fail("a session with a peer that knows no key exchange", p)
        end
    end,
    finish = function(c)
        for name, p in pairs(c.state.met or {}) do
            c:saw()
            if not (c.state.told or {})[name] then c:fail(("no event says that peering with %s failed"):format(name), p) end
        end
    end,
    broken = {
        { "nobody says a word", change(function(e) return e.kind == "peering" end, nil, function() return false end) },
        { "a session with it", function(items)
            local world, session
            for _, p in ipairs(items) do
                if p.kind == "topology" then world = p end
                if p.what == "packet" and p.kind == "session" then session = session or p end
            end
            local again = copy(session)
            for _, r in ipairs(world.routers) do
                if not r.enhanced then again.dst = r.addresses[1] end
            end
            items[#items + 1] = again
            return trace.sorted(items)
        end },
    },
}

return list

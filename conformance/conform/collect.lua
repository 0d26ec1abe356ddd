-- SPDX-License-Identifier: MIT
-- What a report draws of a trace. It rides along in judge.run like a check, and judges nothing.
local judge = require "conform.judge"

local collect = {}

local LIMIT = 20000 -- of each sort of items
local BOOK = 200 -- flows, and routers
local COPIES = 8 -- how far back a copy of a message is looked for
local AT_ONCE = 1000000 -- ns: copies of a message on several paths

-- What a message is about: the number of a key.
local function about(m)
    local function index(at) return #m.bytes >= at + 3 and (string.unpack(">I4", m.bytes, at)) or nil end
    if m.kind == "KEY_RESPONSE" then return index(91) end
    if m.kind == "KEY_CONFIRM" then return index(3) end
    if m.kind == "METADATA_KEY" or m.kind == "METADATA_KEY_ACK" then return index(2) end
end

local function keep(seen, sort, item)
    if seen.counts[sort] >= LIMIT then
        seen.left_out[sort] = seen.left_out[sort] + 1
        return
    end
    seen.counts[sort] = seen.counts[sort] + 1
    item.sort = sort
    seen.items[#seen.items + 1] = item
end

local function note_time(seen, time)
    seen.first = math.min(seen.first or time, time)
    seen.last = math.max(seen.last or time, time)
end

local function message(seen, p, m)
    local item = { time = p.time, kind = m.kind, about = about(m), bytes = m.bytes, src = p.src, dst = p.dst,
        packets = { { file = p.file, number = p.number } } }
    if p.metadata == "good" then item.from, item.to = p.sender, p.receiver end
    keep(seen, "message", item)
end

local function packet(seen, p)
    local file = seen.files[p.file]
    if not file then
        file = { name = p.file, packets = 0 }
        seen.files[p.file] = file
        seen.captures[#seen.captures + 1] = file
    end
    file.packets = file.packets + 1
    note_time(seen, p.time)
    if p.kind ~= "bfd" then return end
    if p.metadata == "good" and not (seen.names[p.src] and seen.names[p.dst]) then
        seen.names[p.src], seen.names[p.dst] = p.sender, p.receiver
    end
    if p.src and p.dst and not seen.paths[p.src .. " " .. p.dst] then
        seen.paths[p.src .. " " .. p.dst], seen.paths[p.dst .. " " .. p.src] = true, true
        seen.lines[#seen.lines + 1] = { src = p.src, dst = p.dst, file = p.file }
    end
    for _, m in ipairs(p.messages or {}) do message(seen, p, m) end
end

local of_keys = { ["peer-key"] = true, ["metadata-key"] = true, ["key-timeout"] = true }

local function event(seen, e)
    note_time(seen, e.time)
    if of_keys[e.kind] then
        keep(seen, "key", { time = e.time, kind = e.kind, router = e.router, peer = e.peer, to = e.to,
            reason = e.reason, value = e.value })
    end
end

local function link_words(t)
    if t.state == "changed" or not t.state then return ("link %s changed"):format(t.link) end
    return ("link %s %s"):format(t.link, t.state)
end

local mark_words = {
    link = link_words,
    router = function(t) return ("%s: %s"):format(t.router, t.did) end,
    certificate = function(t) return ("%s: certificate"):format(t.router or "?") end,
    revoked = function(t) return ("revoked: %s"):format(t.serial or "a certificate") end,
    replay = function(t) return ("replay on %s"):format(t.link or "?") end,
}

local function story(seen, t)
    if t.time then note_time(seen, t.time) end
    if t.kind == "topology" then seen.topology = seen.topology or t end
    local words = mark_words[t.kind]
    if words and t.time then
        keep(seen, "mark", { time = t.time, kind = t.kind, text = words(t), did = t.did, router = t.router })
    end
    local book = t.kind == "flow" and seen.flows or t.kind == "counters" and seen.counters
    if book and #book < BOOK then book[#book + 1] = t end
end

-- A check that keeps; what it keeps is in `seen`.
local function observer()
    local seen = { items = {}, counts = { message = 0, key = 0, mark = 0 },
        left_out = { message = 0, key = 0, mark = 0 }, flows = {}, counters = {}, captures = {}, files = {},
        names = {}, paths = {}, lines = {} }
    return { seen = seen, packet = function(_, p) packet(seen, p) end, event = function(_, e) event(seen, e) end,
        story = function(_, t) story(seen, t) end }
end

-- The same message on several paths at once is drawn as one.
local function join_copies(seen)
    local items, recent, at = {}, {}, 0
    local function original(m)
        for i = 1, COPIES do
            local r = recent[(at - i) % COPIES]
            if r and r.bytes == m.bytes and r.from == m.from and r.to == m.to and m.time - r.time <= AT_ONCE and
                (r.src ~= m.src or r.dst ~= m.dst) then
                return r
            end
        end
    end
    for _, item in ipairs(seen.items) do
        local r = item.sort == "message" and original(item)
        if r then
            table.move(item.packets, 1, #item.packets, #r.packets + 1, r.packets)
        else
            items[#items + 1] = item
        end
        if item.sort == "message" and not r then recent[at % COPIES], at = item, at + 1 end
    end
    for _, item in ipairs(items) do item.bytes = nil end
    seen.items = items
end

-- Routers are drawn by name. On the wire they are peering-common-names, and before the first key addresses.
local function name_all(seen)
    local pcn, address = {}, {}
    for _, r in ipairs(seen.topology and seen.topology.routers or {}) do
        pcn[r.pcn] = r.name
        for _, a in ipairs(r.addresses) do address[a] = r.name end
    end
    local function name(own, a)
        own = own or seen.names[a]
        return own and (pcn[own] or own) or address[a] or a
    end
    for _, item in ipairs(seen.items) do
        if item.sort == "message" then item.from, item.to = name(item.from, item.src), name(item.to, item.dst) end
    end
    join_copies(seen)
    for _, l in ipairs(seen.lines) do l.from, l.to = name(nil, l.src), name(nil, l.dst) end
end

-- judge.run, and what a report draws besides.
function collect.run(checks, next_item, settings)
    local riders = { table.unpack(checks) }
    local o = observer()
    riders[#riders + 1] = o
    local results = judge.run(riders, next_item, settings)
    results[#results] = nil
    name_all(o.seen)
    return results, o.seen
end

return collect

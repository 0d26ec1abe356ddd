-- SPDX-License-Identifier: MIT
-- Checks of keys and their rotation (see conform.judge).
local trace = require "conform.trace"
local S, GRACE, TOLERANCE, BFD_SLACK = trace.S, trace.GRACE, trace.TOLERANCE, trace.BFD_SLACK
local each_message, seconds, path_of, copy, change, sorted, has_message, follow_exchanges, response_for =
    trace.each_message, trace.seconds, trace.path_of, trace.copy, trace.change, trace.sorted, trace.has_message, trace.follow_exchanges, trace.response_for
local list, check = trace.list()

-- ---- metadata keys -----------------------------------------------------------------------------------------

check "KEY-META-SAME" {
    expects = "a router gives all its peers one and the same metadata key, only in BFD metadata under the peer key",
    packet = function(c, p)
        local x = follow_exchanges(c, p)
        each_message(p, "METADATA_KEY", function(m)
            -- Who began anew counts from 1 again.
            local id = ("%s %s %d"):format(p.sender, x.lives[p.src] or "", (string.unpack(">I4", m.bytes, 2)))
            c:saw()
            if not m.secret then c:fail("a metadata key in clear", p) end
            if c.state[id] and c.state[id] ~= m.bytes then c:fail("its metadata key differs from the one sent before", p) end
            c.state[id] = m.bytes
        end)
    end,
    broken = {
        { "a key that differs in one bit", function(items)
            local first
            for i, item in ipairs(items) do
                each_message(item, "METADATA_KEY", function(m)
                    local id = item.sender .. m.bytes:sub(2, 5)
                    if first then return end
                    first = id
                    local again = copy(item)
                    again.messages[1].bytes = m.bytes:sub(1, 20) .. string.char(m.bytes:byte(21) ~ 1) .. m.bytes:sub(22)
                    table.insert(items, i + 1, again)
                end)
                if first then return items end
            end
            return items
        end },
        { "a key in clear", change(has_message "METADATA_KEY", 1, function(p) p.messages[1].secret = false end) },
    },
}

check "KEY-META-PEERS" {
    expects = "metadata of sessions is enciphered with the metadata key of the router that it goes to",
    packet = function(c, p)
        local owners = c.state
        if p.kind == "bfd" and p.metadata == "good" then owners[p.dst] = p.receiver end
        if p.kind ~= "session" or not p.has_metadata then return end
        if p.metadata == "good" then c:saw() end
        if p.metadata == "good" and owners[p.dst] and owners[p.dst] ~= p.receiver then
            c:fail(("it goes to %s, and is under the key of %s"):format(owners[p.dst], p.receiver), p)
        end
    end,
    broken = { { "metadata under the sender's own key", change(function(p) return p.kind == "session" and p.metadata == "good" end, 1,
        function(p) p.receiver = p.sender end) } },
}

check "KEY-REGENERATE" {
    expects = "each new metadata key of a router has a rekey index one higher",
    packet = function(c, p)
        each_message(p, "METADATA_KEY", function(m)
            local index = string.unpack(">I4", m.bytes, 2)
            local last = c.state[p.sender .. p.receiver]
            if last and index > last then c:saw() end
            if last and index > last + 1 then c:fail(("rekey index %d follows %d"):format(index, last), p) end
            c.state[p.sender .. p.receiver] = index
        end)
    end,
    broken = { { "an index is left out", function(items)
        local first = {}
        for i, item in ipairs(items) do
            each_message(item, "METADATA_KEY", function(m)
                local id, index = item.sender .. item.receiver, string.unpack(">I4", m.bytes, 2)
                if not first[id] then first[id] = index end
                if index == first[id] then return end
                items[i] = copy(item)
                items[i].messages[1].bytes = m.bytes:sub(1, 1) .. string.pack(">I4", index + 1) .. m.bytes:sub(6)
            end)
        end
        return items
    end } },
}

-- ---- payload keys ------------------------------------------------------------------------------------------

check "KEY-PAYLOAD-TLV" {
    expects = "the first packet of each session carries its payload key in encrypted metadata",
    packet = function(c, p)
        if not p.uuid or c.state[p.uuid] then return end
        c.state[p.uuid] = true
        c:saw()
        if not (p.has_metadata and p.metadata == "good" and p.payload_key_phase) then
            c:fail("the first packet of its session has no payload key", p)
        end
    end,
    broken = { { "a first packet without", change(function(p) return p.payload_key_phase ~= nil end, 1,
        function(p) p.payload_key_phase = nil end) } },
}

check "KEY-REKEY-PAYLOAD" {
    expects = "payload keys of living sessions are replaced after payload-key-rekey-interval, and not before",
    packet = function(c, p)
        if p.control == 2 then -- "enable metadata": its sender has lost a session, and is given another key at once
            for _, s in pairs(c.state) do s.lost = true end
        end
        if not p.uuid or not p.forward then return end
        local s = c.state[p.uuid]
        if not s then
            s = { since = p.time, phase = p.payload_key_phase or 0 }
            c.state[p.uuid] = s
        end
        -- After such a silence the egress may have forgotten the session, and is given another key at once.
        if s.last and p.time - s.last >= 180 * S then s.lost = true end
        local interval = c.settings.payload_rekey_hours * 3600 * S
        if p.payload_key_phase and p.payload_key_phase ~= s.phase then
            if not s.lost then
                c:saw()
                if interval == 0 or p.time - s.since < interval - TOLERANCE then
                    c:fail(("a new key after %s"):format(seconds(p.time - s.since)), p)
                end
            end
            s.since, s.phase, s.told = p.time, p.payload_key_phase, false
            s.lost = s.began ~= nil and p.time - s.began < 10 * S -- the answer to its question may be on the way
        elseif interval > 0 and p.time - s.since > interval + 120 * S and s.last and p.time - s.last < 60 * S and not s.told then
            c:fail(("no new key after %s"):format(seconds(p.time - s.since)), p)
            s.told = true
        end
        s.last = p.time
    end,
    event = function(c, e) -- a router that began anew is given another key at once
        if e.kind == "metadata-key" and e.reason == "start" then
            for _, s in pairs(c.state) do s.lost, s.began = true, e.time end
        end
    end,
    broken = { { "no key after the first", function(items)
        local first = {}
        for i, item in ipairs(items) do
            if item.uuid and item.payload_key_phase then
                first[item.uuid] = first[item.uuid] or item.payload_key_phase
                items[i] = copy(item)
                items[i].payload_key_phase = first[item.uuid]
            end
        end
        return items
    end } },
}

-- ---- peer keys ---------------------------------------------------------------------------------------------

-- The keys that each router sends BFD metadata under, as they come: calls f(c, p, previous, way) at each change.
local function follow_keys(c, p, f)
    if p.kind ~= "bfd" or p.metadata ~= "good" then return end
    local ways = c.state.ways or {}
    c.state.ways = ways
    local id = p.sender .. " > " .. p.receiver
    local way = ways[id] or { past = {}, paths = {} }
    ways[id] = way
    if way.key ~= p.fingerprint then f(c, p, way.key, way) end
    if way.key then way.past[way.key] = way.key ~= p.fingerprint or nil end
    way.key, way.last = p.fingerprint, p
    way.paths[path_of(p)] = true
end

check "KEY-ONE-PER-PEER" {
    expects = "a router uses one peer key at a time on all paths to a peer, and none that it has left",
    packet = function(c, p)
        follow_keys(c, p, function(c, p, previous, way)
            if way.past[p.fingerprint] then c:fail("it is under a key that its sender had left", p, way.last) end
        end)
        local way = p.metadata == "good" and p.kind == "bfd" and c.state.ways[p.sender .. " > " .. p.receiver]
        if way and next(way.paths, next(way.paths)) then c:saw() end
    end,
    broken = { { "one path keeps the old key", function(items)
        local keys, path = {}, nil
        for i, item in ipairs(items) do
            if item.kind == "bfd" and item.metadata == "good" then
                local id = item.sender .. item.receiver
                keys[id] = keys[id] or item.fingerprint
                path = path or path_of(item)
                if path_of(item) == path and item.fingerprint ~= keys[id] then
                    items[i] = copy(item)
                    items[i].fingerprint = keys[id]
                end
            end
        end
        return items
    end } },
}

check "KEY-GRACE-30" {
    expects = "30 s pass between the computation of a peer key and its use for sending, and not more",
    -- Whoever computes the key last knows at once that both have it; the other side only when it is confirmed.
    event = function(c, e)
        local id, back = e.router .. " " .. (e.peer or "") .. " ", (e.peer or "") .. " " .. e.router .. " "
        local made = c.state.made or {}
        c.state.made = made
        if e.kind == "peer-key" and e.to == "computed" then
            local other = made[back .. e.value]
            made[id .. e.value] = { event = e, last = other ~= nil and e.time - other.event.time < 600 * S }
        elseif e.kind == "peer-key" and e.to == "sending" and e.reason == "grace over" and made[id .. e.value] then
            local m = made[id .. e.value]
            local took = e.time - m.event.time
            c:saw()
            if took < GRACE or (m.last and took > GRACE + S // 2) then
                c:fail(("used %s after it was computed"):format(seconds(took)), m.event, e)
            end
        end
    end,
    packet = function(c, p)
        local x = follow_exchanges(c, p)
        follow_keys(c, p, function(c, p, previous, way)
            local r = previous and not way.past[p.fingerprint] and response_for(c, x, p)
            if not r or r.restarted then return end
            local took = p.time - r.time
            c:saw()
            if took < GRACE then c:fail(("used %s after it was computed"):format(seconds(took)), r.item, p) end
            if took > GRACE + BFD_SLACK + 2 * r.delay and p.time - way.last.time < BFD_SLACK then
                c:fail(("first used %s after it was computed"):format(seconds(took)), r.item, p)
            end
        end)
    end,
    broken = {
        { "a router says that it waited for 31 s", change(function(e)
            return e.kind == "peer-key" and e.to == "sending" and e.reason == "grace over" and e.router == "a"
        end, 1, function(e) e.time = e.time + S end) },
        { "one side changes over after 29 s", function(items)
            local keys, moved = {}, false
            for i, item in ipairs(items) do
                if item.kind == "bfd" and item.metadata == "good" then
                    local id = item.sender .. item.receiver
                    if keys[id] and keys[id] ~= item.fingerprint and not moved then
                        items[i] = copy(item)
                        items[i].time = item.time - 2 * S
                        moved = true
                    end
                    keys[id] = item.fingerprint
                end
            end
            return sorted(items)
        end },
        { "one side changes over after 40 s", function(items)
            local keys, hold = {}, nil
            for i, item in ipairs(items) do
                if item.kind == "bfd" and item.metadata == "good" then
                    local id = item.sender .. item.receiver
                    if keys[id] and keys[id].fingerprint ~= item.fingerprint and not hold then
                        hold = { id = id, from = keys[id], till = item.time + 10 * S }
                    end
                    if hold and hold.id == id and item.time < hold.till then
                        items[i] = copy(item)
                        items[i].fingerprint, items[i].key_index = hold.from.fingerprint, hold.from.key_index
                    end
                    keys[id] = items[i]
                end
            end
            return items
        end },
    },
}

check "KEY-OLD-IN-REKEY" {
    expects = "until the changeover packets are under the old key",
    packet = function(c, p)
        local x = follow_exchanges(c, p)
        follow_keys(c, p, function(c, p, previous, way)
            local r = previous and response_for(c, x, p)
            if not r or r.restarted then return end
            c:saw()
            if way.last.time < r.time then c:fail("no packet under the old key came after the new one was made", r.item, p) end
        end)
    end,
    broken = { { "nothing is sent while the new key waits", function(items)
        local out, from, first = {}, nil, nil
        for _, item in ipairs(items) do
            first = first or item.time
            each_message(item, "KEY_RESPONSE", function()
                if not from and item.time > first + 600 * S then from = item.time end
            end)
            local wait = from and item.kind == "bfd" and item.time > from and item.time < from + GRACE + S // 2
            if not wait then out[#out + 1] = item end
        end
        return out
    end } },
}

return list

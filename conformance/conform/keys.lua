-- SPDX-License-Identifier: MIT
-- Checks of keys and their rotation (see conform.judge).
local trace = require "conform.trace"
local S, GRACE, BFD_SLACK = trace.S, trace.GRACE, trace.BFD_SLACK
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

check "KEY-STORE" {
    expects = "a sender uses the metadata key that it got last, through outages, until it gets another",
    packet = function(c, p)
        local pushed, used = c.state.pushed or {}, c.state.used or {}
        c.state.pushed, c.state.used = pushed, used
        each_message(p, "METADATA_KEY", function(m)
            local index = string.unpack(">I4", m.bytes, 2)
            local way = p.receiver .. " > " .. p.sender -- whoever gets it uses it towards its owner
            local s = pushed[way] or {}
            pushed[way] = s
            if s.index and index < s.index then used[way] = nil end -- its owner began anew
            s.index, s.item = index, p
        end)
        if p.kind ~= "session" or p.metadata ~= "good" then return end
        local way = p.sender .. " > " .. p.receiver
        local s, last = pushed[way], used[way]
        if not s then return end -- it was pushed before the capture began
        c:saw()
        if p.key_index > s.index then c:fail(("it is under metadata key %d, and %d was pushed last"):format(p.key_index, s.index), p, s.item) end
        if last and p.key_index < last.index and p.time - last.item.time > S then
            c:fail(("it is under metadata key %d, after %d had been used"):format(p.key_index, last.index), last.item, p)
        end
        if not last or p.key_index > last.index then used[way] = { index = p.key_index, item = p } end
    end,
    broken = {
        { "a key that was never pushed", change(function(p) return p.kind == "session" and p.metadata == "good" end, 3, function(p)
            p.key_index = p.key_index + 7
        end) },
        { "back to the key before", function(list)
            local first = {}
            for i = 1, #list do
                local p = list[i]
                if p.kind == "session" and p.metadata == "good" then
                    local way = p.sender .. p.receiver
                    first[way] = first[way] or p.key_index
                    if p.key_index > first[way] then
                        local again = copy(p)
                        again.key_index, again.time = first[way], p.time + 2 * S
                        list[#list + 1] = again
                        return sorted(list)
                    end
                end
            end
            return list
        end },
    },
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
        local sessions = c.state.sessions or {}
        c.state.sessions = sessions
        if p.control == 2 then -- "enable metadata": its sender has lost a session, and is given another key at once
            for _, s in pairs(sessions) do s.lost = true end
        end
        if not p.uuid or not p.forward then return end
        local began = c.state.began and p.time - c.state.began < 10 * S -- a router: what follows from it may be on the way
        local s = sessions[p.uuid]
        if not s then
            s = { since = p.time, phase = p.payload_key_phase or 0, lost = began }
            sessions[p.uuid] = s
        end
        -- After such a silence the egress may have forgotten the session, and is given another key at once.
        if s.last and p.time - s.last >= 180 * S then s.lost = true end
        local interval = c.settings.payload_rekey_hours * 3600 * S
        if p.payload_key_phase and p.payload_key_phase ~= s.phase then
            if not s.lost then
                c:saw()
                if interval == 0 or p.time - s.since < interval - c.tolerance then
                    c:fail(("a new key after %s"):format(seconds(p.time - s.since)), p)
                end
            end
            s.since, s.phase, s.told = p.time, p.payload_key_phase, false
            s.lost = began
        elseif interval > 0 and p.time - s.since > interval + 120 * S and s.last and p.time - s.last < 60 * S and not s.told then
            c:fail(("no new key after %s"):format(seconds(p.time - s.since)), p)
            s.told = true
        end
        s.last = p.time
    end,
    event = function(c, e) -- a router that began anew is given another key at once
        if e.kind == "metadata-key" and e.reason == "start" then
            c.state.began = e.time
            for _, s in pairs(c.state.sessions or {}) do s.lost = true end
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

check "KEY-E2E" {
    expects = "on its way over several routers a packet's payload stays as it is, and its metadata is each hop's own",
    packet = function(c, p)
        if p.payload ~= "good" or not p.tag then return end
        local id = ("%s %s %d %d"):format(p.uuid, p.forward, p.phase, p.counter)
        local before = c.state[id]
        if not before then
            c.state[id] = { tag = p.tag, src = p.src, nonce = p.nonce, receiver = p.receiver, sender = p.sender, item = p }
        elseif before.src ~= p.src then
            c:saw()
            if before.tag ~= p.tag then c:fail("its payload is not what it was one hop before", before.item, p) end
            if p.has_metadata and before.item.has_metadata and p.receiver == before.receiver and p.sender == before.sender then
                c:fail("its metadata is the same as one hop before", before.item, p)
            end
        end
    end,
    broken = {
        { "a transit router enciphers the payload anew", function(list)
            local seen = {}
            for i, p in ipairs(list) do
                if p.tag then
                    local id = ("%s %s %d %d"):format(p.uuid, p.forward, p.phase, p.counter)
                    if seen[id] and seen[id] ~= p.src then
                        list[i] = copy(p)
                        list[i].tag = ("0"):rep(#p.tag)
                        return list
                    end
                    seen[id] = p.src
                end
            end
            return list
        end },
    },
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
            if took < GRACE - c.slack or (m.last and took > GRACE + S // 2 + c.slack) then
                c:fail(("used %s after it was computed"):format(seconds(took)), m.event, e)
            end
        end
        -- The key before it is accepted for as long again.
        local used, key = c.state.used or {}, id .. e.kind .. (e.detail or "")
        c.state.used = used
        if (e.kind == "peer-key" or e.kind == "payload-key") and e.to == "sending" then
            used[key] = e
        elseif e.to == "erased" and used[key] and e.reason ~= "peering removed" and e.value ~= used[key].value and
            e.time - used[key].time < GRACE and used[key].reason == "grace over" then
            c:fail(("the old key was erased %s after the changeover"):format(seconds(e.time - used[key].time)), used[key], e)
        end
    end,
    packet = function(c, p)
        local x = follow_exchanges(c, p)
        follow_keys(c, p, function(c, p, previous, way)
            local r = previous and not way.past[p.fingerprint] and response_for(c, x, p)
            if not r or r.restarted then return end
            local took = p.time - r.time
            c:saw()
            if took < GRACE - c.slack then c:fail(("used %s after it was computed"):format(seconds(took)), r.item, p) end
            if p.time - r.last > GRACE + BFD_SLACK + c.slack + 2 * r.delay and p.time - way.last.time < BFD_SLACK then
                c:fail(("first used %s after it was computed"):format(seconds(took)), r.item, p)
            end
        end)
    end,
    broken = {
        { "the old key is erased with the changeover", change(function(e)
            return e.kind == "peer-key" and e.to == "erased" and e.reason == "grace over"
        end, 1, function(e) e.time = e.time - 31 * S + S // 2 end) },
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

check "KEY-OUTAGE" {
    expects = "after an outage the path is used again under the key from before, without an exchange",
    packet = function(c, p)
        if p.kind ~= "bfd" then return end
        local x = follow_exchanges(c, p)
        if p.metadata ~= "good" then return end
        local paths = c.state.paths or {}
        c.state.paths = paths
        local id = p.src .. " > " .. p.dst
        local s = paths[id]
        if s and p.time - s.item.time > 5 * S and s.key ~= p.fingerprint then
            local r = response_for(c, x, p)
            local age = (c.settings.peer_rekey_hours > 0 and c.settings.peer_rekey_hours * 3600 or math.huge) * S
            -- Due anyway, under way when the line failed, or a router has begun anew: then the key may be another.
            local due = p.time - s.since >= age - age // 20 or (r and math.abs(s.item.time - r.time) < 120 * S) or
                (x.began[trace.pair_of(c, p)] or 0) > s.item.time or c.state.removed
            c:saw()
            if not due then c:fail(("after %s of silence it is under another key"):format(seconds(p.time - s.item.time)), s.item, p) end
        elseif s and p.time - s.item.time > 5 * S then
            c:saw()
        end
        if not s or s.key ~= p.fingerprint then
            s = { key = p.fingerprint, since = p.time }
            paths[id] = s
        end
        s.item = p
    end,
    event = function(c, e) -- whoever is removed for its certificate loses its keys
        if e.kind == "peering" and e.to == "removed" then c.state.removed = true end
    end,
    broken = { { "both sides make another key after the outage", function(list)
        local last, other = {}, {}
        for i, p in ipairs(list) do
            if p.kind == "bfd" and p.metadata == "good" then
                local id = p.src .. p.dst
                if last[id] and p.time - last[id].time > 5 * S then other[id] = p.fingerprint end
                last[id] = p
                if other[id] and other[id] == p.fingerprint then
                    list[i] = copy(p)
                    list[i].fingerprint = "00" .. p.fingerprint:sub(3)
                end
            end
        end
        return list
    end } },
}

check "KEY-HA-PUSH" {
    expects = "the second node of a router gets each metadata key at once, and takes over with the keys that are in use",
    event = function(c, e)
        local roles, made = c.state.roles or {}, c.state.made or {}
        c.state.roles, c.state.made = roles, made
        if e.kind == "key-manager" then
            local takes_over = e.to == "Active Leader" and e.from == "Redundant Peer"
            roles[e.node] = e.to
            if takes_over then c.state.taken = { event = e, peers = {} } end
        elseif e.kind == "metadata-key" and not e.peer and e.to == "computed" then
            made[e.router] = e
        elseif e.kind == "metadata-key" and e.to == "replicated" then
            local m = made[e.router]
            c:saw()
            if not m or m.value ~= e.value then c:fail(("it was pushed metadata key %d, which is not the newest"):format(e.value), e) end
            c.state.pushed = c.state.pushed or {}
            c.state.pushed[e.router .. e.value] = true
        end
    end,
    packet = function(c, p)
        if p.kind ~= "bfd" or p.metadata ~= "good" then return end
        local keys, taken = c.state.keys or {}, c.state.taken
        c.state.keys = keys
        local way = p.sender .. " > " .. p.receiver
        local from = c.world.by_address[p.src]
        if taken and from and from.name == taken.event.router and not taken.peers[way] then
            taken.peers[way] = true
            c:saw()
            if keys[way] and keys[way].fingerprint ~= p.fingerprint then
                c:fail("the node that took over uses another key than the one before", keys[way], taken.event, p)
            end
        end
        if taken and p.time - taken.event.time < 60 * S and p.time > taken.event.time and trace.has_message "KEY_REQUEST"(p) then
            c:fail("the failover took an exchange", taken.event, p)
        end
        keys[way] = p
    end,
    finish = function(c)
        for name, m in pairs(c.state.made or {}) do
            local standby = false
            for _, role in pairs(c.state.roles or {}) do standby = standby or role == "Redundant Peer" end
            if standby and c.state.roles[m.node] and not (c.state.pushed or {})[name .. m.value] then
                c:fail("its last metadata key was not pushed to the other node", m)
            end
        end
    end,
    broken = {
        { "the node that takes over has other keys", function(list)
            local taken
            for i, item in ipairs(list) do
                if item.kind == "key-manager" and item.from == "Redundant Peer" and item.to == "Active Leader" then taken = item end
                if taken and item.kind == "bfd" and item.metadata == "good" then
                    list[i] = copy(item)
                    list[i].fingerprint = "00" .. item.fingerprint:sub(3)
                end
            end
            return list
        end },
        { "metadata keys are not pushed", change(function(e) return e.kind == "metadata-key" and e.to == "replicated" and e.value > 1 end, nil,
            function() return false end) },
    },
}

-- Drops that cost a session a packet though its line and its peer were all right.
local session_drops = { "metadata-unknown-key", "metadata-bad-hmac", "metadata-replay", "payload-unknown-key", "payload-bad-hmac",
    "payload-replay", "unknown-session", "security-mismatch", "session-conflict" }

check "KEY-NO-LOSS" {
    expects = "while keys rotate, and lines hold, no packet of a session is dropped, and what is missing the lines have lost",
    event = function(c, e)
        if e.kind == "peering" and e.to == "removed" then c.state.removed = true end
        if e.to == "sending" and e.reason == "grace over" then c.state.rotations = (c.state.rotations or 0) + 1 end
    end,
    story = function(c, t)
        -- After an outage, a crash or an attack not everything that is missing is the rotation's.
        if c.state.removed or c.world.disturbed or c.world.replayed or c.world.corrupt_till or next(c.world.corrupt) then return end
        if t.kind == "counters" then
            for _, reason in ipairs(session_drops) do
                local n, twice = t.dropped[reason] or 0, reason:find "replay" and c.state.twice or 0
                if n > 0 and twice == 0 then c:fail(("it dropped %d packets: %s"):format(n, reason), t) end
            end
        elseif t.kind == "flow" then
            c.state.flows = c.state.flows or {}
            table.insert(c.state.flows, t)
        elseif t.kind == "link-stats" then
            c.state.lost = (c.state.lost or 0) + t.there.lost_random + t.back.lost_random + t.there.lost_queue + t.back.lost_queue
        elseif t.kind == "link" and t.duplicate then
            c.state.twice = 1
        elseif t.kind == "topology" then
            for _, l in ipairs(t.links) do
                if l.duplicate then c.state.twice = 1 end
            end
        end
    end,
    finish = function(c)
        if (c.state.rotations or 0) < 2 or c.state.removed or c.world.disturbed or c.world.replayed or c.world.corrupt_till then return end
        for _, t in ipairs(c.state.flows or {}) do
            c:saw()
            if t.missing > (c.state.lost or 0) + 2 then c:fail(("%d of %d messages are missing, and lines lost %d"):format(t.missing, t.sent, c.state.lost or 0), t) end
        end
    end,
    broken = {
        { "a router drops what came under the old key", change(function(t) return t.kind == "counters" end, 1, function(t)
            t.dropped = { ["payload-unknown-key"] = 1 }
        end) },
        { "messages are missing", change(function(t) return t.kind == "flow" end, 1, function(t) t.missing = t.missing + 100000 end) },
    },
}

return list

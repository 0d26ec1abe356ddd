-- SPDX-License-Identifier: MIT
-- What decides each requirement on a trace (see conform.judge). Times are nanoseconds, exact where the trace is: a
-- tolerance stands apart from its bound.
local S = 1000000000
local GRACE = 30 * S
local TOLERANCE = S // 1000 -- what a capture in the middle of the way may add or take
local BFD_SLACK = 3 * S -- until a changeover shows: the next BFD packet, and its way

local list = {}

local function check(id)
    return function(t)
        t.id = id
        list[#list + 1] = t
    end
end

-- ---- helpers -----------------------------------------------------------------------------------------------

local function each_message(item, kind, f)
    for _, m in ipairs(item.messages or {}) do
        if m.kind == kind then f(m) end
    end
end

local function number_of(m) return (string.unpack(">I8", m.bytes, 2)) end
local function request_life(m) return m.bytes:sub(10, 25) end
local function request_salt(m) return m.bytes:sub(27, 42) end
local function response_life(m) return m.bytes:sub(58, 73) end
local function response_salt(m) return m.bytes:sub(75, 90) end
local function response_index(m) return (string.unpack(">I4", m.bytes, 91)) end

local function seconds(ns) return ("%.3f s"):format(ns / S) end

-- The two addresses of a path, the same for both directions.
local function path_of(p) return p.src < p.dst and p.src .. " " .. p.dst or p.dst .. " " .. p.src end

local function copy(item)
    local t = {}
    for k, v in pairs(item) do t[k] = v end
    if item.messages then
        t.messages = {}
        for i, m in ipairs(item.messages) do t.messages[i] = { kind = m.kind, secret = m.secret, bytes = m.bytes } end
    end
    return t
end

-- A bend that changes the items for which `want` is true: the n-th (or all, without n).
local function change(want, n, f)
    return function(items)
        local seen, out = 0, {}
        for _, item in ipairs(items) do
            if want(item) then
                seen = seen + 1
                if not n or seen == n then
                    item = copy(item)
                    if f(item) == false then item = nil end
                end
            end
            out[#out + 1] = item
        end
        return out
    end
end

local function sorted(items)
    local keyed = {}
    for i, item in ipairs(items) do keyed[i] = { item.time or 0, i, item } end
    table.sort(keyed, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
    for i, k in ipairs(keyed) do items[i] = k[3] end
    return items
end

local function has_message(kind)
    return function(item)
        local found = false
        each_message(item, kind, function() found = true end)
        return found
    end
end

-- ---- exchanges ---------------------------------------------------------------------------------------------

-- The two routers that a packet goes between: by name once a BFD packet has named them, else by address.
local function pair_of(c, p)
    local names = c.state.names or {}
    c.state.names = names
    if p.kind == "bfd" and p.metadata == "good" then names[p.src], names[p.dst] = p.sender, p.receiver end
    local a, b = names[p.src] or p.src, names[p.dst] or p.dst
    return a < b and a .. " " .. b or b .. " " .. a
end

-- Exchanges: what requests and responses said. A router whose life changed has begun anew, and is given its first key
-- without the grace.
local function follow_exchanges(c, p)
    local x = c.state.x or { made = {}, lives = {} }
    c.state.x = x
    if p.kind ~= "bfd" then return x end
    local pair = pair_of(c, p)
    local function life(value)
        if x.lives[p.src] and x.lives[p.src] ~= value then x[pair] = p.time end
        x.lives[p.src] = value
    end
    each_message(p, "KEY_REQUEST", function(m) life(request_life(m)) end)
    each_message(p, "KEY_RESPONSE", function(m)
        life(response_life(m))
        local began = x[pair]
        x.made[pair .. response_index(m)] = { time = p.time, item = p, restarted = began and began > p.time - 3600 * S }
    end)
    return x
end

-- The last response between these routers that made the key of this packet.
local function response_for(c, x, p) return x.made[pair_of(c, p) .. p.key_index] end

-- ---- cryptography ------------------------------------------------------------------------------------------

check "CRY-HMAC" {
    expects = "the HMAC of every packet holds under a key of the key log",
    packet = function(c, p)
        if p.metadata == "good" or p.payload == "good" then c:saw() end
        if p.metadata == "bad" then c:fail("the HMAC of its metadata does not hold", p) end
        if p.payload == "bad" then c:fail("the HMAC of its payload does not hold", p) end
    end,
    broken = {
        { "one bit of a BFD packet is flipped", change(function(p) return p.kind == "bfd" and p.metadata == "good" end, 5,
            function(p) p.metadata = "bad" end) },
        { "one bit of a payload is flipped", change(function(p) return p.payload == "good" end, 2,
            function(p) p.payload = "bad" end) },
    },
}

check "CRY-PAYLOAD-AES" {
    expects = "every payload is enciphered under the session's key",
    packet = function(c, p)
        if p.payload ~= "good" then return end
        c:saw()
        if not p.encrypted then c:fail("its payload is in clear", p) end
    end,
    broken = { { "a payload in clear", change(function(p) return p.payload == "good" end, 1, function(p) p.encrypted = false end) } },
}

check "CRY-PER-SESSION" {
    expects = "no two sessions share a payload key",
    key = function(c, k)
        if k.kind ~= "PAYLOAD_KEY" then return end
        local uuid, key = k.words[2], k.words[5]
        c:saw()
        local owner = c.state[key]
        if owner and owner ~= uuid then c:fail(("sessions %s and %s have the same key"):format(owner:sub(1, 8), uuid:sub(1, 8))) end
        c.state[key] = uuid
    end,
    broken = { { "a second session with the first one's key", function(items)
        for i, item in ipairs(items) do
            if item.kind == "PAYLOAD_KEY" then
                local again = { what = "key", kind = item.kind, words = { table.unpack(item.words) } }
                again.words[2] = ("0"):rep(32)
                table.insert(items, i + 1, again)
                return items
            end
        end
        return items
    end } },
}

check "CRY-PFS" {
    expects = "each exchange has salts of its own, of both sides",
    packet = function(c, p)
        local function salt(value, name, number)
            local before = c.state[value]
            if before and before ~= number then c:fail("its salt was used in another exchange", p) end
            if not before then c:saw() end
            c.state[value] = number
        end
        each_message(p, "KEY_REQUEST", function(m) salt("request" .. request_salt(m), "request", number_of(m)) end)
        each_message(p, "KEY_RESPONSE", function(m) salt("response" .. response_salt(m), "response", number_of(m)) end)
    end,
    broken = { { "a later request repeats the first one's salt", function(items)
        local salt, first
        for i, item in ipairs(items) do
            each_message(item, "KEY_REQUEST", function(m)
                if not salt then
                    salt, first = request_salt(m), number_of(m)
                elseif number_of(m) ~= first then
                    items[i] = copy(item)
                    each_message(items[i], "KEY_REQUEST", function(n)
                        n.bytes = n.bytes:sub(1, 26) .. salt .. n.bytes:sub(43)
                    end)
                end
            end)
        end
        return items
    end } },
}

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
            s.since, s.phase, s.lost, s.told = p.time, p.payload_key_phase, false, false
        elseif interval > 0 and p.time - s.since > interval + 120 * S and s.last and p.time - s.last < 60 * S and not s.told then
            c:fail(("no new key after %s"):format(seconds(p.time - s.since)), p)
            s.told = true
        end
        s.last = p.time
    end,
    event = function(c, e) -- a router that began anew is given another key at once
        if e.kind == "metadata-key" and e.reason == "start" then
            for _, s in pairs(c.state) do s.lost = true end
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
    -- Whoever asked for the key knows at once that both have it; the other side only when it is confirmed.
    event = function(c, e)
        local id = e.router .. " " .. (e.peer or "")
        local asked, made = c.state.asked or {}, c.state.made or {}
        c.state.asked, c.state.made = asked, made
        if e.kind == "key-request" then
            asked[id] = true
        elseif e.kind == "peer-key" and e.to == "computed" then
            made[id .. e.value], asked[id] = { event = e, asked = asked[id] }, nil
        elseif e.kind == "peer-key" and e.to == "sending" and e.reason == "grace over" and made[id .. e.value] then
            local m = made[id .. e.value]
            local took = e.time - m.event.time
            c:saw()
            if took < GRACE or (m.asked and took > GRACE + S // 2) then
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
            if took > GRACE + BFD_SLACK and p.time - way.last.time < BFD_SLACK then
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

-- ---- requests ----------------------------------------------------------------------------------------------

-- Follows each request until it is answered: calls f(c, p, r) when it goes out again. Copies on several paths at one
-- instant are one attempt.
local function follow_requests(c, p, f)
    local open = c.state.open or {}
    c.state.open = open
    if p.kind == "bfd" and p.bfd_state == 3 then
        local up = c.state.up or {}
        c.state.up = up
        if not up[p.src .. p.dst] then c.state.changed = p.time end
        up[p.src .. p.dst] = true
    elseif p.kind == "bfd" and p.bfd_state and c.state.up then
        c.state.up[p.src .. p.dst] = nil
    end
    local asked = c.state.asked or {}
    c.state.asked = asked
    each_message(p, "KEY_REQUEST", function(m)
        local number = number_of(m)
        local r = open[number]
        asked[p.dst] = p.time
        if not r then
            open[number] = { first = p.time, last = p.time, item = p, attempts = 1 }
            return
        end
        if r.answered or p.time == r.last then return end
        f(c, p, r)
        r.last, r.item, r.attempts = p.time, p, r.attempts + 1
    end)
    each_message(p, "KEY_RESPONSE", function(m)
        local r = open[number_of(m)]
        if r then r.answered = p.time end
    end)
end

-- A router may try at once when an interface or a path changes (KEY-RETRY-IFCHANGE), and must when requests cross and its
-- own is the one that counts (PD-GLARE).
local function has_reason(c, r, p)
    local function since(t) return t ~= nil and t >= r.last - S end
    return since(c.state.changed) or since(c.state.interface) or since(c.state.asked[p.src])
end

local function note_interface(c, e)
    if e.kind == "path-service" or e.kind == "bfd-state" then c.state.interface = e.time end
end

check "KEY-RETRANSMIT" {
    expects = "an unanswered request goes out again after peer-key-retransmit-interval",
    event = note_interface,
    packet = function(c, p)
        follow_requests(c, p, function(c, p, r)
            if r.last - r.first >= (c.settings.timeout - c.settings.retransmit) * S then return end
            local gap, interval = p.time - r.last, c.settings.retransmit * S
            c:saw()
            if math.abs(gap - interval) <= TOLERANCE or (gap < interval and has_reason(c, r, p)) then return end
            c:fail(("again after %s, not %s"):format(seconds(gap), seconds(interval)), r.item, p)
        end)
    end,
    broken = {
        { "the third retransmission is left out", function(items)
            local out, seen = {}, {}
            for _, item in ipairs(items) do
                local drop = false
                each_message(item, "KEY_REQUEST", function(m)
                    local n = number_of(m)
                    local s = seen[n] or { count = 0 }
                    seen[n] = s
                    if s.time ~= item.time then s.count, s.time = s.count + 1, item.time end
                    drop = s.count == 4
                end)
                if not drop then out[#out + 1] = item end
            end
            return out
        end },
    },
}

check "KEY-RETRY" {
    expects = "after peer-key-timeout attempts go on at that interval",
    event = note_interface,
    packet = function(c, p)
        follow_requests(c, p, function(c, p, r)
            if r.last - r.first < c.settings.timeout * S then return end
            local gap, interval = p.time - r.last, c.settings.timeout * S
            c:saw()
            if math.abs(gap - interval) <= TOLERANCE or (gap < interval and has_reason(c, r, p)) then return end
            c:fail(("the next attempt after %s, not %s"):format(seconds(gap), seconds(interval)), r.item, p)
        end)
    end,
    broken = { { "attempts stop for an interval", function(items)
        local out, seen = {}, {}
        for _, item in ipairs(items) do
            local drop = false
            each_message(item, "KEY_REQUEST", function(m)
                local s = seen[number_of(m)] or { first = item.time, late = 0 }
                seen[number_of(m)] = s
                if item.time - s.first > 900 * S and s.time ~= item.time then s.late, s.time = s.late + 1, item.time end
                drop = s.late == 2
            end)
            if not drop then out[#out + 1] = item end
        end
        return out
    end } },
}

check "KEY-TIMEOUT" {
    expects = "peer-key-timeout after the first unanswered request the path is out of service",
    packet = function(c, p) follow_requests(c, p, function() end) end,
    event = function(c, e)
        if e.kind ~= "key-timeout" then return end
        local limit, found = c.settings.timeout * S, nil
        for _, r in pairs(c.state.open or {}) do
            if not r.answered and math.abs(e.time - r.first - limit) <= TOLERANCE then found = r end
        end
        c:saw()
        if not found then c:fail(("no request is unanswered for %s"):format(seconds(limit)), e) end
    end,
    finish = function(c)
        for _, r in pairs(c.state.open or {}) do
            if not r.answered and r.last - r.first > c.settings.timeout * S and c.evidence == 0 then
                c:fail("requests were unanswered for longer, and no router said so", r.item)
            end
        end
    end,
    broken = {
        { "the timeout comes a second late", change(function(e) return e.kind == "key-timeout" end, 1, function(e) e.time = e.time + S end) },
        { "the timeout is ignored", change(function(e) return e.kind == "key-timeout" end, nil, function() return false end) },
    },
}

check "KEY-REKEY-PEER" {
    expects = "an exchange begins peer-key-rekey-interval after the one before, or two retransmit intervals later",
    event = function(c, e)
        if e.kind == "key-request" and e.reason ~= "peer-key-rekey-interval" and e.reason ~= "not answered" then
            c.state.other = e.time -- a first key, a renewed certificate: not the interval's
        end
    end,
    packet = function(c, p)
        each_message(p, "KEY_REQUEST", function(m)
            local number, pair = number_of(m), pair_of(c, p)
            local s = c.state[pair] or {}
            c.state[pair] = s
            if s.number and number <= s.number then return end
            if s.number and s.done and c.state.other ~= p.time then
                local gap, interval = p.time - s.done, c.settings.peer_rekey_hours * 3600 * S
                local late = 2 * c.settings.retransmit * S + S
                c:saw()
                if interval == 0 then
                    c:fail("rekeying is off, and there was an exchange", p)
                elseif gap < interval - interval // 20 or gap > interval + late then
                    c:fail(("%s after the one before, not %s"):format(seconds(gap), seconds(interval)), s.item, p)
                end
            end
            s.number, s.done = number, nil
        end)
        each_message(p, "KEY_RESPONSE", function()
            local s = c.state[pair_of(c, p)]
            if s then s.done, s.item = s.done or p.time, p end
        end)
        if p.kind == "bfd" then pair_of(c, p) end
    end,
    broken = { { "an exchange comes half an hour late", function(items)
        local numbers, n = {}, 0
        for i, item in ipairs(items) do
            each_message(item, "KEY_REQUEST", function(m)
                if not numbers[number_of(m)] then
                    n = n + 1
                    numbers[number_of(m)] = n
                end
                if numbers[number_of(m)] == 3 then
                    items[i] = copy(item)
                    items[i].time = item.time + 1800 * S
                end
            end)
        end
        return sorted(items)
    end } },
}

return list

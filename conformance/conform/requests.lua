-- SPDX-License-Identifier: MIT
-- Checks of key requests: when they go out, and what becomes of those that nobody answers (see conform.judge).
local trace = require "conform.trace"
local S = trace.S
local each_message, number_of, seconds, copy, change, sorted, pair_of, path_of =
    trace.each_message, trace.number_of, trace.seconds, trace.copy, trace.change, trace.sorted, trace.pair_of, trace.path_of
local list, check = trace.list()

-- Follows each request until it is answered: calls f(c, p, r) when it goes out again. Copies on several paths at one
-- instant are one attempt.
local function follow_requests(c, p, f)
    local open = c.state.open or {}
    c.state.open = open
    local heard, silent = c.state.heard or {}, c.state.silent or {}
    c.state.heard, c.state.silent = heard, silent
    local function name(address) return c.world.by_address[address] and c.world.by_address[address].name or address end
    local from, to = name(p.src), name(p.dst)
    if p.kind == "bfd" and heard[from] and p.time - heard[from] > 5 * S then silent[from] = p.time end
    if p.kind == "bfd" then heard[from] = p.time end
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
            -- Whoever was silent until now may have sent it before.
            open[number] = { from = from, to = to,
                unsure = silent[from] ~= nil and p.time - silent[from] < 5 * S, first = p.time, last = p.time, item = p, attempts = 1 }
            return
        end
        if r.answered or r.given_up or p.time - r.last <= c.slack then return end
        if c.world:is_corrupted(p.time) then r.unsure = true end -- some were altered beyond recognition
        -- Behind a line that is down nobody sees what goes out.
        if not r.unsure and (not silent[from] or silent[from] <= r.last) then f(c, p, r) end
        r.last, r.item, r.attempts = p.time, p, r.attempts + 1
    end)
    each_message(p, "KEY_RESPONSE", function(m)
        local r = open[number_of(m)]
        if not r or r.answered then return end
        r.answered = p.time
        for _, other in pairs(open) do -- of two that crossed, the other one is given up
            if other.from == r.to and other.to == r.from then other.given_up = true end
        end
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
            if math.abs(gap - interval) <= c.tolerance or (gap < interval and has_reason(c, r, p)) then return end
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
            if math.abs(gap - interval) <= c.tolerance or (gap < interval and has_reason(c, r, p)) then return end
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
        local asked = c.state.requests or {}
        c.state.requests = asked
        local id = e.router .. " " .. (e.peer or "")
        if e.kind == "key-request" and e.value == 1 then asked[id] = e.time end
        if e.kind ~= "key-timeout" then return end
        local limit, found = c.settings.timeout * S, nil
        -- Behind a line that is down its own word must do.
        if asked[id] and math.abs(e.time - asked[id] - limit) <= c.tolerance then found = true end
        for _, r in pairs(c.state.open or {}) do
            if not r.answered and math.abs(e.time - r.first - limit) <= c.tolerance then found = r end
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
            local other = c.state.other and math.abs(p.time - c.state.other) < 5 * S
            if s.number and s.done and not other and trace.held_by(m) > 0 then
                local gap, interval = p.time - s.done, c.settings.peer_rekey_hours * 3600 * S
                local late = 2 * c.settings.retransmit * S + S + c.slack + 2 * s.delay
                c:saw()
                if interval == 0 then
                    c:fail("rekeying is off, and there was an exchange", p)
                elseif gap > interval + late or (gap < interval - interval // 20 and s.delay < c.settings.retransmit * S) then
                    -- (On a slower line the other side's own interval is over before its answer counts.)
                    c:fail(("%s after the one before, not %s"):format(seconds(gap), seconds(interval)), s.item, p)
                end
            end
            s.number, s.done, s.asked = number, nil, p.time
        end)
        each_message(p, "KEY_RESPONSE", function(m)
            local s = c.state[pair_of(c, p)]
            if s and not s.done and s.number == number_of(m) then s.done, s.item, s.delay = p.time, p, p.time - s.asked end
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

check "KEY-RETRY-IFCHANGE" {
    expects = "out of service by timeout, a request goes out at once when an interface changes",
    packet = function(c, p)
        follow_requests(c, p, function() end)
        local waiting = c.state.waiting
        each_message(p, "KEY_REQUEST", function(m)
            local router = waiting and c.world.by_address[p.src]
            if not router or not waiting[router.name] then return end
            c:saw()
            waiting[router.name] = nil
        end)
        for name, w in pairs(waiting or {}) do
            if p.time > w.time + 2 * S then
                c:fail(("no request of %s within 2 s of the change"):format(name), w)
                waiting[name] = nil
            end
        end
    end,
    story = function(c, t)
        if t.kind == "router" then c.state.out = nil end -- it begins anew
        if t.kind ~= "link" or not t.carrier or t.state ~= "up" then return end
        local link = c.world.links[t.link]
        for _, name in ipairs(link and link.ends or {}) do
            local seen = c.world.by_name[name] and c.world.blocked[t.link] ~= name
            if seen and c.state.out and c.state.out[name] then
                c.state.waiting = c.state.waiting or {}
                c.state.waiting[name] = t
            end
        end
    end,
    event = function(c, e)
        c.state.out = c.state.out or {}
        if e.kind == "key-timeout" then c.state.out[e.router] = true end
        if e.kind == "peer-key" and e.to == "computed" then c.state.out[e.router] = nil end
    end,
    broken = { { "the interface comes up, and nothing is asked", function(list)
        local out, from = {}, nil
        for _, item in ipairs(list) do
            if item.kind == "link" and item.carrier and item.state == "up" then from = item.time end
            if not (from and item.time < from + 10 * S and trace.has_message "KEY_REQUEST"(item)) then out[#out + 1] = item end
        end
        return out
    end } },
}

check "KEY-NO-ANSWER" {
    expects = "between routers that never completed an exchange nothing but BFD passes",
    packet = function(c, p)
        if p.kind == "other" then return end
        local done, asked = c.state.done or {}, c.state.asked or {}
        c.state.done, c.state.asked = done, asked
        if not p.src then return end -- no packet of routers
        local way = path_of(p)
        if p.kind == "bfd" then
            each_message(p, "KEY_RESPONSE", function() done[way] = true end)
            for _, m in ipairs(p.messages or {}) do
                if m.kind == "KEY_REQUEST" or m.kind == "CERT" then asked[way] = p end
            end
            if p.metadata == "good" then done[way] = true end
        elseif p.kind == "session" and not done[way] and asked[way] then
            c:fail("a session passes, and no exchange was completed", asked[way], p)
        end
    end,
    finish = function(c)
        for way in pairs(c.state.asked or {}) do
            if not c.state.done[way] then c:saw() end
        end
    end,
    broken = { { "a session with a peer that never answered", function(list)
        local asked, done, session = {}, {}, nil
        for _, p in ipairs(list) do
            if p.kind == "bfd" and p.metadata == "good" then done[path_of(p)] = true end
            if p.what == "packet" and p.kind == "session" then session = session or p end
        end
        for _, p in ipairs(list) do
            if p.kind == "bfd" and trace.has_message "CERT"(p) and not done[path_of(p)] then asked[#asked + 1] = p end
        end
        if not session or #asked == 0 then return list end
        local forged = copy(session)
        forged.src, forged.dst, forged.time = asked[#asked].src, asked[#asked].dst, asked[#asked].time + S
        list[#list + 1] = forged
        return sorted(list)
    end } },
}

return list

-- SPDX-License-Identifier: MIT
-- Checks of certificates, of what routers make of them, and of the alarms about them (see conform.judge).
local trace = require "conform.trace"
local S = trace.S
local each_message, number_of, seconds, copy, change, sorted, has_message =
    trace.each_message, trace.number_of, trace.seconds, trace.copy, trace.change, trace.sorted, trace.has_message
local list, check = trace.list()

local DAY = 24 * 3600 * S

-- ---- X.509 -------------------------------------------------------------------------------------------------

-- The element at `at`: tag, where its contents begin and end, where the next element begins.
local function element(der, at)
    local tag, len = der:byte(at, at + 1)
    at = at + 2
    if len >= 0x80 then
        local n = len - 0x80
        len = string.unpack(">I" .. n, der, at)
        at = at + n
    end
    return tag, at, at + len - 1, at + len
end

-- Issuer and subject of a certificate, as they are encoded, and where the issuer begins and ends.
local function names_of(der)
    local _, at = element(der, 1)
    _, at = element(der, at)
    local tag, _, _, after = element(der, at)
    if tag == 0xa0 then at = after end -- version
    for _ = 1, 2 do _, _, _, at = element(der, at) end -- serial number, algorithm
    local issuer_at = at
    local _, _, _, validity = element(der, at)
    local _, _, _, subject = element(der, validity)
    local _, _, last = element(der, subject)
    return der:sub(issuer_at, validity - 1), der:sub(subject, last), issuer_at, validity - 1
end

-- The first certificate of a CERT message.
local function leaf_of(m)
    if #m.bytes <= 51 then return nil end
    return (string.unpack(">s2", m.bytes, 50))
end

check "CRT-SELF" {
    expects = "a router that was given no certificate presents one that it signed itself",
    packet = function(c, p)
        local router = c.world.by_address[p.src]
        if not router or c.world:is_corrupted(p.time) then return end
        each_message(p, "CERT", function(m)
            local leaf = leaf_of(m)
            if not leaf then return end
            local issuer, subject = names_of(leaf)
            if c.world.certificates[router.name] then
                if issuer == subject then c:fail("it was given a certificate, and presents one of its own", p) end
            else
                c:saw()
                if issuer ~= subject then c:fail("it was given no certificate, and presents one of somebody else", p) end
            end
        end)
    end,
    broken = { { "it presents a certificate that others signed", change(has_message "CERT", 1, function(p)
        each_message(p, "CERT", function(m)
            local leaf = leaf_of(m)
            local _, _, _, last = names_of(leaf)
            local forged = leaf:sub(1, last - 1) .. "?" .. leaf:sub(last + 1)
            m.bytes = m.bytes:sub(1, 49) .. string.pack(">s2", forged) .. m.bytes:sub(52 + #leaf)
        end)
    end) } },
}

-- ---- judgement ---------------------------------------------------------------------------------------------

-- Whether the certificate of a peer comes from a root that the router trusts; nil when it is not known.
local function is_trusted(c, router, peer)
    local r, given = c.world.by_name[router], c.world.certificates[peer]
    if not r or not c.world.by_name[peer] or #r.trusts == 0 then return nil end
    for _, root in ipairs(given and r.trusts or {}) do
        if root == given.root then return true end
    end
    return false
end

check "CRT-CA" {
    expects = "with a list of trusted CAs only certificates under one of them are accepted",
    event = function(c, e)
        if e.kind ~= "certificate" or not e.peer then return end
        local trusted = is_trusted(c, e.router, e.peer)
        if trusted == nil then return end
        c:saw()
        if not trusted and e.to == "accepted" then c:fail("it accepted a certificate of a CA that it does not trust", e) end
        if trusted and e.reason:find "trusted" then c:fail("it refused a certificate of a CA that it trusts", e) end
    end,
    broken = { { "a stranger's certificate is accepted", change(function(e) return e.kind == "certificate" and e.reason and e.reason:find "trusted" end, nil,
        function(e) e.to, e.reason = "accepted", "valid" end) } },
}

check "CRT-WHEN" {
    expects = "a certificate is judged when it is new, or when something changed by which it is judged, and not again and again",
    event = function(c, e)
        if e.kind == "peering" then c.state[e.router .. e.peer] = nil end
        if e.kind ~= "certificate" then return end
        local id = e.router .. (e.peer or "")
        local s = c.state[id]
        local changed = 0
        for _, name in ipairs { e.router, e.peer } do
            changed = math.max(changed, c.world.reloaded[name] or 0, c.world.began[name] or 0)
        end
        c:saw()
        if s and s.to == "accepted" and e.to == "accepted" and s.time > changed + c.slack then c:fail("it judged the same certificate twice", s, e) end
        c.state[id] = e
    end,
    broken = { { "the same certificate is judged every minute", function(items)
        local out = {}
        for _, item in ipairs(items) do
            out[#out + 1] = item
            if item.kind == "certificate" and item.to == "accepted" then
                out[#out + 1] = copy(item)
                out[#out].time = item.time + 60 * S
            end
        end
        return sorted(out)
    end } },
}

check "CRT-LATE" {
    expects = "another certificate is used from a reload or restart on, not before",
    packet = function(c, p)
        local router = c.world.by_address[p.src]
        if not router or c.world:is_corrupted(p.time) then return end
        each_message(p, "CERT", function(m)
            local leaf, s = leaf_of(m), c.state[router.name]
            if not leaf then return end
            if s and s.leaf ~= leaf then
                local allowed = math.max(c.world.reloaded[router.name] or 0, c.world.began[router.name] or 0)
                c:saw()
                if allowed < s.item.time then c:fail("it presents another certificate, and nobody told it to", s.item, p) end
            end
            c.state[router.name] = { leaf = leaf, item = p }
        end)
    end,
    broken = { { "it presents the new one before it is told to", function(items)
        for i, item in ipairs(items) do
            if item.kind == "certificate" and item.what == "story" and item.time > items[#items].time - 1000 * S then
                items[i] = copy(item)
                items[i].time = item.time + 700 * S
            end
        end
        return sorted(items)
    end } },
}

check "CRT-KEYPAIR" {
    expects = "certificates with every kind of key make a peer: RSA, ECDSA on P-256, P-384 and P-521, Ed25519",
    event = function(c, e)
        local s = c.state.accepted or {}
        c.state.accepted = s
        if e.kind == "certificate" and e.peer and e.to == "accepted" then s[e.router .. " " .. e.peer] = s[e.router .. " " .. e.peer] or e end
        if e.kind == "path-service" and e.to == "in-service" then
            c.state.works = c.state.works or {}
            c.state.works[e.router .. " " .. e.peer] = true
        end
    end,
    finish = function(c)
        for id, e in pairs(c.state.accepted or {}) do
            local given = c.world.certificates[e.peer]
            local mutual = c.state.accepted[e.peer .. " " .. e.router]
            if given and mutual then
                c:saw()
                if not (c.state.works or {})[id] then c:fail(("it accepted a %s certificate, and they are no peers"):format(given.key), e) end
            end
        end
    end,
    broken = { { "one kind of key does not work", change(function(e) return e.kind == "path-service" and e.peer == "p521-san" end, nil,
        function() return false end) } },
}

check "CRT-PUBKEY" {
    expects = "a request whose signature does not hold is counted, and no answer is bound to it",
    packet = function(c, p)
        local function name(address) return c.world.by_address[address] and c.world.by_address[address].name or address end
        each_message(p, "KEY_REQUEST", function(m)
            local id = name(p.src) .. name(p.dst) .. number_of(m)
            local s = c.state[id] or { bytes = m.bytes }
            c.state[id] = s
            if s.bytes ~= m.bytes and c.world:is_corrupted(p.time) then c.state.altered = (c.state.altered or 0) + 1 end
        end)
        each_message(p, "KEY_RESPONSE", function(m)
            -- One that was altered itself says nothing.
            if c.world:is_corrupted(p.time) and p.metadata ~= "good" then return end
            local s, hash = c.state[name(p.dst) .. name(p.src) .. number_of(m)], m.bytes:sub(10, 57)
            if not s then return end
            if s.hash and s.hash ~= hash then c:fail("two answers are bound to different requests of one number", s.answer, p) end
            s.hash, s.answer = s.hash or hash, s.answer or p
        end)
    end,
    story = function(c, t)
        if t.kind ~= "counters" then return end
        c.state.counted = (c.state.counted or 0) + (t.dropped["key-exchange-bad-signature"] or 0)
    end,
    finish = function(c)
        if not c.state.altered then return end
        c:saw()
        if (c.state.counted or 0) == 0 then c:fail(("%d altered requests were sent, and no router counted a bad signature"):format(c.state.altered)) end
    end,
    broken = {
        { "signatures are not checked", change(function(t) return t.kind == "counters" end, nil, function(t) t.dropped = {} end) },
        { "an answer to an altered request", function(items)
            for i = #items, 1, -1 do
                if items[i].messages and has_message "KEY_RESPONSE"(items[i]) and items[i].time then
                    local forged = copy(items[i])
                    forged.metadata = "good"
                    each_message(forged, "KEY_RESPONSE", function(m) m.bytes = m.bytes:sub(1, 9) .. ("x"):rep(48) .. m.bytes:sub(58) end)
                    table.insert(items, i + 1, forged)
                    items[i] = copy(items[i])
                    items[i].metadata = "good"
                    return items
                end
            end
            return items
        end },
    },
}

-- ---- fail-soft and fail-hard -------------------------------------------------------------------------------

-- A certificate in use that turned invalid: with the routers that are concerned.
local function turned_invalid(c, e)
    return e.kind == "certificate" and e.to == "refused" and (e.reason == "expired" or e.reason == "revoked") and c.state.served and
        (e.peer and c.state.served[e.router .. " " .. e.peer] or not e.peer and c.state.any)
end

local function follow_service(c, e)
    if e.kind ~= "path-service" then return end
    c.state.served = c.state.served or {}
    c.state.served[e.router .. " " .. e.peer], c.state.any = e.to == "in-service", true
end

check "CRT-FAIL-SOFT" {
    expects = "with fail-soft a certificate that turns invalid is told, and peering and traffic go on",
    event = function(c, e)
        if c.settings.fail_hard then return end
        local bad = c.state.bad
        local raised = e.kind == "alarm" and e.severity == "CRITICAL" and e.to == "raised"
        if turned_invalid(c, e) or (raised and c.state.any) then c.state.bad = { time = e.time, event = e } end
        if bad and e.kind == "path-service" and e.to == "out-of-service" and e.time - bad.time < 5 * S and e.reason ~= "bfd down" then
            c:fail("its path went out of service", bad.event, e)
        end
        if e.kind == "peering" and e.to == "removed" then c:fail("it removed its peering, and the rule is fail-soft", e) end
        follow_service(c, e)
    end,
    packet = function(c, p)
        if c.state.bad and p.payload == "good" and p.time - c.state.bad.time > S then c:saw() end
    end,
    broken = {
        { "the peering is removed", function(items)
            for i, e in ipairs(items) do
                if e.kind == "alarm" and e.severity == "CRITICAL" and e.to == "raised" then
                    table.insert(items, i + 1, { what = "event", kind = "peering", to = "removed", router = e.router, peer = "hub", time = e.time })
                    return items
                end
            end
            return items
        end },
        { "the path goes out of service", function(items)
            for i, e in ipairs(items) do
                if e.kind == "alarm" and e.severity == "CRITICAL" and e.to == "raised" then
                    table.insert(items, i + 1, { what = "event", kind = "path-service", to = "out-of-service", router = e.router, peer = "hub",
                        time = e.time + 1, reason = "certificate", path = "wan0 a b" })
                    return items
                end
            end
            return items
        end },
    },
}

check "CRT-FAIL-HARD" {
    expects = "with fail-hard a router whose certificate turns invalid takes part in nothing, from that second on",
    event = function(c, e)
        if not c.settings.fail_hard then return end
        if e.kind == "certificate" and not e.peer and c.state.any then
            if e.to == "refused" then c.state.barred, c.state.was_barred = e, e else c.state.barred = nil end
        end
        if e.kind == "peering" and e.to == "removed" then c.state.removed = e end
        if e.kind == "path-service" and e.to == "in-service" and c.state.barred and e.router == c.state.barred.router then
            c:fail("it takes part with an invalid certificate", c.state.barred, e)
        end
        follow_service(c, e)
    end,
    packet = function(c, p)
        local barred = c.state.barred
        if not barred then return end
        local from, to = c.world.by_address[p.src], c.world.by_address[p.dst]
        local concerned = (from and from.name == barred.router) or (to and to.name == barred.router)
        if not concerned then return end
        if p.kind == "session" and p.time - barred.time > S then c:fail("traffic goes on", barred, p) end
    end,
    finish = function(c)
        if not c.state.was_barred then return end
        c:saw()
        if not c.state.removed then c:fail("nothing says that its peering was removed", c.state.was_barred) end
    end,
    broken = {
        { "traffic goes on", function(items)
            local bad, session
            for _, item in ipairs(items) do
                if item.kind == "certificate" and item.to == "refused" and not item.peer then bad = item end
                if item.what == "packet" and item.kind == "session" and not bad then session = item end
            end
            local forged = copy(session)
            forged.time = bad.time + 5 * S
            items[#items + 1] = forged
            return sorted(items)
        end },
        { "peering is not removed", change(function(e) return e.kind == "peering" end, nil, function() return false end) },
    },
}

-- ---- alarms ------------------------------------------------------------------------------------------------

-- Alarms by router and source; `f` gets each as it is raised or cleared.
local function follow_alarms(c, e)
    if e.kind ~= "alarm" then return end
    c.state.alarms = c.state.alarms or {}
    table.insert(c.state.alarms, e)
end

local function alarm_about(c, router, source, from, to)
    for _, e in ipairs(c.state.alarms or {}) do
        if e.router == router and e.peer == source and e.to == "raised" and e.time >= from and e.time <= to then return e end
    end
end

check "CRT-ALARM" {
    expects = "a certificate that is revoked, expired or otherwise invalid raises an alarm",
    event = function(c, e)
        follow_alarms(c, e)
        if e.kind ~= "certificate" then return end
        c.state.refused, c.state.accepted = c.state.refused or {}, c.state.accepted or {}
        local id = e.router .. (e.peer or "")
        if e.to == "accepted" then c.state.accepted[id] = true end
        -- A chain that anybody may send in clear does not count while another is in use, unless it is that one.
        local strange = c.state.accepted[id] and e.reason ~= "expired" and e.reason ~= "revoked"
        if e.to == "refused" and not strange then table.insert(c.state.refused, e) end
    end,
    finish = function(c)
        for _, e in ipairs(c.state.refused or {}) do
            c:saw()
            if not alarm_about(c, e.router, e.peer or e.router, 0, e.time + S) then c:fail("no alarm was raised for it", e) end
        end
    end,
    broken = { { "no alarm", change(function(e) return e.kind == "alarm" end, nil, function() return false end) } },
}

check "CRT-MISSING" {
    expects = "a router that rekeys and has no certificate of a CA raises an alarm",
    event = follow_alarms,
    finish = function(c)
        for _, r in ipairs(c.world.routers) do
            if r.enhanced and not c.world.certificates[r.name] then
                c:saw()
                if not alarm_about(c, r.name, r.name, 0, math.huge) then c:fail(r.name .. " has no certificate, and no alarm") end
            end
        end
    end,
    broken = { { "no alarm", change(function(e) return e.kind == "alarm" and e.peer == e.router end, nil, function() return false end) } },
}

-- What is to be told of each certificate, and when.
local function deadlines(given)
    return { { given.until_ - 30 * DAY, "MINOR" }, { given.until_ - 7 * DAY, "MAJOR" }, { given.until_ + S, "CRITICAL" } }
end

check "CRT-EXPIRING" {
    expects = "alarms: within a month of expiry MINOR, within a week MAJOR, expired CRITICAL, revoked CRITICAL, each at its second",
    story = function(c, t)
        local given, revoked = c.state.given or {}, c.state.revoked or {}
        c.state.given, c.state.revoked = given, revoked
        c.state.last = t.time
        if t.kind == "certificate" then
            if given[t.router] then given[t.router].replaced = t.time end
            given[#given + 1], given[t.router] = t, t
        elseif t.kind == "router" and t.did == "clock" then
            c.state.clock = c.state.clock or {}
            c.state.clock[t.router] = true -- its own time is another
        elseif t.kind == "revoked" then
            revoked[t.serial] = t
        elseif t.kind == "router" and t.did == "reload" and t.crl then
            for _, g in ipairs(given) do
                if revoked[g.serial] and not g.replaced then g.told = g.told or { time = t.time, router = t.router } end
            end
        end
    end,
    event = follow_alarms,
    finish = function(c)
        local function expect(router, source, at, severity, why)
            c:saw()
            local e = alarm_about(c, router, source, at - S, at + S)
            if not e then
                c:fail(("%s raised no alarm about %s (%s)"):format(router, source, why))
            elseif e.severity ~= severity then
                c:fail(("its alarm is %s, not %s"):format(e.severity, severity), e)
            end
        end
        for _, g in ipairs(c.state.given or {}) do
            local over = g.replaced or c.state.last
            for _, d in ipairs(deadlines(g)) do
                if d[1] > g.time and d[1] < over and not (c.state.clock or {})[g.router] then
                    expect(g.router, g.router, d[1], d[2], d[2] == "CRITICAL" and "expired" or "expires")
                end
            end
            if g.told then expect(g.told.router, g.router, g.told.time, "CRITICAL", "revoked") end
        end
    end,
    broken = {
        { "the alarm of the week comes an hour late", change(function(e) return e.kind == "alarm" and e.severity == "MAJOR" and e.to == "raised" end, nil,
            function(e) e.time = e.time + 3600 * S end) },
        { "the alarm of the month does not come", change(function(e) return e.kind == "alarm" and e.severity == "MINOR" end, nil, function() return false end) },
        { "expired is only MAJOR", change(function(e) return e.kind == "alarm" and e.severity == "CRITICAL" and e.peer == e.router end, nil,
            function(e) e.severity = "MAJOR" end) },
        { "revoked is not told", change(function(e) return e.kind == "alarm" and e.detail and e.detail:find "revoked" end, nil, function() return false end) },
    },
}

local alarm_fields = { "Time", "Severity", "Source", "Category", "Process", "Message" }

check "CRT-ALARM-TEXT" {
    expects = "an alarm tells ID, time, severity, source, category, process and message, as the description's sample does",
    story = function(c, t)
        if t.kind ~= "show" or t.command:find "^show alarms id " ~= 1 then return end
        local id = t.command:match "id (%S+)"
        for _, record in ipairs(t.records) do
            local have = { ID = record.title }
            for _, f in ipairs(record.fields) do have[f[1]] = tostring(f[2]) end
            c:saw()
            for _, label in ipairs(alarm_fields) do
                if not have[label] or have[label] == "" then c:fail("it does not tell " .. label, t) end
            end
            if not t.text:find(id, 1, true) then c:fail("it does not tell its ID", t) end
            if not (have.Time or ""):find "^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d$" then c:fail(("its time is \"%s\""):format(have.Time), t) end
            local cause = (have.Message or ""):match "certificate is invalid: (%w+) %- " or (have.Message or ""):match "^Certificate of router %S+ %S+"
            if not cause then c:fail(("its message is \"%s\""):format(have.Message), t) end
        end
    end,
    broken = {
        { "without a process", change(function(t) return t.kind == "show" and t.command:find "^show alarms id" end, nil, function(t)
            local record, fields = t.records[1], {}
            for _, f in ipairs(record.fields) do
                if f[1] ~= "Process" then fields[#fields + 1] = f end
            end
            t.records = { { title = record.title, fields = fields } }
        end) },
        { "with a time of another form", change(function(t) return t.kind == "show" and t.command:find "^show alarms id" end, nil, function(t)
            local record, fields = t.records[1], {}
            for i, f in ipairs(record.fields) do fields[i] = f[1] == "Time" and { "Time", "1739145601" } or f end
            t.records = { { title = record.title, fields = fields } }
        end) },
    },
}

return list

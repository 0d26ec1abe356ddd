-- SPDX-License-Identifier: MIT
-- Checks of cryptography (see conform.judge).
local trace = require "conform.trace"
local each_message, number_of, request_salt, response_salt = trace.each_message, trace.number_of, trace.request_salt, trace.response_salt
local copy, change, has_message = trace.copy, trace.change, trace.has_message
local list, check = trace.list()

check "CRY-META-AES" {
    expects = "addresses of hosts are in encrypted metadata alone, which comes with the first packet of a session",
    packet = function(c, p)
        if p.kind ~= "session" or not p.uuid then return end
        if p.shows_inner then c:fail("the addresses of its hosts can be read", p) end
        if c.state[p.uuid] then return end
        c.state[p.uuid] = true
        if p.metadata == "good" then c:saw() end
        if not p.has_metadata then c:fail("the first packet of its session has no metadata", p) end
    end,
    broken = {
        { "a context among the clear TLVs", change(function(p) return p.uuid and p.has_metadata end, 1, function(p) p.shows_inner = true end) },
        { "a session that begins without metadata", function(list)
            local uuid
            return change(function(p)
                uuid = uuid or p.uuid
                return p.uuid and p.uuid == uuid and p.has_metadata
            end, nil, function() return false end)(list)
        end },
    },
}

-- By number: algorithm and length of a public value.
local groups = { [1] = { "diffie-hellman", 1024, 128 }, [2] = { "diffie-hellman", 2048, 256 }, [3] = { "diffie-hellman", 4096, 512 },
    [4] = { "P-521", 0, 133 }, [5] = { "X25519", 0, 32 } }

-- Number of the group in a request or response, and the public value.
local function offer(m)
    local at = m.kind == "KEY_REQUEST" and 26 or 74
    local held = at + 1 + 16 + 4
    local n = m.bytes:byte(held)
    return m.bytes:byte(at), string.unpack(">s2", m.bytes, held + 1 + 12 * n)
end

check "CRY-PEERKEY-DH" {
    expects = "each exchange has fresh values of the configured group, and BFD metadata is enciphered under its peer key",
    packet = function(c, p)
        local function judge(m)
            local group, value = offer(m)
            local g = groups[group]
            local want = c.settings.kex
            if not g or (want and (g[1] ~= want or (want == "diffie-hellman" and g[2] ~= c.settings.dh_bits))) then
                c:fail(("its group %d is not the configured one"):format(group), p)
            elseif #value ~= g[3] then
                c:fail(("its public value has %d bytes, not %d"):format(#value, g[3]), p)
            end
            local id = m.kind .. (string.unpack(">I8", m.bytes, 2))
            if c.state[value] and c.state[value] ~= id then c:fail("its public value was used before", p, c.state[id]) end
            if not c.state[value] then c:saw() end
            c.state[value], c.state[id] = id, p
        end
        if c.world:is_corrupted(p.time) then return end
        each_message(p, "KEY_REQUEST", judge)
        each_message(p, "KEY_RESPONSE", judge)
    end,
    broken = {
        { "a group of 1024 bits", change(has_message "KEY_REQUEST", 1, function(p)
            each_message(p, "KEY_REQUEST", function(m) m.bytes = m.bytes:sub(1, 25) .. "\1" .. m.bytes:sub(27) end)
        end) },
        { "a request with the public value of another", function(list)
            local value, number
            for i, item in ipairs(list) do
                each_message(item, "KEY_REQUEST", function(m)
                    local _, own = offer(m)
                    number = number or number_of(m)
                    value = value or own
                    if number_of(m) == number then return end
                    list[i] = copy(item)
                    each_message(list[i], "KEY_REQUEST", function(n)
                        local at = n.bytes:find(own, 1, true)
                        n.bytes = n.bytes:sub(1, at - 1) .. value .. n.bytes:sub(at + #own)
                    end)
                end)
            end
            return list
        end },
    },
}

-- One more packet that the router which it goes to must drop.
local function note(c, p)
    local router = c.world.by_address[p.dst]
    if not router then return end
    local s = c.state[router.name] or { n = 0 }
    c.state[router.name] = s
    s.n, s.item = s.n + 1, p
end

-- What each router dropped, for these reasons.
local function dropped(item, ...)
    local n = 0
    for _, reason in ipairs { ... } do n = n + (item.dropped[reason] or 0) end
    return n
end

check "CRY-HMAC" {
    expects = "every HMAC holds; whatever was altered on the way is dropped and counted",
    packet = function(c, p)
        if p.metadata == "good" or p.payload == "good" then c:saw() end
        local bad = p.metadata == "bad" or p.payload == "bad"
        if not bad then return end
        if not c.world:is_corrupted(p.time) then
            c:fail(p.metadata == "bad" and "the HMAC of its metadata does not hold" or "the HMAC of its payload does not hold", p)
            return
        end
        note(c, p)
    end,
    story = function(c, t)
        if t.kind == "flow" and t.corrupted > 0 then c:fail(("%d altered messages reached a host"):format(t.corrupted), t) end
        if t.kind ~= "counters" or not c.state[t.router] or t.down then return end
        -- A router that began anew counts from zero.
        if c.world.began[t.router] then return end
        local n = dropped(t, "bfd-bad-hmac", "metadata-bad-hmac", "payload-bad-hmac", "bfd-unknown-key", "payload-unknown-key")
        c:saw()
        if n < c.state[t.router].n * 9 // 10 then
            c:fail(("%d altered packets went to it, and it counted %d"):format(c.state[t.router].n, n), t, c.state[t.router].item)
        end
    end,
    broken = {
        { "one bit of a BFD packet is flipped", change(function(p) return p.kind == "bfd" and p.metadata == "good" end, 5,
            function(p) p.metadata = "bad" end) },
        { "one bit of a payload is flipped", change(function(p) return p.payload == "good" end, 2,
            function(p) p.payload = "bad" end) },
        { "altered packets are not counted", change(function(t) return t.kind == "counters" end, nil, function(t)
            t.dropped = {}
        end) },
        { "altered packets reach a host", change(function(t) return t.kind == "flow" end, 1, function(t) t.corrupted = 1 end) },
    },
}

-- What makes a packet the same as one before it; nil when it has no nonce to tell by.
local function identity(p)
    if p.kind == "bfd" and p.metadata == "good" then return ("%s %s %d"):format(p.fingerprint, p.sender, p.nonce) end
    if p.payload == "good" then return ("%s %s %d %d %s %s"):format(p.uuid, p.forward, p.phase, p.counter, p.src, p.dst) end
end

check "CRY-REPLAY" {
    expects = "no nonce is used for two packets, and a packet that comes again is dropped and counted",
    packet = function(c, p)
        local id = identity(p)
        if not id or c.world:is_corrupted(p.time) then return end
        local text = p.tag or id
        local before = c.state[id]
        if not before then
            c.state[id] = text
            return
        end
        if before ~= text then
            c:fail("its nonce was used for another packet", p)
            return
        end
        note(c, p)
    end,
    story = function(c, t)
        if t.kind == "flow" and t.duplicated > 0 then c:fail(("%d messages reached a host twice"):format(t.duplicated), t) end
        local s = t.kind == "counters" and not t.down and not c.world.began[t.router] and c.state[t.router]
        if not s then return end
        local n = dropped(t, "bfd-replay", "metadata-replay", "payload-replay", "bfd-unknown-key", "payload-unknown-key",
            "metadata-unknown-key", "unknown-session", "bfd-unauthenticated", "key-exchange-stale", "path-not-in-service")
        c:saw()
        -- What a lossy line ate between the capture and the router cannot be counted.
        if n < s.n // 2 then c:fail(("%d packets went to it twice, and it dropped %d"):format(s.n, n), t, s.item) end
    end,
    broken = {
        { "a nonce is used for two packets", function(list)
            local first
            for i, p in ipairs(list) do
                if p.payload == "good" then
                    if first and p.uuid == first.uuid and p.forward == first.forward then
                        list[i] = copy(p)
                        list[i].phase, list[i].counter = first.phase, first.counter
                        return list
                    end
                    first = first or p
                end
            end
            return list
        end },
        { "what comes again is not counted", change(function(t) return t.kind == "counters" end, nil, function(t) t.dropped = {} end) },
        { "what comes again reaches a host", change(function(t) return t.kind == "flow" end, 1, function(t) t.duplicated = 1 end) },
    },
}

check "CRY-X509" {
    expects = "a peer is trusted after its X.509 certificate was accepted; one of a CA comes with its intermediates",
    packet = function(c, p)
        each_message(p, "CERT", function(m)
            local n, at = 0, 50
            -- A message in clear that was altered on its way may end within a certificate.
            while at < #m.bytes and at + 1 + string.unpack(">I2", m.bytes, at) <= #m.bytes do
                local der
                der, at = string.unpack(">s2", m.bytes, at)
                n = n + 1
                -- An accident alters one message; what a router says it says again.
                if der:byte(1) ~= 0x30 and c.state[m.bytes] then c:fail("a certificate in its chain is no DER", p) end
                if der:byte(1) ~= 0x30 then c.state[m.bytes] = true end
            end
            local router = c.world.by_address[p.src]
            local given = router and c.world.certificates[router.name]
            if given and given.issuer ~= given.root then
                c:saw()
                if n < 2 then c:fail("the intermediate is missing in its chain", p) end
            end
        end)
    end,
    event = function(c, e)
        local id = e.router .. " " .. (e.peer or "")
        -- A refused chain, which comes in clear, does not end what is established.
        if e.kind == "certificate" and e.peer then c.state[id] = c.state[id] or e.to == "accepted" end
        if e.kind == "path-service" and e.to == "in-service" then
            c:saw()
            if not c.state[id] then c:fail("it trusts a peer whose certificate was not accepted", e) end
        end
    end,
    broken = {
        { "a path of a peer whose certificate nobody accepted", change(function(e) return e.kind == "certificate" end, nil, function() return false end) },
        { "a chain without its intermediate", change(has_message "CERT", nil, function(p)
            each_message(p, "CERT", function(m)
                local der = string.unpack(">s2", m.bytes, 50)
                m.bytes = m.bytes:sub(1, 49) .. string.pack(">s2", der)
            end)
        end) },
    },
}

local function family(address) return address:find(":", 1, true) and 6 or 4 end

check "CRY-FAMILIES" {
    expects = "sessions of IPv4 and IPv6 cross paths of IPv4 and IPv6, and both ends hear each other",
    packet = function(c, p)
        if p.payload ~= "good" then return end
        local id = ("IPv%d over IPv%d"):format(family(p.inner.src), family(p.src))
        c.state[id] = (c.state[id] or 0) + 1
    end,
    story = function(c, t)
        if t.kind ~= "flow" or t.sent == 0 then return end
        c.state.flows = c.state.flows or {}
        table.insert(c.state.flows, t)
    end,
    finish = function(c)
        local all = true
        for _, inner in ipairs { 4, 6 } do
            for _, outer in ipairs { 4, 6 } do
                local n = c.state[("IPv%d over IPv%d"):format(inner, outer)]
                all = all and n ~= nil
            end
        end
        if not all then return end -- the network has not got all of them
        c:saw()
        for _, t in ipairs(c.state.flows or {}) do
            if t.received == 0 or t.missing > t.sent // 2 then c:fail(("%d of %d were missing"):format(t.missing, t.sent), t) end
        end
    end,
    broken = { { "a flow of IPv6 is not answered", change(function(t) return t.kind == "flow" and t.flow:find "IPv6" end, 1, function(t)
        t.missing = t.sent
    end) } },
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
        if c.world:is_corrupted(p.time) then return end
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

return list

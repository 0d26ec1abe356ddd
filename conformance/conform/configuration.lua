-- SPDX-License-Identifier: MIT
-- Checks of the configuration: what the network said about itself, and what configurations that were tried became (see conform.judge).
local trace = require "conform.trace"
local change, has_message = trace.change, trace.has_message
local list, check = trace.list()

local function is_config(about)
    return function(t) return t.what == "story" and t.kind == "config" and (not about or t.about == about) end
end

check "CFG-ENABLE" {
    expects = "with enhanced-security-key-management true a router makes a metadata key at its start; with false it takes no part",
    event = function(c, e)
        local r = c.world.by_name[e.router]
        if r and e.kind == "metadata-key" and e.peer == nil and e.to == "computed" then c.state[e.router] = e end
        if r and not r.enhanced and (e.kind == "metadata-key" or e.kind == "peer-key") then c:fail("its key manager should be inactive", e) end
    end,
    packet = function(c, p)
        local r = c.world.by_address[p.src]
        if r and not r.enhanced and p.messages and #p.messages > 0 then c:fail("it exchanges keys, though it should not", p) end
    end,
    finish = function(c)
        for _, r in ipairs(c.world.routers) do
            if r.enhanced then c:saw() end
            if r.enhanced and not c.state[r.name] then c:fail(r.name .. " made no metadata key") end
        end
    end,
    broken = {
        { "a router makes no metadata key", change(function(e) return e.what == "event" and e.kind == "metadata-key" end, nil, function() return false end) },
        { "a router that should not exchanges keys", function(items)
            local old
            for _, item in ipairs(items) do
                for _, r in ipairs(item.kind == "topology" and item.routers or {}) do
                    if not r.enhanced then old = r.addresses[1] end
                end
            end
            return change(has_message "CERT", 1, function(p) p.src = old end)(items)
        end },
    },
}

check "CFG-PCN" {
    expects = "routers name themselves by peering-common-name; router names are not on the wire",
    packet = function(c, p)
        if p.exposes then c:fail(("the router name %s can be read"):format(p.exposes), p) end
        if p.kind ~= "bfd" or p.metadata ~= "good" or not c.world.known then return end
        local from = c.world.by_address[p.src]
        if from and from.pcn ~= p.sender then c:fail(("its keys name %s, and the router is %s"):format(p.sender, from.pcn), p) end
        if from and from.pcn ~= from.name then c:saw() end
    end,
    broken = {
        { "a router name in clear", change(function(p) return p.kind == "bfd" end, 3, function(p) p.exposes = "hub-west" end) },
        { "keys of another name", change(function(p) return p.kind == "bfd" and p.metadata == "good" end, 3, function(p) p.sender = "west" end) },
    },
}

check "CFG-PCN-MATCH" {
    expects = "a certificate of another name than the configured one is refused, and one of that name is not refused for it",
    event = function(c, e)
        if e.kind == "certificate" and e.peer then
            local given = c.world.certificates[e.peer]
            local peer = c.world.by_name[e.peer]
            if not given or not peer then return end
            local matches = given.name == peer.pcn
            local about_name = e.reason:find "common%-name" ~= nil
            c:saw()
            if not matches and e.to == "accepted" then c:fail(("it took the certificate of %s for that of %s"):format(given.name, peer.pcn), e) end
            if matches and about_name then c:fail("it refused the right name", e) end
            if not matches and about_name then c.state[e.peer] = true end
        elseif e.kind == "path-service" and e.to == "in-service" and c.state[e.peer] then
            c:fail("it works with a peer whose certificate is another's", e)
        end
    end,
    broken = { { "the name is not looked at", change(function(e) return e.kind == "certificate" and e.reason and e.reason:find "common%-name" end, nil, function(e)
        e.to, e.reason = "accepted", "valid"
    end) } },
}

-- "hub: east west, east: hub" as {hub = {east = true, west = true}, ...}
local function read_peers(text)
    local want = {}
    for name, peers in text:gmatch "(%w+): ([^,]+)" do
        want[name] = {}
        for peer in peers:gmatch "%w+" do want[name][peer] = true end
    end
    return want
end

local function same_peers(c, where, name, want, have)
    for peer in pairs(want) do
        if not have[peer] then c:fail(("%s lacks its peer %s"):format(name, peer), where) end
    end
    for peer in pairs(have) do
        if not want[peer] then c:fail(("%s has a peer %s that its neighborhoods do not give it"):format(name, peer), where) end
    end
end

local function may_peer(a, b)
    return a == "mesh" or b == "mesh" or (a == "hub" and b == "spoke") or (a == "spoke" and b == "hub")
end

local function peers_by_neighborhood(c, router)
    local want = {}
    for _, i in ipairs(router.interfaces) do
        for _, other in ipairs(c.world.routers) do
            for _, j in ipairs(other ~= router and other.interfaces or {}) do
                if i.neighborhood == j.neighborhood and may_peer(i.topology, j.topology) then want[other.name] = true end
            end
        end
    end
    return want
end

local function value_of(record, label)
    for _, f in ipairs(record.fields) do
        if f[1] == label then return f[2] end
    end
end

check "CFG-PEERS-AUTO" {
    expects = "routers that share a neighborhood are peers, by their part in it, each with its peering-common-name",
    story = function(c, t)
        if t.kind == "config" and t.about == "peers" and t.found.accepted then
            local want = read_peers(t.value)
            for _, r in ipairs(t.found.routers) do
                local have = {}
                for _, peer in ipairs(r.peers) do
                    have[peer.name] = true
                    if peer.pcn ~= "pcn-" .. peer.name then c:fail(("the peering-common-name of %s is %s"):format(peer.name, peer.pcn), t) end
                end
                c:saw()
                same_peers(c, t, r.name, want[r.name] or {}, have)
            end
        elseif t.kind == "show" and t.command == "show peers security" then
            local router, have = c.world.by_name[t.router], {}
            if not router then return end
            for _, record in ipairs(t.records) do have[value_of(record, "Peer") or "?"] = true end
            c:saw()
            same_peers(c, t, t.router, peers_by_neighborhood(c, router), have)
        end
    end,
    broken = {
        { "a peer is missing", change(is_config "peers", nil, function(t)
            t.found = { accepted = true, routers = { { name = "hub", peers = { { name = "east", pcn = "pcn-east" } } } } }
        end) },
        { "a peer has another name", change(is_config "peers", nil, function(t)
            t.found = { accepted = true, routers = { { name = "x", peers = { { name = "y", pcn = "y" } } } } }
        end) },
    },
}

-- A word of key management: `field` of what the configuration says, its default, and how text becomes its value.
local function value_check(id, word, o)
    local bad
    check(id) {
        expects = o.expects,
        story = function(c, t)
            if t.kind ~= "config" then return end
            if t.about == "defaults" and t.found.accepted then
                c:saw()
                if t.found[o.field] ~= o.default then
                    c:fail(("%s is %s by default, not %s"):format(word, tostring(t.found[o.field]), tostring(o.default)), t)
                end
            elseif t.about == word then
                local want = o.read(t.value)
                c:saw()
                if want == nil and t.found.accepted then c:fail(("%s \"%s\" was accepted"):format(word, t.value), t) end
                if want ~= nil and not t.found.accepted then c:fail(("%s %s was refused: %s"):format(word, t.value, t.found.message), t) end
                if want ~= nil and t.found.accepted and t.found[o.field] ~= want then
                    c:fail(("%s %s became %s"):format(word, t.value, tostring(t.found[o.field])), t)
                end
            end
        end,
        broken = {
            { "a bad value is accepted", change(function(t)
                bad = is_config(word)(t) and o.read(t.value) == nil
                return bad
            end, 1, function(t) t.found = { accepted = true } end) },
            { "another default", change(is_config "defaults", nil, function(t)
                t.found = setmetatable({ [o.field] = "other" }, { __index = t.found })
            end) },
            { "a good value is refused", change(function(t) return is_config(word)(t) and o.read(t.value) ~= nil end, 1, function(t)
                t.found = { accepted = false, message = "no" }
            end) },
        },
    }
end

local function number(low, high, never)
    return function(text)
        if never and text == "never" then return 0 end
        local n = text:match "^%d+$" and tonumber(text)
        return n and n >= low and n <= high and math.tointeger(n) or nil
    end
end

value_check("CFG-PAYLOAD-REKEY", "payload-key-rekey-interval", { field = "payload_rekey_hours", default = 24, read = number(1, 720, true),
    expects = "payload-key-rekey-interval takes 1 to 720 hours or never, 24 by default, and nothing else" })
value_check("CFG-PEER-REKEY", "peer-key-rekey-interval", { field = "peer_rekey_hours", default = 24, read = number(1, 720, true),
    expects = "peer-key-rekey-interval takes 1 to 720 hours or never, 24 by default, and nothing else" })
value_check("CFG-RETRANSMIT", "peer-key-retransmit-interval", { field = "retransmit", default = 30, read = number(5, 3600),
    expects = "peer-key-retransmit-interval takes 5 to 3600 seconds, 30 by default, and nothing else" })
value_check("CFG-TIMEOUT", "peer-key-timeout", { field = "timeout", default = 3600, read = number(1, 1000000),
    expects = "peer-key-timeout takes seconds, 3600 by default, and nothing else" })
value_check("CFG-INVALID-CERT", "invalid-certificate-behavior", { field = "fail_hard", default = false,
    read = function(text)
        if text == "fail-soft" then return false end
        if text == "fail-hard" then return true end
    end,
    expects = "invalid-certificate-behavior takes fail-soft, which is the default, or fail-hard" })

local exchanges = { ["diffie-hellman dh-key-size 2048"] = "diffie-hellman 2048", ["diffie-hellman dh-key-size 4096"] = "diffie-hellman 4096",
    ["ecdh curve P-521"] = "P-521", ["ecdh curve X25519"] = "X25519", [""] = "diffie-hellman 4096" }

local function exchange_of(found) return found.kex == "diffie-hellman" and "diffie-hellman " .. found.dh_bits or found.kex end

check "CFG-KEX" {
    expects = "key-exchange-algorithm selects the exchange: Diffie-Hellman of 4096 bits by default",
    story = function(c, t)
        if t.kind ~= "config" or (t.about ~= "key-exchange-algorithm" and t.about ~= "defaults") then return end
        local want = exchanges[t.value]
        c:saw()
        if not want then
            if t.found.accepted then c:fail(("\"%s\" was accepted"):format(t.value), t) end
        elseif not t.found.accepted or exchange_of(t.found) ~= want then
            c:fail(("\"%s\" became %s"):format(t.value, t.found.accepted and exchange_of(t.found) or "an error"), t)
        end
    end,
    broken = {
        { "an unknown exchange is accepted", change(function(t) return is_config()(t) and t.value == "rot13" end, 1, function(t) t.found = { accepted = true } end) },
        { "the choice has no effect", change(is_config "key-exchange-algorithm", nil, function(t)
            if t.found.accepted then t.found = setmetatable({ kex = "X25519" }, { __index = t.found }) end
        end) },
    },
}

check "CFG-SAMPLES" {
    expects = "the samples of the description load as they stand",
    story = function(c, t)
        if t.kind ~= "config" or t.about ~= "sample" then return end
        c:saw()
        if not t.found.accepted then c:fail(("%s: line %d, column %d: %s"):format(t.value, t.found.line, t.found.column, t.found.message), t) end
    end,
    broken = { { "one is refused", change(is_config "sample", 2, function(t)
        t.found = { accepted = false, line = 1, column = 1, message = "no" }
    end) } },
}

check "CFG-REJECT" {
    expects = "whatever is refused is refused with line, column and what is allowed, and the running routers are not disturbed",
    story = function(c, t)
        if t.kind == "flow" and c.state.refused and not c.world.disturbed and t.missing > 0 then
            c:fail(("%d of %d messages are missing"):format(t.missing, t.sent), t)
        end
        if t.kind ~= "config" or t.found.accepted then return end
        c:saw()
        c.state.refused = true
        local f = t.found
        if (f.line or 0) < 1 or (f.column or 0) < 1 then c:fail(("no place is given: %s"):format(f.message), t) end
        if not (f.message or ""):find "allowed" and not (f.message or ""):find "expected" and not (f.message or ""):find "not more" then
            c:fail(("it is not said what is allowed: %s"):format(f.message), t)
        end
    end,
    broken = {
        { "no place", change(function(t) return is_config()(t) and not t.found.accepted end, 1, function(t) t.found = { accepted = false, message = "allowed: all" } end) },
        { "no help", change(function(t) return is_config()(t) and not t.found.accepted end, 1, function(t)
            t.found = { accepted = false, line = 1, column = 1, message = "syntax error" }
        end) },
    },
}

return list

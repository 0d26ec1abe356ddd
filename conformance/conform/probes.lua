-- SPDX-License-Identifier: MIT
-- What a peer does to an implementation on the wire (see conform.probe), in this order. A probe:
--   id       the requirement, or a section of the profile
--   what     what is right, in one sentence
--   takes    (settings, soon) seconds of the implementation's clock, about
--   run      (p): returns when all was right
--   needs_service    peering is brought up first
--   leaves_service   it ends without peering, which must then come up again
--   leaves_silent    the next probe goes on where this one ends
local core = require "conform.core"
local P = require "conform.probe"

local S = 1000000000
local list = {}

local function probe(id)
    return function(t)
        t.id = id
        list[#list + 1] = t
    end
end

local function random(n)
    local f = assert(io.open("/dev/urandom", "rb"))
    local bytes = f:read(n)
    f:close()
    return bytes
end

local function takes_noise(item)
    return P.has(item, "KEY_RESPONSE", "KEY_CONFIRM", "METADATA_KEY_ACK") or item.bfd_state == 3
end

-- ---- the absurd --------------------------------------------------------------------------------------------

local function absurd_request()
    local body = "\3" .. string.pack(">I8", 1 << 60) .. random(16) .. "\3" .. random(16) .. string.pack(">I4B", 7, 0)
    return body .. string.pack(">s2s2", random(512), random(256))
end

local function absurd_response()
    local body = "\4" .. string.pack(">I8", 1 << 60) .. random(64) .. "\3" .. random(16) .. string.pack(">I4B", 7, 0)
    return body .. string.pack(">s2s2", random(512), random(256))
end

probe "ABSURD" {
    what = "what nobody may accept is refused: exchanges of a stranger, BFD that is up with made-up discriminators",
    absurd = true,
    leaves_silent = true,
    takes = function(_, soon) return 4 + 5 * soon end,
    run = function(p)
        if not p:hears(30 * p:beat() + p:soon()) then p:inconclusive "nothing is heard of it" end
        -- Up from a peering of before ends by itself, now that nobody answers.
        if not p:hears(100 * p:beat() + p:soon(), function(i) return i.bfd_state and i.bfd_state < 3 end) then
            p:inconclusive "its BFD is up though nobody answers"
        end
        local up = P.bfd(3, 0x5eed5eed, 0x0ddba11)
        for _, bytes in ipairs { absurd_request(), absurd_response(), "\5\0" .. random(53) } do
            p.wire:send(p:clear(P.message(bytes), up))
        end
        p.wire:send(p:clear("", up))
        p.wire:send(p:datagram(random(200)))
        local yes = p:hears(p:soon(), takes_noise)
        if not yes then return end
        if P.has(yes, "KEY_RESPONSE") then p:fail("it answers a key request that no certificate vouches for", yes) end
        p:fail("it takes noise for a peer", yes)
    end,
}

-- ---- silence -----------------------------------------------------------------------------------------------

-- Certificates and BFD go through, the rest of the exchange does not. The key requests that it sends are collected.
local function keep_silent(p)
    if p.requests then return end
    p.requests = {}
    p.filter_silent = function(item)
        local kept = P.has(item, "KEY_REQUEST", "KEY_RESPONSE", "KEY_CONFIRM", "KEY_HINT")
        if kept and item.way == "in" and P.has(item, "KEY_REQUEST") then p.requests[#p.requests + 1] = item end
        return kept and "drop"
    end
    p.filter = p.filter_silent
    p:restart()
    p:watch(2 * p.settings.retransmit + 10 * p:beat(), function() return #p.requests > 0 end)
    if #p.requests == 0 then p:inconclusive "it sends no key request: it has a key of an earlier run; start it anew" end
end

-- Waits until it has asked so often.
local function collect(p, n, seconds)
    p.filter = p.filter_silent
    p:watch(seconds, function() return #p.requests >= n end)
end

-- The middle one of the gaps between items, and the item after it. One late packet so does no harm.
local function middle_gap(requests)
    local gaps = {}
    for i = 2, #requests do gaps[#gaps + 1] = { requests[i].time - requests[i - 1].time, requests[i] } end
    table.sort(gaps, function(a, b) return a[1] < b[1] end)
    local m = gaps[(#gaps + 1) // 2]
    return m[1] / S, m[2]
end

local function expect_gap(p, items, seconds)
    local gap, item = middle_gap(items)
    if math.abs(gap - seconds) > p:slack() + 0.02 * seconds then
        p:fail(("again after %.1f s, not %d s"):format(gap, seconds), item)
    end
end

probe "KEY-RETRANSMIT" {
    what = "a key request that nobody answers goes out again every peer-key-retransmit-interval",
    takes = function(s, soon) return 3.2 * s.retransmit + soon end,
    leaves_silent = true,
    run = function(p)
        keep_silent(p)
        local s = p.settings
        if s.retransmit > 0.9 * s.timeout then p:unsupported "peer-key-timeout is too short to tell" end
        collect(p, 4, math.min(4 * p.settings.retransmit, 0.95 * p.settings.timeout))
        if #p.requests < 2 then p:fail("it does not ask again", p.requests[1]) end
        expect_gap(p, p.requests, p.settings.retransmit)
    end,
}

probe "KEY-RETRY" {
    what = "after peer-key-timeout without an answer it asks on at that interval, and the first answer is enough",
    takes = function(s, soon) return 4.2 * s.timeout + s.retransmit + 4 * soon end,
    leaves_service = true,
    run = function(p)
        keep_silent(p)
        local wait = p.settings.timeout
        local over = p.requests[1].time + math.floor((wait + 0.5 * p.settings.retransmit) * S)
        local now = p.requests[#p.requests].time
        p.filter = p.filter_silent
        p:watch((over - now) / S)
        local asked = #p.requests
        collect(p, asked + 3, 3.5 * wait)
        if #p.requests < asked + 2 then p:fail("it gave up asking", p.requests[#p.requests]) end
        expect_gap(p, table.move(p.requests, asked + 1, #p.requests, 1, {}), wait)
    end,
}

-- ---- good behaviour ----------------------------------------------------------------------------------------

local function collect_messages(p)
    local seen = {}
    p.filter = function(item)
        if item.way == "in" then
            for _, m in ipairs(item.messages or {}) do seen[m.kind] = seen[m.kind] or item end
        end
    end
    return seen
end

probe "CRY-PEERKEY-DH" {
    what = "with a peer that does as it should it exchanges certificates and keys, and BFD comes up under the peer key",
    takes = function(_, soon) return 4 * soon end,
    run = function(p)
        local seen = collect_messages(p)
        p:restart()
        p:watch(2 * p.settings.retransmit + 10 * p:beat() + 5 * p.rate, function() return p.service end)
        if not seen.CERT then p:fail "it sends no certificate" end
        local asked = seen.KEY_REQUEST or seen.KEY_RESPONSE
        if not asked then p:fail("it neither asks for a key nor answers", seen.CERT) end
        if not seen.METADATA_KEY then p:fail("it does not give its metadata key", seen.CERT) end
        if not p.service then p:fail "BFD and keys do not bring the path into service" end
    end,
}

probe "KEY-RETRANSMIT" {
    what = "a metadata key that nobody acknowledges goes out again every peer-key-retransmit-interval",
    takes = function(s, soon) return 4.2 * s.retransmit + 2 * soon end,
    leaves_service = true,
    needs_service = true,
    run = function(p)
        local given = {}
        p.filter = function(item)
            if item.way == "in" and P.has(item, "METADATA_KEY") then given[#given + 1] = item end
            return item.way == "out" and P.has(item, "METADATA_KEY_ACK") and "drop" or nil
        end
        p:restart()
        local patience = math.min(4 * p.settings.retransmit, 0.95 * p.settings.timeout)
        p:watch(patience + p:soon(), function() return #given >= 4 end)
        if #given == 0 then p:fail "it does not give its metadata key to a peer that was started anew" end
        if #given < 2 then p:fail("it does not send it again", given[1]) end
        expect_gap(p, given, p.settings.retransmit)
        p:restart()
    end,
}

-- ---- damaged packets ---------------------------------------------------------------------------------------

local function flip(s, at, bit) return s:sub(1, at - 1) .. string.char(s:byte(at) ~ (1 << bit)) .. s:sub(at + 1) end

-- The first and last octet of each part of a sealed body, by name.
local function regions(body)
    local header, payload = string.unpack(">I2", body, 9) & 0xfff, string.unpack(">I2", body, 11)
    local bfd = header + payload
    return {
        { "the cookie", 1, 8 }, { "version and lengths", 9, 12 }, { "security-id", 13, 20 }, { "the nonce", 21, 32 },
        { "the IV", header + 1, header + 16 }, { "the ciphertext", header + 17, bfd },
        { "the BFD packet", bfd + 1, bfd + 24 }, { "the HMAC", bfd + 25, #body },
    }
end

local function expect_up(p)
    if p.left_up then p:fail("BFD left the state Up", p.left_up) end
end

local function expect_no_answer(p, what, ...)
    local answer = p:ask(...)
    if answer then p:fail(("it answers a packet %s"):format(what), answer) end
end

-- The packet that the bad ones were made of is good, and its nonce still unused: nothing has changed.
local function expect_answer(p, o, what)
    if not p:ask(p:seal(o)) then p:fail(("it does not answer a poll %s"):format(what)) end
end

probe "CRY-HMAC" {
    what = "a BFD packet with one bit flipped, wherever it is, has no effect",
    takes = function(_, soon) return 10 * soon end,
    needs_service = true,
    run = function(p)
        local o = P.poll(p:hold())
        local body = p:seal_body(o)
        for _, r in ipairs(regions(body)) do
            local bad = {}
            for at = r[2], r[3] do bad[#bad + 1] = p:datagram(flip(body, at, at % 8)) end
            expect_no_answer(p, ("with a flipped bit in %s"):format(r[1]), table.unpack(bad))
        end
        expect_up(p)
        expect_answer(p, o, "of which only damaged copies came before")
    end,
}

-- Damage that its HMAC vouches for needs a nonce of its own: a packet that is authentic may use it up.
local function expect_refused(p, what, damage)
    expect_no_answer(p, what, damage(P.poll(p:hold())))
    expect_up(p)
end

probe "PROFILE-1" {
    what = "packets that are cut, padded, or longer inside than outside have no effect",
    takes = function(_, soon) return 6 * soon end,
    needs_service = true,
    run = function(p)
        local o = P.poll(p:hold())
        local body, cut = p:seal_body(o), {}
        for n = 0, #body - 1 do cut[#cut + 1] = p:datagram(body:sub(1, n)) end
        expect_no_answer(p, "that was cut", table.unpack(cut))
        local function longer(n) return p:datagram(body .. random(n)) end
        expect_no_answer(p, "with bytes behind its end", longer(1), longer(48), longer(1400 - #body))
        expect_answer(p, o, "of which only cut and longer copies came before")
        expect_refused(p, "with a TLV that is longer than its metadata", function(q)
            return p:seal(P.with(q, { header = q.header .. string.pack(">I2I2", 0x3fff, 2000) .. "x" }))
        end)
        expect_refused(p, "with half a TLV", function(q) return p:seal(P.with(q, { inner = q.inner .. "\x3f" })) end)
        -- A part that is not within its message.
        local lost = P.tlv(0x8002, string.pack(">I4I4I4", 1, 100, 90) .. random(200))
        local q = p:hold()
        p.wire:send(p:seal(P.with(q, { header = q.header .. lost })))
        expect_up(p)
    end,
}

probe "PROFILE-2" {
    what = "TLVs of types that nobody knows are skipped, in clear and enciphered",
    takes = function(_, soon) return 3 * soon end,
    needs_service = true,
    run = function(p)
        local strange = P.tlv(0x3fff, random(20)) .. P.tlv(0xbeef, "")
        local function try(what, change) expect_answer(p, change(P.poll(p:hold())), what) end
        try("with an unknown TLV in clear", function(o) return P.with(o, { header = o.header .. strange }) end)
        try("with an unknown TLV behind the others", function(o) return P.with(o, { inner = o.inner .. strange }) end)
        try("with an unknown TLV before the others", function(o) return P.with(o, { inner = strange .. o.inner }) end)
    end,
}

local function with_bfd(what, change)
    return { what, function(p) return function(o) return p:seal(P.with(o, { bfd = change(o.bfd) })) end end }
end
local function put(at, bytes) return function(s) return s:sub(1, at - 1) .. bytes .. s:sub(at + #bytes) end end

local function with_flag(flag)
    return function(s) return s:sub(1, 1) .. string.char(s:byte(2) | flag) .. s:sub(3) end
end

local bad_bfd = {
    with_bfd("for another BFD session", put(9, "\x0d\xdb\xa1\x1e")),
    with_bfd("in state Up that names no session", put(9, "\0\0\0\0")),
    with_bfd("from BFD session 0", put(5, "\0\0\0\0")),
    with_bfd("of BFD version 2", function(s) return string.char(s:byte(1) & 0x1f | 0x40) .. s:sub(2) end),
    with_bfd("with a BFD multiplier of 0", put(3, "\0")),
    with_bfd("that says it has BFD authentication", with_flag(0x04)),
    with_bfd("of multipoint BFD", with_flag(0x01)),
}

probe "PROFILE-3" {
    what = "a BFD packet that RFC 5880 discards has no effect, though its HMAC holds",
    takes = function(_, soon) return #bad_bfd * soon * 1.5 end,
    needs_service = true,
    run = function(p)
        for _, bad in ipairs(bad_bfd) do expect_refused(p, bad[1], bad[2](p)) end
    end,
}

-- ---- what was said before ----------------------------------------------------------------------------------

local function is_new_key(p, key) return function(i) return i.metadata == "good" and i.fingerprint ~= key end end

probe "CRY-REPLAY" {
    what = "packets sent again have no effect: not the last one, nor all that there ever were",
    takes = function(_, soon) return 6 * soon end,
    needs_service = true,
    run = function(p)
        local o, key = P.poll(p:hold()), p.their_key
        local data = p:seal(o)
        if not p:ask(data) then p:inconclusive "it does not answer a poll, by which one could tell" end
        expect_no_answer(p, "that it has had before", data, data, data)
        for _, item in ipairs(table.move(p.sent, 1, #p.sent, 1, {})) do p.wire:send(item.data) end
        local new = p:hears(2 * p:soon(), is_new_key(p, key))
        if new then p:fail("old packets made it change its key", new) end
        expect_up(p)
    end,
}

-- ---- signatures --------------------------------------------------------------------------------------------

-- The last key request of our own.
local function own_request(p)
    for i = #p.sent, 1, -1 do
        local m = P.has(p.sent[i], "KEY_REQUEST")
        if m then return m.bytes end
    end
    p:inconclusive "our own router never had to ask for a key"
end

local function later_number(bytes, microseconds)
    return bytes:sub(1, 1) .. string.pack(">I8", string.unpack(">I8", bytes, 2) + microseconds) .. bytes:sub(10)
end

probe "CRT-PUBKEY" {
    what = "a key request whose signature does not hold is not answered, and changes nothing",
    takes = function(s, soon) return 7 * soon + 2 * s.retransmit end,
    leaves_service = true,
    needs_service = true,
    run = function(p)
        local request, key = own_request(p), p.their_key
        local forged = { later_number(request, 1), flip(later_number(request, 2), #request, 0),
            flip(later_number(request, 3), 30, 3) }
        for i, bytes in ipairs(forged) do
            local o, tlv = p:hold(), P.message(bytes, 0x70726f00 + i)
            p.wire:send(p:seal(P.with(o, { header = o.header .. tlv })))
            p.wire:send(p:clear(tlv, o.bfd))
        end
        local yes = p:hears(2 * p:soon(), function(i) return P.has(i, "KEY_RESPONSE") or is_new_key(p, key)(i) end)
        if yes then p:fail("it answers a key request with a wrong signature", yes) end
        expect_up(p)
        p:restart() -- a real request must still be answered
    end,
}

-- ---- certificates ------------------------------------------------------------------------------------------

-- Our router comes back with another certificate, and is told that the implementation took it: so it asks for a key.
local function expect_certificate_refused(p, name)
    if not p.bad then p:unsupported "it needs --credentials" end
    local request, told
    local theirs = p.their_certificate
    if not theirs then p:inconclusive "it has sent no certificate" end
    p.filter = function(item)
        local certificate = not told and item.way == "out" and P.has(item, "CERT")
        if certificate then
            told = true -- once: it answers a certificate with its own
            p:tell("\2" .. core.sha384(certificate.bytes:sub(50)))
            p:tell(theirs)
        end
        request = request or (item.way == "out" and P.has(item, "KEY_REQUEST") and item)
    end
    p:restart(p.bad[name])
    p:watch(p.settings.retransmit + p:soon(), function() return request end)
    if not request then p:inconclusive "our own router does not ask for a key with such a certificate" end
    local yes = p:hears(3 * p:soon(), function(i) return P.has(i, "KEY_RESPONSE", "KEY_CONFIRM") end)
    if yes then p:fail("it answers a key request that is signed under it", request, yes) end
end

local function certificate_probe(id, name, what, fails_hard)
    probe(id) {
        what = ("%s is refused: a key request signed under it is not answered"):format(what),
        takes = function(s, soon) return 5 * soon + s.retransmit end,
        needs_service = true,
        leaves_service = true,
        run = function(p)
            if fails_hard and not p.settings.fail_hard then p:unsupported "fail-soft lets it pass" end
            expect_certificate_refused(p, name)
        end,
    }
end

certificate_probe("CRT-CA", "stranger", "a certificate of a CA that is not trusted")
certificate_probe("CRT-CA", "self-signed", "a certificate that nobody but its owner has signed")
certificate_probe("CFG-PCN-MATCH", "other-name", "a certificate of another peering-common-name")
certificate_probe("CRT-FAIL-HARD", "expired", "an expired certificate", true)
certificate_probe("CRT-FAIL-HARD", "revoked", "a revoked certificate", true)

-- ---- slowness ----------------------------------------------------------------------------------------------

probe "KEY-NO-ANSWER" {
    what = "answers that come later than it asks again are as good as others: the path comes into service",
    takes = function(s, soon) return 8 * s.retransmit + soon end,
    needs_service = true,
    run = function(p)
        local late = 1.2 * p.settings.retransmit
        p.filter = function(item) return item.way == "out" and #item.messages > 0 and late or nil end
        p:restart()
        p:watch(p.settings.timeout + 6 * late, function() return p.service end)
        if not p.service then p:fail(("answers that are %.0f s late bring no peering"):format(late)) end
    end,
}

-- ---- old keys ----------------------------------------------------------------------------------------------

probe "KEY-GRACE-30" {
    what = "a key that another has replaced is accepted during its grace, and not after it",
    takes = function(s, soon) return 2 * s.retransmit + 70 + 3 * soon end,
    needs_service = true,
    run = function(p)
        local old = p:hold()
        local function late(nonce) return p:seal(P.with(P.poll(old), { nonce = old.nonce + nonce })) end
        p:restart()
        local made = p:hears(p.settings.retransmit, function(i) return P.has(i, "KEY_RESPONSE", "KEY_CONFIRM") end)
        if not made then p:fail "a peer that was started anew is not taken back" end
        local answer = p:ask(late(20))
        -- A machine that is slow itself may have been later than the grace.
        if not answer and p:since(made) < 20 + p:soon() then
            p:fail("a packet under the old key that arrives late is not accepted", made)
        end
        p:watch(2 * p.settings.retransmit + 10 * p:beat() + 5 * p.rate, function() return p.service end)
        p:watch(65)
        expect_no_answer(p, "under a key that was replaced 60 s ago", late(21))
        expect_answer(p, P.poll(p:hold()), "under the key in use")
    end,
}

return list

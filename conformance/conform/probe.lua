-- SPDX-License-Identifier: MIT
-- A peer on the wire whose every packet goes through here: what a probe (conform.probes) is written with.
local core = require "conform.core"

local S = 1000000000
local P = {}
P.__index = P

-- ---- time --------------------------------------------------------------------------------------------------
-- All times are by a clock that runs `rate` times as fast; both sides' do. A machine's delays do not.

function P:now() return self.wire:now() end

-- Seconds since an item.
function P:since(item) return (self:now() - item.at) / S end

-- Seconds within which what follows at once has followed, or will not.
function P:soon() return math.max(1, 0.3 * self.rate) end

-- Seconds that a machine may be late by.
function P:slack() return 0.1 + 0.06 * self.rate end

-- Seconds between two BFD packets of the implementation, at most: what it wants, or what our own router asks for.
function P:beat() return math.max(1, self.their_interval or 1, self.our_interval or 1) end

-- ---- outcome -----------------------------------------------------------------------------------------------

local function give_up(result)
    return function(p, text, ...)
        local where = {}
        for _, item in ipairs { ... } do where[#where + 1] = ("%s packet %d"):format(item.file, item.number) end
        error({ result = result, text = text, where = where }, 0)
    end
end

-- p:fail(TEXT, ITEM...) and the others end a probe; a probe that returns has passed.
P.fail = give_up "fail"
P.inconclusive = give_up "inconclusive"
P.unsupported = give_up "unsupported"

-- ---- what happens ------------------------------------------------------------------------------------------

-- Seconds in a field of a BFD control packet: 13 is the desired interval of sending, 17 the required one of receiving.
local function seconds_at(item, place) return string.unpack(">I4", P.take_apart(item.data).bfd, place) / 1000000 end

local function has(item, ...)
    for _, m in ipairs(item.messages or {}) do
        for _, kind in ipairs { ... } do
            if m.kind == kind then return m end
        end
    end
end
P.has = has

function P:on_key(line)
    local kind, one, other, index, fingerprint, secret = line:match "^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$"
    if kind ~= "PEER_KEY" then return end
    local bytes = secret:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)
    self.keys[fingerprint] = { index = tonumber(index), secret = bytes }
end

function P:on_event(item)
    if item.kind == "path-service" and item.peer == self.peer.name then self.service = item.to == "in-service" end
end

function P:pass(item)
    if item.way == "in" then
        self.wire:deliver(item.data)
        return
    end
    item.number = self.wire:send(item.data)
    self.sent[#self.sent + 1] = item
end

-- What is known of the implementation by what it says.
function P:hear(item)
    self.heard = self.heard + 1
    local certificate = has(item, "CERT")
    if certificate then self.their_certificate = certificate.bytes end
    if not item.bfd_state then return end
    self.their_interval = seconds_at(item, 13)
    self.their_state = item.bfd_state
    if item.metadata == "good" then
        if item.bfd_state ~= 3 then self.left_up = item end
        self.their_key = item.fingerprint
    end
end

-- A filter says what becomes of each packet: nil: it goes on; "drop"; a number: it goes on that many seconds later.
function P:on_packet(item)
    item.at = self:now()
    if (item.way == "in" and item.src or item.dst) ~= self.peer.there then return end
    if item.way == "in" then
        self:hear(item)
    elseif item.bfd_state then
        self.our_interval = seconds_at(item, 17)
    end
    local fate = self.filter and self.filter(item)
    if fate == "drop" then return end
    if fate then
        table.insert(self.later, { at = self:now() + math.floor(fate * S), item = item })
    else
        self:pass(item)
    end
end

function P:release()
    local kept, next_at = {}, math.maxinteger
    for _, l in ipairs(self.later) do
        if l.at <= self:now() then
            self:pass(l.item)
        else
            kept[#kept + 1] = l
            next_at = math.min(next_at, l.at)
        end
    end
    self.later = kept
    return next_at
end

-- Lets time pass, up to the first thing for which `want` is true (given back), or until the seconds are over (nil).
function P:watch(seconds, want)
    local to = self:now() + math.floor(seconds * S)
    repeat
        local found
        for _, item in ipairs(self.wire:next(math.min(to, self:release()))) do
            if item.what == "key" then
                self:on_key(item.line)
            elseif item.what == "event" then
                self:on_event(item)
            else
                self:on_packet(item)
            end
            if not found and want and want(item) then found = item end
        end
        if found then return found end
    until self:now() >= to
end

-- Waits for a packet of the implementation.
function P:hears(seconds, want)
    return self:watch(seconds, function(item)
        return item.way == "in" and item.src == self.peer.there and (not want or want(item))
    end)
end

-- ---- the probe's own router --------------------------------------------------------------------------------

-- Switched on anew: it has forgotten everything.
function P:restart(credentials)
    self.service = false
    self.later = {}
    self.wire:start(credentials or self.credentials)
end

-- Answers everything as it should until the path carries traffic for both. True when it does.
function P:establish()
    if self.service and not self.filter and self:alive() then return true end
    self.filter = nil
    self:restart()
    local patience = 2 * self.settings.retransmit + 10 * self:beat() + 5 * self.rate
    self:watch(patience, function() return self.service end)
    return self.service and self:alive()
end

-- A fresh packet that only it can have made, and that says Up.
function P:alive()
    local function up(item) return item.metadata == "good" and item.bfd_state == 3 end
    return self:hears(6 * self:beat() + self:soon(), up) ~= nil
end

-- ---- packets by hand ---------------------------------------------------------------------------------------

-- The parts of a BFD datagram.
function P.take_apart(data)
    local at = data:byte(1) >> 4 == 4 and 28 or 48
    local body = data:sub(at + 1)
    local header, payload = string.unpack(">I2", body, 9) & 0xfff, string.unpack(">I2", body, 11)
    return { body = body, tlvs = body:sub(13, header), payload = body:sub(header + 1, header + payload),
        bfd = body:sub(header + payload + 1, header + payload + 24), tag = body:sub(header + payload + 25) }
end

function P.tlv(kind, value) return string.pack(">I2s2", kind, value) end

local cookie = "\x4c\x48\xdb\xc6\xdd\xf6\x67\x0c"

local function metadata(tlvs, payload)
    return cookie .. string.pack(">I2I2", 0x1000 | 12 + #tlvs, #payload) .. tlvs .. payload
end

-- A message of the exchange, whole, as a TLV.
function P.message(bytes, id) return P.tlv(0x8002, string.pack(">I4I4I4", id or 0x70726f62, #bytes, 0) .. bytes) end

-- A control packet; p.their_discriminator is what it calls itself.
function P.bfd(state, mine, yours)
    return string.pack(">BBBBI4I4I4I4I4", 0x20, state << 6, 3, 24, mine, yours, 1000000, 500000, 0)
end

function P:datagram(body) return core.datagram(self.peer.here, self.peer.there, body) end

-- A datagram that nothing vouches for.
function P:clear(tlvs, bfd) return self:datagram(metadata(tlvs, "") .. bfd) end

-- Gives our own router a message as if the implementation had sent it.
function P:tell(bytes)
    for offset = 0, #bytes - 1, 1024 do
        local place = string.pack(">I4I4I4", 0x666f7267, #bytes, offset)
        local tlv = P.tlv(0x8002, place .. bytes:sub(offset + 1, offset + 1024))
        local body = metadata(tlv, "") .. P.bfd(1, 1, 0)
        self.wire:deliver(core.datagram(self.peer.there, self.peer.here, body))
    end
end

function P:triple(key)
    local info = ("svr bfd metadata\0%s\0%s\0"):format(self.wire:pcn(), self.peer.pcn)
    local keys = core.hkdf(key.secret, info, 112)
    return keys:sub(1, 32), keys:sub(33, 64), keys:sub(65)
end

-- A packet of our own router, opened: what P:seal makes the same datagram of again.
function P:open(item)
    local parts, key = P.take_apart(item.data), self.keys[item.fingerprint]
    local cipher = self:triple(key)
    local text = core.decrypt(cipher, parts.payload:sub(1, 16), parts.payload:sub(17))
    return { key = key, index = item.key_index, nonce = item.nonce, header = parts.tlvs:sub(21),
        inner = text:sub(1, -1 - text:byte(-1)), bfd = parts.bfd }
end

-- The body of a packet under a key.
function P:seal_body(o)
    local cipher, iv_key, hmac = self:triple(o.key)
    local nonce = string.pack(">I8", o.nonce)
    local iv = core.encrypt(iv_key, nil, nonce .. ("\0"):rep(8))
    local pad = 16 - #o.inner % 16
    local text = core.encrypt(cipher, iv, o.inner .. string.char(pad):rep(pad))
    local tlvs = P.tlv(16, string.pack(">I4", o.index)) .. P.tlv(0x8001, nonce) .. o.header
    local body = metadata(tlvs, iv .. text) .. o.bfd
    return body .. core.hmac(hmac, body)
end

function P:seal(o) return self:datagram(self:seal_body(o)) end

-- Takes the next packet of our own router that carries BFD alone. In its place a probe sends what it likes: its
-- nonce is used by nobody else. Changes may be given: poll asks for an answer at once (RFC 5880: the final bit).
function P:hold()
    local before, held = self.filter, nil
    self.filter = function(item)
        local mine = item.way == "out" and item.metadata == "good" and #item.messages == 0
        if not mine or held then return before and before(item) end
        held = item
        return "drop"
    end
    self:watch(4 * self:beat() + self:soon(), function() return held end)
    self.filter = before
    if not held then self:inconclusive "our own router sends no BFD under a key" end
    return self:open(held)
end

function P.with(o, changes)
    local copy = {}
    for k, v in pairs(o) do copy[k] = v end
    for k, v in pairs(changes) do copy[k] = v end
    return copy
end

function P.poll(o) return P.with(o, { bfd = o.bfd:sub(1, 1) .. string.char(o.bfd:byte(2) | 0x20) .. o.bfd:sub(3) }) end

-- Sends datagrams; gives the packet in which the implementation answers a poll, if it does so soon.
function P:ask(...)
    for _, data in ipairs { ... } do self.wire:send(data) end
    return self:hears(self:soon(), function(i) return i.bfd_final end)
end

-- ---- all probes --------------------------------------------------------------------------------------------

function P.new(options)
    return setmetatable({ wire = options.wire, peer = options.peer, settings = options.settings, rate = options.rate,
        credentials = options.credentials, bad = options.bad, keys = {}, sent = {}, later = {}, heard = 0,
        service = false }, P)
end

local function attempt(p, probe)
    local good, why = pcall(probe.run, p)
    p.filter = nil
    if good then return { result = "pass" } end
    if type(why) ~= "table" then error(why, 0) end
    return why
end

-- What the implementation is in afterwards counts as well: only one that is in service has taken no harm.
local function conclude(p, probe, outcome)
    if outcome.result ~= "pass" or probe.leaves_silent then return outcome end
    if probe.leaves_service and p:establish() then return outcome end
    if not probe.leaves_service and p:alive() and p.service then return outcome end
    return { result = "fail", text = "afterwards it is not in service", where = {} }
end

local function judge(p, probe)
    p.left_up = nil
    if p.doubtful and not p:hears(10 * p:beat() + p:soon()) then
        return { result = "inconclusive", text = "nothing is heard of it any more", where = {} }
    end
    if probe.needs_service and not p:establish() then
        return { result = "inconclusive", text = "peering does not come up", where = {} }
    end
    p.left_up = nil
    return conclude(p, probe, attempt(p, probe))
end

-- Seconds of real time that a probe takes, about.
function P.cost(probe, settings, rate)
    local t = probe.takes(settings, math.max(1, 0.3 * rate))
    return t / rate
end

-- Runs probes in order; tell(probe, outcome) follows each. The first is the absurd request: who says yes to it says yes
-- to everything, and no other answer of his means anything.
function P.run(p, probes, limit, tell)
    local results, void = {}, nil
    for i, probe in ipairs(probes) do
        local outcome
        if void then
            outcome = { result = "inconclusive", text = void, where = {} }
        elseif P.cost(probe, p.settings, p.rate) > limit then
            local text = ("it takes %.0f s, more than --limit"):format(P.cost(probe, p.settings, p.rate))
            outcome = { result = "inconclusive", text = text, where = {} }
        else
            outcome = judge(p, probe)
            p.doubtful = outcome.result ~= "pass"
        end
        if probe.absurd and outcome.result == "fail" then void = "it says yes to everything" end
        if probe.absurd and outcome.result == "inconclusive" then void = outcome.text end
        local failed = outcome.result == "fail"
        results[i] = { id = probe.id, result = outcome.result, expected = probe.what,
            reason = not failed and outcome.text or nil,
            findings = failed and { { text = outcome.text, where = outcome.where } } or {},
            evidence = outcome.result == "pass" and 1 or 0 }
        tell(probe, outcome, i)
    end
    return results
end

return P

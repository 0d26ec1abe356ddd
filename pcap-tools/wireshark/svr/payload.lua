-- SPDX-License-Identifier: MIT
-- Payload of sessions: nonce, text, HMAC (docs/protocol.md section 4.2), and the packet inside.
local bytes = need "bytes"
local crypto = need "crypto"
local fields = need "fields"
local hand_over = need "hand_over".to
local keys = need "keys"
local session = need "session"
local verdicts = need "verdicts"
local proto, F, X = fields.proto, fields.F, fields.X
local NONE, NO_KEY, GOOD, BAD = verdicts.NONE, verdicts.NO_KEY, verdicts.GOOD, verdicts.BAD

local tos_field, class_field = Field.new("ip.dsfield"), Field.new("ipv6.tclass")
local ttl_field, hops_field = Field.new("ip.ttl"), Field.new("ipv6.hlim")
local ipv4, ipv6 = Dissector.get("ip"), Dissector.get("ipv6")

local M = {
    busy = false, -- while a packet inside is dissected: nothing of it is between routers
}

-- ---- seen for the first time ----------------------------------------------------------------

-- The payload in [at, stop). Its HMAC covers what begins at `signed`: the nonce, or the header of a part.
local function analyse_one(way, packet, raw, signed, at, stop)
    local one = { at = at, stop = stop, auth = NO_KEY }
    if stop - at < 8 then
        one.auth, one.bad = NONE, "No whole nonce"
        return one
    end
    local nonce = raw:sub(at + 1, at + 8)
    local key = crypto.available and keys.payload_key(way.session.uuid, nonce:byte(1))
    if not key then return one end
    local len = stop - at - 8 - key.tag
    if len < 0 then
        one.auth, one.bad = NONE, ("A payload of %d bytes"):format(stop - at)
        return one
    end
    one.key, one.triple = key, keys.payload_triple(key, way.forward)
    local tag = crypto.hmac(one.triple.hmac, raw:sub(signed + 1, stop - key.tag)):sub(1, key.tag)
    one.auth = tag == raw:sub(stop - key.tag + 1, stop) and GOOD or BAD
    if one.auth ~= GOOD then return one end
    local use = { key = key, triple = one.triple, sender = way.session.uuid, receiver = way.forward and "forward" or "reverse" }
    verdicts.judge(one, packet, nonce, use)
    return one
end

local function next_nonce(nonce)
    local out, carry = "", 1
    for i = 8, 2, -1 do
        local octet = nonce:byte(i) + carry
        carry = octet > 255 and 1 or 0
        out = string.char(octet % 256) .. out
    end
    return nonce:sub(1, 1) .. out
end

-- On a router itself, captures show bursts as the kernel passes them on: several payloads of one length, the last one perhaps shorter, in one
-- datagram. The nonce of the second tells their length. nil when it is no burst.
local function analyse_burst(way, packet, raw, at, stop)
    local second = raw:find(next_nonce(raw:sub(at + 1, at + 8)), at + 9, true)
    if not second or second > stop then return nil end
    local len, all = second - 1 - at, {}
    for from = at, stop - 1, len do
        local one = analyse_one(way, packet, raw, from, from, math.min(from + len, stop))
        if #all == 0 and one.auth ~= GOOD then return nil end
        all[#all + 1] = one
    end
    return all
end

-- Fills rec.payload, and rec.burst when there are several.
function M.analyse(rec, packet, raw)
    local part = rec.front and rec.front.part
    rec.payload = analyse_one(rec.way, packet, raw, part and rec.front.m.at or rec.at, rec.at, rec.stop)
    rec.burst = rec.payload.auth == BAD and not part and analyse_burst(rec.way, packet, raw, rec.at, rec.stop) or nil
    rec.payload = rec.burst and rec.burst[1] or rec.payload
end

-- ---- shown ----------------------------------------------------------------------------------

-- The text, and its length without padding; nil when the latter is wrong.
local function open(way, one, raw)
    local nonce, text = raw:sub(one.at + 1, one.at + 8), raw:sub(one.at + 9, one.stop - one.key.tag)
    if not way.encrypted then return text, #text end
    if text == "" or #text % 16 ~= 0 then return nil end
    local iv = crypto.encrypt_block(one.triple.iv, nonce .. ("\0"):rep(8))
    local plain = iv and crypto.decrypt(one.triple.cipher, iv, text)
    return plain, plain and bytes.unpadded(plain)
end

local function last(field_a, field_b, default)
    local a = { field_a() }
    if #a == 0 then a = { field_b() } end
    local value = #a > 0 and a[#a].value
    return type(value) == "number" and value < 256 and value or default
end

-- The packet inside, restored with what the outer header carries over, goes into packet.inner.
local function show_text(tree, rec, one, raw, packet)
    local text, len = open(rec.way, one, raw)
    if not len then
        tree:add_proto_expert_info(X.malformed, "Wrong padding")
        return
    end
    if rec.way.encrypted then
        local tvb = ByteArray.new(text, true):tvb("Decrypted payload")
        if len > 0 then tree:add(F["payload.text"], tvb(0, len)) end
        tree:add(F["payload.padding"], tvb(len, #text - len))
    end
    if not proto.prefs.inner or rec.way.session.flow.proto == 0 then return end
    packet.tos = packet.tos or last(tos_field, class_field, 0)
    packet.ttl = packet.ttl or last(ttl_field, hops_field, 64)
    local part = rec.front and rec.front.part
    packet.inner = packet.inner or { v6 = rec.way.session.flow.v6, name = session.protocol_name(rec.way) }
    table.insert(packet.inner, session.datagram(rec.way, text:sub(1, len), part, packet.tos, packet.ttl))
end

local function show_one(tree, tvb, raw, rec, one, packet)
    local at, stop = one.at, one.stop
    local item = tree:add(F.payload, tvb(at, stop - at))
    if one.bad then
        item:add_proto_expert_info(X.malformed, one.bad)
        return "payload, malformed"
    end
    local counter = tvb(at + 1, 7):uint64()
    local words = ("phase %d nonce %s"):format(raw:byte(at + 1), tostring(counter))
    item:append_text(", " .. words)
    item:add(F["payload.phase"], tvb(at, 1))
    item:add(F["payload.counter"], tvb(at + 1, 7), counter)
    local tag = one.key and one.key.tag or 0
    if stop - tag > at + 8 then
        item:add(rec.way.encrypted and F["payload.ciphertext"] or F["payload.clear"], tvb(at + 8, stop - tag - at - 8))
    end
    local hmac = tag > 0 and item:add(F["payload.hmac"], tvb(stop - tag, tag)) or item
    verdicts.show(item, hmac, tvb, F["payload.auth"], one, packet)
    if one.auth == GOOD then show_text(item, rec, one, raw, packet) end
    return "payload " .. words .. (one.auth == BAD and ", bad HMAC" or one.replay and ", replay" or "")
end

-- Gives what the packet list says.
function M.show(tree, tvb, raw, rec, packet)
    if not rec.burst then return show_one(tree, tvb, raw, rec, rec.payload, packet) end
    local first
    for _, one in ipairs(rec.burst) do
        local words = show_one(tree, tvb, raw, rec, one, packet)
        first = first or words
    end
    return ("%s and %d more"):format(first, #rec.burst - 1)
end

-- Hands the packets inside over. Of a burst only the first is told in the packet list.
function M.dissect_inner(inner, pinfo, root)
    pinfo.cols.info:append(" → " .. inner.name .. " ")
    for i, datagram in ipairs(inner) do
        if i <= 2 then pinfo.cols.info:fence() end
        M.busy = true
        hand_over(inner.v6 and ipv6 or ipv4, ByteArray.new(datagram, true):tvb("Inner packet"), pinfo, root)
        M.busy = false
    end
end

return M

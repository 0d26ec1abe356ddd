-- SPDX-License-Identifier: MIT
-- Messages of the key exchange (docs/protocol.md section 5): put together from their parts, linked, and shown.
local bytes = need "bytes"
local crypto = need "crypto"
local fields = need "fields"
local hand_over = need "hand_over".to
local keys = need "keys"
local state = need "state"
local tlvs = need "tlvs"
local F, X = fields.F, fields.X

local M = {}

local PART = 1024
local TOTAL_MAX = 1 + 48 + 8192
local SLOTS = 64 -- messages put together at a time

local CERT, CERT_ACK, REQUEST, RESPONSE, CONFIRM, METADATA_KEY, METADATA_KEY_ACK, HINT, SYNC, COOKIE =
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10

-- ---- parts ----------------------------------------------------------------------------------

local function new_slot(name, total)
    local list = state.slots
    local slot = { name = name, parts = {}, missing = math.ceil(total / PART) }
    if #list >= SLOTS then list[table.remove(list, 1).name] = nil end
    list[#list + 1] = slot
    list[name] = slot
    return slot
end

local function free_slot(slot)
    local list = state.slots
    list[slot.name] = nil
    for i, other in ipairs(list) do
        if other == slot then return table.remove(list, i) end
    end
end

-- Takes a part in; the message's octets when that makes it whole.
local function take_part(ends, secret, id, total, offset, piece)
    local n = #piece
    if total > TOTAL_MAX or offset >= total or n > total - offset or offset % PART ~= 0 or
        (n ~= PART and offset + n ~= total) then
        return { bad = true }
    end
    if n == total then return { whole = piece } end
    local name = ("%s %s %d %d"):format(ends, secret, id, total)
    local slot = state.slots[name] or new_slot(name, total)
    if not slot.parts[offset] then slot.missing = slot.missing - 1 end
    slot.parts[offset] = piece
    if slot.missing > 0 then return { slot = slot } end
    free_slot(slot)
    local all = {}
    for at = 0, total - 1, PART do all[#all + 1] = slot.parts[at] end
    slot.parts = nil
    return { slot = slot, whole = table.concat(all), many = true }
end

-- ---- what belongs together ------------------------------------------------------------------

local function pair_name(packet)
    local a, b = packet.src, packet.dst
    return a < b and a .. "-" .. b or b .. "-" .. a
end

local function index_name(packet, message, at) return ("%s %d"):format(pair_name(packet), bytes.u32(message, at)) end

local function link_confirm(packet, message)
    local exchange = state.exchanges[index_name(packet, message, 2)]
    if not exchange then return nil end
    local place = message:byte(2) % 2 == 1 and "reply" or "confirm"
    if not exchange[place] then exchange[place], exchange[place .. "_time"] = packet.frame, packet.time end
    return exchange
end

-- A response names the request by its hash. Without a library its number must do, between the same addresses.
local function request_name(packet, message)
    if crypto.available then return "request " .. crypto.sha384(message) end
    return ("request %s %d>%d"):format(message:sub(2, 9), packet.src, packet.dst)
end

local function requested_name(packet, response)
    if crypto.available then return "request " .. response:sub(10, 57) end
    return ("request %s %d>%d"):format(response:sub(2, 9), packet.dst, packet.src)
end

local function link_exchange(packet, kind, message)
    if kind == CONFIRM and #message >= 6 then return link_confirm(packet, message) end
    if (kind ~= REQUEST or #message < 9) and (kind ~= RESPONSE or #message < 94) then return nil end
    local name = kind == REQUEST and request_name(packet, message) or requested_name(packet, message)
    local exchange = state.exchanges[name]
    if kind == REQUEST and not exchange then
        exchange = { request = packet.frame, request_time = packet.time }
        state.exchanges[name] = exchange
    elseif kind == RESPONSE and exchange then
        if not exchange.response then exchange.response, exchange.response_time = packet.frame, packet.time end
        state.exchanges[index_name(packet, message, 90)] = exchange
    end
    return exchange
end

-- A metadata key and its acknowledgement are secret, so sender and receiver are known.
local function link_metadata_key(packet, kind, message)
    if not packet.sender or #message < 5 then return nil end
    local owner = kind == METADATA_KEY and packet.sender or packet.receiver
    local other = kind == METADATA_KEY and packet.receiver or packet.sender
    local name = ("key %s %s %d"):format(owner, other, bytes.u32(message, 1))
    local push = state.exchanges[name]
    if kind == METADATA_KEY then
        push = push or { key = packet.frame, key_time = packet.time }
        state.exchanges[name] = push
        if #message == 103 then
            keys.learn_metadata_key(owner, bytes.u32(message, 1), message:sub(7, 38), message:sub(39, 54), message:sub(56, 103))
        end
    elseif push and not push.ack then
        push.ack, push.ack_time = packet.frame, packet.time
    end
    return push
end

-- Takes the parts among the TLVs in [at, stop) into `packet.parts`. `packet` has src, dst, frame, time, and sender and receiver
-- once they are known.
function M.collect(packet, raw, at, stop, secret)
    local wanted = secret and 0x8003 or 0x8002
    for kind, value, len in tlvs.each(raw, at, stop) do
        if (kind == 0x8002 or kind == 0x8003) and len >= 13 then
            local part = {}
            if kind == wanted then
                part = take_part(packet.src .. ">" .. packet.dst, secret and "secret" or "clear", bytes.u32(raw, value),
                    bytes.u32(raw, value + 4), bytes.u32(raw, value + 8), raw:sub(value + 13, value + len))
            end
            if part.whole then
                if part.slot then part.slot.whole_in = packet.frame end
                local message = part.whole:byte(1)
                part.link = link_exchange(packet, message, part.whole)
                if message == METADATA_KEY or message == METADATA_KEY_ACK then
                    part.link = link_metadata_key(packet, message, part.whole)
                end
            end
            packet.parts[#packet.parts + 1] = part
        end
    end
end

-- ---- what a message says --------------------------------------------------------------------
-- A reader goes over the octets; what lies beyond the end is not shown, but told.

local Reader = {}
Reader.__index = Reader

function Reader:take(key, len)
    if not self.ok or self.at + len > self.stop then
        self.ok = false
        return nil
    end
    local at = self.at
    self.at = at + len
    if len == 0 then return nil end
    return key and self.tree:add(F["message." .. key], self.tvb(at, len)) or nil, at
end

function Reader:number(key, len)
    local _, at = self:take(key, len)
    return at and self.tvb(at, len):uint() or 0
end

function Reader:held()
    local _, at = self:take(nil, 1)
    if not at then return end
    local count = self.tvb(at, 1):uint()
    local item = self.tree:add(F["message.held"], self.tvb(at, 1)):append_text((": %d"):format(count))
    if self.at + 12 * count > self.stop then
        self.ok = false
        return
    end
    for _ = 1, count do
        local key = item:add(F["message.held.key"], self.tvb(self.at, 12))
        key:add(F["message.held.index"], self.tvb(self.at, 4))
        key:add(F["message.held.fingerprint"], self.tvb(self.at + 4, 8))
        key:append_text((" %d"):format(self.tvb(self.at, 4):uint()))
        self.at = self.at + 12
    end
end

-- length(2), then so many octets
function Reader:counted(key)
    local len = self:number(nil, 2)
    return self:take(key, len)
end

local function request_number(r)
    local _, at = r:take("number", 8)
    if not at then return end
    local micros = r.tvb(at, 8):uint64()
    local seconds = (micros / 1000000):tonumber()
    if seconds < 2147483648 then
        r.tree:add(F["message.time"], r.tvb(at, 8), NSTime.new(seconds, (micros % 1000000):tonumber() * 1000)):set_generated()
    end
end

local certificate_dissector

local function chain(r, pinfo)
    local count = 0
    if certificate_dissector == nil then
        local found, dissector = pcall(function() return DissectorTable.get("media_type"):get_dissector("application/pkix-cert") end)
        certificate_dissector = found and dissector or false
    end
    while r.ok and r.at < r.stop do
        local item, at = r:counted("certificate")
        if item then
            count = count + 1
            if certificate_dissector then hand_over(certificate_dissector, r.tvb(at, r.at - at):tvb(), pinfo, item) end
        end
    end
    return ("%d certificate%s"):format(count, count == 1 and "" or "s")
end

local function group_name(n) return fields.GROUPS[n] or ("group %d"):format(n) end

local function sync(r)
    local what = r:number("sync", 1)
    if what == 1 then
        r:take("role", 1)
        r:take("node", 1)
        r:take("paths", 2)
        r:take("stream", 4)
        r:take("next", 4)
        return "HELLO"
    end
    r:take("stream", 4)
    local number = r:number("sync_number", 4)
    if r.ok and r.at < r.stop then r:take("records", r.stop - r.at) end
    return ("DATA %d"):format(number)
end

-- Each shows the message behind its kind, and gives a few words for the packet list.
local SHOW = {
    [CERT] = function(r, pinfo)
        r:take("receiver_chain", 48)
        return chain(r, pinfo)
    end,
    [CERT_ACK] = function(r) r:take("chain", 48) end,
    [REQUEST] = function(r)
        request_number(r)
        r:take("life", 16)
        local group = r:number("group", 1)
        r:take("salt", 16)
        local highest = r:number("highest_index", 4)
        r:held()
        r:counted("public_value")
        r:counted("signature")
        return ("%d, %s"):format(highest + 1, group_name(group))
    end,
    [RESPONSE] = function(r)
        request_number(r)
        r:take("request", 48)
        r:take("life", 16)
        local group = r:number("group", 1)
        r:take("salt", 16)
        local index = r:number("index", 4)
        r:held()
        r:counted("public_value")
        r:counted("signature")
        return ("%d, %s"):format(index, group_name(group))
    end,
    [CONFIRM] = function(r)
        local item, at = r:take("flags", 1)
        if item then item:add(F["message.reply"], r.tvb(at, 1)) end
        local index = r:number("index", 4)
        r:held()
        r:take("hmac", 48)
        return ("%d%s"):format(index, at and r.tvb(at, 1):uint() % 2 == 1 and ", reply" or "")
    end,
    [METADATA_KEY] = function(r)
        local index = r:number("rekey_index", 4)
        r:take("cipher", 1)
        r:take("key", 32)
        r:take("iv", 16)
        r:take("hmac_cipher", 1)
        r:take("hmac_key", 48)
        return ("%d"):format(index)
    end,
    [METADATA_KEY_ACK] = function(r) return ("%d"):format(r:number("rekey_index", 4)) end,
    [HINT] = function(r)
        request_number(r)
        r:take("request", 48)
        r:counted("signature")
    end,
    [SYNC] = sync,
    [COOKIE] = function(r)
        r:take("part_hash", 16)
        r:take("cookie", 16)
    end,
}

local function show_frame(tree, key, frame, packet)
    if frame and frame ~= packet.frame then tree:add(F["message." .. key], frame):set_generated() end
end

local function show_time(tree, key, from, to)
    if not from or not to then return end
    tree:add(F["message." .. key], NSTime.new(math.floor(to - from), math.floor((to - from) % 1 * 1e9 + 0.5))):set_generated()
end

local function show_link(tree, kind, link, packet)
    show_frame(tree, "request_in", link.request, packet)
    show_frame(tree, "response_in", link.response, packet)
    show_frame(tree, "confirm_in", link.confirm, packet)
    show_frame(tree, "reply_in", link.reply, packet)
    show_frame(tree, "key_in", link.key, packet)
    show_frame(tree, "ack_in", link.ack, packet)
    if kind == RESPONSE then show_time(tree, "response_time", link.request_time, link.response_time) end
    if kind == CONFIRM then
        show_time(tree, "confirm_time", link.request_time, link.reply == packet.frame and link.reply_time or link.confirm_time)
    end
    if kind == METADATA_KEY_ACK then show_time(tree, "ack_time", link.key_time, link.ack_time) end
end

-- Shows a whole message that stands in `tvb` at [at, at + len). Gives what the packet list says about it.
local function show_message(tree, pinfo, tvb, at, len, part, packet)
    local kind = tvb(at, 1):uint()
    local item = tree:add(F.message, tvb(at, 1))
    item:set_len(len)
    local r = setmetatable({ tvb = tvb, tree = item, at = at + 1, stop = at + len, ok = true }, Reader)
    local words = SHOW[kind] and SHOW[kind](r, pinfo)
    if not SHOW[kind] then item:add_proto_expert_info(X.malformed, ("A message of kind %d"):format(kind)) end
    if SHOW[kind] and not r.ok then item:add_proto_expert_info(X.malformed, "The message is shorter than it says") end
    if r.at < r.stop then
        local rest = item:add(F["message.rest"], tvb(r.at, r.stop - r.at))
        if SHOW[kind] and r.ok then rest:add_proto_expert_info(X.malformed, "More octets than the message has") end
    end
    if part.link then show_link(item, kind, part.link, packet) end
    return (fields.MESSAGES[kind] or ("message %d"):format(kind)) .. (words and " " .. words or "")
end

-- Shows the messages that this packet makes whole. `shown` says where each part of `packet.parts` stands.
function M.show(tree, pinfo, packet, shown)
    local texts = {}
    for i, part in ipairs(packet.parts) do
        local place = shown[i]
        if part.whole and place then
            local tvb, at = place.tvb, place.at
            if part.many then tvb, at = ByteArray.new(part.whole, true):tvb("Reassembled key exchange message"), 0 end
            texts[#texts + 1] = show_message(tree, pinfo, tvb, at, #part.whole, part, packet)
        elseif part.slot then
            texts[#texts + 1] = "part of a message"
        end
    end
    return texts
end

return M

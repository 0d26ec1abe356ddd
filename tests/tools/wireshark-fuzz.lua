-- SPDX-License-Identifier: MIT
-- Writes a capture of packets that are authentic and nonetheless wrong: TLVs, contexts, messages and payloads of odd lengths and values,
-- under the keys of a key log that it writes, too. Usage: lua5.4 wireshark-fuzz.lua PARTS SEED COUNT CAPTURE KEYLOG
local parts, seed, count, capture, key_log = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4], arg[5]
local loaded = {}
function need(name)
    loaded[name] = loaded[name] or assert(loadfile(parts .. "/" .. name .. ".lua"))()
    return loaded[name]
end
local keys, crypto, bytes = need "keys", need "crypto", need "bytes"
local cipher = require "openssl.cipher"
math.randomseed(seed)

local function random(n)
    local out = {}
    for i = 1, n do out[i] = string.char(math.random(0, 255)) end
    return table.concat(out)
end
local function one_of(list) return list[math.random(#list)] end
local function chance(n) return math.random(n) == 1 end

-- ---- keys ---------------------------------------------------------------------------------------
local uuid, payload_key = random(16), random(32)
local lines = {
    "LIFE a " .. bytes.hex(random(16)),
    "PEER_KEY a b 7 " .. bytes.hex(random(8)) .. " " .. bytes.hex(random(48)),
    ("METADATA_KEY b 12 %s %s %s"):format(bytes.hex(random(32)), bytes.hex(random(16)), bytes.hex(random(48))),
    "PAYLOAD_KEY " .. bytes.hex(uuid) .. " 3 sha384 " .. bytes.hex(payload_key),
}
for _, line in ipairs(lines) do keys.add_line(line) end
local file = assert(io.open(key_log, "w"))
file:write(table.concat(lines, "\n"), "\n")
file:close()
local peer = keys.peer_triple(keys.peers[7][1], 1)
local metadata = keys.metadata_triple(keys.metadata[12][1], keys.lives[1])
local payload = keys.payload_triple(keys.payload_key(uuid, 3), true)

local function pad(text)
    local n = 16 - #text % 16
    return text .. (chance(50) and random(n) or string.char(n):rep(n))
end
local function encipher(key, iv, text) return (cipher.new("aes-256-cbc"):encrypt(key, iv, false):final(text)) end

-- ---- TLVs ---------------------------------------------------------------------------------------
local LENGTHS = { [1] = 10, [2] = 13, [3] = 37, [4] = 13, [5] = 37, [6] = 16, [7] = 5, [10] = 9, [11] = 0, [12] = 0, [15] = 4, [16] = 4,
    [24] = 1, [26] = 10, [42] = 4, [46] = 34, [0x8001] = 8, [0x8002] = 40, [0x8003] = 40, [0x8004] = 24, [0x8005] = 1, [0x8006] = 8 }
local KINDS = {}
for kind in pairs(LENGTHS) do KINDS[#KINDS + 1] = kind end
table.sort(KINDS)

local function message()
    local body = string.char(math.random(0, 10)) .. random(math.random(0, 150))
    if chance(2) then -- right in its beginning: counts and lengths come out small
        body = string.char(math.random(1, 9)) .. random(8) .. ("\0"):rep(math.random(0, 120)) .. random(math.random(0, 20))
    end
    local total = chance(4) and #body + 1200 or #body
    local at = chance(5) and 1200 or 0
    return ("\0\0\0" .. string.char(math.random(0, 3))) .. string.pack(">I4I4", total, at) .. (total > #body and at == 0 and
        (body .. ("\0"):rep(1200)):sub(1, 1200) or body)
end

local function tlv(kind)
    local value = random(LENGTHS[kind] or math.random(0, 30))
    if kind == 0x8002 or kind == 0x8003 then value = message() end
    if kind == 6 and chance(2) then value = uuid end
    if kind >= 2 and kind <= 5 and chance(2) then value = value:sub(1, -2) .. string.char(one_of { 0, 1, 6, 17, 44, 58 }) end
    if chance(8) then value = random(math.random(0, 60)) end
    local len = #value
    if chance(60) then len = math.random(0, 65535) end
    return string.pack(">I2I2", kind, len) .. value
end

local function tlvs(n)
    local out = {}
    for i = 1, n do out[i] = tlv(chance(20) and math.random(0, 65535) or one_of(KINDS)) end
    return table.concat(out)
end

-- ---- packets ------------------------------------------------------------------------------------
local number = 0
local function seal(triple, index, body, front)
    number = number + 1
    local nonce = string.pack(">I8", number)
    local header = string.pack(">I2I2I4I2I2", 16, 4, index, 0x8001, 8) .. nonce .. (chance(2) and "\0\11\0\0" or "") .. front
    local text = pad(body)
    local iv = random(16)
    local head = "\76\72\219\198\221\246\103\12" .. string.pack(">I2I2", 0x1000 + (12 + #header) % 4096, 16 + #text)
    return head .. header .. iv .. encipher(triple.cipher, iv, text)
end

local function data(forward_text)
    local nonce = "\3" .. string.pack(">I7", math.random(1, 1000))
    local iv = crypto.encrypt_block(payload.iv, nonce .. ("\0"):rep(8))
    local front = ""
    if chance(3) then
        front = "\76\72\219\198\221\246\103\12\16\26\0\0\0\1\0\10" .. random(10)
    elseif chance(8) then
        front = "\76\72\219\198\221\246\103\12\16\12\0\0"
    end
    local sealed = nonce .. encipher(payload.cipher, iv, pad(forward_text))
    return front .. sealed .. crypto.hmac(payload.hmac, (#front == 26 and front or "") .. sealed)
end

local function packet()
    local what = math.random(4)
    if what == 1 then
        local front = seal(peer, 7, tlvs(math.random(0, 4)), tlvs(math.random(0, 1)))
        local body = front .. (chance(8) and random(math.random(0, 40)) or "\32\192\3\24" .. random(20))
        return 1280, body .. crypto.hmac(peer.hmac, body)
    elseif what == 2 then
        return 1280, "\76\72\219\198\221\246\103\12" .. (function()
            local front = tlvs(math.random(0, 3))
            return string.pack(">I2I2", 0x1000 + (12 + #front) % 4096, 0) .. front
        end)() .. "\32\192\3\24" .. random(20)
    elseif what == 3 then
        local context = tlv(one_of { 2, 2, 3, 4, 5 })
        local body = seal(metadata, 12, context .. "\0\6\0\16" .. uuid .. tlvs(math.random(0, 4)), "")
        if chance(2) then body = body .. data(random(math.random(0, 80))) end
        return 20000, body .. crypto.hmac(metadata.hmac, body)
    end
    return 20000, data(random(math.random(0, 80)))
end

-- Raw IPv4, in pcap.
local out = assert(io.open(capture, "wb"))
out:write(string.pack("<I4I2I2i4I4I4I4", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
for i = 1, count do
    local port, body = packet()
    local ip = string.pack(">BBI2I2I2BBI2", 0x45, 0, 28 + #body, 0, 0, 255, 17, 0) .. "\10\0\0\1\10\0\0\2"
    local whole = ip .. string.pack(">I2I2I2I2", port, port, 8 + #body, 0) .. body
    out:write(string.pack("<I4I4I4I4", i, 0, #whole, #whole), whole)
end
out:close()

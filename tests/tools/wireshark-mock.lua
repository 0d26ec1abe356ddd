-- SPDX-License-Identifier: MIT
-- Runs the dissector outside of Wireshark, with as much of Wireshark's Lua interface as it uses, so that any Lua can be tried; over the
-- packets of docs/test-vectors.md. Usage: luaX.Y wireshark-mock.lua svr.lua PARTS test-vectors.md
local dissector_file, parts, vectors_file = arg[1], arg[2], arg[3]

-- ---- Wireshark, in small ----------------------------------------------------------------------
local shown, info = {}, ""

-- Anything: what is asked of it, it takes.
local anything = setmetatable({}, { __index = function(t) return t end, __call = function(t) return t end })

local Item = {}
Item.__index = Item
function Item.add(_, field, ...)
    local value = select(2, ...)
    if value == nil then value = ... end
    if type(field) == "table" and field.name then shown[field.name] = type(value) == "table" and value.bytes or value or true end
    return setmetatable({}, Item)
end
for _, method in ipairs { "append_text", "set_text", "set_generated", "set_len" } do Item[method] = function(self) return self end end
function Item.add_proto_expert_info(self, expert)
    shown[expert.name] = true
    return self
end

local Range = {}
Range.__index = Range
local function range(bytes, offset) return setmetatable({ bytes = bytes, at = offset or 0 }, Range) end
Range.__call = function(self, at, len)
    at = at or 0
    len = len or #self.bytes - at
    assert(at >= 0 and len >= 0 and at + len <= #self.bytes, "range is out of bounds")
    return range(self.bytes:sub(at + 1, at + len), self.at + at)
end
function Range:raw(at, len) return at and self.bytes:sub(at + 1, at + len) or self.bytes end
function Range:uint()
    local n = 0
    for i = 1, #self.bytes do n = n * 256 + self.bytes:byte(i) end
    return n
end
function Range:uint64() return setmetatable({ n = self:uint() }, { __tostring = function(t) return ("%.0f"):format(t.n) end }) end
function Range:ipv4() return table.concat({ self.bytes:byte(1, 4) }, ".") end
function Range:tvb() return self end
function Range:captured_len() return #self.bytes end
Range.reported_len = Range.captured_len
function Range:offset() return self.at end

base, ftypes, frametype = anything, anything, anything
expert = anything
ProtoField = setmetatable({}, { __index = function() return function(name) return { name = name } end end })
ProtoExpert = { new = function(name) return { name = name } end }
Pref = { string = function(_, default) return default end, bool = function(_, default) return default end }
local protos, heuristics = {}, {}
function Proto(name)
    protos[name] = { prefs = {}, register_heuristic = function(_, list, f) heuristics[list] = f end }
    return protos[name]
end
Field = { new = function() return function() end end }
DissectorTable = { get = function() return { add = function() end, get_dissector = function() end } end }
Dissector = { get = function() return { call = function() end } end }
ByteArray = { new = function(bytes) return { tvb = function() return range(bytes) end } end }
NSTime = { new = function(seconds) return seconds end }
register_postdissector, register_stat_cmd_arg = function() end, function() end
gui_enabled = function() return false end

-- ---- the packets ------------------------------------------------------------------------------
local vector = {}
for line in io.lines(vectors_file) do
    local name, hex = line:match("^([a-z_0-9]+) = (%x+)$")
    if name then vector[name] = hex end
end
local function octets(hex) return (hex:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end)) end

local log = os.tmpname()
local file = io.open(log, "w")
file:write("PEER_KEY alias-a alias-b 7 ", vector.fingerprint, " ", vector.peer_key, "\n")
file:write("LIFE alias-a ", vector.life_of_a, "\n")
file:write("METADATA_KEY alias-b 12 ", vector.metadata_key, " ", vector.metadata_key_iv, " ", vector.metadata_key_hmac_key, "\n")
file:write("PAYLOAD_KEY ", vector.session_uuid, " 3 sha384 ", vector.payload_key, "\n")
file:close()

assert(loadfile(dissector_file))()
local svr = protos.svr
svr.prefs.keylog_file, svr.prefs.comment_keys, svr.prefs.inner = log, true, true
svr.init()
os.remove(log)

local n, failed = 0, false
local function check(ok, sentence)
    n = n + 1
    failed = failed or not ok
    print(("%sok %d - %s, %s"):format(ok and "" or "not ", n, _VERSION, sentence))
end

local frame = 0
local function dissect(hex, port)
    shown, info, frame = {}, "", frame + 1
    local columns = { protocol = { set = function() end }, info = { set = function(_, text) info = text end, fence = function() end } }
    local pinfo = { number = frame, rel_ts = frame / 3, src = "10.0.0.1", dst = "10.0.0.2", src_port = port, dst_port = port, port_type = 3,
        cols = columns }
    return heuristics.udp(range(octets(hex), 28), pinfo, setmetatable({}, Item))
end

check(dissect(vector.bfd_packet, 1280) and shown["svr.auth"] == 2, "a BFD packet is authentic")
check(shown["svr.sender"] == "alias-a" and shown["svr.key_fingerprint"] == vector.fingerprint, "and names its sender and key")
check(info == "BFD up, key 7", "and is told as: " .. info)
check(dissect(vector.session_metadata_packet, 20000) and shown["svr.auth"] == 2, "a packet with metadata is authentic")
check(shown["svr.forward_context_v4.srcport"] == octets "9c40", "and shows its context")
check(info == "metadata, key 12, payload key 3", "and is told as: " .. info)
check(dissect(vector.session_metadata_packet:sub(1, -3) .. "00", 20000) and shown["svr.expert.bad_hmac"], "a bent one is not")
for len = 1, #vector.bfd_packet / 2 - 1 do
    dissect(vector.bfd_packet:sub(1, 2 * len), 1280)
    dissect(vector.session_metadata_packet:sub(1, 2 * len), 20000)
end
check(true, "all their beginnings are survived")
check(not dissect("00" .. vector.bfd_packet, 20000), "what does not begin with the cookie is left to others")

-- The parts that need nothing of Wireshark.
local loaded = {}
function need(name)
    loaded[name] = loaded[name] or assert(loadfile(parts .. "/" .. name .. ".lua"))()
    return loaded[name]
end
local keys, crypto, bytes = need "keys", need "crypto", need "bytes"
keys.add_line(("PAYLOAD_KEY %s 3 sha384 %s"):format(vector.session_uuid, vector.payload_key))
local key = keys.payload_key(octets(vector.session_uuid), 3)
local triple = keys.payload_triple(key, true)
check(bytes.hex(triple.hmac) == vector.payload_forward_hmac_key, "payload keys are derived as the vectors say")
local packet = octets(vector.data_packet)
check(crypto.hmac(triple.hmac, packet:sub(1, -49)) == packet:sub(-48), "and hold for the data packet")
local iv = crypto.encrypt_block(triple.iv, packet:sub(1, 8) .. ("\0"):rep(8))
check(bytes.hex(iv) == vector.data_iv, "its IV comes from the nonce")
local text = crypto.decrypt(triple.cipher, iv, packet:sub(9, -49))
check(bytes.hex(text:sub(1, bytes.unpadded(text))) == vector.data_text, "and its text is that of the vectors")
check(bytes.put16(65535 - bytes.sum(octets "4500003c1c46400040060000ac100a63ac100a0c")) == octets "b1e6",
    "a checksum is that of the textbook")
print(("1..%d"):format(n))
os.exit(not failed)

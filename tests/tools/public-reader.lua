-- SPDX-License-Identifier: MIT
-- A second reader of SVR metadata, for tshark, which knows what is public of the format (draft-menon-svr: header, TLVs and their
-- numbers) and nothing of this project's profile. It shares no line with the dissector, which is compared with it.
local proto = Proto("published", "SVR metadata, as published")
local f = {
    version = ProtoField.uint8("published.version", "Version"),
    header_length = ProtoField.uint16("published.header_length", "Header length"),
    payload_length = ProtoField.uint16("published.payload_length", "Payload length"),
    clear = ProtoField.string("published.clear", "TLV in clear"),
    key = ProtoField.uint32("published.key", "Key that the rest is enciphered under"),
    fragment = ProtoField.uint32("published.fragment", "Datagram that a fragment is of"),
    tlv = ProtoField.string("published.tlv", "TLV"),
    fault = ProtoField.string("published.fault", "Fault"),
}
proto.fields = { f.version, f.header_length, f.payload_length, f.clear, f.key, f.fragment, f.tlv, f.fault }

local COOKIE = "4c48dbc6ddf6670c"

local function hex(tvb) return (tostring(tvb:bytes()):lower()) end
local function text(tvb) return tvb:string() end
local function number(tvb) return tostring(tvb:uint()) end

-- source, destination, source port, destination port, protocol
local function context(size)
    return function(tvb)
        local function address(at) return tostring(size == 4 and tvb(at, 4):ipv4() or tvb(at, 16):ipv6()) end
        return ("%s:%d > %s:%d %d"):format(address(0), tvb(2 * size, 2):uint(), address(size), tvb(2 * size + 2, 2):uint(),
            tvb(2 * size + 4, 1):uint())
    end
end

local function fragment(tvb)
    local at = tvb(6, 2):uint()
    return ("%d of %d at %d%s, largest %d"):format(tvb(0, 4):uint(), tvb(4, 2):uint(), at % 0x2000 * 8, at >= 0x2000 and "+" or "",
        tvb(8, 2):uint())
end

-- Name, length where it is fixed, how its value reads.
local PUBLISHED = {
    [1] = { "fragment", 10, fragment }, [2] = { "forward", 13, context(4) }, [3] = { "forward", 37, context(16) },
    [4] = { "reverse", 13, context(4) }, [5] = { "reverse", 37, context(16) }, [6] = { "session", 16, hex },
    [7] = { "tenant", nil, text }, [10] = { "service", nil, text }, [11] = { "encrypted", 0 }, [12] = { "syn", 0 },
    [14] = { "router", nil, text }, [15] = { "policy", nil, text }, [16] = { "security-id", 4, number },
    [24] = { "control", 1, number },
}

-- TLVs that fill [at, stop) exactly, each shown by show(range, name and value, type); gives false where they do not.
local function walk(tvb, at, stop, show)
    while at < stop do
        if stop - at < 4 or tvb(at + 2, 2):uint() > stop - at - 4 then return false end
        local kind, len = tvb(at, 2):uint(), tvb(at + 2, 2):uint()
        local known = PUBLISHED[kind]
        if known and known[2] and len ~= known[2] then return false end
        local value = known and known[3] and len > 0 and known[3](tvb(at + 4, len):tvb()()) or len
        show(tvb(at, 4 + len), known and ("%s %s"):format(known[1], value) or ("%d %d"):format(kind, len), kind)
        at = at + 4 + len
    end
    return true
end

function proto.dissector(tvb, pinfo, root)
    local header, payload = tvb(8, 2):uint() % 0x1000, tvb(10, 2):uint()
    local tree = root:add(proto, tvb())
    local function fault(what) tree:add(f.fault, tvb(0, 12), what) end
    tree:add(f.version, tvb(8, 1), bit.rshift(tvb(8, 1):uint(), 4))
    tree:add(f.header_length, tvb(8, 2), header)
    tree:add(f.payload_length, tvb(10, 2), payload)
    if header < 12 or header + payload > tvb:len() then return fault "lengths" end
    local keyed = false
    local whole = walk(tvb, 12, header, function(range, what, kind)
        tree:add(f.clear, range, what)
        if kind == 16 then
            keyed = true
            tree:add(f.key, range(4, 4))
        elseif kind == 1 then
            tree:add(f.fragment, range(4, 4))
        end
    end)
    if not whole then return fault "TLVs in clear" end
    if keyed then return end -- the rest is enciphered
    whole = walk(tvb, header, header + payload, function(range, what) tree:add(f.tlv, range, what) end)
    if not whole then fault "TLVs" end
end

proto:register_heuristic("udp", function(tvb, pinfo, root)
    if tvb:len() < 12 or hex(tvb(0, 8)) ~= COOKIE then return false end
    proto.dissector(tvb, pinfo, root)
    return true
end)

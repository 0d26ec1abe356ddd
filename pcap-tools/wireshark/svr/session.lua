-- SPDX-License-Identifier: MIT
-- Sessions, and the waypoints that their packets go between (docs/protocol.md section 4).
local bytes = need "bytes"
local fields = need "fields"
local state = need "state"
local tlvs = need "tlvs"
local F = fields.F

local M = {}

function M.uuid_text(uuid)
    local a, b, c, d, e = bytes.hex(uuid):match("^(........)(....)(....)(....)(............)$")
    return ("%s-%s-%s-%s-%s"):format(a, b, c, d, e)
end

local function way_name(src, sport, dst, dport) return ("%d:%d>%d:%d"):format(src, sport, dst, dport) end

-- The session and direction of a packet between waypoints; nil when no metadata told of it before.
function M.find(packet)
    packet.way_name = packet.way_name or way_name(packet.src, packet.sport, packet.dst, packet.dport)
    local way = state.ways[packet.way_name]
    return way and way.frame <= packet.frame and way or nil
end

function M.protocol_name(way)
    local proto = way.session.flow.proto
    return fields.PROTOCOLS[proto] or ("protocol %d"):format(proto)
end

local function session_of(facts, packet)
    local session = state.sessions[facts.uuid]
    if not session then
        session = { uuid = facts.uuid, text = M.uuid_text(facts.uuid), first = packet.frame, forward = {}, reverse = {}, keys = 0 }
        for _, way in ipairs { session.forward, session.reverse } do way.packets, way.bytes = 0, 0 end
        state.sessions[facts.uuid] = session
        table.insert(state.session_list, session)
    end
    session.flow = facts.forward and facts.flow or tlvs.reversed(facts.flow)
    session.flow_text = tlvs.flow_text(session.flow)
    session.service = facts.service or session.service
    session.tenant = facts.tenant or session.tenant
    if facts.phase and facts.phase ~= session.phase then
        session.phase = facts.phase
        session.keys = session.keys + 1
    end
    return session
end

-- Authentic metadata binds waypoints to its session, both ways. Gives the way of this packet.
function M.learn(facts, packet, encrypted)
    if not facts.uuid or not facts.flow then return nil end
    local session = session_of(facts, packet)
    local way
    for _, back in ipairs { true, false } do
        local a, aport, b, bport = packet.src, packet.sport, packet.dst, packet.dport
        if back then a, aport, b, bport = b, bport, a, aport end
        way = {
            session = session, forward = facts.forward ~= back, encrypted = encrypted, frame = packet.frame, time = packet.time,
            phase = session.phase,
        }
        state.ways[way_name(a, aport, b, bport)] = way
    end
    return way
end

function M.count(way, packet, len)
    local direction = way.forward and way.session.forward or way.session.reverse
    direction.packets = direction.packets + 1
    direction.bytes = direction.bytes + len
    way.session.first_time = way.session.first_time or packet.time
    way.session.last_time = packet.time
end

local SHOWN = {}
for _, key in ipairs { "uuid", "flow", "srcport", "dstport", "proto", "service", "tenant", "forward", "key_phase", "since_metadata" } do
    SHOWN[key] = F["session." .. key]
end
local ENDS = {
    [false] = { F["session.src"], F["session.dst"] },
    [true] = { F["session.src6"], F["session.dst6"] },
}
local FIRST_IN, METADATA_IN = F["session.first_in"], F["session.metadata_in"]

local function add_generated(item, ...) item:add(...):set_generated() end

local function show_since(add, item, none, way, packet)
    local since = packet.time - way.time
    add(item, METADATA_IN, way.frame)
    add(item, SHOWN.since_metadata, none, NSTime.new(math.floor(since), math.floor(since % 1 * 1e9 + 0.5)))
end

-- Nobody sees the words of a tree that is not visible: its fields are for filters.
function M.show(tree, tvb, way, packet)
    local session, flow, none = way.session, way.session.flow, tvb(0, 0)
    local item = tree:add(F.session, none)
    local add = tree.visible and add_generated or item.add
    if tree.visible then
        item:append_text((": %s, %s"):format(session.flow_text, way.forward and "forward" or "reverse")):set_generated()
    end
    local ends = ENDS[flow.v6]
    add(item, SHOWN.uuid, none, session.text)
    add(item, SHOWN.flow, none, session.flow_text)
    add(item, ends[1], none, flow.src)
    add(item, ends[2], none, flow.dst)
    add(item, SHOWN.srcport, none, flow.sport)
    add(item, SHOWN.dstport, none, flow.dport)
    add(item, SHOWN.proto, none, flow.proto)
    if session.service then add(item, SHOWN.service, none, session.service) end
    if session.tenant then add(item, SHOWN.tenant, none, session.tenant) end
    add(item, SHOWN.forward, none, way.forward)
    if way.phase then add(item, SHOWN.key_phase, none, way.phase) end
    if session.first ~= packet.frame then add(item, FIRST_IN, session.first) end
    if way.frame ~= packet.frame then show_since(add, item, none, way, packet) end
end

-- ---- the packet inside ----------------------------------------------------------------------

local function complement(sum) return bytes.put16(65535 - sum) end

local function ipv6_header(flow, next_header, body, tos, ttl)
    local high = (tos - tos % 16) / 16
    return string.char(96 + high, tos % 16 * 16, 0, 0) .. bytes.put16(#body) .. string.char(next_header, ttl) .. flow.src_raw ..
        flow.dst_raw .. body
end

local function ipv4_header(flow, body, tos, ttl, id, flags)
    local front = string.char(0x45, tos) .. bytes.put16(20 + #body) .. bytes.put16(id) .. bytes.put16(flags) ..
        string.char(ttl, flow.proto)
    return front .. complement(bytes.sum(front .. "\0\0" .. flow.src_raw .. flow.dst_raw)) .. flow.src_raw .. flow.dst_raw .. body
end

-- What does not travel in the text of a whole datagram.
local function l4_front(flow, text)
    local ports = bytes.put16(flow.sport) .. bytes.put16(flow.dport)
    if flow.proto == 6 then return ports end
    if flow.proto ~= 17 then return "" end
    local len = bytes.put16(8 + #text)
    local sum = complement(bytes.sum(flow.src_raw .. flow.dst_raw .. "\0\17" .. len .. ports .. len .. "\0\0" .. text))
    return ports .. len .. (sum == "\0\0" and "\255\255" or sum)
end

-- The IP packet that stands for `text`: a whole datagram, or a fragment when it is a part of one.
function M.datagram(way, text, part, tos, ttl)
    local flow = way.session.flow
    if not way.forward then flow = tlvs.reversed(flow) end
    if not part then
        local body = l4_front(flow, text) .. text
        if flow.v6 then return ipv6_header(flow, flow.proto, body, tos, ttl) end
        return ipv4_header(flow, body, tos, ttl, 0, 0x4000)
    end
    if flow.v6 then
        local where = string.char(flow.proto, 0) .. bytes.put16(part.offset + (part.more and 1 or 0))
        return ipv6_header(flow, 44, where .. bytes.put16(math.floor(part.id / 65536)) .. bytes.put16(part.id) .. text, tos, ttl)
    end
    local id = part.original_id ~= 0 and part.original_id or part.id
    local flags = (part.dont_fragment and 0x4000 or 0) + (part.more and 0x2000 or 0) + part.offset / 8
    return ipv4_header(flow, text, tos, ttl, id, flags)
end

return M

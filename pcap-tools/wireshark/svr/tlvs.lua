-- SPDX-License-Identifier: MIT
-- TLVs of metadata: read for their facts, and shown.
local bytes = need "bytes"
local fields = need "fields"
local F, X = fields.F, fields.X
local u16 = bytes.u16

local M = {}

-- Walks whole TLVs of `raw` in [at, stop). Each call gives type, offset and length of the value; the last one nothing, or
-- the offset of a rest that is no whole TLV as its fourth value.
function M.each(raw, at, stop)
    return function()
        if at >= stop then return nil end
        local left = stop - at
        if left < 4 or left - 4 < u16(raw, at + 2) then
            local rest = at
            at = stop
            return 0, rest, 0, rest
        end
        local kind, len, value = u16(raw, at), u16(raw, at + 2), at + 4
        at = value + len
        return kind, value, len
    end
end

-- ---- how each is shown ----------------------------------------------------------------------
-- A function gets the tree, the buffer, offset and length of the value, and what goes along from TLV to TLV. It gives the
-- item that it made.

local function range(tvb, at, len)
    if len == 0 then return tvb(at - 4, 4) end
    return tvb(at, len)
end

local function plain(field)
    return function(tree, tvb, at, len) return tree:add(field, range(tvb, at, len)) end
end

local function flag(field)
    return function(tree, tvb, at) return tree:add(field, tvb(at - 4, 4)) end
end

local function context(key, size)
    return function(tree, tvb, at, len)
        local item = tree:add(F[key], tvb(at, len))
        local src, dst = tvb(at, size), tvb(at + size, size)
        item:add(F[key .. ".src"], src)
        item:add(F[key .. ".dst"], dst)
        item:add(F[key .. ".srcport"], tvb(at + 2 * size, 2))
        item:add(F[key .. ".dstport"], tvb(at + 2 * size + 2, 2))
        item:add(F[key .. ".proto"], tvb(at + 2 * size + 4, 1))
        item:append_text(": " .. M.flow_text(M.read_flow(tvb, at, size)))
        return item
    end
end

local function fragment(tree, tvb, at, len)
    local item = tree:add(F.fragment, tvb(at, len))
    item:add(F["fragment.extended_id"], tvb(at, 4))
    item:add(F["fragment.id"], tvb(at + 4, 2))
    item:add(F["fragment.dont_fragment"], tvb(at + 6, 2))
    item:add(F["fragment.more"], tvb(at + 6, 2))
    item:add(F["fragment.offset"], tvb(at + 6, 2))
    item:add(F["fragment.largest"], tvb(at + 8, 2))
    local part = M.read_fragment(tvb(at, len):raw())
    item:append_text((": datagram %d, at %d%s"):format(part.id, part.offset, part.more and ", more" or ", the last"))
    return item
end

local function echo(tree, tvb, at, len, along)
    local item = tree:add(F.echo, tvb(at, len))
    item:add(F["echo.kind"], tvb(at, 1))
    item:add(F["echo.number"], tvb(at + 1, 1))
    item:add(F["echo.length"], tvb(at + 2, 1))
    item:add(F["echo.burst"], tvb(at + 4, 4))
    item:append_text(": " .. M.echo_words(tvb(at, len):raw()))
    if along.show_echo then along.show_echo(item) end
    return item
end

local function icmp_error(tree, tvb, at, len)
    local item = tree:add(F.icmp_error, tvb(at, len))
    item:add(F["icmp_error.type"], tvb(at, 1))
    item:add(F["icmp_error.code"], tvb(at + 1, 1))
    item:add(F["icmp_error.value"], tvb(at + 2, 4))
    item:add(F["icmp_error.quote"], tvb(at + 6, 8))
    item:append_text((": type %d, code %d"):format(tvb(at, 1):uint(), tvb(at + 1, 1):uint()))
    return item
end

local function mtu_probe(tree, tvb, at, len)
    local item = tree:add(F.mtu_probe, tvb(at, len))
    item:add(F["mtu_probe.kind"], tvb(at, 1))
    item:add(F["mtu_probe.size"], tvb(at + 2, 2))
    item:add(F["mtu_probe.id"], tvb(at + 4, 4))
    if len > 8 then item:add(F["mtu_probe.padding"], tvb(at + 8, len - 8)) end
    item:append_text(": " .. M.probe_words(tvb(at, 8):raw()))
    return item
end

local function seen_as(tree, tvb, at, len)
    local item = tree:add(F.seen_as, tvb(at, len))
    item:add(F["seen_as.port"], tvb(at, 2))
    item:add(F[len == 6 and "seen_as.address4" or "seen_as.address6"], tvb(at + 2, len - 2))
    return item
end

local function payload_key(tree, tvb, at, len)
    local item = tree:add(F.payload_key, tvb(at, len))
    if len == 1 then
        item:add(F["payload_key.health_check"], tvb(at, 1))
        item:append_text(": session health check")
        return item
    end
    item:add(F["payload_key.phase"], tvb(at, 1))
    item:add(F["payload_key.hmac"], tvb(at + 1, 1))
    item:add(F["payload_key.key"], tvb(at + 2, 32))
    item:append_text((": phase %d"):format(tvb(at, 1):uint()))
    return item
end

local function keys_held(tree, tvb, at, len)
    local item = tree:add(F.keys_held, range(tvb, at, len))
    local texts = {}
    for entry = at, at + len - 12, 12 do
        local key = item:add(F["keys_held.key"], tvb(entry, 12))
        local index = tvb(entry, 4):uint()
        key:add(F["keys_held.index"], tvb(entry, 4))
        key:add(F["keys_held.fingerprint"], tvb(entry + 4, 8))
        key:append_text((" %d"):format(index))
        texts[#texts + 1] = ("%d"):format(index)
    end
    item:append_text(": " .. (#texts > 0 and table.concat(texts, ", ") or "none"))
    return item
end

-- `along.parts` holds what became of each part of a message, in the order of the TLVs.
local function part(key)
    return function(tree, tvb, at, len, along)
        local item = tree:add(F[key], tvb(at, len))
        item:add(F[key .. ".message_id"], tvb(at, 4))
        item:add(F[key .. ".total"], tvb(at + 4, 4))
        item:add(F[key .. ".offset"], tvb(at + 8, 4))
        item:add(F[key .. ".bytes"], tvb(at + 12, len - 12))
        item:append_text((": %d of %d bytes, at %d"):format(len - 12, tvb(at + 4, 4):uint(), tvb(at + 8, 4):uint()))
        along.part = along.part + 1
        local known = along.parts[along.part]
        if not known then return item end
        if known.bad then item:add_proto_expert_info(X.malformed, "Not a part that fits into a message") end
        if known.slot and known.slot.whole_in then
            item:add(F[key .. ".whole_in"], known.slot.whole_in):set_generated()
        end
        along.shown[along.part] = { tvb = tvb, at = at + 12, len = len - 12 }
        return item
    end
end

-- type: name, lengths that are right (nil: any), how it is shown
local function between(low, high) return function(n) return n >= low and n <= high end end
local function exactly(len) return between(len, len) end
local function name_length(n) return n >= 1 and n <= 63 end

local KINDS = {
    [1] = { "fragment", exactly(10), fragment },
    [2] = { "forward-context-v4", exactly(13), context("forward_context_v4", 4) },
    [3] = { "forward-context-v6", exactly(37), context("forward_context_v6", 16) },
    [4] = { "reverse-context-v4", exactly(13), context("reverse_context_v4", 4) },
    [5] = { "reverse-context-v6", exactly(37), context("reverse_context_v6", 16) },
    [6] = { "session-uuid", exactly(16), plain(F.session_uuid) },
    [7] = { "tenant", name_length, plain(F.tenant) },
    [10] = { "service", name_length, plain(F.service) },
    [11] = { "session-encrypted", exactly(0), flag(F.session_encrypted) },
    [12] = { "tcp-syn", exactly(0), flag(F.tcp_syn) },
    [14] = { "source-router", nil, plain(F.source_router) },
    [15] = { "security-policy", name_length, plain(F.security_policy) },
    [16] = { "security-id", exactly(4), plain(F.security_id) },
    [17] = { "destination-router", nil, plain(F.destination_router) },
    [18] = { "disable-forward-metadata", exactly(0), flag(F.disable_forward_metadata) },
    [19] = { "peer-path-id", nil, plain(F.peer_path_id) },
    [20] = { "icmp-error-location-v4", exactly(4), plain(F.icmp_error_location_v4) },
    [21] = { "icmp-error-location-v6", exactly(16), plain(F.icmp_error_location_v6) },
    [24] = { "control-message", exactly(1), plain(F.control_message) },
    [25] = { "source-nat-address", nil, plain(F.source_nat_address) },
    [26] = { "path-metrics", exactly(10), plain(F.path_metrics) },
    [28] = { "modify-request", nil, plain(F.modify_request) },
    [35] = { "application", nil, plain(F.application) },
    [42] = { "remaining-session-time", exactly(4), plain(F.remaining_session_time) },
    [46] = { "payload-key", function(n) return n == 1 or n == 34 end, payload_key },
    [50] = { "multicast-50", nil, plain(F.multicast_50) },
    [51] = { "multicast-51", nil, plain(F.multicast_51) },
    [0x8001] = { "nonce", exactly(8), plain(F.nonce) },
    [0x8002] = { "key-exchange-part", between(13, 65535), part "key_exchange_part" },
    [0x8003] = { "key-exchange-secret", between(13, 65535), part "key_exchange_secret" },
    [0x8004] = { "keys-held", function(n) return n % 12 == 0 end, keys_held },
    [0x8005] = { "transport", exactly(1), plain(F.transport) },
    [0x8006] = { "echo", exactly(8), echo },
    [0x8007] = { "icmp-error", exactly(14), icmp_error },
    [0x8008] = { "mtu-probe", between(8, 65535), mtu_probe },
    [0x8009] = { "padding", nil, plain(F.padding_tlv) },
    [0x800a] = { "room", exactly(2), plain(F.room) },
    [0x8010] = { "claim", exactly(4), plain(F.claim) },
    [0x8011] = { "seen-as", function(n) return n == 6 or n == 18 end, seen_as },
    [0x8012] = { "cookie", exactly(16), plain(F.cookie_tlv) },
}

local function show_unknown(tree, tvb, kind, at, len)
    local item = tree:add(F.unknown_tlv, range(tvb, at, len))
    item:append_text((" (type %d)"):format(kind))
    item:add_proto_expert_info(X.unknown_tlv)
    return item
end

local function show_one(tree, tvb, kind, at, len, along)
    local known = KINDS[kind]
    if not known then return show_unknown(tree, tvb, kind, at, len) end
    if not known[2] or known[2](len) then return known[3](tree, tvb, at, len, along) end
    local item = tree:add(F.unknown_tlv, range(tvb, at, len))
    item:set_text(known[1])
    item:add_proto_expert_info(X.malformed, ("%s of %d bytes"):format(known[1], len))
    return item
end

-- Shows the TLVs in [at, stop) of a buffer whose octets are `raw`. `along` goes from call to call within a packet.
function M.show(tree, tvb, raw, at, stop, along)
    for kind, value, len, rest in M.each(raw, at, stop) do
        if rest then
            tree:add(F["rest"], tvb(rest, stop - rest)):add_proto_expert_info(X.malformed, "Not a whole TLV")
            return
        end
        local item = show_one(tree, tvb, kind, value, len, along)
        item:add(F["tlv.type"], tvb(value - 4, 2)):append_text(KINDS[kind] and " " .. KINDS[kind][1] or " unknown")
        item:add(F["tlv.length"], tvb(value - 2, 2))
    end
end

-- ---- facts ----------------------------------------------------------------------------------

-- The flow of a context, whose addresses have `size` octets.
function M.read_flow(tvb, at, size)
    local src, dst = tvb(at, size), tvb(at + size, size)
    return {
        v6 = size == 16,
        src_raw = src:raw(), dst_raw = dst:raw(),
        src = size == 16 and src:ipv6() or src:ipv4(),
        dst = size == 16 and dst:ipv6() or dst:ipv4(),
        sport = tvb(at + 2 * size, 2):uint(), dport = tvb(at + 2 * size + 2, 2):uint(),
        proto = tvb(at + 2 * size + 4, 1):uint(),
    }
end

function M.reversed(flow)
    return {
        v6 = flow.v6, src_raw = flow.dst_raw, dst_raw = flow.src_raw, src = flow.dst, dst = flow.src,
        sport = flow.dport, dport = flow.sport, proto = flow.proto,
    }
end

function M.flow_text(f)
    local text = f.v6 and "[%s]:%d → [%s]:%d %s" or "%s:%d → %s:%d %s"
    return text:format(f.src, f.sport, f.dst, f.dport, fields.PROTOCOLS[f.proto] or ("protocol %d"):format(f.proto))
end

function M.echo_words(value)
    local kind, number, length = value:byte(1, 3)
    return ("echo %s %d of %d"):format(kind == 1 and "request" or kind == 2 and "reply" or "of a wrong kind", number, length)
end

function M.probe_words(value)
    return (value:byte(1) == 2 and "answer to MTU probe of %d" or "MTU probe of %d"):format(bytes.u16(value, 2))
end

-- What the value of a fragment TLV says; offset in bytes.
function M.read_fragment(value)
    local flags = bytes.u16(value, 6)
    return {
        id = bytes.u32(value, 0), original_id = bytes.u16(value, 4), offset = flags % 8192 * 8,
        more = math.floor(flags / 8192) % 2 == 1, dont_fragment = math.floor(flags / 16384) % 2 == 1,
    }
end

-- The header TLVs: { ok, key, nonce (octets), encrypted, clear_context }. ok is false when they are not whole.
function M.read_header(raw, at, stop)
    local out = { ok = true }
    for kind, value, len, rest in M.each(raw, at, stop) do
        if rest then
            out.ok = false
        elseif kind == 16 and len == 4 then
            out.key = out.key or bytes.u32(raw, value)
        elseif kind == 0x8001 and len == 8 then
            out.nonce = out.nonce or raw:sub(value + 1, value + 8)
        elseif kind == 11 then
            out.encrypted = true
        elseif kind >= 2 and kind <= 5 then
            out.clear_context = true
        end
    end
    out.ok = out.ok and (out.key ~= nil) == (out.nonce ~= nil)
    return out
end

-- The facts of a session's decrypted TLVs; of a type that stands twice the first counts.
function M.read_session(tvb, raw, stop)
    local out = {}
    for kind, value, len, rest in M.each(raw, 0, stop) do
        local known = KINDS[kind]
        if rest then return out end
        if known and known[2] and known[2](len) then
            if kind >= 2 and kind <= 5 and not out.flow then
                out.flow = M.read_flow(tvb, value, kind % 2 == 0 and 4 or 16)
                out.forward = kind <= 3
            elseif kind == 6 then
                out.uuid = out.uuid or raw:sub(value + 1, value + 16)
            elseif kind == 7 then
                out.tenant = out.tenant or raw:sub(value + 1, value + len)
            elseif kind == 10 then
                out.service = out.service or raw:sub(value + 1, value + len)
            elseif kind == 24 then
                out.control = out.control or raw:byte(value + 1)
            elseif kind == 0x8007 then
                out.icmp_error = out.icmp_error or ("ICMP error %d/%d"):format(raw:byte(value + 1, value + 2))
            elseif kind == 46 and len == 34 then
                out.phase = out.phase or raw:byte(value + 1)
                out.hmac = out.hmac or (raw:byte(value + 2) == 1 and "sha384-192" or "sha384")
                out.key = out.key or raw:sub(value + 3, value + 34)
            end
        end
    end
    return out
end

return M

-- SPDX-License-Identifier: MIT
-- Packets: taken apart, authenticated and deciphered once, shown as often as asked for.
local bytes = need "bytes"
local crypto = need "crypto"
local echo = need "echo"
local exchange = need "exchange"
local fields = need "fields"
local keys = need "keys"
local session = need "session"
local state = need "state"
local tlvs = need "tlvs"
local hand_over = need "hand_over".to
local payload = need "payload"
local verdicts = need "verdicts"
local proto, F, X = fields.proto, fields.F, fields.X

local COOKIE = "\76\72\219\198\221\246\103\12"
local BFD_PORT = 1280
local WAYPOINT_PORTS = { first = 16384, last = 65534 }
local TAG = 48
local NONE, NO_KEY, GOOD, BAD = verdicts.NONE, verdicts.NO_KEY, verdicts.GOOD, verdicts.BAD
local BFD_STATES = { [0] = "admin down", "down", "init", "up" }

local comment_field = Field.new("frame.comment")
local interface_field = Field.new("frame.interface_id")

-- ---- keys -----------------------------------------------------------------------------------

local comments_of -- the frame whose comments were read

-- Comments come with their frame. (The first of two passes of tshark has none; the second one reads them.)
local function read_comments(pinfo)
    if comments_of == pinfo.number or not proto.prefs.comment_keys then return end
    comments_of = pinfo.number
    for _, comment in ipairs { comment_field() } do
        for line in tostring(comment.value):gmatch("[^\r\n]+") do keys.add_line(line) end
    end
end

function proto.init()
    comments_of = nil
    state.reset()
    verdicts.key_log_found = keys.reset(proto.prefs.keylog_file)
end

-- ---- metadata -------------------------------------------------------------------------------

-- The layout of the metadata that begins at `at` and may reach to `stop`: nil when there is none; bad, when it is wrong. All places
-- count from the beginning of the packet.
local function layout(raw, at, stop)
    if raw:sub(at + 1, at + 8) ~= COOKIE then return nil end
    local m = { at = at, cut = #raw < stop, header = at, total = at }
    if #raw < at + 12 then
        m.bad = "No whole header"
        return m
    end
    local word = bytes.u16(raw, at + 8)
    local version, header = math.floor(word / 4096), word % 4096
    m.header, m.total = at + header, at + header + bytes.u16(raw, at + 10)
    if version ~= 1 then
        m.bad = ("Version %d"):format(version)
    elseif header < 12 then
        m.bad = "The header length is less than that of a header"
    elseif m.total > stop then
        m.bad = "The lengths reach beyond the packet"
    end
    return m
end

-- A header that belongs to the payload and not to the hop: bare, of a false positive; or with a fragment TLV, of a part of a
-- datagram. nil when it is neither.
local function front_of(m, raw)
    if not m or m.bad or m.total ~= m.header then return nil end
    local len = m.header - m.at
    if len == 12 then return { m = m } end
    if len ~= 26 or #raw < m.header or bytes.u32(raw, m.at + 12) ~= 0x1000a then return nil end
    return { m = m, part = tlvs.read_fragment(raw:sub(m.at + 17, m.at + 26)) }
end

-- Where the hop's HMAC begins; the length of the packet when it has none.
local function end_of_body(m, rec, whole) return rec.head and rec.head.key and not m.bad and whole - TAG or whole end

-- ---- which key ------------------------------------------------------------------------------

local function holds(triple, raw) return crypto.hmac(triple.hmac, raw:sub(1, -TAG - 1)) == raw:sub(-TAG) end

-- Each tries what a packet may be under, the one of the last such packet first; { triple, key, sender, receiver } that fits.
local function peer_candidates(index)
    local out = {}
    for _, key in ipairs(keys.peers[index] or {}) do
        for from = 1, 2 do
            out[#out + 1] = { triple = keys.peer_triple(key, from), key = key, sender = key.names[from], receiver = key.names[3 - from] }
        end
    end
    return out
end

local function metadata_candidates(index)
    local out = {}
    for _, key in ipairs(keys.metadata[index] or {}) do
        for _, by in ipairs(keys.lives) do
            if by.router ~= key.owner then
                out[#out + 1] = { triple = keys.metadata_triple(key, by), key = key, sender = by.router, receiver = key.owner }
            end
        end
    end
    return out
end

local function authenticate(rec, packet, raw, is_bfd)
    local name = ("%s %d>%d %d"):format(is_bfd and "bfd" or "svr", packet.src, packet.dst, rec.head.key)
    local hint = state.hints[name]
    if hint and holds(hint.triple, raw) then return GOOD, hint end
    local candidates = (is_bfd and peer_candidates or metadata_candidates)(rec.head.key)
    for _, candidate in ipairs(candidates) do
        if holds(candidate.triple, raw) then
            state.hints[name] = candidate
            return GOOD, candidate
        end
    end
    return #candidates > 0 and BAD or NO_KEY
end

-- ---- seen for the first time ----------------------------------------------------------------

-- The decrypted TLVs: octets and their length without padding. nil when they cannot be had.
local function open(rec, m, raw)
    local at = m.header + 16
    local text = crypto.decrypt(rec.use.triple.cipher, raw:sub(m.header + 1, at), raw:sub(at + 1, m.total))
    if not text then return nil end
    return text, bytes.unpadded(text)
end

-- Whether metadata has the shape that it must have under a key.
local function enciphered(m, raw, whole)
    local n = m.total - m.header
    return #raw == whole and n >= 32 and n % 16 == 0 and whole >= m.total + TAG
end

-- What is in clear. Happens once.
local function analyse_clear(rec, packet, m, raw, is_bfd)
    rec.head = { ok = true }
    rec.parts = {}
    rec.auth = NONE
    if m.bad then return end
    rec.head = tlvs.read_header(raw, 12, math.min(m.header, #raw))
    packet.parts = rec.parts
    if is_bfd and rec.head.ok then exchange.collect(packet, raw, 12, math.min(m.header, #raw), false) end
end

-- On a router itself, captures show bursts as the kernel passes them on: several packets of one length, the last one perhaps shorter, in
-- one datagram. The length of each when this is a burst that begins with metadata, else nil.
local function burst_of(rec, packet, m, raw)
    local at = m.total + TAG
    for _ = 1, 3 do
        at = raw:find(COOKIE, at + 1, true)
        if not at then return nil end
        if authenticate(rec, packet, raw:sub(1, at - 1), false) == GOOD then return at - 1 end
    end
end

-- What needs a key. Happens again when there was none, and more keys are known.
local function analyse_secret(rec, packet, m, raw, whole, is_bfd)
    rec.generation = keys.generation
    if m.bad or not rec.head.ok or not rec.head.key or not enciphered(m, raw, whole) then return end
    if not crypto.available then
        rec.auth = NO_KEY
        return
    end
    rec.auth, rec.use = authenticate(rec, packet, raw, is_bfd)
    if rec.auth == BAD and not is_bfd then rec.segment = burst_of(rec, packet, m, raw) end
    if rec.auth ~= GOOD then return end
    verdicts.judge(rec, packet, rec.head.nonce, rec.use)
    packet.sender, packet.receiver, packet.parts = rec.use.sender, rec.use.receiver, rec.parts
    local text, len = open(rec, m, raw)
    if not len then return end
    if is_bfd then
        exchange.collect(packet, text, 0, len, true)
        rec.echo = echo.collect(packet, text, len)
        return
    end
    local tvb = ByteArray.new(text, true):tvb("Metadata")
    local facts = tlvs.read_session(tvb, text, len)
    rec.control, rec.key_phase, rec.icmp_error = facts.control, facts.phase, facts.icmp_error
    rec.way = session.learn(facts, packet, rec.head.encrypted or false)
    if facts.uuid and facts.key then keys.learn_payload_key(facts.uuid, facts.phase, facts.hmac, facts.key) end
end

-- ---- shown ----------------------------------------------------------------------------------

local function show_lengths(tree, tvb, at)
    tree:add(F.cookie, tvb(at, 8))
    if tvb:captured_len() < at + 12 then return end
    tree:add(F.version, tvb(at + 8, 2))
    tree:add(F.header_length, tvb(at + 8, 2))
    tree:add(F.payload_length, tvb(at + 10, 2))
end

local function show_header(tree, tvb, raw, m, rec)
    local cap = #raw
    show_lengths(tree, tvb, 0)
    if m.bad then return end
    rec.along = { part = 0, parts = rec.parts, shown = {} }
    tlvs.show(tree, tvb, raw, 12, math.min(m.header, cap), rec.along)
    if rec.head.clear_context then tree:add_proto_expert_info(X.clear_context) end
end

local function show_key(tree, tvb, rec)
    local use, key = rec.use, rec.use.key
    tree:add(F.sender, tvb(0, 0), use.sender):set_generated()
    tree:add(F.receiver, tvb(0, 0), use.receiver):set_generated()
    local name = key.kind == "peer" and "peer key %d" or "metadata key %d of " .. key.owner
    tree:add(F.key, tvb(0, 0), name:format(key.index)):set_generated()
    if key.fingerprint then tree:add(F.key_fingerprint, tvb(0, 0), key.fingerprint):set_generated() end
end

local function show_decrypted(tree, rec, m, raw)
    local text, len = open(rec, m, raw)
    if not text then return end
    local tvb = ByteArray.new(text, true):tvb("Decrypted metadata")
    local inside = tree:add(F.decrypted, tvb())
    if not len then
        inside:add_proto_expert_info(X.malformed, "Wrong padding")
        return
    end
    if rec.echo then rec.along.show_echo = function(item) echo.show(item, rec.echo, tvb) end end
    tlvs.show(inside, tvb, text, 0, len, rec.along)
    inside:add(F.padding, tvb(len, #text - len))
end

-- The encrypted part and the HMAC at the end.
local function show_secret(tree, tvb, raw, m, rec, packet)
    local cap, whole = #raw, packet.whole
    if m.bad or not rec.head.ok then return end
    if rec.head.key and enciphered(m, raw, whole) then
        tree:add(F.iv, tvb(m.header, 16))
        tree:add(F.ciphertext, tvb(m.header + 16, m.total - m.header - 16))
        if rec.auth == GOOD then
            show_key(tree, tvb, rec)
            show_decrypted(tree, rec, m, raw)
        end
        local item = tree:add(F.hmac, tvb(whole - TAG, TAG))
        verdicts.show(tree, item, tvb, F.auth, rec, packet)
    elseif cap < whole then
        if m.header < cap and m.header < m.total then tree:add(F.ciphertext, tvb(m.header, math.min(cap, m.total) - m.header)) end
    elseif rec.head.key then
        tree:add_proto_expert_info(X.malformed, "No whole ciphertext and HMAC")
    elseif m.total > m.header then
        tree:add(F.ciphertext, tvb(m.header, m.total - m.header)):add_proto_expert_info(X.malformed, "Payload TLVs without a key")
    end
end

local function show_metadata(tree, tvb, raw, m, rec, packet)
    show_header(tree, tvb, raw, m, rec)
    if m.cut then tree:add_proto_expert_info(X.truncated) end
    if m.bad and not (m.cut and #raw < 12) then tree:add_proto_expert_info(X.malformed, m.bad) end
    if not rec.head.ok and not m.cut then tree:add_proto_expert_info(X.malformed, "Header TLVs are not whole, or name a key without a nonce") end
    show_secret(tree, tvb, raw, m, rec, packet)
end

-- ---- BFD ------------------------------------------------------------------------------------

local function key_words(rec, name)
    if not rec.head or not rec.head.key then return "" end
    local words = (", %s %d"):format(name, rec.head.key)
    if rec.auth == BAD then return words .. ", bad HMAC" end
    return words .. (rec.replay and ", replay" or "")
end

local udp_ports = DissectorTable.get("udp.port")
local bfd = udp_ports:get_dissector(3784)

local function show_bfd(tvb, pinfo, root, raw, rec, packet)
    local m, whole = rec.m, packet.whole
    local tree = root:add(proto, tvb(), "Secure Vector Routing, BFD")
    local at = 0
    if m then
        show_metadata(tree, tvb, raw, m, rec, packet)
        at = m.bad and #raw or m.total
    else
        tree:add_proto_expert_info(X.no_metadata)
    end
    local texts = m and not m.bad and exchange.show(tree, pinfo, { parts = rec.parts, frame = packet.frame }, rec.along.shown) or {}
    local words = "BFD"
    local stop = m and end_of_body(m, rec, whole) or whole
    if stop - at >= 24 and at + 24 <= #raw then
        words = "BFD " .. BFD_STATES[math.floor(raw:byte(at + 2) / 64)]
        local item = tree:add(F.control_packet, tvb(at, 24))
        if bfd then hand_over(bfd, tvb(at, 24):tvb(), pinfo, item) end
    end
    if not (m and m.bad) and stop - at ~= 24 and #raw == whole then
        tree:add_proto_expert_info(X.malformed, ("%d bytes where a BFD control packet of 24 belongs"):format(math.max(stop - at, 0)))
    end
    pinfo.cols.protocol:set("SVR")
    if rec.echo then table.insert(texts, rec.echo.words) end
    table.insert(texts, words .. key_words(rec, "key"))
    pinfo.cols.info:set(table.concat(texts, " | "))
end

-- ---- sessions -------------------------------------------------------------------------------

local function metadata_words(m, rec)
    if m.bad then return "metadata, malformed" end
    local words = "metadata" .. key_words(rec, "key")
    if rec.way then words = words .. (rec.way.forward and ", forward" or ", reverse") end
    if rec.key_phase then words = words .. (", payload key %d"):format(rec.key_phase) end
    if rec.icmp_error then words = words .. ", " .. rec.icmp_error end
    if rec.control then words = words .. ", " .. (fields.CONTROLS[rec.control] or ("control %d"):format(rec.control)) end
    return words
end

local function show_front(tree, tvb, raw, front)
    local m = front.m
    local item = tree:add(front.part and F.part or F.false_positive, tvb(m.at, m.total - m.at))
    show_lengths(item, tvb, m.at)
    if not front.part then return "false positive" end
    tlvs.show(item, tvb, raw, m.at + 12, m.header, {})
    return ("part at %d of datagram %d"):format(front.part.offset, front.part.id)
end

local function show_session(tvb, pinfo, root, raw, rec, packet)
    local m, tree = rec.m, root:add(proto, tvb(), "Secure Vector Routing")
    local texts = {}
    pinfo.cols.protocol:set("SVR")
    if m then
        show_metadata(tree, tvb, raw, m, rec, packet)
        texts[1] = metadata_words(m, rec)
    end
    if rec.front then texts[#texts + 1] = show_front(tree, tvb, raw, rec.front) end
    if rec.way then session.show(tree, tvb, rec.way, packet) end
    if rec.payload then
        texts[#texts + 1] = payload.show(tree, tvb, raw, rec, packet)
    elseif rec.cut then
        tree:add_proto_expert_info(X.truncated)
        texts[#texts + 1] = "payload, cut off"
    elseif m and not m.bad and rec.at < rec.stop and rec.stop <= #raw then
        tree:add(F.rest, tvb(rec.at, rec.stop - rec.at))
    end
    pinfo.cols.info:set(table.concat(texts, " | "))
    if packet.inner then
        payload.dissect_inner(packet.inner, pinfo, root)
        pinfo.cols.protocol:set("SVR")
    end
end

local function analyse_session(rec, packet, raw)
    local m, whole = rec.m, packet.whole
    rec.session_generation = keys.generation
    rec.way = rec.way or session.find(packet)
    rec.at = m and (m.bad and #raw or m.total) or 0
    rec.stop = m and end_of_body(m, rec, whole) or whole
    if m and m.bad then return end
    rec.front = front_of(layout(raw, rec.at, rec.stop), raw)
    if rec.front then rec.at = rec.front.m.total end
    if not rec.way then return end
    if not rec.counted then session.count(rec.way, packet, whole) end
    rec.counted = true
    if #raw < whole then
        rec.cut = true
    elseif rec.at < rec.stop and rec.auth ~= BAD then
        payload.analyse(rec, packet, raw)
    end
end

-- ---- entry ----------------------------------------------------------------------------------

local function packet_of(tvb, pinfo)
    local interface = interface_field()
    return {
        frame = pinfo.number, time = pinfo.rel_ts, whole = tvb:reported_len(), interface = interface and interface.value or 0,
        src = state.address(pinfo.src), dst = state.address(pinfo.dst), sport = pinfo.src_port, dport = pinfo.dst_port,
    }
end

-- What a packet says, from when it was seen first.
local function look_up(name, raw, packet, is_bfd)
    local rec = state.frames[name]
    if not rec then
        rec = { m = layout(raw, 0, packet.whole) }
        if not is_bfd and front_of(rec.m, raw) then rec.m = nil end
        if rec.m then
            analyse_clear(rec, packet, rec.m, raw, is_bfd)
        end
        state.frames[name] = rec
    end
    if rec.m and (not rec.generation or (rec.auth == NO_KEY and rec.generation ~= keys.generation)) then
        analyse_secret(rec, packet, rec.m, raw, packet.whole, is_bfd)
    end
    local read = rec.payload and rec.payload.auth ~= NO_KEY
    if not is_bfd and not rec.segment and (not rec.stop or (rec.session_generation ~= keys.generation and not read)) then
        analyse_session(rec, packet, raw)
    end
    return rec
end

local function is_legacy_bfd(raw) return #raw == 24 and raw:byte(1) < 64 and raw:byte(1) >= 32 and raw:byte(4) == 24 end

-- A packet in the error message that answers it: that one was sent before, and is no second one. What is in clear is shown.
local function show_quoted(tvb, root, raw)
    local m = layout(raw, 0, #raw)
    if not m then return 0 end
    show_header(root:add(proto, tvb(), "Secure Vector Routing, quoted"), tvb, raw, m, { head = {}, parts = {} })
    return #raw
end

-- How much of the packet was ours: all or nothing. `name` is its own among all packets.
local function dissect_one(tvb, pinfo, root, name)
    local len = tvb:captured_len()
    if payload.busy or len == 0 then return 0 end
    read_comments(pinfo)
    local raw = tvb:raw(0, len)
    if pinfo.in_error_pkt then return show_quoted(tvb, root, raw) end
    local is_bfd = (pinfo.dst_port == BFD_PORT or pinfo.src_port == BFD_PORT) and pinfo.port_type == 3
    local has_cookie = raw:sub(1, 8) == COOKIE
    if is_bfd and not has_cookie and not is_legacy_bfd(raw) then return 0 end
    local packet = packet_of(tvb, pinfo)
    if not is_bfd and not has_cookie and not state.frames[name] and not session.find(packet) then return 0 end
    local rec = look_up(name, raw, packet, is_bfd)
    if rec.segment then
        for at = 0, len - 1, rec.segment do
            dissect_one(tvb(at, math.min(rec.segment, len - at)):tvb(), pinfo, root, name + at + 0.5)
        end
        return len
    end
    if is_bfd then
        show_bfd(tvb, pinfo, root, raw, rec, packet)
    else
        if rec.way and pinfo.port_type == 3 then pinfo.conversation = proto end
        show_session(tvb, pinfo, root, raw, rec, packet)
    end
    return len
end

local function dissect(tvb, pinfo, root) return dissect_one(tvb, pinfo, root, pinfo.number * 65536 + tvb:offset()) end

proto.dissector = dissect

local function heuristic(tvb, pinfo, root) return dissect(tvb, pinfo, root) > 0 end

proto:register_heuristic("udp", heuristic)
proto:register_heuristic("tcp", heuristic)
udp_ports:add(BFD_PORT, proto)

-- Waypoints may have ports that other protocols are known by, whose dissectors would come before a heuristic. There we look first, and
-- hand over what is not ours.
local port_proto = Proto("svr_ports", "SVR on ports that other protocols are known by")
local others = {}

function port_proto.dissector(tvb, pinfo, root)
    local n = dissect(tvb, pinfo, root)
    local other = others[pinfo.match_uint]
    if n > 0 or not other then return n end
    local ok, taken = hand_over(other, tvb, pinfo, root)
    return ok and taken or tvb:captured_len()
end

for port = WAYPOINT_PORTS.first, WAYPOINT_PORTS.last do
    others[port] = udp_ports:get_dissector(port)
    if others[port] then udp_ports:add(port, port_proto) end
end

-- Comments may stand on any packet.
local key_reader = Proto("svr_keys", "Keys in packet comments, for SVR")
function key_reader.dissector(_, pinfo) read_comments(pinfo) end
register_postdissector(key_reader)

need "statistics"

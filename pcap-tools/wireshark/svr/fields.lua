-- SPDX-License-Identifier: MIT
-- Fields, expert items and preferences.
local M = {}

local proto = Proto("svr", "Secure Vector Routing")
M.proto = proto

local fields, experts = {}, {}

-- F.name: a field. Names in filters begin with "svr." and are the names of docs/protocol.md.
local F = {}
M.F = F

local function add(key, kind, label, ...)
    local field = ProtoField[kind]("svr." .. key, label, ...)
    F[key] = field
    fields[#fields + 1] = field
end

local AUTH = { [0] = "none", "no key", "good", "bad" }
M.AUTH_NAMES = AUTH
M.GROUPS = { "modp-1024", "modp-2048", "modp-4096", "ecdh-p521", "ecdh-x25519" }
M.CONTROLS = { [1] = "keep alive", [2] = "enable metadata", [3] = "disable metadata", [6] = "delete session", [8] = "session state exists" }
M.MESSAGES = { "CERT", "CERT_ACK", "KEY_REQUEST", "KEY_RESPONSE", "KEY_CONFIRM", "METADATA_KEY", "METADATA_KEY_ACK", "KEY_HINT", "SYNC", "COOKIE" }
M.PROTOCOLS = { [1] = "ICMP", [6] = "TCP", [17] = "UDP", [58] = "ICMPv6" }
local HMACS = { [0] = "sha384", "sha384-192" }

-- ---- metadata -------------------------------------------------------------------------------
add("cookie", "uint64", "Cookie", base.HEX)
add("version", "uint16", "Version", base.DEC, nil, 0xf000)
add("header_length", "uint16", "Header length", base.DEC, nil, 0x0fff)
add("payload_length", "uint16", "Payload length", base.DEC)
add("false_positive", "none", "False positive: the payload begins as metadata does")
add("part", "none", "Header of a part of a datagram")
add("iv", "bytes", "IV")
add("ciphertext", "bytes", "Enciphered payload TLVs")
add("decrypted", "none", "Decrypted payload TLVs")
add("padding", "bytes", "Padding")
add("hmac", "bytes", "HMAC of metadata")
add("auth", "uint8", "HMAC of metadata is", base.DEC, AUTH)
add("sender", "string", "Sender")
add("receiver", "string", "Receiver")
add("key", "string", "Key")
add("key_fingerprint", "string", "Fingerprint of the key")
add("control_packet", "none", "BFD control packet")
add("rest", "bytes", "Payload")

-- ---- TLVs -----------------------------------------------------------------------------------
add("tlv.type", "uint16", "Type", base.DEC_HEX)
add("tlv.length", "uint16", "Length", base.DEC)
add("unknown_tlv", "bytes", "unknown TLV")

add("fragment", "none", "fragment")
add("fragment.extended_id", "uint32", "Extended id")
add("fragment.id", "uint16", "Original id", base.HEX)
add("fragment.dont_fragment", "bool", "Don't fragment", 16, nil, 0x4000)
add("fragment.more", "bool", "More parts", 16, nil, 0x2000)
add("fragment.offset", "uint16", "Offset, in units of 8 bytes", base.DEC, nil, 0x1fff)
add("fragment.largest", "uint16", "Largest seen")

for _, way in ipairs { "forward", "reverse" } do
    for _, version in ipairs { "4", "6" } do
        local key = way .. "_context_v" .. version
        add(key, "none", way .. "-context-v" .. version)
        add(key .. ".src", "ipv" .. version, "Source")
        add(key .. ".dst", "ipv" .. version, "Destination")
        add(key .. ".srcport", "uint16", "Source port")
        add(key .. ".dstport", "uint16", "Destination port")
        add(key .. ".proto", "uint8", "Protocol", base.DEC, M.PROTOCOLS)
    end
end

add("session_uuid", "guid", "session-uuid")
add("tenant", "string", "tenant")
add("service", "string", "service")
add("session_encrypted", "none", "session-encrypted")
add("tcp_syn", "none", "tcp-syn")
add("source_router", "bytes", "source-router")
add("security_policy", "string", "security-policy")
add("security_id", "uint32", "security-id")
add("destination_router", "bytes", "destination-router")
add("disable_forward_metadata", "none", "disable-forward-metadata")
add("peer_path_id", "bytes", "peer-path-id")
add("icmp_error_location_v4", "ipv4", "icmp-error-location-v4")
add("icmp_error_location_v6", "ipv6", "icmp-error-location-v6")
add("control_message", "uint8", "control-message", base.DEC, M.CONTROLS)
add("source_nat_address", "bytes", "source-nat-address")
add("path_metrics", "bytes", "path-metrics")
add("modify_request", "bytes", "modify-request")
add("application", "bytes", "application")
add("remaining_session_time", "uint32", "remaining-session-time")
add("payload_key", "none", "payload-key")
add("payload_key.phase", "uint8", "Key phase")
add("payload_key.hmac", "uint8", "HMAC", base.DEC, HMACS)
add("payload_key.key", "bytes", "Key")
add("payload_key.health_check", "uint8", "Session health check")
add("multicast_50", "bytes", "multicast-50")
add("multicast_51", "bytes", "multicast-51")
add("nonce", "uint64", "nonce")
for _, kind in ipairs { "part", "secret" } do
    local key = "key_exchange_" .. kind
    add(key, "none", "key-exchange-" .. kind)
    add(key .. ".message_id", "uint32", "Message id")
    add(key .. ".total", "uint32", "Length of the message")
    add(key .. ".offset", "uint32", "Offset")
    add(key .. ".bytes", "bytes", "Bytes")
    add(key .. ".whole_in", "framenum", "Message is whole in")
end
add("keys_held", "none", "keys-held")
add("keys_held.key", "none", "Key")
add("keys_held.index", "uint32", "Index")
add("keys_held.fingerprint", "bytes", "Fingerprint")
add("transport", "uint8", "transport", base.DEC, M.PROTOCOLS)
add("echo", "none", "echo")
add("echo.kind", "uint8", "Kind", base.DEC, { "request", "reply" })
add("echo.number", "uint8", "Number in the burst")
add("echo.length", "uint8", "Packets of the burst")
add("echo.burst", "uint32", "Burst")
add("icmp_error", "none", "icmp-error")
add("icmp_error.type", "uint8", "ICMP type")
add("icmp_error.code", "uint8", "ICMP code")
add("icmp_error.value", "uint32", "MTU or pointer")
add("icmp_error.quote", "bytes", "Quote of the packet's L4 header")
add("mtu_probe", "none", "mtu-probe")
add("mtu_probe.kind", "uint8", "Kind", base.DEC, { "probe", "answer" })
add("mtu_probe.size", "uint16", "Size")
add("mtu_probe.id", "uint32", "Id", base.HEX)
add("mtu_probe.padding", "bytes", "Padding")
add("padding_tlv", "bytes", "padding")
add("room", "uint16", "room")
add("claim", "uint32", "claim", base.HEX)
add("seen_as", "none", "seen-as")
add("seen_as.port", "uint16", "Port")
add("seen_as.address4", "ipv4", "Address")
add("seen_as.address6", "ipv6", "Address")
add("cookie_tlv", "bytes", "cookie")
add("echo.request_in", "framenum", "Request in", base.NONE, frametype.REQUEST)
add("echo.reply_in", "framenum", "Reply in", base.NONE, frametype.RESPONSE)
add("echo.round_trip", "relative_time", "Round trip, as seen here")

-- ---- messages of the key exchange -----------------------------------------------------------
add("message", "uint8", "Key exchange", base.DEC, M.MESSAGES)
add("message.receiver_chain", "bytes", "SHA-384 of the receiver's chain, as known")
add("message.chain", "bytes", "SHA-384 of the received chain")
add("message.part_hash", "bytes", "SHA-384 of the part that asked for it, its first 16 bytes")
add("message.cookie", "bytes", "Cookie")
add("message.certificate", "bytes", "Certificate")
add("message.number", "uint64", "Request number")
add("message.time", "absolute_time", "Request number as a time", base.UTC)
add("message.request", "bytes", "SHA-384 of the request")
add("message.life", "bytes", "Life of the sender")
add("message.group", "uint8", "Group", base.DEC, M.GROUPS)
add("message.salt", "bytes", "Salt")
add("message.highest_index", "uint32", "Highest index known")
add("message.index", "uint32", "Key index")
add("message.held", "none", "Keys held")
add("message.held.key", "none", "Key")
add("message.held.index", "uint32", "Index")
add("message.held.fingerprint", "bytes", "Fingerprint")
add("message.public_value", "bytes", "Public value")
add("message.signature", "bytes", "Signature")
add("message.flags", "uint8", "Flags", base.HEX)
add("message.reply", "bool", "Reply", 8, nil, 0x01)
add("message.hmac", "bytes", "HMAC")
add("message.rekey_index", "uint32", "Rekey index")
add("message.cipher", "uint8", "Cipher", base.DEC, { "aes-256-cbc" })
add("message.key", "bytes", "Key")
add("message.iv", "bytes", "IV")
add("message.hmac_cipher", "uint8", "HMAC cipher", base.DEC, { "sha384" })
add("message.hmac_key", "bytes", "HMAC key")
add("message.sync", "uint8", "Between nodes", base.DEC, { "HELLO", "DATA" })
add("message.role", "uint8", "Role")
add("message.node", "uint8", "Node")
add("message.paths", "uint16", "Paths in service")
add("message.stream", "uint32", "Stream", base.HEX)
add("message.next", "uint32", "Next number expected")
add("message.sync_number", "uint32", "Number")
add("message.records", "bytes", "Records")
add("message.rest", "bytes", "Rest")
add("message.request_in", "framenum", "Request in", base.NONE, frametype.REQUEST)
add("message.response_in", "framenum", "Response in", base.NONE, frametype.RESPONSE)
add("message.confirm_in", "framenum", "Confirm in", base.NONE, frametype.ACK)
add("message.reply_in", "framenum", "Reply to the confirm in", base.NONE, frametype.ACK)
add("message.key_in", "framenum", "Metadata key in", base.NONE, frametype.REQUEST)
add("message.ack_in", "framenum", "Acknowledged in", base.NONE, frametype.ACK)
add("message.response_time", "relative_time", "Time from request to response")
add("message.confirm_time", "relative_time", "Time from request to confirm")
add("message.ack_time", "relative_time", "Time to the acknowledgement")

-- ---- payload and sessions -------------------------------------------------------------------
add("payload", "none", "Payload")
add("payload.phase", "uint8", "Key phase")
add("payload.counter", "uint64", "Nonce counter")
add("payload.ciphertext", "bytes", "Enciphered text")
add("payload.clear", "bytes", "Text, not enciphered")
add("payload.hmac", "bytes", "HMAC, end to end")
add("payload.auth", "uint8", "HMAC, end to end, is", base.DEC, AUTH)
add("payload.text", "bytes", "Decrypted text")
add("payload.padding", "bytes", "Padding")
add("session", "none", "Session")
add("session.uuid", "string", "UUID")
add("session.flow", "string", "Flow")
for _, version in ipairs { "4", "6" } do
    local six = version == "6" and "6" or ""
    add("session.src" .. six, "ipv" .. version, "Original source")
    add("session.dst" .. six, "ipv" .. version, "Original destination")
end
add("session.srcport", "uint16", "Original source port")
add("session.dstport", "uint16", "Original destination port")
add("session.proto", "uint8", "Protocol", base.DEC, M.PROTOCOLS)
add("session.service", "string", "Service")
add("session.tenant", "string", "Tenant")
add("session.forward", "bool", "Direction", base.NONE, { "forward", "reverse" })
add("session.key_phase", "uint8", "Newest key phase")
add("session.metadata_in", "framenum", "Known from the metadata in")
add("session.since_metadata", "relative_time", "Time since that metadata")
add("session.first_in", "framenum", "First packet in")

proto.fields = fields

-- ---- expert items ---------------------------------------------------------------------------
local X = {}
M.X = X

local function expert_item(key, text, group, severity)
    local item = ProtoExpert.new("svr.expert." .. key, text, group, severity)
    X[key] = item
    experts[#experts + 1] = item
end

expert_item("malformed", "Not as the profile has it", expert.group.MALFORMED, expert.severity.ERROR)
expert_item("truncated", "Cut off by the capture", expert.group.UNDECODED, expert.severity.WARN)
expert_item("unknown_tlv", "TLV that the profile does not know", expert.group.UNDECODED, expert.severity.NOTE)
expert_item("bad_hmac", "HMAC does not hold", expert.group.CHECKSUM, expert.severity.ERROR)
expert_item("replay", "Nonce was used before: a replay", expert.group.SECURITY, expert.severity.WARN)
expert_item("old_key", "Old key after its grace", expert.group.SECURITY, expert.severity.WARN)
expert_item("clear_context", "A session's context stands in clear", expert.group.SECURITY, expert.severity.WARN)
expert_item("no_key", "The key is not known", expert.group.DECRYPTION, expert.severity.NOTE)
expert_item("no_keys", "No key is known at all: neither a key log nor packet comments have one", expert.group.DECRYPTION,
    expert.severity.NOTE)
expert_item("no_key_log", "The key log file cannot be opened", expert.group.DECRYPTION, expert.severity.WARN)
expert_item("no_library", "lua-luaossl is not installed: nothing is decrypted, and no HMAC is verified", expert.group.DECRYPTION,
    expert.severity.WARN)
expert_item("no_metadata", "BFD without metadata: a peer without the feature", expert.group.PROTOCOL, expert.severity.NOTE)
proto.experts = experts

-- ---- preferences ----------------------------------------------------------------------------
proto.prefs.keylog_file = Pref.string("Key log file", "", "Written by svrd --keylog or svrsim --keylog. Keys in packet comments need no file.")
proto.prefs.comment_keys = Pref.bool("Keys from packet comments", true, "Captures of svrsim carry their keys themselves.")
proto.prefs.inner = Pref.bool("Dissect inner packets", true, "Hand decrypted payload to the dissectors of IP.")

return M

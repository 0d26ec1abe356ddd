-- SPDX-License-Identifier: MIT
-- Every requirement: what is demanded, in which section of the description it stands, and whether packets and the key log
-- decide it ("wire") or the router's own events and answers are needed ("node").
local catalogue = {}

local function group(section, rows)
    for _, r in ipairs(rows) do
        catalogue[#catalogue + 1] = { id = r[1], judged = r[2], demand = r[3], section = section, level = "MUST" }
    end
end

group("SVRv2 and IPSec", {
    { "CRY-PAYLOAD-AES", "wire", "a session's payload is encrypted with AES-256-CBC under a key of its own" },
    { "CRY-PER-SESSION", "wire", "two sessions never share a payload key, even with equal source and destination address" },
    { "CRY-META-AES", "wire", "the original addresses travel only in AES-256-CBC encrypted metadata, inside the first payload packet" },
    { "CRY-PEERKEY-DH", "wire", "the peer key comes from Diffie-Hellman (4096 bit) and encrypts BFD metadata" },
    { "CRY-HMAC", "wire", "HMAC-SHA-384 signs all SVR metadata and/or payload in an SVR packet; one flipped bit anywhere behind the L4 header means the packet is dropped and counted" },
    { "CRY-X509", "node", "peers authenticate by X.509v3 certificates through a chain root - intermediate - router" },
    { "CRY-REPLAY", "wire", "a nonce protects against replay: a captured packet sent again is dropped and counted, data and signalling alike" },
    { "CRY-PFS", "wire", "peer keys are seeded by salts of both sides, fresh at each rekey; long-term keys plus a full capture do not reveal them" },
    { "CRY-FAMILIES", "wire", "all of it works for IPv4 and IPv6, inner and outer" },
})

group("Configuration", {
    { "CFG-ENABLE", "node", "`enhanced-security-key-management true` makes the router generate its metadata key; `false` leaves the manager inactive" },
    { "CFG-PCN", "wire", "each router has a `peering-common-name`; the router name never crosses the wire in clear" },
    { "CFG-PCN-MATCH", "node", "the peer's certificate must carry the configured `peering-common-name`" },
    { "CFG-PEERS-AUTO", "node", "the peer list, with each peer's `peering-common-name`, is generated from the neighborhoods unless configured by hand" },
    { "CFG-PAYLOAD-REKEY", "node", "`payload-key-rekey-interval`: 1-720 hours or `never`, default 24" },
    { "CFG-PEER-REKEY", "node", "`peer-key-rekey-interval`: 1-720 hours or `never`, default 24" },
    { "CFG-RETRANSMIT", "node", "`peer-key-retransmit-interval`: 5-3600 s, default 30" },
    { "CFG-TIMEOUT", "node", "`peer-key-timeout`: seconds, default 3600" },
    { "CFG-INVALID-CERT", "node", "`invalid-certificate-behavior`: `fail-soft` (default) or `fail-hard`" },
    { "CFG-KEX", "node", "`key-exchange-algorithm` selects the key exchange" },
    { "CFG-SAMPLES", "node", "the sample configurations in the spec load as they stand" },
    { "CFG-REJECT", "node", "a value out of range, an unknown word or a missing value is refused with file, line, column and the allowed range; the running configuration stays" },
})

group("Key Rotation", {
    { "KEY-META-SAME", "wire", "a router's metadata key is one and the same towards all its peers, and goes out only in BFD metadata under the peer key" },
    { "KEY-META-PEERS", "wire", "a sender encrypts SVR metadata with the receiving router's metadata key" },
    { "KEY-STORE", "wire", "a peer keeps a received metadata key until a new one is accepted in its place" },
    { "KEY-PAYLOAD-TLV", "wire", "the payload key travels in a metadata TLV of the session's first packets, encrypted router to router" },
    { "KEY-E2E", "wire", "on a multi-hop path the middle routers re-encrypt metadata only; payload bytes leave as they came" },
    { "KEY-ONE-PER-PEER", "wire", "one peer key serves all paths between two routers" },
    { "KEY-OUTAGE", "wire", "the key stays valid through outages and path failures: when a path returns, traffic flows without a new exchange" },
    { "KEY-OLD-IN-REKEY", "wire", "during rekeying the old key is used" },
    { "KEY-GRACE-30", "wire", "30 s pass between computing a new key and using it for sending; a packet under the old key that arrives late is still accepted" },
    { "KEY-NO-ANSWER", "wire", "a path whose peer never answered a key request carries no traffic until a valid answer" },
    { "KEY-RETRANSMIT", "wire", "an unanswered key request is sent again every `peer-key-retransmit-interval`" },
    { "KEY-TIMEOUT", "node", "after `peer-key-timeout` without an answer the path is invalid and out of service" },
    { "KEY-RETRY", "wire", "out of service by timeout, rekey attempts go on at `peer-key-timeout` intervals" },
    { "KEY-RETRY-IFCHANGE", "wire", "... or at once when the interface changes state" },
    { "KEY-REKEY-PEER", "wire", "peer keys are regenerated every `peer-key-rekey-interval`; `never` means never" },
    { "KEY-REKEY-PAYLOAD", "wire", "payload keys of living sessions are regenerated every `payload-key-rekey-interval`; `never` means never" },
    { "KEY-REGENERATE", "wire", "`security metadata-key regenerate` makes a new metadata key at once, its rekey index one higher, and pushes it to the peers" },
    { "KEY-HA-PUSH", "node", "in a redundant pair the active node pushes each new metadata key to the other; a failover needs no rekey" },
    { "KEY-NO-LOSS", "wire", "no data packet is lost because of a rotation (the point of the old key and the 30 s)" },
})

group("Certificate Replacement or Revocation; Peer Authentication; Events and Alarms", {
    { "CRT-SELF", "node", "without a provisioned certificate the router creates a self-signed one" },
    { "CRT-CA", "node", "with a `trusted-ca-certificate` list, a received certificate is validated against it" },
    { "CRT-ALARM", "node", "a revoked, expired or invalid certificate raises an alarm" },
    { "CRT-FAIL-SOFT", "wire", "fail-soft only notifies: peering and traffic go on" },
    { "CRT-FAIL-HARD", "wire", "fail-hard notifies and removes all peering relationships: the device stops taking part in SVR" },
    { "CRT-WHEN", "node", "validation runs when a certificate is new or the peer configuration changed; otherwise the cached result serves" },
    { "CRT-PUBKEY", "wire", "the peer's public key is extracted, saved and used to check every later peer key or rekey request; a request that does not verify is dropped, alarmed, and changes nothing" },
    { "CRT-LATE", "node", "certificates or trust added after start take effect at a restart (or an explicit reload), not silently in between" },
    { "CRT-KEYPAIR", "node", "with a valid certificate present the router creates a public/private key pair (RFC 8422 curves among the choices)" },
    { "CRT-MISSING", "node", "rekeying enabled on a new router without a valid signed certificate raises an alarm" },
    { "CRT-EXPIRING", "node", "alarms: expires within a month MINOR, within a week MAJOR, expired CRITICAL, revoked CRITICAL; unable to authenticate peer" },
    { "CRT-ALARM-TEXT", "node", "alarms carry ID, time, severity, source, category, process and message in the form of the spec's samples" },
})

group("How the deployments are drawn; Requirements", {
    { "TOP-HUB-SPOKE", "wire", "conductor behind the hub: management traffic (TCP 930, 4505-4506) from spokes rides SVR to the hub, which forwards it over its LAN" },
    { "TOP-MULTIHOP", "wire", "spoke - hub - spoke and hub - hub, customer traffic inside SVR end to end" },
    { "TOP-PATHS", "wire", "flows with equal endpoints may take different physical paths to meet their SLA, and move when a path degrades or fails" },
    { "TOP-LEGACY", "node", "against a peer without this feature traffic fails, and an event says that peering did not establish" },
})

group("Show Commands", {
    { "OPS-KEY-STATUS", "node", "`show security key-status`: every field of the sample" },
    { "OPS-PEERS-SEC", "node", "`show peers security`: every field of the sample, per path" },
    { "OPS-SA", "node", "`show security security-associations`, and `[peer] detail`: every field of the samples" },
    { "OPS-ALARMS", "node", "`show alarms`, `show alarms id ...`: as the samples" },
})

return catalogue

-- SPDX-License-Identifier: MIT
-- The keys that key log lines name (docs/protocol.md section 6), and what is derived from them (section 5.3).
local bytes = need "bytes"
local crypto = need "crypto"

local M = {}

-- generation: changes with each key that is new, so that what could not be read may be tried again.
local function clear()
    M.peers, M.metadata, M.lives, M.payload = {}, {}, {}, {}
    M.all, M.generation = {}, 0
    M.known = {}
end
clear()

local function number(text, most)
    local n = text:match("^%d+$") and #text <= 10 and tonumber(text)
    return n and n <= most and n or nil
end

-- Notes a key once, however often it is told.
local function note(name, key)
    if M.known[name] then return nil end
    M.known[name] = key
    M.all[#M.all + 1] = key
    M.generation = M.generation + 1
    key.packets = 0
    return key
end

local function append(lists, at, item)
    lists[at] = lists[at] or {}
    table.insert(lists[at], item)
end

local function add_life(router, life)
    life = bytes.unhex(life, 16)
    if not life or M.known["life " .. router .. life] then return end
    M.known["life " .. router .. life] = true
    M.generation = M.generation + 1
    table.insert(M.lives, { router = router, life = life })
end

local function add_peer_key(router, peer, index, fingerprint, secret)
    index, secret = number(index, 4294967295), bytes.unhex(secret, 48)
    if not index or not secret or not bytes.unhex(fingerprint, 8) then return end
    local key = note("peer " .. index .. fingerprint, {
        kind = "peer", index = index, fingerprint = fingerprint, secret = secret, names = { router, peer }, triples = {},
    })
    if key then append(M.peers, index, key) end
end

local function add_metadata_key(owner, index, key, iv, hmac_key)
    if not (index and key and iv and hmac_key) then return end
    local item = note("metadata " .. owner .. " " .. index .. key, {
        kind = "metadata", index = index, owner = owner, secret = key .. hmac_key, salt = iv, uses = {},
    })
    if item then append(M.metadata, index, item) end
end

local function add_payload_key(uuid, phase, hmac, key)
    if not (uuid and phase and key) or (hmac ~= "sha384" and hmac ~= "sha384-192") then return end
    local name = uuid .. string.char(phase)
    local item = note("payload " .. name .. key, {
        kind = "payload", uuid = uuid, index = phase, secret = key, tag = hmac == "sha384" and 48 or 24, triples = {},
    })
    if item then M.payload[name] = item end
end

-- What the traffic itself tells to those who can read it.
M.learn_metadata_key, M.learn_payload_key = add_metadata_key, add_payload_key

local kinds = {
    LIFE = { 3, function(w) add_life(w[2], w[3]) end },
    PEER_KEY = { 6, function(w) add_peer_key(w[2], w[3], w[4], w[5], w[6]) end },
    METADATA_KEY = { 6, function(w)
        add_metadata_key(w[2], number(w[3], 4294967295), bytes.unhex(w[4], 32), bytes.unhex(w[5], 16), bytes.unhex(w[6], 48))
    end },
    PAYLOAD_KEY = { 5, function(w)
        add_payload_key(bytes.unhex(w[2], 16), number(w[3], 255), w[4], bytes.unhex(w[5], 32))
    end },
}

-- Takes a line of a key log; what is none is ignored.
function M.add_line(line)
    if #line > 512 or not kinds[line:match("^%s*([A-Z_]+)%s") or ""] then return end
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    local kind = kinds[words[1]]
    if #words == kind[1] then kind[2](words) end
end

-- Forgets all keys and reads a key log. False when there is a name, but no such file.
function M.reset(file_name)
    clear()
    if not file_name or file_name == "" then return true end
    local file = io.open(file_name, "r")
    if not file then return false end
    for line in file:lines() do M.add_line(line) end
    file:close()
    return true
end

-- ---- derivations ----------------------------------------------------------------------------

local function triple(secret, salt, label, context)
    local out = crypto.hkdf(secret, salt, "svr " .. label .. "\0" .. context, 112)
    return { cipher = out:sub(1, 32), iv = out:sub(33, 64), hmac = out:sub(65, 112) }
end

-- Of a peer key, from names[from] to the other.
function M.peer_triple(key, from)
    if not key.triples[from] then
        key.triples[from] = triple(key.secret, "", "bfd metadata", key.names[from] .. "\0" .. key.names[3 - from] .. "\0")
    end
    return key.triples[from]
end

-- Of a metadata key, for one life of a sender.
function M.metadata_triple(key, by)
    if not key.uses[by] then
        key.uses[by] = triple(key.secret, key.salt, "svr metadata", by.router .. "\0" .. key.owner .. "\0" .. by.life)
    end
    return key.uses[by]
end

function M.payload_triple(key, forward)
    if not key.triples[forward] then
        key.triples[forward] = triple(key.secret, "", forward and "payload forward" or "payload reverse", key.uuid)
    end
    return key.triples[forward]
end

-- The key of a session for a phase.
function M.payload_key(uuid, phase) return M.payload[uuid .. string.char(phase)] end

return M

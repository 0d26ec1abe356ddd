-- SPDX-License-Identifier: MIT
-- What is said of an HMAC, a nonce and a key.
local crypto = need "crypto"
local fields = need "fields"
local keys = need "keys"
local state = need "state"
local X = fields.X

local M = { NONE = 0, NO_KEY = 1, GOOD = 2, BAD = 3 }
local GRACE = 30 -- seconds (PD-GRACE): so long after a sender went over, its peer erases the old key

M.key_log_found = true

-- Whether a nonce is new, and the key not an old one. `use`: { key, triple, sender, receiver }.
function M.judge(rec, packet, nonce, use)
    local place = ("%d %d>%d "):format(packet.interface, packet.src, packet.dst)
    local first = state.replay(use.triple, place .. nonce, packet.frame)
    if first ~= packet.frame then rec.replay = first end
    rec.old = state.is_old(use.sender .. "\0" .. use.receiver .. "\0" .. use.key.kind, use.key, packet.time, GRACE)
    use.key.packets = use.key.packets + 1
    use.key.first = use.key.first or packet.frame
    use.key.last = packet.frame
end

-- What hinders decryption altogether is said with the first packet that it concerns.
local function say_once(tree, packet)
    local what = not crypto.available and "no_library" or not M.key_log_found and "no_key_log" or keys.generation == 0 and "no_keys"
    if not what then return end
    state.told[what] = state.told[what] or packet.frame
    if state.told[what] == packet.frame then tree:add_proto_expert_info(X[what]) end
end

-- Shows the verdict on `rec` in `tree`; `item` is its HMAC.
function M.show(tree, item, tvb, field, rec, packet)
    tree:add(field, tvb(0, 0), rec.auth):set_generated()
    if rec.auth == M.BAD then item:add_proto_expert_info(X.bad_hmac) end
    if rec.auth == M.NO_KEY and keys.generation > 0 and crypto.available then item:add_proto_expert_info(X.no_key) end
    if rec.replay then item:add_proto_expert_info(X.replay, ("Nonce was used before, in frame %d: a replay"):format(rec.replay)) end
    if rec.old then item:add_proto_expert_info(X.old_key) end
    if rec.auth == M.NO_KEY then say_once(tree, packet) end
end

return M

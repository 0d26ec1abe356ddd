-- SPDX-License-Identifier: MIT
-- All that is remembered of a capture. It is filled while packets are seen for the first time, in their order; whoever
-- looks at a packet again, in any order, finds what was found then.
local M = {}

function M.reset()
    M.frames = {}    -- what each packet said, by frame number and place in the frame
    M.ways = {}      -- session and direction, by waypoints
    M.sessions = {}  -- by UUID
    M.session_list = {}
    M.slots = {}     -- messages of the exchange that are not yet whole
    M.exchanges = {} -- requests, responses and confirms that belong together
    M.seen = {}      -- nonces of each key
    M.usage = {}     -- which key a sender uses, and since when
    M.hints = {}     -- which key opened the last packet of a kind
    M.told = {}      -- what is said only once
    M.addresses, M.address_list = {}, {}
end
M.reset()

-- A number for an address. Its text may stand for two addresses, or change, when names are resolved; so what counts is
-- whether addresses are equal.
function M.address(address)
    local text = tostring(address)
    local same_text = M.addresses[text]
    for _, entry in ipairs(same_text or {}) do
        if entry.address == address then return entry.id end
    end
    local found
    for id, known in ipairs(M.address_list) do
        if known == address then found = id end
    end
    if not found then
        found = #M.address_list + 1
        M.address_list[found] = address
    end
    M.addresses[text] = same_text or {}
    table.insert(M.addresses[text], { address = address, id = found })
    return found
end

-- Notes a nonce; gives the frame that had it before.
function M.replay(key, name, frame)
    local seen = M.seen[key]
    if not seen then
        seen = {}
        M.seen[key] = seen
    end
    local first = seen[name]
    if not first then seen[name] = frame end
    return first
end

-- Notes that a sender uses a key. True when it went over to another one more than `grace` seconds ago.
function M.is_old(sender, key, time, grace)
    local use = M.usage[sender]
    if not use then
        M.usage[sender] = { current = key, left = {} }
    elseif use.left[key] then
        return time - use.left[key] > grace
    elseif use.current ~= key then
        use.left[use.current] = time
        use.current = key
    end
    return false
end

-- True the first time.
function M.once(what)
    local first = not M.told[what]
    M.told[what] = true
    return first
end

return M

-- SPDX-License-Identifier: MIT
-- What checks share: reading the items of a trace, following exchanges through it, and bending good traces.
local trace = {}

-- Times are nanoseconds, exact where the trace is: a tolerance stands apart from its bound (c.slack and c.tolerance).
local S = 1000000000
trace.S = S
trace.GRACE = 30 * S
trace.BFD_SLACK = 3 * S -- until a changeover shows: the next BFD packet, and its way

function trace.each_message(item, kind, f)
    for _, m in ipairs(item.messages or {}) do
        if m.kind == kind then f(m) end
    end
end

function trace.number_of(m) return (string.unpack(">I8", m.bytes, 2)) end
function trace.request_life(m) return m.bytes:sub(10, 25) end
function trace.request_salt(m) return m.bytes:sub(27, 42) end
function trace.response_life(m) return m.bytes:sub(58, 73) end
function trace.response_salt(m) return m.bytes:sub(75, 90) end
function trace.response_index(m) return (string.unpack(">I4", m.bytes, 91)) end

-- The requests and responses say which keys their sender holds: how many. Who holds none gets its first key, without the grace.
function trace.held_by(m) return m.bytes:byte(m.kind == "KEY_REQUEST" and 47 or 95) end

function trace.seconds(ns) return ("%.3f s"):format(ns / S) end

-- The two addresses of a path, the same for both directions.
function trace.path_of(p) return p.src < p.dst and p.src .. " " .. p.dst or p.dst .. " " .. p.src end

function trace.copy(item)
    local t = {}
    for k, v in pairs(item) do t[k] = v end
    if item.messages then
        t.messages = {}
        for i, m in ipairs(item.messages) do t.messages[i] = { kind = m.kind, secret = m.secret, bytes = m.bytes } end
    end
    return t
end

-- A bend that changes the items for which `want` is true: the n-th (or all, without n).
function trace.change(want, n, f)
    return function(items)
        local seen, out = 0, {}
        for _, item in ipairs(items) do
            if want(item) then
                seen = seen + 1
                if not n or seen == n then
                    item = trace.copy(item)
                    if f(item) == false then item = nil end
                end
            end
            out[#out + 1] = item
        end
        return out
    end
end

function trace.sorted(items)
    local keyed = {}
    for i, item in ipairs(items) do keyed[i] = { item.time or 0, i, item } end
    table.sort(keyed, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
    for i, k in ipairs(keyed) do items[i] = k[3] end
    return items
end

function trace.has_message(kind)
    return function(item)
        local found = false
        trace.each_message(item, kind, function() found = true end)
        return found
    end
end

-- ---- exchanges ---------------------------------------------------------------------------------------------

-- The two routers that a packet goes between: by name once a BFD packet has named them, else by address.
function trace.pair_of(c, p)
    local names = c.state.names or {}
    c.state.names = names
    if p.kind == "bfd" and p.metadata == "good" then names[p.src], names[p.dst] = p.sender, p.receiver end
    local a, b = names[p.src] or p.src, names[p.dst] or p.dst
    return a < b and a .. " " .. b or b .. " " .. a
end

-- Exchanges: what requests and responses said. `restarted`: one side had no key, and takes the new one at once. `delay`: between the
-- request and the response, about the way there. `began`: by pair, when one of them was last seen in another life.
function trace.follow_exchanges(c, p)
    local x = c.state.x or { made = {}, lives = {}, requests = {}, began = {} }
    c.state.x = x
    if p.kind ~= "bfd" then return x end
    local pair = trace.pair_of(c, p)
    local function life(value)
        if x.lives[p.src] and x.lives[p.src] ~= value then x.began[pair] = p.time end
        x.lives[p.src] = value
    end
    trace.each_message(p, "KEY_REQUEST", function(m)
        local number = trace.number_of(m)
        life(trace.request_life(m))
        x.requests[number] = x.requests[number] or { time = p.time, held = trace.held_by(m) }
    end)
    trace.each_message(p, "KEY_RESPONSE", function(m)
        life(trace.response_life(m))
        local id, request = pair .. trace.response_index(m), x.requests[trace.number_of(m)]
        if x.made[id] and x.made[id].bytes == m.bytes then -- the same answer once more: the first may have been lost
            x.made[id].last = p.time
            return
        end
        x.made[id] = { time = p.time, last = p.time, item = p, bytes = m.bytes, delay = request and p.time - request.time or 0,
            restarted = trace.held_by(m) == 0 or (request and request.held == 0) }
    end)
    return x
end

-- The last response between these routers that made the key of this packet.
function trace.response_for(c, x, p) return x.made[trace.pair_of(c, p) .. p.key_index] end

-- For a module of checks: the list that it returns, and check "ID" { ... }, which adds one (see conform.judge).
function trace.list()
    local list = {}
    return list, function(id)
        return function(t)
            t.id = id
            list[#list + 1] = t
        end
    end
end

return trace

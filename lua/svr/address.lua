-- SPDX-License-Identifier: MIT
-- Addresses: just enough to plan subnets.
local address = {}

function address.is_v6(text) return text:find(":", 1, true) ~= nil end

-- "10.1.0.10/24" or an address with a default length: address, length.
function address.split(text, default_v4, default_v6)
    local a, len = text:match "^([%x.:]+)/(%d+)$"
    if not a then a, len = text:match "^([%x.:]+)$", nil end
    if not a then error(("'%s' is no address"):format(text), 0) end
    return a, tonumber(len) or (address.is_v6(a) and default_v6 or default_v4)
end

local function v4_number(text)
    local a, b, c, d = text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
    if not a then error(("'%s' is no address"):format(text), 0) end
    return ((tonumber(a) * 256 + tonumber(b)) * 256 + tonumber(c)) * 256 + tonumber(d)
end

local function v4_text(n)
    return ("%d.%d.%d.%d"):format(n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255)
end

-- The eight words of an IPv6 address.
local function v6_words(text)
    local head, tail = text:match "^(.-)::(.*)$"
    local function words(part)
        local list = {}
        for w in part:gmatch "%x+" do list[#list + 1] = tonumber(w, 16) end
        return list
    end
    local result, rest = words(head or text), words(tail or "")
    while head and #result + #rest < 8 do result[#result + 1] = 0 end
    for _, w in ipairs(rest) do result[#result + 1] = w end
    if #result ~= 8 then error(("'%s' is no address"):format(text), 0) end
    return result
end

local function v6_text(words)
    local parts = {}
    for i = 1, 8 do parts[i] = ("%x"):format(words[i]) end
    return table.concat(parts, ":")
end

-- The network of an address: its host bits cleared.
function address.network(text, len)
    if not address.is_v6(text) then
        return v4_text(v4_number(text) & (len == 0 and 0 or 0xffffffff << (32 - len) & 0xffffffff))
    end
    local words = v6_words(text)
    for i = 1, 8 do
        local keep = math.max(0, math.min(16, len - 16 * (i - 1)))
        words[i] = words[i] & (0xffff << (16 - keep) & 0xffff)
    end
    return v6_text(words)
end

-- The first host of a network.
function address.first(network)
    if not address.is_v6(network) then return v4_text(v4_number(network) + 1) end
    local words = v6_words(network)
    words[8] = words[8] + 1
    return v6_text(words)
end

-- Both ends of the n-th point-to-point subnet of the simulated internet, n from 0.
function address.pair(n, family)
    if family == 6 then
        local prefix = ("fd00:%x:%x::"):format(0xff00 + (n >> 16), n & 0xffff)
        return prefix .. "1", prefix .. "2", 64
    end
    local base = v4_number "172.16.0.0" + 4 * n
    return v4_text(base + 1), v4_text(base + 2), 30
end

return address

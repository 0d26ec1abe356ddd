-- SPDX-License-Identifier: MIT
-- Octets of a string, at offsets from 0. Nothing here needs integers or bit operators, which Lua 5.2 lacks.
local M = {}

function M.u16(s, at)
    local a, b = s:byte(at + 1, at + 2)
    return a * 256 + b
end

function M.u32(s, at)
    local a, b, c, d = s:byte(at + 1, at + 4)
    return ((a * 256 + b) * 256 + c) * 256 + d
end

function M.put16(n)
    n = n % 65536
    local low = n % 256
    return string.char((n - low) / 256, low)
end

local hex_of = {}
for n = 0, 255 do hex_of[string.char(n)] = ("%02x"):format(n) end

function M.hex(s) return (s:gsub(".", hex_of)) end

-- The octets that lower-case hex stands for; nil when it is not exactly `len` of them.
function M.unhex(text, len)
    if #text ~= 2 * len or text:find("[^0-9a-f]") then return nil end
    return (text:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- Length without PKCS#7 padding; nil when that is wrong.
function M.unpadded(s)
    local n = s:byte(-1)
    if not n or n < 1 or n > 16 or n > #s or s:sub(-n) ~= string.char(n):rep(n) then return nil end
    return #s - n
end

-- The internet checksum of all octets (RFC 1071), as a number that is not yet complemented.
function M.sum(s)
    local sum = 0
    for at = 1, #s - 1, 2 do
        local a, b = s:byte(at, at + 1)
        sum = sum + a * 256 + b
    end
    if #s % 2 == 1 then sum = sum + s:byte(-1) * 256 end
    while sum > 65535 do
        local low = sum % 65536
        sum = low + (sum - low) / 65536
    end
    return sum
end

return M

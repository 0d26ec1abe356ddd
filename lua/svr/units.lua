-- SPDX-License-Identifier: MIT
-- Times and rates as scenarios write them, and as people read them.
local core = require "svr.core"

local units = {}

-- "90s", "26h", "1.5ms" or nanoseconds: nanoseconds. Sums and differences too: "24h-10s", "24h+30s", "-2d".
function units.span(value, what)
    if math.type(value) == "integer" then return value end
    if type(value) ~= "string" then error((what or "a time") .. " must be text like '90s' or '26h'", 0) end
    local total, sign = 0, 1
    for op, span in (value:find "^%s*[+-]" and value or "+" .. value):gmatch "([+-])%s*([^+-]*)" do
        local ns = core.span((span:gsub("%s+$", "")))
        if not ns then
            error(("'%s' is no time: write a number and ns, us, ms, s, min, h or d"):format(value), 0)
        end
        sign = op == "+" and 1 or -1
        total = total + sign * ns
    end
    return total
end

-- The same for an instant, which is not negative.
function units.time(value, what)
    local total = units.span(value, what)
    if total < 0 then error(("'%s' lies before the beginning"):format(value), 0) end
    return total
end

local factors = { bps = 1, kbps = 1e3, Mbps = 1e6, Gbps = 1e9 }

-- "2Mbps" or bits per second: bits per second.
function units.rate(value, what)
    if math.type(value) == "integer" and value >= 0 then return value end
    local number, unit = tostring(value):match "^([%d.]+)(%a+)$"
    if not number or not tonumber(number) or not factors[unit] then
        error(("%s '%s' is no rate: write a number and bps, kbps, Mbps or Gbps"):format(what or "rate", tostring(value)), 0)
    end
    return math.floor(tonumber(number) * factors[unit] + 0.5)
end

-- "26:00:00.123"
function units.clock(ns)
    local ms = ns // 1000000
    return ("%02d:%02d:%02d.%03d"):format(ms // 3600000, ms // 60000 % 60, ms // 1000 % 60, ms % 1000)
end

function units.bytes(n)
    if n < 10000 then return ("%d B"):format(n) end
    if n < 10000000 then return ("%.1f kB"):format(n / 1e3) end
    return ("%.1f MB"):format(n / 1e6)
end

-- Days since 1970-01-01 of a date of the Gregorian calendar.
local function days(y, m, d)
    if m <= 2 then y = y - 1 end
    local era = y // 400
    local yoe = y - era * 400
    local doy = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

-- "2025-01-01T00:00:00Z": nanoseconds since 1970.
function units.wall(text)
    local y, m, d, h, min, s = text:match "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)Z$"
    if not y then error(("'%s' is no wall time: write it like 2025-01-01T00:00:00Z"):format(text), 0) end
    y, m, d, h, min, s = tonumber(y), tonumber(m), tonumber(d), tonumber(h), tonumber(min), tonumber(s)
    return (((days(y, m, d) * 24 + h) * 60 + min) * 60 + s) * 1000000000
end

return units

-- SPDX-License-Identifier: MIT
-- Writes values as JSON. Keys are sorted, so that equal values give equal text. An empty table is a list.
local json = {}

local function quote(s)
    return '"' .. s:gsub('[%c"\\\128-\255]', function(ch)
        if ch == '"' or ch == "\\" then return "\\" .. ch end
        return ("\\u%04x"):format(ch:byte() < 128 and ch:byte() or 0xfffd)
    end) .. '"'
end

local function sorted_keys(t)
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = k end
    table.sort(keys)
    return keys
end

-- `indent`: nil for one line, else the blanks in front of this value.
local function write(v, indent)
    local kind = math.type(v) or type(v)
    if kind == "string" then return quote(v) end
    if kind == "float" then return v == v and math.abs(v) < math.huge and ("%.17g"):format(v) or "null" end
    if kind ~= "table" then return tostring(v) end
    local inner, parts = indent and indent .. "  ", {}
    local list = #v > 0 or next(v) == nil
    if list then
        for i, x in ipairs(v) do parts[i] = write(x, inner) end
    else
        for i, k in ipairs(sorted_keys(v)) do parts[i] = quote(k) .. (indent and ": " or ":") .. write(v[k], inner) end
    end
    local open, close = list and "[" or "{", list and "]" or "}"
    if #parts == 0 then return open .. close end
    if not indent then return open .. table.concat(parts, ",") .. close end
    return open .. "\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. close
end

-- On one line.
function json.line(v) return write(v) end

-- On many lines, for people.
function json.pretty(v) return write(v, "") end

return json

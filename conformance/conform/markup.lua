-- SPDX-License-Identifier: MIT
-- What reports are made of: text that is safe in XML and HTML, elements, times.
local markup = {}

local S = 1000000000
local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- Octets that are no UTF-8 become U+FFFD; characters that XML has no place for are dropped.
local function clean(s)
    local parts, from = {}, 1
    while true do
        local _, bad = utf8.len(s, from)
        if not bad then break end
        parts[#parts + 1] = s:sub(from, bad - 1) .. "\u{FFFD}"
        from = bad + 1
    end
    parts[#parts + 1] = s:sub(from)
    return (table.concat(parts):gsub("[\0-\8\11\12\14-\31]", ""):gsub("\u{FFFE}", ""):gsub("\u{FFFF}", ""))
end

-- For text and for attributes. Line ends in attributes would become blanks.
function markup.text(s) return (clean(tostring(s)):gsub("[&<>\"']", entities)) end

function markup.attribute(s)
    return (markup.text(s):gsub("[\t\r\n]", function(c) return ("&#%d;"):format(c:byte()) end))
end

local function number(v)
    if math.type(v) == "float" then return (("%.1f"):format(v):gsub("%.0$", "")) end
    return tostring(v)
end

-- An element. Attributes are sorted, so that equal input gives equal bytes. `inner` is markup; nil: an empty element.
function markup.tag(name, attributes, inner)
    local names, parts = {}, { "<", name }
    for k, v in pairs(attributes) do
        if v then names[#names + 1] = k end
    end
    table.sort(names)
    for _, k in ipairs(names) do
        local v = attributes[k]
        parts[#parts + 1] = (' %s="%s"'):format(k, type(v) == "number" and number(v) or markup.attribute(v))
    end
    parts[#parts + 1] = inner and (">%s</%s>"):format(inner, name) or "/>"
    return table.concat(parts)
end

-- A name in a link: letters, digits and hyphens.
function markup.anchor(...) return (table.concat({ ... }, "-"):gsub("[^%w%-]", "-")) end

local DAYS = 48 * 60 -- minutes from which on days are told

-- "1:00:03.060" since the beginning.
function markup.clock(ns)
    local ms = (ns + 500000) // 1000000
    local sign = ms < 0 and "-" or ""
    ms = math.abs(ms)
    if ms >= DAYS * 60000 then sign, ms = ("%s%dd "):format(sign, ms // 86400000), ms % 86400000 end
    return ("%s%d:%02d:%02d.%03d"):format(sign, ms // 3600000, ms // 60000 % 60, ms // 1000 % 60, ms % 1000)
end

-- The same without what is zero at its end.
function markup.short_clock(ns) return (markup.clock(ns):gsub("%.000$", "")) end

-- "57 min", "1 h 5 min", "30.0 s", "10 ms": for people, who look at it.
function markup.duration(ns)
    if ns < S then return ("%d ms"):format((ns + 500000) // 1000000) end
    if ns < 120 * S then return (("%.1f s"):format(ns / S):gsub("%.0 s$", " s")) end
    local minutes = (ns + 30 * S) // (60 * S)
    if minutes < 120 then return ("%d min"):format(minutes) end
    if minutes >= DAYS then return (("%.1f d"):format(minutes / 1440):gsub("%.0 d$", " d")) end
    return minutes % 60 == 0 and ("%d h"):format(minutes // 60) or ("%d h %d min"):format(minutes // 60, minutes % 60)
end

-- "one" of "out/key-life/one.pcapng".
function markup.capture_name(file) return (file:match "([^/]*)$":gsub("%.pcapn?g?$", "")) end

-- At most `n` characters.
function markup.cut(s, n)
    local length = utf8.len(s)
    if not length then return #s > n and s:sub(1, n - 1) .. "…" or s end
    return length > n and s:sub(1, utf8.offset(s, n) - 1) .. "…" or s
end

-- How wide text of `size` pixels is, about.
function markup.width(s, size) return (utf8.len(s) or #s) * size * 0.56 end

-- An SVG of a report, with what it shows in words.
function markup.svg(o)
    local head = markup.tag("title", { id = o.id .. "-title" }, markup.text(o.title)) ..
        markup.tag("desc", { id = o.id .. "-desc" }, markup.text(o.desc))
    return markup.tag("svg", { class = "drawing " .. o.class, role = "img",
        width = o.width, height = o.height, viewBox = ("0 0 %s %s"):format(number(o.width), number(o.height)),
        ["aria-labelledby"] = ("%s-title %s-desc"):format(o.id, o.id) },
        head .. "\n" .. table.concat(o.parts, "\n") .. "\n")
end

return markup

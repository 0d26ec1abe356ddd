-- SPDX-License-Identifier: MIT
-- The key exchange as an SVG: a lane for each router, an arrow for each message, from top to bottom as time goes. Quiet
-- stretches and repetitions are drawn short.
local markup = require "conform.markup"

local sequence = {}

local tag, text = markup.tag, markup.text
local S = 1000000000
local QUIET = S -- a longer stretch without anything is drawn short
local ROWS = 150 -- of a drawing
local REPEATED = 5 -- of the same message in a row are drawn as three
local LANES = 10
local WORDS = 110 -- characters of a failure, or of what was done
local AROUND = 5 -- rows that are kept on each side of something that matters
local TIME_WIDTH, PACKET_WIDTH = 112, 190
local PAGE, LEAST, MOST = 1200, 184, 340 -- width, if it can be; between two lanes
local HEAD, FOOT = 46, 14
local heights = { message = 28, key = 22, mark = 24, more = 22, fail = 26, left = 26 }
local classes = { CERT = "cert", CERT_ACK = "cert", METADATA_KEY = "meta", METADATA_KEY_ACK = "meta" }

-- ---- rows ----------------------------------------------------------------------------------------------------

local function own_words(k)
    if k.kind == "key-timeout" then return ("timeout: no key with %s"):format(k.peer or "?") end
    local did = k.to == "sending" and "in use" or k.to
    if k.kind == "peer-key" then return ("peer key %d with %s: %s"):format(k.value or 0, k.peer or "?", did) end
    if k.peer then return ("metadata key %d of %s: %s"):format(k.value or 0, k.peer, did) end
    return ("own metadata key %d: %s"):format(k.value or 0, did)
end

-- Notes of one instant share a row when they stand in different lanes.
local function add_key(rows, k)
    local last = rows[#rows]
    if last and last.sort == "key" and last.time == k.time and not last.notes[k.router] then
        last.notes[k.router] = own_words(k)
    else
        rows[#rows + 1] = { sort = "key", time = k.time, notes = { [k.router] = own_words(k) } }
    end
    rows[#rows].timeout = rows[#rows].timeout or k.kind == "key-timeout"
end

-- What was done at one instant is one row.
local function add_mark(rows, item)
    local last = rows[#rows]
    if last and last.sort == "mark" and last.time == item.time then
        last.text = last.text .. ", " .. item.text
    else
        rows[#rows + 1] = { sort = "mark", time = item.time, text = item.text }
    end
end

local function rows_of(items, fails)
    local rows, f = {}, 1
    local function add_fails(before)
        while fails[f] and (not before or fails[f].time < before) do
            rows[#rows + 1] = { sort = "fail", time = fails[f].time, fail = fails[f] }
            f = f + 1
        end
    end
    for _, item in ipairs(items) do
        add_fails(item.time)
        if item.sort == "key" then
            add_key(rows, item)
        elseif item.sort == "message" then
            rows[#rows + 1] = { sort = "message", time = item.time, message = item }
        else
            add_mark(rows, item)
        end
    end
    add_fails(nil)
    return rows
end

local function same_message(a, b)
    return a and b and a.sort == "message" and b.sort == "message" and a.message.kind == b.message.kind and
        a.message.from == b.message.from and a.message.to == b.message.to
end

-- Messages that are repeated again and again: the first, how many more, the last.
local function shorten(rows)
    local out, i = {}, 1
    while rows[i] do
        local j = i
        while same_message(rows[i], rows[j + 1]) do j = j + 1 end
        if j - i + 1 >= REPEATED then
            local m = rows[i].message
            out[#out + 1] = rows[i]
            out[#out + 1] = { sort = "more", time = rows[i + 1].time, till = rows[j - 1].time,
                text = ("%d more %s from %s"):format(j - i - 1, m.kind, m.from) }
            out[#out + 1] = rows[j]
        else
            table.move(rows, i, j, #out + 1, out)
        end
        i = j + 1
    end
    return out
end

-- Which rows are drawn: those around failures, around what was done to the network, then from the beginning.
local function choose(rows)
    local kept, count = {}, 0
    local function keep(i)
        if rows[i] and not kept[i] and count < ROWS then kept[i], count = true, count + 1 end
    end
    for i = 1, math.min(#rows, ROWS // 3) do keep(i) end
    for _, sort in ipairs { "fail", "mark" } do
        for i, r in ipairs(rows) do
            if r.sort == sort then
                for j = i - AROUND, i + AROUND do keep(j) end
            end
        end
    end
    for i = 1, #rows do keep(i) end
    return kept
end

local function left_out(rows, from, till)
    local n = 0
    for i = from, till do
        if rows[i].sort == "message" then n = n + 1 end
    end
    return { sort = "left", time = rows[from].time, till = rows[till].time,
        text = ("%d rows are left out, %d of them messages"):format(till - from + 1, n) }
end

local function drawn_rows(rows)
    local kept, out, i = choose(rows), {}, 1
    while rows[i] do
        local j = i
        while rows[j] and not kept[j] do j = j + 1 end
        if j > i then
            out[#out + 1] = left_out(rows, i, j - 1)
        else
            out[#out + 1] = rows[i]
            j = i + 1
        end
        i = j
    end
    return out
end

-- ---- lanes ---------------------------------------------------------------------------------------------------

-- In the order of the topology, then as they come; only those that have something to do with keys.
local function lanes_of(seen)
    local busy, order, lanes, at = {}, {}, {}, {}
    local function note(name)
        if name and not busy[name] then
            busy[name] = true
            order[#order + 1] = name
        end
    end
    for _, item in ipairs(seen.items) do
        if item.sort == "message" then
            note(item.from)
            note(item.to)
        elseif item.sort == "key" then
            note(item.router)
        end
    end
    local function add(name)
        if busy[name] and not at[name] and #lanes < LANES then
            lanes[#lanes + 1] = name
            at[name] = #lanes
        end
    end
    for _, r in ipairs(seen.topology and seen.topology.routers or {}) do add(r.name) end
    for _, name in ipairs(order) do add(name) end
    return lanes, at, #order - #lanes
end

-- ---- drawing -------------------------------------------------------------------------------------------------

local Drawing = {}
Drawing.__index = Drawing

function Drawing:put(name, attributes, inner) self.parts[#self.parts + 1] = tag(name, attributes, inner) end

function Drawing:x(name) return TIME_WIDTH + (self.at[name] - 1) * self.pitch + self.pitch // 2 end

function Drawing:write(class, x, y, words, anchor)
    self:put("text", { class = class, x = x, y = y, ["text-anchor"] = anchor or "start" }, text(words))
end

function Drawing:time(y, ns) self:write("time", TIME_WIDTH - 14, y + 4, markup.clock(ns - self.first), "end") end

local function packets_of(m)
    local words = {}
    for i, p in ipairs(m.packets) do words[i] = ("%s %d"):format(markup.capture_name(p.file), p.number) end
    return table.concat(words, ", ")
end

function Drawing:arrow(y, m)
    local x1, x2 = self:x(m.from), self:x(m.to)
    local class, tip = classes[m.kind] or "exchange", x2 > x1 and -7 or 7
    local label = m.about and ("%s %d"):format(m.kind, m.about) or m.kind
    local packets = packets_of(m)
    local words = ("%s from %s to %s at %s, packets: %s"):format(label, m.from, m.to, markup.clock(m.time - self.first),
        packets)
    self:put("g", { class = "arrow " .. class }, tag("title", {}, text(words)) ..
        tag("line", { x1 = x1, y1 = y, x2 = x2, y2 = y }) ..
        tag("path", { d = ("M%d %dl%d -4v8z"):format(x2, y, tip) }) ..
        tag("text", { x = (x1 + x2) // 2, y = y - 5, ["text-anchor"] = "middle" }, text(label)))
    self:write("packets", self.width - PACKET_WIDTH + 16, y + 4, markup.cut(packets, 30))
end

function Drawing:note(y, name, words, class)
    local x, w = self:x(name), math.ceil(markup.width(words, 11)) + 14
    self:put("rect", { class = class, x = x - w // 2, y = y - 9, width = w, height = 18, rx = 9 })
    self:write("note-text", x, y + 4, words, "middle")
end

-- A line over everything, with words at its beginning.
function Drawing:across(y, class, words)
    local w = math.ceil(markup.width(words, class == "fail" and 12.5 or 11)) + 12 -- failures are in bold
    self:put("line", { class = class, x1 = TIME_WIDTH, x2 = self.width, y1 = y, y2 = y })
    self:put("rect", { class = class .. "-tag", x = TIME_WIDTH, y = y - 9, width = w, height = 18, rx = 3 })
    self:write(class .. "-text", TIME_WIDTH + 6, y + 4, words)
end

local draw = {}

function draw:message(y, r)
    if self.at[r.message.from] and self.at[r.message.to] then
        self:time(y, r.time)
        self:arrow(y, r.message)
    end
end

function draw:key(y, r)
    self:time(y, r.time)
    for _, name in ipairs(self.lanes) do
        if r.notes[name] then self:note(y, name, r.notes[name], r.timeout and "note timeout" or "note") end
    end
end

function draw:mark(y, r)
    self:time(y, r.time)
    self:across(y, "mark", markup.cut(r.text, WORDS))
end

function draw:fail(y, r)
    self:time(y, r.time)
    self.parts[#self.parts + 1] = ('<a href="#%s">'):format(r.fail.anchor)
    self:across(y, "fail", markup.cut(("%s: %s"):format(r.fail.id, r.fail.text), WORDS))
    self.parts[#self.parts + 1] = "</a>"
end

function draw:more(y, r)
    local words = ("⋮ %s, until %s"):format(r.text, markup.clock(r.till - self.first))
    self:write("quiet-text", TIME_WIDTH + 6, y + 4, words)
end

function draw:left(y, r)
    self:put("rect", { class = "left", x = TIME_WIDTH, y = y - 10, width = self.width - TIME_WIDTH, height = 20 })
    self:write("quiet-text", TIME_WIDTH + 6, y + 4, ("⋮ %s, from %s to %s"):format(r.text,
        markup.clock(r.time - self.first), markup.clock(r.till - self.first)))
end

-- A stretch in which nothing happened.
function Drawing:quiet(y, duration)
    self:put("rect", { class = "quiet", x = TIME_WIDTH, y = y + 3, width = self.pitch * #self.lanes, height = 16 })
    self:write("quiet-text", TIME_WIDTH - 14, y + 15, "⋮ " .. markup.duration(duration), "end")
end

local function draw_rows(d, rows)
    local y, last = HEAD, nil
    for _, r in ipairs(rows) do
        if last and r.time - last > QUIET then
            d:quiet(y, r.time - last)
            y = y + 22
        end
        local h = heights[r.sort]
        draw[r.sort](d, y + (r.sort == "message" and h - 8 or h // 2), r)
        y, last = y + h, r.till or r.time
    end
    return y
end

local function draw_lanes(d, height)
    local parts = {}
    for _, name in ipairs(d.lanes) do
        local x = d:x(name)
        local w = math.min(d.pitch - 10, math.max(56, math.ceil(markup.width(name, 13)) + 24))
        parts[#parts + 1] = tag("line", { class = "lane", x1 = x, x2 = x, y1 = 32, y2 = height - 6 })
        parts[#parts + 1] = tag("rect", { class = "lane-head", x = x - w // 2, y = 6, width = w, height = 26, rx = 6 })
        parts[#parts + 1] = tag("text", { class = "lane-name", x = x, y = 24, ["text-anchor"] = "middle" }, text(name))
    end
    return parts
end

-- fails: {time, id, text, anchor} by time. Gives the SVG and what was left out, in words; nil when there is nothing.
function sequence.draw(seen, fails, id)
    local lanes, at, more_lanes = lanes_of(seen)
    if #lanes == 0 then return nil end
    local rows = shorten(rows_of(seen.items, fails))
    local pitch = math.max(LEAST, math.min(MOST, (PAGE - TIME_WIDTH - PACKET_WIDTH) // #lanes))
    local d = setmetatable({ parts = {}, lanes = lanes, at = at, pitch = pitch, first = seen.first,
        width = TIME_WIDTH + #lanes * pitch + PACKET_WIDTH }, Drawing)
    local chosen = drawn_rows(rows)
    local height = draw_rows(d, chosen) + FOOT
    local parts = draw_lanes(d, height)
    table.move(d.parts, 1, #d.parts, #parts + 1, parts)
    local svg = markup.svg { id = id, class = "sequence", width = d.width, height = height, parts = parts,
        title = "Exchange of keys", desc = ("%d messages between %s, from top to bottom as time goes."):format(
            seen.counts.message, table.concat(lanes, ", ")) }
    local gone = {}
    if #rows > ROWS then gone[1] = ("Of %d rows %d are drawn."):format(#rows, ROWS) end
    if more_lanes > 0 then gone[#gone + 1] = ("%d more routers are not drawn."):format(more_lanes) end
    local lost = seen.left_out.message
    if lost > 0 then gone[#gone + 1] = ("%d more messages were not kept."):format(lost) end
    return svg, table.concat(gone, " ")
end

return sequence

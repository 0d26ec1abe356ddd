-- SPDX-License-Identifier: MIT
-- The life of keys as an SVG: for each router a row of bars for each peer. Time runs to the right, evenly where
-- something happens; quiet stretches are cut out.
local markup = require "conform.markup"

local timeline = {}

local tag, text = markup.tag, markup.text
local S = 1000000000
local QUIET = 75 * S -- a longer stretch is cut out
local SCALE = { least = 0.55, most = 3 } -- pixels in a second
local PAD, CUT = 8, 38 -- pixels on each side of what happens together; those of a cut
local PAGE, WIDE = 1180, 2600 -- pixels: a drawing is as wide as the page if it can be, and no wider than that
local OVER = 70 -- for words at the right end
local LABEL = 160
local PITCH, BAR = 20, 15
local MARKS, FAILS = 4, 6 -- lines of words above the bars, at most
local MARK_LINE = 16

-- ---- bars ----------------------------------------------------------------------------------------------------

-- The row of a key: a router's own metadata key, then for each peer the peer key and that router's metadata key.
local function track(state, k)
    local name = k.kind == "peer-key" and "peer key with " .. (k.peer or "?") or
        k.peer and "metadata key of " .. k.peer or "own metadata key"
    local id = k.router .. "\n" .. name
    if not state.by_id[id] then
        local r = state.routers[k.router]
        if not r then
            r = { peers = {}, n = 0 }
            state.routers[k.router] = r
            state.order[#state.order + 1] = k.router
        end
        if k.peer and not r.peers[k.peer] then r.peers[k.peer], r.n = r.n + 1, r.n + 1 end
        local t = { name = name, bars = {}, open = {} }
        t.rank = k.peer and 2 * r.peers[k.peer] + (k.kind == "peer-key" and 0 or 1) or 0
        state.by_id[id] = t
        table.insert(r, t)
    end
    return state.by_id[id]
end

local function close(t, value, time)
    if t.open[value] then t.open[value].till = time end
    t.open[value] = nil
    if t.sending == value then t.sending = nil end
end

local function begin(t, value, time)
    close(t, value, time)
    local bar = { value = value, from = time }
    t.open[value] = bar
    t.bars[#t.bars + 1] = bar
    return bar
end

local function use(t, value, time)
    local before = t.sending and t.open[t.sending]
    if before and t.sending ~= value then before.grace = time end
    local bar = t.open[value] or begin(t, value, time)
    bar.sending, t.sending = bar.sending or time, value
end

-- A router's own metadata key is in use from its making on, to the next one's.
local function own_key(t, k)
    if k.to ~= "computed" then return end
    if t.sending then close(t, t.sending, k.time) end
    begin(t, k.value, k.time)
    use(t, k.value, k.time)
end

local function follow(state, k)
    if k.kind == "key-timeout" or not k.to then return end
    local t = track(state, k)
    if k.kind == "metadata-key" and not k.peer then return own_key(t, k) end
    if k.to == "computed" or k.to == "received" then
        begin(t, k.value, k.time)
    elseif k.to == "sending" then
        use(t, k.value, k.time)
    elseif k.to == "erased" then
        close(t, k.value, k.time)
    end
end

-- A router that dies forgets all.
local function forget(state, router, time)
    for _, t in ipairs(state.routers[router] or {}) do
        for value in pairs(t.open) do t.open[value].till = time end
        t.open, t.sending = {}, nil
    end
end

local function tracks_of(seen)
    local state = { by_id = {}, routers = {}, order = {} }
    for _, item in ipairs(seen.items) do
        if item.sort == "key" then
            if item.kind == "metadata-key" and item.reason == "start" then forget(state, item.router, item.time) end
            follow(state, item)
        elseif item.sort == "mark" and item.did == "crash" then
            forget(state, item.router, item.time)
        end
    end
    for _, r in pairs(state.routers) do table.sort(r, function(a, b) return a.rank < b.rank end) end
    return state
end

-- Bars that overlap stand below each other: each in the first line that is free.
local function stack(bars)
    local ends = {}
    for _, bar in ipairs(bars) do
        local line = 1
        while ends[line] and ends[line] > bar.from do line = line + 1 end
        ends[line], bar.line = bar.till or math.maxinteger, line
    end
    return math.max(1, #ends)
end

-- ---- the axis ------------------------------------------------------------------------------------------------

local function instants(state, seen, fails)
    local list = { seen.first, seen.last }
    local function add(t) list[#list + 1] = t end
    for _, item in ipairs(seen.items) do
        if item.sort == "mark" or item.kind == "key-timeout" then add(item.time) end
    end
    for _, t in pairs(state.by_id) do
        for _, bar in ipairs(t.bars) do
            add(bar.from)
            add(bar.sending)
            add(bar.grace)
            add(bar.till)
        end
    end
    for _, f in ipairs(fails) do
        add(f.time)
        add(f.since)
    end
    table.sort(list)
    return list
end

local function clusters_of(list)
    local clusters = {}
    for _, t in ipairs(list) do
        local last = clusters[#clusters]
        if last and t - last.till <= QUIET then
            last.till = t
        else
            clusters[#clusters + 1] = { from = t, till = t }
        end
    end
    return clusters
end

-- Pixels in a second with which all fits on the page.
local function scale_of(clusters)
    local seconds, room = 0.0, PAGE - LABEL - (#clusters - 1) * CUT - #clusters * 2 * PAD
    for _, c in ipairs(clusters) do seconds = seconds + (c.till - c.from) / S end
    return math.max(SCALE.least, math.min(SCALE.most, seconds > 0 and room / seconds or SCALE.most))
end

local function width_of(c, scale) return math.floor((c.till - c.from) / S * scale) + 2 * PAD end

-- What fits: the clusters with failures, then from the beginning on.
local function choose(clusters, fails, scale)
    local room = WIDE - LABEL
    local function keep(c)
        local width = width_of(c, scale) + CUT
        if c.kept or room < width then return end
        c.kept, room = true, room - width
    end
    for _, c in ipairs(clusters) do
        for _, f in ipairs(fails) do
            if f.time >= c.from and f.time <= c.till then keep(c) end
        end
    end
    for _, c in ipairs(clusters) do keep(c) end
    local kept = {}
    for _, c in ipairs(clusters) do
        if c.kept then kept[#kept + 1] = c end
    end
    return kept
end

local function axis(state, seen, fails)
    local all = clusters_of(instants(state, seen, fails))
    local scale = scale_of(all)
    local clusters, x = choose(all, fails, scale), LABEL
    for i, c in ipairs(clusters) do
        if i > 1 then x = x + CUT end
        c.x, c.width = x, width_of(c, scale)
        x = x + c.width
    end
    return { clusters = clusters, scale = scale, right = x, gone = #all - #clusters }
end

-- Where an instant is drawn, and whether it lies in a stretch that is drawn.
local function place(a, t)
    for i, c in ipairs(a.clusters) do
        if t < c.from then return i == 1 and c.x or c.x - CUT // 2, false end
        if t <= c.till then return c.x + PAD + math.floor((t - c.from) / S * a.scale), true end
    end
    return a.right, false
end

-- Whether something of a bar can be seen.
local function is_seen(a, bar, last)
    local x1, from = place(a, bar.from)
    local x2, till = place(a, bar.till or last)
    return from or till or x2 > x1
end

-- ---- drawing -------------------------------------------------------------------------------------------------

local function put(d, name, attributes, inner) d.parts[#d.parts + 1] = tag(name, attributes, inner) end

local function write(d, class, x, y, words, anchor)
    put(d, "text", { class = class, x = x, y = y, ["text-anchor"] = anchor or "start" }, text(words))
end

local function draw_bar(d, t, bar, y, clock)
    local x1, x4 = place(d.axis, bar.from), place(d.axis, bar.till or d.last)
    local x2 = bar.sending and place(d.axis, bar.sending) or x4
    local x3 = bar.grace and place(d.axis, bar.grace) or x4
    local words = { ("%s %d: valid from %s"):format(t.name, bar.value, clock(bar.from)) }
    if bar.sending then words[#words + 1] = "used for sending from " .. clock(bar.sending) end
    if bar.grace then words[#words + 1] = "in grace from " .. clock(bar.grace) end
    words[#words + 1] = bar.till and "until " .. clock(bar.till) or "until the end"
    local inner = { tag("title", {}, text(table.concat(words, ", "))) }
    local function piece(class, from, till)
        if till <= from then return end
        inner[#inner + 1] = tag("rect", { class = class, x = from, y = y, width = till - from, height = BAR })
    end
    piece("valid", x1, x2)
    piece("sending", x2, x3)
    piece("grace", x3, x4)
    local width = math.max(2, x4 - x1)
    inner[#inner + 1] = tag("rect", { class = "whole", x = x1, y = y, width = width, height = BAR, rx = 2 })
    if x3 - x2 >= 16 then
        inner[#inner + 1] = tag("text", { class = "in-sending", x = x2 + 4, y = y + 11 }, text(bar.value))
    elseif x4 - x1 >= 14 then
        inner[#inner + 1] = tag("text", { class = "in-valid", x = x1 + 4, y = y + 11 }, text(bar.value))
    end
    put(d, "g", { class = "bar" }, table.concat(inner))
end

local function draw_tracks(d, state, y)
    local function clock(t) return markup.clock(t - d.first) end
    for _, router in ipairs(state.order) do
        put(d, "line", { class = "rule", x1 = 0, x2 = d.axis.right, y1 = y, y2 = y })
        write(d, "router-name", 4, y + 17, router)
        y = y + 24
        for _, t in ipairs(state.routers[router]) do
            local drawn = {}
            for _, bar in ipairs(t.bars) do
                if is_seen(d.axis, bar, d.last) then drawn[#drawn + 1] = bar end
            end
            local lines = stack(drawn)
            write(d, "track-name", LABEL - 12, y + 12, t.name, "end")
            for _, bar in ipairs(drawn) do draw_bar(d, t, bar, y + (bar.line - 1) * PITCH, clock) end
            y = y + lines * PITCH + 4
        end
        y = y + 6
    end
    return y
end

local function draw_axis(d, top, bottom)
    local free = { 0, 0 }
    for i, c in ipairs(d.axis.clusters) do
        put(d, "line", { class = "tick", x1 = c.x + PAD, x2 = c.x + PAD, y1 = top, y2 = bottom + 4 })
        local words = markup.clock(c.from - d.first):gsub("%.%d+$", "")
        local w = markup.width(words, 11)
        for line = 1, 2 do
            if free[line] <= c.x then
                write(d, "tick-text", c.x + PAD, bottom + 4 + 14 * line, words)
                free[line] = c.x + PAD + w + 8
                break
            end
        end
        local before = d.axis.clusters[i - 1]
        if before then
            put(d, "rect", { class = "quiet", x = c.x - CUT, y = top, width = CUT, height = bottom - top })
            write(d, "quiet-text", c.x - CUT // 2, top - 4, markup.duration(c.from - before.till), "middle")
        end
    end
end

-- The line, counted from 1, where words have room; nil when there is none.
local function free_line(free, lines, from, till)
    for line = 1, lines do
        if (free[line] or 0) <= from then
            free[line] = till
            return line
        end
    end
end

-- An instant: a line through all bars, with words above them where there is room.
local function draw_instant(d, m, class, top, bottom)
    local x, y = m.x, top + ((m.line or 1) - 1) * MARK_LINE
    local inner = { tag("title", {}, text(("%s at %s"):format(m.title or m.text, markup.clock(m.time - d.first)))) }
    if m.since and m.since < m.time then
        local from = place(d.axis, m.since)
        inner[2] = tag("rect", { x = from, y = y - 11, width = x - from, height = bottom - y + 11 })
    end
    inner[#inner + 1] = tag("line", { x1 = x, x2 = x, y1 = y - 11, y2 = bottom })
    if m.line then
        local side = m.back and "end" or "start"
        inner[#inner + 1] = tag("text", { x = m.back and x - 4 or x + 4, y = y, ["text-anchor"] = side }, text(m.text))
    end
    local g = tag("g", { class = class }, table.concat(inner))
    d.parts[#d.parts + 1] = m.anchor and ('<a href="#%s">%s</a>'):format(m.anchor, g) or g
end

-- Where the words of instants stand. Gives those that are drawn, and the lines that they take.
local function arrange(d, list, lines)
    local free, drawn = {}, {}
    for _, m in ipairs(list) do
        local x, seen = place(d.axis, m.time)
        m.x, drawn[#drawn + 1] = x, seen and m or nil
    end
    local used = #drawn > 0 and 1 or 0
    for _, m in ipairs(drawn) do
        local w = markup.width(m.text, 11) + 8
        m.back = m.x + w > d.axis.right + OVER -- words at the right end stand before their line
        m.line = free_line(free, lines, m.back and m.x - w or m.x, m.back and m.x or m.x + w)
        used = math.max(used, m.line or 1)
    end
    return drawn, used
end

-- Marks of one instant are one.
local function marks_of(seen)
    local list = {}
    for _, item in ipairs(seen.items) do
        local words = item.sort == "mark" and item.text or item.kind == "key-timeout" and item.router .. ": key timeout"
        local last = list[#list]
        if words and last and last.time == item.time then
            last.text = last.text .. ", " .. words
        elseif words then
            list[#list + 1] = { time = item.time, text = words }
        end
    end
    return list
end

-- Findings of a requirement at one instant are one.
local function fail_words(fails)
    local list, known = {}, {}
    for _, f in ipairs(fails) do
        local id = f.id .. f.time
        local before = known[id]
        if before then
            before.n, before.since = before.n + 1, math.min(before.since, f.since)
            before.text = ("%s × %d"):format(f.id, before.n)
        else
            known[id] = { time = f.time, since = f.since, text = f.id, title = ("%s: %s"):format(f.id, f.text),
                anchor = f.anchor, n = 1 }
            list[#list + 1] = known[id]
        end
    end
    return list
end

-- fails: {time, since, id, text, anchor} by time. Gives the SVG and what was left out, in words; nil without keys.
function timeline.draw(seen, fails, id)
    local state = tracks_of(seen)
    if #state.order == 0 then return nil end
    local d = { parts = {}, axis = axis(state, seen, fails), first = seen.first, last = seen.last }
    local marks, mark_lines = arrange(d, marks_of(seen), MARKS)
    local failed, fail_lines = arrange(d, fail_words(fails), FAILS)
    local top = (mark_lines + fail_lines) * MARK_LINE + 22
    local bottom = draw_tracks(d, state, top)
    local bars = d.parts
    d.parts = {}
    draw_axis(d, top, bottom)
    table.move(bars, 1, #bars, #d.parts + 1, d.parts)
    for _, m in ipairs(marks) do draw_instant(d, m, "mark", 14, bottom) end
    for _, m in ipairs(failed) do draw_instant(d, m, "fail", 14 + mark_lines * MARK_LINE, bottom) end
    local svg = markup.svg { id = id, class = "timeline", width = d.axis.right + OVER, height = bottom + 40,
        parts = d.parts, title = "Life of keys", desc = "For each router and each of its keys: from when to when it " ..
        "was valid, used for sending, and in grace. Quiet stretches are cut out." }
    local gone = {}
    if d.axis.gone > 0 then gone[1] = ("%d stretches of time are not drawn."):format(d.axis.gone) end
    if seen.left_out.key > 0 then gone[#gone + 1] = ("%d more events were not kept."):format(seen.left_out.key) end
    return svg, table.concat(gone, " ")
end

return timeline

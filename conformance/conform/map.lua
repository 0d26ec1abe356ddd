-- SPDX-License-Identifier: MIT
-- The topology as SVG: from the first router on, what is one link farther stands one column farther.
local markup = require "conform.markup"

local map = {}

local tag, text = markup.tag, markup.text
local BOX_WIDTH, BOX_HEIGHT = 148, 44
local NEAR, FAR, ROW = 196, 264, 68 -- columns are so far apart, so that all fits on the page
local PAGE = 1200
local STEEP = 20 -- a line that rises more has its name at an end
local MARGIN = 16

-- ---- what there is -------------------------------------------------------------------------------------------

local function new_graph() return { nodes = {}, by_name = {}, links = {} } end

local function node(graph, name, kind, words)
    if graph.by_name[name] then return end
    local n = { name = name, kind = kind, words = words or "", near = {} }
    graph.by_name[name] = n
    graph.nodes[#graph.nodes + 1] = n
end

local function link(graph, a, b, name, lan)
    a, b = graph.by_name[a], graph.by_name[b]
    if not a or not b or a == b then return end
    graph.links[#graph.links + 1] = { a = a, b = b, name = name, lan = lan }
    a.near[#a.near + 1], b.near[#b.near + 1] = b, a
end

local function told(topology)
    local graph = new_graph()
    for _, r in ipairs(topology.routers) do node(graph, r.name, "router", table.concat(r.addresses, " ")) end
    for _, u in ipairs(topology.underlays) do node(graph, u, "underlay") end
    for _, h in ipairs(topology.hosts) do node(graph, h.name, "host", table.concat(h.addresses, " ")) end
    for _, l in ipairs(topology.links) do link(graph, l.ends[1], l.ends[2], l.name, l.lan) end
    return graph
end

-- Without a story: the paths that BFD packets took.
local function guessed(seen)
    local graph = new_graph()
    local words = {}
    for _, l in ipairs(seen.lines) do
        for name, address in pairs { [l.from] = l.src, [l.to] = l.dst } do
            if name ~= address then words[name] = (words[name] and words[name] .. " " or "") .. address end
        end
    end
    for _, l in ipairs(seen.lines) do
        node(graph, l.from, "router", words[l.from])
        node(graph, l.to, "router", words[l.to])
        link(graph, l.from, l.to, markup.capture_name(l.file))
    end
    return graph
end

-- ---- where it stands -----------------------------------------------------------------------------------------

-- Columns: links away from the first router, whose own hosts stand in front of it.
local function columns(graph)
    local found = {}
    for _, first in ipairs(graph.nodes) do
        if not found[first] then
            local queue, at = { first }, 1
            found[first], first.column = true, 0
            while queue[at] do
                local n = queue[at]
                for _, far in ipairs(n.near) do
                    if not found[far] then
                        found[far] = true
                        far.column = n == first and far.kind == "host" and -1 or n.column + 1
                        queue[#queue + 1] = far
                    end
                end
                at = at + 1
            end
        end
    end
end

-- The place in a column follows from the places of the neighbours before it.
local function place(graph)
    columns(graph)
    local by_column, low, high = {}, 0, 0
    for _, n in ipairs(graph.nodes) do
        by_column[n.column] = by_column[n.column] or {}
        table.insert(by_column[n.column], n)
        low, high = math.min(low, n.column), math.max(high, n.column)
    end
    local pitch = math.max(NEAR, math.min(FAR, (PAGE - 2 * MARGIN - BOX_WIDTH) // math.max(1, high - low)))
    local rows = 1
    for c = low, high do rows = math.max(rows, #(by_column[c] or {})) end
    for step = 0, high - low do
        local c = step <= high and step or high - step -- 0, 1, ... then what is in front
        local list = by_column[c] or {}
        for i, n in ipairs(list) do
            local sum, count = 0, 0
            for _, far in ipairs(n.near) do
                if far.y and far.column ~= c then sum, count = sum + far.y, count + 1 end
            end
            n.wish, n.order = count > 0 and sum // count or 0, i
        end
        table.sort(list, function(p, q) return p.wish < q.wish or (p.wish == q.wish and p.order < q.order) end)
        for i, n in ipairs(list) do
            n.x = MARGIN + (c - low) * pitch
            n.y = MARGIN + (2 * i - 1 + rows - #list) * ROW // 2 - BOX_HEIGHT // 2
        end
    end
    return MARGIN * 2 + (high - low) * pitch + BOX_WIDTH, MARGIN * 2 + rows * ROW
end

-- ---- drawing -------------------------------------------------------------------------------------------------

local function words_at(side, class, x, y, words)
    return tag("text", { class = class, x = x, y = y, ["text-anchor"] = side }, text(words))
end

-- Names of lines that fan out stand apart where the lines do: at the end that has fewer of them, away from the line.
local function end_name(name, at_right, x1, y1, x2, y2)
    local x, y, other = x1 + 6, y1, y2
    if at_right then x, y, other = x2 - 6, y2, y1 end
    return words_at(at_right and "end" or "start", "line-name", x, y < other and y - 5 or y + 14, name)
end

local function draw_link(parts, names, l, bend, captured)
    local a, b = l.a, l.b
    if a.x > b.x then a, b = b, a end
    local x1, x2 = a.x + BOX_WIDTH, b.x
    if a.x == b.x then x1, x2 = a.x + BOX_WIDTH // 2, b.x + BOX_WIDTH // 2 end
    local y1, y2 = a.y + BOX_HEIGHT // 2, b.y + BOX_HEIGHT // 2
    local mx, my = (x1 + x2) // 2, (y1 + y2) // 2 + bend
    parts[#parts + 1] = tag("path", { class = l.lan and "line lan" or captured and "line captured" or "line",
        d = ("M%d %dQ%d %d %d %d"):format(x1, y1, mx, my + bend, x2, y2) })
    if not l.lan then
        names[#names + 1] = math.abs(y2 - y1) > STEEP and end_name(l.name, #b.near <= #a.near, x1, y1, x2, y2) or
            words_at("middle", "line-name", mx, bend > 0 and my + 14 or my - 5, l.name)
    end
end

local function draw_node(parts, n)
    local round = n.kind == "host" and 4 or n.kind == "underlay" and BOX_HEIGHT // 2 or 8
    local words = n.words
    if #words > 22 then words = words:match "^%S+" .. " …" end
    local x = n.x + BOX_WIDTH // 2
    local inner = tag("title", {}, text(n.kind .. " " .. n.name .. " " .. n.words)) ..
        tag("rect", { x = n.x, y = n.y, width = BOX_WIDTH, height = BOX_HEIGHT, rx = round }) ..
        words_at("middle", "name", x, n.y + (words == "" and 26 or 19), n.name)
    if words ~= "" then inner = inner .. words_at("middle", "address", x, n.y + 34, words) end
    parts[#parts + 1] = tag("g", { class = n.kind }, inner)
end

-- The SVG, or nil when nothing is known.
function map.draw(seen, id)
    local graph = seen.topology and told(seen.topology) or guessed(seen)
    if #graph.nodes == 0 then return nil end
    local width, height = place(graph)
    local captured, parallel, drawn, parts, line_names = {}, {}, {}, {}, {}
    for _, c in ipairs(seen.captures) do captured[markup.capture_name(c.name)] = true end
    local function pair(l)
        local a, b = l.a.name, l.b.name
        return a < b and a .. "\n" .. b or b .. "\n" .. a
    end
    for _, l in ipairs(graph.links) do parallel[pair(l)] = (parallel[pair(l)] or 0) + 1 end
    for _, l in ipairs(graph.links) do
        local n = drawn[pair(l)] or 0
        drawn[pair(l)] = n + 1
        draw_link(parts, line_names, l, (2 * n - parallel[pair(l)] + 1) * 12, captured[l.name])
    end
    table.move(line_names, 1, #line_names, #parts + 1, parts)
    local names = {}
    for i, n in ipairs(graph.nodes) do
        draw_node(parts, n)
        names[i] = n.kind .. " " .. n.name
    end
    local lines = {}
    for i, l in ipairs(graph.links) do lines[i] = ("%s: %s to %s"):format(l.name, l.a.name, l.b.name) end
    return markup.svg { id = id, class = "map", width = width, height = height, parts = parts, title = "Topology",
        desc = table.concat(names, ", ") .. ". Links: " .. table.concat(lines, ", ") .. "." }
end

return map

-- SPDX-License-Identifier: MIT
-- Results as one HTML file that needs nothing else: no script, no font, no picture from elsewhere. Equal results give
-- equal bytes: there is no date in it.
local catalogue = require "conform.catalogue"
local core = require "conform.core"
local map = require "conform.map"
local markup = require "conform.markup"
local sequence = require "conform.sequence"
local style = require "conform.style"
local timeline = require "conform.timeline"

local html = {}

local tag, text, anchor = markup.tag, markup.text, markup.anchor
local DRAWN = 3 -- findings of a requirement that are shown at once, and that the drawings mark
local UNFOLDED = 3 -- so many scenarios are shown whole
local LISTED = 20 -- failures in the summary
local GAPS = 4 -- of a flow
local SILENT = 8 -- inconclusive results; more of them are folded
local MANY = 5 -- columns; more of them have their names upright
local symbols = { pass = "✓", fail = "✗", inconclusive = "–", unsupported = "∅" }
local order = { "fail", "pass", "inconclusive", "unsupported" }
local words_of = { fail = "failed", pass = "passed", inconclusive = "inconclusive", unsupported = "unsupported" }

-- ---- pieces --------------------------------------------------------------------------------------------------

local function element(name, class, inner) return tag(name, { class = class }, inner) end

local function lines(list) return "\n" .. table.concat(list, "\n") .. "\n" end

-- `code` in a sentence.
local function prose(s) return (text(s):gsub("`([^`]*)`", "<code>%1</code>")) end

local function plural(n, word) return ("%d %s%s"):format(n, word, n == 1 and "" or "s") end

local function link(to, words, class) return tag("a", { href = "#" .. to, class = class }, text(words)) end

local function list(rows)
    local out = {}
    for i, row in ipairs(rows) do out[i] = tag("dt", {}, row[1]) .. tag("dd", {}, row[2]) end
    return tag("dl", {}, table.concat(out, "\n"))
end

local function fold(title, inner, open)
    return tag("details", { open = open and "open" }, tag("summary", {}, text(title)) .. inner)
end

-- What may be wider than the page.
local function scroller(label, inner)
    return tag("div", { class = "scroll", tabindex = "0", role = "region", ["aria-label"] = label }, inner)
end

local function head_cells(names)
    local out = {}
    for i, name in ipairs(names) do out[i] = tag("th", { scope = "col" }, name) end
    return out
end

-- head: cells; rows: markup.
local function grid(class, caption, head, rows)
    return tag("table", { class = class }, (caption and tag("caption", {}, caption) or "") ..
        tag("thead", {}, tag("tr", {}, table.concat(head))) .. "\n" .. tag("tbody", {}, lines(rows)))
end

local function verdict(result, words)
    return element("span", "verdict " .. result, words or symbols[result] .. " " .. words_of[result])
end

local function count(runs)
    local n, all = {}, 0
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do n[r.result], all = (n[r.result] or 0) + 1, all + 1 end
    end
    return n, all
end

-- ---- summary -------------------------------------------------------------------------------------------------

local function list_failures(runs)
    local items, more = {}, 0
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            if r.result == "fail" and #items < LISTED then
                items[#items + 1] = tag("li", {}, ("%s in %s: %s"):format(link(anchor(run.name, r.id), r.id, "id"),
                    text(run.name), text(r.findings[1].text)))
            elseif r.result == "fail" then
                more = more + 1
            end
        end
    end
    if #items == 0 then return "" end
    if more > 0 then items[#items + 1] = tag("li", {}, ("and %d more"):format(more)) end
    return element("ul", "failures", lines(items))
end

local function seeds(runs)
    local out, known = {}, {}
    for _, run in ipairs(runs) do
        if run.seed and not known[run.seed] then out[#out + 1], known[run.seed] = text(run.seed), true end
    end
    return table.concat(out, ", ")
end

-- A requirement fails where one run fails it, and holds where one passes it.
local function requirements(runs)
    local best, n = {}, { fail = 0, pass = 0, open = 0 }
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            local known = r.result == "fail" and "fail" or r.result == "pass" and "pass" or "open"
            if not best[r.id] or known == "fail" or best[r.id] == "open" then best[r.id] = known end
        end
    end
    for _, known in pairs(best) do n[known] = n[known] + 1 end
    return ("%d of %d passed, %d failed, %d undecided"):format(n.pass, n.pass + n.fail + n.open, n.fail, n.open)
end

local function summary(runs)
    local n, all = count(runs)
    local boxes, stripe = {}, {}
    for _, result in ipairs(order) do
        if n[result] or result == "fail" or result == "pass" then
            boxes[#boxes + 1] = element("li", n[result] and result or "inconclusive",
                tag("b", {}, tostring(n[result] or 0)) .. words_of[result])
            stripe[#stripe + 1] = tag("i", { class = result, style = ("flex:%d"):format(n[result] or 0) }, "")
        end
    end
    local rows = { { "Results", ("%d in %s"):format(all, plural(#runs, "trace")) },
        { "Requirements", requirements(runs) }, { "Version", text(core.version) } }
    if seeds(runs) ~= "" then rows[#rows + 1] = { "Seed", seeds(runs) } end
    local title = n.fail and plural(n.fail, "result") .. " failed" or "Nothing failed"
    return element("section", "panel", lines { tag("h2", {}, title), element("ul", "counts", table.concat(boxes)),
        tag("div", { class = "stripe", ["aria-hidden"] = "true" }, table.concat(stripe)),
        list_failures(runs), list(rows) })
end

-- ---- matrix --------------------------------------------------------------------------------------------------

-- Results by requirement and run, and the requirements in order: what the catalogue does not know goes to the end.
local function results_by_id(runs)
    local by_id, rows, known = {}, {}, {}
    local function add(c)
        if not known[c.id] then rows[#rows + 1], known[c.id] = c, true end
    end
    for _, c in ipairs(catalogue) do add(c) end
    for i, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            by_id[r.id] = by_id[r.id] or {}
            by_id[r.id][i] = r
            add { id = r.id, demand = r.expected, section = "Others" }
        end
    end
    return by_id, rows
end

local function cell(run, r)
    if not r then return element("td", "cell", "") end
    return element("td", "cell", tag("a", { class = r.result, href = "#" .. anchor(run.name, r.id),
        ["aria-label"] = ("%s %s in %s"):format(r.id, words_of[r.result], run.name) }, symbols[r.result]))
end

local function matrix_row(c, results, runs)
    local cells = { tag("th", { scope = "row", class = "id" }, text(c.id)), tag("td", {}, prose(c.demand)) }
    for i, run in ipairs(runs) do cells[#cells + 1] = cell(run, results[i]) end
    return tag("tr", {}, table.concat(cells))
end

local function matrix(runs)
    local by_id, known = results_by_id(runs)
    local head, rows, absent, section = head_cells { "Requirement", "Demand" }, {}, {}, nil
    for _, run in ipairs(runs) do
        head[#head + 1] = tag("th", { scope = "col", class = "run" }, link(anchor(run.name), run.name))
    end
    for _, c in ipairs(known) do
        if by_id[c.id] then
            if c.section ~= section then
                local title = tag("th", { colspan = #runs + 2, scope = "colgroup" }, text(c.section))
                rows[#rows + 1], section = element("tr", "group", title), c.section
            end
            rows[#rows + 1] = matrix_row(c, by_id[c.id], runs)
        else
            absent[#absent + 1] = { element("span", "id", text(c.id)), prose(c.demand) }
        end
    end
    local caption = "✓ passed, ✗ failed, – inconclusive: the trace shows nothing of it"
    local shown = grid(#runs > MANY and "matrix many" or "matrix", caption, head, rows)
    return tag("section", { class = "panel", id = "matrix" }, lines { tag("h2", {}, "Requirements"),
        scroller("Requirements and their results", shown),
        #absent > 0 and fold(plural(#absent, "requirement") .. " without a result here", list(absent)) or "" })
end

-- ---- drawings ------------------------------------------------------------------------------------------------

-- The first findings of each requirement, at their last instant, by time; and how many more there are.
local function fails_of(run)
    local fails, gone = {}, 0
    for _, r in ipairs(run.results) do
        local n = 0
        for _, f in ipairs(r.findings) do
            if f.at and #f.at > 0 then
                n = n + 1
                fails[#fails + 1] = n <= DRAWN and { id = r.id, text = f.text, since = math.min(table.unpack(f.at)),
                    time = math.max(table.unpack(f.at)), anchor = anchor(run.name, r.id), n = #fails } or nil
            end
        end
        gone = gone + math.max(0, n - DRAWN) + (r.more or 0)
    end
    table.sort(fails, function(a, b) return a.time < b.time or (a.time == b.time and a.n < b.n) end)
    return fails, gone
end

local function swatch(class, inner)
    return ('<svg class="%s" width="26" height="14" aria-hidden="true">%s</svg>'):format(class, inner)
end

local function legend(items)
    local out = {}
    for i, item in ipairs(items) do out[i] = tag("li", {}, item[1] .. item[2]) end
    return element("ul", "legend", table.concat(out))
end

local function rect(class)
    return swatch("bar", tag("rect", { class = class, x = 0.5, y = 0.5, width = 25, height = 13 }))
end

local function line(class) return swatch("arrow", ('<g class="%s"><path d="M0 7H26"/></g>'):format(class)) end

local arrows = legend { { line "cert", "certificate" }, { line "exchange", "peer key" },
    { line "meta", "metadata key" } }
local bars = legend { { rect "valid", "valid, not yet used" }, { rect "sending", "used for sending" },
    { rect "grace", "in grace: still accepted" } }

local function drawing(title, key, svg, gone, open)
    local words = gone ~= "" and element("p", "soft", text(gone)) or ""
    return fold(title, key .. words .. scroller(title, svg), open)
end

local function drawings(run, open)
    local fails, gone = fails_of(run)
    local id, out = anchor(run.name), {}
    local svg, words = map.draw(run.seen, id .. "-map"), nil
    local thick = element("p", "soft", "Thick lines were captured.")
    if svg then out[#out + 1] = drawing("Topology", thick, svg, "", true) end
    svg, words = timeline.draw(run.seen, fails, id .. "-timeline")
    if svg then
        if gone > 0 then words = ("%s %d more findings are not marked."):format(words, gone) end
        out[#out + 1] = drawing("Life of keys", bars, svg, words, open)
    end
    svg, words = sequence.draw(run.seen, fails, id .. "-sequence")
    if svg then out[#out + 1] = drawing("Exchange of keys", arrows, svg, words, open) end
    return table.concat(out, "\n")
end

-- ---- what hosts and routers counted --------------------------------------------------------------------------

local function gaps_of(run, f)
    local out = {}
    local function clock(t, otherwise) return t and markup.short_clock(t - run.seen.first) or otherwise end
    for i, g in ipairs(f.gaps or {}) do
        if i > GAPS then
            out[i] = ("and %d more"):format(#f.gaps - GAPS)
            break
        end
        out[i] = ("%d between %s and %s"):format(g.count, clock(g.after, "the beginning"), clock(g.before, "the end"))
    end
    return table.concat(out, "; ")
end

local function flow_row(run, f)
    local cells = { tag("th", { scope = "row" }, text(f.flow)) }
    for _, n in ipairs { "sent", "received", "missing" } do
        cells[#cells + 1] = element("td", "number", text(f[n] or ""))
    end
    cells[#cells + 1] = tag("td", {}, text(gaps_of(run, f)))
    return tag("tr", {}, table.concat(cells))
end

local function dropped(t)
    local out = {}
    for reason in pairs(t.dropped or {}) do out[#out + 1] = reason end
    table.sort(out)
    for i, reason in ipairs(out) do out[i] = ("%s %d"):format(reason, t.dropped[reason]) end
    return t.down and "it is down" or #out == 0 and "nothing" or table.concat(out, ", ")
end

local function books(run)
    local flows, routers = {}, {}
    for i, f in ipairs(run.seen.flows) do flows[i] = flow_row(run, f) end
    for i, t in ipairs(run.seen.counters) do routers[i] = { text(t.router), text(dropped(t)) } end
    if #flows + #routers == 0 then return "" end
    return fold("Traffic", (#flows > 0 and scroller("Flows", grid("flows", "What hosts sent and received",
        head_cells { "Flow", "Sent", "Received", "Missing", "When" }, flows)) or "") ..
        (#routers > 0 and element("p", "soft after", "What routers dropped, and why") .. list(routers) or ""), false)
end

-- ---- results -------------------------------------------------------------------------------------------------

local function percent(c) return ("%%%02X"):format(c:byte()) end

local function captures_of(run, base)
    local out = {}
    for i, file in ipairs(run.files) do
        local name = text(file)
        if base and file:sub(1, #base + 1) == base .. "/" then
            local inside = file:sub(#base + 2)
            name = tag("a", { href = (inside:gsub("[^%w%-%._~/]", percent)) }, text(inside))
        end
        local seen = run.seen.files[file]
        out[i] = ("%s (%s)"):format(name, plural(seen and seen.packets or 0, "packet"))
    end
    return table.concat(out, ", ")
end

local function finding(run, f)
    local places = {}
    for i, w in ipairs(f.where) do
        local at = f.at and #f.at == #f.where and " at " .. markup.clock(f.at[i] - run.seen.first) or ""
        places[i] = tag("li", {}, text(w) .. at)
    end
    local rows = { { "Actual", text(f.text) } }
    if #places > 0 then rows[2] = { "Seen in", tag("ul", {}, table.concat(places)) } end
    return list(rows)
end

local function failure(run, r, base)
    local parts = { tag("h4", {}, element("span", "id", text(r.id)) .. " " .. verdict "fail"),
        list { { "Expected", text(r.expected) } } }
    local more = {}
    for i, f in ipairs(r.findings) do table.insert(i <= DRAWN and parts or more, finding(run, f)) end
    if r.more then more[#more + 1] = element("p", "soft", ("and %d that were not kept"):format(r.more)) end
    local n = #r.findings - DRAWN + (r.more or 0)
    if #more > 0 then parts[#parts + 1] = fold(plural(n, "more finding"), lines(more)) end
    local rows = { { "Captures", captures_of(run, base) } }
    if run.seed then rows[#rows + 1] = { "Seed", text(run.seed) } end
    parts[#parts + 1] = list(rows) .. element("span", "soft", "Reproduce") .. tag("pre", {}, text(run.reproduce))
    return tag("article", { class = "finding", id = anchor(run.name, r.id) }, lines(parts))
end

local function failures(run, base)
    local out = {}
    for _, r in ipairs(run.results) do
        if r.result == "fail" then out[#out + 1] = failure(run, r, base) end
    end
    return #out > 0 and tag("h3", {}, "What failed") .. lines(out) or ""
end

local function row(run, r)
    local said = text(r.reason or "the trace shows nothing of it")
    if r.result == "pass" then said = "held " .. plural(r.evidence, "time") end
    return tag("tr", { id = anchor(run.name, r.id) }, tag("th", { scope = "row", class = "id" }, text(r.id)) ..
        tag("td", {}, verdict(r.result)) .. tag("td", {}, text(r.expected)) .. tag("td", {}, said))
end

local function result_grid(run, rows)
    if #rows == 0 then return "" end
    return scroller("Results of " .. run.name, grid("results", nil,
        head_cells { "Requirement", "Result", "Expected", "Actual" }, rows))
end

local function others(run)
    local n = count { run }
    local rows, silent = {}, {}
    for _, r in ipairs(run.results) do
        local apart = r.result == "inconclusive" and n.inconclusive > SILENT
        if r.result ~= "fail" then table.insert(apart and silent or rows, row(run, r)) end
    end
    if #rows + #silent == 0 then return "" end
    return tag("h3", {}, n.fail and "What did not fail" or "Results") .. result_grid(run, rows) ..
        (#silent > 0 and fold(plural(#silent, "inconclusive result"), result_grid(run, silent)) or "")
end

-- ---- the page ------------------------------------------------------------------------------------------------

local intervals = { { "peer_rekey_hours", "peer-key-rekey-interval", "h" },
    { "payload_rekey_hours", "payload-key-rekey-interval", "h" }, { "retransmit", "peer-key-retransmit-interval", "s" },
    { "timeout", "peer-key-timeout", "s" } }

local function settings_of(run)
    local out = {}
    for _, i in ipairs(intervals) do
        local v = run.settings and run.settings[i[1]]
        local words = v == 0 and i[3] == "h" and "never" or ("%s %s"):format(v, i[3])
        if v then out[#out + 1] = tag("code", {}, i[2]) .. " " .. words end
    end
    return table.concat(out, ", ")
end

local function span(seen)
    if not seen.first then return "nothing was seen" end
    local began = os.date("!%Y-%m-%d %H:%M:%S UTC", seen.first // 1000000000)
    return ("%s from %s on; times below count from there"):format(markup.duration(seen.last - seen.first), began)
end

-- Of many scenarios only those that failed are unfolded.
local function scenario(run, base, few)
    local n, badges = count { run }, {}
    for _, result in ipairs(order) do
        if n[result] then badges[#badges + 1] = verdict(result, ("%d %s"):format(n[result], words_of[result])) end
    end
    local rows = { { "Trace", text(span(run.seen)) }, { "Captures", captures_of(run, base) } }
    if run.settings then rows[#rows + 1] = { "Intervals", settings_of(run) } end
    if run.seed then rows[#rows + 1] = { "Seed", text(run.seed) } end
    rows[#rows + 1] = { "Reproduce", tag("code", {}, text(run.reproduce)) }
    return tag("section", { class = "panel", id = anchor(run.name) }, lines {
        element("div", "up", link("matrix", "all requirements")), tag("h2", {}, text(run.name)),
        run.what and tag("p", {}, text(run.what)) or "", tag("p", {}, table.concat(badges, " ")), list(rows),
        failures(run, base), drawings(run, few or n.fail ~= nil), books(run), others(run) })
end

-- The pattern of bars in grace.
local hatch = [[
<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="6" height="6"/><path d="M0 0V6"/></pattern></defs></svg>]]

-- runs: see conform.report; of each also `what` it tells, `files`, `settings`, and what conform.collect has `seen`.
-- base: the folder that the page will lie in; captures inside are links.
function html.page(runs, base)
    local sections = {}
    for i, run in ipairs(runs) do sections[i] = scenario(run, base, #runs <= UNFOLDED) end
    local intro = "What svrconform found in traces of routers. The requirements are those of docs/requirements.md."
    return table.concat({ '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">', "<title>SVR conformance</title>",
        '<link rel="icon" href="data:,">', "<style>\n" .. style .. "</style>\n</head>\n<body>", hatch,
        tag("header", {}, tag("h1", {}, "SVR conformance") .. element("p", "soft", intro)),
        "<main>", summary(runs), matrix(runs), table.concat(sections, "\n"), "</main>",
        tag("footer", {}, tag("p", {}, "svrconform " .. text(core.version))), "</body>\n</html>\n" }, "\n")
end

return html

-- SPDX-License-Identifier: MIT
-- Results as one HTML file that needs nothing else: no script, no font, no picture from elsewhere. Equal results give equal
-- bytes: there is no date in it.
local catalogue = require "conform.catalogue"
local core = require "conform.core"
local map = require "conform.map"
local markup = require "conform.markup"
local sequence = require "conform.sequence"
local style = require "conform.style"
local timeline = require "conform.timeline"

local html = {}

local tag, text, anchor = markup.tag, markup.text, markup.anchor
local DRAWN = 3 -- findings of a requirement that the drawings mark
local UNFOLDED = 3 -- so many scenarios are shown whole
local LISTED = 20 -- failures in the summary
local symbols = { pass = "✓", fail = "✗", inconclusive = "–", unsupported = "∅" }
local order = { "fail", "pass", "inconclusive", "unsupported" }
local words_of = { fail = "failed", pass = "passed", inconclusive = "inconclusive", unsupported = "unsupported" }

local function element(name, class, inner) return tag(name, { class = class }, inner) end

-- `code` in a sentence.
local function prose(s) return (text(s):gsub("`([^`]*)`", "<code>%1</code>")) end

local function verdict(result) return element("span", "verdict " .. result, symbols[result] .. " " .. words_of[result]) end

local function count(runs)
    local n, all = {}, 0
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do n[r.result], all = (n[r.result] or 0) + 1, all + 1 end
    end
    return n, all
end

local function list(rows)
    local out = {}
    for i, row in ipairs(rows) do out[i] = tag("dt", {}, row[1]) .. tag("dd", {}, row[2]) end
    return tag("dl", {}, table.concat(out, "\n"))
end

-- ---- summary -------------------------------------------------------------------------------------------------

local function list_failures(runs)
    local items, more = {}, 0
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            if r.result == "fail" and #items < LISTED then
                items[#items + 1] = tag("li", {}, ("%s in %s: %s"):format(tag("a", { class = "id", href = "#" .. anchor(run.name, r.id) },
                    text(r.id)), text(run.name), text(r.findings[1].text)))
            elseif r.result == "fail" then
                more = more + 1
            end
        end
    end
    if #items == 0 then return "" end
    if more > 0 then items[#items + 1] = tag("li", {}, ("and %d more"):format(more)) end
    return element("ul", "failures", table.concat(items, "\n"))
end

local function summary(runs)
    local n, all = count(runs)
    local boxes, stripe, seeds, seen_seed = {}, {}, {}, {}
    for _, result in ipairs(order) do
        if n[result] or result == "fail" or result == "pass" then
            boxes[#boxes + 1] = element("li", n[result] and result or "inconclusive", tag("b", {}, tostring(n[result] or 0)) .. words_of[result])
            stripe[#stripe + 1] = tag("i", { class = result, style = ("flex:%d"):format(n[result] or 0) }, "")
        end
    end
    for _, run in ipairs(runs) do
        if run.seed and not seen_seed[run.seed] then
            seeds[#seeds + 1], seen_seed[run.seed] = run.seed, true
        end
    end
    local rows = { { "Judged", ("%d results in %d %s"):format(all, #runs, #runs == 1 and "trace" or "traces") },
        { "Version", text(core.version) } }
    if #seeds > 0 then rows[#rows + 1] = { "Seed", text(table.concat(seeds, ", ")) } end
    return element("section", "panel", tag("h2", {}, (n.fail or 0) == 0 and "Nothing failed" or ("%d %s failed"):format(n.fail,
        n.fail == 1 and "result" or "results")) .. element("ul", "counts", table.concat(boxes)) ..
        tag("div", { class = "stripe", ["aria-hidden"] = "true" }, table.concat(stripe)) .. list_failures(runs) .. list(rows))
end

-- ---- matrix --------------------------------------------------------------------------------------------------

local function results_by_id(runs)
    local by_id, known = {}, {}
    for i, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            by_id[r.id] = by_id[r.id] or {}
            by_id[r.id][i] = r
        end
    end
    local rows = {}
    for _, c in ipairs(catalogue) do
        known[c.id] = true
        rows[#rows + 1] = c
    end
    for _, run in ipairs(runs) do -- what the catalogue does not know goes to the end
        for _, r in ipairs(run.results) do
            if not known[r.id] then
                known[r.id] = true
                rows[#rows + 1] = { id = r.id, demand = r.expected, section = "Others" }
            end
        end
    end
    return by_id, rows
end

local function cell(run, r)
    if not r then return element("td", "cell", '<span class="soft" title="not judged"> </span>') end
    return element("td", "cell", tag("a", { class = r.result, href = "#" .. anchor(run.name, r.id),
        ["aria-label"] = ("%s %s in %s"):format(r.id, words_of[r.result], run.name) }, symbols[r.result]))
end

local function matrix(runs)
    local by_id, rows = results_by_id(runs)
    local head, body, section, absent = { tag("th", { scope = "col" }, "Requirement"), tag("th", { scope = "col" }, "Demand") }, {}, nil, {}
    for _, run in ipairs(runs) do
        head[#head + 1] = tag("th", { scope = "col", class = "run" }, tag("a", { href = "#" .. anchor(run.name) }, text(run.name)))
    end
    for _, c in ipairs(rows) do
        if by_id[c.id] then
            if c.section ~= section then
                section = c.section
                body[#body + 1] = element("tr", "group", tag("th", { colspan = #runs + 2, scope = "colgroup" }, text(section)))
            end
            local cells = { tag("th", { scope = "row", class = "id" }, text(c.id)), tag("td", {}, prose(c.demand)) }
            for i, run in ipairs(runs) do cells[#cells + 1] = cell(run, by_id[c.id][i]) end
            body[#body + 1] = tag("tr", {}, table.concat(cells))
        else
            absent[#absent + 1] = tag("dt", { class = "id" }, text(c.id)) .. tag("dd", {}, prose(c.demand))
        end
    end
    local table_ = tag("table", { class = #runs > 5 and "matrix many" or "matrix" },
        tag("caption", {}, "✓ passed, ✗ failed, – inconclusive: the trace shows nothing of it") ..
        tag("thead", {}, tag("tr", {}, table.concat(head))) .. "\n" .. tag("tbody", {}, "\n" .. table.concat(body, "\n") .. "\n"))
    local rest = #absent == 0 and "" or tag("details", {}, tag("summary", {}, ("%d requirements were not judged here"):format(#absent)) ..
        tag("dl", {}, table.concat(absent, "\n")))
    return tag("section", { class = "panel", id = "matrix" }, tag("h2", {}, "Requirements") .. tag("div", { class = "scroll", tabindex = "0",
        role = "region", ["aria-label"] = "Requirements and their results" }, table_) .. rest)
end

-- ---- drawings ------------------------------------------------------------------------------------------------

-- The first findings of each requirement, at their last instant.
local function fails_of(run)
    local fails, gone = {}, 0
    for _, r in ipairs(run.results) do
        local n = 0
        gone = gone + (r.more or 0)
        for _, f in ipairs(r.findings) do
            if f.at and #f.at > 0 then
                n = n + 1
                if n <= DRAWN then
                    fails[#fails + 1] = { id = r.id, text = f.text, since = math.min(table.unpack(f.at)), time = math.max(table.unpack(f.at)),
                        anchor = anchor(run.name, r.id), n = #fails }
                else
                    gone = gone + 1
                end
            end
        end
    end
    table.sort(fails, function(a, b) return a.time < b.time or (a.time == b.time and a.n < b.n) end)
    return fails, gone
end

local function drawing(title, legend, svg, gone, open)
    local words = gone ~= "" and element("p", "soft", text(gone)) or ""
    return tag("details", { open = open and "open" }, tag("summary", {}, title) .. legend .. words ..
        tag("div", { class = "scroll", tabindex = "0", role = "region", ["aria-label"] = title }, svg))
end

local function swatch(class, inner)
    return ('<svg class="%s" width="26" height="14" aria-hidden="true">%s</svg>'):format(class, inner)
end

local function legend(items)
    local out = {}
    for i, item in ipairs(items) do out[i] = tag("li", {}, item[1] .. item[2]) end
    return element("ul", "legend", table.concat(out))
end

local function rect(class) return tag("rect", { class = class, x = 0.5, y = 0.5, width = 25, height = 13 }) end
local function line(class) return ('<g class="%s"><line x1="0" y1="7" x2="26" y2="7"/></g>'):format(class) end

local arrows_legend = legend { { swatch("arrow", line "cert"), "certificate" }, { swatch("arrow", line "exchange"), "peer key" },
    { swatch("arrow", line "meta"), "metadata key" } }
local bars_legend = legend { { swatch("bar", rect "valid"), "valid, waiting" }, { swatch("bar", rect "sending"), "used for sending" },
    { swatch("bar", rect "grace"), "in grace: still accepted" } }

local function drawings(run, open)
    local fails, gone = fails_of(run)
    local id, out = anchor(run.name), {}
    local svg = map.draw(run.seen, id .. "-map")
    if svg then
        out[#out + 1] = drawing("Topology", element("p", "soft", "Thick lines were captured."), svg, "", true)
    end
    local words
    svg, words = timeline.draw(run.seen, fails, id .. "-timeline")
    if svg then
        if gone > 0 then words = words .. (" %d more findings are not marked."):format(gone) end
        out[#out + 1] = drawing("Life of keys", bars_legend, svg, words, open)
    end
    svg, words = sequence.draw(run.seen, fails, id .. "-sequence")
    if svg then out[#out + 1] = drawing("Exchange of keys", arrows_legend, svg, words, open) end
    return table.concat(out, "\n")
end

-- ---- results -------------------------------------------------------------------------------------------------

local function captures_of(run, base)
    local out = {}
    for i, file in ipairs(run.files) do
        local inside = base and file:sub(1, #base + 1) == base .. "/"
        local shown = inside and file:sub(#base + 2) or file
        local name = inside and tag("a", { href = (shown:gsub("[^%w%-%._~/]", function(c) return ("%%%02X"):format(c:byte()) end)) }, text(shown)) or
            text(shown)
        local seen = run.seen.files[file]
        out[i] = ("%s (%d packets)"):format(name, seen and seen.packets or 0)
    end
    return table.concat(out, ", ")
end

local function finding(run, f)
    local at = {}
    for i, t in ipairs(f.at or {}) do at[i] = markup.clock(t - run.seen.first) end
    local places = {}
    for i, w in ipairs(f.where) do places[i] = tag("li", {}, text(w) .. (at[i] and #at == #f.where and (" at " .. at[i]) or "")) end
    return list { { "Actual", text(f.text) }, { "Seen in", #places > 0 and tag("ul", {}, table.concat(places)) or "the key log" } }
end

local function failure(run, r, base)
    local parts = { tag("h4", {}, element("span", "id", text(r.id)) .. " " .. verdict "fail"), list { { "Expected", text(r.expected) } } }
    for i = 1, math.min(#r.findings, DRAWN) do parts[#parts + 1] = finding(run, r.findings[i]) end
    local more = {}
    for i = DRAWN + 1, #r.findings do more[#more + 1] = finding(run, r.findings[i]) end
    if #more > 0 then
        parts[#parts + 1] = tag("details", {}, tag("summary", {}, ("%d more findings"):format(#more + (r.more or 0))) .. table.concat(more) ..
            (r.more and element("p", "soft", ("and %d that were not kept"):format(r.more)) or ""))
    end
    local rows = { { "Captures", captures_of(run, base) } }
    if run.seed then rows[#rows + 1] = { "Seed", text(run.seed) } end
    parts[#parts + 1] = list(rows) .. element("span", "soft", "Reproduce") .. tag("pre", {}, text(run.reproduce))
    return tag("article", { class = "finding", id = anchor(run.name, r.id) }, table.concat(parts, "\n"))
end

local function row(run, r)
    local said = r.result == "pass" and ("held %d %s"):format(r.evidence, r.evidence == 1 and "time" or "times") or
        text(r.reason or "the trace shows nothing of it")
    return tag("tr", { id = anchor(run.name, r.id) }, tag("th", { scope = "row", class = "id" }, text(r.id)) ..
        tag("td", {}, verdict(r.result)) .. tag("td", {}, text(r.expected)) .. tag("td", {}, said))
end

local function failures(run, base)
    local out = {}
    for _, r in ipairs(run.results) do
        if r.result == "fail" then out[#out + 1] = failure(run, r, base) end
    end
    return #out > 0 and tag("h3", {}, "What failed") .. table.concat(out, "\n") or ""
end

local function others(run)
    local rows, head = {}, {}
    for _, r in ipairs(run.results) do
        if r.result ~= "fail" then rows[#rows + 1] = row(run, r) end
    end
    if #rows == 0 then return "" end
    for i, name in ipairs { "Requirement", "Result", "Expected", "Actual" } do head[i] = tag("th", { scope = "col" }, name) end
    return tag("h3", {}, #rows < #run.results and "What did not fail" or "Results") .. tag("div", { class = "scroll", tabindex = "0", role = "region",
        ["aria-label"] = "Results of " .. run.name }, tag("table", {}, tag("thead", {}, tag("tr", {}, table.concat(head))) .. "\n" ..
        tag("tbody", {}, "\n" .. table.concat(rows, "\n") .. "\n")))
end

-- ---- the page ------------------------------------------------------------------------------------------------

local intervals = { { "peer_rekey_hours", "peer-key-rekey-interval", "h" }, { "payload_rekey_hours", "payload-key-rekey-interval", "h" },
    { "retransmit", "peer-key-retransmit-interval", "s" }, { "timeout", "peer-key-timeout", "s" } }

local function settings_of(run)
    local out = {}
    for _, i in ipairs(intervals) do
        local v = run.settings and run.settings[i[1]]
        if v then out[#out + 1] = ("<code>%s</code> %s"):format(i[2], v == 0 and i[3] == "h" and "never" or v .. " " .. i[3]) end
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
        if n[result] then badges[#badges + 1] = element("span", "verdict " .. result, ("%d %s"):format(n[result], words_of[result])) end
    end
    local rows = { { "Trace", text(span(run.seen)) }, { "Captures", captures_of(run, base) }, { "Intervals", settings_of(run) } }
    if run.seed then rows[#rows + 1] = { "Seed", text(run.seed) } end
    rows[#rows + 1] = { "Reproduce", tag("code", {}, text(run.reproduce)) }
    return tag("section", { class = "panel", id = anchor(run.name) }, table.concat({ '<a class="up" href="#matrix">all requirements</a>',
        tag("h2", {}, text(run.name)), run.what and tag("p", {}, text(run.what)) or "", tag("p", {}, table.concat(badges, " ")), list(rows),
        failures(run, base), drawings(run, few or n.fail ~= nil), others(run) }, "\n"))
end

-- runs: see conform.report; of each also `what` it tells, `files`, `settings`, and what conform.collect has `seen`. base: the
-- folder that the page will lie in; captures inside are links.
function html.page(runs, base)
    local sections = {}
    for i, run in ipairs(runs) do sections[i] = scenario(run, base, #runs <= UNFOLDED) end
    local hatch = '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" ' ..
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6"/><path d="M0 0V6"/></pattern></defs></svg>'
    return table.concat({ '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">', "<title>SVR conformance</title>",
        '<link rel="icon" href="data:,">', "<style>\n" .. style .. "</style>\n</head>\n<body>", hatch,
        "<header><h1>SVR conformance</h1><p class=\"soft\">What svrconform found in traces of routers. The requirements are those of " ..
        "docs/requirements.md.</p></header>", "<main>", summary(runs), matrix(runs), table.concat(sections, "\n"), "</main>",
        "<footer><p>svrconform " .. text(core.version) .. "</p></footer>\n</body>\n</html>\n" }, "\n")
end

return html

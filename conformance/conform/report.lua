-- SPDX-License-Identifier: MIT
-- Results for people and programs: TAP, JSON, and a table of requirements and scenarios.
local json = require "svr.json"

local report = {}

local function first_finding(r)
    local f = r.findings[1]
    if not f then return r.reason or r.result == "inconclusive" and "the trace shows nothing of it" or nil end
    local text = #f.where > 0 and ("%s (%s)"):format(f.text, table.concat(f.where, "; ")) or f.text
    local others = #r.findings - 1 + (r.more or 0)
    return others > 0 and ("%s; and %d more"):format(text, others) or text
end

-- runs: {name=, what=, note= (how it was run, or nil), reproduce=, seed=, files={...}, results={...}}. Inconclusive ones are skipped tests, with the reason.
function report.tap(runs, out)
    local n = 0
    for _, run in ipairs(runs) do
        if run.note then out:write("# ", run.name, ": ", run.note, "\n") end
        for _, r in ipairs(run.results) do
            n = n + 1
            local line = ("%s %d - %s [%s]: %s"):format(r.result == "fail" and "not ok" or "ok", n, r.id, run.name, r.expected)
            if r.result == "inconclusive" or r.result == "unsupported" then line = line .. " # SKIP " .. first_finding(r) end
            out:write(line, "\n")
            if r.result == "fail" then
                out:write("# actual: ", first_finding(r), "\n")
                out:write("# reproduce: ", run.reproduce, "\n")
            end
        end
    end
    out:write("1..", n, "\n")
end

-- Runs without what is there for drawing, and without what differs from time to time.
function report.public(runs)
    local list = {}
    for i, run in ipairs(runs) do
        list[i] = {}
        for k, v in pairs(run) do
            if k ~= "seen" and k ~= "settings" and k ~= "seconds" then list[i][k] = v end
        end
    end
    return list
end

function report.json(value, out) out:write(json.pretty(value), "\n") end

-- ---- a table -----------------------------------------------------------------------------------------------

local marks = { pass = "pass", fail = "FAIL", inconclusive = "-", unsupported = "n/a" }

-- Requirements in rows, runs in columns.
function report.matrix(runs, out)
    local ids, order, width = {}, {}, 12
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            if not ids[r.id] then
                ids[r.id] = {}
                order[#order + 1] = r.id
                width = math.max(width, #r.id)
            end
            ids[r.id][run.name] = marks[r.result]
        end
    end
    out:write(("%-" .. width .. "s"):format "requirement")
    for _, run in ipairs(runs) do out:write("  ", run.name) end
    out:write "\n"
    for _, id in ipairs(order) do
        local line = ("%-" .. width .. "s"):format(id)
        for _, run in ipairs(runs) do line = line .. "  " .. ("%-" .. #run.name .. "s"):format(ids[id][run.name] or "") end
        out:write((line:gsub("%s+$", "")), "\n")
    end
end

return report

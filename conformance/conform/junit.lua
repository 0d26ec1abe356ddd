-- SPDX-License-Identifier: MIT
-- Results as JUnit XML, which CI systems read: a suite for each run, a case for each requirement.
local markup = require "conform.markup"

local junit = {}

local tag, text = markup.tag, markup.text

local function properties(run)
    local list = { tag("property", { name = "reproduce", value = run.reproduce }) }
    if run.seed then list[2] = tag("property", { name = "seed", value = run.seed }) end
    for _, file in ipairs(run.files or {}) do list[#list + 1] = tag("property", { name = "capture", value = file }) end
    return tag("properties", {}, "\n      " .. table.concat(list, "\n      ") .. "\n    ")
end

local function failure(run, r)
    local lines = { "expected: " .. r.expected }
    for _, f in ipairs(r.findings) do
        lines[#lines + 1] = "actual: " .. f.text
        for _, place in ipairs(f.where) do lines[#lines + 1] = "  at: " .. place end
    end
    if r.more then lines[#lines + 1] = ("and %d more"):format(r.more) end
    lines[#lines + 1] = "reproduce: " .. run.reproduce
    return tag("failure", { message = r.findings[1].text, type = r.id }, text(table.concat(lines, "\n")))
end

local function case(run, r)
    local attributes = { classname = run.name, name = r.id }
    if r.result == "fail" then return tag("testcase", attributes, failure(run, r)) end
    if r.result == "pass" then return tag("testcase", attributes) end
    local why = ("%s: %s"):format(r.result, r.reason or "the trace shows nothing of it")
    return tag("testcase", attributes, tag("skipped", { message = why }))
end

local function counts(results)
    local n = { tests = #results, failures = 0, skipped = 0, errors = 0 }
    for _, r in ipairs(results) do
        if r.result == "fail" then
            n.failures = n.failures + 1
        elseif r.result ~= "pass" then
            n.skipped = n.skipped + 1
        end
    end
    return n
end

-- runs: see conform.report; `seconds` is how long one took.
function junit.document(runs)
    local suites, all = {}, { tests = 0, failures = 0, skipped = 0, errors = 0 }
    local seconds = 0
    for i, run in ipairs(runs) do
        local cases = { properties(run) }
        for _, r in ipairs(run.results) do cases[#cases + 1] = case(run, r) end
        local n = counts(run.results)
        for k, v in pairs(n) do all[k] = all[k] + v end
        seconds = seconds + (run.seconds or 0)
        n.name, n.time = run.name, ("%.3f"):format(run.seconds or 0)
        suites[i] = "  " .. tag("testsuite", n, "\n    " .. table.concat(cases, "\n    ") .. "\n  ")
    end
    all.name, all.time = "svrconform", ("%.3f"):format(seconds)
    local document = tag("testsuites", all, "\n" .. table.concat(suites, "\n") .. "\n")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' .. document .. "\n"
end

return junit

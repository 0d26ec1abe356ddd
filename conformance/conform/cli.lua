-- SPDX-License-Identifier: MIT
-- The command line of svrconform.
local core = require "conform.core"
local catalogue = require "conform.catalogue"
local checks = require "conform.checks"
local collect = require "conform.collect"
local html = require "conform.html"
local judge = require "conform.judge"
local junit = require "conform.junit"
local probing = require "conform.probing"
local report = require "conform.report"
local scenarios = require "conform.scenarios"

local help = [[
Usage: svrconform list [--json]
       svrconform check CAPTURE... --keylog FILE [--events FILE] [--config FILE] [--only PATTERN] [--json]
                        [--html FILE] [--junit FILE]
       svrconform run [--only PATTERN] [--scenario NAME] [--seed N] [--out DIR] [--json]
       svrconform selftest [--out DIR]
       svrconform probe --config FILE --router NAME [--device DEV] [--peer ADDRESS] [OPTION...]

Judges whether routers do what is demanded (docs/requirements.md).

  list       every requirement, and whether a check decides it
  check      judges captures, from wherever they are
  run        runs the scenarios in the simulator and judges what came over the wire
  selftest   bends a good trace in ways that each check must notice
  probe      is router NAME on a device, misbehaves towards its peers, and judges what they do

  --keylog FILE    keys of the routers (svrd --keylog, svrsim --keylog); "#" begins a comment
  --events FILE    events of the routers (svrd --events, svrsim's events.jsonl)
  --config FILE    the authority configuration: its intervals are what is judged (default: the defaults)
  --only PATTERN   requirements whose ID matches, as in KEY-*
  --scenario NAME  one scenario
  --seed N         seed of the simulation (default 7)
  --out DIR        where results go (default out/conform): report.html, junit.xml, a folder for each scenario
  --html FILE      results as a page to read
  --junit FILE     results as JUnit XML
  --json           results as JSON

Of probe:
  --router NAME    the router to be
  --device DEV     the device that has its address (default: its target-interface)
  --peer ADDRESS   probe this one alone
  --certificate FILE, --private-key FILE, --trusted-ca FILE, --crl FILE   its credentials, in PEM
  --clock-rate N   time passes N times as fast, as it must for the peer (svrd --clock-rate)
  --limit SECONDS  leave out what takes longer (default 600)

Exit status: 0 nothing failed, 1 something did, 2 wrong arguments or files, or nothing could be judged.
]]

local function usage(text) error(text .. "\nTry svrconform --help.", 0) end

-- ---- arguments ---------------------------------------------------------------------------------------------

local valued = { keylog = true, events = true, config = true, only = true, scenario = true, seed = true, out = true,
    html = true, junit = true, router = true, device = true, peer = true, certificate = true, ["private-key"] = true,
    ["trusted-ca"] = true, crl = true, ["clock-rate"] = true, limit = true }
local allowed = {
    list = { json = true },
    check = { keylog = true, events = true, config = true, only = true, json = true, html = true, junit = true },
    run = { only = true, scenario = true, seed = true, out = true, json = true },
    selftest = { out = true },
    probe = probing.options,
}

local function parse(command, arguments)
    local o, i = { files = {} }, 1
    while i <= #arguments do
        local name = arguments[i]:match "^%-%-(.*)$"
        if not name then
            o.files[#o.files + 1] = arguments[i]
        elseif not allowed[command][name] then
            usage(("svrconform %s has no option --%s"):format(command, name))
        elseif valued[name] then
            i = i + 1
            if not arguments[i] then usage("a value is missing after --" .. name) end
            o[name] = arguments[i]
        else
            o[name] = true
        end
        i = i + 1
    end
    if command ~= "check" and #o.files > 0 then usage("unexpected word: " .. o.files[1]) end
    if o.seed and not o.seed:match "^%d+$" then usage(("--seed %s is no number"):format(o.seed)) end
    return o
end

local function selected(pattern, all)
    all = all or checks
    if not pattern then return all end
    local lua = "^" .. pattern:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
    local list = {}
    for _, c in ipairs(all) do
        if c.id:find(lua) then list[#list + 1] = c end
    end
    if #list == 0 then usage(("no check matches --only %s"):format(pattern)) end
    return list
end

-- ---- traces ------------------------------------------------------------------------------------------------

local defaults = { peer_rekey_hours = 24, payload_rekey_hours = 24, retransmit = 30, timeout = 3600, fail_hard = false }

-- The items of a trace: keys, then packets and events by time.
local function open_trace(t)
    local captures = core.captures(t.files, t.keylog)
    local merged = judge.merge(function() return captures:next() end, t.events and core.lines(t.events, "event") or {},
        t.story and core.lines(t.story, "story") or {})
    local keys = t.keylog and judge.iterate(judge.keys(t.keylog)) or function() end
    return function()
        local key = keys()
        if key then return key end
        keys = function() end
        return merged()
    end
end

local function failed(runs)
    for _, run in ipairs(runs) do
        for _, r in ipairs(run.results) do
            if r.result == "fail" then return true end
        end
    end
    return false
end

local function write_file(name, text)
    local f, why = io.open(name, "wb")
    local done = f and f:write(text)
    if not done or not f:close() then error(("%s: cannot be written"):format(why or name), 0) end
end

local function write_reports(runs, page, suites)
    if page then write_file(page, html.page(runs, page:match "^(.*)/[^/]*$")) end
    if suites then write_file(suites, junit.document(runs)) end
end

local function tell(runs, as_json)
    if as_json then
        report.json(report.public(runs), io.stdout)
    else
        report.tap(runs, io.stdout)
    end
    return failed(runs) and 1 or 0
end

-- ---- commands ----------------------------------------------------------------------------------------------

local commands = {}

function commands.list(o)
    local decided = {}
    for _, c in ipairs(checks) do decided[c.id] = c end
    local rows, n = {}, 0
    for i, r in ipairs(catalogue) do
        local c = decided[r.id]
        rows[i] = { id = r.id, demand = r.demand, section = r.section, level = r.level, judged = r.judged,
            check = c ~= nil, broken = c and #c.broken or 0 }
        n = n + (c and 1 or 0)
    end
    if o.json then
        report.json(rows, io.stdout)
        return 0
    end
    for _, r in ipairs(rows) do
        print(("%-20s %-5s %-6s %s"):format(r.id, r.judged, r.check and "check" or "-", r.demand))
    end
    print(("\n%d requirements, %d of them with a check"):format(#rows, n))
    return 0
end

-- A word as a shell reads it.
local function shell_word(s)
    if not s:find "[^%w%-%._/=+,:@]" then return s end
    return "'" .. s:gsub("'", "'\\''") .. "'"
end

function commands.check(o)
    if #o.files == 0 then usage "no capture is named" end
    local settings = o.config and core.settings(o.config) or defaults
    local began = core.clock()
    local results, seen = collect.run(selected(o.only), open_trace(o), settings)
    local words = { "svrconform", "check" }
    for _, f in ipairs(o.files) do words[#words + 1] = shell_word(f) end
    for _, name in ipairs { "keylog", "events", "config", "only" } do
        if o[name] then words[#words + 1] = ("--%s %s"):format(name, shell_word(o[name])) end
    end
    local runs = { { name = o.files[1], results = results, reproduce = table.concat(words, " "), files = o.files,
        settings = settings, seen = seen, seconds = core.clock() - began } }
    write_reports(runs, o.html, o.junit)
    return tell(runs, o.json)
end

local function simulate(s, o)
    local dir = (o.out or "out/conform") .. "/" .. s.name
    core.folder(dir)
    local words = { core.program "svrsim", "run", s.file, "-q", "--out", dir, "--seed", o.seed or "7" }
    for _, set in ipairs(s.set or {}) do
        words[#words + 1] = "--set"
        words[#words + 1] = set
    end
    io.stderr:write(("%s: %s\n"):format(s.name, s.what))
    local log = io.open(dir .. "/log", "w")
    log:close()
    local status = core.spawn("/bin/sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", dir .. "/log", table.unpack(words))
    if status ~= 0 then error(("scenario %s ended with status %d: see %s/log"):format(s.name, status, dir), 0) end
    local files = core.files(dir .. "/*.pcapng")
    if s.captures then
        files = {}
        for i, name in ipairs(s.captures) do files[i] = ("%s/%s.pcapng"):format(dir, name) end
    end
    return { files = files, keylog = dir .. "/keys.log", events = dir .. "/events.jsonl", story = dir .. "/story.jsonl",
        settings = core.settings(dir .. "/authority.conf"), reproduce = table.concat(words, " ") }
end

function commands.run(o)
    local list, runs = selected(o.only), {}
    for _, s in ipairs(scenarios) do
        if not o.scenario or o.scenario == s.name then
            local began, t = core.clock(), simulate(s, o)
            local results, seen = collect.run(list, open_trace(t), t.settings)
            runs[#runs + 1] = { name = s.name, what = s.what, seed = o.seed or "7", reproduce = t.reproduce,
                results = results, files = t.files, settings = t.settings, seen = seen, seconds = core.clock() - began }
        end
    end
    if #runs == 0 then usage(("there is no scenario %s"):format(o.scenario)) end
    local dir = o.out or "out/conform"
    write_reports(runs, dir .. "/report.html", dir .. "/junit.xml")
    local status = tell(runs, o.json)
    report.matrix(runs, io.stderr)
    io.stderr:write(("report: %s/report.html, %s/junit.xml\n"):format(dir, dir))
    return status
end

-- Every check must pass on the trace as it is, and fail on each way of breaking it.
function commands.selftest(o)
    local t = simulate(scenarios[1], o)
    local items, n, bad = {}, 0, 0
    for item in open_trace(t) do items[#items + 1] = item end
    local function say(good, text)
        n = n + 1
        bad = bad + (good and 0 or 1)
        print(("%s %d - %s"):format(good and "ok" or "not ok", n, text))
    end
    for _, c in ipairs(checks) do
        local r = judge.run({ c }, judge.iterate(items), t.settings)[1]
        say(r.result == "pass", ("%s passes on a good trace (%d times)"):format(c.id, r.evidence))
        if r.result ~= "pass" and r.findings[1] then print("# " .. r.findings[1].text .. " " .. table.concat(r.findings[1].where, "; ")) end
        say(#c.broken > 0, ("%s has a broken trace"):format(c.id))
        for _, b in ipairs(c.broken) do
            local list = {}
            for i, item in ipairs(items) do list[i] = item end
            r = judge.run({ c }, judge.iterate(b[2](list)), t.settings)[1]
            say(r.result == "fail", ("%s notices: %s"):format(c.id, b[1]))
        end
    end
    print("1.." .. n)
    return bad > 0 and 1 or 0
end

function commands.probe(o)
    for _, name in ipairs { "config", "router" } do
        if not o[name] then usage(("--%s is missing"):format(name)) end
    end
    for _, name in ipairs { "clock-rate", "limit" } do
        if o[name] and not o[name]:match "^[1-9]%d*$" then usage(("--%s takes a number, not %s"):format(name, o[name])) end
    end
    if (not o.certificate) ~= (not o["private-key"]) then usage "--certificate and --private-key go together" end
    local runs, judged = probing.run(o, function(all) return selected(o.only, all) end)
    write_reports(runs, nil, o.junit)
    local status = tell(runs, o.json)
    return status == 0 and not judged and 2 or status
end

return function(command, ...)
    if command == "--help" or command == "-h" then
        io.stdout:write(help)
        return 0
    elseif command == "--version" then
        print("svrconform " .. core.version)
        return 0
    elseif not command then
        usage "a command is missing: list, check, run, selftest or probe"
    elseif not commands[command] then
        usage(("unknown command %s: there are list, check, run, selftest and probe"):format(command))
    end
    return commands[command](parse(command, { ... }))
end

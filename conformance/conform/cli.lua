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
       svrconform check CAPTURE... --keylog FILE [--events FILE] [--story FILE] [--config FILE] [--only PATTERN]
                        [--slack SECONDS] [--html FILE] [--junit FILE] [--json]
       svrconform run [--only PATTERN] [--scenario NAME] [--seed N] [--out DIR] [--json]
                      [--backend lab] [--clock-rate N] [--simulator FILE]
       svrconform selftest [--out DIR]
       svrconform probe --config FILE --router NAME [--device DEV] [--peer ADDRESS] [OPTION...]
       svrconform probe --config FILE --router NAME --make-credentials DIR

Judges whether routers do what is demanded (docs/requirements.md).

  list       every requirement, and whether a check decides it
  check      judges captures, from wherever they are
  run        runs the scenarios in the simulator and judges what came over the wire
  selftest   bends a good trace in ways that each check must notice
  probe      is router NAME on a device, misbehaves towards its peers, and judges what they do

  --keylog FILE    keys of the routers (svrd --keylog, svrsim --keylog); "#" begins a comment
  --events FILE    events of the routers (svrd --events, svrsim's events.jsonl)
  --story FILE     what was done to the network, and what its hosts saw (svrsim's story.jsonl)
  --config FILE    the authority configuration: its intervals are what is judged (default: the defaults)
  --slack SECONDS  what the clock of a real machine may add to an interval or take from it (default 0)
  --only PATTERN   requirements whose ID matches, as in KEY-*
  --scenario NAME  one scenario
  --simulator FILE another simulator than the svrsim beside this program: one with your own stack in it
  --seed N         seed of the simulation (default 7)
  --backend NAME   sim (the simulator, default), or lab: svrd processes in network namespaces, in scaled time; as root. Without
                   --scenario it runs what is short enough
  --out DIR        where results go (default out/conform): report.html, junit.xml, a folder for each scenario
  --html FILE      results as a page to read
  --junit FILE     results as JUnit XML
  --json           results as JSON

Of the lab:
  --clock-rate N   time passes N times as fast, up to 300 (default 60)

Of probe:
  --router NAME    the router to be
  --device DEV     the device that has its address (default: its target-interface)
  --peer ADDRESS   probe this one alone
  --certificate FILE, --private-key FILE, --trusted-ca FILE, --crl FILE   its credentials, in PEM
  --credentials DIR        its credentials, and bad ones to try, as --make-credentials makes them
  --make-credentials DIR   makes a CA and certificates for all routers, and does nothing else
  --clock-rate N   time passes N times as fast, as it must for the peer (svrd --clock-rate)
  --limit SECONDS  leave out what takes longer (default 600)

Exit status: 0 nothing failed, 1 something did, 2 wrong arguments or files, or nothing could be judged.
]]

local function usage(text) error(text .. "\nTry svrconform --help.", 0) end

-- ---- arguments ---------------------------------------------------------------------------------------------

local valued = { simulator = true, keylog = true, events = true, story = true, config = true, only = true, scenario = true, seed = true, out = true,
    html = true, junit = true, router = true, device = true, peer = true, certificate = true, ["private-key"] = true,
    ["trusted-ca"] = true, crl = true, ["clock-rate"] = true, limit = true, credentials = true, ["make-credentials"] = true,
    backend = true, slack = true }
local allowed = {
    list = { json = true },
    check = { keylog = true, events = true, story = true, config = true, only = true, json = true, html = true, junit = true,
        slack = true },
    run = { simulator = true, only = true, scenario = true, seed = true, out = true, json = true, backend = true, ["clock-rate"] = true },
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

-- Router names, which are never on the wire (CFG-PCN). One that is part of a peering-common-name is on it by right.
local function names_to_hide(settings)
    local names = {}
    for _, r in ipairs(settings and settings.routers or {}) do
        local public = #r.name < 6 -- what is shorter comes about by chance
        for _, other in ipairs(settings.routers) do public = public or other.pcn:find(r.name, 1, true) ~= nil end
        if not public then names[#names + 1] = r.name end
    end
    return names
end

-- The items of a trace: keys, then packets and events by time.
local function open_trace(t)
    local captures = core.captures(t.files, t.keylog, names_to_hide(t.settings))
    local story = t.story and core.lines(t.story, "story") or {}
    local merged = judge.merge(function() return captures:next() end, t.events and judge.events(core.lines(t.events, "event"), story) or {},
        story)
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
    local decided, shown = {}, {}
    for _, c in ipairs(checks) do decided[c.id] = c end
    for _, s in ipairs(scenarios) do
        for _, id in ipairs(s.shows) do
            shown[id] = shown[id] or {}
            table.insert(shown[id], s.name)
        end
    end
    local rows, n = {}, 0
    for i, r in ipairs(catalogue) do
        local c = decided[r.id]
        rows[i] = { id = r.id, demand = r.demand, section = r.section, level = r.level, judged = r.judged,
            check = c ~= nil, expects = c and c.expects, broken = c and #c.broken or 0, scenarios = shown[r.id] or {} }
        n = n + (c and 1 or 0)
    end
    if o.json then
        report.json(rows, io.stdout)
        return 0
    end
    for _, r in ipairs(rows) do
        print(("%-20s %-5s %-6s %s"):format(r.id, r.judged, r.check and "check" or "-", r.demand))
        print(("%-33s %d broken traces; %s"):format("", r.broken, table.concat(r.scenarios, ", ")))
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
    if o.slack and not o.slack:match "^%d+%.?%d*$" then usage(("--slack takes seconds, not %s"):format(o.slack)) end
    settings.slack = o.slack and math.floor(o.slack * 1000000000)
    o.settings = settings
    local began = core.clock()
    local results, seen = collect.run(selected(o.only), open_trace(o), settings)
    local words = { "svrconform", "check" }
    for _, f in ipairs(o.files) do words[#words + 1] = shell_word(f) end
    for _, name in ipairs { "keylog", "events", "story", "config", "slack", "only" } do
        if o[name] then words[#words + 1] = ("--%s %s"):format(name, shell_word(o[name])) end
    end
    local runs = { { name = o.files[1], results = results, reproduce = table.concat(words, " "), files = o.files,
        settings = settings, seen = seen, seconds = core.clock() - began } }
    write_reports(runs, o.html, o.junit)
    return tell(runs, o.json)
end

local function folder_of(s, o) return (o.out or "out/conform") .. "/" .. s.name end

local function in_lab(o) return o.backend == "lab" end

local function rate_of(o) return tonumber(o["clock-rate"] or 60) end

-- Where the sources are, scenarios lie in the folder that we are in; else where they are installed.
local function script_of(s)
    local file = io.open(s.file)
    if not file then return core.program("../share/svr-testbed/" .. s.file) end
    file:close()
    return s.file
end

local function words_of(s, o)
    local words = { o.simulator or core.program(in_lab(o) and "svrlab" or "svrsim"), "run", script_of(s), "-q", "--out", folder_of(s, o), "--seed", o.seed or "7" }
    if in_lab(o) then
        words[#words + 1] = "--clock-rate"
        words[#words + 1] = ("%d"):format(rate_of(o))
    end
    for _, set in ipairs(s.set or {}) do
        words[#words + 1] = "--set"
        words[#words + 1] = set
    end
    return words
end

local function begin(s, o)
    local dir = folder_of(s, o)
    core.folder(dir)
    for _, old in ipairs(core.files(dir .. "/*.pcapng")) do os.remove(old) end -- of a run that captured other links
    return core.start("/bin/sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", dir .. "/log", table.unpack(words_of(s, o)))
end

-- Why the lab cannot run a scenario: the last line of what it said.
local function refusal(dir)
    local why
    for line in io.lines(dir .. "/log") do why = line:match "^unsupported: (.*)" or why end
    return why
end

-- What delays of a real machine may add or take: 33 of its milliseconds.
local function slack_of(o) return in_lab(o) and rate_of(o) * 1000000000 // 30 or nil end

-- What a scenario has left. Its own expectations may have failed (status 1): the checks will tell.
local function trace_of(s, o, status)
    local dir = folder_of(s, o)
    local why = status == 3 and in_lab(o) and refusal(dir)
    if why then return { unsupported = why, reproduce = table.concat(words_of(s, o), " ") } end
    if status > 1 then error(("scenario %s ended with status %d: see %s/log"):format(s.name, status, dir), 0) end
    local settings = core.settings(dir .. "/authority.conf")
    settings.slack = slack_of(o)
    return { files = core.files(dir .. "/*.pcapng"), keylog = dir .. "/keys.log", events = dir .. "/events.jsonl",
        story = dir .. "/story.jsonl", settings = settings, reproduce = table.concat(words_of(s, o), " ") }
end

-- The lab looks at a real clock and waits most of the time.
local IN_LAB = 3

-- Runs scenarios side by side, as many as there are processors (or IN_LAB), and calls f(scenario, trace) as each is over.
local function simulate(list, o, f)
    local running, n, at, most = {}, 0, 1, in_lab(o) and IN_LAB or core.processors()
    while at <= #list or n > 0 do
        while at <= #list and n < most do
            running[begin(list[at], o)] = list[at]
            at, n = at + 1, n + 1
        end
        local process, status = core.wait()
        local s = running[process]
        running[process], n = nil, n - 1
        f(s, trace_of(s, o, status))
    end
end

local function chosen(o)
    local list = {}
    for _, s in ipairs(scenarios) do
        local wanted = o.scenario == s.name or (not o.scenario and (s.lab or not in_lab(o)))
        if wanted then list[#list + 1] = s end
    end
    if #list == 0 then usage(("there is no scenario %s"):format(o.scenario)) end
    return list
end

-- How a run in the lab is to be read.
local function note_of(o)
    if not in_lab(o) then return nil end
    return ("real routers, %d times as fast; times are judged with a slack of %.1f s, apart from their bounds"):format(rate_of(o),
        slack_of(o) / 1000000000)
end

local function unsupported(list, why)
    local results = {}
    for i, c in ipairs(list) do
        results[i] = { id = c.id, result = "unsupported", expected = c.expects, findings = {}, evidence = 0, reason = why }
    end
    return results
end

local function check_backend(o)
    if o.backend and o.backend ~= "sim" and o.backend ~= "lab" then usage(("--backend is sim or lab, not %s"):format(o.backend)) end
    if o["clock-rate"] and not in_lab(o) then usage "--clock-rate is for --backend lab" end
    local rate = rate_of(o)
    if not rate or rate < 1 or rate > 300 or rate % 1 ~= 0 then usage(("--clock-rate takes 1 to 300, not %s"):format(o["clock-rate"])) end
end

function commands.run(o)
    check_backend(o)
    local checks_wanted, list, by_name, runs, judged = selected(o.only), chosen(o), {}, {}, false
    simulate(list, o, function(s, t)
        local began = core.clock()
        local results, seen
        if t.unsupported then
            results = unsupported(checks_wanted, t.unsupported)
        else
            results, seen = collect.run(checks_wanted, open_trace(t), t.settings)
            judged = true
        end
        for _, r in ipairs(in_lab(o) and {} or results) do judge.demand(r, s.shows) end
        by_name[s.name] = { name = s.name, what = s.what, note = note_of(o), seed = o.seed or "7", reproduce = t.reproduce, results = results,
            files = t.files, settings = t.settings, seen = seen, seconds = core.clock() - began }
        io.stderr:write(("%-15s %s\n"):format(s.name, s.what))
    end)
    for i, s in ipairs(list) do runs[i] = by_name[s.name] end
    local dir = o.out or "out/conform"
    write_reports(runs, dir .. "/report.html", dir .. "/junit.xml")
    local status = tell(runs, o.json)
    report.matrix(runs, io.stderr)
    io.stderr:write(("report: %s/report.html, %s/junit.xml\n"):format(dir, dir))
    return judged and status or 2
end

-- Every check must pass on the trace as it is, and fail on each way of breaking it.
function commands.selftest(o)
    local n, bad, by_id, tried = 0, 0, {}, {}
    local function say(good, text)
        n = n + 1
        bad = bad + (good and 0 or 1)
        print(("%s %d - %s"):format(good and "ok" or "not ok", n, text))
    end
    for _, c in ipairs(checks) do by_id[c.id] = c end
    for _, requirement in ipairs(catalogue) do
        say(by_id[requirement.id] ~= nil, requirement.id .. " has a check")
    end
    simulate(scenarios, o, function(s, t)
        local wanted = {}
        for _, id in ipairs(s.shows) do
            if by_id[id] and not tried[id] then wanted[#wanted + 1] = by_id[id] end
            tried[id] = true
        end
        if #wanted == 0 then return end
        local items = {}
        for item in open_trace(t) do items[#items + 1] = item end
        for _, c in ipairs(wanted) do
            local r = judge.run({ c }, judge.iterate(items), t.settings)[1]
            say(r.result == "pass", ("%s passes on %s (%d times)"):format(c.id, s.name, r.evidence))
            if r.findings[1] then print("# " .. r.findings[1].text .. " " .. table.concat(r.findings[1].where, "; ")) end
            say(#c.broken > 0, ("%s has a broken trace"):format(c.id))
            for _, b in ipairs(c.broken) do
                local list = {}
                for i, item in ipairs(items) do list[i] = item end
                r = judge.run({ c }, judge.iterate(b[2](list)), t.settings)[1]
                say(r.result == "fail", ("%s notices: %s"):format(c.id, b[1]))
            end
        end
    end)
    for _, c in ipairs(checks) do say(tried[c.id], c.id .. " is shown by a scenario") end
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
    if o.credentials and (o.certificate or o["trusted-ca"] or o.crl) then usage "--credentials has them all: name no other files" end
    if o["make-credentials"] then
        probing.make_credentials(o)
        return 0
    end
    local runs, judged = probing.run(o, function(all) return selected(o.only, all) end, shell_word)
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

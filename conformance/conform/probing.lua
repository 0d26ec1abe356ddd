-- SPDX-License-Identifier: MIT
-- The command `probe`: which peers, with which credentials, and what is told meanwhile.
local core = require "conform.core"
local P = require "conform.probe"
local probes = require "conform.probes"

local probing = {}

probing.options = { config = true, router = true, device = true, peer = true, only = true, out = true, json = true,
    junit = true, certificate = true, ["private-key"] = true, ["trusted-ca"] = true, crl = true, credentials = true,
    ["make-credentials"] = true, ["clock-rate"] = true, limit = true }

local function say(...) io.stderr:write((...):format(select(2, ...)), "\n") end

local function text_of(file)
    if not file then return nil end
    local f, why = io.open(file, "rb")
    if not f then error(why, 0) end
    local text = f:read "a"
    f:close()
    return text
end

-- ---- credentials -------------------------------------------------------------------------------------------

local bad = { "stranger", "other-name", "expired", "revoked" }

-- A folder with a root, a revocation list, a certificate for each router, and bad ones of router NAME.
function probing.make_credentials(o)
    local dir, orders, own = o["make-credentials"], {}, nil
    for i, r in ipairs(core.settings(o.config).routers) do
        orders[i] = { file = r.name, name = r.pcn }
        if r.name == o.router then own = r.pcn end
    end
    if not own then error(("the configuration has no router %s"):format(o.router), 0) end
    for _, kind in ipairs(bad) do
        local name = kind == "other-name" and "nobody." .. own or own
        orders[#orders + 1] = { file = "bad-" .. kind, name = name, [kind] = true }
    end
    core.folder(dir)
    core.issue(dir, orders)
    say("%s: NAME.pem and NAME.key for each router, root.pem and crl.pem for all; bad-*.pem for the probe alone", dir)
end

-- The good ones, and by kind the bad ones; these are nil without --credentials.
local function read_credentials(o)
    local dir = o.credentials
    if not dir then
        return { certificate = text_of(o.certificate), private_key = text_of(o["private-key"]),
            trusted_ca = text_of(o["trusted-ca"]), crl = text_of(o.crl) }
    end
    local function pair(name)
        local path = dir .. "/" .. name
        return { certificate = text_of(path .. ".pem"), private_key = text_of(path .. ".key"),
            trusted_ca = text_of(dir .. "/root.pem") }
    end
    local refused = { ["self-signed"] = { trusted_ca = text_of(dir .. "/root.pem") } }
    for _, kind in ipairs(bad) do refused[kind] = pair("bad-" .. kind) end
    return pair(o.router), refused
end

-- ---- what is probed ----------------------------------------------------------------------------------------

-- The absurd request is always there.
local function choose(select_probes)
    local chosen = select_probes(probes)
    if chosen[1] ~= probes[1] then chosen = table.move(chosen, 1, #chosen, 2, { probes[1] }) end
    return chosen
end

local function choose_peers(wire, o)
    local peers, known = {}, {}
    for _, peer in ipairs(wire:peers()) do
        known[#known + 1] = peer.there
        if not o.peer or o.peer == peer.there then peers[#peers + 1] = peer end
    end
    if #known == 0 then error(("router %s has no peer over this device"):format(o.router), 0) end
    if #peers == 0 then
        error(("router %s has no peer at %s; peers are at %s"):format(o.router, o.peer, table.concat(known, ", ")), 0)
    end
    return peers
end

local function reproduce(o, shell_word)
    local words = {}
    for name in pairs(probing.options) do
        if o[name] and name ~= "json" then words[#words + 1] = ("--%s %s"):format(name, shell_word(o[name])) end
    end
    table.sort(words)
    return "svrconform probe " .. table.concat(words, " ")
end

local function run_peer(wire, peer, o, chosen, settings, rate)
    local limit, total = tonumber(o.limit or 600), 0
    for _, probe in ipairs(chosen) do
        local cost = P.cost(probe, settings, rate)
        total = total + (cost <= limit and cost or 0)
    end
    say("%s at %s: %d probes, about %d s", peer.name, peer.there, #chosen, math.ceil(total))
    local good, refused = read_credentials(o)
    local p = P.new { wire = wire, peer = peer, settings = settings, rate = rate, credentials = good, bad = refused }
    local began = wire:now()
    local results = P.run(p, chosen, limit, function(probe, outcome, i)
        local took = (wire:now() - began) / 1e9 / rate
        began = wire:now()
        local why = outcome.text and ": " .. outcome.text or ""
        say("%2d/%d %-12s %s%s (%.1f s)", i, #chosen, outcome.result, probe.id, why, took)
    end)
    wire:stop()
    return results
end

-- Gives the runs, one a peer, for a report; and whether any answer was worth something. select_probes chooses from a
-- list; shell_word writes a word as a shell reads it.
function probing.run(o, select_probes, shell_word)
    local chosen = choose(select_probes)
    local rate, out = tonumber(o["clock-rate"] or 1), o.out or "out/probe"
    local settings = core.settings(o.config)
    core.folder(out)
    local wire = core.probe { config = o.config, router = o.router, device = o.device, rate = rate, out = out }
    local runs, judged = {}, false
    for i, peer in ipairs(choose_peers(wire, o)) do
        local began = core.clock()
        local results = run_peer(wire, peer, o, chosen, settings, rate)
        runs[i] = { name = peer.name, reproduce = reproduce(o, shell_word), results = results }
        runs[i].seconds = core.clock() - began
        for _, r in ipairs(runs[i].results) do judged = judged or r.result == "pass" or r.result == "fail" end
    end
    return runs, judged
end

return probing

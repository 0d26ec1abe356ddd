-- SPDX-License-Identifier: MIT
-- Certificate authorities, and what routers get of them. Times count from the beginning of the simulation: "-1d" is the
-- day before.
--
--     local lab = net:ca "lab"
--     local issuing = net:ca("issuing", { under = lab })
--     net:trust(lab)
--     hub:certificate { ca = issuing, until_ = "40d", key = "p384" }
local core = require "svr.core"
local units = require "svr.units"

local CA, ca = {}, {}
CA.__index = CA

local function span(value, default) return units.span(value == nil and default or value) end

-- opts: key ("p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa4096"), from, until_, under (another CA: then
-- this one is an intermediate).
function ca.new(name, opts, story)
    opts = opts or {}
    local above = opts.under and opts.under.core
    return setmetatable({ name = name, story = story, root_name = opts.under and opts.under.root_name or name, core = core.ca({ name = name, key = opts.key or "p256",
        from = span(opts.from, "-365d"), until_ = span(opts.until_, "3650d") }, above) }, CA)
end

-- A certificate with its key: {certificate=, private_key= (PEM texts), serial=}. opts: name (peering-common-name), key,
-- from, until_, place ("both", "cn", "san": where the name stands), serial.
function CA:issue(opts)
    local from, until_ = span(opts.from, "-1d"), span(opts.until_, "365d")
    local issued = self.core:issue { name = opts.name, key = opts.key or "p256", place = opts.place or "both",
        serial = opts.serial, from = from, until_ = until_ }
    local beginning = core.epoch()
    issued.from, issued.until_ = beginning + from, beginning + until_
    return issued
end

-- Revokes what it issued (what issue or router:certificate gave, or an intermediate), as of now. Routers know when they
-- reload a list that says so.
function CA:revoke(issued)
    local serial = issued.core and issued.core:serial() or issued.serial
    self.story:tell("revoked", { issuer = self.name, serial = serial })
    self.core:revoke(serial, core.now())
end

-- Its revocation list as of now, PEM text. until_: when the next one is due.
function CA:crl(until_)
    return self.core:crl(core.now(), until_ and units.span(until_) or core.now() + units.span "30d")
end

-- What to trust: PEM text of its root.
function CA:root() return self.core:root() end

-- The names of one CA or several.
function ca.names(list)
    if list.core then list = { list } end
    local names = {}
    for i, one in ipairs(list) do names[i] = one.name end
    return names
end

-- PEM text of the roots of one CA or several.
function ca.roots(list)
    if list.core then list = { list } end
    local texts = {}
    for i, one in ipairs(list) do texts[i] = one:root() end
    return table.concat(texts)
end

return ca

-- SPDX-License-Identifier: MIT
-- All checks, in the order of the catalogue. Each decides one requirement on a trace (see conform.judge).
local catalogue = require "conform.catalogue"

local by_id = {}
for _, name in ipairs { "crypto", "configuration", "keys", "requests", "certificates", "topologies", "operations" } do
    for _, check in ipairs(require("conform." .. name)) do
        assert(not by_id[check.id], check.id .. " has two checks")
        by_id[check.id] = check
    end
end

local list = {}
for _, requirement in ipairs(catalogue) do
    list[#list + 1] = by_id[requirement.id]
    by_id[requirement.id] = nil
end
assert(not next(by_id), (next(by_id) or "") .. " is checked and not in the catalogue")
return list

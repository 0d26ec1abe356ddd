-- SPDX-License-Identifier: MIT
-- Parameters of a scenario, which --set changes:
--     local p = require "svr.params" { hours = 49, outage = true }
-- A value has the type of its default.
local core = require "svr.core"

local params = { known = {}, taken = {} }

local function convert(name, text, default)
    if type(default) == "string" then return text end
    if type(default) == "number" and tonumber(text) then return tonumber(text) end
    if type(default) == "boolean" and (text == "true" or text == "false") then return text == "true" end
    error(("--set %s=%s: expected %s"):format(name, text,
        type(default) == "boolean" and "true or false" or "a " .. type(default)), 0)
end

-- Complains about settings that nothing asked for. Called before the first run and at the end.
function params.finish()
    local names = {}
    for name in pairs(params.known) do names[#names + 1] = name end
    table.sort(names)
    for name in pairs(core.settings()) do
        if not params.taken[name] then
            error(("--set %s: the scenario has no such parameter (it has: %s)"):format(name,
                #names > 0 and table.concat(names, ", ") or "none"), 0)
        end
    end
end

return setmetatable(params, {
    __call = function(_, defaults)
        local set, result = core.settings(), {}
        for name, default in pairs(defaults) do
            params.known[name] = true
            result[name] = default
            if set[name] then
                result[name] = convert(name, set[name], default)
                params.taken[name] = true
            end
        end
        return result
    end,
})

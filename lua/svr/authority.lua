-- SPDX-License-Identifier: MIT
-- Writes the authority configuration of a network.
local core = require "svr.core"

local authority = {}

-- The address of a router's n-th node on the link between the two.
function authority.fabric(n) return "169.254.7." .. n end

local Text = {}
Text.__index = Text

function Text:put(...) self[#self + 1] = ("    "):rep(self.depth) .. table.concat({ ... }, "  ") end

function Text:block(head, body)
    self:put(head)
    self.depth = self.depth + 1
    body()
    self.depth = self.depth - 1
    self:put "exit"
end

local function sorted(t)
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = k end
    table.sort(keys)
    return ipairs(keys)
end

local function key_management(out, opts)
    out:block("security-key-management", function()
        for _, name in sorted(opts.key_management or {}) do
            out:put(name, tostring(opts.key_management[name]))
        end
        if opts.key_exchange or opts.dh_bits then
            out:block("key-exchange-algorithm", function()
                out:block(opts.key_exchange or "diffie-hellman", function()
                    if opts.dh_bits then out:put("dh-key-size", tostring(opts.dh_bits)) end
                end)
            end)
        end
    end)
end

-- `whole`: with their full prefix length, where the network around an address is on another device.
local function addresses(out, list, whole)
    for _, a in ipairs(list) do
        out:block("address  " .. a.address, function()
            out:put("ip-address", a.address)
            out:put("prefix-length", tostring(not whole and a.len or a.address:find ":" and 128 or 32))
            if a.gateway then out:put("gateway", a.gateway) end
        end)
    end
end

local function interface(out, i)
    out:block("device-interface  " .. i.name, function()
        out:put("name", i.name)
        out:put("type", i.lan and "tun" or "ethernet")
        out:put("target-interface", i.name)
        out:block("network-interface  " .. i.name, function()
            out:put("name", i.name)
            if i.mtu then out:put("mtu", tostring(i.mtu)) end
            if i.lan then
                out:put("tenant", "corp")
            elseif i.fabric then
                out:put("type", "fabric")
            else
                out:put("inter-router-security", "peer-sec")
                out:block("neighborhood  " .. i.neighborhood, function()
                    out:put("name", i.neighborhood)
                    out:put("topology", i.topology)
                    if i.vector then out:put("vector", i.vector) end
                    if i.nat then out:put("external-nat-address", i.nat) end
                    if i.discover then out:block("path-mtu-discovery", function() out:put("enabled", "true") end) end
                    if i.transport then out:put("tcp-transport", i.transport) end
                end)
            end
            addresses(out, i.addresses, i.lan and core.traits().host_addresses)
        end)
    end)
end

local function service_route(out, name, service, body)
    out:block("service-route  " .. name, function()
        out:put("name", name)
        out:put("service-name", service)
        body()
    end)
end

local function service_routes(out, router, services)
    for _, s in ipairs(services) do
        if s.owner == router then
            service_route(out, s.name .. "-here", s.name, function()
                for n = 1, router.opts.nodes or 1 do
                    local node = ("%s-%d"):format(router.name, n)
                    out:block(("next-hop  %s lan"):format(node), function()
                        out:put("node-name", node)
                        out:put("interface", "lan")
                    end)
                end
            end)
        elseif s.via[router.name] then
            service_route(out, s.name .. "-route", s.name, function() out:put("peer", s.via[router.name]) end)
        end
    end
end

local function bfd(out, opts)
    local words = opts.bfd or core.traits().bfd
    if not words then return end
    out:block("bfd", function()
        for _, name in sorted(words) do out:put(name, tostring(words[name])) end
    end)
end

local function router(out, r, services, reader)
    out:block("router  " .. r.name, function()
        out:put("name", r.name)
        out:put("peering-common-name", r == reader and r.opts.claims or r.opts.peering_common_name or r.name)
        bfd(out, r.opts)
        for _, name in sorted(r.opts.words or {}) do out:put(name, tostring(r.opts.words[name])) end
        for n = 1, r.opts.nodes or 1 do
            out:block(("node  %s-%d"):format(r.name, n), function()
                out:put("name", ("%s-%d"):format(r.name, n))
                for _, i in ipairs(r.interfaces) do interface(out, i) end
                if r.opts.nodes == 2 then
                    interface(out, { name = "fabric", fabric = true, addresses = { { address = authority.fabric(n), len = 30 } } })
                end
            end)
        end
        service_routes(out, r, services)
    end)
end

-- The vectors in order of preference; everything else by its own word.
local function service_policy(out, words)
    out:block("service-policy  paths", function()
        out:put("name", "paths")
        for n, name in ipairs(words.vectors or {}) do
            out:block("vector  " .. name, function() out:put("priority", tostring(10 * n)) end)
        end
        for _, name in sorted(words) do
            if name ~= "vectors" then out:put(name, tostring(words[name])) end
        end
    end)
end

local function service(out, s, policy)
    out:block("service  " .. s.name, function()
        out:put("name", s.name)
        out:put("security", "service-sec")
        for _, prefix in ipairs(s.prefixes) do out:put("address", prefix) end
        if policy then out:put("service-policy", "paths") end
        out:block("access-policy  corp", function() out:put("source", "corp") end)
    end)
end

local function security(out, name, hmac)
    out:block("security  " .. name, function()
        out:put("name", name)
        out:put("encrypt", "true")
        out:put("encryption-cipher", "aes-cbc-256")
        out:put("hmac-cipher", hmac or "sha384")
    end)
end

-- The whole text. `services` say their owner (a router), prefixes, and by router name the peer that leads there. `reader`: the
-- router that gets this text for itself, if it is another than the others'.
function authority.text(opts, routers, services, reader)
    local out = setmetatable({ depth = 0 }, Text)
    out:block("config", function()
        out:block("authority", function()
            out:put("name", opts.name or "sim")
            out:put("enhanced-security-key-management", opts.enhanced_security == false and "false" or "true")
            key_management(out, opts)
            security(out, "peer-sec", opts.hmac)
            security(out, "service-sec", opts.hmac)
            out:block("tenant  corp", function() out:put("name", "corp") end)
            if opts.service_policy then service_policy(out, opts.service_policy) end
            for _, s in ipairs(services) do service(out, s, opts.service_policy) end
            for _, r in ipairs(routers) do router(out, r, services, reader) end
            if opts.extra then out[#out + 1] = opts.extra end
        end)
    end)
    return table.concat(out, "\n") .. "\n"
end

return authority

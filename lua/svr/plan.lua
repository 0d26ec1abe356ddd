-- SPDX-License-Identifier: MIT
-- What follows from a topology: routes of the underlay, and which peer leads to which router.
local address = require "svr.address"

local plan = {}

-- Breadth first over `neighbours(node)`, a list of {node, edge}: by node, the first edge on the way there.
local function first_edges(from, neighbours)
    local first, queue, at = { [from] = false }, { from }, 1
    while queue[at] do
        local node = queue[at]
        at = at + 1
        for _, n in ipairs(neighbours(node)) do
            if first[n[1]] == nil then
                first[n[1]] = first[node] or n[2]
                queue[#queue + 1] = n[1]
            end
        end
    end
    return first
end

local function underlay_neighbours(node)
    local list = {}
    for _, e in ipairs(node.ends) do
        if e.far.node.kind == "underlay" then list[#list + 1] = { e.far.node, e } end
    end
    return list
end

-- Gives every underlay router a route to each subnet that it does not touch.
function plan.route_underlay(underlays)
    for _, u in ipairs(underlays) do
        local first = first_edges(u, underlay_neighbours)
        for _, other in ipairs(underlays) do
            local e = first[other]
            if e then
                for _, p in ipairs(other.prefixes) do
                    if not u.touches[p.network] then
                        u.touches[p.network] = true
                        u.core:route(e.device, p.network, p.len, e.far.address[address.is_v6(p.network) and 6 or 4])
                    end
                end
            end
        end
    end
end

local function may_peer(a, b)
    return a == "mesh" or b == "mesh" or (a == "hub" and b == "spoke") or (a == "spoke" and b == "hub")
end

local function are_peers(a, b)
    for _, i in ipairs(a.interfaces) do
        for _, j in ipairs(b.interfaces) do
            if i.neighborhood and i.neighborhood == j.neighborhood and may_peer(i.topology, j.topology) then
                return true
            end
        end
    end
    return false
end

-- By router name, the name of the peer that is next on the shortest way to `owner`.
function plan.next_peers(routers, owner)
    local function neighbours(r)
        local list = {}
        for _, other in ipairs(routers) do
            if other ~= r and are_peers(r, other) then list[#list + 1] = { other, other } end
        end
        return list
    end
    local via, first = {}, nil
    for _, r in ipairs(routers) do
        first = r ~= owner and first_edges(r, neighbours)[owner]
        if first then via[r.name] = first.name end
    end
    return via
end

return plan

-- SPDX-License-Identifier: MIT
-- What the story has told of the network so far: which routers there are, and what was done to them. Without a story (a capture
-- from elsewhere) little is known.
local S = 1000000000

local World, world = {}, {}
World.__index = World

function world.new()
    return setmetatable({ routers = {}, by_name = {}, by_address = {}, hosts = {}, links = {}, began = {}, reloaded = {},
        certificates = {}, corrupt = {}, blocked = {}, started = {} }, World)
end

local learn = {}

function learn:topology(t)
    self.routers, self.hosts, self.known = t.routers, t.hosts, true
    for _, r in ipairs(t.routers) do
        self.by_name[r.name] = r
        for _, a in ipairs(r.addresses) do self.by_address[a] = r end
    end
    for _, l in ipairs(t.links) do self.links[l.name] = l end
end

function learn:link(t)
    if t.corrupt then self.corrupt[t.link] = t.corrupt > 0 or nil end
    if t.corrupt == 0 then self.corrupt_till = t.time + S end
    if t.state == "down" or t.state == "blocked" then self.disturbed = t.time end
    if t.state == "blocked" or t.state == "open" then self.blocked[t.link] = t.state == "blocked" and t.from or nil end
end

function learn:replay(t) self.replayed = t.time end

function learn:router(t)
    self.disturbed = t.time
    if t.node then -- the other node goes on, with a certificate of its own
        self.reloaded[t.router] = t.time
        return
    end
    if t.did == "restart" then self.began[t.router] = t.time end
    if t.did == "reload" then self.reloaded[t.router] = t.time end
end

function learn:certificate(t)
    self.certificates[t.router] = t
    self.reloaded[t.router] = t.time
end

function World:learn(item)
    local f = item.what == "story" and learn[item.kind]
    if f then f(self, item) end
    -- Without a story a router itself says that it began, and began again.
    if item.what == "event" and item.kind == "metadata-key" and item.reason == "start" then
        if self.started[item.router] then self.began[item.router] = item.time end
        self.started[item.router] = true
    end
end

-- Whether somebody alters frames, or did a moment ago.
function World:is_corrupted(time) return next(self.corrupt) ~= nil or (self.corrupt_till or 0) > time end

return world

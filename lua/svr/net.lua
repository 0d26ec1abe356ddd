-- SPDX-License-Identifier: MIT
-- A simulated network as a scenario tells it:
--
--     local net = require "svr.net" { seed = 7 }
--     local hub, east = net:router("hub", { topology = "hub" }), net:router("east", { topology = "spoke" })
--     local wan = net:link(hub, east, { rate = "100Mbps", delay = "20ms" })
--     local flow = net:host(east, "10.1.0.10"):udp_send { to = net:host(hub, "10.0.0.10"), interval = "1s" }
--     net:at("26h", function() wan:down() end)
--     net:run "49h"
--     net:check(flow:stats().lost == 0, "nothing is lost")
--
-- Times are text ("90s", "26h", "24h-10s") or nanoseconds; rates are text ("2Mbps") or bits per second.
local core = require "svr.core"
local address = require "svr.address"
local authority = require "svr.authority"
local ca = require "svr.ca"
local params = require "svr.params"
local plan = require "svr.plan"
local story = require "svr.story"
local traffic = require "svr.traffic"
local units = require "svr.units"

local Net, Link, Router, Underlay, Nat = {}, {}, {}, {}, {}
Net.__index, Link.__index, Router.__index, Underlay.__index, Nat.__index = Net, Link, Router, Underlay, Nat

local function claim(net, name)
    if net.started then error("the network is running: build it before the first run", 0) end
    if net.names[name] then error(("there are two nodes named '%s'"):format(name), 0) end
    net.names[name] = true
end

-- ---- nodes -------------------------------------------------------------------------------------------------

local function add_second_node(r)
    local second = core.router(r.name)
    local fabric = core.link(r.core, second, { delay = 100000 })
    r.cores[2] = second
    r.core:second(second, r.name .. "-2")
    for n, node in ipairs(r.cores) do node:attach(fabric:device(n - 1), "fabric", "", authority.fabric(n), 30) end
end

-- A router of the stack. opts: topology ("mesh", "hub", "spoke": its part in the neighborhoods of its links),
-- peering_common_name, bfd = {["desired-tx-interval"] = ...}, credentials = {certificate=, private_key=,
-- trusted_ca=, crl=} (PEM texts), trust = a CA or several (instead of net:trust), enhanced_security = false (a router
-- without the feature, whatever the others have), nodes = 2 (an Active Leader and a Redundant Peer with a link between
-- them), words = {["new-flows"] = ...} (further words of its configuration), claims (the peering-common-name that it believes to have, while the others
-- expect the right one).
function Net:router(name, opts)
    claim(self, name)
    local r = setmetatable({ kind = "router", name = name, opts = opts or {}, core = core.router(name),
        interfaces = {}, ends = {}, net = self }, Router)
    if r.opts.credentials then r.core:credentials(r.opts.credentials) end
    if r.opts.trust then
        r.core:credentials { trusted_ca = ca.roots(r.opts.trust) }
        r.trusts = ca.names(r.opts.trust)
    end
    self.routers[#self.routers + 1] = r
    r.cores = { r.core }
    if r.opts.nodes == 2 then add_second_node(r) end
    return r
end

-- The node that serves, or one that might.
local function node_of(r)
    for _, c in ipairs(r.cores) do
        if c:serves() then return c end
    end
    return r.core
end

-- What the router answers to a show command, as text.
function Router:show(command)
    local text, records = node_of(self):show(command)
    self.net.story:tell("show", { router = self.name, command = command, text = text, records = records })
    return text
end

-- Drop counters by reason.
function Router:counters()
    local sum = {}
    for _, c in ipairs(self.cores) do
        for reason, n in pairs(c:counters()) do sum[reason] = (sum[reason] or 0) + n end
    end
    return sum
end

-- Issues a certificate in its name and gives it to the router, as CA:issue says; opts.ca is the CA. A running router
-- takes it at once.
function Router:certificate(opts)
    if not opts.ca then error("router:certificate wants a ca", 0) end
    local order = { name = self.opts.peering_common_name or self.name }
    for k, v in pairs(opts) do order[k] = v end
    local issued = opts.ca:issue(order)
    local give = self.net.started and self.core.reload or self.core.credentials
    self.net.story:tell("certificate", { router = self.name, name = order.name, key = order.key or "p256",
        place = order.place or "both", from = issued.from, until_ = issued.until_, issuer = opts.ca.name,
        root = opts.ca.root_name, serial = issued.serial })
    give(self.core, { certificate = issued.certificate, private_key = issued.private_key })
    return issued
end

-- Revocation lists (PEM texts, joined). A running router takes them at once.
function Router:revocations(crl)
    if self.net.started then self:reload { crl = crl } else self.core:credentials { crl = crl } end
end

-- Other credentials for a running router, as opts.credentials; what is not given stays.
function Router:reload(credentials)
    credentials = credentials or {}
    self.net.story:tell("router", { router = self.name, did = "reload", certificate = credentials.certificate ~= nil,
        trusted_ca = credentials.trusted_ca ~= nil, crl = credentials.crl ~= nil })
    self.core:reload(credentials)
end

-- A new metadata key at once.
function Router:regenerate()
    self.net.story:tell("router", { router = self.name, did = "regenerate" })
    node_of(self):regenerate()
end

-- The router, or the n-th of two nodes, loses power, and everything that it knew; restart brings it back.
function Router:crash(node)
    self.net.story:tell("router", { router = self.name, did = "crash", node = node })
    if not node then self.down = true end
    self.cores[node or 1]:crash()
end

function Router:restart(node)
    self.net.story:tell("router", { router = self.name, did = "restart", node = node })
    if not node then self.down = nil end
    self.cores[node or 1]:restart()
end

-- Its wall clock goes so much ahead of the simulation's ("36h", or "-2d").
function Router:set_clock(ahead)
    self.net.story:tell("router", { router = self.name, did = "clock", ahead = units.span(ahead) })
    self.core:set_clock(units.span(ahead))
end

function Net:underlay(name)
    claim(self, name)
    local u = setmetatable({ kind = "underlay", name = name, core = core.underlay(name), ends = {}, prefixes = {},
        touches = {}, net = self }, Underlay)
    self.underlays[#self.underlays + 1] = u
    return u
end

-- A NAT box between routers (link them to it) and an underlay router: who is inside is seen from outside with its address, and
-- with ports that it lends. opts: mapping ("independent": a port for each inside end; "dependent": for each outside end as well),
-- timeout (of a mapping on which nothing leaves; default 60 s), addresses (how many it has outside; default 1), strict_tcp (it lets
-- pass only what a TCP connection from inside may consist of), udp_port (the only one that UDP may go to).
function Net:nat(name, opts)
    claim(self, name)
    opts = opts or {}
    local mapping = opts.mapping or "independent"
    if mapping ~= "independent" and mapping ~= "dependent" then
        error(("a NAT's mapping is 'independent' or 'dependent', not '%s'"):format(tostring(mapping)), 0)
    end
    local n = setmetatable({ kind = "nat", name = name, ends = {}, opts = opts, net = self, core = core.nat(name,
        { dependent = mapping == "dependent", timeout = units.time(opts.timeout or "60s", "timeout"),
            strict_tcp = opts.strict_tcp or false, udp_port = opts.udp_port }) }, Nat)
    self.nats[#self.nats + 1] = n
    n.number = #self.nats
    return n
end

-- It forgets all mappings, as one does that restarts; with "address" it also takes the next of its outside addresses.
function Nat:change(what)
    if what and what ~= "address" then error(("a NAT changes its 'address', not '%s'"):format(tostring(what)), 0) end
    if what and (self.opts.addresses or 1) < 2 then error(("the NAT '%s' has one address"):format(self.name), 0) end
    self.net.story:tell("nat", { nat = self.name, did = what or "forget" })
    self.core:forget(what == "address")
end

-- outbound, inbound (translated), made (mappings so far), mappings (now), unmapped (from outside, for nobody), dropped,
-- refused_udp (by udp_port), refused_tcp (by strict_tcp) and refusal (why, the last time).
function Nat:stats() return self.core:nat_stats() end

-- ---- links -------------------------------------------------------------------------------------------------

local function core_link_opts(o)
    return {
        rate = o.rate and units.rate(o.rate) or 0,
        delay = o.delay and units.time(o.delay, "delay") or 0,
        jitter = o.jitter and units.time(o.jitter, "jitter") or 0,
        reorder = o.reorder, loss = o.loss, duplicate = o.duplicate, corrupt = o.corrupt, queue = o.queue, mtu = o.mtu,
        apart = o.apart,
    }
end

local function new_link(net, a, b, name, opts)
    local link = setmetatable({ name = name, opts = opts, net = net, outages = {},
        core = core.link(a.core, b.core, core_link_opts(opts)) }, Link)
    local ea = { node = a, link = link, device = link.core:device(0), address = {} }
    local eb = { node = b, link = link, device = link.core:device(1), address = {} }
    ea.far, eb.far = eb, ea
    link.ends = { ea, eb }
    a.ends[#a.ends + 1], b.ends[#b.ends + 1] = ea, eb
    net.links[#net.links + 1] = link
    return link
end

-- Further addresses of a NAT outside are routed to it.
local function give_outside(e, text)
    local n, u = e.node, e.far.node
    n.core:outside(e.device, text)
    for i = 2, n.opts.addresses or 1 do
        local more = ("100.64.%d.%d"):format(n.number, i)
        n.core:outside(e.device, more)
        u.core:route(e.far.device, more, 32, text)
        u.touches[more] = true
        table.insert(u.prefixes, { network = more, len = 32 })
    end
end

local function give_address(e, text, len)
    e.address[address.is_v6(text) and 6 or 4] = text
    if e.node.kind == "nat" then
        if e.far.node.kind == "underlay" then
            give_outside(e, text)
        else
            e.node.core:inside(e.device, address.network(text, len), len)
        end
        return
    end
    if e.node.kind ~= "router" then e.node.core:address(e.device, text, len) end
    if e.node.kind == "underlay" then
        local network = address.network(text, len)
        e.node.touches[network] = true
        table.insert(e.node.prefixes, { network = network, len = len })
    end
end

-- The interface of a router at its end of a link.
local function add_interface(e, len, family, opts)
    local r, far = e.node, e.far
    local on_internet = far.node.kind == "underlay" or far.node.kind == "nat"
    local i = { name = ("wan%d"):format(#r.ends - 1), mtu = opts.mtu, transport = opts.tcp_transport, vector = opts.vector,
        discover = opts.path_mtu_discovery,
        neighborhood = opts.neighborhood or (on_internet and "internet" or e.link.name),
        topology = r.opts.topology or "mesh",
        addresses = { { address = e.address[family], len = len,
            gateway = on_internet and far.address[family] or nil } },
        nat = far.node.kind == "nat" and "any" or nil }
    if far.node.kind == "router" then i.topology = opts.topology or "mesh" end
    e.interface = i.name
    r.interfaces[#r.interfaces + 1] = i
    r.core:attach(e.device, i.name, "", e.address[family], len)
end

-- Joins two routers or underlay routers. opts: rate, delay, jitter, reorder, loss, duplicate, corrupt (0..1; corrupt flips a
-- bit behind the UDP header, where an attacker would, and mends the checksum), queue (frames), mtu, name,
-- neighborhood, vector, path_mtu_discovery (routers try what the path takes), tcp_transport, family (4 or 6), carrier (routers notice when the link goes down), apart (a UDP port:
-- stats().lost_apart counts frames to it that were lost by chance).
function Net:link(a, b, opts)
    opts = opts or {}
    if self.started then error("the network is running: build it before the first run", 0) end
    local name = opts.name or a.name .. "--" .. b.name
    if self.link_names[name] then error(("there are two links named '%s'"):format(name), 0) end
    self.link_names[name] = true
    local link = new_link(self, a, b, name, opts)
    local family = opts.family or 4
    local both = a.kind == "underlay" and b.kind == "underlay"
    for _, f in ipairs(both and { 4, 6 } or { family }) do
        local first, second, len = address.pair(self.subnets, f)
        give_address(link.ends[1], first, len)
        give_address(link.ends[2], second, len)
        link.len = len
    end
    self.subnets = self.subnets + 1
    for _, e in ipairs(link.ends) do
        if e.node.kind == "router" then add_interface(e, link.len, family, opts) end
    end
    return link
end

local function carry(link, up)
    if not link.opts.carrier then return end
    for _, e in ipairs(link.ends) do
        if e.node.kind == "router" then e.node.core:carrier(e.device, up) end
    end
end

-- Both ways; what is on its way is lost.
function Link:down()
    if self.is_down then return end
    self.is_down = true
    self.outages[#self.outages + 1] = { from = core.now() }
    self.net.story:tell("link", { link = self.name, state = "down", carrier = self.opts.carrier or false })
    self.core:set_up(false)
    carry(self, false)
end

function Link:up()
    if not self.is_down then return end
    self.is_down = false
    self.outages[#self.outages].to = core.now()
    self.net.story:tell("link", { link = self.name, state = "up", carrier = self.opts.carrier or false })
    self.core:set_up(true)
    carry(self, true)
end

-- One way only: what `from`, a node at one of its ends, sends there gets lost until it is told otherwise.
function Link:block(from, blocked)
    local direction = self.ends[1].node == from and 0 or 1
    if self.ends[direction + 1].node ~= from then error(("'%s' is not at this link"):format(from.name), 0) end
    self.outages[#self.outages + 1] = blocked and { from = core.now() } or nil
    if not blocked and #self.outages > 0 then self.outages[#self.outages].to = core.now() end
    self.net.story:tell("link", { link = self.name, state = blocked and "blocked" or "open", from = from.name })
    self.core:block(direction, blocked)
end

-- Changes rate, delay, jitter, reorder, loss, duplicate and corrupt from now on; what is not given stays.
function Link:change(opts)
    local line = { link = self.name, state = "changed" }
    for k, v in pairs(opts) do self.opts[k], line[k] = v, v end
    self.net.story:tell("link", line)
    self.core:adjust(core_link_opts(self.opts))
end

-- An attacker on the link: remembers every frame from now on.
function Link:record() self.core:record(true) end

-- ... and puts them all there once more, `spacing` apart, towards the second end and then (behind the last of those)
-- towards the first. Returns how many.
function Link:replay(spacing)
    local gap = units.time(spacing or "1ms", "spacing")
    self.core:record(false)
    local there = self.core:replay(0, gap)
    core.at(core.now() + there * gap, function() self.core:replay(1, gap) end)
    self.net.story:tell("replay", { link = self.name, frames = there })
    return there
end

-- Counters of both directions: from the first end to the second, and back.
function Link:stats() return self.core:stats(0), self.core:stats(1) end

-- ---- hosts -------------------------------------------------------------------------------------------------

local function lan_interface(r)
    if r.lan then return r.lan end
    r.lan = { name = "lan", lan = true, addresses = {} }
    r.interfaces[#r.interfaces + 1] = r.lan
    return r.lan
end

-- The gateway of a LAN prefix: made with its first host.
local function lan_gateway(r, network, len, wanted)
    local lan = lan_interface(r)
    for _, a in ipairs(lan.addresses) do
        if a.network == network then return a.address end
    end
    local gateway = wanted or address.first(network)
    table.insert(lan.addresses, { address = gateway, len = len, network = network })
    return gateway
end

local function attach_host(e, far, text, opts)
    local a, len = address.split(text, 24, 64)
    local network = address.network(a, len)
    local gateway = opts.gateway or address.first(network)
    give_address(e, a, len)
    if far.node.kind == "router" then
        gateway = lan_gateway(far.node, network, len, opts.gateway)
        far.node.core:attach(far.device, "lan", a, gateway, len)
    else
        give_address(far, gateway, len)
    end
    e.node.core:route(e.device, address.is_v6(a) and "::" or "0.0.0.0", 0, gateway)
end

-- A host behind a router (or underlay router). `addresses` is one or a list, IPv4 or IPv6, each with its prefix
-- length ("10.1.0.10/24", by default 24 and 64). opts: name, gateway, and those of a link.
function Net:host(at, addresses, opts)
    opts = opts or {}
    if type(addresses) == "string" then addresses = { addresses } end
    local name = opts.name or ("%s-host%d"):format(at.name, self.hosts_made + 1)
    claim(self, name)
    self.hosts_made = self.hosts_made + 1
    local host = traffic.host { kind = "host", name = name, core = core.host(name), ends = {}, net = self }
    local link = new_link(self, host, at, name .. "--" .. at.name, opts)
    link.lan = true
    for _, text in ipairs(addresses) do attach_host(link.ends[1], link.ends[2], text, opts) end
    host.addresses = link.ends[1].address
    self.hosts[#self.hosts + 1] = host
    return host
end

-- ---- configuration -----------------------------------------------------------------------------------------

-- A certificate authority; see svr.ca. What it makes follows from the seed.
function Net:ca(name, opts) return ca.new(name, opts, self.story) end

-- What all routers trust that have no trust of their own: a CA or several. Before the first run.
function Net:trust(list)
    if self.started then error("the network is running: routers take other trust by router:reload", 0) end
    self.trusted = ca.roots(list)
    self.trusts = ca.names(list)
end

local function give_trust(net)
    for _, r in ipairs(net.trusted and net.routers or {}) do
        local own = r.opts.trust or r.opts.credentials and r.opts.credentials.trusted_ca
        if not own then r.core:credentials { trusted_ca = net.trusted } end
    end
end

-- Uses this text instead of the generated configuration.
function Net:config(text) self.config_text = text end

function Net:config_file(name)
    local f, why = io.open(name)
    if not f then error(why, 0) end
    self.config_text = f:read "a"
    f:close()
end

-- Services of LANs lead over the shortest chain of peers; this says another way: via = {east = "hub"}.
function Net:via(owner, via)
    self.vias[owner.name] = via
end

local function services(net)
    local list = {}
    for _, r in ipairs(net.routers) do
        if r.lan then
            local s = { name = "lan-" .. r.name, owner = r, prefixes = {}, via = plan.next_peers(net.routers, r) }
            for _, a in ipairs(r.lan.addresses) do s.prefixes[#s.prefixes + 1] = a.network .. "/" .. a.len end
            for name, peer in pairs(net.vias[r.name] or {}) do s.via[name] = peer end
            list[#list + 1] = s
        end
    end
    return list
end

-- ---- captures ----------------------------------------------------------------------------------------------

-- By default every link is captured all the time. net:capture { links = {wan}, windows = {{"0s", "5min"}} } captures
-- only these links (all, when `links` is missing), and only then. net:capture { links = {} } captures nothing.
function Net:capture(opts)
    self.capture_links = opts.links
    self.capture_windows = {}
    for i, w in ipairs(opts.windows or {}) do
        self.capture_windows[i] = { units.time(w[1]), units.time(w[2]) }
    end
    table.sort(self.capture_windows, function(a, b) return a[1] < b[1] end)
end

local function end_name(e) return e.interface and e.node.name .. ":" .. e.interface or e.node.name end

local function start_captures(net)
    for _, link in ipairs(net.capture_links or net.links) do
        link.core:capture(link.name, end_name(link.ends[1]), end_name(link.ends[2]), net.capture_windows or {},
            not link.lan)
    end
end

-- ---- running -----------------------------------------------------------------------------------------------

local function start(net)
    params.finish()
    net.started = true
    plan.route_underlay(net.underlays)
    start_captures(net)
    give_trust(net)
    core.on_event(function(ev)
        net.event_count[ev.kind] = (net.event_count[ev.kind] or 0) + 1
        if not net.event_ignore[ev.kind] then net.events[#net.events + 1] = ev end
        for _, f in ipairs(net.listeners) do f(ev) end
    end)
    local list = services(net)
    for _, r in ipairs(net.routers) do
        if r.opts.enhanced_security ~= nil or r.opts.claims then
            local opts = setmetatable({ enhanced_security = r.opts.enhanced_security }, { __index = net.opts })
            r.core:config(authority.text(opts, net.routers, list, r))
        end
    end
    net.story:topology(net)
    core.start(net.config_text or authority.text(net.opts, net.routers, list))
end

-- Calls f at an instant.
function Net:at(time, f) core.at(units.time(time), f) end

-- Calls f every so often, first after one interval or at `first`.
function Net:every(interval, f, first)
    local step = units.time(interval)
    if step == 0 then error("an interval must not be zero", 0) end
    local function again()
        core.at(core.now() + step, again)
        f()
    end
    core.at(first and units.time(first) or core.now() + step, again)
end

-- Flows that name no `stop` of their own end at this instant. For the flows that come behind it.
function Net:end_traffic(time) self.traffic_end = units.time(time) end

-- Calls f(event) for each event of a router.
function Net:on_event(f) self.listeners[#self.listeners + 1] = f end

function Net:now() return core.now() end

-- Runs to an instant, counted from the beginning.
function Net:run(time)
    local until_ns = units.time(time)
    if not self.started then start(self) end
    core.run(until_ns)
    self.story:books(self)
end

-- Whether a configuration would be accepted: what it says, or the error (see conform's settings). `about` and `value` tell
-- what is tried.
function Net:try_config(text, about, value)
    local found = core.read_config(text)
    self.story:tell("config", { about = about, value = value, found = found })
    return found
end

-- Ends the present run after this event.
function Net:stop() core.stop() end

-- An expectation: printed, and the exit status is 1 when any is not met.
function Net:check(met, text)
    self.checks = self.checks + 1
    print(("%s %d - %s"):format(met and "ok" or "not ok", self.checks, text))
    if not met then core.fail() end
    return met
end

-- opts: seed (unless --seed is given), wall ("2025-01-01T00:00:00Z": when the simulation begins), name,
-- key_management = {["peer-key-rekey-interval"] = 24, ...}, key_exchange, dh_bits, hmac, enhanced_security, extra
-- (text inside `authority`), service_policy = { vectors = { "first", "second" }, ["max-latency"] = 100, ... } for all services.
return function(opts)
    opts = opts or {}
    local seed = core.seed(opts.seed)
    if opts.wall then core.epoch(units.wall(opts.wall)) end
    return setmetatable({
        opts = opts, seed = seed, names = {}, link_names = {}, routers = {}, underlays = {}, nats = {}, hosts = {}, links = {},
        flows = {}, subnets = 0, hosts_made = 0, vias = {}, events = {}, event_count = {}, listeners = {}, checks = 0,
        story = story.new(),
        event_ignore = { session = true, ["payload-key"] = true },
    }, Net)
end

-- SPDX-License-Identifier: MIT
-- What hosts do: flows and servers. Each kind takes a table:
--     to          a host (which then serves the port by itself) or an address
--     port        default 5001
--     start       when it begins (default: at the beginning, or now)
--     stop        when it ends (default: see net:end_traffic)
--     count       how many messages (default: until stopped)
--     interval    between messages, or `rate`
--     size        bytes of a message
--     name        for the account
local core = require "svr.core"
local units = require "svr.units"

local traffic = {}
local Host, Flow = {}, {}
Host.__index, Flow.__index = Host, Flow

local none = { sent = 0, sent_bytes = 0, unsent = 0, received = 0, received_bytes = 0, lost = 0, duplicated = 0,
    reordered = 0, corrupted = 0, replies = 0, reply_bytes = 0, connects = 0, failures = 0 }

-- Counters: sent, received, lost, duplicated, reordered, corrupted, replies, unsent (messages); sent_bytes,
-- received_bytes, reply_bytes; connects, failures (TCP); first_sent, last_received, completed (instants or nil);
-- rtt_min, rtt_mean, rtt_max (nanoseconds or nil).
function Flow:stats() return self.core and self.core:stats() or none end

-- Runs of messages that did not arrive, or got no answer where one is wanted: {first=, count=, after=, before=} (when
-- the neighbours were sent).
function Flow:gaps() return self.core and self.core:gaps() or {} end

function Flow:stop() if self.core then self.core:stop() end end

-- Sends `count` messages more from now on, `spacing` apart ("20ms").
function Flow:burst(count, spacing)
    if self.core then self.core:burst(count, units.time(spacing, "spacing")) end
end

local function destination(host, o)
    if type(o.to) == "string" then return o.to end
    if type(o.to) ~= "table" or o.to.kind ~= "host" then error("`to` must be a host or an address", 0) end
    local family = o.family or (host.addresses[4] and o.to.addresses[4] and 4) or 6
    if not o.to.addresses[family] then error(("'%s' has no IPv%d address"):format(o.to.name, family), 0) end
    if o.kind ~= "ping" then o.to:serve(o.port) end
    return o.to.addresses[family]
end

local function interval(o)
    if o.rate then return math.max(1, o.size * 8 * 1000000000 // units.rate(o.rate)) end
    return units.time(o.interval or "1s", "interval")
end

local wants_reply = { ["tcp-request"] = true, ["udp-echo"] = true, ping = true }

-- Messages that did not arrive, or got no answer where one is wanted.
function Flow:missing()
    local s = self:stats()
    return s.sent - (wants_reply[self.kind] and s.replies or s.received)
end

local function begin(host, kind, given, size)
    local o = { kind = kind, port = 5001, size = size }
    for k, v in pairs(given) do o[k] = v end
    local flow = setmetatable({ kind = kind, from = host, opts = o }, Flow)
    local to = destination(host, o)
    local far = type(o.to) == "table" and o.to.name or to
    flow.name = o.name or ("%s %s > %s"):format(kind, host.name, kind == "ping" and far or far .. ":" .. o.port)
    local core_opts = { kind = kind, to = to, port = o.port, size = o.size, reply_size = o.reply_size, keep = o.keep,
        count = o.count, interval = kind ~= "tcp-bulk" and interval(o) or nil, segment = o.segment,
        reconnect = o.reconnect and units.time(o.reconnect), source_port = o.source_port, from = o.from,
        stop = (o.stop or host.net.traffic_end) and units.time(o.stop or host.net.traffic_end) }
    flow.interval = core_opts.interval
    local function go() flow.core = core.flow(host.core, core_opts) end
    if o.start and units.time(o.start) > core.now() then core.at(units.time(o.start), go) else go() end
    table.insert(host.net.flows, flow)
    return flow
end

-- `bytes` as fast as TCP goes; or, with `rate` or `interval`, a steady stream on one connection. `reconnect`: open
-- the connection again this long after it failed.
function Host:tcp_send(o)
    if not o.bytes then return begin(self, "tcp-rate", o, 1000) end
    local size = o.size or 10000
    local bulk = { count = (o.bytes + size - 1) // size, size = size }
    for k, v in pairs(o) do bulk[k] = bulk[k] or v end
    return begin(self, "tcp-bulk", bulk, size)
end

-- A request every interval and an answer of `reply_size`; a connection for each, or one for all with `keep`.
function Host:tcp_request(o)
    if not o.reply_size then
        local copy = { reply_size = 200 }
        for k, v in pairs(o) do copy[k] = v end
        o = copy
    end
    return begin(self, "tcp-request", o, 100)
end

function Host:udp_send(o) return begin(self, "udp-rate", o, 200) end

-- The server sends every datagram back.
function Host:udp_echo(o) return begin(self, "udp-echo", o, 200) end

function Host:ping(o) return begin(self, "ping", o, 56) end

-- Answers whatever comes to a port, over TCP and UDP. Hosts that are the `to` of a flow do so by themselves.
function Host:serve(port) core.serve(self.core, port) end

function traffic.host(fields) return setmetatable(fields, Host) end

return traffic

-- SPDX-License-Identifier: MIT
-- The account of a run, for people: when each key came and went, what each flow delivered, what was lost and why.
local units = require "svr.units"

local account = {}

-- After a link is back, BFD has to notice and keys may have to be exchanged before a path carries traffic again.
local RECOVERY = 60 * 1000000000

-- What was sent this shortly before the end may still arrive.
local IN_FLIGHT = 2 * 1000000000

local function clock(t) return t and units.clock(t) or "-" end

local function heading(text) print(("\n%s\n%s"):format(text, ("-"):rep(#text))) end

-- Rows of text, in columns.
local function columns(rows)
    local width = {}
    for _, row in ipairs(rows) do
        for i, cell in ipairs(row) do width[i] = math.max(width[i] or 1, #tostring(cell)) end
    end
    for _, row in ipairs(rows) do
        local cells = {}
        for i, cell in ipairs(row) do
            local number = type(cell) == "number"
            cells[i] = (number and "%" .. width[i] .. "s" or "%-" .. width[i] .. "s"):format(cell)
        end
        print("  " .. (table.concat(cells, "  "):gsub("%s+$", "")))
    end
end

-- ---- keys --------------------------------------------------------------------------------------------------

-- The lives of keys of one kind: {router, peer, index, computed, sending, erased}, in the order they came.
function account.keys(net, kind)
    local list, open = {}, {}
    for _, ev in ipairs(net.events) do
        if ev.kind == kind then
            local id = ("%s\0%s\0%d"):format(ev.router, ev.peer, ev.value)
            if ev.to == "computed" or not open[id] then
                open[id] = { router = ev.router, peer = ev.peer, index = ev.value }
                list[#list + 1] = open[id]
            end
            open[id][ev.to] = open[id][ev.to] or ev.time
        end
    end
    return list
end

local function by_owner(a, b)
    if a.router ~= b.router then return a.router < b.router end
    if a.peer ~= b.peer then return a.peer < b.peer end
    return a.index < b.index
end

local function print_keys(net, kind, title)
    local list = account.keys(net, kind)
    if #list == 0 then return end
    table.sort(list, by_owner)
    heading(title)
    local rows = { { "router", "peer", "key", "computed", "sending from", "erased" } }
    for _, k in ipairs(list) do
        rows[#rows + 1] = { k.router, k.peer == "" and "(own)" or k.peer, k.index, clock(k.computed),
            clock(k.sending), clock(k.erased) }
    end
    columns(rows)
end

local function print_paths(net)
    local rows = { { "time", "router", "peer", "path" } }
    for _, ev in ipairs(net.events) do
        if ev.kind == "path-service" then
            rows[#rows + 1] = { clock(ev.time), ev.router, ev.peer, ev.to .. (ev.reason ~= "" and ": " .. ev.reason or "") }
        end
    end
    heading "Paths"
    columns(rows)
end

-- ---- losses ------------------------------------------------------------------------------------------------

-- The outage that explains a gap: it began before the gap ended, and ended not long before.
local function outage_of(net, gap)
    for _, link in ipairs(net.links) do
        for _, o in ipairs(link.outages) do
            local ended = o.to or net:now()
            if gap.before >= o.from and (gap.after or 0) <= ended + RECOVERY then return link, o end
        end
    end
end

-- The last messages of a flow, behind which nothing arrived: lost in an outage, or just sent, or missing.
local function tail_of(net, flow, count)
    local s = flow:stats()
    local link, o = outage_of(net, { after = s.last_received or 0, before = s.completed or net:now() })
    local loss = { count = count, after = s.last_received or s.first_sent, before = net:now(), why = "unexplained" }
    if link then
        loss.outage, loss.why = o, ("link %s was down %s to %s"):format(link.name, clock(o.from), clock(o.to))
    elseif not s.completed and (not flow.interval or count <= 1 + IN_FLIGHT // flow.interval) then
        loss.in_flight, loss.why = true, "on its way when the run ended"
    end
    return loss
end

-- What a flow lost: {count=, after=, before=, why=, outage=} for each run of messages.
function account.losses(net, flow)
    local list, counted = {}, 0
    for _, gap in ipairs(flow:gaps()) do
        local link, o = outage_of(net, gap)
        list[#list + 1] = { count = gap.count, after = gap.after, before = gap.before, outage = o,
            why = link and ("link %s was down %s to %s"):format(link.name, clock(o.from), clock(o.to)) or "unexplained" }
        counted = counted + gap.count
    end
    local tail = flow:missing() - counted
    if tail > 0 then list[#list + 1] = tail_of(net, flow, tail) end
    return list
end

-- Messages that no outage explains; what was on its way at the end is not counted.
function account.unexplained(net, flow)
    local n = 0
    for _, loss in ipairs(account.losses(net, flow)) do
        if not loss.outage and not loss.in_flight then n = n + loss.count end
    end
    return n
end

local function print_flows(net)
    local rows = { { "flow", "sent", "received", "missing", "dup", "late", "answers", "failed", "delivered" } }
    for _, f in ipairs(net.flows) do
        local s = f:stats()
        rows[#rows + 1] = { f.name, s.sent, s.received, f:missing(), s.duplicated, s.reordered, s.replies, s.failures,
            units.bytes(s.received_bytes) }
    end
    heading "Flows (messages)"
    columns(rows)
end

local function print_losses(net)
    local rows = {}
    for _, f in ipairs(net.flows) do
        for _, loss in ipairs(account.losses(net, f)) do
            rows[#rows + 1] = { f.name, loss.count, clock(loss.after) .. " - " .. clock(loss.before), loss.why }
        end
    end
    heading "Lost, and why"
    if #rows == 0 then print "  nothing" else columns(rows) end
end

local reasons = { lost_random = "at random", lost_in_flight = "in flight when it went down",
    lost_down = "sent while down", lost_queue = "queue full", lost_mtu = "too long" }

local function print_links(net)
    local rows = {}
    for _, link in ipairs(net.links) do
        for i, s in ipairs { link:stats() } do
            local from = link.ends[i].node.name
            for key, why in pairs(reasons) do
                if s[key] > 0 then rows[#rows + 1] = { link.name, "from " .. from, s[key], why } end
            end
        end
    end
    table.sort(rows, function(a, b) return table.concat(a, "\0") < table.concat(b, "\0") end)
    heading "Frames lost by links"
    if #rows == 0 then print "  none" else columns(rows) end
end

local function print_drops(net)
    local rows = {}
    for _, r in ipairs(net.routers) do
        for name, n in pairs(r:counters()) do
            if n > 0 then rows[#rows + 1] = { r.name, name, n } end
        end
    end
    table.sort(rows, function(a, b) return a[1] .. "\0" .. a[2] < b[1] .. "\0" .. b[2] end)
    heading "Packets dropped by routers"
    if #rows == 0 then print "  none" else columns(rows) end
end

-- Prints everything.
function account.print(net)
    print_keys(net, "peer-key", "Peer keys")
    print_keys(net, "metadata-key", "Metadata keys")
    print_paths(net)
    print_flows(net)
    print_losses(net)
    print_links(net)
    print_drops(net)
end

return account

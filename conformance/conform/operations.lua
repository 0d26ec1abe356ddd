-- SPDX-License-Identifier: MIT
-- Checks of what operators are shown (see conform.judge).
local trace = require "conform.trace"
local S = trace.S
local change = trace.change
local list, check = trace.list()

-- Labels of a record that are missing.
local function lacks(record, labels)
    local have, missing = {}, {}
    for _, f in ipairs(record.fields) do have[f[1]] = f[2] end
    for _, label in ipairs(labels) do
        if have[label] == nil then missing[#missing + 1] = label end
    end
    return missing, have
end

-- Fails when a record lacks a label, or the text does not show it. Gives the fields by label.
local function complete(c, t, record, labels)
    local missing, have = lacks(record, labels)
    c:saw()
    if #missing > 0 then c:fail(("it does not show: %s"):format(table.concat(missing, ", ")), t) end
    for _, label in ipairs(labels) do
        if not t.text:find(label, 1, true) then c:fail(("its text does not show \"%s\""):format(label), t) end
    end
    return have
end

local function is_show(command)
    return function(t) return t.what == "story" and t.kind == "show" and t.command:find(command, 1, true) == 1 end
end

-- A bend: the answers to a command lack a field.
local function without(command, label)
    return { "without " .. label, change(is_show(command), nil, function(t)
        local records = {}
        for i, record in ipairs(t.records) do
            local fields = {}
            for _, f in ipairs(record.fields) do
                if f[1] ~= label then fields[#fields + 1] = f end
            end
            records[i] = { title = record.title, fields = fields }
        end
        t.records = records
    end) }
end

-- Another value in the answers to a command.
local function with(command, name, label, value)
    return { name, change(is_show(command), nil, function(t)
        local records = {}
        for i, record in ipairs(t.records) do
            local fields = {}
            for j, f in ipairs(record.fields) do fields[j] = f[1] == label and { label, value } or f end
            records[i] = { title = record.title, fields = fields }
        end
        t.records = records
    end) }
end

local key_status = { "Key Manager State", "Rekey Index", "Last Rekey", "Next Rekey", "Key Change Count", "Config Key Change Count",
    "Key Change Error", "Config Key Change Error", "Metadata Rekey Index", "Metadata Last Rekey", "Metadata Next Rekey" }

check "OPS-KEY-STATUS" {
    expects = "show security key-status has every field, and says what has happened",
    event = function(c, e)
        if e.kind == "metadata-key" and not e.peer and e.to == "computed" then c.state[e.router] = e end
    end,
    story = function(c, t)
        if not is_show "show security key-status"(t) then return end
        local made = c.state[t.router]
        for _, record in ipairs(t.records) do
            local have = complete(c, t, record, key_status)
            if made and have["Metadata Rekey Index"] ~= made.value then
                c:fail(("it says metadata rekey index %s, and made %d last"):format(tostring(have["Metadata Rekey Index"]), made.value), made, t)
            end
            local active = c.world.by_name[t.router] and c.world.by_name[t.router].enhanced
            if active ~= nil and (have["Key Manager State"] == "inactive") == active then
                c:fail(("it says that its key manager is %s"):format(tostring(have["Key Manager State"])), t)
            end
            local ago = have["Metadata Last Rekey"]
            if made and math.abs((t.time - made.time) // S - (ago or -1)) > 1 then
                c:fail(("it says that it made its metadata key %s s ago"):format(tostring(ago)), made, t)
            end
        end
    end,
    broken = { without("show security key-status", "Metadata Next Rekey"),
        with("show security key-status", "a wrong index", "Metadata Rekey Index", 99),
        with("show security key-status", "inactive, and is not", "Key Manager State", "inactive"),
        with("show security key-status", "a wrong age", "Metadata Last Rekey", 7) },
}

local peers_security = { "Peer", "Node", "Network Interface", "Destination", "Status", "Hostname", "Path Mtu", "Security Status", "Salt",
    "Peer Salt", "Key Index", "Peer Ki", "Cert Rec", "Cert Ack", "Salt Rec", "Salt Ack", "Key Rec", "Key Ack" }
local states = { ESKM_DISABLED = true, ESKM_STANDBY = true, CERT_EXCH = true, SALT_EXCH = true, MKEY_EXCH = true, MKEY_EXCH_COMP = true,
    KEY_TIMEOUT = true, CERT_INVALID = true }

check "OPS-PEERS-SEC" {
    expects = "show peers security has every field, a record for each path",
    event = function(c, e)
        if e.kind == "security-state" then c.state[e.router .. e.peer] = e end
    end,
    story = function(c, t)
        if not is_show "show peers security"(t) then return end
        for _, record in ipairs(t.records) do
            local have = complete(c, t, record, peers_security)
            local status = have["Security Status"]
            if not states[status] then c:fail(("there is no state %s"):format(tostring(status)), t) end
            local last = c.state[t.router .. tostring(have.Peer)]
            if last and last.to ~= status then c:fail(("it says %s, and changed to %s last"):format(tostring(status), last.to), last, t) end
            local done = have["Cert Rec"] and have["Cert Ack"] and have["Salt Rec"] and have["Key Rec"] and have["Key Ack"]
            if status == "MKEY_EXCH_COMP" and not done then c:fail("the exchange is complete, and its flags are not", t) end
        end
    end,
    broken = { without("show peers security", "Peer Ki"), with("show peers security", "a wrong state", "Security Status", "SALT_EXCH"),
        with("show peers security", "a flag is wrong", "Key Rec", false) },
}

local associations = { "Peer", "Peer Name", "Node", "Network Interface", "Destination", "Status" }
local detail = { "Peer Name", "State", "Peer Certificate", "Public Key", "Local salt", "Remote salt", "Peer Key Rekey In", "Peer Rekey Count",
    "Metadata Key Rekey In", "Local Metadata Key Index", "Remote Metadata Key Index" }

check "OPS-SA" {
    expects = "show security security-associations, and with detail, have every field",
    event = function(c, e)
        if e.kind == "path-service" then c.state[e.router .. e.path:match "%S+$"] = e end
    end,
    story = function(c, t)
        if not is_show "show security security-associations"(t) then return end
        local labels = t.command:find "detail" and detail or associations
        for _, record in ipairs(t.records) do
            local have = complete(c, t, record, labels)
            local last = have.Destination and c.state[t.router .. have.Destination]
            if last and (last.to == "in-service") ~= (have.Status == "up") then
                c:fail(("it says that the path to %s is %s, and it is %s"):format(have.Destination, tostring(have.Status), last.to), last, t)
            end
        end
    end,
    broken = { without("show security security-associations", "Destination"), without("show security security-associations", "Remote salt"),
        with("show security security-associations", "a path is not as it says", "Status", "down") },
}

local alarm_labels = { "ID", "Time", "Severity", "Source", "Category", "Message" }

-- Alarms that stand, by router, as events raised and cleared them.
local function follow_alarms(c, e)
    if e.kind ~= "alarm" then return end
    local standing = c.state[e.router] or {}
    c.state[e.router] = standing
    standing[e.value] = e.to == "raised" and e or nil
end

check "OPS-ALARMS" {
    expects = "show alarms lists the alarms that stand, and no others, with every field",
    event = follow_alarms,
    story = function(c, t)
        if t.kind == "router" and t.did == "restart" then c.state[t.router] = nil end
        if t.kind ~= "show" or t.command ~= "show alarms" then return end
        local listed = {}
        for _, record in ipairs(t.records) do
            local have = complete(c, t, record, alarm_labels)
            local number = math.tointeger(tonumber(tostring(have.ID):match ":(%d+)$"))
            listed[number or -1] = true
            local e = (c.state[t.router] or {})[number]
            if not e then
                c:fail(("it lists alarm %s, which does not stand"):format(tostring(have.ID)), t)
            elseif have.Severity ~= e.severity or have.Message ~= e.detail then
                c:fail(("its alarm %s is not the one that was raised"):format(have.ID), e, t)
            end
        end
        for number, e in pairs(c.state[t.router] or {}) do
            c:saw()
            if not listed[number] then c:fail("the alarm stands, and is not listed", e, t) end
        end
    end,
    broken = { { "an alarm is not listed", change(is_show "show alarms", nil, function(t) t.records = {} end) },
        without("show alarms", "Severity"), with("show alarms", "another severity", "Severity", "INFO"),
        { "an alarm that is over is listed", change(function(e) return e.kind == "alarm" and e.to == "raised" end, nil, function() return false end) } },
}

return list

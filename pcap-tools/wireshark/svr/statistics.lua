-- SPDX-License-Identifier: MIT
-- Tables of keys and sessions: tshark -z svr,keys and -z svr,sessions; in Wireshark below Statistics.
local keys = need "keys"
local state = need "state"

-- Rows of texts, laid out; numbers stand to the right.
local function table_text(title, rows)
    local widths, lines = {}, { title }
    for _, row in ipairs(rows) do
        for i, text in ipairs(row) do widths[i] = math.max(widths[i] or 0, #tostring(text)) end
    end
    for _, row in ipairs(rows) do
        local cells = {}
        for i, text in ipairs(row) do
            text = tostring(text)
            local space = (" "):rep(widths[i] - #text)
            cells[i] = type(row[i]) == "number" and space .. text or text .. space
        end
        lines[#lines + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
    end
    return table.concat(lines, "\n") .. "\n"
end

local function key_row(key)
    local of = key.owner or (key.names and key.names[1] .. ", " .. key.names[2])
    if key.kind == "payload" then of = need("session").uuid_text(key.uuid) end
    return { key.kind, of, key.index, key.fingerprint or "-", key.packets, key.first or "-", key.last or "-" }
end

local function key_table()
    local rows = { { "KIND", "OF", "INDEX", "FINGERPRINT", "PACKETS", "FIRST", "LAST" } }
    for _, kind in ipairs { "peer", "metadata", "payload" } do
        for _, key in ipairs(keys.all) do
            if key.kind == kind then rows[#rows + 1] = key_row(key) end
        end
    end
    return table_text("SVR keys: packets under each, and the frames of the first and the last", rows)
end

local function session_table()
    local rows = { { "UUID", "FLOW", "SERVICE", "TENANT", "FIRST", "SECONDS", "FORWARD", "BYTES", "REVERSE", "BYTES", "KEYS" } }
    for _, s in ipairs(state.session_list) do
        rows[#rows + 1] = {
            s.text, (s.flow_text:gsub("→", ">")), s.service or "-", s.tenant or "-", s.first,
            ("%.3f"):format(s.last_time and s.last_time - s.first_time or 0), s.forward.packets, s.forward.bytes, s.reverse.packets,
            s.reverse.bytes, s.keys,
        }
    end
    return table_text("SVR sessions: packets between waypoints and their bytes, on all hops of the capture", rows)
end

local tables = { ["svr,keys"] = key_table, ["svr,sessions"] = session_table }

for name, text in pairs(tables) do
    register_stat_cmd_arg(name, function()
        local listener = Listener.new("frame")
        function listener.draw() print(text()) end
    end)
end

if gui_enabled() then
    for title, text in pairs { ["SVR/Keys"] = key_table, ["SVR/Sessions"] = session_table } do
        register_menu(title, function() TextWindow.new((title:gsub("/", " "))):set(text()) end, MENU_STAT_UNSORTED)
    end
end

-- SPDX-License-Identifier: MIT
-- Secure Vector Routing with Enhanced Security Key Management, for Wireshark and tshark 4.0 and later (Lua 5.2 to 5.4).
-- This file was put together from pcap-tools/wireshark/svr/*.lua; docs/wireshark.md tells how to use it.
local parts, loaded = {}, {}

local function need(name)
    if not loaded[name] then loaded[name] = parts[name]() or {} end
    return loaded[name]
end

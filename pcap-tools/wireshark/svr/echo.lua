-- SPDX-License-Identifier: MIT
-- What measures a path: echo packets (PD-ECHO), whose request and reply belong together, and MTU probes (PD-PMTU).
local bytes = need "bytes"
local fields = need "fields"
local state = need "state"
local tlvs = need "tlvs"
local F = fields.F

local M = {}
local REQUEST, REPLY = 1, 2

-- Takes the echo or probe among decrypted TLVs of `packet`: what was found out, or nil.
function M.collect(packet, text, len)
    for kind, value, n in tlvs.each(text, 0, len) do
        if kind == 0x8008 and n >= 8 then return { words = tlvs.probe_words(text:sub(value + 1, value + 8)) } end
        if kind == 0x8006 and n == 8 then
            local echo = text:sub(value + 1, value + 8)
            local what = echo:byte(1)
            local from, to = packet.src, packet.dst
            if what == REPLY then from, to = to, from end
            local name = ("echo %d>%d %s"):format(from, to, bytes.hex(echo:sub(2)))
            local pair = state.exchanges[name] or {}
            state.exchanges[name] = pair
            if what == REQUEST and not pair.request then pair.request, pair.request_time = packet.frame, packet.time end
            if what == REPLY and not pair.reply then pair.reply, pair.reply_time = packet.frame, packet.time end
            return { words = tlvs.echo_words(echo), pair = pair, reply = what == REPLY }
        end
    end
end

function M.show(item, echo, tvb)
    local pair = echo.pair
    if not pair then return end
    if echo.reply and pair.request then
        item:add(F["echo.request_in"], pair.request):set_generated()
        local time = pair.reply_time - pair.request_time
        if time >= 0 then item:add(F["echo.round_trip"], tvb(0, 0), NSTime.new(math.floor(time), math.floor(time % 1 * 1e9 + 0.5))):set_generated() end
    elseif not echo.reply and pair.reply then
        item:add(F["echo.reply_in"], pair.reply):set_generated()
    end
end

return M

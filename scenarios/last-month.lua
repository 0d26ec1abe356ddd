-- SPDX-License-Identifier: MIT
-- The last forty days of a certificate, and what the routers say about it:
--
--     pc -- spoke -- hub -- server
--
-- The spoke's certificate expires after 40 days: a month before that a MINOR alarm, a week before a MAJOR one, then a CRITICAL
-- one; a renewal clears it. After 45 days the new one is revoked: CRITICAL again, at the hub. Nothing else happens, as
-- fail-soft has it. BFD is slow, for the sake of those who wait for the end of the story.
local p = require "svr.params" { days = 47 }
local slow = { ["desired-tx-interval"] = 60000, ["required-min-rx-interval"] = 60000, ["multiplier"] = 3 }
local net = require "svr.net" { seed = 41, name = "last-month", dh_bits = 2048,
    key_management = { ["peer-key-rekey-interval"] = 720, ["payload-key-rekey-interval"] = "never" } }
local hub, spoke = net:router("hub", { topology = "hub", bfd = slow }), net:router("spoke", { topology = "spoke", bfd = slow })
local isp = net:underlay "isp"
net:capture { links = { net:link(hub, isp, { name = "hub-line", delay = "5ms" }) } }
net:link(spoke, isp, { name = "spoke-line", delay = "5ms" })
local server, pc = net:host(hub, "10.0.0.10"), net:host(spoke, "10.1.0.10")

local root = net:ca "lab root"
net:trust(root)
hub:certificate { ca = root, until_ = "900d" }
spoke:certificate { ca = root, until_ = "40d" }

local day = 24 * 3600 * 1000000000
net:end_traffic(p.days * day - 3600 * 1000000000)
local flow = pc:udp_echo { name = "pc > server", to = server, interval = "20min", start = "1h" }
net:at("40d-1h", function() spoke:show "show alarms" hub:show "show alarms" end)
net:at("41d", function()
    for _, r in ipairs { spoke, hub } do
        for id in r:show("show alarms"):gmatch "(%S+:%d+) +%d%d%d%d%-" do r:show("show alarms id " .. id) end
    end
end)
local second
net:at("42d", function() second = spoke:certificate { ca = root, until_ = "900d" } end)
net:at("45d", function()
    root:revoke(second)
    hub:revocations(root:crl "900d")
end)
net:run(p.days * day)
hub:show "show alarms"

net:check(flow:missing() <= 3, ("CRT-FAIL-SOFT: %d sent, %d missing"):format(flow:stats().sent, flow:missing()))
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- A hub, and spokes with every kind of certificate. The hub trusts one root.
--
--     good       chains of three, with each kind of key, the name in the CN, in the SAN, or in both
--     not good   self-signed, of another CA, of another name, expired, not yet valid, revoked
--
-- All send to the server behind the hub; only what comes from the good ones arrives. Those that are not good do not know it:
-- their clocks are wrong, or they trust whom they should not. So it is the hub that has to refuse them.
local p = require "svr.params" { minutes = 12 }
local net = require "svr.net" { seed = 31, name = "who-may-peer", dh_bits = 2048,
    key_management = { ["invalid-certificate-behavior"] = "fail-hard" } }

local root = net:ca("lab root", { key = "p384" })
local issuing = net:ca("lab issuing", { under = root })
local stranger = net:ca "stranger"
net:trust(root)

local core = net:underlay "isp"
local hub = net:router("hub", { topology = "hub" })
net:capture { links = { net:link(hub, core, { name = "hub-line", rate = "1Gbps", delay = "5ms" }) } }
local server = net:host(hub, "10.0.0.10")

local spokes = {}
local function spoke(name, good, certificate, opts)
    opts = opts or {}
    opts.topology = "spoke"
    local r = net:router(name, opts)
    net:link(r, core, { name = name .. "-line", delay = "5ms" })
    spokes[#spokes + 1] = { name = name, good = good, router = r, certificate = certificate,
        pc = net:host(r, ("10.%d.0.10"):format(#spokes + 1)) }
end
spoke("p256", true, { ca = issuing, key = "p256" })
spoke("p384-cn", true, { ca = issuing, key = "p384", place = "cn" })
spoke("p521-san", true, { ca = issuing, key = "p521", place = "san" })
spoke("ed25519", true, { ca = issuing, key = "ed25519" })
spoke("rsa", true, { ca = issuing, key = "rsa2048" })
spoke("self-signed", false, nil)
spoke("other-ca", false, { ca = stranger }, { trust = { root, stranger } })
spoke("other-name", false, { ca = issuing, name = "somebody-else" }, { claims = "somebody-else" })
spoke("expired", false, { ca = issuing, from = "-20d", until_ = "-1d" })
spokes[#spokes].router:set_clock "-2d"
spoke("too-early", false, { ca = issuing, from = "1d", until_ = "300d" })
spokes[#spokes].router:set_clock "2d"
spoke("revoked", false, { ca = issuing })

hub:certificate { ca = issuing, until_ = "300d" }
local banned
for _, s in ipairs(spokes) do
    if s.certificate then
        local issued = s.router:certificate(s.certificate)
        if s.name == "revoked" then banned = issued end
    end
end

local minute = 60 * 1000000000
net:end_traffic(p.minutes * minute - 15 * 1000000000)
for i, s in ipairs(spokes) do
    s.flow = s.pc:udp_echo { name = s.name .. " > server", to = server, interval = "5s", start = 60 + i .. "s" }
end
issuing:revoke(banned)
hub:revocations(issuing:crl() .. root:crl())
net:run(p.minutes * minute)
hub:show "show alarms"
hub:show "show peers certificate"

for _, s in ipairs(spokes) do
    local stats = s.flow:stats()
    if s.good then
        net:check(s.flow:missing() == 0, ("CRT-CA: %s is a peer: %d of %d answered"):format(s.name, stats.replies, stats.sent))
    else
        net:check(stats.received == 0, ("CRT-CA: %s is none: %d of %d arrived"):format(s.name, stats.received, stats.sent))
    end
end
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- A router's certificate is revoked by the CA that issued it; then that CA's own by the root; and a stranger's CA.
--
--     pc -- a --- b -- server
local net = require "svr.net" { seed = 5, dh_bits = 2048,
    key_management = { ["invalid-certificate-behavior"] = "fail-hard" } }
local root = net:ca("root", { key = "ed25519" })
local issuing = net:ca("issuing", { under = root, key = "p521" })
local other = net:ca "other"
local a = net:router("a", { trust = { root, other }, peering_common_name = "alias-a" })
local b = net:router "b"
net:link(a, b, { delay = "10ms" })
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
net:trust(root)
local mine = a:certificate { ca = issuing, key = "ed25519", place = "san", serial = 77 }
b:certificate { ca = root, key = "rsa2048", place = "cn" }
net:capture { links = {} }
local flow = pc:udp_send { to = server, interval = "1s", start = "30s" }

local received = 0
local function arrived()
    local before = received
    received = flow:stats().received
    return received - before
end
net:run "90s"
net:check(arrived() > 55, "CRT-CA: SAN and Ed25519 on one side, CN and RSA on the other")
net:check(mine.serial == 77, "the serial number is the one that was wanted")

issuing:revoke(mine)
net:run "150s"
net:check(arrived() == 60, "CRT-LATE: a revocation that no router has heard of changes nothing")
b:reload { crl = issuing:crl() }
net:run "210s"
net:check(arrived() == 0, "CRT-EXPIRING: with the list, the revoked router is no peer")
net:check(b:show("show alarms"):find "revoked", "and an alarm says why")

a:certificate { ca = issuing }
net:run "300s"
net:check(arrived() > 55, "another certificate of that CA brings it back") -- at the next request: within 30 s
root:revoke(issuing)
b:reload { crl = issuing:crl() .. root:crl() }
net:run "360s"
net:check(arrived() <= 1, "CRT-EXPIRING: with the CA's certificate revoked, no router of it is a peer")

a:certificate { ca = other }
net:run "420s"
net:check(arrived() == 0, "CRT-CA: nor is one with the certificate of a stranger's CA")
a:certificate { ca = root, name = "alias-x" }
net:run "480s"
net:check(arrived() == 0, "CFG-PCN-MATCH: nor is one with another's name")
b:reload { trusted_ca = root:root() .. other:root() }
a:certificate { ca = other, from = "479s" }
net:run "600s"
net:check(arrived() > 60, "CRT-LATE: until that CA is trusted")

local function refuses(text, f, ...)
    local ok, why = pcall(f, ...)
    net:check(not ok and tostring(why):find(text, 1, true), "refused: " .. tostring(why))
end
refuses("is no kind of key", net.ca, net, "bad", { key = "p257" })
refuses("would end before it begins", root.issue, root, { name = "x", from = "2s", until_ = "1s" })
refuses("1 to 63 octets", root.issue, root, {})
refuses("place is", root.issue, root, { name = "x", place = "dns" })
refuses("wants a ca", a.certificate, a, {})
refuses("the network is running", net.trust, net, root)
print(("1..%d"):format(net.checks))

-- SPDX-License-Identifier: MIT
-- What a configuration may say. Each word of key management is tried with its lowest and highest value, with what lies just beyond
-- them, and with nonsense; the samples of the description are tried as they stand there. Meanwhile two routers work, which none of it
-- disturbs.
local p = require "svr.params" { minutes = 5 }
local net = require "svr.net" { seed = 111, name = "configuration", dh_bits = 2048 }
local a, b = net:router "a", net:router "b"
net:capture { links = { net:link(a, b, { name = "line", delay = "5ms" }) } }
local pc, server = net:host(a, "10.1.0.10"), net:host(b, "10.2.0.10")
net:end_traffic(p.minutes * 60 * 1000000000 - 15 * 1000000000)
local flow = pc:udp_echo { name = "pc > server", to = server, interval = "1s", start = "30s" }

local function key_management(word, value)
    return ("config\n    authority\n        name  lab\n        security-key-management\n            %s  %s\n"):format(word, value)
end
local values = {
    ["payload-key-rekey-interval"] = { "1", "24", "720", "never", "0", "721", "-1", "1.5", "often", "" },
    ["peer-key-rekey-interval"] = { "1", "24", "720", "never", "0", "721", "99999999999999999999", "never ever", "" },
    ["peer-key-retransmit-interval"] = { "5", "30", "3600", "4", "3601", "never", "5s", "" },
    ["peer-key-timeout"] = { "1", "3600", "1000000", "0", "1000001", "never", "an hour", "" },
    ["invalid-certificate-behavior"] = { "fail-soft", "fail-hard", "fail", "FAIL-HARD", "" },
}
local function try_values()
    net:try_config("authority\n    name  lab\n", "defaults", "")
    for _, word in ipairs { "payload-key-rekey-interval", "peer-key-rekey-interval", "peer-key-retransmit-interval", "peer-key-timeout",
        "invalid-certificate-behavior" } do
        for _, value in ipairs(values[word]) do net:try_config(key_management(word, value), word, value) end
    end
    for _, kex in ipairs { "diffie-hellman dh-key-size 2048", "diffie-hellman dh-key-size 4096", "diffie-hellman dh-key-size 512",
        "ecdh curve P-521", "ecdh curve X25519", "ecdh curve P-192", "rot13", "" } do
        local lines = kex:gsub("^(%S+) (%S+ %S+)$", "%1\n%2")
        net:try_config(key_management("key-exchange-algorithm\n", lines), "key-exchange-algorithm", kex)
    end
    for _, value in ipairs { "true", "false", "yes", "" } do
        net:try_config("authority\n    enhanced-security-key-management  " .. value .. "\n", "enhanced-security-key-management", value)
    end
    net:try_config("authority\n    enhanced-securty-key-management  true\n", "a misspelt word", "")
    net:try_config("authority\n    security-key-management\n    frobnicate  1\n", "an unknown word", "")
    net:try_config("", "nothing", "")
end

-- As they stand in the description: without `exit`, with blocks written twice.
local samples = {
    ["enabling the feature"] = "config\n\nauthority\nenhanced-security-key-management true\n",
    ["peering-common-name"] = "        router                            combo-east\nname combo-east\npeering-common-name second-fake-alias-2\n"
        .. "location usa\ndescription \"router 1\"\ninter-node-security internal\n",
    ["rekeying"] = "config \nauthority\nsecurity-key-management\npayload-key-rekey-interval 24\npeer-key-rekey-interval 24\n"
        .. "peer-key-retransmit-interval 30\npeer-key-timeout 3600\ninvalid-certificate-behavior fail-soft\n",
    ["the whole"] = "config\n\nauthority\nenhanced-security-key-management true\n\nrouter RTR_EAST_CONDUCTOR\nname RTR_EAST_CONDUCTOR\n\n"
        .. "node conductor-east-1\nname conductor-east-1\nexit\nexit\n\nrouter combo-east\nname combo-east\n"
        .. "peering-common-name second-fake-alias-2\nlocation usa\ndescription \"router 1\"\ninter-node-security internal\n\n"
        .. "router combo-west\nname combo-west\npeering-common-name second-fake-alias-3\nlocation usa\ninter-node-security internal\n",
}
local function try_samples()
    for _, name in ipairs { "enabling the feature", "peering-common-name", "rekeying", "the whole" } do
        net:try_config(samples[name], "sample", name)
    end
end

-- A hub, two spokes, a mesh of two more; one of them names a peer by hand.
local function router(name, neighborhood, topology, address, more)
    return ([[
router %s
    peering-common-name  pcn-%s
    node n
        device-interface w
            network-interface w
                neighborhood %s
                    topology %s
                exit
                address %s
                    prefix-length 24
                exit
            exit
        exit
    exit
%s
exit
]]):format(name, name, neighborhood, topology, address, more or "")
end
local function try_peers()
    net:try_config("authority\nenhanced-security-key-management true\n" .. router("hub", "internet", "hub", "192.0.2.1")
        .. router("east", "internet", "spoke", "192.0.2.2") .. router("west", "internet", "spoke", "192.0.2.3")
        .. router("x", "office", "mesh", "198.51.100.1") .. router("y", "office", "mesh", "198.51.100.2"), "peers",
        "hub: east west, east: hub, west: hub, x: y, y: x")
end

net:at("1min", try_values)
net:at("2min", try_samples)
net:at("3min", try_peers)
net:run(p.minutes * 60 * 1000000000)
net:check(flow:missing() == 0, ("CFG-REJECT: the routers go on meanwhile (%d of %d answered)"):format(flow:stats().replies, flow:stats().sent))
print(("1..%d"):format(net.checks))

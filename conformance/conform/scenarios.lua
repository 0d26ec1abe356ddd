-- SPDX-License-Identifier: MIT
-- What `svrconform run` runs: a name, the scenario, parameters for it, and the captures to judge (default: all).
return {
    { name = "key-life", file = "scenarios/key-life.lua",
        what = "two routers, two lines: rotations, an outage of both lines, a router that dies and comes back" },
    { name = "hub-and-spoke", file = "scenarios/hub-and-spoke.lua", set = { "hours=2.2", "rekey=1", "outage=false", "capture=all" },
        captures = { "hub-line" }, -- every packet passes there, once
        what = "a hub and three spokes: management, spoke to hub, spoke to spoke, two rotations" },
}

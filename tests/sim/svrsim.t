#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# svrsim from outside: the same seed gives the same bytes, and whoever makes a mistake is told where.
svrsim=${SVRSIM:-build/bin/svrsim}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

check() { # TEXT STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

# svrsim exits with STATUS and says PATTERN on stderr.
expect() { # TEXT STATUS PATTERN ARGUMENT...
    local text=$1 status=$2 pattern=$3
    shift 3
    "$svrsim" "$@" >"$dir/stdout" 2>"$dir/stderr"
    local got=$?
    [ $got -eq "$status" ] && grep -q -- "$pattern" "$dir/stderr"
    local ok=$?
    check "$text" $ok
    [ $ok -eq 0 ] || sed "s/^/# exit $got: /" "$dir/stderr"
}

cat >"$dir/two.lua" <<'LUA'
local p = require "svr.params" { seconds = 120, losses = 0 }
local net = require "svr.net" { seed = 7, dh_bits = 2048 }
local hub, east = net:router("hub", { topology = "hub" }), net:router("east", { topology = "spoke" })
local isp = net:underlay "isp"
net:link(hub, isp, { rate = "100Mbps", delay = "5ms" })
net:link(east, isp, { rate = "100Mbps", delay = "5ms", loss = 0.001 })
local server, client = net:host(hub, "10.0.0.10"), net:host(east, "10.1.0.10")
local flow = client:udp_send { to = server, interval = "100ms", start = "20s", stop = "100s" }
net:run(p.seconds .. "s")
local s = flow:stats()
print(("sent %d received %d"):format(s.sent, s.received))
net:check(s.sent == 800 and s.received > 780, "the flow arrives")
net:check(s.lost <= 20 + p.losses, "little is lost")
LUA

"$svrsim" run "$dir/two.lua" -q --out "$dir/a" >"$dir/a.txt" 2>&1
check "two routers carry a flow" $?
sed 's/^/# /' "$dir/a.txt"
"$svrsim" run "$dir/two.lua" -q --out "$dir/b" >"$dir/b.txt" 2>&1
diff -r "$dir/a" "$dir/b" >/dev/null && cmp -s "$dir/a.txt" "$dir/b.txt"
check "the same seed gives the same bytes" $?
"$svrsim" run "$dir/two.lua" -q --seed 8 --out "$dir/c" >/dev/null 2>&1
! cmp -s "$dir/a/keys.log" "$dir/c/keys.log"
check "another seed gives other keys" $?
[ "$(ls "$dir"/a/*.pcapng | wc -l)" -eq 4 ] && [ -s "$dir/a/events.jsonl" ] && [ -s "$dir/a/keys.log" ]
check "captures, events and keys are written" $?

echo 'local net = require "svr.net" {}
net:host(net:router "a", "10.0.0")' >"$dir/address.lua"
expect "a mistake in a call names the script's line" 2 'address.lua:2: .*10.0.0' \
    run "$dir/address.lua" -q --out "$dir/o"
echo 'local net = require "svr.net" {}
net:at("1s", function()
    error "boom"
end)
net:run "2s"' >"$dir/callback.lua"
expect "an error in a callback names its line" 2 'callback.lua:3: boom' run "$dir/callback.lua" -q --out "$dir/o"
echo 'x = = 1' >"$dir/syntax.lua"
expect "a syntax error names its line" 2 'syntax.lua:1:' run "$dir/syntax.lua" -q --out "$dir/o"
expect "an unknown parameter is refused, and the known ones are named" 2 'second: .*losses, seconds' \
    run "$dir/two.lua" -q --out "$dir/o" --set second=1
expect "a parameter of the wrong type is refused" 2 'seconds=many: expected a number' \
    run "$dir/two.lua" -q --out "$dir/o" --set seconds=many
expect "--set wants NAME=VALUE" 2 'expected NAME=VALUE' run "$dir/two.lua" --set seconds
expect "--seed wants a number" 2 'expected a number' run "$dir/two.lua" --seed x
expect "--until wants a time" 2 'expected a time' run "$dir/two.lua" --until 5x
expect "an unknown option points to the help" 2 'svrsim --help' run "$dir/two.lua" --nonsense
expect "a missing script is named" 2 'nothing.lua' run "$dir/nothing.lua" --out "$dir/o"
expect "an unwritable folder is named" 2 '/dev/null/o' run "$dir/two.lua" --out /dev/null/o
echo 'local net = require "svr.net" {}
net:router "a"
net:config "config\n    nonsense\nexit\n"
net:run "1s"' >"$dir/config.lua"
expect "a configuration error names file, line and column" 2 'authority.conf:2:[0-9]*: ' \
    run "$dir/config.lua" -q --out "$dir/o"
echo 'require "svr.net" {}:check(false, "never")' >"$dir/failing.lua"
"$svrsim" run "$dir/failing.lua" -q --out "$dir/o" | grep -q '^not ok 1 - never'
[ "${PIPESTATUS[0]}" -eq 1 ]
check "an expectation that is not met gives exit status 1" $?
"$svrsim" --help | grep -q 'Usage: svrsim run'
check "--help helps" $?
"$svrsim" --version | grep -q '^svrsim [0-9]'
check "--version tells" $?
echo "1..$n"

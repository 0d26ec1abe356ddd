#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   pc -- a ===(line)=== b -- server
#
# A scenario of the simulator with real routers: an hour and a bit in 20 s, judged by the conformance suite. What the lab
# makes goes again, however it ends.

. "$(dirname "$0")/lib.sh"
need jq
cd "$LAB_TOP" || exit 1
svrlab=$LAB_BIN/svrlab
[ -x "$svrlab" ] || skip_all "build first: no $svrlab"

# remains PID: what the run of that process left on this machine.
remains() { ip netns list | grep "^svrlab-$1-" || ls -d "/run/svrlab-$1" 2>/dev/null; }

# Runs in the background; its process is $RUN.
begin() {
    "$svrlab" run "$@" >"$LAB_DIR/out" 2>&1 &
    RUN=$!
    LAB_PIDS+=($RUN)
}

begin scenarios/lab-pair.lua -q --clock-rate 240 --out "$LAB_DIR/pair"
wait $RUN
report $? "real routers meet all expectations of a scenario"
try "nothing of it remains on this machine" eval '! remains $RUN'
here=$LAB_DIR/pair
"$LAB_BIN/svrconform" check "$here/line.pcapng" --keylog "$here/keys.log" --events "$here/events.jsonl" \
    --config "$here/authority.conf" --slack 8 | tee "$LAB_DIR/judged" >"$LAB_DIR/out"
report "${PIPESTATUS[0]}" "the conformance suite finds nothing wrong with what came over the wire"
try "it could judge the keys" eval '[ "$(grep -c "^ok .* \(CRY\|KEY\)-" "$LAB_DIR/judged")" -ge 9 ] &&
    grep "KEY-GRACE-30" "$LAB_DIR/judged" | grep -qv SKIP'
try "both clocks are one: the first event is of the first minute, the last of the end" eval '
    head -n 1 "$here/events.jsonl" | grep -q "2025-01-01T00:00:" && tail -n 1 "$here/events.jsonl" | grep -q "2025-01-01T01:"'
try "Wireshark finds no fault with it" tests/tools/faults -k "$here/keys.log" "$here/line.pcapng"
try "the story says what was done" grep -q '"link":"line","state":"down"' "$here/story.jsonl"

# What show commands have, field by field, without the values.
labels() { jq -c 'select(.kind == "show") | [.command, ([.records[].fields[][0]] | unique)]' "$1/story.jsonl"; }
try "show commands have the fields that they have in the simulator" eval '
    "$LAB_BIN/svrsim" run scenarios/lab-pair.lua -q --out "$LAB_DIR/sim" && [ "$(labels "$here" | wc -l)" -ge 8 ] &&
        diff <(labels "$LAB_DIR/sim") <(labels "$here")'

begin scenarios/lab-pair.lua -q --clock-rate 240 --out "$LAB_DIR/ended"
wait_for 10 test -s "$LAB_DIR/ended/b.log"
kill -TERM $RUN
wait $RUN
status=$?
try "a run that is told to end does, with status 2" [ $status -eq 2 ]
try "and leaves nothing" eval '! remains $RUN'

begin scenarios/lab-pair.lua -q --clock-rate 240 --out "$LAB_DIR/killed"
wait_for 10 test -s "$LAB_DIR/killed/b.log"
kill -KILL $RUN
wait $RUN 2>/dev/null
try "a run that is killed leaves its namespaces" remains $RUN
cat >"$LAB_DIR/clock.lua" <<'LUA'
local net = require "svr.net" {}
local a = net:router "a"
net:link(a, net:router "b", { corrupt = 0.1, loss = 0.1, jitter = "10ms" })
net:at("10s", function() a:set_clock "1h" end)
net:run "20s"
LUA
"$svrlab" run "$LAB_DIR/clock.lua" -q --out "$LAB_DIR/clock" 2>&1 | tee "$LAB_DIR/refused" >"$LAB_DIR/out"
report $((PIPESTATUS[0] != 3)) "what the lab cannot do ends a run with status 3"
try "it says what that is" grep -qx 'unsupported: setting the clock of a running router' "$LAB_DIR/refused"
try "the next run removes what the killed one left" eval '! remains $RUN'
try "and no router of it runs on" eval '! grep -ls "$LAB_DIR/killed/[a]uthority.conf" /proc/[0-9]*/cmdline'
"$LAB_BIN/svrconform" run --backend lab --clock-rate 240 --scenario clocks --out "$LAB_DIR/suite" >"$LAB_DIR/told" 2>"$LAB_DIR/out"
report $(($? != 2)) "the suite does not call such a scenario judged"
try "and names the reason with each check" \
    eval '[ "$(grep -c "# SKIP setting the clock of a running router$" "$LAB_DIR/told")" -eq "$(grep -c "^ok " "$LAB_DIR/told")" ]'
try "a backend that is none is refused" eval '"$LAB_BIN/svrconform" run --backend moon 2>&1 | grep -q "sim or lab, not moon"'
cat >"$LAB_DIR/moments.lua" <<'LUA'
local core = require "svr.core"
local net = require "svr.net" { dh_bits = 2048 }
local a, b = net:router "a", net:router "b"
net:capture { links = { net:link(a, b, { name = "line", delay = "40ms" }) } }
net:at("1ms", function() b:show "show alarms" end)
net:at("60s", function()
    local till = core.machine_clock() + 200000000
    while core.machine_clock() < till do b:counters() end -- the network stands still, and b sends what it has to
    b:crash()
    b:restart()
end)
net:run "90s"
LUA
"$svrlab" run "$LAB_DIR/moments.lua" -q --clock-rate 60 --out "$LAB_DIR/moments" >"$LAB_DIR/out" 2>&1
report $? "a router is asked while it starts, and is asked for long before it loses power"
here=$LAB_DIR/moments
"$LAB_BIN/svrconform" check "$here/line.pcapng" --keylog "$here/keys.log" --events "$here/events.jsonl" --story "$here/story.jsonl" \
    --config "$here/authority.conf" --slack 2 --only OPS-ALARMS >"$LAB_DIR/out" 2>&1
report $? "an answer has the time of the router that gave it"
"$LAB_BIN/svrpcap" dump "$here/line.pcapng" --keylog "$here/keys.log" >"$LAB_DIR/packets"
restart=$(jq -r 'select(.did == "restart") | .time | "\(. / 1000000000 | floor | strftime("%Y-%m-%d %H:%M:%S")).\(. % 1000000000 + 1000000000 | tostring[1:])"' \
    "$here/story.jsonl")
# With equal widths, times compare as texts. The line between the two keeps what is on its way.
awk -v at="$restart" -v from=172.16.0.2 '{ t = $2 " " $3 } index($4, from) == 1 && /BFD/ {
    if (t < at) { before = $0 } else { print "restart", at; print before; print; exit !(before ~ / up/ && !/ up/) } }' "$LAB_DIR/packets" >"$LAB_DIR/out"
report $? "what a router sent before it lost power does not come afterwards"
cat >"$LAB_DIR/short.lua" <<'LUA'
local net = require "svr.net" {}
local a, b = net:router "a", net:router "b"
net:link(a, b, { delay = "5ms", rate = "10Mbps" })
local flow = net:host(a, "10.1.0.10"):udp_echo { to = net:host(b, "10.2.0.10"), interval = "200ms", start = "10s", count = 10 }
net:run "20s"
local s = flow:stats()
net:check(s.replies == 10 and s.rtt_min >= 10000000, ("%d of 10 answers, the quickest after %d ns"):format(s.replies, s.rtt_min))
LUA
begin=$(date +%s)
try "svrsim emulate runs a scenario between real routers" "$LAB_BIN/svrsim" emulate "$LAB_DIR/short.lua" -q --out "$LAB_DIR/short"
try "and at the speed of real time" [ $(($(date +%s) - begin)) -ge 19 ]
"$svrlab" run scenarios/lab-pair.lua --clock-rate 0 >"$LAB_DIR/out" 2>&1
report $(($? != 2)) "a clock that stands still is refused"

finish

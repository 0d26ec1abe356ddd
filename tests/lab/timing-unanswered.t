#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# What a router does when its peer is not heard: an outage that leaves the keys alone, then a peer that dies
# before the next exchange. The clock runs 240 times as fast: an hour in 15 s. Bounds are the spec's; they are
# never undercut, and may be passed by a quarter of a real second.

. "$(dirname "$0")/lib.sh"
need ping jq
RATE=240

two_networks 192.0.2.1 192.0.2.2 24
sed -i '/peer-key-retransmit/{s/interval .*/interval 30/;p;s/peer-key-retransmit.*/peer-key-timeout 900/p;s/peer-key-timeout.*/peer-key-rekey-interval 1/}' \
    "$LAB_DIR/authority.conf"
slow_bfd 10000 5
cd "$LAB_DIR" || exit 1

start_router a --clock-rate $RATE
start_router b --clock-rate $RATE
try "both routers take their path into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
requests() { jq -r 'select(.kind == "key-request") | .t' a.events | wc -l; }

# ---- outage ---------------------------------------------------------------------------------------

before=$(requests)
ip -n "$(space wire)" link set to-b down
try "the path goes out of service" wait_for 5 has_event a '.kind == "path-service" and .to == "out-of-service"'
sleep 4.2 # longer than peer-key-timeout
ip -n "$(space wire)" link set to-b up
try "KEY-OUTAGE: it comes back" wait_for 3 eval 'in_service a 2 && in_service b 2'
try "KEY-OUTAGE: traffic flows" in_space client ping -c 2 -i 0.2 -W 2 10.2.0.10
try "KEY-OUTAGE: without a new exchange" [ "$(requests)" -eq "$before" ]

# ---- silence --------------------------------------------------------------------------------------

kill -KILL "$(cat b.pid)"
try "the next exchange begins" wait_for 20 eval "[ \$(requests) -gt $before ]"
try "KEY-TIMEOUT: patience ends" wait_for 10 has_event a '.kind == "key-timeout"'
try "KEY-RETRY: attempts go on" wait_for 15 eval "[ \$(requests) -ge \$(($before + 32)) ]"
first=$(jq -r 'select(.kind == "key-request") | .t' a.events | sed -n "$((before + 1))p")
established=$(last_event a '.kind == "peer-key" and .to == "sending"' .t)
# a has the smaller name: it begins, an hour after the last exchange.
try "KEY-REKEY-PEER: an hour after the last one" took 3600 "$established" "$first"
# spaced FROM TO SECONDS: each of these requests comes so long after the one before, and the last of them not later than
# a quarter of a real second after its time.
spaced() {
    jq -r 'select(.kind == "key-request") | .t' a.events | sed -n "$((before + $1)),$((before + $2))p" |
        awk -v s="$3" -v late="$RATE" 'NR == 1 { first = $1 }
            NR > 1 { print $1 - last; n++; bad = bad || $1 - last < s }
            { last = $1 } END { exit bad || !n || last - first > n * s + late / 4 }'
}
try "KEY-RETRANSMIT: requests go out every 30 s" spaced 1 30 30
timeout=$(last_event a '.kind == "key-timeout"' .t)
try "KEY-TIMEOUT: 900 s after the first" took 900 "$first" "$timeout"
try "KEY-RETRY: then every 900 s" spaced 31 32 900

# ---- a reason to try at once, and an answer -------------------------------------------------------

try "KEY-NO-ANSWER: no traffic meanwhile" eval '! in_space client ping -c 2 -i 0.2 -W 1 10.2.0.10'
before=$(requests)
ip -n "$(space a)" link set wan0 down
sleep 0.3
ip -n "$(space a)" link set wan0 up
try "KEY-RETRY-IFCHANGE: a change of the interface is a reason to try at once" wait_for 1 eval "[ \$(requests) -gt $before ]"
start_router b --clock-rate $RATE
try "KEY-NO-ANSWER: one valid answer brings the path back" wait_for 15 eval 'in_service a 3'
try "and traffic" in_space client ping -c 2 -i 0.2 -W 2 10.2.0.10

finish

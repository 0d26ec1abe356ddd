#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# Keys rotate every hour, and an hour passes in 15 s. Nothing of what runs over them meanwhile is lost. (It is UDP, whose sessions
# are forgotten after 180 s of silence: three quarters of a second here, which a busy machine may well be elsewhere for
# less.)

. "$(dirname "$0")/lib.sh"
need iperf3 jq
RATE=240

two_networks 192.0.2.1 192.0.2.2 24
sed -i '/peer-key-retransmit/{p;s/peer-key-retransmit-interval .*/peer-key-rekey-interval 1/p;s/peer-key/payload-key/}' \
    "$LAB_DIR/authority.conf"
slow_bfd 10000 5

# happened KIND TO N: at least N times at router a.
happened() { [ "$(grep -c "\"kind\":\"$1\".*\"to\":\"$2\"" "$LAB_DIR/a.events")" -ge "$3" ]; }

start_router a --clock-rate $RATE
start_router b --clock-rate $RATE
try "both routers take their path into service within 15 s" wait_for 15 eval 'in_service a 1 && in_service b 1'
background server iperf3 -s -1 --logfile /dev/null
wait_for 5 eval 'in_space server ss -ltn | grep -q :5201'
try "of 1000 packets in 20 s none is lost" eval 'in_space client iperf3 -c 10.2.0.10 -u -b 80k -l 200 -t 20 --json |
    jq -e ".end.sum | .packets >= 900 and .lost_packets == 0"'
try "the peer key was replaced meanwhile" eval 'happened peer-key sending 2 && happened peer-key erased 1'
try "so was the payload key" eval 'happened payload-key sending 1 && happened payload-key erased 1'
# nth ROUTER JQ-CONDITION N: the instant of the n-th such event.
nth() { jq -r "select($2) | .t" "$LAB_DIR/$1.events" | sed -n "$3p"; }
try "KEY-REKEY-PEER: an hour after the first exchange" took 3600 "$(nth a '.kind == "peer-key" and .to == "sending"' 1)" \
    "$(nth a '.kind == "key-request" and .reason == "peer-key-rekey-interval"' 1)"
made='.kind == "payload-key" and .to == "computed"'
session=$(jq -r "select($made and .value == 1) | .detail" "$LAB_DIR/a.events" | head -n 1)
try "KEY-REKEY-PAYLOAD: an hour after the first key of the session" took 3600 \
    "$(nth a "$made and .detail == \"$session\"" 1)" "$(nth a "$made and .detail == \"$session\"" 2)"

finish

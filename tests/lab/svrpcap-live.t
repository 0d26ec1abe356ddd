#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# svrpcap looks on at the wire, with the key logs that both routers write meanwhile, and keeps what it saw.

. "$(dirname "$0")/lib.sh"
need ping setpriv

two_networks 192.0.2.1 192.0.2.2 24
svrpcap=$LAB_BIN/svrpcap
: >"$LAB_DIR/a.keys"
: >"$LAB_DIR/b.keys"
background wire "$svrpcap" live bridge -k "$LAB_DIR/a.keys" -k "$LAB_DIR/b.keys" -o "$LAB_DIR/seen.pcapng" udp \
    >"$LAB_DIR/live" 2>"$LAB_DIR/live.err"
live=$LAST_PID
try "svrpcap listens" wait_for 10 grep -q 'listening on bridge, Ethernet' "$LAB_DIR/live.err"

start_router a --keylog "$LAB_DIR/a.keys"
start_router b --keylog "$LAB_DIR/b.keys"
wait_for 10 ready a b
try "both routers take their path into service within 15 s" wait_for 15 eval 'in_service a 1 && in_service b 1'
try "ping" in_space client ping -c 3 -i 0.2 -W 2 10.2.0.10

try "svrpcap tells the exchange of keys as it passes" wait_for 10 grep -q 'BFD up.*alias-[ab] > alias-[ab], key 1.*METADATA_KEY' "$LAB_DIR/live"
try "and the ping inside, both ways" wait_for 10 eval \
    'grep -q "forward ICMP 10.1.0.10:[0-9]* > 10.2.0.10:[0-9]*, .*service east, tenant corp.*payload good, length 64$" "$LAB_DIR/live" &&
        grep -q "reverse ICMP 10.2.0.10:[0-9]* > 10.1.0.10:[0-9]*.*payload good, length 64$" "$LAB_DIR/live"'
end "$live" INT
try "it ends well when interrupted" [ $? -eq 0 ]
try "what it kept has its keys with it: nothing in it is a fault" eval \
    '"$svrpcap" verify "$LAB_DIR/seen.pcapng" && "$svrpcap" verify "$LAB_DIR/seen.pcapng" | grep -q "^payloads: [6-9] authentic, 0 not, 0 unchecked"'
try "and shows the pings again" eval '[ "$("$svrpcap" decrypt "$LAB_DIR/seen.pcapng" | "$svrpcap" dump - | grep -c "ICMP, length 84")" -ge 6 ]'
try "an interface that is not there" eval '"$svrpcap" live nowhere0 2>"$LAB_DIR/out"; [ $? -eq 2 ] && grep -q "nowhere0: .*No such device" "$LAB_DIR/out"'
try "a user without the right to capture is told how" eval \
    'setpriv --reuid 65534 --regid 65534 --clear-groups "$svrpcap" live lo 2>"$LAB_DIR/out"; [ $? -eq 2 ] && grep -q "run it as root" "$LAB_DIR/out"'
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ------- a ---------------- isp ---------------- b ------- server
#   10.1.0.10      192.0.2.1   .254        .254  198.51.100.2        10.2.0.10
#   fd01::10                      1500 | 1400                        fd02::10
#
# The provider's line to b takes 1400 bytes. Towards b the provider says so; what b sends is lost there without a word, since
# b's device believes in 1500. The routers find out, tell the hosts, and nothing is lost for its size.

. "$(dirname "$0")/lib.sh"
need ping python3 curl

two_networks_apart
ip -n "$(space isp)" link set to-b mtu 1400
sed -i 's/topology  mesh$/&\npath-mtu-discovery\nenabled true\nexit/' "$LAB_DIR/authority.conf"

start_router a
start_router b
wait_for 20 ready a b
try "both routers take their path into service" wait_for 20 eval 'in_service a 1 && in_service b 1'

mtu_of() { ask "$1" --json show paths | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["fields"]["mtu"])'; }
# A veth lets a VLAN tag more pass than its MTU says.
found() { local n; n=$(mtu_of "$1"); echo "$n"; [ "$n" -le 1404 ] && [ "$n" -gt 1392 ]; }
try "a finds out what the path takes" wait_for 30 found a
try "and so does b, which nobody tells" wait_for 30 found b

ping_of() { wait_for 10 in_space "$1" ping -c 1 -W 2 "${@:2}"; }
for size in 1300 1472 8000; do
    try "ping of $size bytes, which may be cut" ping_of client -M dont -s $size 10.2.0.10
    try "the other way round" ping_of server -M dont -s $size 10.1.0.10
    try "ping of $size bytes over IPv6" ping_of client -6 -s $size fd02::10
done
told() { in_space "$1" ping -c 1 -W 2 -M "do" -s 1340 "$2" 2>&1 | tee /dev/stderr | grep -Eq 'mtu ?= ?13[0-9][0-9]|message too long'; }
try "who forbids cutting is told what fits" wait_for 10 told client 10.2.0.10
try "on the other side as well" wait_for 10 told server 10.1.0.10

try_files 2000000

# ---- the line gets narrower while it is in use -----------------------------------------------------

ip -n "$(space isp)" link set to-b mtu 1300
narrower() { local n; n=$(mtu_of "$1"); echo "$n"; [ "$n" -le 1304 ]; }
try "a hears of a line that got narrower" wait_for 30 narrower a
try "b misses its probes" wait_for 30 narrower b
try "ping of 8000 bytes" ping_of client -M dont -s 8000 10.2.0.10
try "the other way round" ping_of server -M dont -s 8000 10.1.0.10
finish

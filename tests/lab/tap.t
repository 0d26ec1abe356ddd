#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---+
#   10.1.0.10 |
#   fd01::10  +-- bridge -- tap: a ================ wire ================ b -- tun, kernel -- server
#             |             10.1.0.1, fd01::1                                                 10.2.0.10
#   second ---+                                                                               fd02::10
#   10.1.0.11
#
# The LAN of a is a tap device in a bridge: a is a station there, and the kernel of its machine has no part in it.

. "$(dirname "$0")/lib.sh"
need ping python3 curl

two_networks 192.0.2.1 192.0.2.2 24
make_space second
cable second eth0 a lan1
give second eth0 10.1.0.11/24
ip -n "$(space second)" route add default via 10.1.0.1
ip -n "$(space a)" addr flush dev lan0
ip -n "$(space a)" link add br0 type bridge
ip -n "$(space a)" link set br0 up
for port in lan0 lan1; do ip -n "$(space a)" link set $port master br0; done
for family in ipv4.ip_forward ipv6.conf.all.forwarding; do in_space a sysctl -qw net.$family=0; done
python3 - "$LAB_DIR/authority.conf" <<'END'
import re, sys
text = open(sys.argv[1]).read()
text = text.replace("type              tun", "type              tap", 1)
for old, new, length in (("10.255.0.1", "10.1.0.1", 24), ("fdff::1", "fd01::1", 64)):
    text = re.sub(rf"address  {old}\n(\s*)ip-address     {old}\n\s*prefix-length  \d+",
                  rf"address  {new}\n\1ip-address     {new}\n\1prefix-length  {length}", text, count=1)
open(sys.argv[1], "w").write(text)
END

try "the configuration is good" "$LAB_BIN/svrd" --check --config "$LAB_DIR/authority.conf"
start_router a
start_router b
wait_for 20 ready a b
ip -n "$(space a)" link set svr0 master br0
try "both routers take their path into service" wait_for 20 eval 'in_service a 1 && in_service b 1'

ping_of() { wait_for 10 in_space "$1" ping -c 1 -W 2 "${@:2}"; }
try "ping" ping_of client 10.2.0.10
try "ping of a second host on the LAN" ping_of second 10.2.0.10
try "ping of IPv6" ping_of client -6 fd02::10
try "ping the other way round" ping_of server 10.1.0.10
try "ping of IPv6 the other way round" ping_of server -6 fd01::10
try "ping of 8000 bytes, in fragments" ping_of client -M dont -s 8000 10.2.0.10
try "the other way round" ping_of server -M dont -s 8000 10.1.0.10

station() { in_space "$1" ip neigh show "$2" dev eth0 | tee /dev/stderr | awk '{for (i = 1; i < NF; i++) if ($i == "lladdr") print $(i + 1)}'; }
try "all hosts see a at one Ethernet address, which is of no device here" eval '
    m=$(station client 10.1.0.1); [ -n "$m" ] && [ "$m" = "$(station second 10.1.0.1)" ] && [ "$m" = "$(station client fd01::1)" ] &&
        ! ip -n "$(space a)" link | grep -q "$m"'
told() { in_space client ping -c 1 -W 2 -M "do" -s 1440 10.2.0.10 2>&1 | tee /dev/stderr | grep -Eq 'mtu ?= ?1[34][0-9][0-9]|message too long'; }
try "who forbids cutting is told by a what fits" wait_for 10 told
try "a host with another Ethernet address is found again" eval '
    ip -n "$(space client)" link set eth0 address 02:00:00:00:aa:aa && ping_of client 10.2.0.10 && ping_of server 10.1.0.10'

try_files 2000000
finish

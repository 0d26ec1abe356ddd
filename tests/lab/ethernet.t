#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ----- lan0: a ================ wire ================ b -- tun, kernel -- server
#   10.1.0.10    10.1.0.1, fd01::1                                                 10.2.0.10
#   fd01::10                                                                       fd02::10
#   guest ------ lan1: a   tenant guest
#   10.3.0.10    10.3.0.1
#   printer ---- tap: a
#   10.4.0.10    10.4.0.1
#
# Two LANs of a are Ethernet devices of its machine, a third one is a tap device: svrd answers for a itself. The kernel there
# forwards for all it is asked to, and is asked nothing.

. "$(dirname "$0")/lib.sh"
need ping python3 curl tcpdump

two_networks 192.0.2.1 192.0.2.2 24
for name in guest printer; do make_space $name; done
cable guest eth0 a lan1
cable printer eth0 a port
give guest eth0 10.3.0.10/24
give printer eth0 10.4.0.10/24
ip -n "$(space guest)" route add default via 10.3.0.1
ip -n "$(space printer)" route add default via 10.4.0.1
ip -n "$(space a)" addr flush dev lan0
{
    authority_begin
    printf '        tenant  guest\n            name  guest\n        exit\n'
    conf_service west 10.1.0.0/24 fd01::/64
    conf_service east 10.2.0.0/24 fd02::/64
    conf_service paper 10.4.0.0/24
    router_begin a
    conf_wan wan0 internet 192.0.2.1 24
    conf_station ethernet lan lan0 corp 10.1.0.1/24 fd01::1/64
    conf_station ethernet visitors lan1 guest 10.3.0.1/24
    conf_station tap office svr0 corp 10.4.0.1/24
    node_end
    route_to_peer east b
    route_to_lan west a-1
    route_to_lan paper a-1 office
    router_end
    router_begin b
    conf_wan wan0 internet 192.0.2.2 24
    conf_lan 10.255.0.2 fdff::2
    node_end
    route_to_peer west a
    route_to_peer paper a
    route_to_lan east b-1
    router_end
    authority_end
} >"$LAB_DIR/authority.conf"

try "the configuration is good" "$LAB_BIN/svrd" --check --config "$LAB_DIR/authority.conf"
give a lan0 10.1.0.1/24
in_space a "$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router a --user root --control "$LAB_DIR/a.sock" >"$LAB_DIR/refused" 2>&1
report $(($? == 0)) "an address that the kernel has on the device is refused"
try "with the command that removes it" grep "ip addr del 10.1.0.1/24 dev lan0" "$LAB_DIR/refused"
ip -n "$(space a)" addr flush dev lan0

# What the kernel must not do with packets that are none of its own.
start_capture client eth0 "$LAB_DIR/client.pcap" 'icmp[0] = 5 or icmp[0] = 3 or tcp[tcpflags] & tcp-rst != 0'
start_router a
start_router b
wait_for 20 ready a b
ip -n "$(space a)" link add br0 type bridge
for port in br0 port svr0; do ip -n "$(space a)" link set $port up; done
for port in port svr0; do ip -n "$(space a)" link set $port master br0; done
try "both routers take their path into service" wait_for 20 eval 'in_service a 1 && in_service b 1'

ping_of() { wait_for 10 in_space "$1" ping -c 1 -W 2 "${@:2}"; }
try "ping" ping_of client 10.2.0.10
try "ping of IPv6" ping_of client -6 fd02::10
try "ping the other way round" ping_of server 10.1.0.10
try "ping of IPv6 the other way round" ping_of server -6 fd01::10
try "ping of 8000 bytes, in fragments" ping_of client -M dont -s 8000 10.2.0.10
try "the other way round" ping_of server -M dont -s 8000 10.1.0.10
try "ping from a LAN of another kind" ping_of printer 10.2.0.10
try "ping from LAN to LAN, and back" eval 'ping_of printer 10.1.0.10 && ping_of client 10.4.0.10'
try "who is of a tenant that no service admits is told so" eval '
    in_space guest ping -c 2 -W 1 10.2.0.10 2>&1 | tee /dev/stderr | grep -qi "prohibited\|filtered"'
told() { in_space client ping -c 1 -W 2 -M "do" -s 1440 10.2.0.10 2>&1 | tee /dev/stderr | grep -Eq 'mtu ?= ?1[34][0-9][0-9]|message too long'; }
try "who forbids cutting is told by a what fits" wait_for 10 told
station() { in_space "$1" ip neigh show "$2" dev eth0 | tee /dev/stderr | awk '{for (i = 1; i < NF; i++) if ($i == "lladdr") print $(i + 1)}'; }
try "hosts see a at one Ethernet address for each LAN, which is of no device here" eval '
    m=$(station client 10.1.0.1); v=$(station guest 10.3.0.1)
    [ -n "$m" ] && [ "$m" = "$(station client fd01::1)" ] && [ "$m" != "$v" ] && ! ip -n "$(space a)" link | grep -q "$m\|$v"'
try_files 20000000
stop_capture "$LAB_DIR/client.pcap"
try "the kernel of a redirects, refuses and resets nothing" eval '
    tcpdump -nr "$LAB_DIR/client.pcap" 2>/dev/null | grep -v "need to frag" | tee /dev/stderr | grep -c . | grep -qx 0'

give a lan0 10.9.0.1/24
give client eth0 10.9.0.10/24
background a python3 -m http.server --bind 10.9.0.1 8081 >/dev/null 2>&1
wait_for 5 eval 'in_space a ss -ltn | grep -q :8081'
try "another address of the device stays the kernel's" in_space client curl -sS --max-time 5 -o /dev/null http://10.9.0.1:8081/
finish

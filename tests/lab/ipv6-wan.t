#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  2001:db8::1           2001:db8::2    .1           10.2.0.10
#   fd01::10          ::1                                      ::1          fd02::10
#
# As two-routers.t, with IPv6 on the wire: both inner families over the other outer one.

. "$(dirname "$0")/lib.sh"
need ping iperf3 python3 tcpdump

for name in client a b server; do make_space $name; done
cable client eth0 a lan0
cable b lan0 server eth0
wire wire a wan0 b wan0
give client eth0 10.1.0.10/24 fd01::10/64
give a lan0 10.1.0.1/24 fd01::1/64
give a wan0 2001:db8::1/64
give b wan0 2001:db8::2/64
give b lan0 10.2.0.1/24 fd02::1/64
give server eth0 10.2.0.10/24 fd02::10/64
ip -n "$(space client)" route add default via 10.1.0.1
ip -n "$(space client)" route add default via fd01::1
ip -n "$(space server)" route add default via 10.2.0.1
ip -n "$(space server)" route add default via fd02::1

{
    authority_begin
    conf_service west 10.1.0.0/24 fd01::/64
    conf_service east 10.2.0.0/24 fd02::/64
    router_begin a
    conf_wan wan0 internet 2001:db8::1 64
    conf_lan 10.255.0.1 fdff::1
    node_end
    route_to_peer east b
    route_to_lan west a-1
    router_end
    router_begin b
    conf_wan wan0 internet 2001:db8::2 64
    conf_lan 10.255.0.2 fdff::2
    node_end
    route_to_peer west a
    route_to_lan east b-1
    router_end
    authority_end
} >"$LAB_DIR/authority.conf"

start_router a
start_router b
wait_for 10 ready a b
start_capture wire bridge "$LAB_DIR/kernel.pcap" 'icmp6 and ip6[40] = 1'
try "both routers take their path into service within 15 s" wait_for 15 eval 'in_service a 1 && in_service b 1'
start_capture wire bridge "$LAB_DIR/wire.pcap"
try "ping" in_space client ping -c 5 -i 0.2 -W 2 10.2.0.10
try "ping of IPv6" in_space client ping -6 -c 5 -i 0.2 -W 2 fd02::10
stop_capture "$LAB_DIR/wire.pcap"
try "on the wire the addresses are not readable" \
    eval '[ "$(count_bytes "$LAB_DIR/wire.pcap" 10.1.0.10 10.2.0.10 fd01::10 fd02::10)" -eq 0 ]'
in_space server iperf3 -s -D --pidfile "$LAB_DIR/iperf.pid"
wait_for 5 eval 'in_space server ss -ltn | grep -q :5201'
try "iperf3 over TCP" in_space client iperf3 -c 10.2.0.10 -t 2
try "iperf3 over TCP and IPv6" in_space client iperf3 -c fd02::10 -t 2
kill "$(cat "$LAB_DIR/iperf.pid")"
stop_capture "$LAB_DIR/kernel.pcap"
try "no kernel answered for a port of SVR" \
    eval '[ "$(tcpdump -nr "$LAB_DIR/kernel.pcap" 2>/dev/null | tee /dev/stderr | wc -l)" -eq 0 ]'

finish

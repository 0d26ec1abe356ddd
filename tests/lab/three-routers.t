#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ======= wire1 ======= m ======= wire2 ======= b ---------- server
#   10.1.0.10         .1  192.0.2.1    192.0.2.2  198.51.100.1  198.51.100.2  .1   10.2.0.10
#
# Multi-hop: m has no LAN and no part in the session's payload. It opens the metadata and rewrites addresses.

. "$(dirname "$0")/lib.sh"
need ping iperf3 python3 tcpdump

for name in client a m b server; do make_space $name; done
cable client eth0 a lan0
cable b lan0 server eth0
wire wire1 a wan0 m wan1
wire wire2 m wan2 b wan0
give client eth0 10.1.0.10/24
give a lan0 10.1.0.1/24
give a wan0 192.0.2.1/24
give m wan1 192.0.2.2/24
give m wan2 198.51.100.1/24
give b wan0 198.51.100.2/24
give b lan0 10.2.0.1/24
give server eth0 10.2.0.10/24
ip -n "$(space client)" route add default via 10.1.0.1
ip -n "$(space server)" route add default via 10.2.0.1

{
    authority_begin
    conf_service west 10.1.0.0/24
    conf_service east 10.2.0.0/24
    router_begin a
    conf_wan wan0 first 192.0.2.1 24
    conf_lan 10.255.0.1
    node_end
    route_to_peer east m
    route_to_lan west a-1
    router_end
    router_begin m
    conf_wan wan1 first 192.0.2.2 24
    conf_wan wan2 second 198.51.100.1 24
    node_end
    route_to_peer east b
    route_to_peer west a
    router_end
    router_begin b
    conf_wan wan0 second 198.51.100.2 24
    conf_lan 10.255.0.2
    node_end
    route_to_peer west m
    route_to_lan east b-1
    router_end
    authority_end
} >"$LAB_DIR/authority.conf"

for name in a m b; do start_router $name; done
try "all paths are in service within 15 s" wait_for 15 eval 'in_service a 1 && in_service m 2 && in_service b 1'
start_capture wire1 bridge "$LAB_DIR/wire1.pcap"
start_capture wire2 bridge "$LAB_DIR/wire2.pcap"
try "ping through three routers" in_space client ping -c 5 -i 0.2 -W 2 10.2.0.10
stop_capture "$LAB_DIR/wire1.pcap"
stop_capture "$LAB_DIR/wire2.pcap"
for k in 1 2; do
    try "on wire $k the addresses are not readable" \
        eval '[ "$(count_bytes "$LAB_DIR/wire$k.pcap" 10.1.0.10 10.2.0.10)" -eq 0 ]'
done
in_space server iperf3 -s -D --pidfile "$LAB_DIR/iperf.pid"
wait_for 5 eval 'in_space server ss -ltn | grep -q :5201'
try "iperf3 over TCP" in_space client iperf3 -c 10.2.0.10 -t 3
try "iperf3 over UDP" in_space client iperf3 -c 10.2.0.10 -u -b 20M -t 2
kill "$(cat "$LAB_DIR/iperf.pid")"

finish

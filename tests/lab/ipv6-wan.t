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

two_networks 2001:db8::1 2001:db8::2 64

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

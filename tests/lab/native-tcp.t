#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ------- a ------ isp ------ b ------- server
#                        firewall
#
# TCP between the routers (PD-UDP): the kernel's connection tracking sits between them. It lets pass BFD, and TCP connections that
# begin with a SYN and stay within their windows; nothing else.

. "$(dirname "$0")/lib.sh"
need ping iperf3 curl python3 tcpdump

two_networks_apart
sed -i 's/^\( *\)topology  mesh$/&\n\1tcp-transport  native/' "$LAB_DIR/authority.conf"
try "the configuration is good" "$LAB_BIN/svrd" --check --config "$LAB_DIR/authority.conf"

in_space isp nft -f - <<'NFT'
table inet firewall {
    counter refused { }
    chain forward {
        type filter hook forward priority 0; policy drop;
        udp dport 1280 accept
        ct state established accept
        tcp flags & (fin | syn | rst | ack) == syn ct state new accept
        meta l4proto tcp counter name refused drop
    }
}
NFT
in_space isp sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_tcp_be_liberal=0
refused() { in_space isp nft -j list counter inet firewall refused | jq '.nftables[] | .counter // empty | .packets'; }

start_capture isp to-a "$LAB_DIR/wire.pcap" tcp or udp
start_router a --keylog "$LAB_DIR/a.keys"
start_router b --keylog "$LAB_DIR/b.keys"
wait_for 10 ready a b
try "both routers take their path into service" wait_for 15 eval 'in_service a 1 && in_service b 1'

try_files 3000000
# Each connection is seen from its SYN on, by a firewall that would refuse a segment out of place.
try "the firewall found nothing wrong with it" eval 'refused && [ "$(refused)" -eq 0 ]'
stop_capture "$LAB_DIR/wire.pcap"
cat "$LAB_DIR/a.keys" "$LAB_DIR/b.keys" >"$LAB_DIR/keys"
try "every payload on the wire is TCP, and authentic" eval '
    "$LAB_BIN/svrpcap" verify "$LAB_DIR/wire.pcap" --keylog "$LAB_DIR/keys" | grep "^payloads: [1-9][0-9]* authentic, 0 not, 0 unchecked" &&
        [ "$(tcpdump -nr "$LAB_DIR/wire.pcap" "udp and not port 1280" 2>/dev/null | wc -l)" -eq 0 ]'
try "no kernel broke a connection off" eval \
    '[ "$(tcpdump -nr "$LAB_DIR/wire.pcap" "ip and tcp[tcpflags] & tcp-rst != 0" 2>/dev/null | wc -l)" -eq 0 ]'

in_space server iperf3 -s -D --pidfile "$LAB_DIR/iperf.pid"
wait_for 5 eval 'in_space server ss -ltn | grep -q :5201'
try "eight connections at once, both ways" in_space client iperf3 -c 10.2.0.10 -t 2 -P 8 --bidir
try "nor with these" eval 'refused && [ "$(refused)" -eq 0 ]'
kill "$(cat "$LAB_DIR/iperf.pid")"
try "what is UDP inside does not get through" eval '! in_space client ping -c 2 -W 1 10.2.0.10'

# A router that begins anew has its sessions back from its neighbour's metadata, within the same connections.
background server python3 -c '
import socket
s = socket.create_server(("10.2.0.10", 7001))
c = s.accept()[0]
while True:
    c.sendall(c.recv(1000))'
wait_for 5 eval 'in_space server ss -ltn | grep -q :7001'
background client python3 -c '
import socket, sys, time
c = socket.create_connection(("10.2.0.10", 7001))
for i in range(1000):
    c.sendall(b"%d\n" % i)
    got = c.recv(1000)
    open(sys.argv[1], "a").write(got.decode())
    time.sleep(0.1)' "$LAB_DIR/echo"
wait_for 10 test -s "$LAB_DIR/echo"
stop_router b KILL
: >"$LAB_DIR/b.events"
start_router b
wait_for 20 eval 'in_service b 1'
lines=$(wc -l <"$LAB_DIR/echo")
try "a connection outlives a router that begins anew" wait_for 20 eval '[ "$(wc -l <"$LAB_DIR/echo")" -gt $((lines + 5)) ]'
try "and stays in order for the firewall" eval 'refused && [ "$(refused)" -eq 0 ]'
finish

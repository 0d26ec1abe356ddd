#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#   fd01::10          ::1                                      ::1          fd02::10
#
# Super-packets, where the devices take them and where they do not: what passes is the same.

. "$(dirname "$0")/lib.sh"
need curl python3 tcpdump sha256sum ethtool

two_networks 192.0.2.1 192.0.2.2 24
mkdir "$LAB_DIR/files"
head -c 20000000 /dev/urandom >"$LAB_DIR/files/much"
background server python3 -m http.server --bind :: --directory "$LAB_DIR/files" 8080 >/dev/null 2>&1

same() { [ "$(sha256sum <"$LAB_DIR/got")" = "$(sha256sum <"$LAB_DIR/files/much")" ]; }
fetch() { in_space client curl -sgf --max-time 10 -o "$LAB_DIR/got" "http://$1:8080/much" && same; }
wait_for 5 eval 'in_space server ss -ltn | grep -q :8080'

# Small packets of several flows at once, to a program that answers each; all answers have to be right.
burst() {
    in_space client python3 - <<'PYTHON'
import os, socket, time
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
right = 0
for turn in range(20):
    sent = {}
    for s in socks:
        s.settimeout(2)
        sent[s] = [os.urandom(100 if i % 9 else 60) for i in range(20)]
        for d in sent[s]: s.sendto(d, ("10.2.0.10", 7777))
    for s in socks:
        try: right += sum(s.recv(2000) in sent[s] for _ in range(20))
        except TimeoutError: pass
print(right, "of 1600")
raise SystemExit(right < 1520)
PYTHON
}
background server python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 7777))
while True: s.sendto(*s.recvfrom(2000))' 2>/dev/null

# frames LONGER-THAN: how many of the capture are.
frames() { tcpdump -nr "$LAB_DIR/wire.pcap" "udp and greater $1" 2>/dev/null | wc -l; }

# pass WHAT: everything crosses, and is in $LAB_DIR/wire.pcap.
pass() {
    start_capture wire bridge "$LAB_DIR/wire.pcap" 'udp and not port 1280'
    try "$1: a file" fetch 10.2.0.10
    try "$1: a file over IPv6" fetch '[fd02::10]'
    try "$1: bursts of small packets" burst
    stop_capture "$LAB_DIR/wire.pcap"
}

start_both() {
    rm -f "$LAB_DIR"/?.events
    start_router a $1
    start_router b $2
    wait_for 15 eval 'in_service a 1 && in_service b 1' 2>/dev/null
}
stop_both() {
    stop_router a
    stop_router b
}

start_both "" ""
pass "devices that take super-packets"
try "there were some on the wire" eval '[ "$(frames 3000)" -gt 100 ]'
stop_both

real_frames a b
start_both "" ""
pass "devices that take none"
try "there were none on the wire" eval '[ "$(frames 1515)" -eq 0 ] && [ "$(frames 1000)" -gt 10000 ]'
try "each packet on the wire has its UDP checksum" eval \
    '! tcpdump -nvvr "$LAB_DIR/wire.pcap" 2>/dev/null | grep -m 1 "bad udp cksum"'
stop_both
in_space a ethtool -K wan0 tx on >/dev/null
in_space b ethtool -K wan0 tx on >/dev/null

start_both --no-offload ""
pass "one router without, one with"
stop_both

finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#   fd01::10          ::1                                      ::1          fd02::10
#
# Datagrams that no packet on the wire holds, in both families and both ways, and a connection whose segments have to
# find out what fits.

. "$(dirname "$0")/lib.sh"
need ping python3 curl tcpdump ethtool

two_networks 192.0.2.1 192.0.2.2 24
real_frames a b
start_router a
start_router b
wait_for 20 ready a b
try "both routers take their path into service" wait_for 20 eval 'in_service a 1 && in_service b 1'

start_capture wire bridge "$LAB_DIR/wire.pcap"

# Fragments of one datagram are lost together, so that a busy machine may take more than one attempt.
big_ping() { wait_for 10 in_space "$1" ping -c 1 -W 2 "${@:2}"; }
for size in 1400 1472 3000 8972 20000; do
    try "ping of $size bytes, which may be cut" big_ping client -M dont -s $size 10.2.0.10
    try "the other way round" big_ping server -M dont -s $size 10.1.0.10
    try "ping of $size bytes over IPv6" big_ping client -6 -s $size fd02::10
    try "the other way round, over IPv6" big_ping server -6 -s $size fd01::10
done

# ---- UDP of 9000 bytes -----------------------------------------------------------------------------

cat >"$LAB_DIR/udp.py" <<'END'
import socket, sys
what, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
if what == "echo":
    s.bind((address, 9000))
    print("ready", flush=True)
    while True:
        data, sender = s.recvfrom(65535)
        s.sendto(data, sender)
s.settimeout(1)
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: IP_PMTUDISC_DONT
text = bytes((i * 7 + i // 251) % 256 for i in range(size))
for attempt in range(8):
    s.sendto(text, (address, 9000))
    try:
        sys.exit(0 if s.recv(65535) == text else 1)
    except socket.timeout:
        pass
sys.exit(1)
END
for address in 10.2.0.10 fd02::10; do
    background server python3 "$LAB_DIR/udp.py" echo $address 0 >"$LAB_DIR/echo.$address"
    wait_for 5 grep -q ready "$LAB_DIR/echo.$address"
    for size in 1400 9000 40000; do
        try "UDP of $size bytes to $address and back, byte for byte" in_space client python3 "$LAB_DIR/udp.py" ask $address $size
    done
done

# ---- errors ----------------------------------------------------------------------------------------

# Kernel, svrd, svrd, kernel: each is a hop, and each says so.
hop() { in_space client ping "$1" -n -c 1 -W 2 -t "$2" "$3" | tee /dev/stderr | grep -q "$4"; }
try "hop 1 is a's kernel" wait_for 10 hop -4 1 10.2.0.10 'From 10.1.0.1 .*exceeded'
try "hop 2 is a" wait_for 10 hop -4 2 10.2.0.10 'From 10.255.0.1 .*exceeded'
try "hop 3 is b" wait_for 10 hop -4 3 10.2.0.10 'From 10.255.0.2 .*exceeded'
try "hop 4 is b's kernel" wait_for 10 hop -4 4 10.2.0.10 'From 10.*exceeded'
try "hop 5 is the server" wait_for 10 hop -4 5 10.2.0.10 ' bytes from 10.2.0.10'
try "hop 2 of IPv6 is a" wait_for 10 hop -6 2 fd02::10 'From fdff::1 .*exceeded'
try "hop 3 of IPv6 is b" wait_for 10 hop -6 3 fd02::10 'From fdff::2 .*exceeded'

cat >"$LAB_DIR/closed.py" <<'END'
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect((sys.argv[1], 9))
for attempt in range(8):
    try:
        s.send(b"is anybody there?")
        s.recv(100)
    except socket.timeout:
        pass
    except ConnectionRefusedError:
        sys.exit(0)
sys.exit(1)
END
for address in 10.2.0.10 fd02::10; do
    try "a program hears that a port at $address is closed" in_space client python3 "$LAB_DIR/closed.py" $address
done

# ---- TCP -------------------------------------------------------------------------------------------

try_files 3000000

stop_capture "$LAB_DIR/wire.pcap"
try "no frame on the wire is longer than its MTU" eval \
    'n=$(tcpdump -r "$LAB_DIR/wire.pcap" "greater 1515" 2>/dev/null | wc -l); echo "$n are"; [ "$n" -eq 0 ]'
try "and none is an IP fragment" eval \
    'n=$(tcpdump -r "$LAB_DIR/wire.pcap" "ip[6:2] & 0x3fff != 0" 2>/dev/null | wc -l); echo "$n are"; [ "$n" -eq 0 ]'
finish

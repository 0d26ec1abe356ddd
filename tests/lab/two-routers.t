#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#   fd01::10          ::1                                      ::1          fd02::10
#
# Real programs between two networks, each behind a router of its own, over one wire. The kernels of a and b forward
# between the LAN cable and svrd's tun device.

. "$(dirname "$0")/lib.sh"
need ping iperf3 curl python3 tcpdump socat openssl sha256sum

two_networks 192.0.2.1 192.0.2.2 24

try "the configuration is good" "$LAB_BIN/svrd" --check --config "$LAB_DIR/authority.conf"

start_router a
start_router b
wait_for 10 ready a b

# What the kernels must not say, heard on the wire for as long as both routers run.
start_capture wire bridge "$LAB_DIR/kernel.pcap" \
    '(icmp and icmp[0] = 3) or (icmp6 and ip6[40] = 1) or (ip and tcp and tcp[tcpflags] & tcp-rst != 0)'

try "both routers take their path into service within 15 s" wait_for 15 eval 'in_service a 1 && in_service b 1'

try "svrctl shows the peer's security" eval 'ask a show peers security | grep -q b'
try "svrctl gives the same as JSON" eval 'ask a --json show peers security | python3 -m json.tool >/dev/null'
for what in "peers" "peers certificate" "security key-status" "security certificate" "events 3" "counters" \
    "security security-associations" "security security-associations b detail" "paths" "services" "sessions" "sessions count"; do
    # shellcheck disable=SC2086
    try "svrctl answers show $what, and the same as JSON" eval \
        'ask a show $what | grep -q "[0-9]" && ask a --json show $what | python3 -m json.tool >/dev/null'
done
# Python's pty: a terminal for svrctl to write to.
on_terminal() { python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' "$@" </dev/null | tr -d '\r'; }
try "a terminal gets the answer in a frame, a pipe gets it bare" eval '
    on_terminal "$LAB_BIN/svrctl" --socket "$LAB_DIR/a.sock" show security key-status >"$LAB_DIR/framed"
    ask a show security key-status >"$LAB_DIR/bare"
    sed -n 1p "$LAB_DIR/framed" | grep -Eq "^[A-Z][a-z]{2} [0-9-]{10} [0-9:]{8} UTC$" &&
        sed -n 2p "$LAB_DIR/framed" | grep -qx "✔ Retrieving key status..." &&
        tail -n 1 "$LAB_DIR/framed" | grep -Eqx "Completed in [0-9]+\.[0-9]{2} seconds" &&
        head -n 1 "$LAB_DIR/bare" | grep -qx "=*"'
try "svrctl top without a terminal shows one second" eval '
    ask a top >"$LAB_DIR/top" && grep -q "^Sessions   [0-9]* of 1000000" "$LAB_DIR/top" &&
        grep -q "^Peer keys  index 1, age " "$LAB_DIR/top" && grep -Eq "^b +[a-z0-9]+ +192.0.2.2 +up " "$LAB_DIR/top"'
# Presses q when the second picture is there, and gives what the terminal was sent.
watch_top() { python3 - "$@" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen, pressed = b"", False
while True:
    try:
        more = os.read(fd, 65536)
    except OSError:
        break
    if not more:
        break
    seen += more
    if seen.count(b"Sessions ") >= 2 and not pressed:
        os.write(fd, b"q")
        pressed = True
os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
}
try "svrctl top on a terminal draws anew each second, and q ends it" eval '
    watch_top "$LAB_BIN/svrctl" --socket "$LAB_DIR/a.sock" top >"$LAB_DIR/screen" &&
        [ "$(grep -c "^.*Sessions   " "$LAB_DIR/screen")" -ge 2 ] && tail -c 20 "$LAB_DIR/screen" | grep -q "?1049l"'
try "svrctl top takes no words, and no --json" eval 'ask a top all; [ $? -eq 2 ] && { ask a --json top; [ $? -eq 2 ]; }'
try "svrctl top says when no router answers" eval '"$LAB_BIN/svrctl" --socket "$LAB_DIR/none.sock" top 2>&1 | grep -q "No such file"'
try "svrctl refuses an unknown command with status 1" eval 'ask a show nonsense; [ $? -eq 1 ]'
try "svrctl says what may stand there, the host's own commands too" eval '
    ask a show nonsense 2>&1 | grep -q "alarms, .*, host$" &&
        ask a nonsense 2>&1 | grep -q "there may be: show, reload .*, security metadata-key regenerate, metrics$"'

# ---- ping, and nothing readable on the wire ---------------------------------------------------------

PATTERN=READABLE-PAYLOAD-READABLE
start_capture wire bridge "$LAB_DIR/wire.pcap"
start_capture client eth0 "$LAB_DIR/lan.pcap"

try "ping" in_space client ping -c 5 -i 0.2 -W 2 10.2.0.10
try "ping of IPv6" in_space client ping -6 -c 5 -i 0.2 -W 2 fd02::10
try "ping the other way round" in_space server ping -c 3 -i 0.2 -W 2 10.1.0.10
background server socat -u TCP-LISTEN:7000,reuseaddr "CREATE:$LAB_DIR/got"
wait_for 5 eval 'in_space server ss -ltn | grep -q :7000'
yes $PATTERN | head -c 100000 >"$LAB_DIR/sent"
in_space client timeout 10 socat -u "FILE:$LAB_DIR/sent" TCP:10.2.0.10:7000
try "a text arrives as it was sent" wait_for 5 cmp "$LAB_DIR/sent" "$LAB_DIR/got"

stop_capture "$LAB_DIR/wire.pcap"
stop_capture "$LAB_DIR/lan.pcap"
try "on the LAN addresses and text are readable" \
    eval '[ "$(count_bytes "$LAB_DIR/lan.pcap" $PATTERN 10.2.0.10 fd02::10)" -gt 100 ]'
try "on the wire there are packets" \
    eval 'n=$(stat -c %s "$LAB_DIR/wire.pcap"); echo "$n bytes"; [ "$n" -gt 100000 ]'
try "on the wire neither addresses nor text are" \
    eval 'n=$(count_bytes "$LAB_DIR/wire.pcap" $PATTERN 10.1.0.10 10.2.0.10 fd01::10 fd02::10); echo "$n found"; [ "$n" -eq 0 ]'

# ---- the machine's other traffic --------------------------------------------------------------------

background b socat TCP-LISTEN:40000,reuseaddr,fork EXEC:"head -c 20"
background b socat UDP-RECVFROM:53,fork SYSTEM:"read query; echo answer"
wait_for 5 eval 'in_space b ss -ltn | grep -q :40000'
try "TCP to a port of the waypoint range works beside the router" \
    eval 'r=$(echo 12345678901234567890 | in_space a timeout 5 socat -t 2 - TCP:192.0.2.2:40000); [ "$r" = 12345678901234567890 ]'
try "answers to a port of the waypoint range come back" \
    eval 'r=$(echo query | in_space a timeout 5 socat -t 2 - UDP:192.0.2.2:53,sourceport=20001); [ "$r" = answer ]'

# ---- volume -------------------------------------------------------------------------------------------

in_space server iperf3 -s -D --pidfile "$LAB_DIR/iperf.pid"
wait_for 5 eval 'in_space server ss -ltn | grep -q :5201'
try "iperf3 over TCP" in_space client iperf3 -c 10.2.0.10 -t 3
try "iperf3 over TCP, backwards" in_space client iperf3 -c 10.2.0.10 -t 2 -R
try "iperf3 over TCP and IPv6" in_space client iperf3 -c fd02::10 -t 2
in_space client iperf3 -c 10.2.0.10 -u -b 20M -t 3 --json >"$LAB_DIR/udp.json"
try "iperf3 over UDP at 20 Mbit/s loses under 1 %" python3 -c '
import json, sys
end = json.load(open(sys.argv[1]))["end"]["sum"]
print(end)
sys.exit(not end["lost_percent"] < 1)' "$LAB_DIR/udp.json"
kill "$(cat "$LAB_DIR/iperf.pid")"

mkdir "$LAB_DIR/www"
openssl enc -aes-128-ctr -nosalt -pass pass:svr -pbkdf2 </dev/zero 2>/dev/null | head -c 1G >"$LAB_DIR/www/1GiB"
want=$(sha256sum <"$LAB_DIR/www/1GiB")
background server python3 -m http.server -d "$LAB_DIR/www" 8080 >/dev/null 2>&1
wait_for 5 eval 'in_space server ss -ltn | grep -q :8080'
got=$(in_space client timeout 120 curl -sS http://10.2.0.10:8080/1GiB 2>"$LAB_DIR/out" | sha256sum)
[ "$got" = "$want" ]
report $? "curl fetches 1 GiB with the right checksum"

stop_capture "$LAB_DIR/kernel.pcap"
try "no kernel answered for a port of SVR" \
    eval 'n=$(tcpdump -nr "$LAB_DIR/kernel.pcap" 2>/dev/null | tee /dev/stderr | wc -l); [ "$n" -eq 0 ]'

# ---- the end of a router --------------------------------------------------------------------------------

try "SIGTERM ends a router with status 0" stop_router a
try "its table, tun device and socket are gone" \
    eval '! in_space a nft list tables | grep -q svrd && ! ip -n $(space a) link show svr0 && [ ! -e "$LAB_DIR/a.sock" ]'
stop_router b KILL
: >"$LAB_DIR/a.events"
: >"$LAB_DIR/b.events"
start_router a
start_router b
wait_for 20 eval 'in_service a 1 && in_service b 1'
try "after a crash and a restart traffic flows again" wait_for 10 in_space client ping -c 1 -W 1 10.2.0.10

finish

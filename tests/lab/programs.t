#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#   fd01::10          ::1                                      ::1          fd02::10
#
# What people do with a network, in both families: they log in, look up names, fetch pages, call each other.

. "$(dirname "$0")/lib.sh"
need ping python3 curl dropbear ssh ssh-keygen dnsmasq dig

two_networks 192.0.2.1 192.0.2.2 24
start_router a
start_router b
wait_for 20 ready a b
try "both routers take their path into service" wait_for 20 eval 'in_service a 1 && in_service b 1'

# ---- ssh: the server looks for keys in the home of root, which here is a directory of this script's alone ------
home=$LAB_DIR/home
mkdir -p -m 700 "$home/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$LAB_DIR/key"
cp "$LAB_DIR/key.pub" "$home/.ssh/authorized_keys"
dropbearkey -t ed25519 -f "$LAB_DIR/host-key" >/dev/null 2>&1
background server sh -c "mount --bind '$home' /root && exec dropbear -F -E -s -r '$LAB_DIR/host-key' -p 10.2.0.10:2222 -p '[fd02::10]:2222' \
    -P '$LAB_DIR/dropbear.pid'" 2>"$LAB_DIR/dropbear.log"
wait_for 10 eval 'in_space server ss -ltn | grep -Fq "[fd02::10]:2222"'
head -c 3000000 /dev/urandom >"$LAB_DIR/file"
log_in() {
    in_space client timeout 20 ssh -F none -i "$LAB_DIR/key" -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile="$LAB_DIR/known" -o LogLevel=ERROR "root@$1" "${@:2}"
}
for address in 10.2.0.10 fd02::10; do
    try "ssh to $address" eval '[ "$(log_in $address echo \$SSH_CONNECTION)" != "" ]'
    log_in $address cat <"$LAB_DIR/file" >"$LAB_DIR/back"
    try "3 MB there and back through it" cmp "$LAB_DIR/file" "$LAB_DIR/back"
done

# ---- DNS, over UDP and TCP, with an answer that is longer than any packet ----------------------------------
{
    echo "address=/answer.test/192.0.2.53"
    for i in $(seq 40); do echo "txt-record=long.test,\"$(printf '%0100d' "$i")\""; done
} >"$LAB_DIR/dns.conf"
background server dnsmasq -k -C "$LAB_DIR/dns.conf" --no-resolv --no-hosts --user=root --pid-file= --edns-packet-max=8000 \
    --bind-interfaces --listen-address=10.2.0.10,fd02::10 --port=5353 --log-facility="$LAB_DIR/dns.log"
wait_for 10 eval 'in_space server ss -lun | grep -Fq "[fd02::10]:5353"'
look_up() { in_space client dig +tries=3 +time=2 -p 5353 "@$1" "${@:2}"; }
for address in 10.2.0.10 fd02::10; do
    try "a name is looked up at $address" eval '[ "$(look_up $address +short answer.test)" = 192.0.2.53 ]'
    try "and over TCP" eval '[ "$(look_up $address +tcp +short answer.test)" = 192.0.2.53 ]'
    # The answer comes in fragments; without them dig would ask again over TCP.
    try "an answer of 5 kB, in one datagram" eval '
        [ "$(look_up $address +notcp +ignore +bufsize=8000 txt long.test | tee "$LAB_DIR/out" | grep -c "^long.test.*TXT")" -eq 40 ]'
done

# ---- a call: 50 packets of 172 bytes a second each way; a new metadata key comes meanwhile --------------------
cat >"$LAB_DIR/call.py" <<'PY'
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
if sys.argv[1] == "answer":
    s.bind((sys.argv[2], 4000))
    print("ready", flush=True)
    while True:
        data, who = s.recvfrom(2000)
        s.sendto(data, who)
s.settimeout(0.005)
n, heard, begin = 250, set(), time.monotonic()
for i in range(n):
    s.sendto(b"%04d" % i + bytes(168), (sys.argv[2], 4000))
    while time.monotonic() < begin + 0.02 * (i + 1):
        try:
            heard.add(s.recv(2000)[:4])
        except TimeoutError:
            pass
s.settimeout(3)
try:
    while len(heard) < n:
        heard.add(s.recv(2000)[:4])
except TimeoutError:
    pass
print(len(heard), "of", n)
sys.exit(len(heard) != n)
PY
for address in 10.2.0.10 fd02::10; do
    background server python3 "$LAB_DIR/call.py" answer $address >"$LAB_DIR/answer-$address"
    wait_for 10 test -s "$LAB_DIR/answer-$address"
    in_space client ping -c 1 -W 2 $address >/dev/null
    background client sh -c "python3 '$LAB_DIR/call.py' call $address >'$LAB_DIR/call-$address' 2>&1; echo \$? >'$LAB_DIR/status-$address'"
done
sleep 2
try "a new metadata key while they talk" eval 'ask a security metadata-key regenerate && ask b security metadata-key regenerate'
for address in 10.2.0.10 fd02::10; do
    wait_for 20 test -s "$LAB_DIR/status-$address"
    try "a call to $address loses nothing" eval 'cat "$LAB_DIR/call-$address"; [ "$(cat "$LAB_DIR/status-$address")" = 0 ]'
done

for address in 10.2.0.10 fd02::10; do
    try "ping of 9000 bytes to $address" wait_for 10 in_space client ping -c 1 -W 2 -s 8972 $address
done
try_files 5000000
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# For a newcomer: two routers and real programs on this machine, inside network namespaces that vanish afterwards.

. "$(dirname "$0")/lib.sh"
need ping curl python3 tcpdump openssl sha256sum

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# show COMMAND...: prints it, runs it, indents what it says.
show() {
    echo "  \$ $*"
    "$@" 2>&1 | sed 's/^/    /'
}
client() { in_space client "$@"; }
svrctl() { "$LAB_BIN/svrctl" --socket "$LAB_DIR/a.sock" "$@"; }
fail() {
    echo "demo: $1; the log of router a:" >&2
    tail -n 20 "$LAB_DIR/a.log" >&2
    exit 1
}

say "Four machines of this machine (network namespaces), two of them routers"
cat <<'DRAWING'

   client ---------- a ================ wire ================ b ---------- server
   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10

DRAWING
two_networks 192.0.2.1 192.0.2.2 24

say "Both routers start from one file, make certificates, and agree on keys"
echo "  svrd --config authority.conf --router a     (and the same for b)"
start_router a
start_router b
wait_for 15 eval 'in_service a 1 && in_service b 1' || fail "the path did not come up in 15 s"
sed 's/^/    /' "$LAB_DIR/a.log"

say "What router a knows of its peer"
show svrctl show peers security

say "A ping from client to server; underneath, what a capture on the wire sees of it"
start_capture wire bridge "$LAB_DIR/wire.pcap" 'udp and not port 1280'
show client ping -c 2 10.2.0.10
stop_capture "$LAB_DIR/wire.pcap"
show tcpdump -n -t -c 4 -r "$LAB_DIR/wire.pcap"
echo "  Addresses of client and server in that capture: $(count_bytes "$LAB_DIR/wire.pcap" 10.1.0.10 10.2.0.10)"

say "64 MiB over HTTP"
mkdir "$LAB_DIR/www"
openssl enc -aes-128-ctr -nosalt -pass pass:svr -pbkdf2 </dev/zero 2>/dev/null | head -c 64M >"$LAB_DIR/www/64MiB"
background server python3 -m http.server -d "$LAB_DIR/www" 8080 >/dev/null 2>&1
wait_for 5 eval 'in_space server ss -ltn | grep -q :8080' || fail "no HTTP server"
show client curl -sS -o "$LAB_DIR/got" -w '%{size_download} bytes in %{time_total} s, %{speed_download} bytes/s\n' \
    http://10.2.0.10:8080/64MiB
cmp -s "$LAB_DIR/got" "$LAB_DIR/www/64MiB" || fail "the file did not arrive as it was"
echo "  It arrived as it was: sha256 $(sha256sum <"$LAB_DIR/got" | head -c 16)..."

say "What a's kernel and svrd did with packets"
show svrctl show host

stop_router a
stop_router b
say "Done. Namespaces, tun devices and firewall tables are gone."

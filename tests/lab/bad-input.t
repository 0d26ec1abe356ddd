#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   a ======= b (nobody there)
#
# What svrd and svrctl say, and with which status they end, when something is wrong or missing.

. "$(dirname "$0")/lib.sh"
need setpriv unshare socat

make_space a
make_space b
cable a wan0 b wan0
give a wan0 192.0.2.1/24

CONF=$LAB_DIR/authority.conf
# write_conf ADDRESS
write_conf() {
    {
        authority_begin
        conf_service east 10.2.0.0/24
        router_begin a
        conf_wan wan0 internet "$1" 24
        conf_lan 10.255.0.1
        node_end
        route_to_peer east b
        router_end
        router_begin b
        conf_wan wan0 internet 192.0.2.2 24
        node_end
        router_end
        authority_end
    } >"$CONF"
}
write_conf 192.0.2.1

# expect SENTENCE STATUS TEXT COMMAND...: the command ends with STATUS and says TEXT (a regular expression).
expect() {
    local sentence=$1 status=$2 text=$3 got
    shift 3
    "$@" >"$LAB_DIR/out" 2>&1 </dev/null
    got=$?
    echo "status $got, expected $status; expected text: $text" >>"$LAB_DIR/out"
    [ $got -eq "$status" ] && head -n -1 "$LAB_DIR/out" | grep -qE -- "$text"
    report $? "$sentence"
}

svrd() { timeout 5 ip netns exec "$(space a)" "$LAB_BIN/svrd" "$@"; }
run() { svrd --config "$CONF" --router a --control "$LAB_DIR/a.sock" "$@"; }

expect "no arguments"            2 'config FILE is missing' svrd
expect "unknown option"          2 'unknown option --colour' svrd --colour
expect "option without value"    2 '--config takes a value' svrd --config
expect "clock rate out of range" 2 '1 to 10000' run --clock-rate 0
expect "help"                    0 'Usage: svrd' svrd --help
expect "version"                 0 '^svrd [0-9]' svrd --version
expect "no such configuration"   2 'nowhere.conf: No such file' svrd --check --config "$LAB_DIR/nowhere.conf"
expect "a folder as configuration" 2 'Is a directory' svrd --check --config "$LAB_DIR"
expect "unknown router"          2 'has no router c; routers: a b' svrd --config "$CONF" --router c
expect "unknown node"            2 'has no node x' run --node x
expect "a good configuration"    0 'good: authority "lab", 2 routers' svrd --check --config "$CONF"

cp "$CONF" "$LAB_DIR/good.conf"
sed -i 's/peer-key-retransmit-interval  5/peer-key-retransmit-interval  4/' "$CONF"
expect "a value out of range names file, line, column and range" 2 \
    "^$CONF:6:[0-9]+: .*5.*3600" svrd --check --config "$CONF"
expect "... also when it should run" 2 "^$CONF:6:" run
head -c 300 "$LAB_BIN/svrd" >"$CONF"
expect "a program is no configuration" 2 "^$CONF:1:1: control character 0x7f" svrd --check --config "$CONF"
: >"$CONF"
expect "nor is an empty file" 2 "^$CONF:1:1: nothing is configured here" svrd --check --config "$CONF"
cp "$LAB_DIR/good.conf" "$CONF"

expect "certificate without its key" 2 'go together' run --certificate x.pem
expect "no such certificate" 1 'x.pem: No such file' run --certificate x.pem --private-key x.key
expect "a certificate that is none" 1 'certificate|PEM' run --certificate "$CONF" --private-key "$CONF"

# The LAB_DIR is root's alone, so that nobody needs a copy of everything to get as far as the privileges.
chmod 755 "$LAB_DIR"
cp "$LAB_BIN/svrd" "$LAB_DIR/svrd"
as_nobody() {
    ip netns exec "$(space a)" setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all \
        timeout 5 "$LAB_DIR/svrd" --config "$CONF" --router a --control "$LAB_DIR/a.sock"
}
expect "without privileges: which are needed" 1 'CAP_NET_(RAW|ADMIN)' as_nobody

without_tun() {
    unshare -m bash -c 'mount -t tmpfs none /dev/net && exec "$@"' - \
        timeout 5 ip netns exec "$(space a)" "$LAB_BIN/svrd" --config "$CONF" --router a --control "$LAB_DIR/a.sock"
}
expect "without /dev/net/tun: what to do" 1 'no /dev/net/tun.*modprobe tun' without_tun

expect "a control socket where there is a file" 1 'there is a file of that name' run --control "$CONF"
expect "a control socket in a folder that is not there" 1 'No such file' run --control "$LAB_DIR/no/a.sock"

write_conf 192.0.2.77
expect "an address that the device does not have" 1 'wan0 does not have the address 192.0.2.77.*ip address add' run
write_conf 192.0.2.1

background a socat -u UDP-RECV:1280 /dev/null
wait_for 5 eval 'in_space a ss -lun | grep -q :1280'
expect "BFD's port is taken" 1 'UDP port 1280 at 192.0.2.1.*held by another program' run
end $LAST_PID

ip -n "$(space a)" link add svr0 type veth peer name other
expect "the name of the tun device is taken" 1 'svr0 exists and is no tun device' run
ip -n "$(space a)" link del svr0

ip -n "$(space a)" link set wan0 mtu 600
expect "a WAN MTU too small" 1 'leaves 500 bytes' run
ip -n "$(space a)" link del wan0
expect "a device that is not there" 1 'no device wan0 here' run

try "nothing is left behind" \
    eval '[ -z "$(in_space a nft list tables)" ] && ! ip -n $(space a) link show svr0 && [ ! -e "$LAB_DIR/a.sock" ]'

svrctl() { timeout 5 "$LAB_BIN/svrctl" "$@"; }
expect "svrctl without command" 2 'a command is missing' svrctl
expect "svrctl with an unknown option" 2 'unknown option --colour' svrctl --colour
expect "svrctl without a router" 1 'does the router run' svrctl --socket "$LAB_DIR/a.sock" show alarms
expect "svrctl with help" 0 'Usage: svrctl' svrctl --help

finish

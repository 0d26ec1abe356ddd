#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# A router without the rights that only its start needed: what is left to it, and that everything still works with that.

. "$(dirname "$0")/lib.sh"
need ping openssl jq

two_networks 192.0.2.1 192.0.2.2 24
slow_bfd 100 3
chmod 711 "$LAB_DIR"
LAB_USER=nobody
uid=$(id -u nobody)
gid=$(id -g nobody)

# Certificates that each router has signed itself, in a folder that nobody may read and remove from.
home=$LAB_DIR/home
mkdir "$home"
chown nobody "$home"
for name in a b; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 10 -subj "/CN=alias-$name" -keyout "$home/$name.key" -out "$home/$name.pem"
    chown "root:$gid" "$home/$name".*
    chmod 640 "$home/$name.key"
done >"$LAB_DIR/openssl.log" 2>&1
with() { echo "--certificate $home/$1.pem --private-key $home/$1.key"; }
fact() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$(cat "$LAB_DIR/$1.pid")/status"; }
forget() { for name in a b; do : >"$LAB_DIR/$name.events"; done; }

# ---- the start ------------------------------------------------------------------------------------------

try "a user that is not there is a wrong argument" eval \
    '"$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router a --user no-such-user 2>"$LAB_DIR/err"; [ $? -eq 2 ] &&
        grep -q "there is no user no-such-user" "$LAB_DIR/err"'
try "so is a group" eval \
    '"$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router a --control-group no-such-group 2>"$LAB_DIR/err"; [ $? -eq 2 ] &&
        grep -q "there is no group no-such-group" "$LAB_DIR/err"'
chmod 600 "$home/a.key"
# shellcheck disable=SC2046 # options are words
try "a key that the user could not read again is refused, with what to do" eval \
    'in_space a timeout 10 "$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router a --user nobody $(with a) \
        --control "$LAB_DIR/a.sock" 2>"$LAB_DIR/err"; [ $? -eq 1 ] &&
        grep -q "a.key: Permission denied for user $uid, .*chgrp $gid and chmod g+r" "$LAB_DIR/err"'
try "and leaves nothing behind" eval '! in_space a nft list tables | grep -q svrd && ! ip -n $(space a) link show svr0'
chmod 640 "$home/a.key"

# shellcheck disable=SC2046
start_router a $(with a) --control "$home/a.sock" --control-group daemon
# shellcheck disable=SC2046
start_router b $(with b)
ask_a() { "$LAB_BIN/svrctl" --socket "$home/a.sock" "$@"; }
try "the path comes into service" wait_for 15 eval 'in_service a 1 && in_service b 1'

# ---- what is left -----------------------------------------------------------------------------------------

try "the router is nobody, and nobody's group" eval \
    '[ "$(fact a Uid)" = "$(printf "%s\t%s\t%s\t%s" $uid $uid $uid $uid)" ] && [ "$(fact a Gid)" = "$(printf "%s\t%s\t%s\t%s" $gid $gid $gid $gid)" ]'
two=$(printf '%016x' $((1 << 12 | 1 << 13))) # CAP_NET_ADMIN, CAP_NET_RAW
for set in CapEff CapPrm; do try "$set has the two capabilities" [ "$(fact a $set)" = "$two" ]; done
for set in CapInh CapBnd CapAmb; do try "$set is empty" [ "$(fact a $set)" = 0000000000000000 ]; done
try "no new privileges" [ "$(fact a NoNewPrivs)" = 1 ]
try "a filter of system calls" [ "$(fact a Seccomp)" = 2 ]
try "no core dumps" eval 'grep -E "^Max core file size +0 +0 " "/proc/$(cat "$LAB_DIR/a.pid")/limits"'
try "no debugger of the same user reads its memory" eval \
    '! setpriv --reuid "$uid" --regid "$gid" --clear-groups head -c 1 "/proc/$(cat "$LAB_DIR/a.pid")/environ"'
try "memory is locked, or the log says why not" eval \
    '[ "$(fact a VmLck)" != "0 kB" ] || grep "memory is not locked.*: there is a limit" "$LAB_DIR/a.log"'
try "the control socket is its group's" [ "$(stat -c '%a %G' "$home/a.sock")" = "660 daemon" ]
try "whose members can ask" setpriv --reuid 4242 --regid daemon --clear-groups "$LAB_BIN/svrctl" --socket "$home/a.sock" show peers
try "and others cannot" eval \
    '! setpriv --reuid 4242 --regid 4242 --clear-groups "$LAB_BIN/svrctl" --socket "$home/a.sock" show peers'

# ---- what it can do with that -------------------------------------------------------------------------------

try "ping goes through" in_space client ping -c 3 -i 0.2 -W 2 10.2.0.10
for what in "show host" "show peers security" "show alarms" "security metadata-key regenerate"; do
    # shellcheck disable=SC2086
    try "svrctl $what" ask_a $what
done
try "certificates are read again" ask_a reload local certificates
chmod 600 "$home/a.key"
try "not without the right to, and it says what would help" eval \
    '! ask_a reload local certificates 2>"$LAB_DIR/err" && grep -q "a.key: Permission denied for user $uid, .*chgrp $gid" "$LAB_DIR/err"'
try "nor by SIGHUP" eval 'kill -HUP "$(cat "$LAB_DIR/a.pid")"; wait_for 5 grep -q "stay as they were.*Permission denied" "$LAB_DIR/a.log"'
chmod 640 "$home/a.key"

forget
ip -n "$(space a)" link set wan0 down
try "a link that goes down takes the path along" wait_for 10 has_event a '.kind == "path-service" and .to == "out-of-service"'
ip -n "$(space a)" link set wan0 up
try "and brings it back" wait_for 15 eval 'in_service a 1 && in_service b 1'
forget
ip -n "$(space a)" link del wan0
try "so does a device that goes" wait_for 10 has_event a '.kind == "path-service" and .to == "out-of-service"'
cable a wan0 wire to-a
ip -n "$(space wire)" link set to-a master bridge
give a wan0 192.0.2.1/24
try "and comes again as another, whose sockets are opened anew" wait_for 20 eval 'in_service a 1 && in_service b 1'
try "ping goes through" wait_for 10 in_space client ping -c 1 -W 1 10.2.0.10

try "SIGTERM ends it with status 0" stop_router a
try "its table, tun device and socket are gone" \
    eval '! in_space a nft list tables | grep -q svrd && ! ip -n $(space a) link show svr0 && [ ! -e "$home/a.sock" ]'
LAB_USER=root
: >"$LAB_DIR/a.log"
start_router a
wait_for 10 ready a
try "root keeps no more than the two capabilities either" eval '[ "$(fact a CapEff)" = $two ] && [ "$(fact a Seccomp)" = 2 ]'
stop_router a
: >"$LAB_DIR/a.log"
start_router a --no-sandbox
wait_for 10 ready a
try "a debugger's router has no filter" [ "$(fact a Seccomp)" = 0 ]
finish

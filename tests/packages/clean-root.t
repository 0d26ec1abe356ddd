#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# The packages in a Debian 12 that was made for them. Router a runs in it as an operator would have it: systemd of that root boots in
# a container and starts svrd@a. Router b is the same svrd, started by hand. Downloads about 60 MB.

. "$(dirname "$0")/../lab/lib.sh"
need ping mmdebstrap systemd-nspawn nsenter jq
shopt -s nullglob
debs=("$LAB_TOP"/build/deb/*.deb)
[ ${#debs[@]} -eq 2 ] || skip_all "build first: make deb"

# Not below /tmp, which may be small, or forbid devices.
root=$LAB_TOP/build/deb/root-$$
trap 'lab_cleanup; umount "$root" 2>/dev/null; rm -rf --one-file-system "$root"' EXIT
make_root() {
    mkdir -p "$root" && mmdebstrap --quiet --variant=minbase --include=systemd-sysv,iproute2,iputils-ping \
        --customize-hook='cp /etc/resolv.conf "$1/etc/" && mkdir "$1/debs"' --customize-hook="cp ${debs[*]} \"\$1/debs/\"" \
        --customize-hook='chroot "$1" sh -c "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y /debs/svr-router*.deb"' \
        bookworm "$root"
}
try "svr-router installs into a clean Debian 12" make_root
[ "$LAB_FAILED" -eq 0 ] || finish
in_root() { chroot "$root" "$@"; }

try "it needs neither ns-3 nor Lua" eval '! in_root dpkg-query -W | grep -Ei "^(libns3|liblua)"'
try "there is a user svr" in_root id svr
try "and a group svrctl" in_root getent group svrctl
try "/etc/svr is readable for routers only" [ "$(in_root stat -c '%a %U %G' /etc/svr)" = "750 root svr" ]
try "svrd runs" eval '[ "$(in_root svrd --version)" = "svrd $(sed -n "s/.*VERSION \"\(.*\)\"/\1/p" "$LAB_TOP/router/common/version.h")" ]'
try "the example is good for both its routers" eval 'for r in hub office; do in_root svrd --check --router $r \
    --config /usr/share/doc/svr-router/examples/authority.conf || exit 1; done'
try "manual pages and completion are there" eval \
    'in_root ls /usr/share/man/man8/svrd.8.gz /usr/share/man/man1/svrctl.1.gz /usr/share/bash-completion/completions/svrctl'

# ---- running it ---------------------------------------------------------------------------------------------

two_networks 192.0.2.1 192.0.2.2 24
slow_bfd 100 3
install -m 640 "$LAB_DIR/authority.conf" "$root/etc/svr/authority.conf"
in_root chgrp svr /etc/svr/authority.conf
in_root systemctl -q enable svrd@a
in_root useradd -U -G svrctl alice
in_root useradd -U stranger
mknod -m 666 "$LAB_DIR/tun" c 10 200 # as udev makes it on a machine

systemd-nspawn -q -D "$root" --register=no --keep-unit --network-namespace-path="/run/netns/$(space a)" \
    --capability=CAP_NET_ADMIN,CAP_NET_RAW --bind="$LAB_DIR/tun:/dev/net/tun" --boot \
    </dev/null >"$LAB_DIR/console" 2>&1 &
machine=$!
LAB_PIDS+=($machine)
# inside COMMAND...: in the booted machine.
leader() { pgrep -P $machine | head -n 1; }
inside() { timeout 30 nsenter -t "$(leader)" -m -u -i -p -n -C -- "$@"; }
unit() { inside systemctl show -P "$1" svrd@a; }

try "systemd starts the router" wait_for 60 eval '[ "$(unit ActiveState)" = active ]'
[ "$LAB_FAILED" -eq 0 ] || { inside journalctl --no-pager -u svrd@a | tail -n 10 | sed 's/^/# /' && finish; }
try "it said that it is ready" eval '[ "$(unit StatusText)" = "router a is ready" ]'
pid=$(unit MainPID)
state() { inside sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
try "as svr" eval '[ "$(state Uid | cut -f 1)" = "$(in_root id -u svr)" ]'
try "with two capabilities and a filter" eval '[ "$(state CapEff)" = 0000000000003000 ] && [ "$(state Seccomp)" = 2 ]'
try "memory is locked" eval '[ "$(state VmLck)" != "0 kB" ] || inside journalctl -u svrd@a | grep "memory is not locked"'
try "its socket belongs to svrctl" eval '[ "$(inside stat -c "%a %U %G" /run/svr/a.sock)" = "660 svr svrctl" ]'
try "an operator can ask" eval 'inside setpriv --reuid alice --regid alice --init-groups svrctl show peers'
try "a stranger cannot" eval '! inside setpriv --reuid stranger --regid stranger --init-groups svrctl show peers'

mkdir -p "$root/dev/net" && mknod -m 666 "$root/dev/net/tun" c 10 200
background b chroot "$root" svrd --config /etc/svr/authority.conf --router b --control /run/b.sock 2>>"$LAB_DIR/b.log"
pid_b=$LAST_PID
# Each try lasts up to a second, ten times as long as wait_for thinks.
pings() { in_space client ping -c 1 -W 1 10.2.0.10; }
try "ping goes through" wait_for 2 pings
try "who starts it as root gets svr, too" eval '[ "$(sed -n "s/^Uid:\t\([0-9]*\).*/\1/p" "/proc/$pid_b/status")" = "$(in_root id -u svr)" ]'
try "the journal has fields" eval 'inside journalctl -o json SVR_EVENT=path-service | jq -e "select(.SVR_TO == \"in-service\" and .SVR_PEER == \"b\")"'
try "reload works" eval 'inside systemctl reload svrd@a && wait_for 5 eval "inside journalctl -u svrd@a | grep -q \"were read again\""'

inside systemctl kill -s KILL svrd@a
try "systemd starts it again when it is killed" wait_for 20 eval '[ "$(unit NRestarts)" = 1 ] && [ "$(unit ActiveState)" = active ]'
try "and traffic goes on" wait_for 2 pings
try "it ends with status 0" eval 'inside systemctl stop svrd@a && [ "$(unit Result)" = success ] && [ "$(unit ExecMainStatus)" = 0 ]'
try "its table, tun device and socket are gone" \
    eval '! in_space a nft list tables | grep -q svrd && ! ip -n $(space a) link show svr0 && [ -z "$(inside ls /run/svr)" ]'
echo nonsense >"$root/etc/svr/authority.conf"
try "a wrong configuration is not tried again and again" eval \
    '! inside systemctl start svrd@a && sleep 1 && [ "$(unit ActiveState)" = failed ] && [ "$(unit ExecMainStatus)" = 2 ]'
kill -RTMIN+4 "$(leader)" # power off, in systemd's words
wait_for 20 eval '! kill -0 $machine' || end $machine
end "$pid_b"

# ---- the end ------------------------------------------------------------------------------------------------

install_testbed() { unshare -m sh -c 'mount -t proc proc "$1/proc" && chroot "$1" sh -c "apt-get -qq update && apt-get -qq install --no-install-recommends -y /debs/svr-testbed*.deb"' sh "$root"; }
try "svr-testbed installs beside it" install_testbed
with_proc() { unshare -m sh -c 'mount -t proc proc "$1/proc" && chroot "$@"' sh "$root" "$@"; }
try "and simulates" with_proc sh -c 'cd /tmp && svrconform run --scenario operators | grep "^ok .*OPS-KEY-STATUS"'
try "the dissector is where Wireshark looks" eval 'ls "$root"/usr/lib/*/wireshark/plugins/svr.lua'
try "both go again" in_root sh -c 'dpkg --purge svr-testbed svr-router'
try "but for what the operator wrote" eval '[ "$(cd "$root" && find etc/svr usr/bin usr/sbin usr/lib -path "*svr*" -not -name "libsvr*")" = "$(printf "etc/svr\netc/svr/authority.conf")" ]'
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# The Debian packages that make deb has built: what is in them, what lintian says, and the router in them at work.

. "$(dirname "$0")/lib.sh"
need ping lintian dpkg-deb
shopt -s nullglob
router=("$LAB_TOP"/build/deb/svr-router_*.deb)
testbed=("$LAB_TOP"/build/deb/svr-testbed_*.deb)
[ ${#router[@]} -eq 1 ] && [ ${#testbed[@]} -eq 1 ] || skip_all "build first: make deb"
version=$(sed -n 's/^#define SVR_VERSION "\(.*\)"$/\1/p' "$LAB_TOP/router/common/version.h")

try "lintian finds nothing, pedantic as it may be" eval \
    'lintian --allow-root --pedantic --info "$LAB_TOP"/build/deb/*.changes && [ ! -s "$LAB_DIR/out" ]'
for deb in "$router" "$testbed"; do
    try "${deb##*/} has the version of the sources" [ "$(dpkg-deb -f "$deb" Version)" = "$version" ]
    dpkg-deb -x "$deb" "$LAB_DIR/$(dpkg-deb -f "$deb" Package)"
done
has() { # PACKAGE PATH...
    local path dir=$LAB_DIR/$1
    shift
    for path; do compgen -G "$dir/$path" >/dev/null || { echo "no $path" && return 1; }; done
}
try "svr-router has programs, unit, users, pages, completion and example" has svr-router usr/sbin/svrd usr/bin/svrctl \
    lib/systemd/system/svrd@.service usr/lib/sysusers.d/svr-router.conf usr/lib/tmpfiles.d/svr-router.conf usr/share/man/man8/svrd.8.gz \
    usr/share/man/man1/svrctl.1.gz usr/share/bash-completion/completions/svrctl usr/share/doc/svr-router/examples/authority.conf
try "it depends on neither ns-3 nor Lua" eval '! dpkg-deb -f "$router" Depends | grep -Ei "ns3|lua"'
try "svr-testbed has programs, pages, scenarios, modules and the dissector" has svr-testbed usr/bin/svrsim usr/bin/svrlab \
    usr/bin/svrconform usr/bin/svrpcap usr/share/man/man1/svrsim.1.gz usr/share/svr-testbed/scenarios/hub-and-spoke.lua \
    usr/share/svr-testbed/lua/svr/net.lua 'usr/lib/*/wireshark/plugins/svr.lua'
try "what tools/setup has for the router is what the package is built with" eval '
    for name in $(sed -n "s/^router \(lib[^ ]*-dev\) .*/\1/p" "$LAB_TOP/tools/setup"); do
        [ "$name" = libc6-dev ] || grep -q "^ $name\b" "$LAB_TOP/debian/control" || { echo "$name"; exit 1; }
    done'
ends_well() { (cd / && "$LAB_DIR/svr-testbed/usr/bin/svrconform" --help) | grep -q svrconform; }
try "programs of svr-testbed start from anywhere" ends_well

# The router of the package, as its unit would start it, but for systemd.
LAB_BIN=$LAB_DIR/svr-router/usr/sbin
two_networks 192.0.2.1 192.0.2.2 24
start_router a
start_router b
try "two routers of the package take their path into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
try "ping goes through" in_space client ping -c 3 -i 0.2 -W 2 10.2.0.10
try "svrctl of the package asks" "$LAB_DIR/svr-router/usr/bin/svrctl" --socket "$LAB_DIR/a.sock" show peers
try "and they end with status 0" eval 'stop_router a && stop_router b'
finish

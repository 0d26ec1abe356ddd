#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The story in small: keys rotate every hour, twice, and no flow loses anything. Nothing of it can be read on the way.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${SVRSIM:-build/bin/svrsim}" run scenarios/hub-and-spoke.lua -q --out "$dir" \
    --set rekey=1 --set hours=2.2 --set outage=false >"$dir/account"
status=$?
[ $status -eq 0 ] || sed 's/^/# /' "$dir/account"
grep -E '^(not )?ok ' "$dir/account"
n=$(grep -cE '^(not )?ok ' "$dir/account")

if grep -A2 '^Lost, and why' "$dir/account" | grep -q '^  nothing'; then
    echo "ok $((n + 1)) - nothing at all was lost"
else
    echo "not ok $((n + 1)) - nothing at all was lost"
fi
# Messages of the traffic generators begin with these bytes. LANs show them; links between routers must not.
readable() { LC_ALL=C grep -c 'ns3[qr]' "$1"; }
if [ "$(readable "$dir/east-pc--east.pcapng")" -gt 0 ] && [ "$(readable "$dir/hub-line.pcapng")" -eq 0 ]; then
    echo "ok $((n + 2)) - payload is readable on the LAN and nowhere else"
else
    echo "not ok $((n + 2)) - payload is readable on the LAN and nowhere else"
fi
echo "1..$((n + 2))"

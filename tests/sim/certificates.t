#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Certificates of a CA in simulation: expiry and renewal by the scenario that people run, revocation by one of its own. Equal
# seeds make equal keys and certificates, and so equal captures.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
svrsim=${SVRSIM:-build/bin/svrsim}
n=0

verdict() { # STATUS TEXT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# run NAME FILE [OPTIONS]: every expectation of a scenario is a line of ours.
run() {
    local name=$1 status line
    shift
    "$svrsim" run "$@" -q --out "$dir/$name" >"$dir/$name.tap" 2>"$dir/$name.err"
    status=$?
    while read -r line; do
        n=$((n + 1))
        if [[ $line == not* ]]; then echo "not ok $n - $name:${line#*-}"; else echo "ok $n - $name:${line#*-}"; fi
    done < <(grep -E '^(not )?ok ' "$dir/$name.tap")
    sed 's/^/# /' "$dir/$name.err"
    verdict $status "$name: exit status $status"
}

run fail-soft scenarios/certificates.lua
run fail-hard scenarios/certificates.lua --set behavior=fail-hard
run rsa scenarios/certificates.lua --set behavior=fail-hard --set key=rsa2048 --set place=san
run revocation "$(dirname "$0")/certificates.lua"

"$svrsim" run scenarios/certificates.lua -q --out "$dir/again" --set behavior=fail-hard >"$dir/again.tap"
diff -r "$dir/fail-hard" "$dir/again" >&2
verdict $? "the same seed makes the same octets in every file"
"$svrsim" run scenarios/certificates.lua -q --out "$dir/other" --set behavior=fail-hard --seed 4 >"$dir/other.tap"
! cmp -s "$dir/fail-hard/hub-line.pcapng" "$dir/other/hub-line.pcapng"
verdict $? "another seed makes others"
echo "1..$n"

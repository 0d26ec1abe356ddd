#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The captures of docs/captures are as their page shows them; the tool that compares finds a page that is not.
set -u
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
n=0
failed=0
report() { # STATUS SENTENCE [OUTPUT]
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" && return
    failed=1
    echo "not ok $n - $2"
    [ -z "${3:-}" ] || head -n 20 <<<"$3" | sed 's/^/# /'
}

out=$(tools/captures check 2>&1)
report $? "docs/captures/README.md shows what tshark prints (tools/captures show)" "$out"
for capture in docs/captures/*.pcapng; do
    faults=$(tshark -X lua_script:build/wireshark/svr.lua -r "$capture" -T fields -e svr.auth -e svr.payload.auth -e _ws.expert.message 2>/dev/null |
        grep -v '_KEY\|^LIFE' | grep -E '^(1|3)|\t(1|3)\t|does not hold|replay|grace|Not ')
    [ -z "$faults" ]
    report $? "$capture: nothing is found fault with" "$faults"
done

mkdir -p "$tree/docs" "$tree/build/wireshark" "$tree/tools"
cp -r docs/captures "$tree/docs/"
cp build/wireshark/svr.lua "$tree/build/wireshark/"
cp tools/captures "$tree/tools/"
sed -i '0,/KEY_REQUEST 1/s//KEY_REQUEST 9/' "$tree/docs/captures/README.md"
out=$("$tree/tools/captures" check)
[ $? -eq 1 ] && grep -q '^-.*KEY_REQUEST 9' <<<"$out"
report $? "a line that tshark does not print is found" "$out"
echo "1..$n"
exit $failed

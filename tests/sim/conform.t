#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The conformance suite as a user meets it: what it judges, what it refuses, and how it says so.
conform=${SVRCONFORM:-build/bin/svrconform}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
report() {
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" || { echo "not ok $n - $2"; sed 's/^/# /' "$dir/out" | tail -20; }
}
# expect STATUS TEXT SENTENCE COMMAND...: exit status, and what it prints on either stream.
expect() {
    local status=$1 text=$2 sentence=$3
    shift 3
    "$@" >"$dir/out" 2>&1
    local is=$?
    [ $is -eq "$status" ] && grep -q -- "$text" "$dir/out"
    report $? "$sentence"
}

expect 0 '^ok .* KEY-GRACE-30 \[key-life\]' "all scenarios pass" "$conform" run --out "$dir/run" --seed 11
[ "$(grep -c '^not ok' "$dir/out")" -eq 0 ] && [ "$(grep -c '^ok' "$dir/out")" -gt 1000 ]
report $? "and leave nothing undecided that they are there to show"

# What Wireshark makes of them: the first packets of each capture, or all with WHOLE=1. Two stories send what is wrong, and one has lines
# that double packets.
head=(-c 10000)
[ -z "${WHOLE:-}" ] || head=()
seen=("$dir"/run/*/*.pcapng)
faults() { xargs -P 2 -I{} sh -c 'out=$(tests/tools/faults "$@" {}) || { echo "{}: $out"; exit 1; }' faults "${head[@]}" "$@" >"$dir/out"; }
[ ${#seen[@]} -gt 30 ] && printf '%s\n' "${seen[@]}" | grep -v '/attacker/\|/floods/\|/rough\.pcapng$' | faults
report $? "Wireshark finds no fault with any of the ${#seen[@]} captures"
ls "$dir"/run/rough-lines/rough.pcapng | faults -x replay && ! tests/tools/faults "${head[@]}" "$dir/run/rough-lines/rough.pcapng" >"$dir/out"
report $? "but with what lines have doubled"
! tests/tools/faults "${head[@]}" "$dir/run/attacker/line.pcapng" >"$dir/out" && ! tests/tools/faults "${head[@]}" "$dir/run/floods/east-line.pcapng" >"$dir/out"
report $? "and with what is sent by strangers"
here=$dir/run/key-life
expect 0 '^KEY-GRACE-30 *wire *check' "list says what is decided" "$conform" list
expect 0 '"id": "KEY-GRACE-30"' "also as JSON" "$conform" list --json
with=(--keylog "$here/keys.log" --events "$here/events.jsonl" --config "$here/authority.conf")
expect 0 '^ok 1 - KEY-RETRANSMIT' "captures are judged" "$conform" check "$here/one.pcapng" "$here/two.pcapng" "${with[@]}" --only 'KEY-RET*'
cp "$here/one.pcapng" "$dir/elsewhere.pcapng"
"$conform" check "$here/one.pcapng" "$here/two.pcapng" "${with[@]}" --json >"$dir/once"
"$conform" check "$here/one.pcapng" "$here/two.pcapng" "$dir/elsewhere.pcapng" "${with[@]}" --json >"$dir/twice"
results() { jq -c '.[0].results[] | [.id, .result, .evidence]' "$1"; }
results "$dir/once" | grep -q '"KEY-RETRANSMIT","pass"' && diff <(results "$dir/once") <(results "$dir/twice") >"$dir/out"
report $? "a packet that was seen at two places counts once"
expect 1 'actual: again after 30.000 s, not 31.000 s' "other intervals than configured are a failure" \
    "$conform" check "$here/one.pcapng" "$here/two.pcapng" --keylog "$here/keys.log" --events "$here/events.jsonl" \
    --config <(sed 's/peer-key-timeout /peer-key-retransmit-interval 31\n            peer-key-timeout /' "$here/authority.conf") --only KEY-RETRANSMIT
expect 0 'SKIP the trace shows nothing' "without keys nothing is decided" "$conform" check "$here/one.pcapng" --only 'KEY-META*'
head -c 100000 "$here/one.pcapng" >"$dir/cut.pcapng"
expect 2 'cut.pcapng: packet .*: offset [0-9]*: a block of .* is cut off' "a capture that was cut is refused with its place" "$conform" check "$dir/cut.pcapng" "${with[@]}"
expect 2 'authority.conf:1: this is no line of a key log' "so is a file that is no key log" \
    "$conform" check "$here/one.pcapng" --keylog "$here/authority.conf"
expect 2 'no such\|No such' "so is one that is not there" "$conform" check "$dir/none.pcapng"
expect 2 'has no option --seed' "an option of another command is refused" "$conform" check --seed 1
expect 2 'no check matches --only X' "so is a pattern that matches nothing" "$conform" run --only 'X*'
expect 2 'unknown command' "so is an unknown command" "$conform" frobnicate
expect 0 'Usage: svrconform' "--help helps" "$conform" --help
echo "1..$n"

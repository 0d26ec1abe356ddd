#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# svrpcap from outside: what it says about a capture, files that are cut, foreign or not there, arguments, pipes.
svrpcap=${SVRPCAP:-build/bin/svrpcap}
sample=tests/unit/samples/two-routers.pcapng
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

check() { # TEXT STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

# expect TEXT STATUS STDOUT STDERR ARGUMENT...: exit status, and patterns; an empty one means that there is nothing.
expect() {
    local text=$1 status=$2 out=$3 err=$4 got ok
    shift 4
    "$svrpcap" "$@" >"$dir/stdout" 2>"$dir/stderr"
    got=$?
    [ $got -eq "$status" ] && said "$out" "$dir/stdout" && said "$err" "$dir/stderr"
    ok=$?
    check "$text" $ok
    [ $ok -eq 0 ] || { echo "# exit $got"; head -n 5 "$dir/stdout" "$dir/stderr" | sed 's/^/# /'; }
}
said() { # PATTERN FILE
    if [ -n "$1" ]; then grep -Eq -- "$1" "$2"; else [ ! -s "$2" ]; fi
}

# ---- dump and info ----
expect "a line for each packet" 0 '^ +62 2025-01-01 00:00:05.953827199 172.16.0.2:1280 > 172.16.0.1:1280 BFD up, b > a, key 1, nonce 10, good, holds 1$' '' \
    dump "$sample"
[ "$(wc -l <"$dir/stdout")" -eq 62 ]
check "and not more" $?
expect "sessions have their own addresses" 0 'SVR [0-9a-f]{8} forward UDP 10\.1\.0\.10:49153 > 10\.0\.0\.10:5001, .*service lan-a, tenant corp, .*payload good' '' \
    dump "$sample"
expect "a filter is libpcap's, in as many words as one likes" 0 'TCP' '' dump --count 1 "$sample" udp port 29762
expect "TLVs have their names" 0 'TLV 2 forward-context-v4 \(encrypted\), length 13: 10\.1\.0\.10:49153 > ' '' dump -v "$sample"
expect "times may count from the first packet" 0 '^ +1 0\.000000000 ' '' dump --time relative "$sample"
"$svrpcap" dump --json "$sample" | jq -es 'length == 62 and (map(select(.metadata == "good")) | length) == 25
    and all(.[]; .time | test("^17356896[0-9]{2}[.][0-9]{9}$"))' >"$dir/out"
check "JSON is JSON, with nanoseconds" $?
sed 's/^/# /' "$dir/out"
expect "info knows the routers" 0 '^  a +172.16.0.1$' '' info "$sample"
expect "and the original addresses" 0 '  TCP 10.1.0.10:49153 > 10.0.0.10:5001, service lan-a, tenant corp$' '' info "$sample"
"$svrpcap" info --json "$sample" | jq -e '.packets == 62 and (.sessions | length) == 3 and ([.keys[] | select(.kind == "peer key")] | length) == 2
    and .payload.bad == 0' >/dev/null
check "info as JSON" $?
"$svrpcap" info "$sample" >"$dir/a"
"$svrpcap" info - <"$sample" >"$dir/b"
diff <(tail -n +2 "$dir/a") <(tail -n +2 "$dir/b") >"$dir/diff"
check "standard input is as good as a file" $?
! grep -q $'\033' "$dir/a" && "$svrpcap" info --colour always "$sample" | grep -q $'\033\\[1m'
check "colours only on a terminal, or when asked" $?

# ---- what cannot be read ----
head -c 9000 "$sample" >"$dir/cut.pcapng"
expect "a file that is cut: what is readable, then where" 2 'BFD up' 'cut.pcapng: offset 8[0-9]*: a block of [0-9]+ bytes is cut off after [0-9]+; [0-9]+ packets before it' \
    dump "$dir/cut.pcapng"
expect "info, too" 2 'a +172.16.0.1|BFD +[0-9]+ packets' 'offset 8' info "$dir/cut.pcapng"
expect "a foreign file" 2 '' 'Makefile: offset 0: this is no capture' dump Makefile
gzip -c "$sample" >"$dir/a.gz"
expect "a compressed one, and what to do" 2 '' 'zcat FILE' dump "$dir/a.gz"
: >"$dir/empty"
expect "an empty one" 2 '' 'the file is empty' info "$dir/empty"
expect "none" 2 '' 'nothing.pcap: cannot be opened: No such file' info "$dir/nothing.pcap"
echo 'PEER_KEY a b' >"$dir/keys"
expect "a key log with a mistake: file and line" 2 '' 'keys:1: this is no line of a key log' dump -k "$dir/keys" "$sample"
expect "a filter with a mistake" 2 '' "filter 'udp prot 5': .*pcap-filter" dump "$sample" udp prot 5

# ---- the command line ----
expect "an unknown command" 2 '' "no command 'dmup'.*--help" dmup
expect "no command" 2 '' 'Usage: svrpcap'
expect "an option that is not this command's" 2 '' "info does not take '--verbose'" info --verbose "$sample"
expect "an unknown option" 2 '' 'svrpcap dump --help' dump --nonsense "$sample"
expect "a choice names what there is" 2 '' '--time now: expected utc, relative or epoch' dump --time now "$sample"
expect "a number is a number" 2 '' '--count 0: expected a number' dump --count 0 "$sample"
expect "a missing file name" 2 '' 'an argument is missing' dump
expect "--help" 0 'Exit status' '' --help
expect "--version" 0 '^svrpcap [0-9]' '' --version
for command in $("$svrpcap" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    expect "$command --help has an example" 0 "^  .*svrpcap $command" '' "$command" --help
done

# ---- pipes ----
for _ in $(seq 40); do cat "$sample"; done >"$dir/long.pcapng"
(set -o pipefail; "$svrpcap" dump "$dir/long.pcapng" 2>"$dir/stderr" | head -n 1 >/dev/null)
[ $? -eq 0 ] && [ ! -s "$dir/stderr" ]
check "a reader that has enough is no fault" $?
"$svrpcap" dump "$dir/long.pcapng" >/dev/full 2>"$dir/stderr"
[ $? -eq 2 ] && grep -q 'cannot be written' "$dir/stderr"
check "a full disk is" $?
expect "files that were joined are read as one" 0 '^ +2480 ' '' dump "$dir/long.pcapng"
echo "1..$n"

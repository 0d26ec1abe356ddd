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

# ---- decrypt, keys, verify ----
"$svrpcap" decrypt "$sample" -o "$dir/inner.pcapng" 2>"$dir/stderr" && "$svrpcap" dump --time relative "$dir/inner.pcapng" >"$dir/out"
[ "$(wc -l <"$dir/out")" -eq 20 ] && grep -q '10.1.0.10:49153 > 10.0.0.10:5001 TCP, length 152$' "$dir/out" && grep -q '20 packets written of 62' "$dir/stderr"
check "decrypt writes the packets inside, and says how many" $?
"$svrpcap" decrypt - <"$sample" 2>/dev/null | cmp - "$dir/inner.pcapng"
check "from pipe to pipe they are the same bytes" $?
expect "decrypt takes filters" 0 '' '10 packets written of 62' decrypt "$sample" udp port 29762 -o "$dir/tcp.pcapng"
"$svrpcap" keys extract "$sample" >"$dir/keys.log"
[ "$(grep -Ec '^(LIFE|PEER_KEY|METADATA_KEY|PAYLOAD_KEY) ' "$dir/keys.log")" -eq 9 ]
check "keys extract prints a key log" $?
"$svrpcap" keys strip "$sample" -o "$dir/bare.pcapng" 2>"$dir/stderr"
! grep -aq 'PEER_KEY\|METADATA_KEY\|LIFE' "$dir/bare.pcapng" && grep -q '9 comments' "$dir/stderr"
check "keys strip leaves none" $?
expect "without keys nothing is deciphered, and that is said" 2 '.' 'no keys in its comments: name a key log with --keylog' decrypt "$dir/bare.pcapng"
diff <("$svrpcap" dump "$sample") <("$svrpcap" dump -k "$dir/keys.log" "$dir/bare.pcapng") >"$dir/diff"
check "a key log is as good as comments" $?
"$svrpcap" keys embed -k "$dir/keys.log" "$dir/bare.pcapng" 2>/dev/null | "$svrpcap" dump - | diff - <("$svrpcap" dump "$sample") >"$dir/diff"
check "what is embedded again is read again" $?
expect "keys embed needs a key log" 2 '' 'needs a key log: --keylog FILE' keys embed "$dir/bare.pcapng"
expect "keys knows three words" 2 '' 'keys show: expected embed, extract or strip' keys show "$sample"
cp "$sample" "$dir/own.pcapng"
expect "a file is not written over itself" 2 '' 'is what is read' keys strip "$dir/own.pcapng" -o "$dir/own.pcapng"
cmp "$sample" "$dir/own.pcapng"
check "it is as it was" $?
expect "verify finds nothing" 0 '^0 faults in 62 packets$' '' verify "$sample"
head -c 17000 "$sample" >"$dir/bad.pcapng" && printf '\377' >>"$dir/bad.pcapng" && tail -c +17002 "$sample" >>"$dir/bad.pcapng"
expect "verify finds one flipped byte" 1 '^1 fault in 62 packets$' '' verify "$dir/bad.pcapng"
grep -A2 '^bad HMAC of metadata: 172.16.0.1:1280 > 172.16.0.2:1280$' "$dir/stdout" | tr -d '\n' |
    grep -q 'expected: .*peer key 1  packet 55 at 2025-01-01 00:00:03.565551220$'
check "and says which packet, when, and what it expected" $?
"$svrpcap" verify --json "$dir/bad.pcapng" | jq -e '.fault_count == 1 and .faults[0].packets[0].number == 55' >/dev/null
check "also as JSON" $?
sed 's/^PAYLOAD_KEY \([0-9a-f]*\) 0/PAYLOAD_KEY \1 7/p' "$dir/keys.log" >"$dir/twice.log"
expect "a secret of two keys is a fault" 1 '^secret used twice: PAYLOAD_KEY [0-9a-f]{32} 7, and PAYLOAD_KEY [0-9a-f]{32} 0$' '' \
    verify -k "$dir/twice.log" "$sample"
expect "where nothing can be checked nothing is fine" 2 'unchecked' 'nothing could be checked' verify "$dir/bare.pcapng"

# ---- stats, follow, live ----
"$svrpcap" stats --json --svg "$dir/plot.svg" "$sample" >"$dir/stats"
jq -e '.total.packets == 20 and .total.inside == 1572 and .total.overhead.SVR == .total.wire - .total.inside and .total.overhead.GRE == 480
    and (.sessions | length) == 3 and ([.sessions[].wire] | add) == .total.wire and ([.sizes[].packets] | add) == 20' "$dir/stats" >/dev/null
check "stats adds up" $?
# The packets inside have 52, 56, 68, 84, 152 and 252 bytes.
"$svrpcap" decrypt "$sample" 2>/dev/null | "$svrpcap" dump --json - | jq -s '[.[].length] | map(
    {esp: (20 + 8 + 16 + (((. + 2 + 15) / 16 | floor) * 16 - .) + 24), wg: (60 + ((. + 15) / 16 | floor) * 16 - .)}) |
    [(map(.esp) | add), (map(.wg) | add)]' >"$dir/want"
jq '[.total.overhead["IPsec ESP"], .total.overhead.WireGuard]' "$dir/stats" | diff - "$dir/want" >"$dir/diff"
check "ESP and WireGuard as computed from the sizes of the packets inside" $?
sed 's/^/# /' "$dir/diff"
python3 -c 'import sys, xml.etree.ElementTree as e; r = e.parse(sys.argv[1]).getroot(); sys.exit(len([x for x in r.iter() if x.tag.endswith("rect")]) < 9)' "$dir/plot.svg"
check "the plot is a drawing" $?
expect "stats as a table, with bars" 0 '^IPsec ESP  #+ [0-9.]+ \([0-9.]+ %\)$' '' stats "$sample"
expect "a plot that cannot be written" 2 'all sessions' '/none/x.svg: cannot be written: No such file' stats --svg /none/x.svg "$sample"
expect "without keys nothing is compared, and that is said" 0 'BFD and the exchange of keys: 42 packets' 'nothing is compared' stats "$dir/bare.pcapng"
id=$("$svrpcap" info --json "$sample" | jq -r '.sessions[] | select(.inner.proto == 6) | .uuid')
expect "follow shows a session" 0 '^> 42 .* TCP 10.1.0.10:49153 > 10.0.0.10:5001 SYN, 0 bytes, with metadata$' '' follow "$sample" "${id:0:8}"
[ "$(grep -c '^[<>] ' "$dir/stdout")" -eq 10 ] && grep -q '^    ns3q' "$dir/stdout"
check "all of it, with what was said, and no other" $?
expect "sessions are also found by an end" 0 ' ICMP ' '' follow "$sample" 10.1.0.10
expect "with a port only those with that port" 0 '^> 34 ' '' follow "$sample" 10.1.0.10:49153
! grep -q ICMP "$dir/stdout"
check "and not ICMP" $?
expect "as hex" 0 '^    0000  6e 73 33 71 ' '' follow --hex "$sample" "$id"
expect "a session that is not there" 2 '' "no session 'ffffffff'" follow "$sample" ffffffff
expect "no name of a session" 2 '' 'expected the beginning of an identifier' follow "$sample" xyz
expect "live needs an interface that is there" 2 '' '^svrpcap: nowhere0: ' live nowhere0

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

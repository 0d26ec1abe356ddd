#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whoever knows what is public of the metadata format, and nothing of this profile, reads our headers and TLVs: a second reader
# (public-reader.lua) over the captures of the reference, beside the dissector, and over the profile's TLVs in clear.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0
report() { # STATUS SENTENCE [OUTPUT]
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" && return
    failed=1
    echo "not ok $n - $2"
    [ -z "${3:-}" ] || head -n 15 <<<"$3" | sed 's/^/# /'
}

export HOME=$dir/home
mkdir "$HOME"
unset XDG_CONFIG_HOME
# fields CAPTURE SCRIPT FILTER FIELD...: those fields of the packets that the filter takes, a line each.
fields() {
    local capture=$1 script=$2 filter=$3 field args=()
    for field in "${@:4}"; do args+=(-e "$field"); done
    tshark -X "lua_script:$script" -o udp.try_heuristic_first:TRUE -r "$capture" -Y "$filter" -T fields -E separator='|' "${args[@]}" "${off[@]}" 2>"$dir/stderr"
}
reader=tests/tools/public-reader.lua

# ---- captures: what is in clear, as both see it ----------------------------------------------------
for capture in docs/captures/*.pcapng; do
    off=(--disable-protocol svr)
    fields "$capture" $reader published frame.number published.{header_length,payload_length,key,fragment} >"$dir/published"
    faults=$(fields "$capture" $reader 'published.fault || published.version != 1' frame.number published.version published.fault)
    off=()
    fields "$capture" build/wireshark/svr.lua svr.header_length frame.number svr.{header_length,payload_length,security_id,fragment.extended_id} \
        >"$dir/ours"
    out=$(diff "$dir/published" "$dir/ours")
    [ -z "$out" ] && [ "$(wc -l <"$dir/ours")" -gt 10 ]
    report $? "${capture##*/}: $(wc -l <"$dir/ours") packets have the same lengths, keys and fragments for both" "$out"
    [ -z "$faults" ]
    report $? "${capture##*/}: the TLVs in clear are whole, of version 1" "$faults"
done

# ---- what is enciphered on the wire, in clear ---------------------------------------------------------
# packet HEX: a datagram whose metadata has those bytes as its payload TLVs.
packet() {
    local len=$((${#1} / 2))
    printf '4c48dbc6ddf6670c100c%04x%s' $len "$1" | sed 's/../& /g; s/^/000000 /; s/$/\n/'
}
example() { sed -n "s/^    *\(\([0-9a-f][0-9a-f] \)*[0-9a-f][0-9a-f]\) .*$1.*/\1/p" docs/protocol.md | head -n 1 | tr -d ' '; }
vector=$(sed -n 's/^session_payload_tlvs = //p' docs/test-vectors.md)
{
    packet "$vector"
    packet "$(example 'tenant "red"')$(example 'session-encrypted')$(example 'transport: TCP')"
    packet "${vector%????}"
} >"$dir/packets"
text2pcap -q -u 1000,2000 "$dir/packets" "$dir/clear.pcap"
off=(--disable-protocol svr)
fields "$dir/clear.pcap" $reader published published.tlv published.fault >"$dir/out"
diff - "$dir/out" >"$dir/diff" <<'LINES'
forward 10.1.0.10:40000 > 10.2.0.10:443 17,46 34|
tenant red,encrypted 0,32773 1|
forward 10.1.0.10:40000 > 10.2.0.10:443 17|TLVs
LINES
report $? "payload TLVs are read as published, those of the profile are skipped whole, and a cut one is noticed" "$(cat "$dir/diff")"

echo "1..$n"
exit $failed

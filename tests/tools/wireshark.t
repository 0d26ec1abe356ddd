#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The dissector outside of its captures: under every Lua that Wireshark may have, installed, with its profile and its statistics.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
sample=$PWD/tests/unit/samples/two-routers.pcapng
n=0
failed=0
report() { # STATUS SENTENCE [OUTPUT]
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" && return
    failed=1
    echo "not ok $n - $2"
    [ -z "${3:-}" ] || head -n 15 <<<"$3" | sed 's/^/# /'
}

for version in 5.2 5.3 5.4; do
    out=$(lua$version tests/tools/wireshark-mock.lua build/wireshark/svr.lua pcap-tools/wireshark/svr docs/test-vectors.md 2>&1)
    report $? "Lua $version reads the packets of the test vectors" "$out"
done
[ "$(wc -l pcap-tools/wireshark/svr/*.lua | awk '$2 != "total" && $1 > 800' | wc -l)" -eq 0 ]
report $? "no part is longer than 800 lines"

# ---- the profile, as its page has it -------------------------------------------------------------------
tlvs=$(sed -n '/^| type | name | length/,/^$/p' docs/protocol.md | awk -F' *[|] *' '$2 ~ /^[0-9]/ { print $2, $3 }' |
    sed 's/^50, 51 .*/50 multicast-50\n51 multicast-51/' | sort -u)
known=$(sed -n 's/^    \[\([0-9a-fx]*\)\] = { "\([a-z0-9-]*\)".*/\1 \2/p' pcap-tools/wireshark/svr/tlvs.lua | sort -u)
out=$(diff <(echo "$tlvs") <(echo "$known"))
report $? "the dissector knows the TLVs of docs/protocol.md" "$out"
messages=$(sed -n '/^| kind | name | layout/,/^$/p' docs/protocol.md | awk -F' *[|] *' '$2 ~ /^[0-9]/ { print $3 }' | sort)
known=$(sed -n 's/^M.MESSAGES = { \(.*\) }/\1/p' pcap-tools/wireshark/svr/fields.lua | tr -d '" ' | tr , '\n' | grep -v SYNC | sort)
out=$(diff <(echo "$messages") <(echo "$known"))
report $? "and its messages" "$out"

# ---- authentic and nonetheless wrong ------------------------------------------------------------------
for seed in 1 2; do
    lua5.4 tests/tools/wireshark-fuzz.lua pcap-tools/wireshark/svr $seed 1500 "$dir/fuzz.pcap" "$dir/fuzz.keys"
    tshark -X lua_script:build/wireshark/svr.lua -o "svr.keylog_file:$dir/fuzz.keys" -V -r "$dir/fuzz.pcap" >"$dir/fuzz" 2>"$dir/stderr"
    status=$?
    ! grep -i 'lua error' "$dir/fuzz" >"$dir/errors" && [ $status -eq 0 ] && [ "$(grep -c 'is: good' "$dir/fuzz")" -gt 500 ]
    report $? "odd TLVs, messages and payloads are survived (seed $seed)" "$(cat "$dir/errors" "$dir/stderr")"
done

# ---- installed, for one who is not root -------------------------------------------------------------
export HOME=$dir/home
mkdir "$HOME"
unset XDG_CONFIG_HOME
out=$(make -s -o build/wireshark/svr.lua install-wireshark WS_SCOPE=Personal 2>&1)
report $? "make install-wireshark installs below the home of a user" "$out"
as_user=()
if [ "$(id -u)" -eq 0 ]; then
    chown -R nobody "$HOME"
    as_user=(setpriv --reuid nobody --regid nogroup --clear-groups)
fi
cp "$sample" "$dir/sample.pcapng"
chmod 644 "$dir/sample.pcapng"
shark() { "${as_user[@]}" tshark -r "$dir/sample.pcapng" "$@" 2>"$dir/stderr"; }
all=$(tshark -r "$sample" 2>/dev/null | wc -l)
out=$(shark -Y svr | wc -l)
[ "$all" -gt 0 ] && [ "$out" = "$all" ]
report $? "tshark finds it there" "$out of $all; $(cat "$dir/stderr")"
out=$(shark -C SVR)
! grep -Ev 'BFD|CERT|KEY|metadata|payload' <<<"$out" >"$dir/others" && [ ! -s "$dir/stderr" ]
report $? "the profile SVR is known" "$(cat "$dir/stderr" "$dir/others")"
rules=$(shark -C SVR --color -T fields -e frame.coloring_rule.name | sort -u)
[ "$(printf '%s\n' "$rules" | grep -vc '^SVR ')" -eq 0 ] && grep -q 'SVR key exchange' <<<"$rules" && grep -q 'SVR payload' <<<"$rules"
report $? "its colours are for SVR" "$rules"
! grep -q . "$dir/stderr"
report $? "and none of its rules is refused" "$(cat "$dir/stderr")"
filters=$(sed -n 's/^@[^@]*@\(.*\)@\[.*/\1/p' pcap-tools/wireshark/profile/colorfilters;
    sed -n 's/^"TRUE","[^"]*","\(.*\)","[^"]*"$/\1/p' pcap-tools/wireshark/profile/dfilter_buttons)
bad=
while read -r filter; do shark -Y "$filter" >/dev/null || bad+="$filter; "; done <<<"$filters"
[ -n "$filters" ] && [ -z "$bad" ]
report $? "every filter of the profile is one" "$bad"
filters=$(sed -n '/^| to see /,/^$/p' docs/wireshark.md | grep -o '`[^`]*`' | tr -d '`' | sed 's/\\|/|/g')
bad=
while read -r filter; do shark -Y "${filter/"..."/d1-d2}" >/dev/null || bad+="$filter; "; done <<<"$filters"
[ "$(wc -l <<<"$filters")" -gt 8 ] && [ -z "$bad" ]
report $? "so is every filter of the guide" "$bad"

make -s -o build/wireshark/svr.lua install-wireshark DESTDIR="$dir/root" >/dev/null
[ "$(find "$dir/root" -name svr.lua -o -path '*/profiles/SVR/colorfilters' | wc -l)" -eq 2 ]
report $? "DESTDIR goes in front" "$(find "$dir/root")"

# ---- statistics ---------------------------------------------------------------------------------------
out=$(shark -q -z svr,keys -z svr,sessions)
sessions=$(shark -Y svr.session.uuid -T fields -e svr.session.uuid | sort | uniq -c | awk '{ print $2, $1 }')
listed=$(awk '/^[0-9a-f]*-[0-9a-f-]* / { print $1, $(NF - 4) + $(NF - 2) }' <<<"$out" | sort)
[ -n "$sessions" ] && [ "$sessions" = "$listed" ]
report $? "-z svr,sessions counts the packets of each session" "$out"
bfd=$(shark -Y 'udp.port == 1280 && svr.auth == 2' | wc -l)
listed=$(awk '$1 == "peer" { sum += $(NF - 2) } END { print sum }' <<<"$out")
[ "$bfd" -gt 0 ] && [ "$bfd" = "$listed" ]
report $? "-z svr,keys counts the packets under each key" "$bfd $out"

echo "1..$n"
exit $failed

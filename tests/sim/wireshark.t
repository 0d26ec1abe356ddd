#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The dissector, in tshark: what it shows of a simulated network, of packets that were bent, cut or sent twice, and without keys.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
lua=$PWD/build/wireshark/svr.lua
n=0
failed=0

report() { # STATUS SENTENCE [OUTPUT]
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" && return
    failed=1
    echo "not ok $n - $2"
    [ -z "${3:-}" ] || head -n 15 <<<"$3" | sed 's/^/# /'
}
equal() { # GOT WANTED SENTENCE
    [ "$1" = "$2" ]
    report $? "$3" "got: $1
wanted: $2"
}

# Neither settings nor plugins of whoever runs this.
export HOME=$dir/home
mkdir "$HOME"
unset XDG_CONFIG_HOME
shark() { tshark -X "lua_script:$lua" "$@" 2>"$dir/stderr"; }
# tally CAPTURE [OPTION...] -- FILTER...: how many packets each filter takes, in one run of tshark; into $got.
tally() {
    local capture=$1 options=() filter taps=io,stat,0
    while [ "$2" != -- ]; do
        options+=("$2")
        shift
    done
    shift 2
    for filter; do taps+=",$filter"; done
    mapfile -t got < <(shark -q -r "$capture" "${options[@]}" -z "$taps" | awk -F'|' -v n=$# '/<>/ { for (i = 0; i < n; i++) print $(2 * i + 3) + 0 }')
    [ ${#got[@]} -eq $# ] && ! grep -q 'register' "$dir/stderr" || { sed 's/^/# /' "$dir/stderr"; echo "Bail out! a filter is wrong: $*"; exit 1; }
}
# none CAPTURE [OPTION...] -- FILTER SENTENCE...: no packet is taken.
none() {
    local all=("$@") filters=() sentences=() i
    for ((i = 0; i < $#; i++)); do [ "${all[i]}" != -- ] || break; done
    local options=("${all[@]:0:i+1}")
    for ((i++; i < $#; i += 2)); do
        filters+=("${all[i]}")
        sentences+=("${all[i + 1]}")
    done
    tally "${options[@]}" "${filters[@]}"
    for i in "${!filters[@]}"; do equal "${got[i]}" 0 "${sentences[i]}"; done
}
# show CAPTURE FILTER FIELD...: those fields of the packets that a filter takes.
show() {
    local args=() field capture=$1 filter=$2
    for field in "${@:3}"; do args+=(-e "$field"); done
    shark -r "$capture" -Y "$filter" -T fields -E occurrence=a -E separator=' ' "${args[@]}"
}

build/bin/svrsim run tests/sim/families.lua -q --out "$dir/families" >"$dir/account" ||
    { sed 's/^/# /' "$dir/account"; echo "Bail out! the simulation failed"; exit 1; }
four=$dir/families/hub--isp-left.pcapng # IPv4 outside
six=$dir/families/hub--isp-right.pcapng # IPv6
log=$dir/families/keys.log
# For what needs many runs: without most of the bulk traffic.
few=$dir/few.pcapng
shark -r "$four" -Y '!tcp || frame.number < 200' -w "$few"

# ---- what is good is shown as good ----------------------------------------------------------------

faults=$(tests/tools/faults --filter)

for capture in "$four" "$six"; do
    name=$(basename "$capture" .pcapng)
    shark -r "$capture" >"$dir/once"
    noise=$(grep -v 'Running as user' "$dir/stderr")
    [ -z "$noise" ]
    report $? "$name: the dissector prints nothing" "$noise"
    tally "$capture" -- svr 'icmp.type == 8 || icmpv6.type == 128' 'icmp.type == 0 || icmpv6.type == 129'
    equal "${got[0]}" "$(wc -l <"$dir/once")" "$name: every packet between routers is SVR"
    equal "${got[1]}" "${got[2]}" "$name: each ping inside has its answer"
    none "$capture" -- \
        "$faults" "$name: nothing is found fault with" \
        'svr.nonce && !(svr.auth == 2)' "$name: the HMAC of all metadata holds" \
        'svr.payload && !(svr.payload.auth == 2)' "$name: the HMAC of all payload holds" \
        '!(udp.port == 1280) && !svr.payload && !svr.control_message' "$name: all else than BFD carries payload, or an order" \
        'svr.payload && !(svr.session.uuid && svr.session.service && svr.session.tenant == "corp" && svr.session.flow)' \
        "$name: each packet shows its session"
done

inside() { show "$1" "udp.port == 7 && $2" udp.payload | sed 's/.*,//' | sort; }
lan=$dir/families/left-host2--left.pcapng
equal "$(inside "$four" 'ip.dst == 10.0.0.10' | md5sum)" "$(inside "$lan" 'ip.dst == 10.0.0.10' | md5sum)" \
    "what a host sends by UDP is found inside as it was sent"
equal "$(shark -r "$four" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE \
    -Y 'ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0' | wc -l)" 0 \
    "checksums inside are as they were"

read -r -a first <<<"$(show "$few" 'svr.payload_key' svr.sender svr.receiver svr.tenant svr.service svr.session.srcport | head -1)"
equal "${first[*]:0:4}" 'left hub corp lan-hub' "metadata names routers, tenant and service"
equal "$(show "$few" 'svr.payload && !svr.nonce' svr.session.service | sort -u | wc -l)" 2 \
    "later packets show the service of their session"
none "$few" -- \
    'svr.payload && !svr.nonce && !(svr.session.metadata_in && svr.session.since_metadata)' 'and where the session is known from' \
    'svr.message == 4 && !(svr.message.request_in && svr.message.response_time)' 'a KEY_RESPONSE leads to its request' \
    'svr.message == 5 && !(svr.message.request_in && svr.message.response_in && svr.message.confirm_time)' \
    'a KEY_CONFIRM leads to both, and says how long it took' \
    'svr.message == 7 && !(svr.message.key_in && svr.message.ack_time)' 'an acknowledgement leads to its metadata key' \
    'svr.message == 1 && !x509af.utcTime' 'certificates are shown'

infos=$(shark -r "$few" -T fields -e _ws.col.Info)
for pattern in 'KEY_REQUEST 1, modp-2048' 'KEY_RESPONSE 1, modp-2048' 'KEY_CONFIRM 1' 'METADATA_KEY 1' 'METADATA_KEY_ACK 1' \
    'BFD up, key 1' 'metadata, key 1, forward, payload key 0' 'payload phase 0 nonce 2 → ICMP Echo'; do
    grep -q "$pattern" <<<"$infos"
    report $? "the packet list says: $pattern"
done

# ---- what is not ours -----------------------------------------------------------------------------------
shark -r "$lan" -V >"$dir/with"
tshark -r "$lan" -V 2>/dev/null | cmp -s - "$dir/with"
report $? "packets of hosts are shown as without the dissector"
python3 - "$dir/foreign.pcap" <<'END'
import struct, sys
out = open(sys.argv[1], "wb")
out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
for port in 1280, 20000, 27960, 30303, 44818:
    for body in b"", b"x", b"\xff" * 4 + b"getstatus\n", bytes(24), b"\x4c\x48\xdb\xc6", bytes(range(200)):
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(body), 0, 0, 64, 17, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
        packet = ip + struct.pack(">HHHH", port, port, 8 + len(body), 0) + body
        out.write(struct.pack("<IIII", 1, 0, len(packet), len(packet)) + packet)
END
shark -r "$dir/foreign.pcap" -V | grep -v 'Protocols in frame' >"$dir/with"
with=$(tshark -r "$dir/foreign.pcap" -V 2>/dev/null | grep -v 'Protocols in frame' | diff - "$dir/with")
report $? "so is what others send on such ports" "$with"

# ---- parts of datagrams, echo, rotation -------------------------------------------------------------
build/bin/svrsim run tests/sim/wireshark.lua -q --out "$dir/more" >"$dir/account" ||
    { sed 's/^/# /' "$dir/account"; echo "Bail out! the simulation failed"; exit 1; }
more=$dir/more/one--two.pcapng
none "$more" -- \
    "$faults" "parts, echo, rotation: nothing is found fault with" \
    'svr.nonce && !(svr.auth == 2) || svr.payload && !(svr.payload.auth == 2)' "parts, echo, rotation: all HMACs hold" \
    'svr.echo.kind == 2 && !(svr.echo.request_in && svr.echo.round_trip > 0.002)' "an echo reply leads to its request, and says how long it took" \
    'svr.part && !svr.fragment' "a header of a part has its TLV"
for filter in 'ip.dst == 10.2.0.10' 'ipv6.dst == fd00:2::10'; do
    inside=$(show "$more" "udp.dstport == 7 && $filter" udp.payload | sed 's/.*,//' | sort)
    outside=$(show "$dir/more/one-host1--one.pcapng" "udp.dstport == 7 && $filter" udp.payload | sed 's/.*,//' | sort)
    equal "$(md5sum <<<"$inside") $(wc -l <<<"$inside")" "$(md5sum <<<"$outside") 40" "parts are put together again: $filter"
done
phases=$(show "$more" 'svr.payload' svr.payload.phase | sort -u | tr '\n' ' ')
equal "$phases" "0 1 " "each rotation brings a new phase"
# Packets of the first minute, again after the rotation.
editcap -t 3900 -r "$more" "$dir/late.pcapng" 40-70
mergecap -w "$dir/old.pcapng" "$more" "$dir/late.pcapng"
tally "$dir/late.pcapng" -o "svr.keylog_file:$dir/more/keys.log" -- 'udp.port == 1280 && svr.auth == 2'
late=${got[0]}
tally "$dir/old.pcapng" -- 'udp.port == 1280 && svr.expert.old_key'
equal "${got[0]}" "$late" "a key that comes back after its grace is told"

# ---- JSON: no key stands twice in an object -----------------------------------------------------------
shark -r "$few" -Y 'svr.payload_key || svr.message' -T json >"$dir/json"
twice=$(python3 - "$dir/json" <<'END'
import collections, json, sys
found = collections.Counter()
def look(pairs):
    for key, n in collections.Counter(k for k, v in pairs).items():
        if n > 1 and key.startswith("svr"): found[key] += 1
    return dict(pairs)
json.load(open(sys.argv[1]), object_pairs_hook=look)
print(*found)
END
)
equal "$twice" '' "keys of JSON objects are unique"

# ---- two passes, and any order ------------------------------------------------------------------------
file_keys=(-o svr.comment_keys:FALSE -o "svr.keylog_file:$log")
shark -r "$few" >"$dir/once"
shark -r "$few" "${file_keys[@]}" | cmp -s - "$dir/once"
report $? "a key log says the same as packet comments"
shark -2 -r "$few" "${file_keys[@]}" | sed 's/ (reply in [0-9]*)//' | cmp -s - "$dir/once"
report $? "two passes show what one does"
tally "$few" -- 'svr.payload.auth == 2'
good=${got[0]}
tally "$few" -2 -- 'svr.payload.auth == 2' 'svr.message.response_in && svr.message == 3'
equal "${got[0]}" "$good" "comments are found in two passes, too"
answered=$(show "$few" 'svr.message == 4' svr.message.request_in | sort -u | wc -l)
[ "$answered" -gt 0 ] && [ "${got[1]}" -ge "$answered" ]
report $? "with two passes a request leads to its response" "${got[1]} of $answered"

# ---- without keys ---------------------------------------------------------------------------------------
in_clear=(svr.cookie 'svr.message == 3' 'udp.port == 1280 && svr.nonce')
tally "$few" -- "${in_clear[@]}"
with_keys=("${got[@]}")
tally "$few" -o svr.comment_keys:FALSE -- "${in_clear[@]}" svr.expert.no_keys
equal "${got[3]}" 1 "that there is no key is said once"
equal "${got[*]:0:3}" "${with_keys[*]}" "without keys all is shown that is in clear"
none "$few" -o svr.comment_keys:FALSE -- 'svr.decrypted || svr.session || svr.auth == 2' "and nothing else"
grep -v '^PEER_KEY' "$log" >"$dir/some-keys"
tally "$few" -o svr.comment_keys:FALSE -o "svr.keylog_file:$dir/some-keys" -- 'udp.port == 1280 && svr.expert.no_key'
equal "${got[0]}" "${with_keys[2]}" "a key that is missing is told with each packet"
grep -E '^(PEER_KEY|LIFE)' "$log" >"$dir/some-keys"
none "$few" -o svr.comment_keys:FALSE -o "svr.keylog_file:$dir/some-keys" -- 'svr.nonce && !(svr.auth == 2) || svr.payload && !(svr.payload.auth == 2)' \
    "what routers tell each other is learned: peer keys and lives suffice"
tally "$few" -o svr.comment_keys:FALSE -o "svr.keylog_file:$dir/none" -- svr.expert.no_key_log
equal "${got[0]}" 1 "so is a key log that is none, once"
mkdir "$dir/openssl"
for part in cipher hmac; do echo 'error "none"' >"$dir/openssl/$part.lua"; done
for version in 5_2 5_3 5_4; do export LUA_PATH_$version="$dir/?.lua;;"; done
tally "$few" -- svr.expert.no_library svr.cookie
equal "${got[*]}" "1 ${with_keys[0]}" "that the library is missing is said once"
unset LUA_PATH_5_2 LUA_PATH_5_3 LUA_PATH_5_4

# ---- packets that are not as they should be ---------------------------------------------------------
mergecap -a -F pcapng -w "$dir/twice.pcapng" "$few" "$few"
tally "$few" -- svr.nonce svr.security_id
nonces=${got[0]} ids=${got[1]}
tally "$dir/twice.pcapng" -- 'svr.nonce && svr.expert.replay'
equal "${got[0]}" "$nonces" "a nonce that comes again is a replay"
editcap -s 100 "$few" "$dir/short.pcapng"
none "$dir/short.pcapng" -- 'frame.len > 100 && svr && !svr.expert.truncated' "what the capture cut off is said to be cut off" \
    svr.expert.bad_hmac "and not to be forged"

editcap -F pcap "$few" "$dir/plain.pcap"
python3 - "$dir/plain.pcap" "$dir" <<'END'
import struct, sys
data, out = open(sys.argv[1], "rb").read(), sys.argv[2]
head, at, packets = data[:24], 24, []
while at < len(data):
    n = struct.unpack_from("<I", data, at + 8)[0]
    packets.append((data[at:at + 16], bytearray(data[at + 16:at + 16 + n])))
    at += 16 + n
def write(name, change):
    with open(out + "/" + name, "wb") as f:
        f.write(head)
        for record, packet in packets:
            packet = change(bytearray(packet))
            f.write(record[:8] + struct.pack("<II", len(packet), len(packet)) + packet)
def bend(where):
    def change(p):
        p[where] ^= 1
        return p
    return change
def cookie(p): return p[28:36] == bytes.fromhex("4c48dbc6ddf6670c")
def unknown_tlv(p):
    if cookie(p) and p[38:40] == b"\x00\x90" and p[40:42] == b"\x00\x10": p[40:42] = b"\x7a\x7a"
    elif cookie(p) and p[40:42] == b"\x00\x10": p[40:42] = b"\x7a\x7a"
    return p
def longer(p):
    if cookie(p): p[38] = 0xff
    return p
# As a router's own kernel shows bursts: payloads of one length, nonce by nonce, in one datagram.
def number(p): return int.from_bytes(p[28:36], "big")
def bursts():
    out, open_burst = [], {}
    for record, p in packets:
        if p[9] != 17 or cookie(p) or p[20:22] == b"\x05\x00":
            out.append((record, p))
            continue
        way = bytes(p[12:24])
        burst = open_burst.get(way)
        if burst and burst["next"] == number(p) and burst["n"] < 5 and burst["size"] >= len(p) == burst["last"]:
            burst["packet"] += p[28:]
        else:
            burst = {"packet": bytearray(p), "size": len(p), "n": 0}
            out.append((record, burst["packet"]))
            open_burst[way] = burst
        burst.update(next=number(p) + 1, n=burst["n"] + 1, last=len(p))
    for _, p in out:
        p[2:4] = len(p).to_bytes(2, "big")
        p[24:26] = (len(p) - 20).to_bytes(2, "big")
    return out
whole, packets = packets, [(r, bytearray(p)) for r, p in packets]
packets = bursts()
write("burst.pcap", lambda p: p)
packets = whole
first = [p for _, p in packets if cookie(p) and p[20:22] != b"\x05\x00"]
pair = next((p, q) for i, p in enumerate(first) for q in first[i + 1:] if p[12:16] == q[12:16] and len(p) == len(q))
joined = bytearray(pair[0] + pair[1][28:])
joined[2:4], joined[24:26] = len(joined).to_bytes(2, "big"), (len(joined) - 20).to_bytes(2, "big")
packets = [(packets[0][0], joined)]
write("pair.pcap", lambda p: p)
packets = whole
# Behind each packet the ICMP error of a router that quotes it: the whole, or the first bytes alone.
def quotes(sizes):
    out = []
    for i, (record, p) in enumerate(packets):
        quoted = p[:sizes[i % len(sizes)]]
        out += [(record, p), (record, b"\x45\0" + (28 + len(quoted)).to_bytes(2, "big") + bytes(4) + b"\x40\x01\0\0" + p[16:20] + p[12:16] +
            b"\x03\x03" + bytes(6) + quoted)]
    return out
packets = quotes([1500, 28, 29, 36, 40, 60, 80, 128])
write("quoted.pcap", lambda p: p)
packets = whole
write("tag.pcap", bend(-1))
write("unknown.pcap", unknown_tlv)
write("longer.pcap", longer)
END
keys_of_log=(-o "svr.keylog_file:$log")
counters() { shark -r "$1" "${keys_of_log[@]}" -T fields -e svr.payload.counter | tr , '\n' | grep -c .; }
frames() { shark -r "$1" | wc -l; }
none "$dir/burst.pcap" "${keys_of_log[@]}" -- "$faults" "a burst in one datagram is taken apart"
equal "$(counters "$dir/burst.pcap")" "$(counters "$few")" "and each of its payloads is shown"
[ "$(frames "$dir/burst.pcap")" -lt "$(frames "$few")" ]
report $? "(there were bursts)"
equal "$(shark -r "$dir/pair.pcap" "${keys_of_log[@]}" -T fields -e svr.auth -e svr.payload.auth | tr '\t' ' ')" "2,2 2,2" \
    "a burst of packets with metadata is taken apart, too"
none "$dir/quoted.pcap" "${keys_of_log[@]}" -- "$faults" "what an ICMP error quotes is no replay, and not cut off"
tally "$dir/quoted.pcap" "${keys_of_log[@]}" -- 'icmp.type == 3 && svr.cookie' svr.nonce 'svr.auth == 2'
[ "${got[0]}" -gt 0 ] && [ "${got[1]}" -gt "$nonces" ] && [ "${got[2]}" -eq "$nonces" ]
report $? "its metadata is shown, as far as it is in clear" "${got[*]}, $nonces"
none "$dir/tag.pcap" "${keys_of_log[@]}" -- 'svr.nonce && !svr.expert.bad_hmac' "one bit flipped in a HMAC is noticed" \
    svr.decrypted "and nothing is read that is not authentic"
tally "$dir/unknown.pcap" "${keys_of_log[@]}" -- 'svr.cookie && svr.expert.unknown_tlv'
equal "${got[0]}" "$ids" "a TLV that the profile does not know is told"
none "$dir/longer.pcap" "${keys_of_log[@]}" -- 'svr.cookie && !svr.expert.malformed' "a length beyond the packet is malformed"

# ---- whatever comes: no error of Lua -------------------------------------------------------------------
lua_errors() { shark -V "$@" | grep -ci 'lua error'; }
for seed in 1 2 3; do
    for rate in 0.003 0.1; do
        editcap -r --seed $seed -E $rate "$few" "$dir/bent-$seed-$rate.pcapng" 1-400 2>/dev/null
    done
done
mergecap -a -w "$dir/bent.pcapng" "$dir"/bent-*.pcapng
errors=$(lua_errors -r "$dir/bent.pcapng" "${keys_of_log[@]}")
equal $errors 0 "bent packets are survived"
for len in 29 36 39 40 45 60 72 110 150; do
    editcap -s $len -r "$few" "$dir/cut-$len.pcap" 1-300
done
mergecap -a -w "$dir/cut.pcapng" "$dir"/cut-*.pcap
errors=$(lua_errors -r "$dir/cut.pcapng" "${keys_of_log[@]}")
equal $errors 0 "cut packets are survived"

echo "1..$n"
exit $failed

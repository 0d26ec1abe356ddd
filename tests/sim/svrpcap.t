#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# svrpcap verify judges whole scenarios: sound routers show no fault through rotations, outages and restarts, an attacker's packets
# are told from theirs, and broken stacks (tests/mutants) are caught by what they do with nonces and keys.
svrpcap=${SVRPCAP:-build/bin/svrpcap}
svrsim=${SVRSIM:-build/bin/svrsim}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# verify STATUS SENTENCE SIMULATOR SCENARIO CAPTURE [PATTERN]
verify() {
    local status=$1 sentence=$2 simulator=$3 scenario=$4 capture=$5 pattern=${6:-^0 faults in}
    n=$((n + 1))
    "$simulator" run "scenarios/$scenario.lua" -q --pcap "$dir/$n" --keylog "$dir/$n.keys" --out "$dir/$n.out" >/dev/null 2>&1
    "$svrpcap" verify "$dir/$n/$capture.pcapng" >"$dir/said" 2>&1
    if [ $? -eq "$status" ] && grep -Eq "$pattern" "$dir/said"; then
        echo "ok $n - $sentence"
    else
        echo "not ok $n - $sentence"
        tail -n 12 "$dir/said" | sed 's/^/# /'
    fi
    rm -rf "${dir:?}/$n" "$dir/$n.out"
}

verify 0 "rotations and an outage" "$svrsim" key-life one
verify 0 "routers that begin anew" "$svrsim" restarts line
verify 0 "a router of two nodes, which take over" "$svrsim" two-nodes hub-line
verify 1 "altered frames are faults" "$svrsim" attacker line '^bad HMAC of metadata: .*session'
verify 1 "a key that goes on after its nonces began anew" build/mutants/same-key-after-silence/svrsim key-life one '^nonce used again: .* times$'
verify 1 "one payload key for all sessions" build/mutants/one-payload-key/svrsim multi-hop trunk '^secret used twice: PAYLOAD_KEY'
echo "1..$n"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One metadata key for all peers: the scenario prints the lines, and the key log has each of the hub's keys once.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${SVRSIM:-build/bin/svrsim}" run "$(dirname "$0")/one-key.lua" -q --out "$dir" | tee "$dir/lines" | grep -v '^1\.\.'
n=$(grep -cE '^(not )?ok ' "$dir/lines")
keys=$(grep -c '^METADATA_KEY alias-hub \|^METADATA_KEY hub ' "$dir/keys.log")
if [ "$keys" -eq 4 ]; then
    echo "ok $((n + 1)) - KEY-META-SAME: the key log has four metadata keys of the hub, not one for each peer"
else
    echo "not ok $((n + 1)) - KEY-META-SAME: the key log has $keys metadata keys of the hub"
fi
echo "1..$((n + 1))"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Deliberately broken stacks (tests/mutants): the conformance suite must name the requirement that each of them breaks.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
conform=${SVRCONFORM:-build/bin/svrconform}

judge() { # MUTANT
    local name=${1##*/}
    "$2" run --simulator "build/mutants/$name/svrsim" --scenario "$(tools/mutate --of scenario "$1")" --out "$3/$name" >"$3/$name.tap" 2>"$3/$name.err"
    echo $? >"$3/$name.status"
}
export -f judge
printf '%s\n' tests/mutants/* | xargs -P "$(nproc)" -I{} bash -c 'judge "$@"' - {} "$conform" "$dir"

n=0
for mutant in tests/mutants/*; do
    name=${mutant##*/} id=$(tools/mutate --of breaks "$mutant")
    n=$((n + 1))
    if [ "$(cat "$dir/$name.status")" -eq 1 ] && grep -q "^not ok [0-9]* - $id \[" "$dir/$name.tap"; then
        echo "ok $n - $id: $(tools/mutate --of what "$mutant")"
    else
        echo "not ok $n - $id: $(tools/mutate --of what "$mutant")"
        grep '^not ok\|^# actual' "$dir/$name.tap" | sed 's/^/# /'
        sed 's/^/# /' "$dir/$name.err" | tail -3
    fi
done
echo "1..$n"

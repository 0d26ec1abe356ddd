#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/requirements.md says of each requirement where tests name it: it must say what is so. What configuration, keys,
# certificates and operators demand must be tested, and an ID that appears anywhere must be one of the page's.
page=docs/requirements.md
n=0
report() {
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}
# named ID FOLDER...: some file there names it, and not just a longer one.
named() { local id=$1; shift; grep -rqE "$id([^A-Z0-9-]|\$)" "$@"; }
where() {
    local found=()
    named "$1" tests/unit && found+=(unit)
    # What a scenario is there to show, tests/sim/conform.t wants decided.
    named "$1" tests/sim scenarios conformance/conform/scenarios.lua && found+=(sim)
    named "$1" tests/lab && found+=(lab)
    [ ${#found[@]} -gt 0 ] || found=(open)
    printf '%s' "${found[0]}" "${found[@]/#/, }" | sed "s/^${found[0]}, ${found[0]}/${found[0]}/"
}

rows() { sed -n 's/^| \([A-Z]\{3\}-[A-Z0-9-]*\) | .* | \([a-z, ]*\) |$/\1|\2/p' "$page"; }
wrong=0
while IFS='|' read -r id said; do
    is=$(where "$id")
    [ "$is" = "$said" ] && continue
    echo "# $id: the page says $said, the tests are in: $is"
    wrong=1
done < <(rows)
report $wrong "$page says where each requirement is tested"

open=$(rows | grep -E '^(CFG|KEY|CRT|OPS|CRY)-.*\|open$')
[ -z "$open" ]
report $? "everything about configuration, keys, certificates, cryptography and operators has a test ${open:+but: }$open"

# A name that a star follows is a pattern.
unknown=$(grep -rohP '(?<![A-Z0-9-])(CRY|CFG|KEY|CRT|TOP|OPS)-[A-Z](?:[A-Z0-9-]*[A-Z0-9])?+(?!\*)' \
    core router sim lua conformance scenarios tests docs README.md |
    sort -u | while read -r id; do grep -q "^| $id " "$page" || echo "$id"; done)
[ -z "$unknown" ]
report $? "no ID is used that the page does not have ${unknown:+but: }$unknown"
echo "1..$n"

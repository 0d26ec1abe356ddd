#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/setup with stand-ins for dpkg-query and apt-get: what it asks for, what it says, and how it fails.
set -u
setup=$PWD/tools/setup
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
n=0
failed=0

# In this machine all is installed but what $LACK names; apt-get notes what it is asked for and ends with $APT.
mkdir "$dir/bin"
export LACK='' APT=0 LOG=$dir/log
cat >"$dir/bin/dpkg-query" <<'END'
#!/bin/bash
shift 3
for name; do [[ " $LACK " == *" $name "* ]] || echo "ii  $name"; done
END
cat >"$dir/bin/apt-get" <<'END'
#!/bin/bash
echo "$DEBIAN_FRONTEND $*" >>"$LOG"
[ "$APT" = 0 ] || { echo "E: no network"; exit "$APT"; }
END
cat >"$dir/bin/sudo" <<'END'
#!/bin/bash
echo sudo >>"$LOG"
exec "$@"
END
chmod +x "$dir"/bin/*
for program in bash id env uname sort mktemp cat rm; do ln -s "$(command -v $program)" "$dir/bin/"; done

# expect STATUS OUTPUT LOG SENTENCE COMMAND...: exit status, pattern of the output, and what apt-get was asked for.
expect() {
    local out log status=$1 pattern=$2 want=$3 sentence=$4
    shift 4
    : >"$LOG"
    out=$(PATH=$dir/bin "$@" 2>&1 </dev/null)
    local got=$?
    log=$(cat "$LOG")
    n=$((n + 1))
    # shellcheck disable=SC2053 # a pattern
    [ $got -eq "$status" ] && [[ $out == $pattern ]] && [ "$log" = "$want" ] && echo "ok $n - $sentence" && return
    failed=1
    echo "not ok $n - $sentence"
    printf '%s\n' "exit status $got" "$out" "$log" | sed 's/^/# /'
}
# Commands as nobody in particular, for a test by root.
plain=()
[ "$(id -u)" -ne 0 ] || plain=(/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups)
cp "$setup" "$dir/setup"
: >"$LOG"
chmod 666 "$LOG"

# What apt-get was asked for; sudo is in front of each when this test is not run by root.
asked() {
    for words; do
        [ "$(id -u)" -eq 0 ] || echo sudo
        echo "noninteractive -qq $words"
    done
}

expect 0 "" "" "is quiet when nothing is missing" "$setup" check
expect 2 "usage:*" "" "refuses a group that it does not know" "$setup" everything
expect 2 "usage:*" "" "wants a group" "$setup"
LACK="libns3-dev tcpdump"
expect 0 "" "" "asks for nothing that the router does not need" "$setup" router
LACK=tcpdump
expect 0 "To be installed*tcpdump *captures*Installed 1 *" "$(asked update "install -y --no-install-recommends tcpdump")" \
    "says what is missing and why, and installs it" "$setup" demo
APT=100
expect 1 "*E: no network*apt-get failed*" "$(asked update)" "says so when apt-get fails" "$setup" check
expect 1 "*E: no network*" "$(printf '%s\n' sudo "noninteractive -qq update")" "asks sudo when not root" \
    "${plain[@]}" "$dir/setup" check
rm "$dir/bin/sudo"
expect 1 "*neither root nor sudo*apt-get install tcpdump" "" "says what to do without root and sudo" \
    "${plain[@]}" "$dir/setup" check
rm "$dir/bin/apt-get"
expect 1 "*not Debian*libssl-dev*" "" "lists the packages where apt-get is missing" "$setup" router

echo "1..$n"
exit $failed

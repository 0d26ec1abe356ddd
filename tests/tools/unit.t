#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The unit of a router: systemd understands it, calls it well confined, and leaves svrd the system calls that it makes.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v systemd-analyze >/dev/null || { echo "1..0 # SKIP systemd is not installed" && exit 0; }
n=0
failed=0
try() { # SENTENCE COMMAND...
    local sentence=$1
    shift
    n=$((n + 1))
    "$@" >"$dir/out" 2>&1 && echo "ok $n - $sentence" && return
    failed=1
    echo "not ok $n - $sentence"
    tail -n 20 "$dir/out" | sed 's/^/# /'
}
sed "s,@S*BINDIR@,$PWD/build/bin,; s,^Documentation=.*,," router/system/svrd@.service.in >"$dir/svrd@.service"
try "systemd understands every line" eval 'systemd-analyze verify --man=no "$dir/svrd@.service" && [ ! -s "$dir/out" ]'
try "its exposure is under 2" eval 'systemd-analyze security --offline=true --threshold=19 "$dir/svrd@.service"'
sed -i 's/^\(NoNewPrivileges\|PrivateDevices\|ProtectSystem\)=.*//' "$dir/svrd@.service"
try "and would not be without three of its lines" eval '! systemd-analyze security --offline=true --threshold=19 "$dir/svrd@.service"'

# in_filter CALL...: each is in a set that SystemCallFilter names and not in one that it takes away, or named itself.
filter=$(sed -n 's/^SystemCallFilter=//p' router/system/svrd@.service.in)
members() { systemd-analyze syscall-filter "$1" 2>/dev/null | sed 's/#.*//; 1d' | while read -r word; do
    case $word in @*) members "$word" ;; ?*) echo "$word" ;; esac
done; }
allowed=$(for word in $filter; do case $word in @system-service) members @default && members "$word" ;; esac; done)
denied=$(for word in $filter; do case $word in ~@*) members "${word#\~}" ;; @privileged | @resources) members "$word" ;; esac; done)
in_filter() {
    local call
    for call; do
        [[ " $filter " == *[[:space:]]"$call"[[:space:]]* ]] && continue
        grep -qx "$call" <<<"$allowed" && ! grep -qx "$call" <<<"$denied" || { echo "$call" && return 1; }
    done
}
filter=$(tr '\n' ' ' <<<"$filter")
# shellcheck disable=SC2046 # words
try "what svrd allows itself is in the unit's filter" in_filter $(sed -n '/^static const int plain/,/};/p' router/svrd/sandbox.c |
    grep -o 'SCMP_SYS([a-z0-9_]*)' | sed 's/SCMP_SYS(//; s/)//') socket ioctl mmap mprotect openat prlimit64 tgkill
try "so is what it needs at the start" in_filter mlockall seccomp prctl setsockopt signalfd4 epoll_create1 umask
try "and starting a machine anew is not" eval '! in_filter reboot && ! in_filter chown && ! in_filter setpriority'
echo "1..$n"
exit $failed

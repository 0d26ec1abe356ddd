#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make install: what comes where, that programs find each other and their files there, and completion of svrctl.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0
try() { # SENTENCE COMMAND...
    local sentence=$1
    shift
    n=$((n + 1))
    "$@" >"$dir/out" 2>&1 && echo "ok $n - $sentence" && return
    failed=1
    echo "not ok $n - $sentence"
    head -n 20 "$dir/out" | sed 's/^/# /'
}
make_it() { env -u MAKEFLAGS -u MFLAGS make -s SETUP=true "$@"; }
root=$dir/root
to=$root/opt/svr

try "make install puts all below DESTDIR and PREFIX" make_it install DESTDIR="$root" PREFIX=/opt/svr
try "and nothing elsewhere" eval '[ "$(ls -A "$root")" = opt ] && [ "$(ls -A "$root/opt")" = svr ]'
for built in build/bin/*; do
    name=${built##*/}
    try "$name is there as it was built" eval 'cmp "$built" "$to/bin/$name" || cmp "$built" "$to/sbin/$name"'
done
for page in docs/man/*; do
    try "so is the manual page ${page##*/}" cmp "$page" "$to/share/man/man${page##*.}/${page##*/}"
done
try "the unit starts the svrd that was installed" grep -q '^ExecStart=/opt/svr/sbin/svrd ' "$to/lib/systemd/system/svrd@.service"
for router in hub office; do
    try "the example is a good configuration for router $router" "$to/sbin/svrd" --check --router $router \
        --config "$to/share/doc/svr-router/examples/authority.conf"
done
cd "$dir" || exit 1
try "svrconform finds scenarios and the simulator from any folder" eval \
    '"$to/bin/svrconform" run --scenario operators --out results >report; grep -q "^ok .*OPS-KEY-STATUS" report'
cd - >/dev/null || exit 1
try "building the router touches neither the simulator nor Lua" eval \
    'make_it -n B="$dir/b" "$dir/b/bin/svrd" "$dir/b/bin/svrctl" >"$dir/plan" && grep -q svrd/main.c "$dir/plan" &&
        ! grep -E "^g\+\+|(^| )(sim|lua|lab)/" "$dir/plan"'
try "make install-router installs the router alone" make_it install-router DESTDIR="$dir/router" PREFIX=/usr
try "with two programs and their pages" eval \
    '[ "$(cd "$dir/router/usr" && ls bin sbin share/man/*)" = "$(printf "%s\n" bin: svrctl "" sbin: svrd "" share/man/man1: svrctl.1 "" share/man/man8: svrd.8)" ]'

# ---- completion: a stand-in for svrctl answers as a router does -----------------------------------------------

mkdir "$dir/bin"
cat >"$dir/bin/svrctl" <<'END'
#!/bin/sh
[ "$1" != --router ] || { shift 2; echo "$*" >>"$ASKED"; }
case "$*" in
"?") echo 'unknown word "?"; there may be: show, reload local certificates' ;;
"show ?") echo 'unknown word "?" after "show"; there may be: alarms, peers, paths' ;;
"reload ?") echo 'unknown word "reload"; there may be: show, reload local certificates' ;;
*) echo 'unknown word "?" after "show alarms"; there may be: id' ;;
esac >&2
exit 1
END
chmod +x "$dir/bin/svrctl"
cat >"$dir/complete" <<'END'
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_svrctl
printf '%s ' "${COMPREPLY[@]}"
END
complete() { # EXPECTED WORD...
    local want=$1 got
    shift
    got=$(PATH=$dir/bin:$PATH ASKED=$dir/asked bash "$dir/complete" "$to/share/bash-completion/completions/svrctl" "$@")
    echo "$got"
    [ "$got" = "$want" ]
}
try "completion offers the first words" complete "show reload " svrctl ""
try "words that the router says may follow" complete "peers paths " svrctl show p
try "the next word of a longer command" complete "local " svrctl reload ""
try "nothing in place of a value" complete " " svrctl reload local x
try "options" complete "--router " svrctl --r
try "and asks the router that was named" eval 'complete "alarms " svrctl --router hub show a && [ "$(cat "$dir/asked")" = "show ?" ]'

echo "1..$n"
exit $failed

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A small tree without faults passes check-core; each planted violation is found, by the check that is for it.
set -u
tool=$PWD/tools/check-core
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
spdx='/* SPDX-License-Identifier: MIT */'
n=0
failed=0

report() { # STATUS SENTENCE
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" && return
    failed=1
    echo "not ok $n - $2"
    printf '%s\n' "$out" | sed 's/^/# /'
}

# plant PATH [TEXT]: TEXT from standard input when not given; the licence goes in front of C.
plant() {
    mkdir -p "$(dirname "$tree/$1")"
    if [ $# -gt 1 ]; then printf '%s\n' "$2"; else cat; fi >"$tree/$1"
}

# judge: builds the tree's core and runs check-core on it; what it says is in $out.
judge() {
    local source object
    for source in "$tree"/core/*/*.c; do
        object=$tree/build/${source#"$tree/"}
        mkdir -p "$(dirname "$object")"
        [ "${build:-yes}" = no ] || cc -O2 -I"$tree/core" -I"$tree/core/include" -c "$source" -o "${object%.c}.o"
    done
    out=$("$tool" "$tree" 2>&1)
}

clean() {
    rm -rf "${tree:?}"/*
    plant core/include/svr/base.h "$spdx"
    plant core/base/bytes.h "$spdx"
    plant core/peer/peer.h "$spdx"
    plant core/wire/good.c <<<"$spdx
#include \"base/bytes.h\"
#include \"svr/base.h\"
#include <string.h>
unsigned long svr_good(const char *s);
unsigned long svr_good(const char *s) { return strlen(s); }
static const int table[] = {1, 2, 3};
int svr_at(int i);
int svr_at(int i) { return table[i % 3]; }"
    plant core/pki/good.c <<<"$spdx
void *BIO_new_mem_buf(const void *p, int n);
void *svr_bio(void);
void *svr_bio(void) { return BIO_new_mem_buf(\"\", 0); }"
    plant router/good.c "$spdx
#include <svr/base.h>"
}

# finds CHECK SENTENCE: exactly the check of that number fails on the tree as it stands; then cleans up.
finds() {
    judge
    [ "$(grep '^not ok' <<<"$out" | cut -d' ' -f3)" = "$1" ]
    report $? "finds $2"
    clean
}

# calls TEXT WHERE: a function of core that has TEXT as its body.
calls() { plant "$2" "$spdx
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
void svr_bad(void *p);
void svr_bad(void *p) { (void)p; $1; }"; }

clean
judge
report $? "has nothing to say about a tree without faults"

plant core/wire/bad.c "$spdx
#include \"peer/peer.h\""
finds 1 "an arrow that points up"
plant core/wire/bad.c "$spdx
#include \"../peer/peer.h\""
finds 1 "an arrow that points up by a relative path"
plant core/session/session.h "$spdx"
plant core/peer/bad.c "$spdx
#include \"session/session.h\""
finds 1 "a peer that knows of sessions"
plant router/host.h "$spdx"
plant core/wire/bad.h "$spdx
#include \"router/host.h\""
finds 1 "core including from a host"
plant core/other/bad.h "$spdx"
finds 1 "a folder that the table does not know"
plant sim/bad.c "$spdx
#include \"base/bytes.h\""
finds 2 "a host that includes from inside of core"
plant sim/bad.c "$spdx
#include \"../core/base/bytes.h\""
finds 2 "a host that includes from inside of core by a relative path"

calls 'clock_gettime(CLOCK_MONOTONIC, p)' core/base/bad.c
finds 3 "a clock"
calls 'time(p)' core/pki/bad.c
finds 3 "a clock beside cryptography"
calls '*(int *)p = rand()' core/base/bad.c
finds 3 "a random number"
calls 'fputs("x", p)' core/base/bad.c
finds 3 "a stream"
calls '*(int *)p = socket(1, 2, 3)' core/base/bad.c
finds 3 "a socket"
calls 'pthread_mutex_lock(p)' core/base/bad.c
finds 3 "a thread"
calls '*(void **)p = malloc(9)' core/base/bad.c
finds 3 "memory past the allocator"
calls 'void X509_free(void *); X509_free(p)' core/wire/bad.c
finds 3 "OpenSSL outside of crypto and pki"
calls 'int RAND_bytes(void *, int); RAND_bytes(p, 1)' core/crypto/bad.c
finds 3 "the process's random source in crypto"
calls 'void *BIO_new_file(void *, void *); BIO_new_file(p, p)' core/pki/bad.c
finds 3 "a file in pki"
calls 'void svrd_help(void *); svrd_help(p)' core/base/bad.c
finds 3 "a call of a host"
plant core/base/bad.c "$spdx"
build=no
finds 3 "a source without an object"
build=yes

plant core/base/bad.c "$spdx
int svr_bad = 1;"
finds 4 "a writable global"
plant core/base/bad.c "$spdx
int svr_next(void);
int svr_next(void) { static int count; return count++; }"
finds 4 "a static counter"
plant core/base/bad.c "$spdx
extern _Thread_local int svr_bad;
_Thread_local int svr_bad;"
finds 4 "a variable of a thread"
plant core/base/bad.c "$spdx
const char *svr_bad[] = {\"a\", \"b\"};"
finds 4 "a table of constants that can be written"

{ echo "$spdx"; yes '' | head -800; } | plant core/base/bad.c
finds 5 "a file of 801 lines"
{ printf '%s\n' "$spdx" 'int svr_bad(int a);' 'int svr_bad(int a) {'; yes '    a++;' | head -68; printf '    return a;\n}\n'; } |
    plant core/base/bad.c
finds 6 "a function of 71 lines"
{ printf '%s\n' "$spdx" 'static inline int bad(int a) {'; yes '    a++;' | head -68; printf '    return a;\n}\n'; } |
    plant router/bad.h
finds 6 "a function of 71 lines in a header"

plant lua/bad.lua "-- no licence"
finds 7 "a source without a licence"
plant tools/bad '#!/bin/sh'
finds 7 "a program without a licence"
plant docs/bad.md "see /home""/someone/file"
finds 8 "a path of one machine"
printf '%s\n' '#!/bin/sh' '# SPDX-License-Identifier: MIT' 'curl https://deb'.debian.org/ | plant tools/bad
finds 8 "a package host"

echo "1..$n"
exit $failed

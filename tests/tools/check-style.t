#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check-style accepts a sound source, and finds bad layout, a warning of clang's and a deprecated call of OpenSSL's.
set -u
tool=$PWD/tools/check-style
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp .clang-format "$tree"
mkdir -p "$tree/core/base"
n=0
failed=0

# expect FAULTS SENTENCE: the source in standard input makes the checks of these numbers fail, and no others.
expect() {
    local out
    cat >"$tree/core/base/a.c"
    out=$("$tool" "$tree" 2>&1)
    n=$((n + 1))
    [ "$(grep '^not ok' <<<"$out" | cut -d' ' -f3)" = "$1" ] && grep -q '^1\.\.2$' <<<"$out" && echo "ok $n - $2" && return
    failed=1
    echo "not ok $n - $2"
    printf '%s\n' "$out" | sed 's/^/# /'
}

echo 1..4
expect "" "a sound source" <<'END'
int svr_zero(void);
int svr_zero(void) {
    return 0;
}
END
expect 1 "bad layout" <<'END'
int svr_zero( void );
END
expect 2 "a warning" <<'END'
int svr_zero(void);
int svr_zero(void) {
    int unused;
    return 0;
}
END
expect 2 "a deprecated call" <<'END'
#include <openssl/md5.h>
void svr_md5(const unsigned char *d, unsigned char *md);
void svr_md5(const unsigned char *d, unsigned char *md) {
    MD5(d, 1, md);
}
END
exit $failed

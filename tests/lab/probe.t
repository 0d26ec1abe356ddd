#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   a (svrconform probe) ======= b (an implementation)
#
# The probe finds no fault in svrd, and finds the fault in each implementation that has one: svrd with a function of its
# own that is wrong, one that keeps other intervals, one that says yes to everything, and nobody.

. "$(dirname "$0")/lib.sh"
need python3 cc setpriv

RATE=90
CONFORM=$LAB_BIN/svrconform
make_space a
make_space b
cable a wan0 b wan0
give a wan0 192.0.2.1/24
give b wan0 192.0.2.2/24
# authority ROUTER...: these are at 192.0.2.1 and so on.
authority() {
    local name n=0
    authority_begin
    for name; do
        n=$((n + 1))
        router_begin "$name"
        conf_wan wan0 internet 192.0.2.$n 24
        node_end
        router_end
    done
    authority_end
}
for names in "a b c" "a b"; do
    # shellcheck disable=SC2086 # names are words
    authority $names >"$LAB_DIR/authority.conf"
    sed -i '/peer-key-retransmit/{s/interval .*/interval 30/;p;s/peer-key-retransmit.*/peer-key-timeout 65/}' \
        "$LAB_DIR/authority.conf"
    sed -i 's/.*peer-key-timeout.*/&\n            invalid-certificate-behavior  fail-hard/' "$LAB_DIR/authority.conf"
    slow_bfd 10000 5
    cp "$LAB_DIR/authority.conf" "$LAB_DIR/${names// /}.conf"
done
cd "$LAB_DIR" || exit 1
"$CONFORM" probe --config authority.conf --router a --make-credentials keys 2>told || exit 1

# probe [OPTION...]: its results are in $LAB_DIR/results, what it tells meanwhile in $LAB_DIR/told.
probe() {
    timeout 60 ip netns exec "$(space a)" "$CONFORM" probe --config authority.conf --router a --clock-rate $RATE --out probe --credentials keys "$@" \
        >results 2>told
}
# finds STATUS TEXT SENTENCE [OPTION...]: the probe ends with STATUS, and its results say TEXT.
finds() {
    local status=$1 text=$2 sentence=$3 got
    shift 3
    probe "$@"
    got=$?
    { cat told results; echo "status $got, expected $status; expected text: $text"; } >out
    [ $got -eq "$status" ] && cat told results | grep -qE -- "$text"
    report $? "$sentence"
}
# implementation [OPTION...]: svrd of $LAB_BIN as b.
implementation() {
    : >b.log
    start_router b --clock-rate $RATE --certificate keys/b.pem --private-key keys/b.key --trusted-ca keys/root.pem "$@"
    wait_for 10 ready b
}

# ---- one without fault ----------------------------------------------------------------------------

implementation --crl keys/crl.pem
finds 0 '^b at 192.0.2.2: [0-9]+ probes, about [0-9]+ s' "svrd passes, and the time that takes is told before"
try "it passes all probes" eval '! grep -E "^not ok|SKIP" results && grep -q "^ok 1 - ABSURD" results'
finds 0 '^ok 2 - CRY-REPLAY' "it does so again, with keys from the first time, and --only chooses" --only CRY-REPLAY
try "the capture and its keys can be judged" eval \
    '"$CONFORM" check probe/probe.pcapng --keylog probe/keys.log --config authority.conf --only CRY-HMAC | grep "^ok 1" | grep -v SKIP'
finds 0 '"name": "c"' "all peers are probed, and results come as JSON" --config abc.conf --only ABSURD --json
try "a peer that is not there spoils nothing" eval 'grep -q "\"result\": \"pass\"" results && grep -q "\"result\": \"inconclusive\"" results'
interrupted() {
    # exec: the signal is for the probe, not for a shell around it.
    (exec timeout -s INT 2 ip netns exec "$(space a)" "$CONFORM" probe --config authority.conf --router a --clock-rate $RATE \
        --out probe --only 'PROFILE-*' >results 2>told)
    [ $? -eq 124 ] && grep -q 'interrupted; what came until then is in probe/probe.pcapng' told || return
    "$CONFORM" check probe/probe.pcapng --keylog probe/keys.log --only 'CRY-*'
    [ $? -lt 2 ] # 2: it was cut
}
try "one that is interrupted leaves a whole capture" interrupted
stop_router b

# ---- those with a fault ---------------------------------------------------------------------------

# faulty FUNCTION...: makes an svrd in which these functions are those of fault.c, and takes it as the implementation.
faulty() {
    local build=$LAB_TOP/build libs
    libs=$(env -u MAKEFLAGS make -s -C "$LAB_TOP" libs)
    # shellcheck disable=SC2086 # libraries are words
    cc -w "${@/#/-Wl,--wrap=}" fault.c "$build/router/svrd/main.o" "$build/lib/libsvrd.a" "$build/lib/libsvr.a" -o svrd \
        $libs 2>cc.log || { cat cc.log; return 1; }
    LAB_BIN=$LAB_DIR implementation
}
cat >fault.c <<'C'
#define _GNU_SOURCE
#include <string.h>
#include <stdint.h>
#include <stdlib.h>
int __wrap_svr_equal_constant_time(void) { return 1; }
int __wrap_svr_replay_accept(void) { return 1; }
int __wrap_svr_key_verify(void) { return 1; }
int __wrap_X509_verify_cert(void) { return 1; }
int __wrap_svr_cert_has_name(void) { return 1; }
/* Knows which types there are, and minds no half TLV. */
int __wrap_svr_tlv_well_formed(const void *p, size_t len) { return !memmem(p, len, "\x3f\xff\x00\x14", 4); }
typedef struct { const uint8_t *p, *end; _Bool ok; } cursor;
cursor __wrap_svr_tlv_first(const uint8_t *p, size_t len) {
    if (len > 3 && memmem(p, len, "\x3f\xff\x00\x14", 4)) _Exit(1);
    return (cursor){p, p + len, 1};
}
/* Goes by state and poll bit alone. */
__attribute__((weak)) int __real_svr_bfd_decode(const void *p, size_t len, void *out);
int __wrap_svr_bfd_decode(const unsigned char *p, size_t len, void *out) {
    unsigned char q[24] = {0};
    memcpy(q, p, len < 24 ? len : 24);
    q[0] = 0x20;
    q[1] &= 0xf0;
    q[2] = 5;
    q[7] |= !(q[4] | q[5] | q[6]);
    q[11] |= !(q[8] | q[9] | q[10]);
    return __real_svr_bfd_decode(q, 24, out);
}
C

# all_found PATTERN...: results hold each as a failure.
all_found() {
    local pattern
    for pattern in "$@"; do grep -q "^not ok .* $pattern" results || { echo "not found out: $pattern"; return 1; }; done
}

try "an svrd that checks no HMAC is made" faulty svr_equal_constant_time
finds 1 '^not ok .* CRY-HMAC' "and found out" --only CRY-HMAC
stop_router b
try "one that takes packets twice is made" faulty svr_replay_accept
finds 1 '^not ok .* CRY-REPLAY' "and found out" --only CRY-REPLAY
stop_router b
try "one that checks no signature is made" faulty svr_key_verify
finds 1 '^not ok .* CRT-PUBKEY' "and found out" --only CRT-PUBKEY
stop_router b
try "one that believes every certificate, and has no revocation list, is made" faulty X509_verify_cert svr_cert_has_name
finds 1 '^ok .* CRY-REPLAY' "and found out" --only 'C*'
try "in all of that, and in nothing else" eval \
    'all_found "CRT-CA.* of a CA" "CRT-CA.* nobody" CFG-PCN-MATCH "CRT-FAIL-HARD.* revoked" &&
        [ "$(grep -c "^not ok" results)" -eq 4 ] && grep -qF -- "--only '"'C*'"'" results'
stop_router b
try "one that reads carelessly is made" faulty svr_tlv_well_formed svr_bfd_decode
finds 1 '^not ok 2 - PROFILE-1' "and found out" --only 'PROFILE-*'
try "wherever it does" all_found PROFILE-1 PROFILE-2 PROFILE-3
stop_router b

try "one that dies of a TLV that it does not know is made" faulty svr_tlv_first
finds 1 '^not ok .* PROFILE-2' "and found out" --only 'PROFILE-*'
try "and so it is told of the next probe that it could not be judged" grep -qE '^ok .* PROFILE-3 .*SKIP nothing is heard of it any more' results
stop_router b

sed 's/interval 30/interval 45/' authority.conf >other.conf
implementation --crl keys/crl.pem --config other.conf
finds 1 'actual: again after 4[45].* s, not 30 s .probe/probe.pcapng packet' "one that keeps other intervals is found out" --only KEY-RETRANSMIT
stop_router b

cat >yes.py <<'PYTHON'
import os, select, socket, struct
# Says that BFD is down; to whoever sends a key request it gives a response of the right shape.
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.2", 1280))
bfd = struct.pack(">BBBBIIIII", 0x20, 0x40, 3, 24, 7, 0, 1000000, 1000000, 0)
def send(tlvs):
    s.sendto(struct.pack(">QHH", 0x4c48dbc6ddf6670c, 0x1000 | 12 + len(tlvs), 0) + tlvs + bfd, ("192.0.2.1", 1280))
while True:
    if not select.select([s], [], [], 0.05)[0]:
        send(b"")
        continue
    data = s.recv(9000)
    if data[12:14] == b"\x80\x02" and data[28:29] == b"\x03":
        answer = b"\x04" + data[29:37] + os.urandom(64) + b"\x05" + os.urandom(16) + struct.pack(">IB", 8, 0)
        answer += struct.pack(">H", 32) + os.urandom(32) + struct.pack(">H", 64) + os.urandom(64)
        send(struct.pack(">HHIII", 0x8002, 12 + len(answer), 1, len(answer), 0) + answer)
PYTHON
background b python3 yes.py
yes=$LAST_PID
wait_for 5 eval 'in_space b ss -lun | grep -q :1280'
finds 1 '^not ok 1 - ABSURD' "one that says yes to everything is found out by the absurd request"
try "and nothing else that it says counts" eval '[ "$(grep -c "^ok .*SKIP it says yes to everything" results)" -eq "$(($(grep -c "^ok\|^not ok" results) - 1))" ]'
end "$yes"

finds 2 '^ok 1 - ABSURD .*SKIP nothing is heard of it' "where nobody is, nothing is judged, and the status says so"

# ---- wrong use ------------------------------------------------------------------------------------

# refuses TEXT OPTION...
refuses() { finds 2 "$1" "refused: ${*:2}" "${@:2}"; }
refuses '--limit takes a number' --limit soon
refuses 'peers are at 192.0.2.2' --peer 192.0.2.9
refuses 'no option --seed' --seed 1
refuses 'no such|No such' --credentials nowhere
refuses 'has them all' --trusted-ca keys/root.pem
refuses 'root.pem: File exists' --make-credentials keys
refuses 'has no router c' --router c
refuses 'no device wan7 here' --device wan7
try "... certificate without its key" eval '"$CONFORM" probe --config authority.conf --router a --certificate x 2>&1 | grep "go together"'
chmod 755 "$LAB_DIR"
cp "$CONFORM" conform
as_nobody() {
    ip netns exec "$(space a)" setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all \
        ./conform probe --config authority.conf --router a --out /tmp 2>&1
}
try "without privileges it says which are needed" eval 'as_nobody | grep CAP_NET_RAW'

finish

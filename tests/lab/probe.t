#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   a (svrconform probe) ======= b (an implementation)
#
# The probe finds no fault in svrd, and finds the fault in each implementation that has one: svrd with a check of OpenSSL's
# that always holds, one that keeps other intervals, one that says yes to everything, and nobody.

. "$(dirname "$0")/lib.sh"
need python3 cc setpriv

RATE=60
CONFORM=$LAB_BIN/svrconform
make_space a
make_space b
cable a wan0 b wan0
give a wan0 192.0.2.1/24
give b wan0 192.0.2.2/24
{
    authority_begin
    for name in a b; do
        router_begin $name
        conf_wan wan0 internet "$([ $name = a ] && echo 192.0.2.1 || echo 192.0.2.2)" 24
        node_end
        router_end
    done
    authority_end
} >"$LAB_DIR/authority.conf"
sed -i '/peer-key-retransmit/{s/interval .*/interval 30/;p;s/peer-key-retransmit.*/peer-key-timeout 100/}' "$LAB_DIR/authority.conf"
slow_bfd 10000 5
cd "$LAB_DIR" || exit 1

# probe [OPTION...]: its results are in $LAB_DIR/results, what it tells meanwhile in $LAB_DIR/told.
probe() {
    timeout 60 ip netns exec "$(space a)" "$CONFORM" probe --config authority.conf --router a --clock-rate $RATE --out probe "$@" \
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
# implementation [OPTION...]: svrd as b, with the environment that this is called with.
implementation() {
    : >b.log
    start_router b --clock-rate $RATE "$@"
    wait_for 10 ready b
}

# ---- one without fault ----------------------------------------------------------------------------

implementation
finds 0 '^b at 192.0.2.2: [0-9]+ probes, about [0-9]+ s' "svrd passes, and the time that takes is told before"
try "it passes all probes" eval '! grep -E "^not ok|SKIP" results && grep -q "^ok 1 - ABSURD" results'
finds 0 '^ok 2 - CRY-REPLAY' "it does so again, with keys from the first time, and --only chooses" --only CRY-REPLAY
try "the capture and its keys can be judged" eval \
    '"$CONFORM" check probe/probe.pcapng --keylog probe/keys.log --config authority.conf --only CRY-HMAC | grep "^ok 1" | grep -v SKIP'
finds 0 '"result": "pass"' "results come as JSON" --only ABSURD --json
stop_router b

# ---- those with a fault ---------------------------------------------------------------------------

# always_holds NAME FUNCTION VALUE: a library with which this function of OpenSSL gives VALUE, whatever it is asked.
always_holds() { echo "int $2(void); int $2(void) { return $3; }" | cc -shared -fPIC -x c - -o "$1.so"; }

always_holds hmac CRYPTO_memcmp 0
LD_PRELOAD=$LAB_DIR/hmac.so implementation
finds 1 '^not ok .* CRY-HMAC' "an implementation that checks no HMAC is found out" --only CRY-HMAC
stop_router b

always_holds signature EVP_DigestVerify 1
LD_PRELOAD=$LAB_DIR/signature.so implementation
finds 1 '^not ok .* CRT-PUBKEY' "one that checks no signature is found out" --only CRT-PUBKEY
stop_router b

# without_replay: svrd with another module in the place of the one that knows which nonces came.
without_replay() {
    local build=$LAB_TOP/build libs="-lcrypto -lmnl -lnftables -ljansson -lpcap" more
    echo '#include <stdbool.h>
        bool svr_replay_accept(void); bool svr_replay_accept(void) { return true; }
        void svr_replay_restore(void); void svr_replay_restore(void) {}' >replay.c
    for more in -lIPSec_MB ""; do
        # shellcheck disable=SC2086 # libraries are words
        cc replay.c "$build/router/svrd/main.o" "$build/lib/libsvrd.a" "$build/lib/libsvr.a" -o svrd $libs $more 2>>cc.log && return
    done
    cat cc.log
    return 1
}
try "another svrd can be made" without_replay
LAB_BIN=$LAB_DIR implementation
finds 1 '^not ok .* CRY-REPLAY' "one that takes packets twice is found out" --only CRY-REPLAY
stop_router b

sed 's/interval 30/interval 45/' authority.conf >other.conf
implementation --config other.conf
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
refuses 'no such|No such' --trusted-ca nowhere.pem
refuses 'has no router c' --router c
refuses 'go together' --certificate x.pem
refuses 'no device wan7 here' --device wan7
chmod 755 "$LAB_DIR"
cp "$CONFORM" conform
as_nobody() {
    ip netns exec "$(space a)" setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all \
        ./conform probe --config authority.conf --router a --out /tmp 2>&1
}
try "without privileges it says which are needed" eval 'as_nobody | grep CAP_NET_RAW'

finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# The 30 seconds between a new key and its use, on real routers whose clock runs 20 times as fast: for the
# metadata key after `regenerate`, and for the peer key after a's certificate was renewed, which starts an
# exchange at once. Bounds are the spec's; they are never undercut, and may be passed by a quarter of a real
# second: the machine's own delays.

. "$(dirname "$0")/lib.sh"
need ping openssl jq
RATE=20

two_networks 192.0.2.1 192.0.2.2 24
slow_bfd 2000 10
cd "$LAB_DIR" || exit 1
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=alias-a" -keyout a.key -out a.pem 2>>openssl.log
}

certificate
start_router a --clock-rate $RATE --certificate a.pem --private-key a.key
start_router b --clock-rate $RATE
try "both routers take their path into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
background client ping -c 300 -i 0.05 -W 2 10.2.0.10 >ping.out
PING=$LAST_PID

# ---- metadata key ---------------------------------------------------------------------------------

index=$(last_event a '.kind == "metadata-key" and .peer == null and .to == "computed"' .value)
try "KEY-REGENERATE: a makes another metadata key on command" ask a security metadata-key regenerate
try "KEY-REGENERATE: b gets it" wait_for 3 has_event b ".kind == \"metadata-key\" and .to == \"received\" and .value == $((index + 1))"
try "KEY-STORE: b uses it" wait_for 5 has_event b ".kind == \"metadata-key\" and .to == \"sending\" and .value == $((index + 1))"
received=$(last_event b ".kind == \"metadata-key\" and .to == \"received\" and .value == $((index + 1))" .t)
sending=$(last_event b ".kind == \"metadata-key\" and .to == \"sending\" and .value == $((index + 1))" .t)
try "KEY-GRACE-30: 30 s after its receipt" took 30 "$received" "$sending"

# ---- peer key -------------------------------------------------------------------------------------

certificate
key=$(last_event a '.kind == "peer-key" and .to == "sending"' .value)
try "a renews its certificate" ask a reload local certificates
for r in a b; do
    try "$r changes over to the next peer key" wait_for 5 has_event $r ".kind == \"peer-key\" and .to == \"sending\" and .value == $((key + 1))"
done
try "a erases the old one" wait_for 5 has_event a ".kind == \"peer-key\" and .to == \"erased\" and .value == $key"
computed=$(last_event a ".kind == \"peer-key\" and .to == \"computed\" and .value == $((key + 1))" .t)
sending=$(last_event a ".kind == \"peer-key\" and .to == \"sending\" and .value == $((key + 1))" .t)
erased=$(last_event a ".kind == \"peer-key\" and .to == \"erased\" and .value == $key" .t)
try "KEY-GRACE-30: 30 s after it was computed" took 30 "$computed" "$sending"
try "KEY-OLD-IN-REKEY: the old one is accepted for 30 s more" took 30 "$sending" "$erased" 3
wait "$PING"
try "KEY-NO-LOSS: of 300 packets meanwhile none was lost" grep ' 0% packet loss' ping.out

finish

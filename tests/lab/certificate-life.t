#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# invalid-certificate-behavior fail-hard, on the machine's own clock. The certificate of a ends while traffic
# flows; it is renewed; then the one of b is revoked.

. "$(dirname "$0")/lib.sh"
need ping openssl jq

two_networks 192.0.2.1 192.0.2.2 24
sed -i '/peer-key-retransmit/a\            invalid-certificate-behavior  fail-hard' "$LAB_DIR/authority.conf"

# ---- a CA -----------------------------------------------------------------------------------------

cd "$LAB_DIR" || exit 1
cat >ca.cnf <<'CONF'
[ca]
default_ca = lab
[lab]
database = index
serial = serial
new_certs_dir = .
certificate = lab.pem
private_key = lab.key
default_md = sha384
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
CONF
: >index
echo 1000 >serial
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -days 300 -subj "/CN=lab" \
    -keyout lab.key -out lab.pem 2>>openssl.log

ca_time() { date -u -d "@$1" +%y%m%d%H%M%SZ; }
# issue ROUTER END: key and certificate of a router, up to and including the second END.
issue() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=alias-$1" -keyout "$1.key" -out "$1.csr" &&
        openssl ca -batch -notext -config ca.cnf -startdate "$(ca_time $(($(date +%s) - 60)))" -enddate "$(ca_time "$2")" \
            -in "$1.csr" -out "$1.pem"
} 2>>openssl.log
revocation_list() { openssl ca -config ca.cnf -gencrl -out lab.crl 2>>openssl.log; }
with() { echo "--certificate $1.pem --private-key $1.key --trusted-ca lab.pem --crl lab.crl"; }

# ---- expiry ---------------------------------------------------------------------------------------

# wall_of ROUTER JQ-CONDITION: seconds since 1970, with fraction, of the first such event.
wall_of() {
    jq -r "select($2) | .wall" "$1.events" | head -1 |
        { read -r text && echo "$(date -u -d "${text%.*}Z" +%s).${text#*.}" | tr -d Z; }
}
# within A B: A lies from B to B + 0.5 s. The bound is B; the half second is this machine's.
within() { awk -v a="$1" -v b="$2" 'BEGIN { print a, b; exit !(a >= b && a <= b + 0.5) }'; }
alarm() { ask "$1" --json show alarms | jq -e "any(.[].fields; .severity == \"$2\" and (.message | test(\"$3\")))"; }
no_alarm() { ! alarm "$@"; }

year=$(($(date +%s) + 31536000))
last=$(($(date +%s) + 8))
issue a "$last" && issue b "$year" && revocation_list
# shellcheck disable=SC2046 # options are words
start_router a $(with a)
# shellcheck disable=SC2046
start_router b $(with b)
try "certificates of one CA bring the path into service" wait_for 6 eval 'in_service a 1 && in_service b 1'
try "CRT-EXPIRING: a alarms that its certificate ends within a week" alarm a MAJOR 'expires within a week'
try "ping goes through" in_space client ping -c 2 -i 0.2 -W 2 10.2.0.10
removed='.kind == "peering" and .to == "removed"'
try "both remove the peering" wait_for 12 eval 'grep -q "\"to\":\"removed\"" a.events && grep -q "\"to\":\"removed\"" b.events'
try "CRT-FAIL-HARD: a at the second after the last" within "$(wall_of a "$removed")" $((last + 1))
try "CRT-FAIL-HARD: b at the second after the last" within "$(wall_of b "$removed")" $((last + 1))
try "CRT-ALARM: a says that its certificate has expired" alarm a CRITICAL 'router a is invalid: expired'
try "CRT-ALARM: so does b of its peer" alarm b CRITICAL 'Peer a certificate is invalid: expired'
try "the path carries nothing" eval '! in_space client ping -c 2 -i 0.2 -W 1 10.2.0.10'

# ---- renewal --------------------------------------------------------------------------------------

issue a "$year"
sleep 1
try "CRT-LATE: new files alone change nothing" alarm a CRITICAL 'router a is invalid: expired'
try "a loads them on command" ask a reload local certificates
try "and peering comes back by itself" wait_for 10 eval 'in_service a 2 && in_service b 2'
try "ping goes through again" in_space client ping -c 2 -i 0.2 -W 2 10.2.0.10
try "the alarms are gone" eval 'no_alarm a CRITICAL expired && no_alarm b CRITICAL expired'

# ---- revocation -----------------------------------------------------------------------------------

openssl ca -config ca.cnf -revoke b.pem 2>>openssl.log
revocation_list
try "CRT-EXPIRING: a reads the list that names b" ask a reload local certificates
try "and says so" alarm a CRITICAL 'Peer b certificate is invalid: revoked'
try "the path carries nothing once more" eval '! in_space client ping -c 2 -i 0.2 -W 1 10.2.0.10'
mv lab.crl good.crl
echo garbage >lab.crl
try "a list that cannot be read is refused" eval '! ask a reload local certificates'
try "and changes nothing" alarm a CRITICAL 'Peer b certificate is invalid: revoked'
issue b "$year"
mv good.crl lab.crl
kill -HUP "$(cat b.pid)"
try "with another certificate b is back" wait_for 40 eval 'in_service a 3 && in_service b 3'

finish

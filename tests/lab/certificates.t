#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# Both routers have certificates of one CA, with an intermediate; then b comes back with one of a stranger's.

. "$(dirname "$0")/lib.sh"
need ping openssl

two_networks 192.0.2.1 192.0.2.2 24

# make_ca NAME: a root and an intermediate. make_cert CA ROUTER COMMON-NAME: chain and key of a router.
make_ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -days 30 -subj "/CN=$1 root" -keyout "$1.key" -out "$1.pem"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -subj "/CN=$1 middle" -keyout "$1-mid.key" -out "$1-mid.csr"
    printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' >"$1.ext"
    openssl x509 -req -in "$1-mid.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 20 -extfile "$1.ext" -out "$1-mid.pem"
}
make_cert() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$3" -keyout "$2.key" -out "$2.csr"
    openssl x509 -req -in "$2.csr" -CA "$1-mid.pem" -CAkey "$1-mid.key" -CAcreateserial -days 10 -out "$2.crt"
    cat "$2.crt" "$1-mid.pem" >"$2.pem"
}
common_name() { sed -n "/router  *$1\$/,/peering-common-name/s/.*peering-common-name  *//p" "$LAB_DIR/authority.conf" | head -1; }
with() { echo "--certificate $LAB_DIR/$1.pem --private-key $LAB_DIR/$1.key --trusted-ca $LAB_DIR/lab.pem"; }

(cd "$LAB_DIR" && make_ca lab && make_ca strange && make_cert lab a "$(common_name a)" &&
    make_cert lab b "$(common_name b)" && make_cert strange other "$(common_name b)") >"$LAB_DIR/openssl.log" 2>&1

# shellcheck disable=SC2046 # options are words
start_router a $(with a)
# shellcheck disable=SC2046
start_router b $(with b)
try "certificates of one CA bring the path into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
try "ping goes through" in_space client ping -c 3 -i 0.2 -W 2 10.2.0.10
stop_router b
# shellcheck disable=SC2046
start_router b $(with other)
refused() { grep -q '"kind":"certificate".*"to":"refused"' "$LAB_DIR/a.events"; }
try "a certificate of a stranger's CA is refused" wait_for 15 refused
try "and the path carries nothing" eval '! in_space client ping -c 2 -W 1 10.2.0.10'

finish

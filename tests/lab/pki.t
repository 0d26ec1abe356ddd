#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# A CA in a folder, by svrctl alone: it certifies both routers, one of them by its request; then b is revoked.

. "$(dirname "$0")/lib.sh"
need ping openssl jq

two_networks 192.0.2.1 192.0.2.2 24
pki() { (cd "$LAB_DIR" && "$LAB_BIN/svrctl" pki "$@"); }
with() { echo "--certificate $LAB_DIR/pki/$1/peering.pem --private-key $2 --trusted-ca $LAB_DIR/pki/root.pem --crl $LAB_DIR/pki/ca.crl"; }
try "svrctl pki init makes a CA" pki init
try "issue makes a router's key and certificate" pki issue alias-a
try "a router makes a request itself" pki request alias-b --dir b-own --key rsa2048
try "the CA certifies it" pki issue alias-b --request b-own/alias-b/peering.csr
try "private keys are for their owner alone" eval \
    '[ -z "$(find "$LAB_DIR/pki" "$LAB_DIR/b-own" -name "*.key" ! -perm 600)" ] && [ ! -e "$LAB_DIR/pki/alias-b/peering.key" ]'
try "OpenSSL agrees with the chain" \
    openssl verify -CAfile "$LAB_DIR/pki/root.pem" -untrusted "$LAB_DIR/pki/ca.pem" "$LAB_DIR/pki/alias-b/peering.pem"
try "a second CA does not take the place of the first" eval '! pki init && [ -s "$LAB_DIR/pki/root.key" ]'
try "a request in another name is refused" eval '! pki issue alias-c --request b-own/alias-b/peering.csr'
try "a name that would leave the folder is refused" eval 'pki issue ../x; [ $? -eq 2 ]'
try "an unknown word is answered with those that there are" eval 'pki nonsense 2>&1 | grep -q "there may be: init, issue"'

# shellcheck disable=SC2046 # options are words
start_router a $(with alias-a "$LAB_DIR/pki/alias-a/peering.key")
# shellcheck disable=SC2046
start_router b $(with alias-b "$LAB_DIR/b-own/alias-b/peering.key")
try "the certificates bring the path into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
try "ping goes through" in_space client ping -c 3 -i 0.2 -W 2 10.2.0.10

try "revoke names the certificate" eval 'pki revoke alias-b | grep -q "^revoked: serial number [0-9]*, alias-b"'
try "list shows it so" eval 'pki list | grep -q "alias-b .* revoked$" && pki list | grep -q "alias-a .* valid$"'
try "it is revoked once" eval '! pki revoke alias-b'
try "a router takes the new list" ask a reload local certificates
try "and raises an alarm" wait_for 10 has_event a '.kind == "alarm" and .to == "raised" and .severity == "CRITICAL"'
try "a new certificate can be issued in the same name" pki issue alias-b --request b-own/alias-b/peering.csr
try "with it b is trusted again" eval 'ask b reload local certificates &&
    wait_for 15 has_event a ".kind == \"alarm\" and .to == \"cleared\" and .severity == \"CRITICAL\""'

finish

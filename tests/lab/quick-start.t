#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ------- eth1  a  eth0 ================ eth0  b  eth1 ------- server
#   10.1.0.10     10.1.0.1  192.0.2.1      192.0.2.2  10.2.0.1     10.2.0.10
#
# Does what docs/quick-start.md says, word by word: its blocks of commands, each in the namespace and the folder of the machine
# that it names. Only scp is another: it copies between the two folders.

. "$(dirname "$0")/lib.sh"
need ping curl python3
guide=$LAB_TOP/docs/quick-start.md

for name in client a b server; do make_space $name; done
cable client eth0 a eth1
cable server eth0 b eth1
cable a eth0 b eth0
give a eth0 192.0.2.1/24
give b eth0 192.0.2.2/24
give a eth1 10.1.0.1/24
give b eth1 10.2.0.1/24
give client eth0 10.1.0.10/24
give server eth0 10.2.0.10/24
ip -n "$(space client)" route add default via 10.1.0.1
ip -n "$(space server)" route add default via 10.2.0.1
mkdir "$LAB_DIR/a" "$LAB_DIR/b" "$LAB_DIR/client" "$LAB_DIR/www"
echo "from the server" >"$LAB_DIR/www/index.html"
background server python3 -m http.server -d "$LAB_DIR/www" 8080 >/dev/null 2>&1
wait_for 5 eval 'in_space server ss -ltn | grep -q :8080'

# block N INFO: the N-th block of the guide that opens with ```INFO.
block() { awk -v n="$1" -v head='```'"$2" '$0 == head && ++seen == n { on = 1; next } on && /^```/ { exit } on' "$guide"; }

# The control sockets' usual place belongs to the machine: here it is a folder of each test.
cat >"$LAB_DIR/words" <<WORDS
PATH=$LAB_BIN:\$PATH
svrctl() { if [ "\$1" = --router ]; then command svrctl --socket "$LAB_DIR/\$2.sock" "\${@:3}"; else command svrctl "\$@"; fi; }
svrd() {
    case \$* in
    --check*) command svrd "\$@" ;;
    *) command svrd "\$@" --control "$LAB_DIR/\${4}.sock" --events "$LAB_DIR/\${4}.events" 2>>"$LAB_DIR/\${4}.log" & echo \$! >"$LAB_DIR/\${4}.pid" ;;
    esac
}
scp() { cp "\${@:1:\$#-1}" "$LAB_DIR/b"; }
WORDS

# follow N WHERE [INFO]: what that block says, on that machine. The first command that fails ends it.
follow() {
    (cd "$LAB_DIR/$2" && { cat "$LAB_DIR/words"; echo "set -e"; block "$1" "sh ${3:-$2}"; } >commands &&
        in_space "$2" bash commands)
}
running() { [ -s "$LAB_DIR/$1.pid" ] && LAB_PIDS+=("$(cat "$LAB_DIR/$1.pid")"); }

block 1 "conf authority.conf" >"$LAB_DIR/a/authority.conf"
try "both kernels forward" eval 'follow 1 a both && follow 1 b both'
try "a makes certificates" follow 1 a
try "b gets the configuration and its certificate" follow 2 a
try "b has all that it needs, and not the key of a" eval \
    '[ "$(cd "$LAB_DIR/b" && echo *)" = "authority.conf commands peering.key peering.pem root.pem" ] &&
        ! cmp -s "$LAB_DIR/a/peering.key" "$LAB_DIR/b/peering.key"'
try "a is checked and starts" follow 3 a
running a
try "b is checked and starts" follow 1 b
running b
try "both take their path into service within 15 s" wait_for 15 eval 'in_service a 1 && in_service b 1'
try "a shows its peer" eval 'follow 4 a | tee /dev/stderr | grep -q MKEY_EXCH_COMP'
try "the client reaches the server" eval 'follow 1 client | tee /dev/stderr | grep -q "from the server"'
try "the metadata key changes on command" eval 'follow 5 a | tee /dev/stderr | grep -q "Key Manager State"'
try "no block of commands was left out" eval \
    '[ "$(grep -c "^\`\`\`sh" "$guide")" -eq 8 ] && [ "$(grep -c "^\`\`\`sh a$" "$guide")" -eq 5 ]'

finish

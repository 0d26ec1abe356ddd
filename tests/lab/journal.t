#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# What a router tells the service manager: lines with fields for the journal, its state, and that it is not stuck. A stand-in for
# systemd listens where the router talks to it. And what no log ever says: keys, and what people send.

. "$(dirname "$0")/lib.sh"
need ping jq python3 socat

two_networks 192.0.2.1 192.0.2.2 24
slow_bfd 100 3
cat >"$LAB_DIR/systemd.py" <<'PYTHON'
# systemd.py JOURNAL NOTICES COMMAND...: runs the command as a service; each entry is a line of JSON in JOURNAL.
import json, os, select, signal, socket, struct, subprocess, sys

def listen(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    return s

def entry(data):
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (n,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + n], data[9 + n :]
        fields[key.decode()] = value.decode()
    return fields

journal, notices = open(sys.argv[1], "a"), open(sys.argv[2], "a")
entries, states = listen("/run/systemd/journal/socket"), listen("/run/systemd/notify")
err, mine = socket.socketpair()
about = os.fstat(err.fileno())
env = dict(os.environ, NOTIFY_SOCKET="/run/systemd/notify", JOURNAL_STREAM=f"{about.st_dev}:{about.st_ino}")
child = subprocess.Popen(sys.argv[3:], stderr=err, env=env)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
while True:
    ended = child.poll() is not None
    for s in select.select([entries, states, mine], [], [], 0 if ended else 0.1)[0]:
        data = s.recv(65536)
        if s is entries:
            journal.write(json.dumps(entry(data)) + "\n")
        else:
            notices.write(("" if s is states else "stderr: ") + data.decode() + "\n")
    journal.flush()
    notices.flush()
    if ended:
        sys.exit(child.returncode)
PYTHON

# The router sees a /run of its own.
background a sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh python3 "$LAB_DIR/systemd.py" "$LAB_DIR/journal" "$LAB_DIR/notices" \
    "$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router a --user root --control "$LAB_DIR/a.sock" \
    --events "$LAB_DIR/a.events" --keylog "$LAB_DIR/keys"
echo $LAST_PID >"$LAB_DIR/a.pid"
start_router b
wait_for 15 eval 'in_service a 1 && in_service b 1'

# says CONDITION: an entry for which it holds.
says() { jq -e -n "first(inputs | select($1))" "$LAB_DIR/journal"; }
try "the manager is told that the router is ready" wait_for 5 grep -qx 'READY=1' "$LAB_DIR/notices"
try "an event is an entry with fields" wait_for 5 says '.SVR_EVENT == "path-service" and .SVR_ROUTER == "a" and .SVR_NODE == "a-1" and
    .SVR_PEER == "b" and .SVR_PATH == "wan0 192.0.2.1 192.0.2.2" and .SVR_FROM == "out-of-service" and .SVR_TO == "in-service" and
    .PRIORITY == "6" and .SYSLOG_IDENTIFIER == "svrd"'
try "with a sentence for people, without the time, which the journal has" says '.MESSAGE == "path-service b [wan0 192.0.2.1 192.0.2.2]: out-of-service -> in-service"'
try "numbers have a field, too" says '.SVR_EVENT == "peer-key" and .SVR_TO == "computed" and .SVR_VALUE == "1"'
try "what is bad has a priority" says '.SVR_EVENT == "alarm" and .PRIORITY == "3"'
try "lines that are no events come as well" says '(.MESSAGE | test("router a is ready")) and .SVR_EVENT == null and .SVR_ROUTER == "a"'
try "nothing is written to standard error then" eval '! grep "^stderr" "$LAB_DIR/notices"'
try "the watchdog hears from the router" wait_for 12 grep -qx 'WATCHDOG=1' "$LAB_DIR/notices"

# ---- what no log says ---------------------------------------------------------------------------------------

PATTERN=READABLE-PAYLOAD-READABLE
background server socat -u TCP-LISTEN:7000,reuseaddr "CREATE:$LAB_DIR/got"
wait_for 5 eval 'in_space server ss -ltn | grep -q :7000'
yes $PATTERN | head -c 100000 >"$LAB_DIR/sent"
in_space client timeout 10 socat -u "FILE:$LAB_DIR/sent" TCP:10.2.0.10:7000
try "text goes through" wait_for 5 cmp "$LAB_DIR/sent" "$LAB_DIR/got"
ask a security metadata-key regenerate >/dev/null
for what in "peers security" "security key-status" "security security-associations detail" events counters alarms sessions; do
    # shellcheck disable=SC2086 # words
    ask a show $what
done >"$LAB_DIR/shown" 2>&1
try "SIGTERM ends it with status 0" stop_router a
try "and the manager is told that it stops" grep -qx 'STOPPING=1' "$LAB_DIR/notices"

# secrets: all values of the key log that are long enough to be one.
cat >"$LAB_DIR/secrets.py" <<'PYTHON'
# How many secrets of the key log are in the other files, as hex digits in any case or as bytes; with --count, how many there are.
import re, sys

secrets = set(re.findall(r"\b[0-9a-f]{64,}\b", open(sys.argv[1]).read().lower()))
if sys.argv[2] == "--count":
    print(len(secrets))
    sys.exit()
found = 0
for name in sys.argv[2:]:
    data = open(name, "rb").read()
    hexes = data.lower().replace(b":", b"")
    for secret in secrets:
        if secret[:32].encode() in hexes or bytes.fromhex(secret[: len(secret) & ~1])[:16] in data:
            print("%s holds %s..." % (name, secret[:16]))
            found += 1
sys.exit(found > 0)
PYTHON
try "the key log holds many secrets" eval 'n=$(python3 "$LAB_DIR/secrets.py" "$LAB_DIR/keys" --count); echo "$n"; [ "$n" -ge 5 ]'
try "each of which the search would find" eval '! python3 "$LAB_DIR/secrets.py" "$LAB_DIR/keys" "$LAB_DIR/keys"'
told=("$LAB_DIR/journal" "$LAB_DIR/notices" "$LAB_DIR/a.events" "$LAB_DIR/b.events" "$LAB_DIR/b.log" "$LAB_DIR/shown")
try "no journal, log, event or report holds one" python3 "$LAB_DIR/secrets.py" "$LAB_DIR/keys" "${told[@]}"
try "nor what people sent" eval '! grep -l "$PATTERN" "${told[@]}"'
finish

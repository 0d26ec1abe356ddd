#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# What svrctl metrics prints is well-formed, and its numbers are those of the show commands.

. "$(dirname "$0")/lib.sh"
need ping jq python3

two_networks 192.0.2.1 192.0.2.2 24
start_router a
start_router b
try "the path comes into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
try "ping goes through" in_space client ping -c 3 -i 0.2 -W 2 10.2.0.10

# well_formed FILE: the rules of OpenMetrics that this text could break.
cat >"$LAB_DIR/well_formed.py" <<'PYTHON'
import re, sys
text = open(sys.argv[1], newline="").read()
assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "the end"
kinds, current, seen = {}, None, set()
label = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
sample = re.compile(r"([a-z_]+)\{(%s(?:,%s)*)\} ([0-9]+(?:\.[0-9]+)?)$" % (label, label))
for line in text.split("\n")[:-2]:
    if line.startswith("# TYPE "):
        _, _, current, kind = line.split(" ")
        assert current not in kinds, "twice: " + line
        kinds[current] = kind
    elif line.startswith("# HELP "):
        assert line.split(" ")[2] == current, line
    else:
        m = sample.match(line)
        assert m, "no sample: " + line
        assert m[1] == current + ("_total" if kinds[current] == "counter" else ""), "out of place: " + line
        assert (m[1], m[2]) not in seen, "twice: " + line
        seen.add((m[1], m[2]))
PYTHON
metrics() { ask a metrics >"$LAB_DIR/metrics"; }
value() { sed -n "s/^$1 //p" "$LAB_DIR/metrics"; }

try "the router answers" metrics
try "the text is well-formed" python3 "$LAB_DIR/well_formed.py" "$LAB_DIR/metrics"
try "the path is up" eval '[ "$(value "svr_path_up{router=\"a\",peer=\"b\".*}")" = 1 ]'
try "the ping was counted on it" eval '[ "$(value "svr_path_sent_packets_total{router=\"a\",peer=\"b\".*}")" -ge 3 ]'
try "a session was created" eval '[ "$(value "svr_sessions_created_total{router=\"a\"}")" -ge 1 ]'
try "every reason to drop is there" eval \
    '[ "$(grep -c ^svr_dropped_packets_total "$LAB_DIR/metrics")" = "$(ask a --json show counters | jq length)" ]'
end=$(ask a --json show security certificate | jq -r '.[0].fields.notAfter')
try "the certificate ends when show says" eval \
    '[ "$(value "svr_certificate_not_after_seconds{router=\"a\"}")" = "$(date -u -d "$end" +%s)" ]'
try "the alarm for lack of a CA's certificate stands" eval \
    'grep "^svr_alarm{router=\"a\",.*severity=\"MAJOR\"" "$LAB_DIR/metrics" | grep -q "has no certificate of a CA"'
try "JSON is refused" eval '! ask a --json metrics'
try "an unknown word is answered with metrics, too" eval 'ask a nonsense 2>&1 | grep -q ", metrics$"'

finish

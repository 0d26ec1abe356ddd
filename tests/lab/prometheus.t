#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   a ================ wire ================ b
#   192.0.2.1                       192.0.2.2
#   svrctl metrics > file > node exporter > Prometheus
#
# A real Prometheus reads what docs/operations.md says that it can. Debian's packages prometheus and prometheus-node-exporter
# start services when they are installed, so the set-up of the tests leaves them alone: where they are missing this is skipped.

. "$(dirname "$0")/lib.sh"
need curl jq python3 prometheus prometheus-node-exporter

two_networks 192.0.2.1 192.0.2.2 24
start_router a
start_router b
try "the path comes into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
mkdir "$LAB_DIR/textfiles"
try "the file is replaced as the guide says" eval \
    'ask a metrics >"$LAB_DIR/a.new" && mv "$LAB_DIR/a.new" "$LAB_DIR/textfiles/a.prom"'

background a prometheus-node-exporter --collector.disable-defaults --collector.textfile \
    --collector.textfile.directory="$LAB_DIR/textfiles" --web.listen-address=127.0.0.1:9100 >"$LAB_DIR/exporter.log" 2>&1
cat >"$LAB_DIR/prometheus.yml" <<YAML
global: { scrape_interval: 1s }
scrape_configs: [ { job_name: svr, static_configs: [ { targets: [ "127.0.0.1:9100" ] } ] } ]
YAML
background a prometheus --config.file="$LAB_DIR/prometheus.yml" --storage.tsdb.path="$LAB_DIR/tsdb" \
    --web.listen-address=127.0.0.1:9090 >"$LAB_DIR/prometheus.log" 2>&1

# query EXPRESSION: the value of the one series that it gives.
query() { in_space a curl -sSG http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" | jq -er '.data.result[0].value[1]'; }
is() { [ "$(query "$1")" = "$2" ]; }
try "Prometheus knows that the path is up" wait_for 30 is 'svr_path_up{router="a",peer="b"}' 1
try "a counter is one" wait_for 10 is 'count(svr_dropped_packets_total{router="a"})' "$(ask a --json show counters | jq length)"
try "the alarm is there, with its text" wait_for 10 is 'svr_alarm{message=~".*has no certificate of a CA.*"}' 1
try "the exporter found no fault in the file" wait_for 10 is node_textfile_scrape_error 0

finish

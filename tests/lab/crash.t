#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   client ---------- a ================ wire ================ b ---------- server
#   10.1.0.10         .1  192.0.2.1               192.0.2.2    .1           10.2.0.10
#
# Router b is killed every few seconds under load, and started again as a service manager would. For CRASH_SECONDS, 12 unless told;
# make bench BENCH=crash takes a minute. How long traffic takes to come back is reported, that it does is demanded.

. "$(dirname "$0")/lib.sh"
need ping iperf3 jq
seconds=${CRASH_SECONDS:-12}

two_networks 192.0.2.1 192.0.2.2 24
slow_bfd 100 3
nothing_of() { ! in_space "$1" nft list tables | grep -q svrd && ! ip -n "$(space "$1")" link show svr0; }

# b under a manager: started again 0.1 s after its end, until $LAB_DIR/enough is there.
cat >"$LAB_DIR/manager" <<'END'
#!/bin/sh
while [ ! -e enough ]; do
    "$@" 2>>b.log &
    echo $! >b.pid
    wait $!
    sleep 0.1
done
END
start_router a
(cd "$LAB_DIR" && exec ip netns exec "$(space b)" sh manager "$LAB_BIN/svrd" --config authority.conf --router b --user root \
    --control b.sock --events b.events) 2>/dev/null &
LAB_PIDS+=($!)
manager=$!
try "the path comes into service" wait_for 15 eval 'in_service a 1 && in_service b 1'
pid_a=$(cat "$LAB_DIR/a.pid")

# What must not change on its machine.
in_space server iperf3 -s -D --pidfile "$LAB_DIR/iperf.pid"
wait_for 5 eval 'in_space server ss -ltn | grep -q :5201'
before=$(in_space b ip route show | sort; in_space b ip addr show wan0 | grep inet)

# Load: one TCP connection as fast as it can, UDP, and a ping of which each answer is noted with its time.
background client iperf3 -c 10.2.0.10 -t $((seconds + 5)) --json >"$LAB_DIR/tcp.json"
tcp=$LAST_PID
background client ping -D -n -i 0.02 -W 1 10.2.0.10 >"$LAB_DIR/ping.out"
udp=$LAST_PID
ended=$((SECONDS + seconds))
kills=0 back=0
while [ $SECONDS -lt $ended ]; do
    sleep 3
    date +%s.%N >>"$LAB_DIR/killed"
    kill -KILL "$(cat "$LAB_DIR/b.pid")" 2>/dev/null && kills=$((kills + 1))
    answers=$(wc -l <"$LAB_DIR/ping.out")
    wait_for 15 eval '[ "$(wc -l <"$LAB_DIR/ping.out")" -gt $((answers + 10)) ]' && back=$((back + 1)) || break
done
try "after each of $kills kills the session that was there carries on" [ "$back" -eq "$kills" ]
# The longest gap between two answers that holds a kill, for each kill.
sed -n 's/^\[\([0-9.]*\)\].*bytes from.*/\1/p' "$LAB_DIR/ping.out" >"$LAB_DIR/answers"
awk 'NR == FNR { killed[++n] = $1; next }
     last { for (i = 1; i <= n; i++) if (last < killed[i] + 0.3 && $1 > killed[i] && $1 - last > gap[i]) gap[i] = $1 - last }
     { last = $1 }
     END { for (i = 1; i <= n; i++) printf "%.3f\n", gap[i] }' "$LAB_DIR/killed" "$LAB_DIR/answers" | sort -n >"$LAB_DIR/gaps"
awk '{ g[NR] = $1 } END { printf "# traffic came back after %.2f s (median of %d; %.2f to %.2f s)\n", g[int((NR + 1) / 2)], NR, g[1], g[NR] }' "$LAB_DIR/gaps"
try "there is a gap for each kill" eval '[ "$(wc -l <"$LAB_DIR/gaps")" -eq '$kills' ] && [ '$kills' -ge 2 ] && awk "\$1 <= 0 { exit 1 }" "$LAB_DIR/gaps"'
kill "$udp" 2>/dev/null

wait "$tcp"
try "the TCP connection lived through all of them" eval 'jq -e ".end.sum_received.bytes > 1000000 and (.error == null)" "$LAB_DIR/tcp.json"'
try "the peer is the process that it was" kill -0 "$pid_a"
try "it lost no packet to a fault of its own" eval '! grep -Ei "assert|critical" "$LAB_DIR/a.log"'
try "b's machine has the routes and addresses that it had" eval \
    'wait_for 10 in_service b 1; [ "$(in_space b ip route show | sort; in_space b ip addr show wan0 | grep inet)" = "$before" ]'
try "one table, not one for each start" eval '[ "$(in_space b nft list tables | grep -c svrd)" -eq 1 ]'
try "a session that begins now is carried" in_space client ping -c 2 -i 0.2 -W 2 10.2.0.10

touch "$LAB_DIR/enough"
try "b ends in order" eval 'kill -TERM "$(cat "$LAB_DIR/b.pid")"; wait $manager; nothing_of b'
try "nothing of it is left" nothing_of b
try "a ends with status 0" stop_router a
kill "$(cat "$LAB_DIR/iperf.pid")"
finish

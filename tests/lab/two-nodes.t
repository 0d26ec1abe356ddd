#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#                        +-- hub1 --+
#   client -- spoke ==== wire     fabric      both nodes of the hub: 192.0.2.1, and 10.255.0.1 on their LAN
#                        +-- hub2 --+
#
# A router with two nodes (KEY-HA-PUSH): the second takes over when the first is killed, with the same keys and
# the same sessions; the first comes back and stands by; then it takes over in its turn.

. "$(dirname "$0")/lib.sh"
need ping jq
# Nobody in particular can take over, which opens devices, and hand over; for that /dev/net/tun must be everybody's, as it is where
# udev runs. Each node sees one of its own.
LAB_USER=nobody
chmod 711 "$LAB_DIR"
mknod -m 666 "$LAB_DIR/tun" c 10 200
[ -c "$LAB_DIR/tun" ] && : <>"$LAB_DIR/tun" || skip_all "no devices in $LAB_DIR"

for name in hub1 hub2 spoke client; do make_space $name; done
make_space wire
ip -n "$(space wire)" link add bridge type bridge
ip -n "$(space wire)" link set bridge up
for name in hub1 hub2 spoke; do
    cable $name wan0 wire "to-$name"
    ip -n "$(space wire)" link set "to-$name" master bridge
done
cable hub1 fab0 hub2 fab0
cable client eth0 spoke lan0
give client eth0 10.1.0.10/24
give spoke lan0 10.1.0.1/24
give spoke wan0 192.0.2.2/24
give hub1 fab0 169.254.7.1/30
give hub2 fab0 169.254.7.2/30
ip -n "$(space client)" route add default via 10.1.0.1

hub_node() {
    cat <<CONF
            node  hub$1
                name  hub$1
CONF
    conf_wan wan0 internet 192.0.2.1 24
    conf_lan 10.255.0.1
    cat <<CONF
                device-interface  fab0
                    name              fab0
                    type              ethernet
                    target-interface  fab0
                    network-interface  fabric
                        name  fabric
                        type  fabric
                        address  169.254.7.$1
                            ip-address     169.254.7.$1
                            prefix-length  30
                        exit
                    exit
                exit
            exit
CONF
}
{
    authority_begin
    conf_service center 10.255.0.1/32
    conf_service edge 10.1.0.0/24
    cat <<CONF
        router  hub
            name                 hub
            peering-common-name  alias-hub
CONF
    hub_node 1
    hub_node 2
    cat <<CONF
            service-route  center-route
                name          center-route
                service-name  center
                next-hop  hub1 lan
                    node-name  hub1
                    interface  lan
                exit
                next-hop  hub2 lan
                    node-name  hub2
                    interface  lan
                exit
            exit
CONF
    route_to_peer edge spoke
    router_end
    router_begin spoke
    conf_wan wan0 internet 192.0.2.2 24
    conf_lan 10.255.0.2
    node_end
    route_to_peer center hub
    route_to_lan edge spoke-1
    router_end
    authority_end
} >"$LAB_DIR/authority.conf"

start_node() {
    # shellcheck disable=SC2016 # the inner shell's arguments
    background "$1" sh -c 'mount --bind "$1" /dev/net/tun && shift && exec "$@"' sh "$LAB_DIR/tun" \
        "$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router hub --node "$1" --user nobody \
        --control "$LAB_DIR/$1.sock" --events "$LAB_DIR/$1.events" 2>>"$LAB_DIR/$1.log"
    echo $LAST_PID >"$LAB_DIR/$1.pid"
}
# has_role NODE WORDS
has_role() { ask "$1" --json show security key-status | jq -e ".[0].fields.keyManagerState == \"$2\""; }
holds() { ip -n "$(space "$1")" addr show dev wan0 | grep 192.0.2.1/24; }
requests() { cat "$LAB_DIR"/*.events | jq -r 'select(.kind == "key-request" and .peer != "hub1" and .peer != "hub2") | .t' | wc -l; }
pings() { in_space client ping -c 5 -i 0.2 -W 2 10.255.0.1; }

start_node hub1
start_node hub2
start_router spoke
try "the first node leads" wait_for 15 has_role hub1 'Active Leader'
try "OPS-KEY-STATUS: the other is its redundant peer" wait_for 15 has_role hub2 'Redundant Peer'
try "the path of the spoke comes into service" wait_for 15 in_service spoke 1
try "only the leader has the address" eval 'holds hub1 && ! holds hub2'
try "ping goes through" pings
try "KEY-HA-PUSH: a new metadata key" ask hub1 security metadata-key regenerate
try "KEY-HA-PUSH: reaches the other node" wait_for 3 has_event hub2 '.kind == "metadata-key" and .to == "replicated" and .value == 2'

before=$(requests)
background client ping -c 100 -i 0.1 -W 2 10.255.0.1 >"$LAB_DIR/ping.out"
PING=$LAST_PID
sleep 2
kill -KILL "$(cat "$LAB_DIR/hub1.pid")"
try "the second node takes over when the first is killed" wait_for 3 has_role hub2 'Active Leader'
wait "$PING"
lost=$(sed -n 's/^100 packets transmitted, \([0-9]*\) received.*/\1/p' "$LAB_DIR/ping.out")
# 300 ms are for noticing; the rest is this machine's.
try "of 100 packets in 10 s it carries all but those of the first second" [ "${lost:-0}" -ge 90 ]
try "KEY-OUTAGE: no exchange was needed" [ "$(requests)" -eq "$before" ]
try "the spoke's path never left service" eval '! has_event spoke ".kind == \"path-service\" and .to == \"out-of-service\""'

start_node hub1
try "the first node comes back and stands by" wait_for 15 has_role hub1 'Redundant Peer'
try "without the address that it had when it was killed" eval '! holds hub1'
try "the second goes on" has_role hub2 'Active Leader'
sleep 1
stop_router hub2
try "and hands over when it is stopped" wait_for 5 has_role hub1 'Active Leader'
try "ping goes through" pings
try "without an exchange" [ "$(requests)" -eq "$before" ]

finish

# SPDX-License-Identifier: MIT
# What the lab scripts share: namespaces that vanish again, routers, TAP lines. Sourced, not run.
#
# A namespace NAME is called svr-NAME-PID, so that nothing of the machine is touched and scripts may run side by
# side. The "wire" between two routers is a namespace of its own with a bridge: captures are taken there, by the
# medium and not by a router.

set -u
LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_BIN=${LAB_BIN:-$LAB_TOP/build/bin}
LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/svr-lab-XXXXXX")
LAB_SPACES=()
LAB_PIDS=()
LAB_TESTS=0
LAB_FAILED=0

# end PID [SIGNAL]: ends a child of this script and returns its exit status; after 5 s by force.
end() {
    local tries=50
    kill "-${2:-TERM}" "$1"
    while kill -0 "$1" && [ $tries -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
    kill -KILL "$1"
    wait "$1"
} 2>/dev/null

lab_cleanup() {
    local pid name
    for pid in "${LAB_PIDS[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${LAB_PIDS[@]}"; do end "$pid"; done
    for name in "${LAB_SPACES[@]}"; do
        kill $(ip netns pids "$name" 2>/dev/null) 2>/dev/null
        ip netns del "$name" 2>/dev/null
    done
    rm -rf "$LAB_DIR"
}
trap lab_cleanup EXIT
trap 'exit 130' INT TERM

# ---- TAP ------------------------------------------------------------------------------------------

# report STATUS SENTENCE: one test, good when STATUS is 0; on failure shows what is in $LAB_DIR/out.
report() {
    LAB_TESTS=$((LAB_TESTS + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $LAB_TESTS - $2"
        return
    fi
    LAB_FAILED=$((LAB_FAILED + 1))
    echo "not ok $LAB_TESTS - $2"
    [ -s "$LAB_DIR/out" ] && tail -n 20 "$LAB_DIR/out" | sed 's/^/# /'
}

# try SENTENCE COMMAND...: the command must succeed.
try() {
    local sentence=$1
    shift
    "$@" >"$LAB_DIR/out" 2>&1
    report $? "$sentence"
}

# Prints the plan; the script's exit status follows from it.
finish() {
    echo "1..$LAB_TESTS"
    [ "$LAB_FAILED" -eq 0 ]
    exit
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# Skips the script unless namespaces can be made and every program named is there.
need() {
    local program
    [ "$(id -u)" -eq 0 ] || skip_all "needs root"
    [ -x "$LAB_BIN/svrd" ] || skip_all "build first: no $LAB_BIN/svrd"
    for program in ip nft "$@"; do
        command -v "$program" >/dev/null || skip_all "$program is not installed"
    done
    ip netns add "svr-probe-$$" 2>/dev/null || skip_all "this machine allows no network namespaces"
    ip netns del "svr-probe-$$"
    [ -c /dev/net/tun ] || skip_all "no /dev/net/tun"
}

# ---- namespaces -----------------------------------------------------------------------------------

space() { echo "svr-$1-$$"; }

# in_space NAME COMMAND...
in_space() {
    local name
    name=$(space "$1")
    shift
    ip netns exec "$name" "$@"
}

# Addresses are usable at once: no duplicate address detection, no router solicitations in the captures.
make_space() {
    local name
    name=$(space "$1")
    ip netns add "$name" || exit 1
    LAB_SPACES+=("$name")
    ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.router_solicitations=0
    ip -n "$name" link set lo up
}

# cable A DEVICE-A B DEVICE-B
cable() {
    ip link add "$2" netns "$(space "$1")" type veth peer name "$4" netns "$(space "$3")"
    ip -n "$(space "$1")" link set "$2" up
    ip -n "$(space "$3")" link set "$4" up
}

# give NAME DEVICE ADDRESS...
give() {
    local name=$1 device=$2 address
    shift 2
    for address in "$@"; do ip -n "$(space "$name")" addr add "$address" dev "$device"; done
}

# wire NAME A DEVICE-A B DEVICE-B: a bridge between two devices.
wire() {
    make_space "$1"
    ip -n "$(space "$1")" link add bridge type bridge
    ip -n "$(space "$1")" link set bridge up
    cable "$2" "$3" "$1" "to-$2"
    cable "$4" "$5" "$1" "to-$4"
    ip -n "$(space "$1")" link set "to-$2" master bridge
    ip -n "$(space "$1")" link set "to-$4" master bridge
}

# background NAME COMMAND...: in a namespace, up to the end of the script; its process is $LAST_PID.
background() {
    local name
    name=$(space "$1")
    shift
    ip netns exec "$name" "$@" &
    LAST_PID=$!
    LAB_PIDS+=($LAST_PID)
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# ---- routers --------------------------------------------------------------------------------------

# start_router NAME [OPTION...]: svrd in the namespace NAME; its log is $LAB_DIR/NAME.log. Whoever it becomes must be able to
# reach its files; nobody but root can reach $LAB_DIR, unless the script says otherwise.
start_router() {
    local name=$1
    shift
    background "$name" "$LAB_BIN/svrd" --config "$LAB_DIR/authority.conf" --router "$name" \
        --user "${LAB_USER:-root}" --control "$LAB_DIR/$name.sock" --events "$LAB_DIR/$name.events" "$@" 2>>"$LAB_DIR/$name.log"
    echo $LAST_PID >"$LAB_DIR/$name.pid"
}

# ready NAME...: all of these routers run.
ready() {
    local name
    for name in "$@"; do grep -q 'is ready' "$LAB_DIR/$name.log" || return 1; done
}

# stop_router NAME [SIGNAL]: returns its exit status.
stop_router() { end "$(cat "$LAB_DIR/$1.pid")" "${2:-TERM}"; }

ask() {
    local name=$1
    shift
    "$LAB_BIN/svrctl" --socket "$LAB_DIR/$name.sock" "$@"
}

# in_service NAME N: at least N paths of the router carry traffic.
in_service() {
    [ "$(grep -c '"kind":"path-service".*"to":"in-service"' "$LAB_DIR/$1.events")" -ge "$2" ]
}

# has_event ROUTER JQ-CONDITION
has_event() { jq -e -n "first(inputs | select($2))" "$LAB_DIR/$1.events"; }

# last_event ROUTER JQ-CONDITION FIELD: the field of the last such event.
last_event() { jq -r "select($2) | $3" "$LAB_DIR/$1.events" | tail -n 1; }

# took BOUND FROM TO [SLACK]: between these instants (of a clock that runs $RATE times as fast) lie BOUND seconds, and
# at most half a real second more, and SLACK more where another event has to come first.
took() {
    awk -v bound="$1" -v from="$2" -v to="$3" -v late="$RATE" -v slack="${4:-0}" \
        'BEGIN { d = to - from; print from, to, d; exit !(from != "" && to != "" && d >= bound && d <= bound + late / 2 + slack) }'
}

# ---- configurations -------------------------------------------------------------------------------

# Pieces of an authority, to be put together between authority_begin and authority_end.
authority_begin() {
    cat <<CONF
config
    authority
        name                              lab
        enhanced-security-key-management  true
        security-key-management
            peer-key-retransmit-interval  5
        exit
        tenant  corp
            name  corp
        exit
CONF
}

authority_end() { printf '    exit\nexit\n'; }

# service NAME PREFIX...
conf_service() {
    local name=$1 prefix
    shift
    printf '        service  %s\n            name  %s\n' "$name" "$name"
    for prefix in "$@"; do printf '            address  %s\n' "$prefix"; done
    printf '            access-policy  corp\n                source  corp\n            exit\n        exit\n'
}

router_begin() {
    cat <<CONF
        router  $1
            name                 $1
            peering-common-name  alias-$1
            node  $1-1
                name  $1-1
CONF
}
node_end() { printf '                exit\n'; }
router_end() { printf '        exit\n'; }

# conf_wan DEVICE NEIGHBORHOOD ADDRESS LENGTH
conf_wan() {
    cat <<CONF
                device-interface  $1
                    name              $1
                    type              ethernet
                    target-interface  $1
                    network-interface  $1
                        name  $1
                        neighborhood  $2
                            name      $2
                            topology  mesh
                        exit
                        address  $3
                            ip-address     $3
                            prefix-length  $4
                        exit
                    exit
                exit
CONF
}

# conf_lan ADDRESS...
conf_lan() {
    local address length
    cat <<CONF
                device-interface  lan
                    name              lan
                    type              tun
                    target-interface  svr0
                    network-interface  lan
                        name    lan
                        tenant  corp
CONF
    for address in "$@"; do
        length=32
        case $address in *:*) length=128 ;; esac
        cat <<CONF
                        address  $address
                            ip-address     $address
                            prefix-length  $length
                        exit
CONF
    done
    printf '                    exit\n                exit\n'
}

# conf_station TYPE NAME DEVICE TENANT ADDRESS/LENGTH...: a LAN on which svrd answers for its addresses itself.
conf_station() {
    local type=$1 name=$2 device=$3 tenant=$4 address
    shift 4
    cat <<CONF
                device-interface  $name
                    name              $name
                    type              $type
                    target-interface  $device
                    network-interface  $name
                        name    $name
                        tenant  $tenant
CONF
    for address in "$@"; do
        cat <<CONF
                        address  ${address%/*}
                            ip-address     ${address%/*}
                            prefix-length  ${address#*/}
                        exit
CONF
    done
    printf '                    exit\n                exit\n'
}

# route_to_peer SERVICE PEER
route_to_peer() {
    cat <<CONF
            service-route  $1-route
                name          $1-route
                service-name  $1
                peer          $2
            exit
CONF
}

# route_to_lan SERVICE NODE [INTERFACE]
route_to_lan() {
    cat <<CONF
            service-route  $1-route
                name          $1-route
                service-name  $1
                next-hop  $2 ${3:-lan}
                    node-name  $2
                    interface  ${3:-lan}
                exit
            exit
CONF
}

# ---- a topology -----------------------------------------------------------------------------------

# two_networks WAN-A WAN-B LENGTH: client - a - wire - b - server with these addresses on the wire, and the authority in
# $LAB_DIR/authority.conf. Service west is the client's network, east the server's.
two_networks() {
    local name
    for name in client a b server; do make_space $name; done
    cable client eth0 a lan0
    cable b lan0 server eth0
    wire wire a wan0 b wan0
    give client eth0 10.1.0.10/24 fd01::10/64
    give a lan0 10.1.0.1/24 fd01::1/64
    give a wan0 "$1/$3"
    give b wan0 "$2/$3"
    give b lan0 10.2.0.1/24 fd02::1/64
    give server eth0 10.2.0.10/24 fd02::10/64
    ip -n "$(space client)" route add default via 10.1.0.1
    ip -n "$(space client)" route add default via fd01::1
    ip -n "$(space server)" route add default via 10.2.0.1
    ip -n "$(space server)" route add default via fd02::1
    {
        authority_begin
        conf_service west 10.1.0.0/24 fd01::/64
        conf_service east 10.2.0.0/24 fd02::/64
        router_begin a
        conf_wan wan0 internet "$1" "$3"
        conf_lan 10.255.0.1 fdff::1
        node_end
        route_to_peer east b
        route_to_lan west a-1
        router_end
        router_begin b
        conf_wan wan0 internet "$2" "$3"
        conf_lan 10.255.0.2 fdff::2
        node_end
        route_to_peer west a
        route_to_lan east b-1
        router_end
        authority_end
    } >"$LAB_DIR/authority.conf"
}

# two_networks_apart: the same with a provider's router in place of the wire, whose namespace is isp.
#
#   client ------- a ---------------- isp ---------------- b ------- server
#                  192.0.2.1   .254        .254  198.51.100.2
two_networks_apart() {
    local side
    two_networks 192.0.2.1 198.51.100.2 24
    make_space isp
    for side in a b; do
        ip -n "$(space $side)" link del wan0
        cable $side wan0 isp to-$side
    done
    give a wan0 192.0.2.1/24
    give b wan0 198.51.100.2/24
    give isp to-a 192.0.2.254/24
    give isp to-b 198.51.100.254/24
    sed -i -e 's/ip-address     192.0.2.1$/&\ngateway 192.0.2.254/' -e 's/ip-address     198.51.100.2$/&\ngateway 198.51.100.254/' \
        "$LAB_DIR/authority.conf"
}

# try_files BYTES: the client of two_networks fetches a file from the server, over TCP by both families.
try_files() {
    local address host
    mkdir "$LAB_DIR/www"
    head -c "$1" /dev/urandom >"$LAB_DIR/www/file"
    for address in 10.2.0.10 fd02::10; do
        background server python3 -m http.server --bind $address --directory "$LAB_DIR/www" 8080 >/dev/null 2>&1
        host=$address:8080
        [ $address = fd02::10 ] && host=[$address]:8080
        wait_for 10 eval 'in_space server ss -ltn | grep -Fq "$host"'
        try "a file over TCP from $address" eval '
            in_space client curl -gs --max-time 20 -o "$LAB_DIR/got" "http://$host/file" && cmp "$LAB_DIR/got" "$LAB_DIR/www/file"'
    done
}

# slow_bfd INTERVAL MULTIPLIER: BFD of all routers in $LAB_DIR/authority.conf, in milliseconds. Its default patience of 3 s
# is less than a busy machine's own delays where the clock runs fast.
slow_bfd() {
    sed -i "/peering-common-name/a\\
            bfd\\
                desired-tx-interval       $1\\
                required-min-rx-interval  $1\\
                multiplier                $2\\
            exit" "$LAB_DIR/authority.conf"
}

# ---- captures -------------------------------------------------------------------------------------

# start_capture SPACE DEVICE FILE [FILTER...]: waits until it listens. The kernel reserves the largest frame for each
# packet in the buffer, so that tcpdump's usual 2 MiB hold a burst of 30 packets; hence 64 MiB.
start_capture() {
    local name=$1 device=$2 file=$3
    shift 3
    background "$name" tcpdump -Z root -i "$device" --immediate-mode -B 65536 -U -s 0 -w "$file" "$@" 2>"$file.log"
    echo $LAST_PID >"$file.pid"
    wait_for 5 grep -q 'listening on' "$file.log"
}

# stop_capture FILE: once no more packets have come into it for 0.3 s, or after 6 s.
stop_capture() {
    local size=-1 tries=20
    while [ "$(stat -c %s "$1")" -ne $size ] && [ $tries -gt 0 ]; do
        size=$(stat -c %s "$1")
        tries=$((tries - 1))
        sleep 0.3
    done
    end "$(cat "$1.pid")"
    return 0
}

# real_frames NAME...: the routers' WAN devices cut super-packets themselves, as cards do, so that captures hold the frames
# that a real wire would carry. By itself a device of a namespace hands them to its other end as they are.
real_frames() {
    local name
    for name in "$@"; do in_space "$name" ethtool -K wan0 tx off >/dev/null; done
}

# count_bytes FILE PATTERN...: how often the patterns (text, or an address) occur in a file, as raw bytes.
count_bytes() {
    python3 - "$@" <<'PYTHON'
import ipaddress, sys

def pattern(text):
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        return text.encode()

data = open(sys.argv[1], "rb").read()
print(sum(data.count(pattern(p)) for p in sys.argv[2:]))
PYTHON
}

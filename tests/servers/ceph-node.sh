# The smallest Ceph that there is, inside its chroot: one monitor, one object store in memory, one gateway, no
# authentication between them, loopback only. Prints the gateway's port when it listens; ends with standard input.
# run-ceph.sh starts it: ceph-node.sh PORT MONITOR_PORT
set -euo pipefail
port=$1
monitor=[v2:127.0.0.1:$2]
home=/run/ceph
log=$home/log
export CEPH_CONF=$home/ceph.conf

fail() {
    echo "Ceph does not start: $*" >&2
    tail -qn 3 "$log"/* >&2
    exit 1
}

# Try a command every tenth of a second, for 30 seconds.
wait_for() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        "$@" &>/dev/null && return
        sleep 0.1
    done
    fail "no success with $*"
}

osd_is_up() { ceph osd stat | grep -q '1 up'; }
gateway_listens() { : <"/dev/tcp/127.0.0.1/$port"; }

mkdir -p "$home"/{mon,osd,rgw,log}
cat >"$CEPH_CONF" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = $monitor
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
run dir = $home
crash dir = $home
admin socket =
log file =
log to stderr = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = false
mon allow pool size one = true
mon max pg per osd = 1000
mon data = $home/mon
mon data avail crit = 1
paxos propose interval = 0.02
paxos min wait = 0.01
osd data = $home/osd
osd objectstore = memstore
osd max object name len = 2048
memstore device bytes = 4294967296
rgw data = $home/rgw
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw thread pool size = 64
rgw enable usage log = false
rgw dns name = localhost
CONF

{
    monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$CEPH_CONF")" --addv a "$monitor" "$home/monmap"
    ceph-mon --mkfs -i a --monmap "$home/monmap"
} &>"$log/setup" || fail "no monitor"
ceph-mon -f -i a &>"$log/mon" &
wait_for ceph --connect-timeout 2 status

id=$(cat /proc/sys/kernel/random/uuid)
{
    ceph osd new "$id" 0
    ceph osd crush add osd.0 1.0 root=default host=here
    ceph-osd -i 0 --mkfs --osd-uuid "$id"
} &>>"$log/setup" || fail "no object store"
ceph-osd -f -i 0 &>"$log/osd" &
wait_for osd_is_up

radosgw-admin user create --uid test --display-name test --access-key test --secret testtest &>>"$log/setup" || fail "no user"
radosgw -f -n client.rgw &>"$log/rgw" &
wait_for gateway_listens

echo "$port"
cat >/dev/null

#!/usr/bin/env bash
# Run Ceph's S3 gateway out of a folder of build-ceph.sh until standard input ends: run-ceph.sh FOLDER PORT MONITOR_PORT
#
# All of it is in namespaces of its own: whatever way this ends, by a signal too, every process ends with it, and what
# they wrote, which is in memory only, is gone.
set -euo pipefail

if [[ ${4-} != inside ]]; then
    exec unshare --mount --pid --fork --kill-child "$0" "$1" "$2" "$3" inside
fi

folder=$1
mount -t proc proc "$folder/proc"
mount -t tmpfs tmpfs "$folder/run"
cp "$(dirname "${BASH_SOURCE[0]}")/ceph-node.sh" "$folder/run/"
exec env -i LC_ALL=C PATH=/usr/bin:/usr/sbin:/bin:/sbin chroot "$folder" bash /run/ceph-node.sh "$2" "$3"

#!/usr/bin/env bash
# Build a Debian system with Ceph's S3 gateway in a folder, unless it is there and whole; prints the folder and Ceph's
# version. Needs root, a Debian with debootstrap, and Debian's packages; takes a minute or a few, and 700 MB.
#
# The folder is $REPOINT_CEPH, or one in the user's cache. It is built beside its place and renamed last, in namespaces of
# its own: a build that is interrupted leaves no mount, no process, and nothing that looks finished.
set -euo pipefail
export LC_ALL=C

suite=forky
packages=(radosgw ceph-mon ceph-osd ceph-common)
folder=${REPOINT_CEPH:-${XDG_CACHE_HOME:-$HOME/.cache}/repoint/ceph-$suite}
marker=.built-for-repoint
building=$folder.building

fail() {
    echo "$*" >&2
    exit 1
}

ceph_version() {
    local program version
    for program in ceph-mon ceph-osd radosgw-admin ceph radosgw; do
        version=$(chroot "$folder" "$program" --version 2>/dev/null) || return 1
    done
    printf '%s\n' "$version"
}

# The mirror that this machine takes its own packages from.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

prepare() {
    [[ $(id -u) == 0 ]] || fail "only root can build it"
    [[ -z $(ls -A "$folder" 2>/dev/null) || -e $folder/$marker || -z ${REPOINT_CEPH:-} ]] ||
        fail "$folder holds something else; it is not replaced"
    command -v apt-get >/dev/null || fail "this is not Debian"
    [[ -n $(mirror) ]] || apt-get -qq update
    [[ -n $(mirror) ]] || fail "no mirror of Debian is configured"
    command -v debootstrap >/dev/null || {
        apt-get -qq update
        DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends debootstrap
    }
}

# Runs as the first process of its own namespaces: its mounts and children end with it.
build() {
    trap 'umount "$building/proc" 2>/dev/null || true; rm -rf --one-file-system "$building"' EXIT
    rm -rf --one-file-system "$building"
    # An older debootstrap does not know the suite by name.
    debootstrap --variant=minbase "$suite" "$building" "$(mirror)" /usr/share/debootstrap/scripts/sid
    printf '#!/bin/sh\nexit 101\n' >"$building/usr/sbin/policy-rc.d" # no package starts a service
    chmod +x "$building/usr/sbin/policy-rc.d"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$building/etc/dpkg/dpkg.cfg.d/lean"
    echo force-unsafe-io >"$building/etc/dpkg/dpkg.cfg.d/fast"
    mount -t proc proc "$building/proc"
    DEBIAN_FRONTEND=noninteractive chroot "$building" apt-get -qq install --no-install-recommends "${packages[@]}"
    chroot "$building" apt-get clean
    umount "$building/proc"
    touch "$building/$marker"
    sync --file-system "$building"
    rm -rf --one-file-system "$folder"
    mv --no-target-directory "$building" "$folder"
}

if [[ ${1-} == build ]]; then
    build
    exit
fi

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
if ! version=$(ceph_version); then
    (prepare && unshare --mount --pid --fork --kill-child "$0" build) </dev/null >"$folder.log" 2>&1 || {
        rm -rf --one-file-system "$building"
        fail "$(tail -n 3 "$folder.log")"
    }
    version=$(ceph_version) || fail "what was built in $folder does not run"
fi
printf '%s\n%s\n' "$folder" "$version"

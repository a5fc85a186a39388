#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make-rootfs.sh [--arch ARCH] [--cache DIR] [--size MIB] [--program FILE]... FILE
#
# Makes an ext4 root image with a small system: busybox, the real lsblk, and what --program adds, each with its libraries. Needs no root,
# and no network where busybox-static is installed (else that package is fetched into DIR). The same packages give the same bytes. An image
# that is there already, and no older than what it is made from, stays.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

arch=$(uname -m) cache=$here/../demo size=256 programs=()
while [ $# -gt 1 ]; do
	case $1 in
	--arch) arch=$2 ;;
	--cache) cache=$2 ;;
	--size) size=$2 ;;
	--program) programs+=("$2") ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
[ $# = 1 ] || die "usage: make-rootfs.sh [--arch ARCH] [--cache DIR] [--size MIB] [--program FILE]... FILE"
image=$1

if [ -f "$image" ] && [ -z "$(find "$here/lib.sh" "$here/foreign.sh" "$here/make-rootfs.sh" "$here/rootfs" -newer "$image")" ]; then
	say "reusing $image"
	exit 0
fi
say "making $image"
use_arch "$arch"
[ -z "$system" ] || "$here/get-system.sh" "$arch"

# All that could differ from run to run has one value here: times, the file system's identity, the order of names.
export LC_ALL=C E2FSPROGS_FAKE_TIME=1700000000
uuid=7b5a1c3e-0d9f-4e5b-9a6d-2f1e8c7d4b3a

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
umask 022

busybox=$(busybox_static "$cache") || die "no static busybox"
mkdir "$tree"
tree_base "$tree" "$busybox"
for program in "$(program_path lsblk)" "${programs[@]}"; do
	tree_program "$tree" "$program"
done
cp -R "$here/rootfs/." "$tree/"
chmod 755 "$tree"/etc/init.d/* "$tree"/etc/udhcpc/*

truncate -s "${size}M" "$tmp/image"
mke2fs -q -F -t ext4 -b 4096 -m 0 -L tinyvmm-root -U "$uuid" -E "root_owner=0:0,hash_seed=$uuid,lazy_itable_init=0" -d "$tree" "$tmp/image"

# mke2fs took owners and times from our copies; every file belongs to root and is of one age
(cd "$tree" && find . -printf '/%P\n' | sort) | while read -r path; do
	for field in uid gid; do
		echo "set_inode_field $path $field 0"
	done
	for field in atime ctime mtime crtime; do
		echo "set_inode_field $path $field @$E2FSPROGS_FAKE_TIME"
	done
	for field in atime_extra ctime_extra mtime_extra crtime_extra; do
		echo "set_inode_field $path $field 0"
	done
done >"$tmp/commands"
debugfs -w -f "$tmp/commands" "$tmp/image" >/dev/null 2>"$tmp/debugfs.log"
if grep -v '^debugfs [0-9]' "$tmp/debugfs.log" >&2; then
	die "debugfs failed"
fi
mkdir -p "$(dirname "$image")"
cp --sparse=always "$tmp/image" "$image.new"
mv "$image.new" "$image"

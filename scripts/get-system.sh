#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# get-system.sh [ARCH [bench]]: puts what a build for ARCH (aarch64) links with, and the programs and libraries that tests run there, under
# demo/ARCH/system, from the distribution's packages; with "bench" also what bench/peers/ runs there. Nothing is installed; nothing of ARCH runs
# here. A second run finds the first one's work.
#
# The result is a merged-/usr tree: the compiler's --sysroot, and the place that scripts/nested.sh takes programs from.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

case $#-${2:-bench} in [012]-bench) ;; *) die "usage: get-system.sh [ARCH [bench]]" ;; esac
arch=${1:-aarch64} more=${2:-}

# To link with, and headers of what is loaded when needed. Of these not what they depend on: that would bring build tools of the other side.
headers=(libc6-dev linux-libc-dev libcrypt-dev liburing-dev libfdt-dev libslirp-dev libglib2.0-dev libpcre2-dev libseccomp-dev libkmod-dev
	libarchive-dev libjansson-dev libmnl-dev libnftnl-dev libsystemd-dev libblkid-dev zlib1g-dev liblzma-dev libzstd-dev liblz4-dev libbz2-dev libcmocka-dev)
# To run, with all that they depend on
programs=(libslirp0 libseccomp2 libkmod2 libblkid1 zlib1g liblzma5 libzstd1 liblz4-1 libbz2-1.0 libcmocka0
	busybox-static bash coreutils sed device-tree-compiler iproute2 e2fsprogs fdisk util-linux bsdutils uidmap
	libarchive13 libjansson4 libmnl0 libnftnl11)
# To measure with, and to compare with: only on request, as QEMU comes with a hundred others
bench=(fio iperf3 qemu-system-arm libfdt1)

use_arch "$arch"
if [ -z "$system" ]; then
	say "this host is $arch: its own packages serve (scripts/install-deps.sh build)"
	exit 0
fi
exec 9>"$system.lock"
flock 9
new=$system.new

tidy() {
	tree_merge_usr "$new"
	rm -rf "$new"/usr/share/{doc,man,locale,info} "${new:?}"/{boot,dev,proc,sys,run}
	chmod -R u+w,a+rX "$new"
}

# has LIST PACKAGE...: one line a package, so that a tree made for an older list is made again
has() { [ -f "$system/$1" ] && [ "$(printf '%s\n' "${@:2}")" = "$(<"$system/$1")" ]; }

fetch() {
	rm -rf "$new"
	package_unpack_all "$new" "$@" || die "could not fetch the $arch packages: is there a network, and does apt work (apt-get update)?"
}

if ! has packages "${headers[@]}" "${programs[@]}"; then
	fetch "${programs[@]}"
	package_unpack "$new" "${headers[@]}" || die "could not fetch the $arch packages"
	tidy
	printf '%s\n' "${headers[@]}" "${programs[@]}" >"$new/packages"
	rm -rf "$system"
	mv "$new" "$system"
fi
if [ -n "$more" ] && ! has packages.bench "${bench[@]}"; then
	fetch "${bench[@]}"
	tidy
	# What is there already stays: others may be reading it
	cp -an "$new/." "$system/"
	rm -rf "$new"
	printf '%s\n' "${bench[@]}" >"$system/packages.bench"
fi

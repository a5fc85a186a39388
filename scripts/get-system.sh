#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# get-system.sh [ARCH]: puts what a build for ARCH (aarch64) links with, and the programs and libraries that tests run there, under
# demo/ARCH/system, from the distribution's packages. Nothing is installed; nothing of ARCH runs here. A second run finds the first one's
# work.
#
# The result is a merged-/usr tree: the compiler's --sysroot, and the place that scripts/nested.sh takes programs from.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -le 1 ] || die "usage: get-system.sh [ARCH]"
arch=${1:-aarch64}

# To link with, and headers of what is loaded when needed. Of these not what they depend on: that would bring build tools of the other side.
headers=(libc6-dev linux-libc-dev libcrypt-dev liburing-dev libfdt-dev libslirp-dev libglib2.0-dev libpcre2-dev libseccomp-dev libkmod-dev
	libblkid-dev zlib1g-dev liblzma-dev libzstd-dev liblz4-dev libbz2-dev libcmocka-dev)
# To run, with all that they depend on
programs=(libslirp0 libseccomp2 libkmod2 libblkid1 zlib1g liblzma5 libzstd1 liblz4-1 libbz2-1.0 libcmocka0
	busybox-static bash coreutils sed device-tree-compiler iproute2 e2fsprogs fdisk util-linux bsdutils)

use_arch "$arch"
if [ -z "$system" ]; then
	say "this host is $arch: its own packages serve (scripts/install-deps.sh build)"
	exit 0
fi
exec 9>"$system.lock"
flock 9
# One line a package, so that a tree made for an older list is made again
wanted=$(printf '%s\n' "${headers[@]}" "${programs[@]}")
[ ! -f "$system/packages" ] || [ "$wanted" != "$(<"$system/packages")" ] || exit 0

# Packages of before merged-/usr have their files in /lib and /bin
merge_usr() {
	local name
	for name in bin sbin lib; do
		mkdir -p "$1/usr/$name"
		if [ -d "$1/$name" ] && ! [ -L "$1/$name" ]; then
			cp -a "$1/$name/." "$1/usr/$name/"
			rm -rf "${1:?}/$name"
		fi
		[ -L "$1/$name" ] || ln -s "usr/$name" "$1/$name"
	done
}

new=$system.new
rm -rf "$new" "$system"
package_unpack_all "$new" "${programs[@]}" ||
	die "could not fetch the $arch packages: is there a network, and does apt work (apt-get update)?"
package_unpack "$new" "${headers[@]}" || die "could not fetch the $arch packages"
merge_usr "$new"
rm -rf "$new"/usr/share/{doc,man,locale,info} "${new:?}"/{boot,dev,proc,sys,run}
chmod -R u+w,a+rX "$new"
echo "$wanted" >"$new/packages"
mv "$new" "$system"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# get-kernel.sh [--arch ARCH] [--package NAME] DIR: puts the distribution's stock kernel under DIR, unchanged and without installing it, and
# prints the path of its vmlinuz. Modules are then in DIR/lib/modules/RELEASE, device trees of Raspberry Pi boards in DIR/dtbs. A second run
# finds the first one's work. --package names another kernel of the distribution, as linux-image-6.12-arm64-16k.
#
# Debian has the kernel and its modules in one package; Ubuntu keeps the modules in linux-modules-RELEASE.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

arch=$(uname -m) metas=''
while [ $# -gt 1 ]; do
	case $1 in
	--arch) arch=$2 ;;
	--package) metas=$2 ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
[ $# = 1 ] || die "usage: get-kernel.sh [--arch ARCH] [--package NAME] DIR"
dir=$1
PATH=$PATH:/usr/sbin:/sbin
use_arch "$arch"
metas=${metas:-linux-image-$(debian_arch "$arch") linux-image-generic}

# The package that the distribution's meta-package stands for today.
current_package() {
	local meta package
	for meta in $metas; do
		package=$(apt-cache show --no-all-versions "$meta" 2>/dev/null | sed -n 's/^Depends: //p' | tr -s ', ' '\n' |
			grep -E '^linux-image-[0-9]' | head -n 1)
		[ -z "$package" ] || { echo "$package" && return; }
	done
	return 1
}

# Debian has them under usr/lib/linux-image-RELEASE, Ubuntu under lib/firmware/RELEASE/device-tree.
raspberry_dtbs() {
	local boards
	boards=$(find "$1/usr" "$1/lib" -type d -name broadcom -path '*/linux-image-*' -o -type d -path '*/device-tree/broadcom' | head -n 1)
	[ -z "$boards" ] || cp -R "$boards" "$1/dtbs"
}

unpack() {
	local package release
	package=$(current_package) || { apt_update && package=$(current_package); } ||
		die "no kernel package is known to apt (tried: $metas)"
	release=${package#linux-image-}
	rm -rf "$dir" "$dir.new"
	if package_known "linux-modules-$release"; then
		package_unpack "$dir.new" "$package" "linux-modules-$release"
	else
		package_unpack "$dir.new" "$package"
	fi || die "could not fetch $package"
	# A merged system has lib in usr
	if [ -d "$dir.new/usr/lib/modules" ] && ! [ -d "$dir.new/lib/modules" ]; then
		mkdir -p "$dir.new/lib"
		mv "$dir.new/usr/lib/modules" "$dir.new/lib/modules"
	fi
	[ -f "$dir.new/boot/vmlinuz-$release" ] || die "$package has no boot/vmlinuz-$release"
	# What a package's installation would do: the index by which modules and their dependencies are found
	command -v depmod >/dev/null || die "depmod is missing: scripts/install-deps.sh demo"
	depmod -b "$dir.new" "$release"
	raspberry_dtbs "$dir.new"
	rm -rf "$dir.new/usr"
	# Unpacked files are read-only to some; the name comes last, so a broken run leaves nothing that looks whole
	chmod -R u+w,a+rX "$dir.new"
	echo "$release" >"$dir.new/release"
	mv "$dir.new" "$dir"
}

if [ -f "$dir/release" ] && [ -f "$dir/boot/vmlinuz-$(<"$dir/release")" ]; then
	say "reusing the kernel $(<"$dir/release") in $dir"
else
	unpack
fi
echo "$dir/boot/vmlinuz-$(<"$dir/release")"

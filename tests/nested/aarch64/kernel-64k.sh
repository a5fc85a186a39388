#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kernel-64k.sh DIR: compiles an AArch64 kernel with pages of 64 KiB, of which Debian 12 has none, from the distribution's kernel source,
# and puts it into DIR as get-kernel.sh would: to be a guest, or a host on QEMU's virtual machine. Some ten minutes, and 2 GB meanwhile;
# no test of `make check` needs it. docs/TESTING.md tells what to do with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../../scripts/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

[ $# = 1 ] || die "usage: kernel-64k.sh DIR"
[ ! -e "$1" ] || die "$1 is there already"
mkdir -p "$(dirname "$1")"
dir=$(cd "$(dirname "$1")" && pwd)/${1##*/}
config=$here/64k.config
cross=''
[ "$(uname -m)" = aarch64 ] || cross=aarch64-linux-gnu-
tmp=''
cleanup() { [ -z "$tmp" ] || rm -rf "$tmp"; }
trap cleanup EXIT
trap 'exit 143' HUP INT TERM
tmp=$(mktemp -d "$dir.new.XXXXXX")

unpack_source() {
	local package
	package=$(apt-cache show --no-all-versions linux-source | sed -n 's/^Depends: \(linux-source-[^ ,]*\).*/\1/p' | head -n 1)
	package_unpack "$tmp/package" "${package:?no linux-source is known to apt}"
	mkdir "$tmp/source" "$tmp/out"
	tar -xf "$(find "$tmp/package/usr/src" -type f -name 'linux-source-*.tar.*' | head -n 1)" -C "$tmp/source" --strip-components=1
	rm -rf "$tmp/package"
}

kbuild() { make -s -C "$tmp/source" O="$tmp/out" ARCH=arm64 CROSS_COMPILE="$cross" -j"$(nproc)" "$@" >&2; }

# Everything is off but what the file names, and what that needs in turn
configure() {
	local line
	kbuild KCONFIG_ALLCONFIG="$config" allnoconfig
	grep '^CONFIG_' "$config" | while read -r line; do
		grep -qxF "$line" "$tmp/out/.config" || die "this kernel's configuration does not take $line"
	done
}

# There is no module, but their installation makes the index of what is built in
install_kernel() {
	local tree=$tmp/tree release
	kbuild INSTALL_MOD_PATH="$tree" modules_install
	release=$(<"$tmp/out/include/config/kernel.release")
	rm -f "$tree/lib/modules/$release"/{build,source}
	mkdir "$tree/boot"
	cp "$tmp/out/arch/arm64/boot/Image" "$tree/boot/vmlinuz-$release"
	echo "$release" >"$tree/release"
	mv "$tree" "$dir"
}

unpack_source
configure
kbuild Image modules
install_kernel

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# builtin-kernel.sh DIR: compiles a kernel without modules from the distribution's kernel source and puts it into DIR as bzImage.gzip,
# bzImage.xz and so on: one kernel, in each compression that a bzImage can have. The source package is unpacked, not installed.
# A second run finds the first one's work.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"

[ $# = 1 ] || die "usage: builtin-kernel.sh DIR"
[ "$(uname -m)" = x86_64 ] || die "builtin.config is for x86_64 only"
mkdir -p "$(dirname "$1")"
dir=$(cd "$(dirname "$1")" && pwd)/${1##*/}
config=$here/builtin.config
kinds='gzip bzip2 lzma xz lz4 zstd'

if [ -d "$dir" ] && [ -z "$(find "$config" "$0" -newer "$dir")" ]; then
	say "reusing the kernels in $dir"
	exit 0
fi

tmp=''
cleanup() { [ -z "$tmp" ] || rm -rf "$tmp"; }
trap cleanup EXIT
trap 'exit 143' HUP INT TERM
rm -rf "$dir" "$dir".new.*
tmp=$(mktemp -d "$dir.new.XXXXXX")

# Debian's and Ubuntu's linux-source stands for the source of their current kernel
source_package() {
	apt-cache show --no-all-versions linux-source 2>/dev/null | sed -n 's/^Depends: \(linux-source-[^ ,]*\).*/\1/p' | head -n 1
}

unpack_source() {
	local package archive
	package=$(source_package)
	[ -n "$package" ] || { apt_update && package=$(source_package); }
	package_unpack "$tmp/package" "${package:?no linux-source is known to apt}"
	archive=$(find "$tmp/package/usr/src" -type f -name 'linux-source-*.tar.*' | head -n 1)
	mkdir "$tmp/source" "$tmp/out" "$tmp/kernels"
	# Most of it is what is switched off; the names in Kconfig files must be there all the same
	tar -xf "$archive" -C "$tmp/source" --strip-components=1 --exclude='*/Documentation/'*.{rst,txt,yaml} --exclude='*/tools/testing/*' \
		--exclude='*/sound/*.[ch]' --exclude='*/drivers/'{gpu,media,staging,infiniband,iio,scsi,usb}'/*.[ch]' \
		--exclude='*/drivers/net/'{ethernet,wireless,dsa,can}'/*.[ch]' --exclude='*/arch/'{a,h,i,l,m,n,o,p,r,s}'*/*.[chS]' \
		--exclude='*/arch/'{a,c,h,i,l,m,n,o,p,r,s}'*/*.dts*'
	rm -rf "$tmp/package"
}

kbuild() {
	make -s -C "$tmp/source" O="$tmp/out" ARCH=x86_64 -j"$(nproc)" KBUILD_BUILD_TIMESTAMP=2023-11-14 KBUILD_BUILD_USER=tinyvmm \
		KBUILD_BUILD_HOST=tinyvmm "$@" >&2
}

# Everything is off but what the file names, and what that needs in turn
configure() {
	local line
	kbuild KCONFIG_ALLCONFIG="$config" allnoconfig
	grep '^CONFIG_' "$config" | while read -r line; do
		grep -qxF "$line" "$tmp/out/.config" || die "this kernel's configuration does not take $line"
	done
}

# Only the compressed part is made anew: the kernel proper stays
build_kinds() {
	local kind other
	for kind in $kinds; do
		for other in $kinds; do
			"$tmp/source/scripts/config" --file "$tmp/out/.config" --disable "KERNEL_${other^^}"
		done
		"$tmp/source/scripts/config" --file "$tmp/out/.config" --enable "KERNEL_${kind^^}"
		kbuild olddefconfig
		kbuild bzImage
		grep -qx "CONFIG_KERNEL_${kind^^}=y" "$tmp/out/.config" || die "this kernel can't be compressed with $kind"
		cp "$tmp/out/arch/x86/boot/bzImage" "$tmp/kernels/bzImage.$kind"
	done
}

unpack_source
say "building a kernel with everything built in (some minutes)"
configure
build_kinds
mv "$tmp/kernels" "$dir"
touch "$dir"

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
# shellcheck source=tests/nested/kernel-source.sh
. "$here/kernel-source.sh"

[ $# = 1 ] || die "usage: builtin-kernel.sh DIR"
[ "$(uname -m)" = x86_64 ] || die "builtin.config is for x86_64 only"
mkdir -p "$(dirname "$1")"
dir=$(cd "$(dirname "$1")" && pwd)/${1##*/}
config=$here/builtin.config
kinds='gzip bzip2 lzma xz lz4 zstd'

if [ -d "$dir" ] && [ -z "$(find "$config" "$0" "$here/kernel-source.sh" -newer "$dir")" ]; then
	say "reusing the kernels in $dir"
	exit 0
fi

rm -rf "$dir" "$dir".new.*
new_tmp "$dir"

kbuild() {
	make -s -C "$tmp/source" O="$tmp/out" ARCH=x86_64 -j"$(nproc)" KBUILD_BUILD_TIMESTAMP=2023-11-14 KBUILD_BUILD_USER=tinyvmm \
		KBUILD_BUILD_HOST=tinyvmm "$@" >&2
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

# Most of it is what is switched off; the names in Kconfig files must be there all the same
# shellcheck disable=SC2034 # for unpack_source
left_out=('*/Documentation/*'.{rst,txt,yaml} '*/tools/testing/*' '*/sound/*.[ch]' '*/drivers/'{gpu,media,staging,infiniband,iio,scsi,usb}'/*.[ch]'
	'*/drivers/net/'{ethernet,wireless,dsa,can}'/*.[ch]' '*/arch/'{a,h,i,l,m,n,o,p,r,s}'*/*.[chS]' '*/arch/'{a,c,h,i,l,m,n,o,p,r,s}'*/*.dts*')
unpack_source
mkdir "$tmp/kernels"
say "building a kernel with everything built in (some minutes)"
configure "$config"
build_kinds
mv "$tmp/kernels" "$dir"
touch "$dir"

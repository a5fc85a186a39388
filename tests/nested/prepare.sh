#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# prepare.sh: what the nested tests start from, made once: a stock kernel, a root image, and forms of both that the tests want. ARCH is the
# architecture, the host's own if unset.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
PATH=$PATH:/usr/sbin:/sbin
arch=${ARCH:-$(uname -m)}
demo=$(demo_dir "$arch")

# The modules that a machine can need, uncompressed, under DIR/lib/modules/RELEASE
needed_modules() {
	local dir=$1 release=$2 from=$demo/kernel/lib/modules/$2 to=$1/lib/modules/$2 name path
	mkdir -p "$to"
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$to/"
	for name in virtio_mmio virtio_console virtio_blk virtio_net virtio_rng ext4 crc32c_generic crc32c_intel pvpanic-mmio; do
		modprobe -q --show-depends -d "$demo/kernel" -S "$release" "$name"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r path; do
		name=${path##*"$from/"}
		mkdir -p "$to/${name%/*}"
		case $path in
		*.ko) cp "$path" "$to/$name" ;;
		*.ko.xz) xz -dc "$path" >"$to/${name%.xz}" ;;
		*.ko.zst) zstd -qdc "$path" >"$to/${name%.zst}" ;;
		esac
	done
}

# DIR/gz, DIR/xz and DIR/zst: the same modules in each form in which distributions ship them
compressed_modules() {
	local dir=$1 release=$2 kind
	rm -rf "$dir" "$dir.new"
	for kind in gz xz zst; do
		needed_modules "$dir.new/$kind" "$release"
		case $kind in
		gz) compress=(gzip) ;;
		xz) compress=(xz --check=crc32) ;; # the only checksum of those xz has that the kernel knows
		zst) compress=(zstd -q --rm) ;;
		esac
		find "$dir.new/$kind" -name '*.ko' -exec "${compress[@]}" {} +
		depmod -b "$dir.new/$kind" "$release"
	done
	mv "$dir.new" "$dir"
}

kernel=$(scripts/get-kernel.sh --arch "$arch" "$demo/kernel")
scripts/make-rootfs.sh --arch "$arch" --cache "$demo" "$demo/rootfs.img"
if [ "$arch" = x86_64 ] && ! [ "$demo/vmlinux" -nt "$kernel" ]; then
	scripts/extract-vmlinux.sh "$kernel" "$demo/vmlinux"
fi
if ! [ "$demo/modules" -nt "$demo/kernel/release" ]; then
	compressed_modules "$demo/modules" "$(<"$demo/kernel/release")"
fi
# Only the tests that start it need it: they say so
[ "$arch" != x86_64 ] || tests/nested/builtin-kernel.sh "$demo/builtin" || say "prepare.sh: no kernel with everything built in"

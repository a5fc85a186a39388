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

le32() {
	local i bytes=''
	for i in 0 8 16 24; do
		bytes+=$(printf '\\x%02x' $(($1 >> i & 255)))
	done
	printf %b "$bytes"
}

# zboot FILE KIND PAYLOAD: an EFI zboot kernel (drivers/firmware/efi/libstub/zboot-header.S) as far as a boot loader that is no EFI looks
# at one: its header, the PE header's signature and machine, the payload.
zboot() {
	local pe=64 payload_at=256
	{
		printf 'MZ\0\0zimg'
		le32 "$payload_at"
		le32 "$(stat -c %s "$3")"
		le32 0
		le32 0
		printf %s "$2" | dd bs=32 count=1 conv=sync status=none | tr ' ' '\0'
		printf '\xcd\x23\x82\x81' # Linux's own mark
		le32 "$pe"
		printf 'PE\0\0\x64\xaa'
	} >"$1"
	truncate -s "$payload_at" "$1"
	cat "$3" >>"$1"
}

# DIR: the forms in which an Image comes beside itself
arm64_kernels() {
	local dir=$1 image=$2
	rm -rf "$dir" "$dir.new"
	mkdir "$dir.new"
	gzip -1 -n <"$image" >"$dir.new/Image.gz"
	zstd -q -1 <"$image" >"$dir.new/Image.zst"
	zboot "$dir.new/zboot-gzip" gzip "$dir.new/Image.gz"
	zboot "$dir.new/zboot-zstd" zstd22 "$dir.new/Image.zst"
	le32 "$(stat -c %s "$image")" >>"$dir.new/zboot-zstd" # gzip has it in itself
	rm "$dir.new/Image.zst"
	mv "$dir.new" "$dir"
}

kernel=$(scripts/get-kernel.sh --arch "$arch" "$demo/kernel")
scripts/make-rootfs.sh --arch "$arch" --cache "$demo" "$demo/rootfs.img"
if [ "$arch" = x86_64 ] && ! [ "$demo/vmlinux" -nt "$kernel" ]; then
	scripts/extract-vmlinux.sh "$kernel" "$demo/vmlinux"
fi
if [ "$arch" = aarch64 ] && ! [ "$demo/kernels" -nt "$kernel" ]; then
	arm64_kernels "$demo/kernels" "$kernel"
fi
if ! [ "$demo/modules" -nt "$demo/kernel/release" ]; then
	compressed_modules "$demo/modules" "$(<"$demo/kernel/release")"
fi
# Only the tests that start it need it: they say so
[ "$arch" != x86_64 ] || tests/nested/builtin-kernel.sh "$demo/builtin" || say "prepare.sh: no kernel with everything built in"

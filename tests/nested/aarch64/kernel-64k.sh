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
# shellcheck source=tests/nested/kernel-source.sh
. "$here/../kernel-source.sh"
PATH=$PATH:/usr/sbin:/sbin

[ $# = 1 ] || die "usage: kernel-64k.sh DIR"
[ ! -e "$1" ] || die "$1 is there already"
mkdir -p "$(dirname "$1")"
dir=$(cd "$(dirname "$1")" && pwd)/${1##*/}
config=$here/64k.config
cross=''
[ "$(uname -m)" = aarch64 ] || cross=aarch64-linux-gnu-
new_tmp "$dir"

kbuild() { make -s -C "$tmp/source" O="$tmp/out" ARCH=arm64 CROSS_COMPILE="$cross" -j"$(nproc)" "$@" >&2; }

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

# shellcheck disable=SC2034 # for unpack_source
left_out=()
unpack_source
configure "$config"
kbuild Image modules
install_kernel

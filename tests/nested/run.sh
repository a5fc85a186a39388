#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SCRIPT...: runs scripts of this directory against a stock kernel, in one emulated machine, or right here on a host with hardware
# virtualization. prepare.sh and the build come before.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

build=build/$(uname -m)
release=$(<demo/kernel/release)
busybox=$(busybox_static demo)
if hardware_kvm; then
	TINYVMM=$PWD/$build/tinyvmm KERNEL=$PWD/demo/kernel/boot/vmlinuz-$release MODULES=$PWD/demo/kernel ROOTFS=$PWD/demo/rootfs.img VMLINUX=$PWD/demo/vmlinux \
		COMPRESSED_MODULES=$PWD/demo/modules BUSYBOX=$busybox DATAGRAMS=$PWD/$build/scripts/nameserver NAMESERVER='' exec tests/nested/outer.sh "$@"
fi

# Programs of which busybox has no version that does
programs=()
for program in bash tail sed truncate ip e2fsck mke2fs debugfs sfdisk script; do
	programs+=(--program "$(PATH=$PATH:/usr/sbin:/sbin command -v "$program")")
done
mkdir -p build/check
# The largest guest has 4 GiB: what is not touched costs nothing
exec scripts/nested.sh --kernel-dir demo/kernel --busybox "$busybox" --memory 5120 --cpus 2 --timeout "${NESTED_SECONDS:-1800}" \
	--log "build/check/outer-$1.log" --tinyvmm "$build/tinyvmm" --program "$build/scripts/nameserver" "${programs[@]}" \
	--file tests:/src/tests --file scripts:/src/scripts --file README.md:/src/README.md --file LICENSE:/src/LICENSE \
	--file docs:/src/docs --file demo/rootfs.img:/root/rootfs.img \
	--file demo/vmlinux:/root/vmlinux --file demo/modules:/root/modules -- \
	env TINYVMM=tinyvmm KERNEL="/kernel/boot/vmlinuz-$release" MODULES=/kernel ROOTFS=/root/rootfs.img VMLINUX=/root/vmlinux BUSYBOX=/bin/busybox \
	COMPRESSED_MODULES=/root/modules DATAGRAMS=/usr/bin/nameserver NAMESERVER=nameserver bash /src/tests/nested/outer.sh "$@"

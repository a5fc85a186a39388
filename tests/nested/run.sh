#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SCRIPT...: runs scripts of this directory against a stock kernel, in one emulated machine, or right here on a host with hardware
# virtualization. prepare.sh and the build come before. ARCH=aarch64 is for that architecture instead of the host's, with BOARD=gicv2, gicv3
# or raspi3 (see scripts/nested.sh). After `make guest-bare` it also runs ../guest/test_bare.sh in there, and ../ctr/test_*.sh.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

arch=${ARCH:-$(uname -m)}
use_arch "$arch"
build=build/$arch demo=$(demo_dir "$arch")
kernel_dir=${KERNEL_DIR:-$demo/kernel}
release=$(<"$kernel_dir/release")
busybox=$(busybox_static "$demo")
if [ -z "$system" ] && hardware_kvm; then
	TINYVMM=$PWD/$build/tinyvmm KERNEL=$kernel_dir/boot/vmlinuz-$release MODULES=$kernel_dir ROOTFS=$demo/rootfs.img \
		VMLINUX=$demo/vmlinux KERNELS=$demo/kernels COMPRESSED_MODULES=$demo/modules BUILTIN=$demo/builtin BUSYBOX=$busybox \
		DATAGRAMS=$PWD/$build/scripts/nameserver NAMESERVER='' GUESTS=$PWD/$build/guest exec tests/nested/outer.sh "$@"
fi

# Programs of which busybox has no version that does
programs=()
for program in bash tail sed truncate cksum ip e2fsck mke2fs debugfs sfdisk script dtc; do
	programs+=(--program "$(program_path "$program")")
done
# What prepare.sh made: not all of it is there for each architecture
files=()
for file in rootfs.img vmlinux kernels modules builtin; do
	[ ! -e "$demo/$file" ] || files+=(--file "$demo/$file:/root/$file")
done
[ ! -e "$build/guest/bare" ] || files+=(--file "$build/guest:/src/guest")
# What unit tests run, and what they compare with each other
case " $* " in
*/test_units.sh*)
	programs+=(--program "$(program_path mkfs.ext4)")
	files+=(--file "$build/tests/unit:/src/unit" --file completion:/src/completion --library libcmocka.so.0)
	;;
esac
case " $* " in
*/ctr/*)
	for program in setpriv newuidmap newgidmap; do programs+=(--program "$(program_path "$program")"); done
	# make tests-ctr
	for program in "$build"/tests/ctr/*; do
		[ ! -x "$program" ] || programs+=(--program "$program")
	done
	;;
esac
case " $* " in
*/test_system.sh*)
	scripts/get-systemd.sh build/systemd >&2
	files+=(--file build/systemd:/src/build/systemd --file build/systemd.packages:/src/build/systemd.packages)
	;;
esac
case " $* " in
*/test_bench.sh* | *' test_bench.sh '*)
	for program in crun "qemu-system-$arch"; do
		! program=$(program_path "$program" 2>/dev/null) || programs+=(--program "$program")
	done
	for file in /usr/share/seabios/bios-microvm.bin /usr/share/qemu/{bios-microvm,linuxboot_dma,pvh}.bin; do
		[ "$arch" != x86_64 ] || [ ! -e "$file" ] || files+=(--file "$file:$file")
	done
	;;
esac
# What trees are compared by: busybox's tell and know less
case " $* " in
*/test_files.sh*) for program in find tar; do programs+=(--program "$(program_path "$program")"); done ;;
esac
# What mounts a disk image for an ordinary user
case " $* " in
*/test_disk.sh*) programs+=(--program "$(program_path fuse2fs)") ;;
esac
# Linux's clock ticks by real time, its work goes on as the host's load lets it: four processors of a Raspberry Pi, in which a tick costs many
# exits, can end up doing nothing but ticks. On these boards time is counted in instructions instead (2 ns each), which also keeps
# deadlines from running out because the host is busy.
clock=()
[ "$arch" != aarch64 ] || clock=(--qemu-arg -icount --qemu-arg shift=1)
mkdir -p build/check
# The largest guest has 4 GiB: what is not touched costs nothing
exec scripts/nested.sh --arch "$arch" ${BOARD:+--board "$BOARD"} --kernel-dir "$kernel_dir" --busybox "$busybox" --memory 5120 --cpus 2 \
	--timeout "${NESTED_SECONDS:-1500}" --stall 120 --log "build/check/outer-${BOARD:+$BOARD-}${1##*/}.log" \
	--tinyvmm "$build/tinyvmm" --program "$build/scripts/nameserver" "${programs[@]}" \
	--file tests:/src/tests --file scripts:/src/scripts --file README.md:/src/README.md --file LICENSE:/src/LICENSE \
	--file docs:/src/docs "${files[@]}" "${clock[@]}" -- \
	env TINYVMM=tinyvmm KERNEL="/kernel/boot/vmlinuz-$release" MODULES=/kernel ROOTFS=/root/rootfs.img VMLINUX=/root/vmlinux \
	KERNELS=/root/kernels COMPRESSED_MODULES=/root/modules BUILTIN=/root/builtin BUSYBOX=/bin/busybox \
	DATAGRAMS=/usr/bin/nameserver NAMESERVER=nameserver BOARD="${BOARD:-}" UNIT_TESTS=/src/unit GUESTS=/src/guest \
	bash /src/tests/nested/outer.sh "$@"

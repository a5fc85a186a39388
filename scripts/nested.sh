#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# nested.sh [options] -- COMMAND [ARG...]
#
# Runs COMMAND as root inside emulated hardware in which KVM works: QEMU emulates a processor with its virtualization, all in software,
# and the stock kernel in KERNEL-DIR runs there. So it needs nothing of the host, and is slow: fit for checks and comparisons, not for use.
# COMMAND's output comes out as it is written, and its exit status is ours; 124 after a timeout, 125 when the machine itself failed.
#
#   --arch ARCH          of the emulated machine: x86_64, aarch64 (the host's own)
#   --board BOARD        q35 for x86_64; gicv2 (the first choice), gicv3 or raspi3 for aarch64
#   --kernel-dir DIR     what scripts/get-kernel.sh made (demo/kernel, or demo/ARCH/kernel); appears inside as /kernel
#   --busybox FILE       a static busybox: the system inside
#   --tinyvmm FILE       put tinyvmm, its libraries and those it loads by name, into /usr
#   --program FILE       put this program, and its libraries, into /usr/bin
#   --library SONAME     put this library, and those it needs, into /usr/lib
#   --file SRC:DEST      put a file or a directory there
#   --out DIR            DIR on the host is /out inside; on raspi3 a copy, which comes back at the end
#   --cpus N, --memory MIB, --disk-size MIB     of the outer machine: 2, 2048, 4096. A raspi3 always has 4 and 1024
#   --timeout SECONDS    600
#   --stall SECONDS      a machine that shows no sign of life for so long has failed; what its processors do then goes into the log. Once, when
#                        that is before it has started, another one takes its place (docs/TESTING.md tells of QEMU's fault)
#   --terminal           our terminal becomes the command's
#   --log FILE           the outer machine's own console
#   --qemu-arg ARG       one more argument for QEMU
#
# Kept between runs, under build/nested: an image of the kernel directory.
#
# What differs from board to board is in scripts/nested/BOARD.sh:
#
#   board_qemu, board_package         QEMU's program, and the package that has it
#   board_boot_modules                drivers of the root disk, for the outer initramfs
#   board_root, board_kernel          the devices of the root file system and of the kernel directory
#   board_modules                     what nested/init loads
#   board_output, board_status        where nested/init writes these: port:NAME of virtio, or uart:DEVICE
#   board_terminal                    the device that is the terminal of --terminal
#   board_disks TREE                  makes the disks, in $tmp
#   board_machine                     adds what QEMU emulates to the array machine
#   board_outcome                     prints the command's status; nothing when there is none
#   board_program                     a program that nested/init starts first, if make has built it
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

arch=$(uname -m) board='' cpus=2 memory=2048 disk_size=4096 timeout=600 stall='' terminal='' log='' qemu_args=()
kernel_dir='' busybox='' tinyvmm='' programs=() libraries=() files=() out=''
while [ $# -gt 0 ]; do
	case $1 in
	--terminal) terminal=1 && shift && continue ;;
	--) shift && break ;;
	esac
	[ $# -ge 2 ] || die "$1 needs a value"
	case $1 in
	--arch) arch=$2 ;;
	--board) board=$2 ;;
	--kernel-dir) kernel_dir=$2 ;;
	--busybox) busybox=$2 ;;
	--tinyvmm) tinyvmm=$2 ;;
	--program) programs+=("$2") ;;
	--library) libraries+=("$2") ;;
	--file) files+=("$2") ;;
	--out) out=$2 ;;
	--cpus) cpus=$2 ;;
	--memory) memory=$2 ;;
	--disk-size) disk_size=$2 ;;
	--timeout) timeout=$2 ;;
	--stall) stall=$2 ;;
	--log) log=$2 ;;
	--qemu-arg) qemu_args+=("$2") ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
[ $# -gt 0 ] || die "no command"
case $arch-${board:-default} in
x86_64-q35 | x86_64-default) board=q35 ;;
aarch64-gicv[23]) gic=${board#gicv} board=virt ;;
aarch64-default) gic=2 board=virt ;;
aarch64-raspi3) ;;
*) die "no such machine: $arch${board:+, $board} (x86_64: q35; aarch64: gicv2, gicv3, raspi3)" ;;
esac
# shellcheck source=scripts/nested/virt.sh
. "$here/nested/$board.sh"

use_arch "$arch"
[ -z "$system" ] || "$here/get-system.sh" "$arch"
kernel_dir=${kernel_dir:-$(demo_dir "$arch")/kernel}
busybox=${busybox:-$(busybox_static "$(demo_dir "$arch")")}
[ -f "$kernel_dir/release" ] || die "--kernel-dir: $kernel_dir is not what get-kernel.sh makes"
[ -x "$busybox" ] || die "--busybox: $busybox is no program"
busybox=$(realpath "$busybox")
command -v "$board_qemu" >/dev/null || die "$board_qemu is missing: install $board_package (scripts/install-deps.sh does)"

release=$(<"$kernel_dir/release")
cache=$here/../build/nested/$arch/$release
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
tmp=$(mktemp -d "$cache/run.XXXXXX")
log=${log:-$tmp/console.log}
qemu=''
saved_tty=''
# shellcheck disable=SC2317 # called by trap
cleanup() {
	if [ -n "$qemu" ]; then
		kill "$qemu" 2>/dev/null || true
		wait "$qemu" 2>/dev/null || true
	fi
	[ -z "$saved_tty" ] || stty "$saved_tty" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# image FILE TREE MIB [AT]: an ext4 image of a directory, sparse, AT MiB into the file. No journal: it lives for one run.
image() {
	local at=${4:-0}
	truncate -s ">$((at + $3))M" "$1"
	mke2fs -q -F -t ext4 -O ^has_journal -E "lazy_itable_init=1,root_owner=0:0,offset=$((at * 1048576))" -m 0 -d "$2" "$1" "$3M"
}

# What the outer machine needs before it sees its root disk, in loading order
initramfs_tree() {
	local tree=$1 module
	mkdir -p "$tree/bin" "$tree/modules"
	cp "$busybox" "$tree/bin/busybox"
	cp "$here/nested/initramfs-init" "$tree/init"
	echo "$board_root" >"$tree/root-device"
	for module in $board_boot_modules; do
		modprobe --show-depends -d "$kernel_dir" -S "$release" "$module"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
		cp "$module" "$tree/modules/"
		echo "${module##*/}"
	done >"$tree/modules.list"
}

# Both are made under another name first: a broken run leaves nothing that looks whole, and runs side by side do not meet.
kernel_parts() {
	if ! [ -f "$cache/kernel.img" ] || [ "$kernel_dir/release" -nt "$cache/kernel.img" ]; then
		image "$tmp/kernel.img" "$kernel_dir" $(($(du -sm "$kernel_dir" | cut -f1) * 5 / 4 + 32))
		mv "$tmp/kernel.img" "$cache/kernel.img"
	fi
	mkdir "$tmp/initramfs"
	initramfs_tree "$tmp/initramfs"
	local cpio=("$busybox" cpio)
	[ -z "$system" ] || cpio=(cpio)
	(cd "$tmp/initramfs" && find . | "${cpio[@]}" -o -H newc 2>/dev/null) >"$tmp/initramfs.cpio"
}

root_disk() {
	local tree=$tmp/root item
	mkdir "$tree"
	tree_base "$tree" "$busybox"
	rm "$tree/usr/bin/init" # busybox's own would take our place
	install -m 755 "$here/nested/init" "$tree/usr/bin/init"
	echo 'nameserver 127.0.0.1' >"$tree/etc/resolv.conf"
	if [ -n "$tinyvmm" ]; then
		tree_program "$tree" "$tinyvmm" tinyvmm
		grep -aoE 'lib[a-z0-9]+\.so\.[0-9.]*[0-9]' "$tinyvmm" | sort -u | while read -r item; do
			tree_library "$tree" "$item" || say "nested.sh: no $item on this host: tinyvmm goes without"
		done
	fi
	if [ -x "${board_program:=}" ]; then
		tree_program "$tree" "$board_program" board-program
	fi
	for item in "${programs[@]}"; do
		tree_program "$tree" "$item"
	done
	for item in "${libraries[@]}"; do
		tree_library "$tree" "$item" || die "this host has no library $item"
	done
	for item in "${files[@]}"; do
		mkdir -p "$tree/$(dirname "${item#*:}")"
		cp -a --sparse=always "${item%%:*}" "$tree/${item#*:}"
	done
	mkdir -p "$tree/nested"
	environment >"$tree/nested/environment"
	for item in "$@"; do
		printf "'%s' " "${item//\'/\'\\\'\'}"
	done >"$tree/nested/command"
	board_disks "$tree"
}

environment() {
	local rows=24 columns=80
	if [ -n "$terminal" ]; then
		read -r rows columns < <(stty size) || true
	fi
	cat <<-END
		export NESTED=1 NESTED_OUT=${out:+1} NESTED_TERMINAL=${terminal:+$board_terminal} TERM=${TERM:-vt100} LINES=$rows COLUMNS=$columns
		export NESTED_KERNEL=$board_kernel NESTED_MODULES='$board_modules'
		export NESTED_OUTPUT=$board_output NESTED_STATUS=$board_status
	END
}

# watch_over PID: nested/init writes to the machine's console every five seconds. When that ends, QEMU's monitor tells why, as far as it
# can, and the machine is ended.
watch_over() {
	while sleep 5 && kill -0 "$1" 2>/dev/null; do
		[ $(($(date +%s) - $(stat -c %Y "$log"))) -ge "$stall" ] || continue
		timeout 10 cat "$tmp/monitor.out" >>"$log" &
		printf '%s\n' 'info status' 'info cpus' 'info registers -a' 'info irq' >"$tmp/monitor.in"
		wait $!
		touch "$tmp/stalled"
		kill -KILL "$1"
	done
}

run() {
	local threads=multi
	# A clock that counts instructions can't count on several threads
	case " ${qemu_args[*]} " in *' -icount '*) threads=single ;; esac
	local machine=(-accel "tcg,thread=$threads" -nodefaults -no-user-config -display none -no-reboot
		-kernel "$kernel_dir/boot/vmlinuz-$release" -initrd "$tmp/initramfs.cpio")
	board_machine
	if [ -n "$stall" ]; then
		mkfifo "$tmp/monitor.in" "$tmp/monitor.out"
		machine+=(-chardev "pipe,id=monitor,path=$tmp/monitor" -mon chardev=monitor)
	fi
	touch "$log"
	# Should we be killed with no chance to clean up, the kernel ends what we started.
	setpriv --pdeathsig TERM timeout --foreground -k 5 "$timeout" setpriv --pdeathsig KILL \
		"$board_qemu" "${machine[@]}" "${qemu_args[@]}" <&3 &
	qemu=$!
	[ -z "$stall" ] || watch_over "$qemu" >/dev/null 2>&1 &
	local status=0
	wait "$qemu" || status=$?
	qemu=''
	return "$status"
}

kernel_parts
root_disk "$@"
if [ -n "$terminal" ]; then
	saved_tty=$(stty -g)
	exec 3<&0
else
	# A standard input that never ends: at its end QEMU would close the port that output goes through.
	mkfifo "$tmp/stdin"
	exec 3<>"$tmp/stdin"
fi
status=0
run || status=$?
if [ -e "$tmp/stalled" ] && ! grep -aq 'nested: load' "$log"; then
	say "nested.sh: the emulated processors stood still before the outer machine had started: once more"
	rm "$tmp"/{stalled,monitor.in,monitor.out}
	status=0
	run || status=$?
fi
if [ "$status" = 124 ]; then
	say "nested.sh: stopped after $timeout s"
	exit 124
fi
if [ -e "$tmp/stalled" ]; then
	say "nested.sh: the outer machine showed no sign of life for $stall s. The end of its console:"
	tail -n 200 "$log" >&2
	exit 125
fi
outcome=$(board_outcome)
if [ -z "$outcome" ]; then
	say "nested.sh: the outer machine failed (QEMU's status $status). The end of its console:"
	tail -n 30 "$log" >&2 || true
	exit 125
fi
exit "$outcome"

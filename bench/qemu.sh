# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# sh -c qemu.sh NAME PROGRAM KERNEL DISK SNAPSHOT MEMORY NETDEV TINYVMM... -- COMMAND...: runs a command in QEMU's machine as tinyvmm does in its own, on the
# same kernel, initramfs and root image. TINYVMM..., a command line of tinyvmm's, leaves the initramfs in /dev/fd/5. The command's streams are ports of a
# virtio console, and what became of it is said on another one (guest/protocol.h). PROGRAM is qemu-system-x86_64 or qemu-system-aarch64, NETDEV what its
# -netdev takes, or nothing. The program carries this along without its comments (Makefile).
program=$1 kernel=$2 disk=$3 snapshot=$4 memory=$5 netdev=$6
shift 6

dir=$(mktemp -d) || exit
trap 'rm -r "$dir"' EXIT
qemu=
trap '[ -z "$qemu" ] || kill "$qemu"; wait; exit 143' HUP INT TERM
"$@" 5>"$dir/initramfs" >"$dir/plan" || exit

# What is said is short enough for the pipe to hold it. The answer to it waits there from the beginning: a guest's write to a port returns when QEMU
# has passed it on, so that nothing is under way when the command's end is reported.
mkfifo "$dir/control.in" "$dir/control.out" || exit
# What runs in the background has no standard input but what it is given.
exec 3<>"$dir/control.out" 4<>"$dir/control.in" 6<&0 7>&2
echo taken >&4

# Some things can't be opened a second time, such as sockets and consoles.
errors=/dev/fd/7
(: >>$errors) 2>/dev/null || errors=/dev/null

case $program in
*x86_64) machine=microvm,acpi=on ;;
*) machine=virt,gic-version=host ;;
esac
TMPDIR=$dir "$program" -M $machine -accel kvm -cpu host -m "$memory" -nodefaults -no-user-config -display none -no-reboot \
	-global virtio-mmio.force-legacy=false -kernel "$kernel" -initrd "$dir/initramfs" -append 'quiet console=hvc0 panic=-1' \
	-drive "if=none,id=root,format=raw,snapshot=$snapshot,file=$disk" -device virtio-blk-device,drive=root \
	${netdev:+-netdev "$netdev,id=net" -device virtio-net-device,netdev=net} -device virtio-rng-device -device virtio-serial-device \
	-chardev null,id=log -device virtconsole,chardev=log \
	-chardev "pipe,id=control,path=$dir/control" -device virtserialport,chardev=control,name=tinyvmm.control \
	-chardev stdio,id=in,signal=off -device virtserialport,chardev=in,name=tinyvmm.stdin \
	-chardev file,id=out,path=/dev/fd/1,append=on -device virtserialport,chardev=out,name=tinyvmm.stdout \
	-chardev file,id=err,path=$errors,append=on -device virtserialport,chardev=err,name=tinyvmm.stderr <&6 &
qemu=$!
wait "$qemu" || exit

echo end >&3
while read -r word rest; do
	case $word in
	exit) exit "$rest" ;;
	fatal) echo "$rest" >&2 ;;
	end) exit 120 ;;
	esac
done <&3

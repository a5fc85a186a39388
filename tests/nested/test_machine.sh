#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Processors and memory, an initramfs of the user's own, a kernel without its modules. The forms of a kernel file are in ARCH/test_kernels.sh.
. "$(dirname "$0")/lib.sh"
root=$(disk root)

# shellcheck disable=SC2016 # expanded in the guest
run_vm --disk "$root,ro" --cpus 4 --memory 4G -- \
	sh -c 'nproc; grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo; dmesg -r | grep -cE "^<[0-4]>.*($1)"; grep -E "RAM$" /proc/iomem' sh "$tables" </dev/null
ended "4 processors and 4 GiB" 0
matches "all four run" $'^4\n' "$output"
memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' <<<"$output")
check "the memory is there" test "${memory:-0}" -gt 3900000
matches "some of it above 4 GiB" '1[0-9a-f]{8} : System RAM' "$output"
matches "nothing against the tables of four" $'kB\n4\n0\n' "$output"

# shellcheck disable=SC2016 # expanded in the guest
run_vm --disk "$root,ro" --cpus 8 -- sh -c '
	nproc; grep -c "^cpu[0-9]" /proc/stat
	for i in 0 1 2 3 4 5 6 7; do taskset -c $i sh -c "cut -d\" \" -f39 /proc/self/stat"; done' </dev/null
ended "8 processors" 0
same "8 processors: each runs what it is given" $'8\n8\n0\n1\n2\n3\n4\n5\n6\n7' "$output"

# An initramfs of the user's own: busybox, and a power-off that needs no driver
vm=("$TINYVMM" --kernel "$KERNEL")
mkdir -p "$test_dir/initrd/bin"
cp "$BUSYBOX" "$test_dir/initrd/bin/busybox"
cat >"$test_dir/initrd/init" <<-'END'
	#!/bin/busybox sh
	/bin/busybox mkdir -p /dev /proc
	/bin/busybox mount -t devtmpfs dev /dev
	/bin/busybox mount -t proc proc /proc
	/bin/busybox echo "initrd: $(/bin/busybox cat /proc/cmdline)" >/dev/ttyS0
	/bin/busybox poweroff -f
END
chmod +x "$test_dir/initrd/init"
(cd "$test_dir/initrd" && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) >"$test_dir/initrd.cpio"
run_vm --initrd "$test_dir/initrd.cpio" --console serial --append 'my.option=1' </dev/null
ended "an initramfs of the user's own" 0
matches "gets the command line with what was appended" 'initrd: .*my\.option=1' "$output"

# --- a stock kernel without its modules ------------------------------------------------------------------------------------------------

mkdir "$test_dir/empty"
vm=("$TINYVMM" --kernel "$KERNEL" --modules "$test_dir/empty")
run_vm --disk "$root,ro" </dev/null
ended "no modules for this kernel" 2
for word in "$(basename "$KERNEL" | sed 's/^vmlinuz-//')" "$test_dir/empty" 'virtio_blk \(the disks\)' 'ext4 \(the root file system\)' \
	'virtio_net \(the network\)' '--modules DIR'; do
	matches "no modules for this kernel: says $word" "$word" "$errors"
done

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a disk stands on: a block device, one image for two machines at once, and a host's disk that is full.
# guests: 9
. "$(dirname "$0")/lib.sh"
root=$(disk root)
blocks=$(stat -c %b "$root")

# --- one image, two machines --------------------------------------------------------------------------------------------------------

before=$(sha256sum <"$root")
console_start "$test_dir" "${vm[@]}" --disk "$root,cow" -- sh -c 'echo first >/mine; sync; echo ready; read line; cat /mine'
if await "one machine on an image" ready "$boot_seconds"; then
	run_vm --disk "$root,cow" -- sh -c 'ls /mine 2>&1; echo second >/mine; sync; cat /mine' </dev/null
	ended "another on the same, at once" 0
	matches "sees nothing of the first one's" $'No such file[^\n]*\nsecond$' "$output"
	console_send go
	await "nor the first of the second's" first 30
	console_wait 60
	same "and both end well" 0 $?
fi
same "the image stays as it was" "$before" "$(sha256sum <"$root")"

# --- space that comes back ----------------------------------------------------------------------------------------------------------

run_vm --disk "$root" -- sh -c 'dd if=/dev/urandom of=/big bs=64k count=320 2>/dev/null; sync; rm /big; sync; fstrim /' </dev/null
ended "a guest trims its file system" 0
check "and the image is no larger than before" test "$(stat -c %b "$root")" -lt $((blocks + 16384))
check "and clean" e2fsck -fn "$root"

# --- a host's disk that is full -----------------------------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ]; then
	mkdir "$test_dir/small"
	mount -t tmpfs -o size=2m tmpfs "$test_dir/small"
	unmount_small() { umount "$test_dir/small"; }
	at_end+=(unmount_small)
	truncate -s 16M "$test_dir/small/data.img"
	run_vm --disk "$root,cow" --disk "$test_dir/small/data.img" -- sh -c '
		dd if=/dev/zero of=/dev/vdb bs=64k count=100 oflag=direct 2>&1 || echo refused
		dd if=/dev/vdb of=/dev/null bs=64k count=16 2>&1 && echo read
		touch /alive && echo alive' </dev/null
	ended "a full host disk does not end the machine" 0
	matches "the guest gets an error" 'dd: [^'$'\n'']*(error|rror|left)[^'$'\n'']*'$'\n.*refused' "$output"
	matches "and goes on, with this disk and the other" $'read\nalive$' "$output"
	matches "tinyvmm says why" 'No space left' "$errors"
	rm "$test_dir/small/data.img"
	TMPDIR=$test_dir/small run_vm --disk "$root,cow" -- sh -c 'dd if=/dev/zero of=/big bs=64k count=200 conv=fsync 2>&1 || echo refused' </dev/null
	ended "a full place for overlays does not, either" 0
	matches "and the guest gets an error" 'refused' "$output"
else
	skip "a full host disk" "only root can make a small file system"
fi

# --- a block device -----------------------------------------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] && modprobe loop 2>/dev/null
if device=$("$BUSYBOX" losetup -f 2>/dev/null) && "$BUSYBOX" losetup "$device" "$root" 2>/dev/null; then
	detach() { "$BUSYBOX" losetup -d "$device"; }
	at_end+=(detach)
	run_vm --disk "$device" -- sh -c 'echo there >/on-device; sync; cat /sys/block/vda/size' </dev/null
	ended "a root on a block device" 0
	same "of its size" "$(cat "/sys/block/${device##*/}/size")" "$output"
	run_vm --disk "$device,cow" -- sh -c 'cat /on-device; echo lost >/lost; sync' </dev/null
	ended "a block device under an overlay" 0
	same "what a guest wrote is there" there "$output"
	"$BUSYBOX" losetup -d "$device" && at_end=("${at_end[@]/detach/true}")
	same "also in the image behind it" there "$(debugfs -R 'cat /on-device' "$root" 2>/dev/null)"
	check "which is clean" e2fsck -fn "$root"
else
	skip "a block device" "takes root and a loop device"
fi

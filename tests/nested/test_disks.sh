#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks: what the guest wrote is what the host reads, and the other way round.
# guests: 10
. "$(dirname "$0")/lib.sh"
root=$(disk root)
truncate -s 64M "$test_dir/a.img"
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/b.img" bs=1024 count=16384 2>/dev/null
sum_b=$(sha256sum <"$test_dir/b.img")

# Written by the guest: random data, with its own checksum in front
run_vm --disk "$root" --disk "$test_dir/a.img,serial=first" --disk "$test_dir/b.img,serial=second,ro" -- sh -c '
	cat /sys/block/vdb/serial /sys/block/vdc/serial; echo
	sha256sum </dev/vdc
	dd if=/dev/urandom of=/tmp/data bs=1M count=24 2>/dev/null
	sha256sum </tmp/data >/made-by-guest
	dd if=/tmp/data of=/dev/vdb bs=1M conv=fsync 2>/dev/null
	dd if=/tmp/data of=/dev/vdb bs=4k seek=8192 oflag=direct 2>/dev/null
	cat /sys/block/vdc/ro
	dd if=/tmp/data of=/dev/vdc bs=4k count=1 conv=fsync 2>/dev/null && echo written
	cat /made-by-guest' </dev/null
ended "two more disks" 0
matches "their serial numbers" '^firstsecond' "$output"
matches "the guest reads what the host wrote" "$sum_b" "$output"
matches "a read-only disk says so, and can't be written" $'\n1\n[^\n]*$' "$output"
same "nothing was" "$sum_b" "$(sha256sum <"$test_dir/b.img")"
sum=$(tail -n 1 <<<"$output")
same "the host reads what the guest wrote" "$sum" "$(head -c 25165824 "$test_dir/a.img" | sha256sum)"
same "also past the page cache" "$sum" "$(tail -c +33554433 "$test_dir/a.img" | head -c 25165824 | sha256sum)"
same "and in the file system" "$sum" "$(debugfs -R 'cat /made-by-guest' "$root" 2>/dev/null)"
check "which is clean" e2fsck -fn "$root"

before=$(sha256sum <"$root")
run_vm --disk "$root,cow" -- sh -c 'echo lost >/lost; sync; cat /lost' </dev/null
ended "a copy-on-write disk" 0
same "can be written" lost "$output"
same "and the image stays as it was" "$before" "$(sha256sum <"$root")"
run_vm --disk "$root,cow=$test_dir/overlay" -- sh -c 'echo kept >/kept; sync' </dev/null
ended "an overlay that is kept" 0
run_vm --disk "$root,cow=$test_dir/overlay" -- cat /kept </dev/null
same "has it at the next start" kept "$output"
same "over the same image" "$before" "$(sha256sum <"$root")"

# Two machines on one image
console_start "$test_dir" "${vm[@]}" --disk "$root" -- sh -c 'echo ready; cat'
console_expect ready "$boot_seconds" || show_console
run_vm --disk "$root" -- true </dev/null
ended "an image that another machine writes is refused" 2
matches "by name" 'root\.img' "$errors"
console_kill TERM
console_wait 20 || true

# That one was cut off, and its journal needs to be replayed: a read-only root is a new copy
run_vm --disk "$(disk read-only),ro" -- sh -c 'touch /x 2>&1; grep " / " /proc/mounts' </dev/null
matches "a read-only root" 'Read-only file system.* ro[, ]' "$output"

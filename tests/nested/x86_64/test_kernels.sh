#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The forms in which x86_64 kernels come, and broken ones.
. "$(dirname "$0")/../lib.sh"
root=$(disk root)

run_vm --disk "$root,ro" --unpack guest -- uname -r </dev/null
ended "the kernel unpacks itself in the guest" 0

# The kernel proper, bare and compressed
vm=("$TINYVMM" --kernel "$VMLINUX" --modules "$MODULES")
run_vm --disk "$root,ro" -- uname -r </dev/null
ended "an ELF vmlinux" 0
"$BUSYBOX" gzip -1 -c "$VMLINUX" >"$test_dir/vmlinux.gz"
vm=("$TINYVMM" --kernel "$test_dir/vmlinux.gz" --modules "$MODULES" --no-cache)
run_vm --disk "$root,ro" -- uname -r </dev/null
ended "a gzipped vmlinux, and no cache" 0
rm -f "$test_dir/vmlinux.gz"

"$BUSYBOX" gzip -c "$KERNEL" >"$test_dir/bzImage.gz"
vm=("$TINYVMM" --kernel "$test_dir/bzImage.gz" --modules "$MODULES")
run_vm --disk "$root,ro" -- uname -r </dev/null
ended "a gzipped bzImage" 0
rm -f "$test_dir/bzImage.gz"

head -c 3000000 "$KERNEL" >"$test_dir/bzImage"
vm=("$TINYVMM" --kernel "$test_dir/bzImage" --modules "$MODULES")
run_vm --disk "$root,ro" </dev/null
ended "a truncated bzImage" 2
matches "a truncated bzImage is called so" 'bzImage.*truncated' "$errors"
cp "$KERNEL" "$test_dir/bzImage"
printf 'damaged' | dd of="$test_dir/bzImage" bs=1 seek=2000000 conv=notrunc 2>/dev/null
run_vm --disk "$root,ro" </dev/null
ended "a damaged bzImage" 2
matches "a damaged bzImage is called so" 'bzImage.*damaged' "$errors"

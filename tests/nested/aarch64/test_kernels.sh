#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The forms in which arm64 kernels come, and broken ones. $KERNELS has the stock kernel in each (prepare.sh).
. "$(dirname "$0")/../lib.sh"
root=$(disk root)
release=$(basename "$KERNEL" | sed 's/^vmlinuz-//')

# form NAME FILE
form() {
	vm=("$TINYVMM" --kernel "$2" --modules "$MODULES" --no-cache)
	run_vm --disk "$root,ro" -- uname -r </dev/null
	ended "$1" 0
	same "$1: it is the kernel that was given" "$release" "$output"
}

form "an Image" "$KERNEL"
form "a gzipped Image" "$KERNELS/Image.gz"
form "an EFI zboot kernel, gzip" "$KERNELS/zboot-gzip"
form "an EFI zboot kernel, zstd" "$KERNELS/zboot-zstd"

# broken NAME FILE REGEX
broken() {
	vm=("$TINYVMM" --kernel "$2" --modules "$MODULES" --no-cache)
	run_vm --disk "$root,ro" </dev/null
	ended "$1" 2
	matches "$1 is called so" "$3" "$errors"
}

# truncated FILE, damaged FILE: a broken copy; prints its path
truncated() {
	head -c 3000000 "$1" >"$test_dir/broken"
	echo "$test_dir/broken"
}
damaged() {
	cp "$1" "$test_dir/broken"
	printf 'damaged' | dd of="$test_dir/broken" bs=1 seek=2000000 conv=notrunc 2>/dev/null
	echo "$test_dir/broken"
}

broken "a truncated Image" "$(truncated "$KERNEL")" 'broken.*truncated'
broken "a truncated gzipped Image" "$(truncated "$KERNELS/Image.gz")" 'broken.*truncated'
broken "a damaged gzipped Image" "$(damaged "$KERNELS/Image.gz")" 'broken.*damaged'
broken "a truncated zboot kernel" "$(truncated "$KERNELS/zboot-zstd")" 'broken.*truncated'
broken "a damaged zboot kernel" "$(damaged "$KERNELS/zboot-zstd")" 'broken.*damaged'

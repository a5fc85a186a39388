#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The root is found on partitioned images.
. "$(dirname "$0")/lib.sh"

# partitioned LABEL FILE: an image with a small first partition and the root image in the second.
partitioned() {
	local label=$1 file=$2 type=$3 size
	size=$(($(stat -c %s "$ROOTFS") / 512))
	truncate -s $(((size + 16384) * 512)) "$file"
	printf 'label: %s\nstart=2048, size=4096\nstart=8192, size=%s, type=%s\n' "$label" "$size" "$type" | sfdisk -q "$file" &&
		dd if="$ROOTFS" of="$file" bs=1M seek=4 conv=notrunc 2>/dev/null
}

for kind in dos gpt; do
	case $kind in
	dos) type=83 ;;
	gpt) type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 ;;
	esac
	check "a $kind image is made" partitioned "$kind" "$test_dir/$kind.img" "$type"
	run_vm --disk "$test_dir/$kind.img" -- sh -c 'grep " / " /proc/mounts | cut -d" " -f1; echo there >/written; sync' </dev/null
	ended "$kind: boots" 0
	same "$kind: from the second partition" /dev/vda2 "$output"
	dd if="$test_dir/$kind.img" of="$test_dir/part.img" bs=1M skip=4 2>/dev/null
	same "$kind: and writes there" there "$(debugfs -R 'cat /written' "$test_dir/part.img" 2>/dev/null)"
	rm -f "$test_dir/part.img" "$test_dir/$kind.img"
done

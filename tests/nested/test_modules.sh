#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Modules compressed as distributions do it: unpacked on the host, so that the guest's kernel need not be able to.
# guests: 5
. "$(dirname "$0")/lib.sh"
root=$(disk root)

for kind in gz xz zst; do
	vm=("$TINYVMM" --kernel "$KERNEL" --modules "$COMPRESSED_MODULES/$kind" --no-cache --log-level debug)
	# shellcheck disable=SC2016 # expanded in the guest
	run_vm --disk "$root,cow" -- sh -c 'echo written >/file && sync && cat /file; ip -4 addr show eth0; wc -l </proc/modules' </dev/null
	ended "modules as .ko.$kind" 0
	matches "modules as .ko.$kind: the disk, its file system and the network work" $'^written\n.*inet 10\.0\.2\.15' "$output"
	given=$(grep -E ' module .*\.ko' <<<"$errors")
	check "modules as .ko.$kind: they were taken" test "$(wc -l <<<"$given")" -gt 5
	same "modules as .ko.$kind: and no others" '' "$(grep -v "\.ko\.$kind\$" <<<"$given")"
	same "modules as .ko.$kind: all are loaded in the guest" "$(wc -l <<<"$given")" "${output##*$'\n'}"
done

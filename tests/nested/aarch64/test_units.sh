#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The unit tests, built for AArch64: $UNIT_TESTS is the directory of their programs, which mirrors the source tree.
. "$(dirname "$0")/../lib.sh"

if ! [ -d "${UNIT_TESTS:-}" ]; then
	skip "unit tests" "a host of this architecture runs them itself"
	exit 0
fi
# Some read the project's own files, some want a block device
cd "$here/../.." || exit 1
[ "$(id -u)" != 0 ] || modprobe loop
while read -r program; do
	name=${program#"$UNIT_TESTS/"}
	bash "$here/../run-unit.sh" aarch64 "$name" "$program" "$test_dir/log"
	if grep -q '^not ok' "$test_dir/log.results"; then
		test_status=1
		tail -n 100 "$test_dir/log" | sed 's/^/# /'
	fi
	cat "$test_dir/log.results"
# Of containers what depends on the architecture; for the rest an emulated board is slow
done < <(find "$UNIT_TESTS" -type f -name 'test_*' -perm /1 \( -not -path '*/ctr/*' -o -name test_seccomp \) | sort)

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# outer.sh SCRIPT...: runs nested test scripts where KVM is: inside the emulated outer machine, or on a host with hardware virtualization.
#
# On an emulated processor a guest's kernel resets now and then before it gets anywhere (docs/TESTING.md). A script in which that happened runs
# once more, and says so.
here=$(cd "$(dirname "$0")" && pwd)
never_up="tinyvmm: the guest's kernel never came up: it reset before user space"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { bash "$here/../run-script.sh" "${NESTED_TEST_SECONDS:-400}" "$here/$1"; }
status=0
for script; do
	started=$SECONDS
	run "$script" >"$log"
	failed=$?
	if [ "$failed" != 0 ] && [ -e /nested/command ] && grep -q "$never_up" "$log"; then
		echo "# $script: a guest's kernel never came up on the emulated processor; once more"
		run "$script" >"$log"
		failed=$?
	fi
	[ "$failed" = 0 ] || status=1
	cat "$log"
	echo "# $script took $((SECONDS - started)) s"
	echo "# done $script"
done
exit "$status"

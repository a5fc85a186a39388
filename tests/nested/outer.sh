#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# outer.sh SCRIPT...: runs nested test scripts where KVM is: inside the emulated outer machine, or on a host with hardware virtualization.
here=$(cd "$(dirname "$0")" && pwd)
status=0
for script; do
	started=$SECONDS
	bash "$here/../run-script.sh" "${NESTED_TEST_SECONDS:-400}" "$here/$script" || status=1
	echo "# $script took $((SECONDS - started)) s"
	echo "# done $script"
done
exit "$status"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_bare.sh [BUILD]: the bare-metal test guest (guest/bare) on this machine's /dev/kvm, which may be one that emulates in software.
#
# BUILD is a build directory (build/x86_64); tests/run.sh gives it in the environment instead. In an emulated machine, where nothing can be
# built, GUESTS is the directory of the guest's files, and TINYVMM the program (tests/nested/run.sh).
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

[ -d "${1:-}" ] && BUILD=$1
build=${BUILD:-build/$(uname -m)}
tinyvmm=${TINYVMM:-$build/tinyvmm}
guests=${GUESTS:-$build/guest}
limit_seconds=90
[ -z "${NESTED:-}" ] || limit_seconds=240

if ! kvm_opens; then
	skip "bare-metal guest" "no access to /dev/kvm"
	exit 0
fi
if [ -z "${GUESTS:-}" ] && ! make --no-print-directory -s guest-bare tinyvmm; then
	not_ok "bare-metal guest: build"
	exit 1
fi
# shellcheck source=tests/guest/bare.sh
. tests/guest/bare.sh
# shellcheck source=tests/guest/bare_x86_64.sh
. "tests/guest/bare_$(uname -m).sh"

arch_cases

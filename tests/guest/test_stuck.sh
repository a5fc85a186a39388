#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_stuck.sh [BUILD]: a guest that resets over and over, and whose output nobody takes any more: tinyvmm waits for a reader before it
# starts the guest again, but a signal and --timeout still end it.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

[ -d "${1:-}" ] && BUILD=$1
build=${BUILD:-build/$(uname -m)}
if ! kvm_opens; then
	skip "stuck output" "no access to /dev/kvm"
	exit 0
elif ! command -v perl >/dev/null; then
	skip "stuck output" "no perl to make a small pipe"
	exit 0
elif ! make --no-print-directory -s guest-bare tinyvmm; then
	not_ok "stuck output: build"
	exit 1
fi

# A pipe of one page, with both ends open, so that nobody sees its end: it takes one write. And whether there are bytes in it.
mkfifo "$test_dir/pipe"
exec 3<>"$test_dir/pipe"
perl -e 'open(my $p, "+<&=", 3) or die; fcntl($p, 1031, 4096) or die' || exit 1 # F_SETPIPE_SZ
# shellcheck disable=SC2016 # perl's variables
waiting='open(my $p, "+<&=", 3) or die; my $n = pack("L", 0); ioctl($p, 0x541B, $n) or die; exit !unpack("L", $n)' # FIONREAD

stuck_guest() {
	timeout -k 5 90 "$build/tinyvmm" --kernel "$build/guest/bare" --initrd "$build/guest/bare" --memory 64M --net none \
		--append test=reset "$@" >"$test_dir/pipe" 2>"$test_dir/errors" </dev/null &
	guest=$!
	wait_until 60 perl -e "$waiting" || not_ok "stuck output: the guest says something"
}

started=$SECONDS
stuck_guest --timeout 5
wait "$guest"
same "stuck output: --timeout ends it" 124 $?
check "stuck output: soon" test $((SECONDS - started)) -lt 45
dd bs=4096 count=1 <&3 >/dev/null 2>&1

stuck_guest
pid=$(pgrep -P "$guest" -x tinyvmm)
# It waits for its reader now: nothing runs any more
wait_until 30 grep -q '^State:	S' "/proc/$pid/status"
kill -TERM "$pid"
wait "$guest"
same "stuck output: a signal ends it" 125 $?

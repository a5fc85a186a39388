#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# first-run.sh: the time from exec to the first KVM_RUN, by strace, on this machine's own /dev/kvm, also one that only emulates: nothing has
# run in the guest by then. strace also stops every process and thread that helps with the set-up; first-run.c does not. Prints
# "sample VMM first_run_traced MILLISECONDS", ROUNDS of each, interleaved. Environment: as for outer.sh.
set -eu
# shellcheck source=bench/peers/vmms.sh
. "$(dirname "$0")/vmms.sh"

tmp=$(mktemp -d)
tracer=''
# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ -z "$tracer" ] || kill -KILL -- "-$tracer" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT

# Only the calls named are stopped at: the rest runs at full speed (--seccomp-bpf).
first_run() {
	local command=() deadline=$((SECONDS + 20))
	vmm_command "$1" start || return 0
	: >"$tmp/trace"
	setsid strace -f -ttt --seccomp-bpf -e trace=execve,ioctl -e signal=none -o "$tmp/trace" \
		"${command[@]}" <"$tmp/input" >"$tmp/output" 2>&1 &
	tracer=$!
	until grep -q 'KVM_RUN' "$tmp/trace"; do
		if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "$tracer" 2>/dev/null; then
			echo "failed: $1 did not come to KVM_RUN: ${command[*]}"
			tail -n 5 "$tmp/output"
			break
		fi
		sleep 0.05
	done
	kill -KILL -- "-$tracer" 2>/dev/null || true
	wait "$tracer" 2>/dev/null || true
	tracer=''
	awk -v name="$1" '
		/execve\(/ && !start { start = $2 }
		/KVM_RUN/ && start { printf "sample %s first_run_traced %.1f\n", name, ($2 - start) * 1000; exit }' "$tmp/trace"
}

mkfifo "$tmp/input"
exec 3<>"$tmp/input"
for _ in $(seq "$ROUNDS"); do
	for name in $VMMS; do
		first_run "$name"
	done
done

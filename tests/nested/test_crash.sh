#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tinyvmm is killed in the middle of writes: what was flushed is there, and the file system's journal makes the rest whole.
. "$(dirname "$0")/lib.sh"
root=$(disk root)

for round in 1 2; do
	console_start "$test_dir" "${vm[@]}" --disk "$root" -- sh -c '
		i=0
		while :; do
			i=$((i + 1))
			dd if=/dev/urandom of=/file-$i bs=16k count=$((i % 7 + 1)) 2>/dev/null
			[ $((i % 5)) = 0 ] && rm -f /file-$((i - 3))
			sync
			echo "$i" >/flushed; sync; echo "flushed=$i"
		done'
	if console_expect 'flushed=1[0-9]' "$boot_seconds"; then
		console_kill KILL
		console_wait 20
		same "round $round: killed" 137 $?
	else
		not_ok "round $round: killed in the middle of writes"
		show_console
	fi
	last=$(sed -n 's/^flushed=\([0-9]*\)\r*$/\1/p' "$test_dir/output" | tail -n 1)
	# The journal is replayed (-y would mend more than that: the second run must find nothing)
	e2fsck -fp "$root" >"$test_dir/fsck" 2>&1
	code=$?
	check "round $round: the journal's replay is all it takes (status $code)" test "$code" -le 1
	check "round $round: the file system is clean" e2fsck -fn "$root"
	have=$(debugfs -R 'cat /flushed' "$root" 2>/dev/null)
	check "round $round: what was flushed is there (told $last, found ${have:-nothing})" test "${have:-0}" -ge "${last:-0}"
done
run_vm --disk "$root" -- sh -c 'cat /flushed >/dev/null && echo fine' </dev/null
same "and the guest boots from it" fine "$output"

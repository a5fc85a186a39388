# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Drives a machine's console from a script: starts a program, waits for what it prints, types at it. Sourced. One console at a time.
#
#   console_start DIR COMMAND...   starts COMMAND; DIR/output gets what it prints (and standard output, with console_echo=1)
#   console_expect REGEX SECONDS   waits until that is printed after what was found last; fails when it is not, or when the program ends
#                                  first. $console_text is then all that was printed since, up to the end of what was found
#   console_send TEXT              types TEXT and Enter
#   console_wait SECONDS           waits for the end; COMMAND's status becomes ours; 124 when it is still running (it goes on)
#   console_kill SIGNAL            sends COMMAND a signal
#   console_stop                   ends it, if need be by force

console_echo=''

console_start() {
	console_dir=$1 console_mark=0
	shift
	rm -f "$console_dir/input" "$console_dir/status" "$console_dir/pid"
	mkfifo "$console_dir/input"
	: >"$console_dir/output"
	# Open for both, so that neither side waits for the other and the input never ends
	exec 9<>"$console_dir/input"
	(
		status=0
		"$@" <&9 >>"$console_dir/output" 2>&1 9<&- &
		echo $! >"$console_dir/pid"
		wait $! || status=$?
		echo "$status" >"$console_dir/status.new"
		mv "$console_dir/status.new" "$console_dir/status"
	) &
	console_shell=$!
	while ! [ -s "$console_dir/pid" ]; do sleep 0.1; done
	console_pid=$(<"$console_dir/pid")
	if [ -n "$console_echo" ]; then
		# Without the question where the cursor is, which a shell asks its terminal
		tail -f -n +1 --pid "$console_shell" "$console_dir/output" | sed -u 's/\x1b\[6n//g' &
		console_tail=$!
	else
		console_tail=''
	fi
}

console_expect() {
	local pattern=$1 deadline=$((SECONDS + $2)) LC_ALL=C text before ended
	while :; do
		[ -e "$console_dir/status" ] && ended=1 || ended=''
		{ text=$(tail -c +$((console_mark + 1)) "$console_dir/output"); } 2>/dev/null
		if [[ $text =~ $pattern ]]; then
			before=${text%%"${BASH_REMATCH[0]}"*}
			console_mark=$((console_mark + ${#before} + ${#BASH_REMATCH[0]}))
			# shellcheck disable=SC2034 # for the caller
			console_text=$before${BASH_REMATCH[0]}
			return 0
		fi
		[ -z "$ended" ] && [ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

console_send() { printf '%s\n' "$1" >&9; }

console_kill() { kill "-$1" "$console_pid"; }

console_stop() {
	[ -n "${console_pid:-}" ] || return 0
	if ! [ -e "$console_dir/status" ]; then
		kill "$console_pid" 2>/dev/null || true
		console_wait 5 >/dev/null || [ $? != 124 ] || kill -KILL "$console_pid" 2>/dev/null || true
	fi
	wait "$console_shell" 2>/dev/null || true
	[ -z "$console_tail" ] || wait "$console_tail" || true
}

console_wait() {
	local deadline=$((SECONDS + $1))
	while ! [ -e "$console_dir/status" ]; do
		[ "$SECONDS" -lt "$deadline" ] || return 124
		sleep 0.2
	done
	wait "$console_shell" || true
	[ -z "$console_tail" ] || wait "$console_tail" || true
	exec 9<&-
	return "$(<"$console_dir/status")"
}

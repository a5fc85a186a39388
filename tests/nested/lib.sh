# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the test scripts here, which boot stock kernels. run.sh gives TINYVMM, KERNEL, MODULES, ROOTFS, BUSYBOX, NAMESERVER where port 53 is
# ours to answer, and BOARD where the machine that this is on is an emulated one.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib.sh
. "$here/../lib.sh"
# shellcheck source=scripts/console.sh
. "$here/../../scripts/console.sh"
at_end+=(console_stop)

prompt='tinyvmm:[^ ]*# '
boot_seconds=150 # an emulated machine on a busy host

# What a kernel's messages call the tables that tell it of the machine, and its clock in a guest.
# shellcheck disable=SC2034 # for the tests
case $(uname -m) in
aarch64) tables='OF: |DT: |[Dd]evice.[Tt]ree|GIC|[Pp][Ss][Cc][Ii]|arch_timer' clock='arch_sys_counter' ;;
*) tables='ACPI|acpi' clock='kvm-clock|tsc' ;;
esac

# What every machine here starts with; tests add to it.
vm=("$TINYVMM" --kernel "$KERNEL" --modules "$MODULES")

# disk NAME: a copy of the root image of the test's own; prints its path.
disk() {
	local copy=$test_dir/$1.img
	cp --sparse=always "$ROOTFS" "$copy" 2>/dev/null || cp "$ROOTFS" "$copy"
	echo "$copy"
}

# run_vm ARG...: runs a machine to its end; $status, $output and $errors are what it gave. Standard input is ours.
run_vm() {
	status=0
	timeout -k 5 300 "${vm[@]}" "$@" >"$test_dir/stdout" 2>"$test_dir/stderr" || status=$?
	output=$(tr -d '\0' <"$test_dir/stdout")
	# shellcheck disable=SC2034 # for the tests
	errors=$(tr -d '\0' <"$test_dir/stderr")
}

# ended NAME STATUS: the last run_vm ended with it.
ended() {
	if [ "$status" = "$2" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf '# status %s, expected %s\n' "$status" "$2"
		tail -n 30 "$test_dir/stdout" "$test_dir/stderr" | sed 's/^/# /'
	fi
}

show_console() { tail -n 60 "$test_dir/output" | sed 's/^/# /'; }

# await NAME REGEX [SECONDS]: a check that the console shows this, before long.
await() {
	if console_expect "$2" "${3:-60}"; then
		ok "$1"
	else
		not_ok "$1"
		show_console
		return 1
	fi
}

# boot NAME ARG...: starts a machine; a check that its shell comes up.
boot() {
	local name=$1
	shift
	console_start "$test_dir" "${vm[@]}" "$@"
	await "$name" "$prompt" "$boot_seconds"
}

# on_terminal ROWS COLUMNS ARG...: starts a machine on a terminal of that size. At its end "ended=STATUS" is printed there, and "terminal=restored" when
# the terminal's settings are what they were.
on_terminal() {
	local size="rows $1 cols $2"
	shift 2
	cat >"$test_dir/session" <<-END
		stty $size
		tty >$test_dir/tty
		before=\$(stty -g)
		$(printf '%q ' "${vm[@]}" "$@") </dev/tty &
		echo \$! >$test_dir/vm.pid
		wait \$!
		echo "ended=\$?"
		[ "\$before" = "\$(stty -g)" ] && echo terminal=restored
	END
	console_start "$test_dir" script -qefc "bash $test_dir/session" /dev/null
}

# at_shell COMMAND: types a command; $output is what came between it and the next prompt.
at_shell() {
	local id=$RANDOM
	output=''
	# The quotes tell what is printed from its echo, which may come broken into lines
	console_send "echo 'begin'-$id; $1; echo 'end'-$id"
	if ! console_expect "end-$id" "${2:-60}"; then
		not_ok "$1: no answer"
		show_console
		return 1
	fi
	output=${console_text##*"begin-$id"}
	output=${output%"end-$id"*}
	output=${output//$'\r'/}
	output=${output#$'\n'}
	console_expect "$prompt" 30
}

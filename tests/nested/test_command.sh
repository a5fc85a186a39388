#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `-- COMMAND`: its input, output, error and status are tinyvmm's own.
# guests: 12
. "$(dirname "$0")/lib.sh"
root=$(disk root)
with_root=(--disk "$root,cow")

run_vm "${with_root[@]}" -- sh -c 'echo to-output; echo to-error >&2; exit 42' </dev/null
ended "the command's status" 42
same "standard output, and nothing else" 'to-output' "$output"
matches "standard error apart" '(^|'$'\n'')to-error$' "$errors"

# All byte values, both ways, more than any buffer holds
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/blob" bs=1024 count=3000 2>/dev/null
run_vm "${with_root[@]}" -- cat <"$test_dir/blob"
ended "a filter ends when its input ends" 0
check "binary data passes both ways unchanged" cmp "$test_dir/blob" "$test_dir/stdout"

run_vm "${with_root[@]}" -- head -c 3 <"$test_dir/blob"
ended "a command that reads only a part" 0
same "and its output is whole" "$(head -c 3 "$test_dir/blob" | sha256sum)" "$(sha256sum <"$test_dir/stdout")"

run_vm "${with_root[@]}" -- sh -c 'kill -SEGV $$' </dev/null
ended "a signal is 128 and its number" 139
run_vm "${with_root[@]}" -- /etc/passwd </dev/null
ended "what can't be executed is 126" 126
run_vm "${with_root[@]}" -- /no/such/program </dev/null
ended "what is not there is 127" 127

run_vm "${with_root[@]}" --env 'GREETING=hello world' --cpus 2 --console-log "$test_dir/console.log" --name box -- \
	sh -c 'echo "$GREETING"; nproc; hostname; ls -d /proc/self /sys/class /dev/null; touch /tmp/x && echo tmp; ip route | head -n 1; echo "$1"' \
	sh "an argument with 'quotes' and \$signs" </dev/null
ended "a command's surroundings" 0
same "variables, processors, name, mounts, network, arguments" $'hello world\n2\nbox\n/dev/null\n/proc/self\n/sys/class\ntmp\ndefault via 10.0.2.2 dev eth0 \nan argument with \'quotes\' and $signs' \
	"$output"
check "kernel messages go to --console-log" grep -q 'Linux version' "$test_dir/console.log"

run_vm "${with_root[@]}" --dry-run --dump-initramfs "$test_dir/initramfs" -- echo 'two words' </dev/null
ended "--dump-initramfs" 0
(cd "$test_dir" && "$BUSYBOX" cpio -i tinyvmm.conf init 2>/dev/null <initramfs)
check "the archive has the first process" [ -x "$test_dir/init" ]
same "and what it is told" 'argv=echo argv=two words' "$(tr '\0' '\n' <"$test_dir/tinyvmm.conf" | grep '^argv=' | paste -sd ' ')"
run_vm "${with_root[@]}" --dry-run --dump-initramfs "$test_dir/nowhere/initramfs" -- true </dev/null
ended "--dump-initramfs where nothing can be written" 2
matches "says so" "--dump-initramfs: '$test_dir/nowhere/initramfs': No such file or directory" "$errors"

# A pipe line that ends early, as with `| head`
"${vm[@]}" "${with_root[@]}" -- yes </dev/null 2>"$test_dir/stderr" | head -n 1 >"$test_dir/first"
same "a reader that goes away ends the machine" y "$(<"$test_dir/first")"

console_start "$test_dir" "${vm[@]}" "${with_root[@]}" -- sh -c 'echo ready; cat; echo gone'
console_expect 'ready' "$boot_seconds" || show_console
console_send 'a line'
await "input and output go back and forth" 'a line' 20
console_kill TERM
console_wait 20
same "SIGTERM to tinyvmm ends it with 125" 125 $?

# A terminal: the command has one too, and its size
on_terminal 20 90 "${with_root[@]}" -- sh -c 'tty >/dev/null && stty size; exit 5'
await "a command on a terminal has one of that size, and its status" '20 90.*ended=5' "$boot_seconds"
console_wait 10

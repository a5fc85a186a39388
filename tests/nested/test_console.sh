#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The machine's console: a shell through a pipe, on a terminal, and on the serial port.
# guests: 10
. "$(dirname "$0")/lib.sh"
root=$(disk root)

boot "a stock kernel boots to a shell" --disk "$root" || exit 1
at_shell 'uname -r'
same "it is the kernel that was given" "$(basename "$KERNEL" | sed 's/^vmlinuz-//')" "${output%$'\n'}"
at_shell 'nproc'
same "one processor by default" 1 "${output%$'\n'}"
at_shell 'cat /sys/class/misc/hw_random/rng_current'
matches "random numbers come from the host" 'virtio_rng' "$output"
# Linux 6.12 on AMD: that there is no processor frequency to set, as in every virtual machine, is nothing against them
at_shell "dmesg -r | grep -E '^<[0-4]>.*($tables)' | grep -v 'amd_pstate: the _CPC object is not present'"
same "the kernel has nothing to say against the machine's tables" '' "$output"
# QEMU's emulated processor makes Linux warn of the size of XSAVE's area, under QEMU itself as the VMM just as here: only that one is let pass
at_shell 'dmesg | sed "/XSAVE consistency problem/,/end trace/d" | grep -E "BUG:|WARNING:|Call Trace|Oops"'
same "no kernel warning" '' "$output"
at_shell 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource'
matches "the clock is the one for guests" "^($clock)" "$output"
at_shell "touch /kept; sync"
console_send poweroff
console_wait 60
same "a guest that powers off ends with status 0" 0 $?

on_terminal 33 101 --disk "$root"
if await "a shell on a terminal" "$prompt" "$boot_seconds"; then
	at_shell 'stty size'
	same "the guest knows the terminal's size" '33 101' "${output%$'\n'}"
	stty rows 40 cols 120 <"$(<"$test_dir/tty")"
	at_shell 'sleep 2; stty size'
	same "and when it changes" '40 120' "${output%$'\n'}"
	console_send 'sleep 100'
	sleep 1
	printf '\003' >&9
	console_send 'echo "interrupted=$?"'
	await "Ctrl-C goes to the guest" 'interrupted=130'
	printf '\001c' >&9
	await "Ctrl-A c lists the keys" 'Ctrl-A x quit, Ctrl-A p power key'
	printf '\001bh' >&9
	await "Ctrl-A b and h: the kernel lists its SysRq commands" 'sysrq: HELP|SysRq : HELP'
	printf '\001x' >&9
	await "Ctrl-A x quits with status 125" 'ended=125'
	await "the terminal is as it was" 'terminal=restored'
fi
console_stop

on_terminal 24 80 --disk "$root"
console_expect "$prompt" "$boot_seconds" || show_console
kill -TERM "$(<"$test_dir/vm.pid")"
await "SIGTERM ends tinyvmm with status 125" 'ended=125'
await "and the terminal is as it was" 'terminal=restored'
console_stop

on_terminal 24 80 --disk "$root"
console_expect "$prompt" "$boot_seconds" || show_console
kill -SEGV "$(<"$test_dir/vm.pid")"
await "a fatal signal ends it as such" 'ended=139'
await "and the terminal is as it was all the same" 'terminal=restored'
console_stop

boot "a shell on the serial port" --disk "$root" --console serial || exit 1
at_shell 'cat /sys/class/tty/console/active; ls /kept'
matches "it is the console, and the disk kept a file" $'ttyS0\n/kept' "$output"
console_send poweroff
console_wait 60
same "power-off from the serial port" 0 $?

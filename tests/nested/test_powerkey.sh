#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The power key: SIGPWR and Ctrl-A p press it, a guest that listens hears it, and what comes of it is the guest's own decision.
. "$(dirname "$0")/lib.sh"
root=$(disk root)

# For the guest: prints "listening", then type, code and value of each of a press's four events (struct input_event: 24 bytes, the first 16 a time)
# shellcheck disable=SC2016 # expanded inside
listen='exec 3</dev/input/event0 && echo listening && dd bs=24 count=4 <&3 2>/dev/null | od -A n -v -t d2 -w24 | awk "{ print \$9, \$10, \$11 }"'
press=$'1 116 1\n0 0 0\n1 116 0\n0 0 0' # EV_KEY, KEY_POWER, down; EV_SYN; up; EV_SYN

boot "boots to a shell" --disk "$root" || exit 1
at_shell 'cat /sys/class/input/input*/capabilities/key'
# KEY_POWER, and since Linux 6.12 also KEY_WAKEUP, which is the driver's
matches "there is one input device, with the power key alone" '^(8000 )?10000000000000 0$' "${output%$'\n'}"
console_send "$listen; echo no more"
if await "a guest listens" $'\nlistening'; then
	console_kill PWR
	await "SIGPWR is a press: down and up" 'no more'
	matches "and nothing else" "${press//$'\n'/$'\r?\n'}" "$console_text"
fi
# What an init with a listener of its own does
at_shell 'mkdir -p /etc/acpi/PWRF && printf "#!/bin/sh\npoweroff\n" >/etc/acpi/PWRF/00000080 && chmod 755 /etc/acpi/PWRF/00000080
	acpid -d >/tmp/acpid.log 2>&1 & for i in $(seq 100); do ls -l /proc/$!/fd | grep event0 && break; sleep 0.1; done; cat /tmp/acpid.log'
matches "acpid listens" '/dev/input/event0' "$output"
console_kill PWR
console_wait 60
same "a press makes it power off, with status 0" 0 $?

# A press that nobody hears changes nothing; the machine restarts with its key up
boot "boots again" --disk "$root" || exit 1
console_kill PWR
console_send reboot
if await "restarts after a press" "so does Ctrl-A x.*$prompt" "$boot_seconds"; then
	console_send "$listen; echo no more"
	await "and listens" $'\nlistening'
	console_kill PWR
	await "and hears the next one" 'no more'
	matches "as a whole one" "${press//$'\n'/$'\r?\n'}" "$console_text"
fi
console_stop

on_terminal 24 80 --disk "$root,cow" -- sh -c "$listen; exit 7"
if await "a command listens" 'listening' "$boot_seconds"; then
	printf '\001p' >&9
	await "Ctrl-A p is a press, and the command's status that of the machine" 'ended=7'
	matches "down and up" "${press//$'\n'/$'\r?\n'}" "$console_text"
fi
console_stop

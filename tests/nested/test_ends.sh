#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each way in which a machine ends has a status of its own (vmm/config.h, enum exit_status).
# guests: 9
. "$(dirname "$0")/lib.sh"
root=$(disk root)

run_vm --disk "$root,cow" -- sh -c 'echo c >/proc/sysrq-trigger' </dev/null
ended "a panic under a command" 120
matches "shows the kernel's messages" 'sysrq triggered crash' "$output$errors"

boot "boots to a shell" --disk "$root,cow"
started=$SECONDS
console_send 'echo c >/proc/sysrq-trigger'
console_wait 30
same "a panic at a shell" 120 $?
check "is noticed at once" test $((SECONDS - started)) -lt 15

boot "boots again" --disk "$root"
at_shell 'echo 1 >/first-boot; sync'
console_send reboot
# The old shell may still show prompts while the system goes down
if await "a reboot starts the guest again" "so does Ctrl-A x.*$prompt" "$boot_seconds"; then
	at_shell 'cat /first-boot /proc/uptime'
	matches "on the same disk" '^1' "$output"
	at_shell 'ping -c 1 -w 20 10.0.2.2; dd if=/dev/vda of=/dev/null bs=64k count=16 2>&1'
	matches "with working devices" '1 packets received.*16\+0 records out' "$output"
	console_send 'poweroff'
	console_wait 60
	same "and powers off later" 0 $?
fi

boot "boots with --no-reboot" --disk "$root,cow" --no-reboot
console_send 'reboot -f'
console_wait 60
same "a reboot ends it" 121 $?
run_vm --disk "$root,cow" -- reboot -f </dev/null
ended "a reset before the command's end is none of its statuses" 120

started=$SECONDS
run_vm --disk "$root,cow" --timeout 5 -- sleep 1000 </dev/null
ended "--timeout" 124
check "is kept" test $((SECONDS - started)) -lt 40

run_vm --disk "$root,cow" --root /dev/vdx1 --timeout 100 </dev/null
ended "a root that is not there ends the machine" 123
matches "and is named" 'vdx1' "$output$errors"

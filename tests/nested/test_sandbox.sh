#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --sandbox log with a stock kernel at work on all its devices: the kernel's log would name each call that the lists lack.
. "$(dirname "$0")/lib.sh"
root=$(disk root)
truncate -s 16M "$test_dir/data.img"
mkdir "$test_dir/www"
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/www/blob" bs=1024 count=4096 2>/dev/null
sum=$(sha256sum <"$test_dir/www/blob")
"$BUSYBOX" httpd -f -p 127.0.0.1:8341 -h "$test_dir/www" &
server=$!
stop_server() { kill "$server" 2>/dev/null; }
at_end+=(stop_server)

# What the host's kernel logged of tinyvmm's threads (audit's type SECCOMP), one a line
refused() { dmesg | grep 'type=1326 .*exe="[^"]*tinyvmm"'; }
before=$(refused)

# shellcheck disable=SC2016 # expanded in the guest
run_vm --sandbox log --cpus 2 --disk "$root,cow" --disk "$test_dir/data.img" -- sh -c '
	dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null
	dd if=/tmp/data of=/dev/vdb bs=64k conv=fsync 2>/dev/null && sha256sum </tmp/data
	blkdiscard -o 8388608 -l 1048576 /dev/vdb && cp /tmp/data /kept && sync && fstrim / && echo discarded
	head -c 64 /dev/hwrng | wc -c
	ping -c 1 -w 20 10.0.2.2 | grep -o "1 packets received"
	wget -q -O - http://10.0.2.2:8341/blob | sha256sum' </dev/null
ended "--sandbox log: a stock kernel" 0
matches "--sandbox log: discards, random numbers and the network work" $'\ndiscarded\n64\n1 packets received\n'"$sum\$" "$output"
same "--sandbox log: the host reads what the guest wrote" "${output%%$'\n'*}" "$(head -c 4194304 "$test_dir/data.img" | sha256sum)"

if ! dmesg >/dev/null 2>&1; then
	skip "--sandbox log: nothing is refused" "the kernel's log is not this user's to read"
elif ! grep -qw log /proc/sys/kernel/seccomp/actions_logged; then
	skip "--sandbox log: nothing is refused" "this kernel does not log refused calls"
else
	same "--sandbox log: nothing is refused" "$before" "$(refused)"
fi

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A kernel with everything built in needs no modules directory. It comes in each compression of a bzImage, unpacked on the host.
. "$(dirname "$0")/../lib.sh"
if ! [ -d "$BUILTIN" ]; then
	not_ok "a kernel with everything built in: it could not be built"
	exit 1
fi
root=$(disk root)
mkdir "$test_dir/www"
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/www/blob" bs=1024 count=2048 2>/dev/null
sum=$(sha256sum <"$test_dir/www/blob")
"$BUSYBOX" httpd -f -p 127.0.0.1:8351 -h "$test_dir/www" &
server=$!
stop_server() { kill "$server" 2>/dev/null; }
at_end+=(stop_server)

for kind in gzip bzip2 lzma xz lz4 zstd; do
	vm=("$TINYVMM" --kernel "$BUILTIN/bzImage.$kind" --no-cache)
	run_vm --disk "$root,ro" --dry-run
	matches "a bzImage of $kind: the kernel proper is started" 'kernel [^'$'\n'']*-builtin; started at its (PVH|64-bit) entry' "$output"
	# shellcheck disable=SC2016 # expanded in the guest
	run_vm --disk "$root,cow" -- sh -c '
		uname -r; ls /proc/modules 2>/dev/null; echo written >/file && sync && cat /file; cat; exit 7' <<<'through a pipe'
	ended "a bzImage of $kind" 7
	matches "a bzImage of $kind: no modules, a disk, pipes" $'^[0-9.]+-builtin\nwritten\nthrough a pipe$' "$output"
done

run_vm --disk "$root,cow" --unpack guest -- uname -r </dev/null
ended "a bzImage of $kind that unpacks itself in the guest" 0

# shellcheck disable=SC2016 # expanded in the guest
run_vm --disk "$root,cow" --cpus 32 --rng off -- sh -c '
	nproc
	for i in $(seq 0 31); do taskset -c $i cut -d" " -f39 /proc/self/stat; done
	cat /sys/class/misc/hw_random/rng_current' </dev/null
ended "32 processors" 0
same "32 processors: each runs what it is given" "$(seq 32 32; seq 0 31)" "${output%$'\n'*}"
same "--rng off: the guest has no source of random numbers" none "${output##*$'\n'}"

# The first program ends, and so does the system
run_vm --disk "$root,cow" --init /bin/true </dev/null
ended "everything built in: a panic" 120
matches "everything built in: and its messages" 'Attempted to kill init' "$output$errors"

if boot "everything built in: a shell" --disk "$root" --cpus 2; then
	at_shell 'nproc; cat /sys/class/misc/hw_random/rng_current; ip -4 addr show eth0'
	matches "everything built in: processors, random numbers, an address" $'^2\nvirtio_rng.*inet 10\.0\.2\.15/24' "$output"
	at_shell 'wget -q -O - http://10.0.2.2:8351/blob | sha256sum'
	same "everything built in: a download arrives whole" "$sum" "${output%$'\n'}"
	at_shell 'dmesg -r | grep "^<[0-4]>" | grep -i acpi'
	same "everything built in: nothing against the ACPI tables" '' "$output"
	at_shell 'echo kept >/kept'
	console_send poweroff
	console_wait 60
	same "everything built in: and powers off" 0 $?
	same "everything built in: what the guest wrote is on the disk" kept "$(debugfs -R 'cat /kept' "$root" 2>/dev/null)"
fi

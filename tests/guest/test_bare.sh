#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_bare.sh [BUILD]: the bare-metal test guest (guest/bare) on this machine's /dev/kvm, which may be one that emulates in software.
# Each case runs in a machine of its own; what the guest finds are results here, and so are tinyvmm's exit status, its messages, and what
# became of disks and datagrams.
#
# BUILD is a build directory (build/x86_64); tests/run.sh gives it in the environment instead.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

[ -d "${1:-}" ] && BUILD=$1
build=${BUILD:-build/$(uname -m)}
tinyvmm=$build/tinyvmm
image_bytes=65536 # IMAGE_BYTES of guest/bare/case_blk.c

if ! [ -c /dev/kvm ] || ! : 2>/dev/null 3<>/dev/kvm; then
	skip "bare-metal guest" "no access to /dev/kvm"
	exit 0
fi
if ! make --no-print-directory -s guest-bare tinyvmm; then
	not_ok "bare-metal guest: build"
	exit 1
fi

# --- running it ---------------------------------------------------------------------------------------------------------------

output=$test_dir/output errors=$test_dir/errors
initrd=$test_dir/initrd
head -c 5000 /dev/urandom >"$initrd"

# guest PARAMETERS OPTION...: runs a case. What it printed is in $output, what tinyvmm said in $errors, its status in $status.
guest() {
	local parameters=$1
	shift
	timeout -k 5 60 "$tinyvmm" --kernel "${kernel:-$build/guest/bare}" --initrd "$initrd" --memory "${memory:-64M}" \
		--timeout "${seconds:-40}" --sandbox on --append "$parameters" "$@" >"$output" 2>"$errors" </dev/null
	status=$?
}

# The guest's findings become results. Each run of it must have told all of them: "done PASSED FAILED".
findings() {
	tr -d '\r' <"$output" | awk -v name="bare $1" '
		/^ok /     { passed++; print "ok " name ": " substr($0, 4) }
		/^not ok / { failed++; print "not ok " name ": " substr($0, 8) }
		/^done /   { whole = $2 == passed + 0 && $3 == failed + 0; passed = failed = 0 }
		END {
			if (!whole || passed || failed)
				print "not ok " name ": the guest tells all it found"
		}' >"$test_dir/findings"
	cat "$test_dir/findings"
	if grep -q '^not ok' "$test_dir/findings"; then
		test_status=1
		sed 's/^/# /' "$output" "$errors"
	fi
}

# case_ok NAME PARAMETERS OPTION...: all is well, tinyvmm has nothing to say, and the guest powers off.
case_ok() {
	local name=$1
	shift
	guest "$@"
	findings "$name"
	same "bare $name: exit status of a power-off" 0 "$status"
	same "bare $name: nothing to warn of" "" "$(<"$errors")"
}

# case_warns NAME REGEX PARAMETERS OPTION...: the same, with something to say.
case_warns() {
	local name=$1 regex=$2
	shift 2
	guest "$@"
	findings "$name"
	same "bare $name: exit status of a power-off" 0 "$status"
	matches "bare $name: a line in the log" "$regex" "$(<"$errors")"
}

# case_ends NAME STATUS REGEX PARAMETERS OPTION...: it ends in another way.
case_ends() {
	local name=$1 expected=$2 regex=$3
	shift 3
	guest "$@"
	findings "$name"
	same "bare $name: exit status" "$expected" "$status"
	matches "bare $name: what tinyvmm says" "$regex" "$(<"$errors")"
}

sum_of() { cksum <"$1" | cut -d ' ' -f 1; }
new_image() { head -c "$image_bytes" /dev/urandom >"$1"; }

# --- the machine --------------------------------------------------------------------------------------------------------------

boot="test=boot initrd_bytes=$(stat -c %s "$initrd") initrd_cksum=$(sum_of "$initrd")"
machine_cases() {
	case_ok "boot, PVH" "$boot memory=64 last=z"
	kernel=$build/guest/bare-linux case_ok "boot, 64-bit entry" "$boot memory=64 last=z"
	memory=4G case_ok "boot, 4 GiB" "$boot memory=4096 last=z"
	memory=4G case_ok "memory" "test=memory"
	case_ok "acpi, PVH" "test=acpi entry=pvh devices=3"
	kernel=$build/guest/bare-linux case_ok "acpi, 64-bit entry" "test=acpi entry=linux devices=2" --net none
	case_ok "acpi, many devices and processors" "test=acpi entry=pvh devices=10" --cpus 20 --net user --net user --net user --net user \
		--net user --net user --net user --net user
	case_ok "cpuid" "test=cpuid" --cpus 3
	case_ok "cpuid, 1 processor" "test=cpuid" --cpus 1
	case_ok "cpuid, 40 processors" "test=cpuid" --cpus 40
	case_ok "cpus" "test=cpus cpus=4" --cpus 4
	case_ok "cpus, 33" "test=cpus cpus=33" --cpus 33
	case_ok "timer" "test=timer"
	case_ok "ports" "test=ports-empty"
}

# A packed kernel is unpacked once and kept. What the cache gives is checked in the guest's memory: damaged, it is made anew.
cache_cases() {
	local kernel=$test_dir/bare.gz entry
	gzip -c "$build/guest/bare" >"$kernel"
	export XDG_CACHE_HOME=$test_dir/cache
	case_ok "packed kernel" "$boot memory=64 last=z"
	case_ok "packed kernel, from the cache" "$boot memory=64 last=z"
	entry=$(find "$XDG_CACHE_HOME/tinyvmm/kernel" -type f -size +64k)
	chmod u+w "$entry"
	# The middle of what was unpacked
	printf '\252\252\252\252\252\252\252\252' |
		dd of="$entry" bs=1 seek=$((65536 + $(stat -c %s "$build/guest/bare") / 2)) conv=notrunc status=none
	chmod u-w "$entry"
	case_ends "packed kernel, from a damaged cache" 0 'not as it was written' "$boot memory=64 last=z" --log-level info
	case_ok "packed kernel, from the cache made anew" "$boot memory=64 last=z"
	unset XDG_CACHE_HOME
}

end_cases() {
	case_ok "power-off" "test=poweroff"
	case_ends "panic" 120 'panicked' "test=panic"
	case_ends "reset, not wanted" 121 '^$' "test=reset" --no-reboot
	case_ends "triple fault" 121 '^$' "test=triple-fault" --no-reboot
	case_ends "emulation failure" 123 'could not emulate the instruction at 0x[0-9a-f]+: 66 0f d4' "test=emulation"
	case_ends "jump into nothing" 123 'could not emulate the instruction at 0xf0000000' "test=wild-jump"
	seconds=1 case_ends "timeout" 124 '--timeout' "test=hang"
	local image=$test_dir/reset.img
	truncate -s "$image_bytes" "$image"
	case_ok "reset" "test=reset" --disk "$image" --cpus 3
	same "bare reset: it ran three times" "3" "$(od -A n -t u1 -N 1 "$image" | tr -d ' ')"
}

# While it runs: its disk is nobody else's, and a signal ends it.
held_by_other() {
	local image=$test_dir/held.img pid
	new_image "$image"
	: >"$test_dir/held"
	"$tinyvmm" --kernel "$build/guest/bare" --initrd "$initrd" --memory 64M --timeout 40 --append test=hang --disk "$image" \
		>>"$test_dir/held" 2>/dev/null </dev/null &
	pid=$!
	if wait_until 20 grep -q '^done' "$test_dir/held"; then
		guest "test=poweroff" --disk "$image"
		same "bare: an image that another tinyvmm writes is refused" 2 "$status"
		matches "bare: and the message names it" "$image" "$(<"$errors")"
		guest "test=poweroff" --disk "$image,ro"
		same "bare: also for reading" 2 "$status"
		kill -TERM "$pid"
		wait "$pid"
		same "bare: a signal ends it" 125 $?
	else
		not_ok "bare: a guest that hangs"
		kill -KILL "$pid"
	fi
	guest "test=poweroff" --disk "$image"
	same "bare: its image is free then" 0 "$status"
}

# --- devices ------------------------------------------------------------------------------------------------------------------

transport_cases() {
	local image=$test_dir/transport.img
	new_image "$image"
	case_warns "registers" 'no writable register' "test=registers" --disk "$image"
	case_warns "widths" 'width other than 32 bits' "test=widths" --disk "$image"
	case_warns "handshake" 'features that were not offered' "test=handshake" --disk "$image"
	case_ok "rng" "test=rng" --net none
	# The I/O APIC has 19 lines for them: the last devices, the entropy device among them, share one with another.
	local disks=() i
	for ((i = 0; i < 16; i++)); do
		new_image "$test_dir/many.$i"
		disks+=(--disk "$test_dir/many.$i")
	done
	case_ok "rng, on a shared line" "test=rng" "${disks[@]}" --net user --net user --net user
}

# case_disk NAME PARAMETERS DISK-OPTIONS OPTION...
case_disk() {
	local name=$1 image=$test_dir/disk.img
	new_image "$image"
	case_ok "$name" "$2 image_cksum=$(sum_of "$image")" --disk "$image$3" --net none "${@:4}"
	expected=$(sed -n 's/^# image cksum //p' "$output" | tr -d '\r')
	found=$(sum_of "$image")
}

disk_cases() {
	local expected found before
	case_disk "blk" "test=blk serial=bare-1 queues=1" ",serial=bare-1"
	same "bare blk: what the guest wrote is in the image" "$expected" "$found"
	case_disk "blk, two queues" "test=blk serial=bare-2 queues=2" ",serial=bare-2" --cpus 2
	same "bare blk, two queues: what the guest wrote is in the image" "$expected" "$found"
	new_image "$test_dir/disk.img"
	before=$(sum_of "$test_dir/disk.img")
	case_ok "blk, copy on write" "test=blk serial= queues=1 image_cksum=$before" --disk "$test_dir/disk.img,cow" --net none
	same "bare blk, copy on write: the image stays as it was" "$before" "$(sum_of "$test_dir/disk.img")"
	chmod 444 "$test_dir/disk.img"
	case_ok "blk, read-only" "test=blk-readonly image_cksum=$before" --disk "$test_dir/disk.img,ro" --net none
	same "bare blk, read-only: the image stays as it was" "$before" "$(sum_of "$test_dir/disk.img")"
}

# A file system of 1 MiB with a sparse image of 4, in a mount namespace of its own.
full_disk() {
	local mount=$test_dir/full enter=(unshare --mount)
	mkdir -p "$mount"
	[ "$(id -u)" = 0 ] || enter=(unshare --map-root-user --mount)
	if ! "${enter[@]}" mount -t tmpfs -o size=1m tmpfs "$mount" 2>/dev/null; then
		skip "bare blk, full" "no mount namespace for a small file system (unshare --mount)"
		return
	fi
	# shellcheck disable=SC2016 # expanded inside
	"${enter[@]}" bash -c 'mount -t tmpfs -o size=1m tmpfs "$1" && truncate -s 4M "$1/image" && shift && exec "$@"' bash "$mount" \
		timeout -k 5 60 "$tinyvmm" --kernel "$build/guest/bare" --initrd "$initrd" --memory 64M --timeout 40 --net none \
		--append test=blk-full --disk "$mount/image" >"$output" 2>"$errors" </dev/null
	status=$?
	findings "blk, full"
	same "bare blk, full: exit status of a power-off" 0 "$status"
	matches "bare blk, full: a line in the log" 'No space left on device' "$(<"$errors")"
}

console_cases() {
	local letters=abcdefghijklmnopqrstuvwxyz
	printf %s "$letters" | timeout -k 5 60 "$tinyvmm" --kernel "$build/guest/bare" --initrd "$initrd" --memory 64M --timeout 40 \
		--net none --console hvc --append test=console >"$output" 2>"$errors"
	same "bare console: exit status of a power-off" 0 $?
	findings "console"
	same "bare console: its output arrives, and standard input inverted" "[early] ${letters^^} [late]" \
		"$(tr -d '\r' <"$output" | grep -E '^(\[|[A-Z]+$)' | paste -sd ' ')"

	# Without an initramfs of the user's, and with a command: ports for its input and output, and its status.
	printf %s "$letters" | timeout -k 5 60 "$tinyvmm" --kernel "$build/guest/bare" --memory 64M --timeout 40 --net none \
		--append test=ports --console-log "$output" -- command >"$test_dir/stdout" 2>"$test_dir/stderr"
	same "bare ports: exit status of the command" 42 $?
	cp "$test_dir/stderr" "$errors"
	findings "ports"
	same "bare ports: standard output" "${letters^^}" "$(<"$test_dir/stdout")"
	same "bare ports: standard error" "on stderr" "$(<"$test_dir/stderr")"
}

# Answers one datagram with its letters' case inverted. Prints its port first.
# shellcheck disable=SC2016 # perl's variables
udp_answer='
	use IO::Socket::INET;
	$| = 1;
	my $socket = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1", LocalPort => 0) or exit 1;
	print $socket->sockport, "\n";
	alarm 60;
	$socket->recv(my $data, 2048);
	$data =~ tr/a-zA-Z/A-Za-z/;
	$socket->send($data);'

net_cases() {
	local pid
	perl -e "$udp_answer" >"$test_dir/port" 2>/dev/null &
	pid=$!
	if wait_until 10 test -s "$test_dir/port"; then
		case_ok "net" "test=net mac=525400abcdef port=$(<"$test_dir/port")" --net user,mac=52:54:00:ab:cd:ef
	else
		skip "bare net" "no perl to answer a datagram"
	fi
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# Drivers that break the rules: 1 net, 2 blk, 3 console, 4 rng
attack_cases() {
	local image=$test_dir/attack.img before number=0 name
	new_image "$image"
	before=$(sum_of "$image")
	for name in net0 disk0 console rng; do
		number=$((number + 1))
		case_warns "attack on $name" "warning: $name: the guest's driver broke a rule of virtio" "test=attack device=$number" \
			--disk "$image"
	done
	same "bare attack: the image stays as it was" "$before" "$(sum_of "$image")"
}

machine_cases
cache_cases
end_cases
held_by_other
transport_cases
disk_cases
full_disk
console_cases
net_cases
attack_cases

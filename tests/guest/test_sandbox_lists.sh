#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_sandbox_lists.sh [BUILD]: holds the system-call lists (vmm/sandbox_lists.h) against what each kind of thread does. The bare-metal
# guest drives all devices under strace, with --sandbox log, which refuses nothing, and in which each thread's own seccomp(2) marks the
# moment from which its list holds. Then
#   - whatever a thread did is on its list;
#   - whatever is on a list was seen, or is in sandbox_unseen.txt, with the reason why it is needed all the same.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

[ -d "${1:-}" ] && BUILD=$1
build=${BUILD:-build/$(uname -m)}
if ! kvm_opens; then
	skip "sandbox lists" "no access to /dev/kvm"
	exit 0
elif ! strace -o /dev/null true 2>/dev/null; then
	skip "sandbox lists" "no strace, or it may not trace"
	exit 0
elif ! make --no-print-directory -s guest-bare tinyvmm; then
	not_ok "sandbox lists: build"
	exit 1
fi

# --- what is done ---------------------------------------------------------------------------------------------------------------------

traces=0
# traced EXPECTED-STATUS NAME PARAMETERS OPTION...: one machine under strace. Standard input and output are ours.
traced() {
	local expected=$1 name=$2 parameters=$3 status=0
	shift 3
	traces=$((traces + 1))
	timeout -k 5 100 strace -f -q -o "$test_dir/trace.$traces" \
		"$build/tinyvmm" --kernel "$build/guest/bare" --memory 64M --timeout "${seconds:-80}" --sandbox log --append "$parameters" "$@" 2>"$test_dir/errors" || status=$?
	if [ "$status" != "$expected" ]; then
		not_ok "sandbox lists: $name ends with $expected (it was $status)" >&2
		sed 's/^/# /' "$test_dir/errors" >&2
	fi
}

image=$test_dir/image initrd=(--initrd "$build/guest/bare")
new_image() { head -c 65536 /dev/urandom >"$image"; }

workload() {
	new_image
	traced 0 "disk" "test=blk serial=s queues=2" "${initrd[@]}" --disk "$image,serial=s" --cpus 2 --net none </dev/null
	new_image
	traced 0 "overlay" "test=blk serial= queues=1" "${initrd[@]}" --disk "$image,cow" --net none </dev/null
	new_image
	traced 0 "kept overlay" "test=blk serial= queues=1" "${initrd[@]}" --disk "$image,cow=$test_dir/kept" --net none </dev/null
	truncate -s 65536 "$test_dir/counter"
	traced 0 "reset" "test=reset" "${initrd[@]}" --disk "$test_dir/counter" --cpus 3 </dev/null
	# Through a pipe: only what can be waited for is asked whether it would wait
	traced 0 "network" "test=net mac=525400abcdef port=9" "${initrd[@]}" --net user,mac=52:54:00:ab:cd:ef </dev/null > >(cat >/dev/null)
	traced 0 "entropy" "test=rng" "${initrd[@]}" --net none </dev/null
	traced 0 "console" "test=console" "${initrd[@]}" --net none --console hvc < <(printf %s abcdefghijklmnopqrstuvwxyz)
	traced 42 "ports" "test=ports" --net none --console-log "$test_dir/log" -- command < <(printf %s abcdefghijklmnopqrstuvwxyz)
	traced 120 "panic" "test=panic" "${initrd[@]}" --net none </dev/null
	traced 121 "triple fault" "test=triple-fault" "${initrd[@]}" --net none --no-reboot </dev/null
	seconds=2 traced 124 "timeout" "test=hang" "${initrd[@]}" --net none </dev/null
	traced 0 "attack" "test=attack device=2" "${initrd[@]}" --disk "$image" </dev/null
} >"$test_dir/output"

# "THREAD CALL" and "THREAD ioctl:REQUEST", from each thread's own seccomp() on. The first line is the main thread's; who runs a vCPU is
# one; the others with a list serve a disk, and hand it on to the threads that they make.
seen_in() {
	awk '
		function started(pid, kind) { if (!(pid in in_list)) { in_list[pid] = kind; order[++count] = pid } }
		NR == 1 { main = $1 }
		match($0, /^[0-9]+ +[a-z_0-9]+\(/) {
			name = $0
			sub(/^[0-9]+ +/, "", name)
			sub(/\(.*/, "", name)
			if (name == "seccomp" && /SECCOMP_SET_MODE_FILTER, 0, \{len=/) {
				started($1, $1 == main ? "main" : "disk")
				next
			}
			if ($1 in in_list) {
				if (name == "ioctl") {
					request = $0
					sub(/^[^,]*, /, "", request)
					sub(/[,) ].*/, "", request)
					if (request == "KVM_RUN")
						in_list[$1] = "vcpu"
					name = "ioctl:" request
				}
				seen[$1 " " name] = 1
			}
		}
		/(clone|clone3)(\(| resumed).* = [0-9]+$/ && $1 in in_list { started($NF, in_list[$1]) }
		END {
			for (entry in seen) {
				split(entry, part, " ")
				print in_list[part[1]], substr(entry, length(part[1]) + 2)
			}
		}' "$1"
}

# --- what may be done --------------------------------------------------------------------------------------------------------------------

lists=vmm/sandbox_lists.h
# words ARRAY: the strings of an array of names
words() {
	awk -v array="$1" '
		index($0, array "[]") { on = 1 }
		on {
			while (match($0, /"[a-z_0-9]+"/)) {
				print substr($0, RSTART + 1, RLENGTH - 2)
				$0 = substr($0, RSTART + RLENGTH)
			}
		}
		on && /};/ { exit }
		on && /NULL/ { exit }' "$lists"
}
# requests ARRAY: the names of its IOCTL()s
requests() {
	awk -v array="$1" 'index($0, array "[]") { on = 1 } on { print } on && /};/ { exit }' "$lists" | grep -oE 'IOCTL\([A-Z_0-9]+' |
		sed 's/IOCTL(/ioctl:/'
}

# arch_requests ARRAY: the names of an array of arch/sandbox.h
arch_requests() {
	awk -v array="$1" 'index($0, array "[]") { on = 1 } on { print } on && /};/ { exit }' "arch/$(uname -m)/sandbox.c" |
		grep -oE 'KVM_[A-Z_0-9]+' | sed 's/^/ioctl:/'
}

# "THREAD CALL", as allow_thread() of vmm/sandbox.c puts them together, for a machine with disks and a user network.
allowed() {
	local kind
	for kind in main vcpu disk; do
		words sandbox_every
		printf '%s\n' mmap mprotect tgkill ioctl:TCGETS ioctl:TCSETS
		requests sandbox_every_ioctls
		case $kind in
		main)
			words sandbox_main
			words sandbox_user_network
			echo openat
			requests sandbox_main_ioctls
			arch_requests arch_restore_ioctls
			;;
		vcpu)
			words sandbox_vcpu
			requests sandbox_vcpu_ioctls
			arch_requests arch_vcpu_ioctls
			;;
		disk) words sandbox_disk ;;
		esac
		if [ "$kind" != main ]; then
			words sandbox_disk_io
			requests sandbox_disk_ioctls
			printf '%s\n' clone clone3
		fi
	done | awk -v kinds="main vcpu disk" '
		BEGIN { split(kinds, kind, " ") }
		# Each list begins with the calls of every thread.
		NR == 1 { first = $0 }
		$0 == first { n++ }
		{ print kind[n], $0 }'
}

workload
for trace in "$test_dir"/trace.*; do
	seen_in "$trace"
done | sort -u >"$test_dir/seen"
allowed | sort -u >"$test_dir/allowed"
sed -E 's/#.*//; /^[[:space:]]*$/d' tests/guest/sandbox_unseen.txt | awk '
	{ n = $1 == "all" ? split("main vcpu disk", kind, " ") : split($1, kind, ","); for (i = 1; i <= n; i++) print kind[i], $2 }' |
	sort -u >"$test_dir/unseen"

[ -z "${SANDBOX_SHOW:-}" ] || cat "$test_dir/seen"
for kind in main vcpu disk; do
	check "sandbox lists: the workload shows the $kind thread" grep -q "^$kind " "$test_dir/seen"
	same "sandbox lists: all that a $kind thread does is on its list" "" \
		"$(comm -23 "$test_dir/seen" "$test_dir/allowed" | grep "^$kind ")"
	same "sandbox lists: all that is on the $kind thread's list was seen, or has its reason" "" \
		"$(comm -13 "$test_dir/seen" "$test_dir/allowed" | comm -23 - "$test_dir/unseen" | grep "^$kind ")"
done
same "sandbox lists: what has a reason is on a list" "" "$(comm -13 "$test_dir/allowed" "$test_dir/unseen")"

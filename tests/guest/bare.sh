# shellcheck shell=bash disable=SC2034,SC2154 # what belongs to the script that reads this one
# SPDX-License-Identifier: Apache-2.0
#
# For test_bare.sh: how a case of the bare-metal test guest (guest/bare) is run and judged, and the cases that are the same on every
# architecture. Each runs in a machine of its own; what the guest finds are results here, and so are tinyvmm's exit status, its messages,
# and what became of disks and datagrams.
#
# Given: $tinyvmm, the directory $guests with the guest's two files, $limit_seconds for one machine; and, if wanted, options of every
# machine in the array `machine`, with words for them in $which.

image_bytes=65536 # IMAGE_BYTES of guest/bare/case_blk.c
machine=() which=''

output=$test_dir/output errors=$test_dir/errors
initrd=$test_dir/initrd
head -c 5000 /dev/urandom >"$initrd"

# run_guest PARAMETERS OPTION...: runs a case. Standard input and output are ours; $errors is what tinyvmm said, $status its exit status.
run_guest() {
	local parameters=$1
	shift
	timeout -k 5 $((limit_seconds + 20)) "$tinyvmm" --kernel "${kernel:-$guests/bare}" --memory "${memory:-64M}" \
		--timeout "${seconds:-$limit_seconds}" --append "$parameters" "${machine[@]}" "$@" 2>"$errors"
	status=$?
}

# guest PARAMETERS OPTION...: the same with an initramfs. What it printed is in $output.
guest() { run_guest "$@" --initrd "$initrd" --sandbox on >"$output" </dev/null; }

# The guest's findings become results. Each run of it must have told all of them: "done PASSED FAILED".
findings() {
	tr -d '\r' <"$output" | awk -v name="bare $which$1" '
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
	same "bare $which$name: exit status of a power-off" 0 "$status"
	same "bare $which$name: nothing to warn of" "" "$(<"$errors")"
}

# case_warns NAME REGEX PARAMETERS OPTION...: the same, with something to say.
case_warns() {
	local name=$1 regex=$2
	shift 2
	guest "$@"
	findings "$name"
	same "bare $which$name: exit status of a power-off" 0 "$status"
	matches "bare $which$name: a line in the log" "$regex" "$(<"$errors")"
}

# case_ends NAME STATUS REGEX PARAMETERS OPTION...: it ends in another way.
case_ends() {
	local name=$1 expected=$2 regex=$3
	shift 3
	guest "$@"
	findings "$name"
	same "bare $which$name: exit status" "$expected" "$status"
	matches "bare $which$name: what tinyvmm says" "$regex" "$(<"$errors")"
}

# ends NAME STATUS REGEX PARAMETERS OPTION...: it ends so, whether or not the guest came to say anything.
ends() {
	local name=$1 expected=$2 regex=$3
	shift 3
	guest "$@"
	same "bare $which$name: exit status" "$expected" "$status"
	matches "bare $which$name: what tinyvmm says" "$regex" "$(<"$errors")"
}

sum_of() { cksum <"$1" | cut -d ' ' -f 1; }
new_image() { head -c "$image_bytes" /dev/urandom >"$1"; }

# --- the machine --------------------------------------------------------------------------------------------------------------

boot="test=boot initrd_bytes=$(stat -c %s "$initrd") initrd_cksum=$(sum_of "$initrd")"

memory_cases() {
	memory=4G case_ok "boot, 4 GiB" "$boot memory=4096 last=z"
	memory=4G case_ok "memory" "test=memory"
}

# A packed kernel is unpacked once and kept. What the cache gives is checked in the guest's memory: damaged, it is made anew.
cache_cases() {
	local kernel=$test_dir/bare.gz entry
	gzip -c "$guests/bare" >"$kernel"
	export XDG_CACHE_HOME=$test_dir/cache
	case_ok "packed kernel" "$boot memory=64 last=z"
	case_ok "packed kernel, from the cache" "$boot memory=64 last=z"
	entry=$(find "$XDG_CACHE_HOME/tinyvmm/kernel" -type f -size +64k)
	chmod u+w "$entry"
	# The middle of what was unpacked
	printf '\252\252\252\252\252\252\252\252' |
		dd of="$entry" bs=1 seek=$((65536 + $(stat -c %s "$guests/bare") / 2)) conv=notrunc status=none
	chmod u-w "$entry"
	case_ends "packed kernel, from a damaged cache" 0 'not as it was written' "$boot memory=64 last=z" --log-level info
	case_ok "packed kernel, from the cache made anew" "$boot memory=64 last=z"
	damaged_meanwhile "$kernel" "$entry"
	unset XDG_CACHE_HOME
}

# damaged_meanwhile KERNEL ENTRY: a restart reads the kernel again. The guest counts its runs on its disk: after the first the entry is
# overwritten. Most times that comes before the last restart, and else there is another try.
damaged_meanwhile() {
	local image=$test_dir/meanwhile.img byte
	status=0
	for _ in $(seq 50); do
		rm -f "$image" "$2"
		truncate -s "$image_bytes" "$image"
		kernel=$1 guest "test=poweroff"
		{
			until read -rN 1 byte <"$image" && [ -n "$byte" ]; do :; done 2>/dev/null
			printf '%*s' 120000 '' 1<>"$2"
		} &
		kernel=$1 guest "test=reset" --disk "$image"
		wait $!
		[ "$status" = 0 ] || break
	done
	same "bare packed kernel, its cache damaged while it ran: exit status" 123 "$status"
	matches "bare packed kernel, its cache damaged while it ran: the way out" 'damaged while the guest ran.*start it anew' "$(<"$errors")"
}

end_cases() {
	case_ok "power-off" "test=poweroff"
	case_ends "panic" 120 'panicked' "test=panic"
	case_ends "reset, not wanted" 121 '^$' "test=reset" --no-reboot
	seconds=1 ends "timeout" 124 '--timeout' "test=hang"
	local image=$test_dir/reset.img
	rm -f "$image"
	truncate -s "$image_bytes" "$image"
	case_ok "reset" "test=reset" --disk "$image" --cpus 3
	same "bare ${which}reset: it ran three times" "3" "$(od -A n -t u1 -N 1 "$image" | tr -d ' ')"
}

# While it runs: its disk is nobody else's, and a signal ends it.
held_by_other() {
	local image=$test_dir/held.img pid
	new_image "$image"
	: >"$test_dir/held"
	"$tinyvmm" --kernel "$guests/bare" --initrd "$initrd" --memory 64M --timeout "$limit_seconds" --append test=hang --disk "$image" \
		"${machine[@]}" >>"$test_dir/held" 2>/dev/null </dev/null &
	pid=$!
	if wait_until "$limit_seconds" grep -q '^done' "$test_dir/held"; then
		ends "an image that another tinyvmm writes" 2 "$image" "test=poweroff" --disk "$image"
		ends "an image that another tinyvmm writes, for reading" 2 "$image" "test=poweroff" --disk "$image,ro"
		kill -TERM "$pid"
		wait "$pid"
		same "bare ${which}signal: exit status" 125 $?
	else
		not_ok "bare ${which}signal: a guest that hangs"
		kill -KILL "$pid"
	fi
	case_ok "an image that is free again" "test=poweroff" --disk "$image"
}

# --- devices ------------------------------------------------------------------------------------------------------------------

transport_cases() {
	local image=$test_dir/transport.img
	new_image "$image"
	case_warns "registers" 'no writable register' "test=registers" --disk "$image"
	case_warns "widths" 'width other than 32 bits' "test=widths" --disk "$image"
	case_warns "handshake" 'features that were not offered' "test=handshake" --disk "$image"
	case_ok "rng" "test=rng" --net none
}

# case_disk NAME PARAMETERS DISK-OPTIONS OPTION...: and what the guest wrote is in the image.
case_disk() {
	local name=$1 image=$test_dir/disk.img
	new_image "$image"
	case_ok "$name" "$2 image_cksum=$(sum_of "$image")" --disk "$image$3" --net none "${@:4}"
	same "bare $which$name: what the guest wrote is in the image" "$(sed -n 's/^# image cksum //p' "$output" | tr -d '\r')" \
		"$(sum_of "$image")"
}

disk_cases() {
	local before
	case_disk "blk" "test=blk serial=bare-1 queues=1" ",serial=bare-1"
	case_disk "blk, two queues" "test=blk serial=bare-2 queues=2" ",serial=bare-2" --cpus 2
	new_image "$test_dir/disk.img"
	before=$(sum_of "$test_dir/disk.img")
	case_ok "blk, copy on write" "test=blk serial= queues=1 image_cksum=$before" --disk "$test_dir/disk.img,cow" --net none
	same "bare ${which}blk, copy on write: the image stays as it was" "$before" "$(sum_of "$test_dir/disk.img")"
	chmod 444 "$test_dir/disk.img"
	case_ok "blk, read-only" "test=blk-readonly image_cksum=$before" --disk "$test_dir/disk.img,ro" --net none
	same "bare ${which}blk, read-only: the image stays as it was" "$before" "$(sum_of "$test_dir/disk.img")"
	rm -f "$test_dir/disk.img"
}

# A file system of 1 MiB with a sparse image of 4, in a mount namespace of its own.
full_disk() {
	local mount=$test_dir/full enter=(unshare --mount)
	mkdir -p "$mount"
	[ "$(id -u)" = 0 ] || enter=(unshare --map-root-user --mount)
	if ! "${enter[@]}" mount -t tmpfs -o size=1m tmpfs "$mount" 2>/dev/null; then
		skip "bare ${which}blk, full" "no mount namespace for a small file system (unshare --mount)"
		return
	fi
	# shellcheck disable=SC2016 # expanded inside
	"${enter[@]}" bash -c 'mount -t tmpfs -o size=1m tmpfs "$1" && truncate -s 4M "$1/image" && shift && exec "$@"' bash "$mount" \
		timeout -k 5 $((limit_seconds + 20)) "$tinyvmm" --kernel "$guests/bare" --initrd "$initrd" --memory 64M \
		--timeout "$limit_seconds" --net none --append test=blk-full --disk "$mount/image" "${machine[@]}" >"$output" 2>"$errors" </dev/null
	status=$?
	findings "blk, full"
	same "bare ${which}blk, full: exit status of a power-off" 0 "$status"
	matches "bare ${which}blk, full: a line in the log" 'No space left on device' "$(<"$errors")"
}

console_cases() {
	local letters=abcdefghijklmnopqrstuvwxyz all line
	run_guest "test=console" --initrd "$initrd" --net none --console hvc < <(printf %s "$letters") >"$output"
	same "bare ${which}console: exit status of a power-off" 0 "$status"
	# The serial port's output is there too, and may be late: so it has the console's lines in it anywhere.
	all=$(tr -d '\r' <"$output")
	matches "bare ${which}console: its output arrives, and standard input inverted" "\[early\].*${letters^^}.*\[late\]" "$all"
	for line in "[early]" "${letters^^}" "[late]"; do
		all=${all/"$line"$'\n'/}
	done
	printf '%s\n' "$all" >"$output"
	findings "console"

	# Without an initramfs of the user's, and with a command: ports for its input and output, and its status.
	run_guest "test=ports" --net none --console-log "$output" -- command < <(printf %s "$letters") >"$test_dir/stdout"
	same "bare ${which}ports: exit status of the command" 42 "$status"
	findings "ports"
	same "bare ${which}ports: standard output" "${letters^^}" "$(<"$test_dir/stdout")"
	same "bare ${which}ports: standard error" "on stderr" "$(<"$errors")"
}

# The guest's datagram goes to a peer on this side, which prints its port first.
net_cases() {
	local pid
	rm -f "$test_dir/port"
	"$guests/bare-peer" >"$test_dir/port" &
	pid=$!
	if wait_until "$limit_seconds" test -s "$test_dir/port"; then
		case_ok "net" "test=net mac=525400abcdef port=$(<"$test_dir/port")" --net user,mac=52:54:00:ab:cd:ef
	else
		not_ok "bare ${which}net: a peer for its datagram"
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
	same "bare ${which}attack: the image stays as it was" "$before" "$(sum_of "$image")"
}

device_cases() {
	transport_cases
	disk_cases
	full_disk
	console_cases
	net_cases
}

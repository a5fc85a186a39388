#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_errors.sh TINYVMM: what bad input gets: the documented status, and one line that names the thing, the reason and the way out. The
# guest is the bare-metal one, so that any /dev/kvm will do. Nothing may be left behind: no process, no temporary file.
# shellcheck disable=SC2317 # functions are called by name
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
tinyvmm=$1
kernel=$(dirname "$tinyvmm")/guest/bare
usage=2 host=122

export TMPDIR=$test_dir/tmp XDG_CACHE_HOME=$test_dir/cache
mkdir -p "$TMPDIR"
chmod 755 "$test_dir" "$TMPDIR"
initrd=$test_dir/initrd
echo initrd >"$initrd"
disk=$test_dir/disk.img
truncate -s 1M "$disk"

run() { timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M --net none --append test=poweroff "$@" </dev/null; }

# fails NAME STATUS REGEX COMMAND...: it ends with this status, and standard error matches.
fails() {
	local name=$1 expected=$2 regex=$3 status=0
	shift 3
	"$@" >/dev/null 2>"$test_dir/stderr" || status=$?
	if [ "$status" = "$expected" ] && grep -Eqi -- "$regex" "$test_dir/stderr"; then
		ok "bad input: $name"
	else
		not_ok "bad input: $name"
		printf '# status %s, not %s; looked for /%s/ in:\n' "$status" "$expected" "$regex"
		sed 's/^/# /' "$test_dir/stderr"
	fi
}

# --- the command line ---------------------------------------------------------------------------------------------------------------

fails "no kernel" $usage '--kernel' timeout 60 "$tinyvmm"
fails "unknown option" $usage '--memroy.*--memory' run --memroy 1G
fails "not a size" $usage "--memory.*1X" "$tinyvmm" --kernel "$kernel" --memory 1X
fails "no processors" $usage '--cpus.*0' run --cpus 0
fails "more memory than the host has" $usage 'memory.*(host|machine) has' "$tinyvmm" --kernel "$kernel" --memory 900T
fails "negative time" $usage '--timeout' run --timeout -1
fails "two faults at once, the first" $usage '--cpus' run --cpus x --rng maybe
fails "two faults at once, the second" $usage '--rng' run --cpus x --rng maybe

# --- kernels ------------------------------------------------------------------------------------------------------------------------------

boot() { timeout 60 "$tinyvmm" --kernel "$@" --memory 64M --net none </dev/null; }
fails "kernel missing" $usage "$test_dir/none.*no such file" boot "$test_dir/none"
fails "kernel is a directory" $usage "directory" boot "$test_dir"
fails "kernel is a script" $usage "script, not a kernel" boot tests/cli/test_errors.sh
fails "kernel is a device" $usage "device" boot /dev/null
: >"$test_dir/empty"
fails "kernel is empty" $usage "empty" boot "$test_dir/empty"
head -c 5000 "$kernel" >"$test_dir/short"
fails "kernel cut short" $usage 'truncated|cut short|short' boot "$test_dir/short"
cp "$kernel" "$test_dir/foreign"
printf '\267\0' | dd of="$test_dir/foreign" bs=1 seek=18 conv=notrunc status=none # e_machine: AArch64
fails "kernel of another architecture" $usage 'aarch64' boot "$test_dir/foreign"
fails "a program" $usage 'program|not a kernel|dynamically' boot /bin/ls

# --- disks --------------------------------------------------------------------------------------------------------------------------------

fails "disk missing" $usage "none.img.*no such file" run --disk "$test_dir/none.img"
fails "disk is a directory" $usage "directory" run --disk "$test_dir"
: >"$test_dir/empty.img"
fails "disk is empty" $usage "empty" run --disk "$test_dir/empty.img"
head -c 1000 /dev/zero >"$test_dir/odd.img"
fails "disk ends inside a sector" $usage "sector" run --disk "$test_dir/odd.img"
fails "disk with an unknown part" $usage "colour" run --disk "$disk,colour=red"

if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M --net none --timeout 50 --append test=hang --disk "$disk" \
		</dev/null >"$test_dir/first.log" 2>&1 &
	first=$!
	at_end+=("kill -9 $first")
	locked() { ! run --disk "$disk" >/dev/null 2>&1; }
	# The guest's first words come after the disk was opened. (Trying the lock instead could take it from the first.)
	check "a guest holds a disk" wait_until 40 grep -q "done" "$test_dir/first.log"
	fails "disk open for writing by another" $usage 'in use|locked|another' run --disk "$disk"
	check "disk open for writing by another: an overlay over it is refused, too" locked
	kill "$first" 2>/dev/null
	wait "$first" 2>/dev/null
	check "a lock ends with its holder" run --disk "$disk"
else
	skip "bad input: disk in use" "no /dev/kvm that this user may open"
fi

if [ "$(id -u)" = 0 ]; then
	as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$@"; }
	chmod 700 "$test_dir/odd.img"
	cp "$tinyvmm" "$kernel" "$test_dir/"
	chmod 755 "$test_dir/tinyvmm" "$test_dir/bare"
	chmod 644 "$initrd"
	if [ -e /dev/kvm ] && ! as_nobody test -w /dev/kvm; then
		fails "no permission on /dev/kvm" $host '/dev/kvm.*(permission|denied)' as_nobody timeout 60 "$test_dir/tinyvmm" \
			--kernel "$test_dir/bare" --initrd "$initrd" --net none
	else
		skip "bad input: no permission on /dev/kvm" "everybody may open it here"
	fi
	if unshare -m true 2>/dev/null; then
		fails "no /dev/kvm" $host '/dev/kvm.*no such.*(module|firmware|nested)' \
			unshare -m sh -c 'mount -t tmpfs none /dev && exec "$@"' sh timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --net none
	else
		skip "bad input: no /dev/kvm" "no mount namespace to hide it in"
	fi
	chown 65534 "$disk" && chmod 600 "$disk"
	if ! [ -w /dev/kvm ] || ! [ -c /dev/net/tun ] || ! unshare -m true 2>/dev/null; then
		skip "bad input: a tap interface that the host refuses" "takes /dev/kvm, /dev/net/tun and a mount namespace"
	else
		fails "no permission to make a tap interface" $host 'tap .*no permission.*ip tuntap add' \
			setpriv --bounding-set -net_admin timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M --net tap
		fails "no tap driver" $host '/dev/net/tun.*modprobe tun' unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh \
			timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M --net tap
	fi
	fails "no permission on the disk" $usage "disk.img.*permission" setpriv --bounding-set -dac_override,-dac_read_search \
		timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M --net none --disk "$disk"
else
	skip "bad input: permissions" "only root can give them up"
fi

# --- closed standard streams ---------------------------------------------------------------------------------------------------------------

"$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M --net none --append test=hang --disk "$disk" <&- >&- 2>&- &
pid=$!
opened() { readlink /proc/$pid/fd/* | grep -qx "$disk"; }
check "a machine whose standard streams are closed starts" wait_until 20 opened
same "none of its files is where they were" $'/dev/null\n/dev/null\n/dev/null' "$(readlink /proc/$pid/fd/[012])"
kill $pid
wait $pid

# --- network ------------------------------------------------------------------------------------------------------------------------------

port=$((20000 + $$ % 10000))
perl -MIO::Socket::INET -e '
	$s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], ReuseAddr => 1) or exit 1;
	print "ready\n"; close STDOUT; sleep 60' $port >"$test_dir/listener" &
listener=$!
at_end+=("kill $listener")
if wait_until 10 grep -q ready "$test_dir/listener"; then
	fails "a port in use" $usage "$port.*in use" timeout 60 "$tinyvmm" --kernel "$kernel" --initrd "$initrd" --memory 64M \
		--net "user,hostfwd=tcp:127.0.0.1:$port-:22"
else
	not_ok "bad input: a port in use: no listener for it"
fi
fails "a forward without a port" $usage 'hostfwd' "$tinyvmm" --kernel "$kernel" --net user,hostfwd=tcp:x
fails "an unknown network" $usage 'wifi' "$tinyvmm" --kernel "$kernel" --net wifi

# --- afterwards ---------------------------------------------------------------------------------------------------------------------------

left=$(find "$TMPDIR" -mindepth 1; pgrep -f "$test_dir" | grep -v -e $$ -e "$listener")
same "bad input leaves nothing behind" '' "$left"

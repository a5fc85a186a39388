#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_run.sh TINYVMM: `tinyvmm ctr run` as root: the command and its ends, what it sees, what becomes of what it writes.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
[ "$(id -u)" = 0 ] || { skip "containers of root" "this takes root" && exit; }
root=$test_dir/root
make_root "$root"
before=$(leftovers)
# shellcheck disable=SC2317 # called by name
pgrep_args() { grep -lsaE "^$1" /proc/[0-9]*/cmdline >/dev/null; }
# shellcheck disable=SC2317
gone_args() { ! pgrep_args "$1"; }

# --- the command ------------------------------------------------------------------------------------------------------------------------

gives "output" "hello" -- echo hello
plain -- sh -c 'echo out; echo err >&2; exit 7'
same "status" 7 "$status"
same "standard output apart" out "$output"
same "standard error apart" err "$errors"
plain -- sh -c 'kill -TERM $$'
same "a signal's status" 143 "$status"
same "input, binary" "$(head -c 100000 /dev/urandom | tee "$test_dir/in" | md5sum)" \
	"$("$tinyvmm" ctr run --rootfs "$root" --net none -- cat <"$test_dir/in" | md5sum)"
gives "no arguments are lost" "a b|c|" -- sh -c 'printf "%s|" "$@"' x 'a b' c
gives "PID 1 is not the command" 2 -- sh -c 'echo $$'
gives "--init off: it is" 1 --init off -- sh -c 'echo $$'
plain --init off -- sh -c 'exit 9'
same "--init off: status" 9 "$status"
gives "orphans are reaped" 0 -- sh -c '(sleep 0.1 &) ; (sleep 0.1 &); sleep 0.5; ps | grep -c "\[sleep\]" || true'
gives "--env, HOME, PATH" "v /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" --env K=v -- sh -c 'echo $K $HOME $PATH'
gives "--env replaces" "/x" --env HOME=/x -- sh -c 'echo $HOME'
gives "the caller's environment stays out" "" -- sh -c 'echo $test_variable'
gives "--workdir" /tmp --workdir /tmp -- pwd
gives "--user by name, with its groups" "uid=1000(user) gid=1000(user) groups=5(tty)" --user user -- id
gives "--user by number" "uid=77 gid=0(root)" --user 77 -- id
gives "--user number:group" "uid=77 gid=5(tty)" --user 77:tty -- id
gives "--hostname" "box box" --hostname box -- sh -c 'echo $(hostname) $(cat /etc/hostname)'
gives "--name is the host name" "some-name" --name some-name -- hostname
gives "--rlimit" "100 200" --rlimit nofile=100:200 -- sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)'
gives "--oom-score" 500 --oom-score 500 -- cat /proc/self/oom_score_adj
plain --timeout 1 -- sleep 60
same "--timeout" 124 "$status"
# A root of which nobody hears anything: a file system in user space whose server is the descriptor that nobody reads
hung() {
	status=0
	XDG_STATE_HOME=$test_dir/state timeout -k 1 20 "$tinyvmm" ctr "$@" 9<&- 2>"$test_dir/stderr" || status=$?
	errors=$(<"$test_dir/stderr")
}
mkdir "$test_dir/hung"
hung create "hung-$$" --rootfs "$test_dir/hung" --net none --timeout 1 -- true
if { exec 9<>/dev/fuse; } 2>/dev/null && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 hung "$test_dir/hung" 2>/dev/null; then
	hung run --rootfs "$test_dir/hung" --net none --timeout 1 -- true
	matches "--timeout counts while the container is set up" '^124 .*--timeout 1: ' "$status $errors"
	hung start "hung-$$"
	matches "also of one that is kept" '^124 .*--timeout 1: ' "$status $errors"
	"$tinyvmm" ctr run --rootfs "$test_dir/hung" --net none -- true 9<&- &
	pid=$!
	sleep 0.3
	kill -TERM "$pid"
	wait "$pid"
	same "a signal ends the set-up" 143 $?
	umount -l "$test_dir/hung"
else
	skip "--timeout counts while the container is set up" "no file system in user space can be mounted here"
fi
exec 9<&-
"$tinyvmm" ctr run --rootfs "$root" --net none -- sh -c 'trap "echo caught; exit 3" TERM; echo up; while :; do sleep 0.1; done' \
	>"$test_dir/trap" &
pid=$!
wait_until 20 grep -q up "$test_dir/trap"
kill -TERM "$pid"
wait "$pid"
same "a signal is handed on, and the status comes back" "3 caught" "$? $(tail -n 1 "$test_dir/trap")"

for _ in 1 2 3 4 5; do
	"$tinyvmm" ctr run --rootfs "$root" --net none -- sleep 5 &
	pid=$!
	sleep 0.05
	kill -TERM "$pid"
	wait "$pid"
	echo $?
done >"$test_dir/statuses"
same "no signal is lost while a container starts" 5 "$(grep -cx 143 "$test_dir/statuses")"
same "started with SIGCHLD ignored" 7 "$(sh -c 'trap "" CHLD; "$@"; echo $?' sh "$tinyvmm" ctr run --rootfs "$root" --net none --timeout 9 -- sh -c 'exit 7')"
gives "SIGPIPE is not ignored" 0 -- sh -c 'echo $((0x$(sed -n "s/^SigIgn:.//p" /proc/self/status) & 0x1000))'
same "a user can open its own streams by name" yes \
	"$("$tinyvmm" ctr run --rootfs "$root" --net none --user 77 -- sh -c 'echo yes >/dev/stdout')"
gives "--rlimit is for the command alone" 5 --rlimit nofile=5 -- sh -c 'ulimit -n'
"$tinyvmm" ctr run --rootfs "$root" --net none --init off --user 77 -- sleep 4711 &
pid=$!
wait_until 20 pgrep_args 'sleep.4711'
kill -KILL "$pid"
wait "$pid" 2>/dev/null
check "nothing survives tinyvmm" wait_until 10 gone_args 'sleep.4711'
# But its empty control groups do, until somebody starts another a while later
# shellcheck disable=SC2317 # called by sweeps
groups_of_killed() { find /sys/fs/cgroup -type d -name "ctr-$killed"; }
killed=$pid

# --- what it sees -------------------------------------------------------------------------------------------------------------------------

for kind in cgroup ipc mnt net pid time uts; do
	plain -- readlink "/proc/self/ns/$kind"
	[ "$kind" != time ] || [ -e /proc/self/ns/time ] || continue
	if [ "$status" = 0 ] && [ "$output" != "$(readlink "/proc/self/ns/$kind")" ]; then
		ok "a $kind namespace of its own"
	else
		not_ok "a $kind namespace of its own"
	fi
done
same "--share net=host" "$(readlink /proc/self/ns/net)" "$("$tinyvmm" ctr run --rootfs "$root" --net host -- readlink /proc/self/ns/net)"
sleep 60 &
sleeper=$!
gives "--join by process" "$(readlink "/proc/$sleeper/ns/uts")" --join "uts=$sleeper" -- readlink /proc/self/ns/uts
kill "$sleeper"
plain -- sh -c 'ls /proc | grep -c "^[0-9]"'
matches "its own processes only" '^[3-6]$' "$output"
gives "/dev has the standard nodes only" "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero" -- \
	sh -c 'echo $(ls /dev)'
gives "/dev/null is one" "1 3" -- sh -c 'echo $(stat -c "%t %T" /dev/null)'
gives "loopback is up" "127.0.0.1" -- sh -c 'ip -o -4 addr show lo | sed "s/.*inet \([^/]*\).*/\1/"'
for path in /proc/kcore /proc/keys /proc/timer_list; do
	[ ! -e "$path" ] || gives "$path is hidden" 0 -- sh -c "wc -c <$path"
done
gives "/sys/firmware is hidden" "" -- ls /sys/firmware
for path in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/profiling; do
	plain -- sh -c "echo 1 >$path"
	matches "$path can't be written" "[Rr]ead-only|nonexistent" "$errors"
done
gives "capabilities: the default ones" 00000000800405fb -- sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
gives "no inheritable or ambient ones (CVE-2022-29162)" "0000000000000000 0000000000000000" -- \
	sh -c 'echo $(sed -n "s/^Cap\(Inh\|Amb\):.//p" /proc/self/status)'
gives "--cap-drop ALL" 0000000000000000 --cap-drop ALL -- sh -c 'sed -n "s/^CapBnd:.//p" /proc/self/status'
gives "--cap-add after it" 0000000000001000 --cap-drop ALL --cap-add NET_ADMIN -- sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
gives "--cap-ambient for a user" 0000000000000400 --cap-drop ALL --cap-ambient NET_BIND_SERVICE --user user -- \
	sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
gives "a user has none" 0000000000000000 --user user -- sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
gives "no_new_privs and a filter" "1 2" -- sh -c 'echo $(sed -n "s/^\(NoNewPrivs\|Seccomp\):.//p" /proc/self/status)'
gives "--no-new-privs off, --seccomp off" "0 0" --no-new-privs off --seccomp off -- \
	sh -c 'echo $(sed -n "s/^\(NoNewPrivs\|Seccomp\):.//p" /proc/self/status)'
gives "no descriptor but the three" "0 1 2 3" -- sh -c 'echo $(ls /proc/self/fd)'

# streams: which devices the three are, said by way of a file.
streams() {
	"$tinyvmm" ctr run --rootfs "$root" --net none --bind "$test_dir/shared:/mnt" -- sh -c \
		'exec 9>/mnt/streams; for i in 0 1 2; do kind=$(stat -Lc %t:%T /proc/$$/fd/$i); echo $kind >&9; done; echo lost; echo lost >&2'
}
mkdir "$test_dir/shared"
streams <&- >/dev/null 2>&1
same "closed standard input is empty" 1:3 "$(sed -n 1p "$test_dir/shared/streams")"
streams >&- 2>/dev/null
same "closed standard output goes nowhere" 1:3 "$(sed -n 2p "$test_dir/shared/streams")"
streams 2>&- >/dev/null
same "closed standard error goes nowhere" 1:3 "$(sed -n 3p "$test_dir/shared/streams")"
streams <&- >&- 2>&-
same "all three closed" $'1:3\n1:3\n1:3' "$(cat "$test_dir/shared/streams")"

# --- what it writes ----------------------------------------------------------------------------------------------------------------------------

gives "the root can be written" new -- sh -c 'echo new >/file; cat /file'
check "and what was written is gone" test ! -e "$root/file"
plain --read-only -- sh -c 'echo x >/file'
matches "--read-only" 'Read-only' "$errors"
gives "--keep" kept --keep -- sh -c 'echo kept >/file; cat /file'
same "and it is kept" kept "$(cat "$root/file")"
rm -f "$root/file"
echo host >"$test_dir/shared/file"
gives "--bind" host --bind "$test_dir/shared:/mnt/shared" -- cat /mnt/shared/file
gives "--bind of a file" host --bind "$test_dir/shared/file:/etc/motd" -- cat /etc/motd
plain --bind "$test_dir/shared:/mnt:ro" -- sh -c 'echo x >/mnt/file'
matches "--bind :ro" 'Read-only' "$errors"
plain --bind "$test_dir/shared:/mnt" -- sh -c 'echo x >/mnt/file'
same "--bind can be written" x "$(cat "$test_dir/shared/file")"
gives "--tmpfs with a size" 1024 --tmpfs /scratch:size=1M -- sh -c 'df -k /scratch | sed -n "2s/[^ ]* *\([0-9]*\).*/\1/p"'
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
gives "a resolv.conf that leads nowhere makes way" "0" -- sh -c 'wc -c </etc/resolv.conf'
rm "$root/etc/resolv.conf"
if ! : 2>/dev/null 3<>/dev/loop-control; then
	skip "--disk" "/dev/loop-control can't be opened here"
elif command -v mke2fs >/dev/null; then
	truncate -s 8M "$test_dir/disk.img"
	mke2fs -q -F -t ext4 -d "$root" "$test_dir/disk.img" >/dev/null 2>&1
	ctr --disk "$test_dir/disk.img" --net none -- sh -c 'echo lost >/file; cat /file'
	same "--disk" "0 lost" "$status $output"
	ctr --disk "$test_dir/disk.img" --net none --keep -- sh -c 'ls /file 2>&1; echo kept >/file; cat /file'
	matches "--disk --keep: what was dropped is not there" 'No such file.*kept' "$output"
	ctr --disk "$test_dir/disk.img" --net none -- cat /file
	same "--disk --keep: and is kept" kept "$output"
	ctr --disk "$test_dir/disk.img" --net none --read-only -- sh -c 'echo x >/file'
	matches "--disk --read-only" 'Read-only' "$errors"
	ctr --disk "$test_dir/disk.img" --isolation chroot -- sh -c 'cat /file; rm /file; ls /file'
	matches "--disk in a chroot: mounted for it alone" '^1 kept' "$status $output"
	ctr --disk "$test_dir/disk.img" --net none -- cat /file
	same "--disk in a chroot: and what was written is dropped" kept "$output"
fi
tar -C "$root" -cf "$test_dir/root.tar" .
ctr --image "$test_dir/root.tar" --net none -- cat /etc/hostname
matches "--image" '^0 ctr-' "$status $output"
mkdir -p "$test_dir/tree/etc" "$test_dir/tree/data/etc"
head -c 60000000 /dev/zero >"$test_dir/tree/blob"
tar -C "$test_dir/tree" -cf "$test_dir/big.tar" .
ctr --image "$test_dir/big.tar" --net none --memory 24M --swap 0 -- true
matches "--memory holds for what is unpacked, and it is said" '125 .*memory' "$status $errors"
rm -rf "$test_dir/tree" "$test_dir/big.tar"
same "nothing was made in the image" "bin dev etc proc root sbin sys tmp var" "$(cd "$root" && echo *)"

# --- the ladder ----------------------------------------------------------------------------------------------------------------------------------

ctr --rootfs "$root" --isolation chroot -- readlink /bin/sh
same "chroot: runs" "0 busybox" "$status $output"
matches "chroot: says what it does not stop" 'warning:.*gets out' "$errors"
ctr --rootfs "$root" --isolation namespaces --net none -- sh -c 'echo $(sed -n "s/^\(NoNewPrivs\|Seccomp\):.//p" /proc/self/status) $$'
same "namespaces: no filter" "0 0 2" "${output/1 0/0 0}"
matches "namespaces: says what it does not stop" 'warning:.*no limits' "$errors"

# --- limits ----------------------------------------------------------------------------------------------------------------------------------------

plain --memory 16M --swap 0 -- sh -c 'head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null'
matches "over --memory the kernel kills" '^(137|1|0)$' "$status"
plain --memory 16M --swap 0 -- tail -c 60000000 /dev/zero
same "over --memory: status" 137 "$status"
matches "over --memory: it is said" 'out of memory' "$errors"
plain --pids 5 -- sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; true'
matches "over --pids no more are made" "can't fork|Resource" "$errors"

# --- bad input ---------------------------------------------------------------------------------------------------------------------------------------

fails "no root" 2 '--rootfs' -- true
fails "no such directory" 125 'no such file' --rootfs "$test_dir/none" -- true
fails "a file as root" 125 'no directory' --rootfs "$root/etc/passwd" -- true
fails "no image" 125 'no such file' --disk "$test_dir/none" -- true
fails "an image of nothing" 125 'no root file system' --disk "$root/bin/busybox" -- true
fails "no such command" 127 'nonesuch.*not found' --rootfs "$root" --net none -- nonesuch
fails "not executable" 126 'passwd.*permission' --rootfs "$root" --net none -- /etc/passwd
printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000\001\000\000\000%048d' 0 >"$root/bin/foreign"
chmod +x "$root/bin/foreign"
[ "$(uname -m)" != x86_64 ] || fails "another architecture" 126 'built for AArch64' --rootfs "$root" --net none -- foreign
fails "no such user" 125 'no such user' --rootfs "$root" --user ghost --net none -- true
fails "trailing text after a number (CVE-2026-30892)" 125 'no such user' --rootfs "$root" --user 0x --net none -- true
fails "unknown option" 2 '--memroy.*--memory' --rootfs "$root" --memroy 1G -- true
fails "no such capability" 2 'cap-add.*FLY' --rootfs "$root" --cap-add FLY -- true
fails "bind of what is not there" 125 'bind.*no such file' --rootfs "$root" --net none --bind "$test_dir/none:/mnt" -- true
fails "limits without a control group" 2 'isolation full' --rootfs "$root" --isolation namespaces --memory 1G -- true
fails "no such working directory" 125 'workdir' --rootfs "$root" --net none --workdir /none -- true

mkdir -p "$root/data/etc"
echo 'user:x:0:0::/:/bin/sh' >"$root/data/etc/passwd"
gives "who --user is says the root's file, not the working directory's" 1000 --user user --workdir /data -- id -u
rm -r "$root/data"
mkfifo "$test_dir/fifo"
fails "an image that is a FIFO" 125 'no file' --image "$test_dir/fifo" --net none -- true
printf '\033]0;x\007' >"$test_dir/word"
plain --user "$(cat "$test_dir/word")" -- true
same "no escape sequence of a name reaches the terminal" 0 "$(grep -c "$(printf '\033')" "$test_dir/stderr")"

# older NAME CALL ERRNO REGEX ARG...: on a kernel that answers to a call as those do that are too old for it.
older() {
	local name=$1 regex=$4
	status=0
	errors=$("$refuse" "$2" "$3" timeout 20 "$tinyvmm" ctr run --rootfs "$root" --net none "${@:5}" -- true 2>&1) || status=$?
	if [ "$status" = 125 ] && grep -q "$regex" <<<"$errors"; then ok "$name"; else not_ok "$name: $status $errors"; fi
}
if refuse=$(helper refuse); then
	older "no clone3: what it takes is said" 435 38 'clone3(2).*Linux 5.3'
	older "nor into a control group" 435 7 'control group.*Linux 5.7'
	older "nor with a time namespace" 435 22 "kind of namespace.*--share.*'time'.*Linux 5.6"
	older "no open_tree" 428 38 'no open_tree(2).*Linux 5.2' --bind /tmp:/tmp
	older "no move_mount" 429 38 'no move_mount(2).*Linux 5.2'
	older "no fsopen" 430 38 'no fsopen(2).*Linux 5.2'
	older "no openat2" 437 38 'no openat2(2).*Linux 5.6'
	older "no mount_setattr" 442 38 'no mount_setattr(2).*Linux 5.12'
	older "no close_range" 436 38 'Linux 5.12'
else
	skip "kernels that are too old" "the helper can't be built"
fi
errors=$(unshare -m --propagation private sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "$tinyvmm" ctr run --rootfs "$root" -- true 2>&1)
matches "without /dev/net/tun: which module it takes is said" '^125 .*module tun .modprobe tun' "$? $errors"

# Of each status that is listed, in the help and in the manual, one way to it
listed=$("$tinyvmm" ctr run --help | sed -n '/^Exit status/,$s/^ *\([0-9][0-9]*\)  .*/\1/p')
[ ! -e docs/tinyvmm-ctr.1.scd ] ||
	same "the manual lists the same statuses" "$listed" "$(sed -n '/^# EXIT STATUS/,/^# FILES/s/^\*\([0-9]*\)\*$/\1/p' docs/tinyvmm-ctr.1.scd)"
for expected in $listed; do
	case $expected in
	2) plain --pids many -- true ;;
	124) plain --timeout 1 -- sleep 9 ;;
	125) plain --seccomp "$test_dir/none" -- true ;;
	126) plain -- /tmp ;;
	127) plain -- ./none ;;
	*) status="no way known to this test" ;;
	esac
	same "status $expected" "$expected" "$status"
done

# --- what the field learned ------------------------------------------------------------------------------------------------------------------------------

plain -- sh -c 'cat /proc/1/exe >/dev/null'
matches "PID 1's program can't be opened (CVE-2019-5736)" 'Permission denied' "$errors"
plain --cap-add SYS_PTRACE -- sh -c 'echo x >>/proc/1/exe'
matches "nor written to, even by who may trace it" 'Permission denied|busy|not permitted' "$errors"
ln -s /proc/self/exe "$root/bin/again"
plain -- /bin/again ctr run --rootfs / -- true
same "a command that is /proc/self/exe is not our program" 1 "$([ "$status" != 0 ] && echo 1)"
rm "$root/bin/again"
plain -- sh -c 'mkdir /sys/fs/cgroup/mine || mkdir /sys/fs/cgroup/*/mine'
matches "no control group can be made (CVE-2023-25809)" 'Read-only|denied|No such|not permitted' "$errors"
plain --workdir /proc/self/fd/8 -- pwd
matches "no working directory outside (CVE-2024-21626)" '125' "$status"
ln -s "$test_dir/shared" "$root/escape"
plain --bind "$root/etc:/escape" -- true
check "a bind's target that is a link stays inside (CVE-2021-30465)" test ! -e "$test_dir/shared/passwd"
rm "$root/escape"
mv "$root/proc" "$root/proc.real"
ln -s tmp "$root/proc"
fails "/proc that is a link is refused (CVE-2019-19921)" 125 '/proc.*link' --rootfs "$root" --net none -- true
rm "$root/proc"
mv "$root/proc.real" "$root/proc"

# shellcheck disable=SC2317 # called by name
sweeps() { plain -- true && [ -z "$(groups_of_killed)" ]; }
check "the next one takes a killed one's control groups away" wait_until 20 sweeps
same "nothing is left behind" "$before" "$(leftovers)"
exit "$test_status"

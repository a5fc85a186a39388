#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_exec.sh TINYVMM: `tinyvmm ctr exec` as root and as an ordinary user: the command and its ends, that it is confined as the container's own
# command is, and what it leaves. The user and his ids are made for the test, in files of its own that are mounted over /etc's.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="commands in containers: this takes root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh

# What somebody else may execute and read, wherever the checkout is
cp "$(command -v "${1:-$TINYVMM}")" "$test_dir/tinyvmm"
tinyvmm=$test_dir/tinyvmm
root=$test_dir/root
make_root "$root"
export XDG_STATE_HOME=$test_dir/state
# Of the hierarchies those that are there all the time: other tests mount some (net_cls, perf_event) for a moment
groups_of() { grep -E '^0:|cpu|memory|pids|blkio|devices|freezer' "/proc/$1/cgroup"; }
# All that a process can see of what it may do
cat >"$root/bin/facts" <<'EOF'
#!/bin/sh
grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Seccomp_filters|SigBlk|SigIgn|Umask):' /proc/self/status
cat /proc/self/oom_score_adj /proc/self/limits
env | grep -v -e '^_=' -e '^SHLVL=' | sort
for kind in cgroup ipc mnt net pid time user uts; do readlink "/proc/self/ns/$kind"; done
grep -E '^0:|cpu|memory|pids|blkio|devices|freezer' /proc/self/cgroup
cat /proc/self/uid_map
pwd
hostname
echo $(ls /proc/self/fd)
EOF
chmod 755 "$root/bin/facts"
# What a test that is given up leaves running
# shellcheck disable=SC2317 # called by name
remove_all() {
	local name
	for name in $("${as[@]}" "$tinyvmm" ctr list -q); do "${as[@]}" "$tinyvmm" ctr delete --force "$name"; done
}
at_end+=(remove_all)

# works ARG...: a verb that only prepares.
works() {
	verb "$@"
	[ "$status" = 0 ] || not_ok "tinyvmm ctr $*: $status: $errors"
}

# begin NAME ARG...: a container that runs, and has said so.
begin() {
	works create "$1" --rootfs "$root" "${@:2}"
	works start "$1"
	wait_until 20 is_up "$1"
}
# shellcheck disable=SC2317 # called by name
is_up() { "${as[@]}" "$tinyvmm" ctr logs "$1" | grep -q 'it runs'; }
# Control groups are the whole host's, and others may test there
box=exec-box-$$ strict=exec-strict-$$ open=exec-open-$$ alone=exec-alone-$$ names=exec-names-$$ old=exec-old-$$ image=exec-image-$$
host=exec-host-$$ pts=exec-pts-$$ one=exec-one-$$ range=exec-range-$$ own=exec-own-$$ mapped=exec-mapped-$$ rest=exec-rest-$$
up="facts; echo it runs; exec sleep 4721$$"

# gives_in NAME EXPECTED ARG...: what `exec` prints, and status 0.
gives_in() {
	verb exec "${@:3}"
	gave "$1" "$2"
}

# confined NAME CONTAINER: what a command sees there is what the container's own saw.
confined() {
	verb logs "$2"
	local its
	its=$(tr -d '\r' <<<"$output" | sed '/^it runs$/,$d')
	verb exec "$2" -- facts
	if [ -n "$its" ] && [ "$its" = "$output" ]; then
		ok "$1"
	else
		not_ok "$1"
		diff <(echo "$its") <(echo "$output$errors") | sed 's/^/# /'
	fi
}
pid_of() { sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$XDG_STATE_HOME/tinyvmm/ctr/$1/status.json"; }
# The host's number of the process that runs "sleep $1".
sleeper() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		# One may end while it is looked at
		[ "$(tr '\0' ' ' <"$file")" != "sleep $1 " ] || basename "${file%/cmdline}"
	done 2>/dev/null
}
# shellcheck disable=SC2317
sleeps() { [ -n "$(sleeper "$1")" ]; }
# shellcheck disable=SC2317
sleeps_no_more() { [ -z "$(sleeper "$1")" ]; }

# --- the command ------------------------------------------------------------------------------------------------------------------------

begin "$box" --net none --env FROM=its --hostname inside --workdir /tmp --rlimit nofile=100:200 --oom-score 300 -- sh -c "$up"
gives_in "output" "hello" "$box" -- echo hello
verb exec "$box" -- sh -c 'echo out; echo err >&2; exit 7'
same "status, and both outputs apart" "7 out err" "$status $output $errors"
verb exec "$box" -- sh -c 'kill -TERM $$'
same "a signal's status" 143 "$status"
head -c 100000 /dev/urandom >"$test_dir/in"
same "input, binary" "$(md5sum <"$test_dir/in")" "$("$tinyvmm" ctr exec "$box" -- cat <"$test_dir/in" | md5sum)"
gives_in "no arguments are lost" "a b|c|" "$box" -- sh -c 'printf "%s|" "$@"' x 'a b' c
gives_in "it is among the container's processes" 1 "$box" -- sh -c 'ps -o args | grep -c "^sleep 4721"'
gives_in "--env, and it replaces" "its more" "$box" --env MORE=more -- sh -c 'echo $FROM $MORE'
gives_in "--env replaces the container's" "mine" --env FROM=mine "$box" -- sh -c 'echo $FROM'
gives_in "--user by name, with its groups and home" "uid=1000(user) gid=1000(user) groups=5(tty) /var/user" "$box" --user user -- sh -c 'echo $(id) $HOME'
gives_in "--user by number" "uid=77 gid=5(tty)" "$box" --user 77:tty -- id
gives_in "--workdir" /var/user "$box" --workdir /var/user -- pwd
gives_in "a user has no capabilities" 0000000000000000 "$box" --user user -- sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
same "a user can open its own streams by name" yes "$("$tinyvmm" ctr exec --user 77 "$box" -- sh -c 'echo yes >/dev/stdout')"
"$tinyvmm" ctr exec "$box" -- sh -c 'trap "echo caught; exit 3" TERM; echo up; while :; do sleep 0.1; done' >"$test_dir/trap" </dev/null &
pid=$!
wait_until 20 grep -q up "$test_dir/trap"
kill -TERM "$pid"
wait "$pid"
same "a signal is handed on, and the status comes back" "3 caught" "$? $(tail -n 1 "$test_dir/trap")"
verb exec "$box" -- sh -c '(sleep 0.2 &)'
# shellcheck disable=SC2317
no_zombies() { [ "$("$tinyvmm" ctr exec "$box" -- sh -c 'grep -h "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l' </dev/null)" = 0 ]; }
check "what it leaves to itself is reaped" wait_until 5 no_zombies

# --- its confinement ------------------------------------------------------------------------------------------------------------------------

confined "as the container's own command" "$box"
"$tinyvmm" ctr exec "$box" -- sleep "4722$$" </dev/null &
pid=$!
wait_until 20 sleeps "4722$$"
same "its control groups are the container's" "$(groups_of "$(pid_of "$box")")" "$(groups_of "$(sleeper "4722$$")")"
same "it is root of the host with few capabilities" "$(grep ^Cap "/proc/$(sleeper "4721$$")/status")" "$(grep ^Cap "/proc/$(sleeper "4722$$")/status")"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
check "it ends with who called it" wait_until 10 sleeps_no_more "4722$$"
exec 9<"$test_dir"
gives_in "no descriptor but the three (CVE-2024-21626)" "0 1 2 3" "$box" -- sh -c 'echo $(ls /proc/self/fd)'
exec 9<&-
for n in 3 4 5 6 7 8 9 10 11 12 13; do
	verb exec --workdir "/proc/self/fd/$n" "$box" -- sh -c 'ls; pwd'
	echo "$status $output"
done >"$test_dir/workdirs"
same "no working directory by a descriptor (CVE-2024-21626)" "125 " "$(sort -u "$test_dir/workdirs")"
# What the container finds of those that join it: neither the program (CVE-2019-5736) nor its memory (CVE-2016-9962)
"$tinyvmm" ctr exec "$box" -- sh -c 'while :; do for p in /proc/[0-9]*; do
	readlink $p/exe; { true <$p/mem; } 2>/dev/null && [ $p != /proc/self ] && cat $p/comm; done; done' >"$test_dir/seen" 2>/dev/null </dev/null &
watcher=$!
sum=$(md5sum <"$tinyvmm")
wait_until 20 test -s "$test_dir/seen"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "$tinyvmm" ctr exec "$box" -- true </dev/null; done
kill "$watcher"
wait "$watcher" 2>/dev/null
same "the host's program is not to be seen inside" 0 "$(grep -c tinyvmm "$test_dir/seen")"
verb exec "$box" -- /proc/self/exe
same "what /proc/self/exe executes is the reaper" 125 "$status"
works exec "$box" -- sh -c 'echo "#!/proc/self/exe" >/tmp/x; chmod 755 /tmp/x'
verb exec "$box" -- /tmp/x
same "as a script's interpreter, too" 125 "$status"
same "and the program is as it was" "$sum" "$(md5sum <"$tinyvmm")"

begin "$strict" --net none --cap-drop ALL --cap-add CHOWN --cap-ambient NET_BIND_SERVICE --user user --read-only --pids 20 --memory 24M --swap 0 -- sh -c "$up"
confined "fewer capabilities, another user, ambient ones" "$strict"
verb exec --user 0 "$strict" -- sh -c 'touch /x'
matches "read-only" 'Read-only' "$errors"
verb exec "$strict" -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1 & done'
matches "--pids holds" "can't fork" "$errors"
verb exec "$strict" -- tail -c 60000000 /dev/zero
same "--memory holds: status" 137 "$status"
matches "--memory holds: it is said" 'out of memory' "$errors"
works delete --force "$strict"
begin "$open" --net none --no-new-privs off --seccomp off -- sh -c "$up"
confined "without a filter" "$open"
works delete --force "$open"
begin "$alone" --net none --init off -- sh -c "$up"
confined "without a PID 1 of ours" "$alone"
works delete --force "$alone"
verb create "$names" --log-level error --isolation namespaces --rootfs "$root" --net none -- sh -c "$up"
works start "$names"
wait_until 20 is_up "$names"
confined "--isolation namespaces" "$names"
works delete --force "$names"
verb create "$old" --log-level error --isolation chroot --rootfs "$root" -- sleep "4723$$"
works start "$old"
wait_until 20 sleeps "4723$$"
gives_in "--isolation chroot" "busybox bin dev etc proc root sbin sys tmp var" "$old" -- sh -c 'echo $(readlink /bin/sh) $(cd /; echo *)'
works delete --force "$old"
# What an image says of the environment, and the container's root has forgotten
mkdir -p "$test_dir/image"
tar -C "$root" -cf "$test_dir/image/layer.tar" .
layer=$(sha256sum <"$test_dir/image/layer.tar" | cut -d' ' -f1)
mv "$test_dir/image/layer.tar" "$test_dir/image/$layer.tar"
printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin:/image","FROM=image"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
	"$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" "$layer" >"$test_dir/image/$layer.json"
printf '[{"Config":"%s.json","RepoTags":["x:1"],"Layers":["%s.tar"]}]' "$layer" "$layer" >"$test_dir/image/manifest.json"
tar -C "$test_dir/image" -cf "$test_dir/image.tar" "$layer.json" "$layer.tar" manifest.json
works create "$image" --image "$test_dir/image.tar" --net none -- sh -c "$up"
works start "$image"
wait_until 20 is_up "$image"
confined "an image's environment" "$image"
gives_in "an image's environment is there" "/bin:/image image" "$image" -- sh -c 'echo $PATH $FROM'
works delete --force "$image"
begin "$host" --share pid=host --share uts=host --net host -- sh -c "$up"
confined "namespaces of the host's" "$host"
"$tinyvmm" ctr exec "$host" -- sleep "4724$$" </dev/null &
pid=$!
wait_until 20 sleeps "4724$$"
works stop "$host" --timeout 0
wait "$pid"
same "with the host's processes around it, it still ends with the container" 137 $?
works delete "$host"

# --- ends -------------------------------------------------------------------------------------------------------------------------------------

refuses "no such command" 127 'nonesuch.*not found' exec "$box" -- nonesuch
refuses "not executable" 126 'passwd.*permission' exec "$box" -- /etc/passwd
refuses "no such user" 125 '--user nobody.*no such user' exec "$box" --user nobody -- true
refuses "no such directory" 125 '--workdir /none: No such' exec "$box" --workdir /none -- true
refuses "a relative directory" 2 'not an absolute path' exec "$box" --workdir tmp -- true
refuses "no command" 2 'no command' exec "$box"
refuses "no name" 2 'a word is missing' exec -- true
refuses "two names" 2 'one word too many' exec "$box" box -- true
refuses "an unknown option" 2 'did you mean --workdir' exec "$box" --workdr / -- true
refuses "an unknown option that is near none: no more than that" 2 'lists them;' exec "$box" --quux -- true
refuses "an unknown container" 1 'none of this name' exec nobody -- true
works create "$rest" --rootfs "$root" -- true
refuses "one that does not run" 1 'does not run' exec "$rest" -- true
works delete "$rest"
verb exec --help
matches "--help" '^0 .*--workdir.*--terminal' "$status $(tr '\n' ' ' <<<"$output")"
works pause "$box"
refuses "a paused one" 1 'is paused' exec "$box" -- true
works resume "$box"
gives_in "and when it goes on" on "$box" -- echo on

# frozen_meanwhile NAME CONTAINER: it is paused once exec has seen that it is not.
frozen_meanwhile() {
	works resume "$2"
	before=$(find /sys/fs/cgroup -path "*/tinyvmm/$2/cgroup.procs" -exec cat {} + | sort -u)
	status=0
	timeout -k 1 20 "$at_clone" "$tinyvmm ctr pause $2" "$tinyvmm" ctr exec "$2" -- true </dev/null >"$test_dir/stdout" 2>"$test_dir/stderr" || status=$?
	matches "$1" '^1 .*is paused' "$status $(cat "$test_dir/stderr")"
	same "$1: nothing of it stays there" "$before" "$(find /sys/fs/cgroup -path "*/tinyvmm/$2/cgroup.procs" -exec cat {} + | sort -u)"
	works resume "$2"
	gives_in "$1: and when it goes on" on "$2" -- echo on
}
if at_clone=$(helper at_clone); then
	frozen_meanwhile "one that is paused while exec begins" "$box"
else
	skip "one that is paused while exec begins" "its helper can't be built"
fi
"$tinyvmm" ctr exec "$box" -- sleep "4725$$" </dev/null &
pid=$!
wait_until 20 sleeps "4725$$"
works stop "$box" --timeout 0
wait "$pid"
same "the container ends, and it with it" 137 $?

# --- terminals ------------------------------------------------------------------------------------------------------------------------------

works start "$box"
wait_until 20 is_up "$box"
# on_pty ARG...: on a pseudo-terminal of 33 rows; $output is what that showed.
on_pty() {
	local command
	printf -v command '%q ' "$tinyvmm" ctr exec "$@"
	status=0
	script -qec "stty rows 33 cols 99; stty -a >'$test_dir/raw.1'; $command; status=\$?; stty -a >'$test_dir/raw.2'; exit \$status" /dev/null \
		</dev/null >"$test_dir/shown" || status=$?
	output=$(tr -d '\0\r' <"$test_dir/shown" | sed 's/\^@//g')
}
if command -v script >/dev/null && command -v stty >/dev/null; then
	on_pty "$box" -- sh -c 'tty; stty size; exit 6'
	matches "a terminal of its own, of the caller's size" $'^6 /dev/pts/[0-9]+\n33 99' "$status $output"
	same "the caller's is as it was" "$(cat "$test_dir/raw.1")" "$(cat "$test_dir/raw.2")"
	on_pty "$box" --user 77 -- sh -c 'echo mine >/dev/tty; stat -c %u $(tty)'
	same "a terminal: the user's" $'mine\n77' "$output"
	on_pty "$box" --workdir /none -- true
	matches "a terminal: what goes wrong is said on the caller's" '--workdir /none' "$output"
	same "a terminal: and that is as it was" "$(cat "$test_dir/raw.1")" "$(cat "$test_dir/raw.2")"
	on_pty "$box" --terminal off -- sh -c 'test -c /dev/pts/0 && tty || echo none'
	matches "--terminal off" 'not a tty|none' "$output"
else
	skip "a terminal of its own" "script or stty is not installed"
fi
gives_in "--terminal on, without one" /dev/pts/ "$box" --terminal on -- sh -c 'tty | tr -d "0-9\n"'
matches "--terminal on: input that ends" "got x" "$(echo x | timeout 20 "$tinyvmm" ctr exec --terminal on "$box" -- sh -c 'cat | sed "s/^/got /"' | tr -d '\r')"
works delete --force "$box"
begin "$pts" --net none --cap-add SYS_ADMIN -- sh -c 'mount -t tmpfs x /dev/pts && mkfifo /dev/pts/ptmx; echo it runs; sleep 4721'
refuses "a /dev/pts that is none (CVE-2025-52565)" 125 "terminal can't be made" exec "$pts" --terminal on -- true
works delete --force "$pts"

# --- an ordinary user --------------------------------------------------------------------------------------------------------------------------

make_user 54321
: >"$test_dir/subuid"
mkdir "$test_dir/home"
chown "$uid:$uid" "$test_dir/home"
rooted=$XDG_STATE_HOME
export XDG_STATE_HOME=$test_dir/home/state
as=(setpriv --reuid "$uid" --regid "$uid" --clear-groups env "HOME=$test_dir/home" "XDG_CACHE_HOME=$test_dir/home" "XDG_STATE_HOME=$XDG_STATE_HOME")

begin "$one" --net none --env FROM=one --oom-score 400 --rlimit nofile=100 -- sh -c "$up"
confined "one id: as the container's own command" "$one"
gives_in "one id: root is the user" "uid=0(root) gid=0(root) one" "$one" -- sh -c 'echo $(id) $FROM'
refuses "one id: there is no other user" 125 'subordinate ids' exec "$one" --user user -- true
gives_in "one id: a terminal" /dev/pts/ "$one" --terminal on -- sh -c 'tty | tr -d "0-9\n"'
verb exec "$one" -- sh -c 'kill -TERM $$'
same "one id: a signal's status" 143 "$status"
works delete --force "$one"
[ "$(hostname)" != outer ] || chmod u+s "$(command -v newuidmap)" "$(command -v newgidmap)"
if [ -u "$(command -v newuidmap)" ]; then
	echo "ctruser:300000:65536" >"$test_dir/subuid"
	echo "ctruser:300000:65536" >"$test_dir/subgid"
	begin "$range" --net none -- sh -c "$up"
	confined "a range: as the container's own command" "$range"
	: >"$test_dir/subuid"
	gives_in "a range: another user, whatever the files say by now" "uid=1000(user) gid=1000(user) groups=5(tty)" "$range" --user user -- id
	refuses "a range: nobody beyond it" 125 'no such id' exec "$range" --user 70000 -- true
	works delete --force "$range"
else
	skip "a range" "newuidmap (package uidmap) is not installed, or not setuid"
fi
# A control group of his own, as systemd delegates it, and another place, from which it can't be joined
v2=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts | head -n 1)
place=$v2$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.procs
# shellcheck disable=SC2317 # called by name
leave_group() {
	echo $$ >"$place"
	find "$v2/exec-$$" -depth -type d -exec rmdir {} + 2>/dev/null
}
if [ -n "$v2" ] && mkdir -p "$v2/exec-$$/leaf" 2>/dev/null; then
	at_end+=(leave_group)
	chown -R "$uid" "$v2/exec-$$"
	echo $$ >"$v2/exec-$$/leaf/cgroup.procs"
	begin "$own" --net none -- sh -c "$up"
	"${as[@]}" "$tinyvmm" ctr exec "$own" -- sleep "4727$$" </dev/null &
	pid=$!
	wait_until 20 sleeps "4727$$"
	same "a group of his own: it is there" "0::/exec-$$/tinyvmm/$own" "$(grep ^0:: "/proc/$(sleeper "4727$$")/cgroup")"
	verb pause "$own"
	refuses "a group of his own: a paused one" 1 'is paused' exec "$own" -- true
	verb resume "$own"
	echo $$ >"$place"
	refuses "from elsewhere nothing runs beside its limits" 125 "can't be joined from here" exec "$own" -- true
	echo $$ >"$v2/exec-$$/leaf/cgroup.procs"
	works delete --force "$own"
	wait "$pid"
	same "a group of his own: it ends with the container" 137 $?
	leave_group
else
	skip "a control group of the user's own" "there is no version 2 of control groups to make one in"
fi
as=()
export XDG_STATE_HOME=$rooted
echo "root:1000000:65536" >"$test_dir/subuid"
echo "root:1000000:65536" >"$test_dir/subgid"
begin "$mapped" --net none --userns --keep --rlimit nofile=100 -- sh -c "$up"
confined "root's --userns" "$mapped"
"$tinyvmm" ctr exec "$mapped" -- sleep "4726$$" </dev/null &
pid=$!
wait_until 20 sleeps "4726$$"
same "root's --userns: whose it is outside" 1000000 "$(stat -c %u "/proc/$(sleeper "4726$$")")"
works stop "$mapped" --timeout 0
wait "$pid"
same "root's --userns: it ends with the container" 137 $?
works delete "$mapped"

# Version 1 ends nothing that is frozen
if [ -d /sys/fs/cgroup/freezer ] && [ -n "$at_clone" ]; then
	! mountpoint -q "$v2" || umount -l "$v2"
	begin "$box" --net none -- sh -c "$up"
	frozen_meanwhile "paused while exec begins, by version 1's freezer" "$box"
	works delete --force "$box"
fi

same "no control group is left behind" "" "$(find /sys/fs/cgroup -path '*/tinyvmm/*' -name "exec-*-$$")"
same "nothing else is" 0 "$(grep -c "$test_dir/state" /proc/mounts)"
check "no process of theirs is" sleeps_no_more "4721$$"
exit "$test_status"

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the container tests: a small root to run in, and what a run gave. They run on this machine as they run in a guest of the nested tests;
# the one has control groups of version 1, the other of version 2.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"
# Where it is not installed it is fetched, while there is a network
export BUSYBOX="${BUSYBOX:-$(busybox_static "$here/../../demo")}"
# A script that sets own_mounts, to what is skipped without root and why, is begun again in a mount namespace of its own; with own_network=-n in
# one for the network, too.
if [ "${1:-}" = --inside ]; then
	shift
elif [ -n "${own_mounts:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "skip $own_mounts" && exit; }
	exec unshare -m ${own_network:+"$own_network"} --propagation private bash "$0" --inside "$@"
fi
# shellcheck source=tests/lib.sh
. "$here/../lib.sh"

# Where no helper loads a kernel's modules when they are first asked for
modprobe -q -a overlay loop tun fuse 2>/dev/null

# make_root DIR: a root file system of one static busybox.
make_root() {
	local root=$1 applet
	mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,tmp,root,var/user}
	cp "$BUSYBOX" "$root/bin/busybox"
	for applet in $("$root/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/var/user:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\ntty:x:5:user\nuser:x:1000:\n' >"$root/etc/group"
	chmod 755 "$test_dir" "$root"
}

# own_etc FILE...: files of /etc become ours to change: copies, in $test_dir, are mounted over them; so own_mounts is set.
own_etc() {
	local file
	for file; do
		cp "/etc/$file" "$test_dir/$file" 2>/dev/null || : >"$test_dir/$file"
		[ -e "/etc/$file" ] || : >"/etc/$file"
		mount --bind "$test_dir/$file" "/etc/$file"
	done
}

# root_range: subordinate ids for root, and nobody else.
root_range() { echo "root:1000000:65536" | tee "$test_dir/subuid" >"$test_dir/subgid"; }

# make_user UID: an ordinary user, ctruser, with the number $uid. Goes to $test_dir: where we are may be closed to others, as /root is.
make_user() {
	uid=$1
	cd "$test_dir" || exit 1
	own_etc passwd group subuid subgid
	echo "ctruser:x:$uid:$uid::$test_dir:/bin/sh" >>"$test_dir/passwd"
	echo "ctruser:x:$uid:" >>"$test_dir/group"
}

# helper NAME: the path of a program that comes with these tests: one that make built, or one that is compiled now.
helper() {
	local source=$here/$1.c built=${BUILD:-$here/../../build/$(uname -m)}/tests/ctr/$1
	if [ -x "$built" ] && ! [ "$source" -nt "$built" ]; then
		echo "$built"
	elif ! command -v "$1"; then
		cc -std=gnu11 -D_GNU_SOURCE -O2 -static -s -o "$test_dir/$1" "$source" >&2 && echo "$test_dir/$1"
	fi
}

# take_loop FILE: a loop device of that file; prints its path. Others may take the free one first.
take_loop() {
	local loop _
	: 2>/dev/null 3<>/dev/loop-control || return 1
	for _ in 1 2 3 4 5 6 7 8 9; do
		loop=$(losetup -f) && losetup "$loop" "$1" 2>/dev/null && echo "$loop" && return
	done
	return 1
}

# sh -c "$noted" FILE COMMAND...: a tinyvmm whose number, which its control group has in its name, is written down.
# shellcheck disable=SC2016 # expansions are the shell's that runs it
noted='echo $$ >>"$0"; exec "$@"'

# capture COMMAND...: $status, $output and $errors are what it gave; in subshells that run at once, too.
capture() {
	local own=''
	[ "$BASHPID" = $$ ] || own=.$BASHPID
	status=0
	"$@" >"$test_dir/stdout$own" 2>"$test_dir/stderr$own" || status=$?
	output=$(tr -d '\0' <"$test_dir/stdout$own")
	errors=$(tr -d '\0' <"$test_dir/stderr$own")
}

# ctr ARG...: captures a container that runs to its end. Standard input is ours.
# shellcheck disable=SC2154 # tinyvmm: the script's own
ctr() { capture timeout -k 5 100 sh -c "$noted" "$test_dir/pids" "$tinyvmm" ctr run "$@"; }

# plain ARG...: the same in the usual root and without a network, which most tests don't need.
plain() { ctr --rootfs "$root" --net none "$@"; }

# gave NAME EXPECTED: what was captured has this output, and status 0.
gave() {
	if [ "$status" = 0 ]; then
		same "$1" "$2" "$output"
	else
		not_ok "$1"
		printf '# status %s: %s\n' "$status" "$errors"
	fi
}

# gives NAME EXPECTED ARG...: a plain run does.
gives() {
	plain "${@:3}"
	gave "$1" "$2"
}

# failed NAME STATUS REGEX [grep's OPTION]: what was captured has this status, and says something of the kind.
failed() {
	if [ "$status" = "$2" ] && grep -Eq ${4:+"$4"} -- "$3" <<<"$errors"; then
		ok "$1"
	else
		not_ok "$1"
		printf '# status %s, not %s; looked for /%s/ in: %s\n' "$status" "$2" "$3" "$errors"
	fi
}

# fails NAME STATUS REGEX ARG...: a run does.
fails() {
	ctr "${@:4}"
	failed "$1" "$2" "$3" -i
}

# verb VERB ARG...: captures any verb, by ${as[@]}, without input, within $verb_seconds.
as=()
verb() { capture "${as[@]}" timeout -k 5 "${verb_seconds:-60}" "$tinyvmm" ctr "$@" </dev/null; }
# refuses NAME STATUS REGEX VERB ARG...
refuses() {
	verb "${@:4}"
	failed "${round:+$round: }$1" "$2" "$3" -i
}

# Command lines of processes that run containers of this test's.
our_processes() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		# One may end while it is looked at
		tr '\0' ' ' <"$file" | grep -a "ctr run .*$root" | sed "s|^|${file//[^0-9]/}: |"
	done 2>/dev/null
}
no_processes() { [ -z "$(our_processes)" ]; }

# Control groups that are left of the containers whose numbers stand in $test_dir/pids: other tests, which run beside this one, have some, and may
# leave them for a while.
dead_groups() {
	local group
	while read -r group; do
		if [ ! -d "/proc/${group##*/ctr-}" ] && grep -qx "${group##*/ctr-}" "$test_dir/pids" 2>/dev/null; then
			echo "$group"
		fi
	done < <(find /sys/fs/cgroup -type d -name 'ctr-*' 2>/dev/null)
}

# What this test's containers may leave behind.
leftovers() {
	# Whoever was killed is gone a moment later
	wait_until 5 no_processes || our_processes
	dead_groups
	echo "$(grep -c "$test_dir" /proc/mounts) mounts, $(losetup -a 2>/dev/null | grep -c "$test_dir") loop devices"
}
